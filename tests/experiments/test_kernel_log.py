"""Answers over the catalogue are kept: a run that was ended goes on where it was, and other code needs new answers."""

from dataclasses import replace
from pathlib import Path

from experiments import hunts, kernel_log, verdict_files
from experiments.kernel_log import ROOT, Log, digest, files_of_kernel, reached
from refcompress.testing import catalogue
from refcompress.testing.catalogue import KERNELS

KERNEL = next(k for k in KERNELS if k.op == "csr_to_dense" and k.wrong)


def _log(path: Path, text: str = "x = 1", name: str = "a.py") -> Log:
    other = path.with_name(name)
    other.write_text(text)
    kernel_log._of_file.cache_clear()  # which holds what was imported, and that does not change in a run
    return Log(path, [KERNEL], lambda kernel: [other])


def test_an_answer_that_was_kept_counts_again(tmp_path, monkeypatch):
    monkeypatch.setattr(kernel_log, "ROOT", tmp_path)
    log = _log(tmp_path / "log")
    assert log.answer(KERNEL) is None
    log.add(KERNEL, {"said": "found"})
    with log.path.open("a") as file:
        file.write('{"op": "csr_')  # the run was ended here
    assert _log(log.path).answer(KERNEL) == {"said": "found"}
    log.remove()
    assert _log(log.path).answer(KERNEL) is None


def test_an_answer_by_other_code_does_not_count_and_one_by_other_comments_does(tmp_path, monkeypatch):
    monkeypatch.setattr(kernel_log, "ROOT", tmp_path)
    _log(tmp_path / "log", 'def f():\n    "one"\n    return 1\n').add(KERNEL, {"said": "found"})
    assert _log(tmp_path / "log", 'def f():\n    """Two."""\n\n    return 1  # here\n').answer(KERNEL)
    assert _log(tmp_path / "log", "def f():\n    return 2\n").answer(KERNEL) is None
    _log(tmp_path / "log", "/* one */", name="a.c").add(KERNEL, {"said": "found"})
    assert _log(tmp_path / "log", "/* one */", name="a.c").answer(KERNEL)
    assert _log(tmp_path / "log", "/* one */", name="b.c").answer(KERNEL) is None  # another file
    assert _log(tmp_path / "log", "/* two */", name="a.c").answer(KERNEL) is None  # of C the whole text counts


def test_files_that_a_file_imports_are_found_wherever_the_import_stands(tmp_path, monkeypatch):
    monkeypatch.setattr(kernel_log, "ROOT", tmp_path)
    for name, text in (("p/__init__.py", "from .a import *"), ("p/a.py", "import numpy\nfrom . import b"),
                       ("p/b.py", "def f():\n    from .q.c import x"), ("p/q/c.py", "import p.d"), ("p/d.py", ""),
                       ("p/alone.py", "")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = reached([tmp_path / "p/__init__.py"])
    assert {path.name for path in found} == {"__init__.py", "a.py", "b.py", "c.py", "d.py"}
    assert reached([tmp_path / "p/a.py"], but=frozenset({tmp_path / "p/b.py"})) == {tmp_path / "p/a.py"}


def test_a_kernel_depends_on_its_file_and_on_those_it_imports_from():
    kernel = next(k for k in KERNELS if k.function.__module__.endswith("catalogue.nn.depthwise"))
    names = {path.relative_to(ROOT / "refcompress/testing").as_posix() for path in files_of_kernel(kernel)
             if "testing" in path.parts}
    assert names >= {"catalogue/nn/depthwise.py", "catalogue/nn/windows.py", "sums.py"}
    assert "catalogue/nn/rows.py" not in names
    every = set(Path(catalogue.__file__).parent.rglob("*.py"))
    assert files_of_kernel(replace(kernel, function=print)) >= every  # of a function from elsewhere: all files


def test_an_answer_of_the_verdict_depends_on_the_edges_of_its_operation_alone(monkeypatch):
    before = digest(verdict_files.files_of(KERNEL))
    paths = verdict_files._edges_of(KERNEL.op)
    assert {path.name for path in paths} >= {"matrices.py", "lengths.py"}
    assert not any(path.name == "nn.py" for path in paths)
    monkeypatch.setattr(verdict_files, "_edges_of", lambda op: frozenset(list(paths)[1:]))
    assert digest(verdict_files.files_of(KERNEL)) != before


def test_an_answer_of_a_hunt_depends_on_what_throws_and_judges_and_not_on_commands_or_c():
    kernel = hunts.kernels()[0]
    names = {path.relative_to(ROOT).as_posix() for path in hunts.files_of(kernel)}
    assert names >= {"experiments/hunts.py", "refcompress/labs/hunts/plain.py", "refcompress/testing/judge.py",
                     "refcompress/agreement/exact.py", "refcompress/reference/huffman/lengths.py"}
    rooms = {name.split("/")[1] for name in names if name.startswith("refcompress/")}
    assert not rooms & {"cli", "native", "checkpoints", "graph", "training"}
    assert "experiments/hunts_page.py" not in names

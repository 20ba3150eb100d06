"""The site: what its pages are made of is there, without a build. ``make docs`` builds it, and checks the links."""

import importlib.util
import re
from pathlib import Path

import pytest
from implementations import native, needs_native

from refcompress.ops import OPS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
TEXTS = sorted([*(DOCS / "lessons").glob("*.md"), *(DOCS / "howto").glob("*.md")])
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```", re.M | re.S)
FORMS = {"ONE": {"portable"}, "TWO": {"portable", "avx512"}, "THREE": {"portable", "avx2", "avx512"}}


def loaded(path: str):
    """Return a module of docs, which is no package."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, DOCS / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FACTS = loaded("extensions/operation_facts.py")
PAGES = loaded("check_pages.py")


@pytest.mark.parametrize("name", OPS)
def test_the_page_of_an_operation_has_all_its_parts(name):
    facts = FACTS.facts(name)
    code = (ROOT / facts.reference).read_text().splitlines()
    (head, before_docstring), (after_docstring, end) = facts.body
    assert code[head - 1].startswith(f"def {name}(") and '"""' not in "".join(code[head - 1:before_docstring])
    assert after_docstring <= end and code[end - 1].strip()
    assert facts.signature.startswith(f"{name}(") and "numpy" not in facts.signature
    assert facts.summary.endswith(".") or facts.summary.endswith(":")
    assert f"## {facts.section[0]}:" in (ROOT / "spec" / f"{facts.section[1]}.md").read_text()
    assert facts.bugs
    for path in [*facts.c.values(), *facts.includes, *(p for files in facts.parts.values() for p in files.values())]:
        assert (ROOT / path).is_file()


def test_the_c_files_of_an_operation_are_those_of_its_instruction_sets():
    declared = re.findall(r"^    (ONE|TWO|THREE)\((\w+)\)", (ROOT / "csrc" / "kernels.h").read_text(), re.M)
    assert len(declared) > 90
    for forms, name in declared:
        files = FACTS.kernel_files(name)
        assert set(files) == FORMS[forms], name
        for isa, path in files.items():
            other = {"portable", "avx2", "avx512"} - {isa}
            assert not any(word in path.rpartition("/")[2] for word in other), (name, isa, path)
            assert f"rc_{name}_{isa}" in (ROOT / path).read_text()


@needs_native
def test_what_has_one_form_is_measured_once_and_what_has_three_three_times():
    spaces = loaded("classroom/forms.py").spaces
    every = [space.__name__.removeprefix("native.") for space in native.available()]
    two = [name for name in every if name != "avx2"]  # AVX2 uses the portable form
    for names, expected in ((("huffman_lengths",), ["C"]), (("rangecoder_decode", "rangecoder_decode"), ["C"]),
                            (("share_kmeans",), two),
                            (("rangecoder_decode", "rangecoder_decode_rows"), every), (("huffman_encode",), every),
                            (("quantize_awq",), every), (("lowrank_matmul",), every)):
        assert list(spaces(*names)) == expected, names


def test_every_lesson_and_every_guide_is_in_its_index():
    for folder in ("lessons", "howto"):
        index = (DOCS / folder / "index.md").read_text()
        listed = set(" ".join(re.findall(r"```\{toctree\}\n(.*?)```", index, re.S)).split())
        assert {path.stem for path in (DOCS / folder).glob("*.md")} - {"index"} <= listed


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_each_picture_of_a_text_has_an_alternative_text(path):
    for cell in CELL.findall(path.read_text()):
        if re.search(r"\bpicture\(", cell):
            assert re.search(r'alt: ["\'|>].{20,}', cell, re.S) or re.search(r"alt: \w.{20,}", cell), cell[:300]


def test_each_picture_of_the_gallery_has_an_alternative_text():
    files = sorted((DOCS / "gallery").glob("plot_*.py"))
    assert len(files) >= 8
    for path in files:
        text = path.read_text()
        assert len(re.findall(r"\bpicture\(", text)) == len(re.findall(r"\.set_label\(\s*f?\"", text)), path.name


@pytest.mark.parametrize("body, fault", [
    ('<a href="gone.html">x</a>', "gone.html is not there"),
    ('<a href="other.html#nowhere">x</a>', "other.html#nowhere has no such anchor"),
    ('<a href="#nowhere">x</a>', "#nowhere has no such anchor"),
    ('<img src="other.html" alt="">', "has no alternative text"),
    ('<img src="https://example.org/x.png" alt="x">', "from a network"),
    ('<script src="https://example.org/x.js"></script>', "from a network"),
    ('<link rel="stylesheet" href="https://example.org/x.css">', "from a network"),
])
def test_the_check_of_the_pages_finds_a_fault(tmp_path, body, fault):
    (tmp_path / "other.html").write_text('<p id="here">x</p>')
    (tmp_path / "index.html").write_text(f'<p>{body}<a href="other.html#here">x</a>')
    found = PAGES.faults(tmp_path)
    assert len(found) == 1 and fault in found[0]


def test_the_check_of_the_pages_passes_what_is_right(tmp_path):
    (tmp_path / "index.html").write_text('<p id="a b"><a href="#a%20b">x</a><a href="https://example.org">x</a>')
    assert PAGES.faults(tmp_path) == []
    assert PAGES.faults(tmp_path / "none") != []

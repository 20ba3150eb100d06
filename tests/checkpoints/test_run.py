"""Runs: the same bytes whoever works, wherever a run was killed; and rows that say what happened."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from checkpoint_examples import model, normal, saved
from implementations import native, needs_native

from refcompress import ArgumentTypeError, RefcompressError, checkpoints, reference
from refcompress.checkpoints import Recipe, Rule, run, work

RECIPE = Recipe((Rule("conv*", "share", {"bits": 3}), Rule("layer.0.weight", "nm")), preset="int8")


class Client:
    """What a client of Dask has of an executor: submit, and futures with result and cancel."""

    class Future:
        def __init__(self, value):
            self.value = value

        def result(self):
            return self.value

        def cancel(self):
            pass

    def submit(self, function, item):
        return self.Future(function(item))


def test_the_bytes_are_the_same_in_process_from_threads_processes_and_a_client(tmp_path):
    source = saved(tmp_path, model())
    found = {}
    for name in ("here", "threads", "processes", "client"):
        target, more = tmp_path / f"{name}.rcz", {}
        if name == "threads":
            more = {"executor": ThreadPoolExecutor(3)}
        elif name == "processes":
            more = {"jobs": 2}
        elif name == "client":
            more = {"executor": Client()}
        result = checkpoints.compress(source, RECIPE, target=target, **more)
        found[name] = target.read_bytes(), str(result.table())
        if "executor" in more and hasattr(more["executor"], "shutdown"):
            more["executor"].shutdown()
    assert len(set(found.values())) == 1
    assert not [path for path in os.listdir(tmp_path) if path.endswith(".parts")]


@needs_native
@pytest.mark.parametrize("recipe", [Recipe(preset="int8"), Recipe(preset="int4"), Recipe(preset="lossless"),
                                    Recipe((Rule("*", "csr", {"sparsity": 0.4}),), scope="global")], ids=str)
def test_the_reference_and_native_make_the_same_bytes(tmp_path, recipe):
    source = saved(tmp_path, model())
    for name, implementation in (("a", reference), ("b", native)):
        checkpoints.compress(source, recipe, target=tmp_path / name, implementation=implementation)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("after, more", [(0, {}), (5, {}), (5, {"executor": Client()})])
def test_a_run_that_was_killed_goes_on_from_its_parts_and_ends_with_the_same_bytes(tmp_path, monkeypatch, after, more):
    source = saved(tmp_path, model())
    whole = checkpoints.compress(source, RECIPE, target=tmp_path / "whole.rcz").table()
    done = []
    original = work.encoded

    def killed(tensor, item, implementation):
        if len(done) == after:
            raise KeyboardInterrupt
        done.append(tensor.name)
        return original(tensor, item, implementation)

    target = tmp_path / "out.rcz"
    monkeypatch.setattr(work, "encoded", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.compress(source, RECIPE, target=target)
    assert not target.exists() and sorted(os.listdir(f"{target}.parts")) == ["whole.log", "whole.tmp"]
    first, after = list(done), None
    done.clear()
    result = checkpoints.compress(source, RECIPE, target=target, **more)
    assert target.read_bytes() == (tmp_path / "whole.rcz").read_bytes() and result.table() == whole
    assert not set(first) & set(done) and not os.path.exists(f"{target}.parts")


@pytest.mark.parametrize("harm", ["cut", "changed", "another recipe", "garbage"])
def test_a_part_that_is_not_whole_or_of_another_run_is_made_again(tmp_path, monkeypatch, harm):
    source, target = saved(tmp_path, {"a.weight": normal(8, 8), "b.weight": normal(8, 9)}), tmp_path / "out.rcz"
    checkpoints.compress(source, "int8", target=tmp_path / "whole.rcz")
    monkeypatch.setattr(run.parts, "remove", lambda folder: None)
    checkpoints.compress(source, "int4" if harm == "another recipe" else "int8", target=target, executor=Client())
    part = Path(f"{target}.parts/000001.part")
    data = part.read_bytes()
    part.write_bytes({"cut": data[:-1], "changed": data[:-40] + bytes([data[-40] ^ 1]) + data[-39:],
                      "another recipe": data, "garbage": b"garbage"}[harm])
    for more in ({"executor": Client()}, {}):
        checkpoints.compress(source, "int8", target=target, **more)
        assert target.read_bytes() == (tmp_path / "whole.rcz").read_bytes()


@pytest.mark.parametrize("kept", [0, 1, 2])
@pytest.mark.parametrize("harm", ["nothing", "a record cut", "a record changed", "the entry cut", "the entry changed",
                                  "another recipe", "no log", "garbage"])
def test_of_a_file_that_grew_all_entries_before_the_first_harm_are_taken(tmp_path, monkeypatch, harm, kept):
    a = normal(80, 80)
    arrays = {"a.weight": a, "b.weight": normal(8, 9), "tied.weight": a, "c.weight": normal(9, 9)}
    source, target = saved(tmp_path, arrays), tmp_path / "out.rcz"
    checkpoints.compress(source, "int8", target=tmp_path / "whole.rcz")
    folder, ends = Path(f"{target}.parts"), []
    real = run.Growing.add

    def add(self, name, *rest):
        real(self, name, *rest)
        ends.append((os.path.getsize(folder / "whole.log"), os.path.getsize(folder / "whole.tmp")))

    def stopped(self, metadata):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(run.Growing, "add", add)
        patched.setattr(run.Growing, "finish", stopped)
        with pytest.raises(KeyboardInterrupt):
            checkpoints.compress(source, "int4" if harm == "another recipe" else "int8", target=target)
    log, whole = folder / "whole.log", folder / "whole.tmp"
    record, entry = log.read_bytes(), whole.read_bytes()
    if harm == "a record cut":
        log.write_bytes(record[: ends[kept][0] - 1])
    elif harm == "a record changed":
        log.write_bytes(flipped(record, ends[kept][0] - 70))
    elif harm == "the entry cut":
        whole.write_bytes(entry[: ends[kept][1] - 1])
    elif harm == "the entry changed":
        whole.write_bytes(flipped(entry, ends[kept][1] - 1))
    elif harm == "no log":
        log.unlink()
    elif harm == "garbage":
        log.write_bytes(b"garbage")
    made = []
    original = work.encoded
    monkeypatch.setattr(work, "encoded", lambda tensor, *rest: made.append(tensor.name) or original(tensor, *rest))
    checkpoints.compress(source, "int8", target=target)
    assert target.read_bytes() == (tmp_path / "whole.rcz").read_bytes()
    left = {"nothing": 3, "another recipe": 0, "no log": 0, "garbage": 0}.get(harm, kept)
    assert made == ["a.weight", "b.weight", "c.weight"][left:]
    assert sorted(os.listdir(tmp_path)) == ["model.safetensors", "out.rcz", "whole.rcz"]


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize("type", ["complex128", "longdouble"])
def test_numbers_wider_than_any_entry_are_refused_by_their_tensor_before_the_work(tmp_path, type):
    arrays = {"a.weight": normal(8, 8), "b": np.ones(3, type)}
    for make in (checkpoints.plan, checkpoints.compress):
        with pytest.raises(RefcompressError, match="tensor 'b': is of .*, which no compressed file holds"):
            make(arrays, "lossless")


@pytest.mark.parametrize("change", ["written to", "replaced", "removed"])
def test_a_source_that_changes_meanwhile_is_refused_for_its_digest_would_be_of_another(tmp_path, change):
    source, target = saved(tmp_path, {"a.weight": normal(8, 8), "b.weight": normal(8, 9)}), tmp_path / "out.rcz"
    whole = source.read_bytes()

    def changed(done, total):
        if change == "removed":
            source.unlink(missing_ok=True)
        elif change == "replaced":
            (tmp_path / "new").write_bytes(whole)
            os.replace(tmp_path / "new", source)
        else:
            source.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))

    if change == "removed":  # it is still read where it was opened
        checkpoints.compress(source, "int8", target=target, progress=changed)
        assert target.exists()
        return
    with pytest.raises(RefcompressError, match="source: '.*model.safetensors' changed while it was read"):
        checkpoints.compress(source, "int8", target=target, progress=changed)
    assert os.listdir(tmp_path) == ["model.safetensors"]


def test_what_is_no_part_is_never_removed(tmp_path):
    source, target = saved(tmp_path, {"a.weight": normal(8, 8)}), tmp_path / "out.rcz"
    folder = tmp_path / "out.rcz.parts"
    folder.mkdir()
    for name in ("diary.part", "diary.tmp"):
        (folder / name).write_text("mine")
        with pytest.raises(RefcompressError, match=f"target: '.*out.rcz.parts' is where its parts go, and '{name}'"):
            checkpoints.compress(source, "int8", target=target)
        assert (folder / name).read_text() == "mine" and not target.exists()
        (folder / name).unlink()


def test_what_a_killed_run_leaves_is_removed_with_the_parts(tmp_path):
    source, target = saved(tmp_path, {"a.weight": normal(8, 8)}), tmp_path / "out.rcz"
    folder = tmp_path / "out.rcz.parts"
    folder.mkdir()
    for name in ("000000.part.0123abcd.tmp", "000000-1.part", "trial.tmp", f".refcompress-{'0a' * 8}.tmp",
                 os.path.basename(run.parts.whole_path(str(folder), str(target)))):
        (folder / name).write_bytes(b"half")
    checkpoints.compress(source, "int8", target=target)
    assert sorted(os.listdir(tmp_path)) == ["model.safetensors", "out.rcz"]


def test_a_second_run_at_the_same_target_is_refused_and_harms_nothing(tmp_path):
    source, target = saved(tmp_path, {"a.weight": normal(8, 8), "b.weight": normal(8, 9)}), tmp_path / "out.rcz"
    refused = []

    def again(done, total):
        with pytest.raises(RefcompressError, match="target: '.*out.rcz.parts' is in use: another run"):
            checkpoints.compress(source, "int4", target=target)
        refused.append(done)

    checkpoints.compress(source, "int8", target=target, progress=again)
    checkpoints.compress(source, "int8", target=tmp_path / "whole.rcz")
    assert len(refused) == 2 and target.read_bytes() == (tmp_path / "whole.rcz").read_bytes()
    checkpoints.compress(source, "int4", target=target)


def test_a_full_disk_is_said_of_the_file_that_is_written(tmp_path):
    source, target = saved(tmp_path, {"a.weight": normal(64, 64)}), tmp_path / "out.rcz"
    code = ("import resource, signal, sys; from refcompress import checkpoints\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
            "checkpoints.compress(sys.argv[1], 'int8', target=sys.argv[2])")
    done = subprocess.run([sys.executable, "-c", code, source, target], capture_output=True, text=True)
    assert "OSError" in done.stderr and f"{target}.parts/whole.tmp'" in done.stderr.splitlines()[-1]
    assert not target.exists() and sorted(os.listdir(f"{target}.parts")) == ["whole.log", "whole.tmp"]


def test_a_process_that_is_killed_leaves_no_half_file(tmp_path):
    source, target = saved(tmp_path, {f"{i}.weight": normal(64, 64) for i in range(6)}), tmp_path / "out.rcz"
    code = ("import os, sys; from refcompress import checkpoints; from refcompress.checkpoints import work; "
            "made = work.encoded; count = [0]\n"
            "def encoded(*a):\n count[0] += 1\n if count[0] == 4: os.kill(os.getpid(), 9)\n return made(*a)\n"
            "work.encoded = encoded; checkpoints.compress(sys.argv[1], 'int8', target=sys.argv[2])")
    assert subprocess.run([sys.executable, "-c", code, source, target]).returncode == -9
    assert not target.exists() and sorted(os.listdir(f"{target}.parts")) == ["whole.log", "whole.tmp"]
    checkpoints.compress(source, "int8", target=target)
    checkpoints.compress(source, "int8", target=tmp_path / "whole.rcz")
    assert target.read_bytes() == (tmp_path / "whole.rcz").read_bytes()


def test_a_refusal_in_the_middle_leaves_nothing(tmp_path):
    bad = normal(8, 8)
    bad[3, 5] = np.inf
    source, target = saved(tmp_path, {"a.weight": normal(8, 8), "b.weight": bad}), tmp_path / "out.rcz"
    with pytest.raises(RefcompressError, match=r"tensor 'b.weight', element \[3, 5\]: is inf.*'b.weight=lossless'"):
        checkpoints.compress(source, Recipe((Rule("*", "int8"),)), target=target)
    assert sorted(os.listdir(tmp_path)) == ["model.safetensors"]


def test_a_target_that_is_the_source_is_refused_through_links_too(tmp_path):
    source = saved(tmp_path, {"a.weight": normal(8, 8)})
    before = source.read_bytes()
    os.symlink(source, tmp_path / "link.rcz")
    os.link(source, tmp_path / "hard.rcz")
    for target in (source, tmp_path / "link.rcz", tmp_path / "hard.rcz"):
        with pytest.raises(RefcompressError, match="would be lost"):
            checkpoints.compress(source, "int8", target=target)
    assert source.read_bytes() == before and not any(".parts" in name for name in os.listdir(tmp_path))


def test_a_folder_of_another_that_is_where_parts_go_is_left_alone(tmp_path):
    source = saved(tmp_path, {"a.weight": normal(8, 8)})
    (tmp_path / "out.rcz.parts").mkdir()
    (tmp_path / "out.rcz.parts" / "thesis.tex").write_text("mine")
    with pytest.raises(RefcompressError, match="thesis.tex"):
        checkpoints.compress(source, "int8", target=tmp_path / "out.rcz")
    assert (tmp_path / "out.rcz.parts" / "thesis.tex").read_text() == "mine"


def test_a_mapping_is_not_sent_to_other_processes():
    with pytest.raises(RefcompressError, match="executor: needs a source on the disk"):
        checkpoints.compress({"a": normal(4, 4)}, "int8", executor=Client())
    with pytest.raises(RefcompressError, match="jobs: needs"):
        checkpoints.compress({"a": normal(4, 4)}, "int8", jobs=2)


def test_an_implementation_that_no_other_process_finds_is_refused_there(tmp_path):
    class Own:
        pass

    source = saved(tmp_path, {"a.weight": normal(8, 8)})
    with pytest.raises(ArgumentTypeError, match="implementation"):
        checkpoints.compress(source, "int8", implementation=Own(), executor=Client())
    assert checkpoints.compress(source, "int8", implementation=Own()).implementation == "Own"


def test_progress_ends_with_all_bytes(tmp_path):
    seen = []
    checkpoints.compress({"a": normal(8, 8), "b": normal(8, 9)}, "int8", progress=lambda done, total: seen.append(
        (done, total)))
    assert seen == [(256, 544), (544, 544)]

"""Bug hunts: what is dealt, what an input is worth, and what a file of a stranger cannot do."""

import inspect
import json
import zipfile

import numpy as np
import pytest
from cli_examples import run

from refcompress import formats, reference, testing
from refcompress.errors import RefcompressError
from refcompress.labs import hunts
from refcompress.labs.hunts import deal, inputs, luck, tries
from refcompress.labs.hunts.deal import Hunt
from refcompress.labs.hunts.plain import PLAIN
from refcompress.testing import catalogue

KERNEL = catalogue.kernel("huffman_lengths", "ties reversed")
HUNT = Hunt(KERNEL, 4)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    tries.start(HUNT, 7, "hunt")
    return tmp_path / "hunt"


@pytest.mark.parametrize("op", PLAIN)
def test_a_plain_input_is_valid_and_a_file_gives_it_back(op, tmp_path):
    for seed in range(5):
        given = PLAIN[op](np.random.default_rng(seed))
        inputs.save(tmp_path / "input.npz", **given)
        args, kwargs = luck.call_of(op, given)
        again = inputs.read(op, tmp_path / "input.npz")
        got = testing.outcome(op, getattr(reference, op), *again[0], **again[1])
        assert str(got) == "right" and inputs.size(again) == inputs.size((args, kwargs))
        assert testing.judge.describe(*again) == testing.judge.describe(args, kwargs)


def test_the_same_seed_deals_the_same_bug_and_others_deal_others(monkeypatch):
    monkeypatch.setattr(deal, "par", lambda op, name: 1)  # which takes seconds for each
    monkeypatch.setattr(deal, "THROWS", 2)
    names = [deal.deal(seed).kernel for seed in (1, 1, 2, 3, 4, 5)]
    assert names[0] == names[1] and len(set(names)) > 3
    first = [hunt.kernel for hunt, _ in zip(deal.dealt(1), range(12))]
    assert len(set(first)) == 12 and first[0] == names[0]


def test_a_bug_that_plain_random_inputs_show_is_not_dealt(monkeypatch):
    seen = catalogue.kernel("huffman_counts", "the last one not counted")
    unseen = catalogue.kernel("huffman_lengths", "symbols past 4,096 without a code")
    monkeypatch.setattr(deal, "kernels", lambda: [seen, unseen])
    monkeypatch.setattr(deal, "par", lambda op, name: 1)
    assert [hunt.kernel for hunt in deal.dealt(0)] == [unseen]


def test_par_is_the_size_of_an_input_that_wins_when_it_is_handed_in():
    assert 0 < deal.par("huffman_lengths", "ties reversed") <= 4
    assert deal.par("huffman_lengths", "NumPy's integers refused") is None  # a file has no numbers of NumPy


def test_points_are_100_at_par_and_10_fewer_for_each_doubling():
    assert [tries.points(size, 4) for size in (2, 4, 8, 16, 12, 10**6, 0)] == [110, 100, 90, 80, 84, 10, 120]


def test_an_input_on_which_the_kernel_is_wrong_gives_points(place, capfd):
    np.savez(place / "input.npz", counts=np.int64([1, 1, 1]))
    code, out, _ = run(capfd, "hunt", "try", "hunt")
    assert code == 0 and "The kernel is wrong on this input: 104 points." in out and "right    array of uint8[3]" in out
    np.savez(place / "input.npz", counts=np.int64([1, 2]))
    code, out, _ = run(capfd, "hunt", "try", "hunt")
    assert code == 1 and "No points. The kernel is right on this input." in out and "104 points in 2 tries" in out
    assert json.loads((place / "hunt.json").read_text())["best"] == 104


@pytest.mark.parametrize("given, said", [
    ({"counts": np.int64([-1, 2])}, "No valid input: the reference refuses it (counts[0]: must not be negative"),
    ({"counts": np.float32([1, 2])}, "No valid input: the reference refuses it (counts: "),
    ({"counts": np.int64([1, 1, 1]), "limit": 1}, "No valid input: the reference refuses it (limit: 1 bits"),
    ({"counts": np.ones(100_001, np.int64)}, "The input is too large")])
def test_an_invalid_input_gives_no_points_and_says_why(place, given, said):
    np.savez(place / "input.npz", **given)
    found = tries.judge(tries.read(place), place / "input.npz")
    assert found.points == 0 and said in found.why


def test_a_file_that_is_no_input_is_one_line(place, capfd):
    target = place / "input.npz"

    def written(how):
        target.unlink(missing_ok=True)
        how()
        code, out, err = run(capfd, "hunt", "try", "hunt")
        assert (code, out) == (2, "") and err.count("\n") == 1, err
        return err

    def archive(name, data):
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr(name, data)

    class Ran:
        def __reduce__(self):
            return (open, (str(place / "ran"), "w"))

    assert "cannot be read" in written(lambda: None)
    assert "no .npz" in written(lambda: target.write_bytes(b"PK\3\4 nothing"))
    assert "no .npz" in written(lambda: np.savez(target, counts=np.array([Ran()], object)))
    assert "has no argument 'count'" in written(lambda: np.savez(target, count=np.int64([1])))
    assert "the argument counts is missing" in written(lambda: np.savez(target, limit=3))
    assert "must be an array of numbers" in written(lambda: np.savez(target, counts=np.array(["2020"], "M8[s]")))
    assert "must have at most" in written(lambda: archive("counts.npy", bytes(2**25)))
    assert "must hold the name of a format" in written(
        lambda: np.savez(target, **{"counts": np.array("Graph.x"), "counts.a": np.int64([1])}))
    assert "no field 'a'" in written(lambda: np.savez(target, **{"counts": np.array("CSR"), "counts.a": np.int64([1])}))
    assert not (place / "ran").exists()


def test_a_format_in_a_file_is_checked_by_its_own_class(tmp_path):
    good = reference.csr_from_dense(np.eye(3, dtype=np.float32))
    inputs.save(tmp_path / "a.npz", a=good, x=np.ones((3, 1), np.float32))
    flat = dict(np.load(tmp_path / "a.npz"))
    flat["a.indices"] = flat["a.indices"] + 5
    np.savez(tmp_path / "b.npz", **flat)
    assert isinstance(inputs.read("csr_matmul", tmp_path / "a.npz")[0][0], formats.CSR)
    with pytest.raises(RefcompressError, match="indices"):
        inputs.read("csr_matmul", tmp_path / "b.npz")


def test_what_is_handed_out_says_nothing_of_the_bug(place):
    said = " ".join(path.read_text() for path in place.iterdir())
    source = inspect.getsource(hunts.kernel(place)) + repr(hunts.kernel(place))
    for word in (KERNEL.name, KERNEL.story, "ties reversed", KERNEL.function.__name__):
        assert word not in said + source


def test_the_program_to_begin_with_runs_and_writes_an_input(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    exec(compile((place / "begin.py").read_text(), "begin.py", "exec"), {})
    out = capsys.readouterr().out.splitlines()
    assert out[0].removeprefix("right ") == out[1].removeprefix("hunted")
    assert tries.judge(tries.read(place), place / "input.npz").why == "The kernel is right on this input."


def test_a_deal_says_that_it_looks_for_a_bug_and_nothing_with_quiet(place, monkeypatch, capfd):
    monkeypatch.setattr(deal, "deal", lambda seed: HUNT)
    assert "looking for a bug" in run(capfd, "hunt", "deal", "a", "--seed", "1")[2]
    code, out, err = run(capfd, "hunt", "deal", "b", "--seed", "1", "--quiet")
    assert (code, err) == (0, "") and "A wrong huffman_lengths is in b" in out


def test_nothing_is_dealt_into_a_folder_that_is_not_empty(place, capfd):
    before = sorted(path.read_bytes() for path in place.iterdir())
    code, out, err = run(capfd, "hunt", "deal", "hunt", "--seed", "1")
    assert (code, out) == (2, "") and "is not empty" in err and err.count("\n") == 1
    assert before == sorted(path.read_bytes() for path in place.iterdir())
    assert "seed: " in run(capfd, "hunt", "deal", "--seed", "-1")[2] or "must be in" in run(
        capfd, "hunt", "deal", "--seed", "-1")[2]


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": "refcompress.hunt/1"}', "[" * 100_000])
def test_a_damaged_hunt_is_one_line(place, capfd, text):
    (place / "hunt.json").write_text(text)
    code, out, err = run(capfd, "hunt", "try", "hunt")
    assert (code, out) == (2, "") and "is damaged" in err and err.count("\n") == 1
    (place / "hunt.json").unlink()
    assert "no folder of a hunt" in run(capfd, "hunt", "try", "hunt")[2]

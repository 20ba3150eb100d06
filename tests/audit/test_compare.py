"""Two files of any two formats: what is identical, equal, different or missing is said of each tensor, and where."""

import json
import warnings

import numpy as np
import pytest
from cli_examples import run
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from model_files import W
from rounding import gamma

from refcompress import GGMLBlocks, Plain, RefcompressError, container, models, quantize_s8
from refcompress.audit.compare import VERDICTS, _errors, compared, digest, opened

F32 = np.float32
NUMBERS = arrays_of.arrays(st.sampled_from(["f4", "f8", "f2", "i1", "u2", "i8", "u8", "?"]), st.integers(1, 6))


def verdicts(a, b, max_error=0.0):
    return {row.a or row.b: row for row in compared(models.from_mapping(a), models.from_mapping(b), max_error)}


def test_each_verdict_is_said_of_the_tensors_that_it_is_true_of():
    moved = W.copy()
    moved[2, 3] += F32(0.5)
    moved[0, 0] -= F32(0.25)
    a = {"same": W, "type": np.int8([1, 2]), "zero": F32([0.0, np.nan]), "moved": W, "shape": W, "gone": F32([7, 8, 9]),
         "old name": W * 2}
    b = {"same": W, "type": F32([1, 2]), "zero": F32([-0.0, np.nan]), "moved": moved, "shape": W.T.copy(),
         "new": F32([9, 8, 7]), "new name": (W * 2).astype(np.float64)}
    rows = verdicts(a, b)
    assert {name: row.verdict for name, row in rows.items()} == {
        "same": "identical", "type": "equal", "zero": "equal", "moved": "different", "shape": "shape",
        "gone": "only in A", "old name": "equal", "new": "only in B"}
    assert set(VERDICTS) - {row.verdict for row in rows.values()} == {"within"}
    row = rows["moved"]
    assert (row.differ, row.numbers, row.at) == (2, 24, (2, 3)) and row.values == (W[2, 3], moved[2, 3])
    error = moved.astype(float) - W
    expected = np.linalg.norm(error) / np.linalg.norm(W.astype(float))
    assert row.largest == np.abs(error).max()
    # Two sums of 24 squares on each side, each rounded once and then in 23 sums; roots, which halve that; a quotient.
    assert abs(row.relative - expected) <= gamma(2 * 24 + 4) * expected
    assert rows["old name"].b == "new name"
    assert verdicts(a, b, 0.5)["moved"].verdict == "within" and verdicts(a, b, 0.49)["moved"].verdict == "different"


@pytest.mark.parametrize("a, b, largest", [
    (F32([1, np.nan]), F32([1, 2]), np.inf), (F32([np.inf]), F32([-np.inf]), np.inf), (F32([np.inf]), F32([3]), np.inf),
    (np.int64([2**62]), np.int64([2**62 + 1]), 1), (np.uint64([2**63]), np.int64([-(2**63)]), 2.0**64),
    (np.uint64([2**64 - 1]), np.uint64([2**64 - 2]), 1), (np.uint8([255]), np.int8([-1]), 256),
    (np.complex64([1j]), np.complex64([1]), 2**0.5), (np.array([True]), np.int8([0]), 1)])
def test_numbers_that_differ_are_never_called_equal(a, b, largest):
    row = verdicts({"w": a}, {"w": b})["w"]
    assert row.verdict == "different" and row.largest == largest and row.differ == 1


@given(a=NUMBERS, b=NUMBERS)
def test_equal_means_that_every_number_is(a, b):
    row = verdicts({"w": a}, {"w": b})["w"]
    if a.shape != b.shape:
        assert row.verdict == "shape"
        return
    equal = [x == y or x != x and y != y for x, y in zip(a.astype(object), b.astype(object))]
    exact = not {"f"} & {a.dtype.kind, b.dtype.kind} or not {8} & {x.itemsize for x in (a, b) if x.dtype.kind in "iu"}
    if exact:
        assert row.differ == equal.count(False) and (row.verdict in ("identical", "equal")) == all(equal)
        if all(equal):
            assert digest(a) == digest(b)


def test_files_of_two_formats_are_compared(tmp_path, capsys, monkeypatch):
    blocks = GGMLBlocks(np.random.default_rng(0).integers(0, 64, (4, 18), np.uint8), "Q4_0", (4, 32))
    models.save(tmp_path / "a.gguf", {"w": blocks, "b": W})
    models.save(tmp_path / "b.safetensors", {"w": blocks.dense(), "b": W.astype(np.float64)})
    q = quantize_s8(W, axis=0)
    container.save(tmp_path / "c.rcz", {"w": blocks, "b": q})
    code, out, err = run(capsys, "compare", tmp_path / "a.gguf", tmp_path / "b.safetensors", "--json")
    report = json.loads(out)
    assert (code, err) == (0, "") and report["schema"] == "refcompress.compare/1" and report["good"]
    assert report["counts"] == {**dict.fromkeys(VERDICTS, 0), "equal": 2}
    code, out, _ = run(capsys, "compare", tmp_path / "a.gguf", tmp_path / "c.rcz", "--json")
    rows = {row["a"]: row for row in json.loads(out)["tensors"]}
    assert code == 1 and rows["w"]["verdict"] == "identical" and rows["b"]["verdict"] == "different"
    assert rows["b"]["largest"] == np.abs(q.dense().astype(float) - W).max()
    half = float(q.scale.max())
    assert run(capsys, "compare", tmp_path / "a.gguf", tmp_path / "c.rcz", "--max-error", half)[0] == 0
    monkeypatch.chdir(tmp_path)  # a path is said whole, however long it is
    code, out, _ = run(capsys, "compare", "a.gguf", "c.rcz")
    assert "largest error" in out and "exit code 1" in out and max(map(len, out.splitlines())) <= 80


def test_refusals_name_the_file_or_the_option(tmp_path, capsys):
    models.save(tmp_path / "a.npz", {"w": W})
    (tmp_path / "b.npz").write_bytes(b"PK\3\4 is no archive")
    for arguments, words in ([["a.npz", "b.npz"], "b.npz: "], [["c.npz", "a.npz"], "c.npz"],
                             [["a.npz", "a.npz", "--max-error", "-1"], "--max-error: "],
                             [["a.npz", "a.npz", "--max-error", "nan"], "--max-error: "],
                             [["a.npz", "a.npz", "--limit", "10"], "--limit: tensor 'w' has 96 bytes"]):
        code, out, err = run(capsys, "compare", *(tmp_path / a if "npz" in a else a for a in arguments))
        assert (code, out, err.count("\n")) == (2, "", 1) and words in err
    with pytest.raises(RefcompressError, match="max_error"):
        list(compared({}, {}, -1.0))


def test_many_rows_are_cut_and_wide_lists_all(tmp_path, capsys):
    models.save(tmp_path / "a.npz", {f"a.long.name.of.a.tensor.number.{i}": F32([i]) for i in range(30)})
    models.save(tmp_path / "b.npz", {f"a.long.name.of.a.tensor.number.{i}": F32([i + 1]) for i in range(30)})
    out = run(capsys, "compare", tmp_path / "a.npz", tmp_path / "b.npz")[1]
    assert "and 10 more" in out and out.count("a.long.name") == 20
    assert run(capsys, "compare", tmp_path / "a.npz", tmp_path / "b.npz", "--wide")[1].count("a.long.name") == 30


def test_bfloat16_of_numpy_is_read(tmp_path):
    np.savez(tmp_path / "a.npz", w=np.uint16([16256]).view("V2"))
    with opened(tmp_path / "a.npz") as a:
        assert verdicts({"w": a["w"].read()}, {"w": Plain(np.uint16([16256]), "bfloat16")})["w"].verdict == "identical"


EDGES = [0, 1, 2, 5, 2**31, 2**53, 2**53 + 1, 2**62 + 1, 2**62 + 3, 2**63 - 1]


@pytest.mark.parametrize("a, b", [(a, b) for a in ("int64", "uint64", "int32", "uint8", "bool")
                                  for b in ("int64", "uint64", "int8")])
def test_integers_of_all_types_differ_by_their_exact_difference(a, b):
    def those(kind):
        if kind == "bool":
            return [0, 1]
        low, high = np.iinfo(kind).min, np.iinfo(kind).max
        return sorted({each for x in [*EDGES, 2**64 - 1, 2**63] for each in (x, -x, -x - 1) if low <= each <= high})

    pairs = [(x, y) for x in those(a) for y in those(b)]
    p, q = np.array([x for x, _ in pairs], a), np.array([y for _, y in pairs], b)
    unequal, error = _errors(p, q)
    assert unequal.tolist() == [x != y for x, y in pairs]
    exact = [float(abs(x - y)) for x, y in pairs]
    assert np.all(np.abs(error - exact) <= np.spacing(exact)) and np.array_equal(error[error < 2**53],
                                                                                 np.array(exact)[error < 2**53])


def test_a_difference_of_two_between_large_integers_is_not_within_one(tmp_path):
    for name, value in (("a", 2**62 + 1), ("b", 2**62 + 3)):
        np.savez(tmp_path / f"{name}.npz", w=np.array([value]))
    with opened(tmp_path / "a.npz") as a, opened(tmp_path / "b.npz") as b:
        assert [row.verdict for row in compared(a, b, 1.0)] == ["different"]


def test_a_signalling_nan_is_compared_without_a_warning():
    odd = np.array([0x7F800001, 0], np.uint32).view(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert _errors(odd, np.zeros(2, np.float32))[0].tolist() == [True, False]


def test_tensors_of_other_names_and_the_same_shape_are_said_to_be_for_derive(tmp_path, capsys):
    w = np.random.default_rng(0).standard_normal((2, 32)).astype(np.float32)
    for path, name, changed in (("a", "w", w), ("b", "v", w + 1), ("c", "v", w[:1] + 1)):
        np.savez(tmp_path / f"{path}.npz", **{name: changed})
    for other, told in (("b", True), ("c", False)):
        code, out, _ = run(capsys, "compare", tmp_path / "a.npz", tmp_path / f"{other}.npz")
        assert code == 1 and ("refcompress derive A B" in " ".join(out.split())) is told

"""What callers, files and systems do to a library: each is answered by name, by both implementations, cheaply."""

import itertools
import json
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from implementations import EVERYONE, each, native, needs_native

from refcompress import (
    CSR,
    ArgumentTypeError,
    CorruptError,
    LimitError,
    LowRank,
    Quantized,
    RefcompressError,
    Shared,
    container,
    reference,
)
from refcompress.cli import main
from refcompress.container import bits
from refcompress.container.cursor import integer_bytes
from refcompress.models import npz

F = np.float32
EACH = each("impl", EVERYONE)


class NoArray:
    def __array__(self, dtype=None, copy=None):
        return "not an array"


# Arguments.

@EACH
@pytest.mark.parametrize("op, args, kwargs, error, argument", [
    ("gemm_s8s8", ([[1], [1, 2]], np.int8([[1]])), {}, ArgumentTypeError, "x"),
    ("gemm_s8s8", (np.int8([[1]]), NoArray()), {}, ArgumentTypeError, "w"),
    ("quantize_s8", ([[1.0], 2.0],), {}, ArgumentTypeError, "x"),
    ("quantize_s8", (F([[1]]),), {"scale": 10**400}, RefcompressError, "scale"),
    ("quantize_s8", (F([[1]]),), {"scale": 1.0, "zero_point": 10**5000}, RefcompressError, "zero_point"),
    ("quantize_s8", (F([[1]]),), {"group": -(10**5000)}, RefcompressError, "group"),
    ("share_kmeans", (F([1]),), {"clusters": 10**5000}, RefcompressError, "clusters"),
    ("huffman_lengths", (np.int64([1, 2]),), {"limit": 10**5000}, RefcompressError, "limit"),
    ("prune_magnitude", (F([1]),), {"sparsity": 10**400}, RefcompressError, "sparsity"),
    ("lowrank_svd", (F([[1]]),), {"rank": 10**5000}, RefcompressError, "rank"),
    ("lowrank_svd", (F([[1]]),), {"energy": -(10**400)}, RefcompressError, "energy"),
])
def test_what_numpy_and_python_choke_on_is_refused_by_name(impl, op, args, kwargs, error, argument):
    with pytest.raises(error) as caught:
        getattr(impl, op, getattr(reference, op))(*args, **kwargs)
    assert type(caught.value) is error and caught.value.argument == argument and len(str(caught.value)) < 300


@EACH
def test_the_callers_seterr_changes_no_result(impl):
    w = Quantized(np.int8([[1, -128]]), F([[1.2e-38]]), np.int8([[0]]))
    tiny, huge = F([[1e-45, 1e-30]]), F([[3e38, -3e38]])
    calls = [("quantize_s8", (F([[1e-45, 3e38]]),), {"scale": 100.0}), ("quantize_s8", (tiny[:, :1],), {}),
             ("dequantize_s8", (w,), {}),
             ("share_kmeans", (F([1e-45, 1e-45, 3e-45, 3e38]),), {"clusters": 2, "weights": F([1, 2, 1, 1])}),
             ("gemm_f32s8", (tiny, w), {}), ("gemm_f32s8", (huge, Quantized(w.values, F([[3e38]]), w.zero_point)), {}),
             ("csr_matmul", (reference.csr_from_dense(tiny), tiny.T), {}),
             ("csr_matmul", (reference.csr_from_dense(huge), huge.T), {}),
             ("lowrank_svd", (F([[1e-45, 1e-30], [1, 2]]),), {"rank": 1}),
             ("csr_to_dense", (_meeting(F([3e38, 3e38])),), {})]
    for op, args, kwargs in calls:
        function = getattr(impl, op, getattr(reference, op))
        with np.errstate(all="ignore"):
            expected = function(*args, **kwargs)
        with np.errstate(all="raise"):
            got = function(*args, **kwargs)
        for name in getattr(expected, "__dataclass_fields__", ()):
            assert np.array_equal(getattr(expected, name), getattr(got, name))
        assert not isinstance(expected, np.ndarray) or np.array_equal(expected, got, equal_nan=True)


def _meeting(values) -> CSR:
    return CSR((1, 1), np.array([0, len(values)]), np.zeros(len(values), np.int32), values, canonical=False)


def test_formats_become_dense_by_ieee_arithmetic_without_a_warning():
    assert np.isnan(_meeting(F([np.inf, -np.inf])).dense()) and np.isposinf(_meeting(F([3e38, 3e38])).dense())
    assert np.isposinf(LowRank(F([[3e38]]), F([3e38]), F([[3e38]])).dense())


def test_a_low_rank_whose_matrix_no_int64_can_count_is_refused_and_canonical_is_a_bool():
    with pytest.raises(LimitError, match="shape"):
        LowRank(np.zeros((2**40, 0), F), F([]), np.zeros((0, 2**40), F))
    for canonical in ("no", 1, None, np.array([1, 2])):
        with pytest.raises(ArgumentTypeError, match="^canonical: "):
            CSR((1, 1), np.array([0, 0]), np.array([], np.int32), F([]), canonical)


def test_names_that_look_alike_are_all_pruned():
    class Key:
        def __repr__(self):
            return "key"

    a, b = Key(), Key()
    masks = reference.prune_magnitude({a: F([1, 4]), b: F([3, 2])}, keep=2)
    assert masks[a].tolist() == [False, True] and masks[b].tolist() == [True, False]


def test_of_all_10625_small_csr_triples_exactly_the_valid_ones_pass():
    count = 0
    for indptr in itertools.product(range(-1, 4), repeat=3):
        for nnz in range(4):
            for indices in itertools.product(range(-1, 3), repeat=nnz):
                valid = 0 == indptr[0] <= indptr[1] <= indptr[2] == nnz and all(0 <= i < 2 for i in indices)
                try:
                    CSR((2, 2), np.array(indptr), np.array(indices, np.int64), np.ones(nnz, F), canonical=False)
                    passed = True
                except RefcompressError:
                    passed = False
                assert passed == valid, (indptr, indices)
                count += 1
    assert count == 10_625


# Files.

@pytest.mark.parametrize("path", [987, None, True, 1.5, "a\0b", b"a\0b"])
def test_what_is_no_path_is_refused_by_name_and_opens_nothing(path):
    for act in (lambda: container.load(path), lambda: container.save(path, {}),
                lambda: npz.load(path), lambda: npz.save(path, {})):
        with pytest.raises(RefcompressError, match="^path: "):
            act()


@pytest.mark.parametrize("step, error", [("open", PermissionError(13, "denied")),
                                         ("fsync", OSError(22, "Invalid argument"))])
def test_a_directory_that_cannot_be_flushed_does_not_fail_a_save_that_is_done(tmp_path, monkeypatch, step, error):
    real = getattr(os, step)

    def fail_on_a_directory(file, *args, **kwargs):
        if os.path.isdir(file if isinstance(file, str) else f"/proc/self/fd/{file}"):
            raise error
        return real(file, *args, **kwargs)

    monkeypatch.setattr(os, step, fail_on_a_directory)
    container.save(tmp_path / "a.rcz", {"a": np.ones(3)})
    assert container.load(tmp_path / "a.rcz")["a"].tolist() == [1, 1, 1]


def file_of(entry: bytes) -> bytes:
    data = container.MAGIC + b"\2\1\1a" + entry
    return data + container.checksum(data, 2)


def alike(symbol: int, count: int) -> bytes:
    """Return the stream of ``count`` equal symbols, one bit each: the most that few bytes can say."""
    lengths = bytes(symbol // 2) + (b"\x10" if symbol % 2 else b"\x01")
    words = bits.words_needed(np.full(count, symbol, np.uint8), np.eye(1, symbol + 1, symbol, dtype=np.uint8)[0])
    return bytes([17]) + integer_bytes(symbol + 1) + lengths + integer_bytes(words) + bytes(2 * words)


SYMBOLS = 4_000_000
BOMBS = {
    "distances beyond a layer of one weight":
        b"\2\1\1\2" + F([0, 1]).tobytes() + b"\x08" + integer_bytes(SYMBOLS) + alike(1, SYMBOLS),
    "distances without values":
        b"\1\1" + integer_bytes(2**30) + b"\x08" + integer_bytes(SYMBOLS) + alike(1, SYMBOLS),
    "a full mask without values": b"\1\x08" + integer_bytes(SYMBOLS) + b"\x09" + alike(255, SYMBOLS),
}


@needs_native
@pytest.mark.parametrize("name", BOMBS)
def test_half_a_megabyte_that_stands_for_millions_of_places_takes_no_more_than_the_limit_and_ten(name):
    data = file_of(BOMBS[name])
    for limit in (10**6, 10**7):
        tracemalloc.start()
        try:
            with pytest.raises((CorruptError, LimitError)):
                container.loads(data, implementation=native, limit=limit)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < limit + 10_000_000  # 10 MB: the blocks that are worked on


@needs_native
def test_reading_takes_at_most_four_times_what_is_decoded():
    rng = np.random.default_rng(0)
    n = 4_000_000
    codes = (rng.random(n) < 0.5) * rng.integers(1, 9, n)
    w = np.where(codes, codes, 0).astype(F).reshape(1000, -1)
    values = {"shared": Shared(codes.astype(np.uint8), np.arange(9, dtype=F)), "csr": reference.csr_from_dense(w),
              "int8": Quantized(codes.astype(np.int8), np.ones(1, F), np.zeros(1, np.int8))}
    for value in values.values():
        data = container.dumps({"a": value}, implementation=native)
        tracemalloc.start()
        container.loads(data, implementation=native)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 * value.nbytes + 10_000_000


# The command line.

@pytest.fixture
def model(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "model.npz", w=rng.standard_normal((40, 60)).astype(F),
             conv=rng.standard_normal((8, 3, 3, 3)).astype(F), double=rng.standard_normal((5, 5)),
             half=np.ones((5, 5), np.float16), bias=np.zeros(4, F), none=np.zeros((0, 3), F))
    return tmp_path


@pytest.mark.parametrize("arguments", [
    [], ["compress"], ["bogus"], ["compress", "{0}/model.npz", "{0}/a.rcz", "--bits", "x"],
    ["compress", "{0}/model.npz", "{0}/a.rcz", "--limit", "100"],
    ["compress", "{0}/model.npz", "{0}/a.rcz", "--threads", "0"],
    ["compress", "{0}/model.npz", "{0}/a.rcz", "--implementation", "reference", "--threads", "-4"],
    ["demo", "--seed", "-1"], ["demo", "--out", "{0}/not there/a.rcz"], ["demo", "--out", "{0}"],
    ["demo", "--out", "/dev/null"],
])
def test_whatever_is_wrong_with_a_command_is_one_line_and_code_2_and_leaves_no_file(model, capsys, arguments):
    before = sorted(model.iterdir())
    try:
        code = main([a.format(model) for a in arguments])
    except SystemExit as left:
        code = left.code
    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1) and err.startswith("refcompress: ")
    assert sorted(model.iterdir()) == before


@pytest.mark.parametrize("method", ["share", "quantize", "blocks", "mixed", "lowrank", "csr"])
def test_every_array_comes_back_in_its_shape_and_what_was_not_compressed_as_it_was(model, capsys, method):
    assert main(["compress", str(model / "model.npz"), str(model / "a.rcz"), "--method", method, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    left = report["why_left"]
    assert {"bias", "none"} <= left.keys()
    assert main(["decompress", str(model / "a.rcz"), str(model / "b.npz")]) == 0
    before, after = npz.load(model / "model.npz"), npz.load(model / "b.npz")
    assert before.keys() == after.keys()
    for name, a in before.items():
        assert a.shape == after[name].shape and (a.dtype == after[name].dtype or report["errors"][name] > 0)
        assert name not in left or np.array_equal(a, after[name])


def test_names_are_shown_without_obeying_them_in_any_encoding(tmp_path):
    np.savez(tmp_path / "odd.npz", **{"\x1b[31mred\n": np.zeros((2, 2), F), "\u00e9\r": np.ones(2)})
    command = [sys.executable, "-m", "refcompress"]
    for encoding in ("utf-8", "ascii"):
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        for arguments in (["compress", tmp_path / "odd.npz", tmp_path / "odd.rcz"],
                          ["inspect", tmp_path / "odd.rcz"]):
            done = subprocess.run(command + arguments, env=environment, capture_output=True)
            assert done.returncode == 0, done.stderr
            assert b"\x1b" not in done.stdout and b"\r" not in done.stdout and rb"\x1b[31mred\n" in done.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_report_that_cannot_be_written_is_an_error_of_one_line():
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "refcompress", "doctor"], stdout=full, stderr=subprocess.PIPE,
                              text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "No space left" in done.stderr


def test_too_little_memory_is_an_error_of_one_line(model, capsys, monkeypatch):
    main(["compress", str(model / "model.npz"), str(model / "a.rcz")])
    capsys.readouterr()
    for message in ("", "Unable to allocate 1 TiB"):
        def exhausted(*args, message=message, **kwargs):
            raise MemoryError(message)

        monkeypatch.setattr(container, "read", exhausted)
        assert main(["inspect", str(model / "a.rcz")]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("refcompress: out of memory") and err.count("\n") == 1


def test_the_limit_of_inspect_may_be_raised_and_holds_for_the_ledger_too(model, capsys, monkeypatch):
    main(["compress", str(model / "model.npz"), str(model / "a.rcz")])
    monkeypatch.setattr(container.read, "__defaults__", (reference, 100, False, None))
    monkeypatch.setattr("refcompress.ledger.ledger.__kwdefaults__",
                        {"implementation": reference, "limit": 100, "exact": True})
    assert main(["inspect", str(model / "a.rcz"), "--limit", "100000"]) == 0

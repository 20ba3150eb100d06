"""The verdict: it outlives what it judges, names what it finds, and shows it on a small input that can be pasted."""

import ctypes
import itertools
import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from refcompress import formats, reference, testing
from refcompress.agreement import Disagreement
from refcompress.errors import RefcompressError
from refcompress.ops import OPS
from refcompress.testing import checking, cutting, guarded, judge, layouts, memory, pattern, program, results
from refcompress.testing.features import Features

RIGHT = reference.gemm_s8s8
needs_guards = pytest.mark.skipif(not guarded.available(), reason="needs guard pages")


@pytest.fixture
def few(monkeypatch):
    """Judge every seventh input alone."""
    monkeypatch.setattr(checking, "samples",
                        lambda op: itertools.islice(testing.samples(op), 0, None, 7))


def wrong(function, op="gemm_s8s8", **options):
    with pytest.raises(Disagreement) as caught:
        testing.check(op, function, **{"examples": 0, **options})
    return caught.value


def returns(change):
    return lambda x, w: change(RIGHT(x, w))


# What it outlives

def reads_behind_x(x, w):
    x = np.ascontiguousarray(x)
    ctypes.string_at(x.ctypes.data, x.nbytes + 1)
    return RIGHT(x, w)


def reads_before_w(x, w):
    w = np.ascontiguousarray(w)
    ctypes.string_at(w.ctypes.data - 1, 1)
    return RIGHT(x, w)


def writes_to_x(x, w):
    if x.size and x.flags.c_contiguous:
        ctypes.memset(x.ctypes.data, 0, x.nbytes)
    return RIGHT(x, w)


def writes_behind_its_result(x, w):
    y = np.empty((len(x), len(w)), np.int32)
    y[...] = RIGHT(x, w)
    ctypes.memset(y.ctypes.data + y.nbytes, 1, 1)
    return y


def writes_before_its_result(x, w):
    y = np.empty((len(x), len(w)), np.int32)
    y[...] = RIGHT(x, w)
    ctypes.memset(y.ctypes.data - 1, 1, 1)
    return y


@needs_guards
def test_results_lie_at_guard_pages_where_arrays_do_and_an_empty_one_has_room_for_what_numpy_writes_to_it():
    assert results.available()
    with results.at_guards(True):
        assert np.einsum("ij,jk->ik", np.ones((2, 1), np.float32), np.ones((1, 0), np.float32)).shape == (2, 0)


@needs_guards
@pytest.mark.parametrize("function, where", [
    (reads_behind_x, "outside of x, behind its end"), (reads_before_w, "outside of w, before its begin"),
    (writes_behind_its_result, "outside of the result, behind its end"),
    (writes_before_its_result, "outside of the result, before its begin")])
def test_a_crash_names_the_array_and_the_end_of_it(function, where, few):
    error = wrong(function)
    assert error.verdict.kind == "crashed" and not error.verdict
    assert re.search(rf"SIG(SEGV|BUS).* in the first call: {where}$", error.verdict.reason), error.verdict.reason
    assert sum(a.size for a in testing.arrays_of(error.case)) <= 8


@needs_guards
def test_a_write_to_what_may_only_be_read_is_a_crash_and_elsewhere_a_modified_input(few):
    error = wrong(writes_to_x, layouts=("page_end", "page_start"), explain=False)
    assert error.verdict.kind == "crashed" and re.search("SIG(SEGV|BUS)", error.verdict.reason)
    assert "the input was modified" in str(wrong(writes_to_x, layouts=("contiguous",)))


def test_a_hang_is_ended_and_its_input_shown(few):
    def hangs(x, w):
        while x.shape[1] == 21:
            pass
        return RIGHT(x, w)

    error = wrong(hangs, limit=0.3)
    assert error.verdict.kind == "hung" and "no result after 0.3 s in the first call" in str(error)
    assert error.args[0].shape[1] == 21 and error.verdict.seconds < 10


@pytest.mark.parametrize("ends, said", [
    (lambda: os._exit(3), "the function ended its process (exit code 3) in the first call"),
    (lambda: os.kill(os.getpid(), 9), "killed by SIGKILL"),
    (lambda: sys.exit(4), "raised SystemExit on a valid input: 4")])
def test_who_ends_the_process_ends_not_the_judge(ends, said, few):
    assert said in str(wrong(lambda x, w: ends() if len(x) > 5 else RIGHT(x, w)))


def test_the_second_call_on_an_input_is_named_where_it_is_the_one():
    calls = []

    def dies(x, w):
        calls.append(len(x))
        if calls[-2:] == [7, 7]:
            os._exit(1)
        return RIGHT(x, w)

    assert "in the second call on the same input" in str(wrong(dies, explain=False))


def test_what_a_function_cannot_be_loaded_for_is_no_verdict(tmp_path):
    for text, said in (("import os; os._exit(5)", "exit code 5"), ("1 / 0", "ZeroDivisionError"), ("", "has no f")):
        (tmp_path / "mine.py").write_text(text)
        with pytest.raises(RefcompressError, match=f"^function: .*{said}"):
            testing.check("gemm_s8s8", f"{tmp_path / 'mine.py'}:f", examples=0)
    for where in ("mine", "mine.so:f", "no_such_module:f", ":f"):
        with pytest.raises(RefcompressError, match="^function: "):
            testing.check("gemm_s8s8", where, examples=0)


def test_a_status_that_the_header_does_not_have_is_named():
    native = pytest.importorskip("refcompress.native", exc_type=ImportError, reason="the C kernels are not built")
    from refcompress.native._call import ffi

    status = ffi.callback("rc_gemm_s8s8", lambda *_: 77)
    error = wrong(native.wrap("gemm_s8s8", status), explain=False)
    assert "raised RefcompressError on a valid input: status: is 77" in str(error)


# What it finds beside a wrong number

def forgets_to_write(x, w):
    y = np.empty((len(x), len(w)), np.int32)
    y[:-1] = RIGHT(x, w)[:-1]
    y[-1:] = RIGHT(x, w)[-1:] if x.shape[1] else y[-1:]  # sums of no terms are 0, which new memory often is
    return y


def writes_between(x, w):
    if x.flags.writeable and not x.flags.c_contiguous and x.base is not None and x.base.flags.writeable:
        x.base[...] = np.where(x.base == 127, 126, x.base)
        assert not (x == 126).any() or True
    return RIGHT(x, w)


@needs_guards
def test_memory_that_was_not_written_is_found(few):
    assert "differs from the first" in str(wrong(forgets_to_write)) or "got" in str(wrong(forgets_to_write))


def test_memory_between_the_elements_of_an_input_is_watched(monkeypatch):
    x = layouts.strided(np.int8([[1, 2], [3, 4]]))
    monkeypatch.setattr(checking, "samples", lambda op: [((x, np.int8([[1, 1]])), {})])
    error = wrong(writes_between, isolate=False, explain=False)
    assert judge.OTHER_MEMORY in str(error)


@pytest.mark.parametrize("change, said", [
    (lambda y: y.view(np.matrix), "got a matrix, a subclass of ndarray"),
    (np.ma.asarray, "got a MaskedArray, a subclass of ndarray"),
    (lambda y: y.astype(">i4"), "got dtype >i4, expected int32"), (lambda y: y.astype(object), "got dtype object"),
    (lambda y: y.astype(np.int64), "got dtype int64"), (lambda y: y.tolist(), "got a list, expected an array"),
    (lambda y: None, "got a NoneType, expected an array"), (lambda y: y[0:], None)])
def test_a_result_of_another_kind_is_named(change, said, few):
    if said is None:
        assert testing.check("gemm_s8s8", returns(change), examples=0, isolate=False)
    else:
        assert f"result: {said}" in str(wrong(returns(change), isolate=False, explain=False))


def test_what_the_contract_leaves_open_is_accepted():
    assert type(judge.accepted(np.array(1.0), np.float64(1.0))) is np.ndarray
    assert type(judge.accepted(1.0, np.float64(1.0))) is float and type(judge.accepted(2, np.int64(2))) is int
    assert list(judge.accepted({"a": 1, "b": 2}, {"b": 2, "a": 1})) == ["a", "b"]
    assert type(judge.accepted(1.0, np.int64(1))) is np.int64  # another kind of number


def test_what_is_not_offered_is_counted_and_nothing_at_all_is_no_pass(few):
    def plain_alone(x, w):
        if not (x.flags.c_contiguous and w.flags.c_contiguous):
            raise NotImplementedError("x that is strided")
        return RIGHT(x, w)

    verdict = testing.check("gemm_s8s8", plain_alone, examples=0)
    assert verdict and verdict.not_offered["x that is strided"] > 5
    assert "not offered: " in str(verdict) and verdict.to_json()["not_offered"] == dict(verdict.not_offered)

    def nothing(x, w):
        raise NotImplementedError

    assert "offers nothing" in str(wrong(nothing))


def test_options_and_types_that_are_named_are_left_out():
    def no_axis(x, **options):
        assert "axis" not in options
        return reference.quantize_s8(x, **options)

    verdict = testing.check("quantize_s8", no_axis, examples=0, not_offered=["axis"], isolate=False)
    assert verdict.not_offered["axis"] > 100 and not any(o.startswith("axis") for o in verdict.coverage.options)


def test_only_the_layouts_that_are_named_are_tried():
    seen = set()

    def flags(x, w):
        seen.update((a.flags.c_contiguous, a.flags.aligned, a.flags.writeable, a.dtype.isnative) for a in (x, w))
        return RIGHT(x, w)

    verdict = testing.check("gemm_s8s8", flags, examples=20, layouts=("contiguous",), isolate=False)
    assert seen == {(True, True, True, True)}
    assert set(verdict.coverage.layouts) <= {"contiguous", "at a guard page"}
    with pytest.raises(RefcompressError, match="^layouts: must be of contiguous, strided"):
        testing.check("gemm_s8s8", RIGHT, layouts=("diagonal",))


# What it shows

def without_the_tail(x, w):
    k = x.shape[1] - x.shape[1] % 4
    return RIGHT(np.ascontiguousarray(x[:, :k]), np.ascontiguousarray(w[:, :k]))


def test_a_wrong_function_is_shown_on_the_smallest_input_and_mapped():
    error = wrong(without_the_tail)
    assert re.search(r"^wrong only where k mod 4 is 1, 2 or 3: \d+ of \d+ inputs; right in all \d+ others$",
                     error.pattern)
    x, w = error.args
    assert x.tolist() == [[1]] and w.tolist() == [[1]] and error.kwargs == {} and error.case == (error.args, {})
    assert (error.expected.tolist(), error.got.tolist(), error.op, error.seed) == ([[1]], [[0]], "gemm_s8s8", 0)
    assert "result[0, 0]: got 0, expected 1; every bit must agree" in str(error)
    again = wrong(without_the_tail)
    assert str(again) == str(error) and again.code == error.code
    done = subprocess.run([sys.executable, "-c", error.code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("wrong: result[0, 0]: got 0, expected 1") and done.stdout.endswith("[[0]]\n")
    text = error.verdict.to_json()
    assert json.loads(json.dumps(text))["schema"] == "refcompress.verdict/1"
    assert text["code"] == error.code and text["pattern"] == error.pattern and text["good"] is False


def test_the_program_imports_a_function_that_has_a_name(tmp_path):
    (tmp_path / "kernel.py").write_text(
        "import numpy as np\ndef mine(x, w):\n    return np.where(x.shape[1] == 9, 0, x.astype(np.int32) @ "
        "w.astype(np.int32).T).astype(np.int32)\n")
    error = wrong(f"{tmp_path / 'kernel.py'}:mine")
    done = subprocess.run([sys.executable, "-c", error.code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("wrong: result[0, 0]: got 0, expected ")
    assert "wrong only where k is 9: " in error.pattern


@pytest.mark.parametrize("op", OPS)
def test_an_input_as_text_is_the_input(op):
    room = {"np": np, "formats": formats, "testing": testing, "inf": np.inf, "nan": np.nan,
            "zlib": __import__("zlib"), "base64": __import__("base64")}
    for case in itertools.islice(testing.samples(op), 3, 200, 61):
        for again in (eval(program.text(case), room), memory.restored(memory.portable(case))):
            for a, b in zip(testing.arrays_of(case), testing.arrays_of(again), strict=True):
                place, other = memory.place_of(a), memory.place_of(b)
                assert a.dtype == b.dtype and a.tobytes() == b.tobytes()
                assert place.strides == other.strides and place.guard == other.guard


@pytest.mark.parametrize("op", OPS)
def test_a_shorter_input_is_still_one(op):
    """Of each operation some inputs can be cut: the reference takes them."""
    taken = 0
    for args, kwargs in itertools.islice(testing.samples(op), 20, None, 41):
        named = {**dict(enumerate(args)), **kwargs}
        for size in sorted({size for value in named.values() for size in cutting.sizes_of(value) if size > 1}):
            cut = {name: next(cutting.cut(value, size, size - 1 if size < 3 else size // 2, False), value)
                   for name, value in named.items()}
            try:
                getattr(reference, op)(*(cut[i] for i in range(len(args))), **{n: cut[n] for n in kwargs})
            except RefcompressError:
                continue
            taken += 1
        if taken:
            return
    assert op.startswith(("huffman_", "allocate_", "planes_", "rangecoder_decode")), "nothing of it can be cut"


@pytest.mark.parametrize("op, name, most", [
    ("csr_matmul", "stored zeros skipped", 16), ("gemm_f32s8", "zero point ignored", 8),
    ("gemm_f32lut4", "entry 15 read as 0", 20)])
def test_formats_are_made_smaller_too(op, name, most, few):
    found = [f for label, o, f in testing.planted.WRONG if o == op and name in (None, label)]
    error = wrong(found[0], op)
    assert sum(a.size for a in testing.arrays_of(error.case)) <= most, error.code


@pytest.mark.parametrize("wrong_ones, right_ones, said", [
    ([("k", 4 * i + 1) for i in range(9)], [("k", 4 * i + j) for i in range(9) for j in (0, 2, 3)],
     "where k mod 4 is 1: all 9 inputs; right in all 27 others"),
    ([("m", 40), ("m", 70)], [("m", i) for i in range(20)], "where m is 40 or 70: both inputs"),
    ([("m", 133)], [("m", i) for i in range(200) if i != 133], "wrong on 1 of 200 inputs"),
    ([("n", n) for n in range(30, 60)], [("n", n) for n in range(30)], "where n is at least 30: all 30 inputs")])
def test_the_map_finds_the_simplest_condition(wrong_ones, right_ones, said):
    def like(letter, size):
        return Features({letter: size}, frozenset(["contiguous"]), frozenset(), frozenset(), frozenset())

    assert said in pattern.pattern([like(*f) for f in wrong_ones], [like(*f) for f in right_ones])


def test_the_map_names_layouts_options_and_values(few):
    def assumes_contiguous(x, w):
        x = np.ndarray(x.shape, x.dtype, bytes(x.tobytes("A")))
        return RIGHT(x, w)

    assert wrong(assumes_contiguous).pattern.startswith("wrong only where an input is ")

    def no_axis(x, **options):
        return reference.quantize_s8(x, **{**options, "axis": None, "group": None})

    assert "with the options axis or group: all " in wrong(no_axis, "quantize_s8").pattern


def test_a_function_without_a_name_to_import_leaves_its_place_in_the_program(few):
    error = wrong(lambda x, w: RIGHT(x, w) + np.int32(1), explain=False)
    done = subprocess.run([sys.executable, "-c", error.code], capture_output=True, text=True)
    assert "f = reference.gemm_s8s8  # put in its place" in error.code
    assert done.returncode == 0 and done.stdout.startswith("right"), done.stderr


def test_what_the_search_finds_says_so_and_by_which_seed(monkeypatch):
    monkeypatch.setattr(checking, "samples",
                        lambda op: [((np.int8([[2]]), np.int8([[3]])), {})])
    first, again = (wrong(lambda x, w: RIGHT(x, w) + np.int32(len(x) > 4), examples=200, seed=3) for _ in range(2))
    assert first.pattern == "right on all 1 fixed inputs; found by search with seed 3" and str(first) == str(again)
    assert len(first.args[0]) == 5 and first.seed == 3


def test_all_operations_of_a_namespace_are_checked_and_the_wrong_ones_listed(few):
    mine = SimpleNamespace(gemm_s8s8=RIGHT, gemm_u8s8=lambda x, w: reference.gemm_u8s8(x, w) + np.int32(1))
    with pytest.raises(Disagreement, match="1 of 2 operations are wrong\ngemm_u8s8: ") as caught:
        testing.check_all(mine, examples=0)
    assert [bool(v) for v in caught.value.verdicts] == [True, False]
    assert all(testing.check_all({"gemm_s8s8": RIGHT}, examples=0))
    with pytest.raises(RefcompressError, match="^namespace: has none of"):
        testing.check_all(SimpleNamespace())


def test_a_verdict_says_what_was_tried_in_80_columns(few):
    verdict = testing.check("gemm_s8s8", RIGHT, examples=5, refusals=True, isolate=False)
    lines = str(verdict).splitlines()
    assert verdict and all(len(line) <= 80 for line in lines) and "right" in lines[0] and verdict.searched == 5
    assert any(line.strip().startswith("k: 0") for line in lines) and verdict.refused > 10
    assert verdict.coverage.layouts["not C-contiguous"] > 5 and json.dumps(verdict.to_json())


@pytest.mark.parametrize("op, name", [
    ("gemm_s8s8", "the last weight packed once"), ("nn_softmax", "other types cast"),
    ("prune_sparsegpt", "NaN let in as 0"), ("quantize_s8", "mended before it is refused"),
    ("huffman_lengths", "options cast to integers")])
def test_what_is_kept_and_what_is_let_in_have_a_program_too(op, name, few):
    error = wrong(testing.catalogue.kernel(op, name).function, op, refusals=True)
    done = subprocess.run([sys.executable, "-c", error.code], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("wrong: "), done.stderr + error.code


def test_an_option_that_a_function_lacks_hides_no_other_fault(monkeypatch):
    x, w = np.ones((3, 20), np.int8), np.ones((2, 20), np.int8)
    calls = [((x[:1, :1].copy(), w[:1, :1].copy()), {"x_zero_point": 1}), ((x, w), {})]
    monkeypatch.setattr(checking, "samples", lambda op: iter(calls))
    lacks = "unexpected keyword argument 'x_zero_point'"
    assert lacks in str(wrong(lambda x, w: RIGHT(x, w), states=False))
    assert lacks not in str(wrong(lambda x, w: RIGHT(x, w) + np.int32(x.shape[1] > 9), states=False))

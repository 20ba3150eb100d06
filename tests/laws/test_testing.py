"""The tests' own tests: check catches every planted bug and passes every right kernel, guard pages guard, samples
cover."""

import mmap
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from refcompress import formats, ops, reference, testing
from refcompress.agreement import Disagreement, NoBound, same_cost
from refcompress.errors import RefcompressError
from refcompress.testing import checking, guarded, layouts, planted


def _ids(table):
    return [pytest.param(op, function, id=f"{op}: {name}") for name, op, function in table]


@pytest.mark.parametrize("op, function", _ids(planted.WRONG))
def test_the_samples_alone_catch_every_planted_bug(op, function):
    with pytest.raises(Disagreement, match=f"^{op}: (.|\n)* on \\("):
        testing.check(op, function, examples=0, isolate=False, explain=False)


@pytest.mark.parametrize("op, function", _ids(planted.RIGHT))
def test_right_kernels_in_other_orders_pass(op, function):
    assert testing.check(op, function, examples=10, isolate=False, states=False).inputs > 500


# One for each kind of result; the others' sizes or values are not those that Hypothesis draws in a moment.
FOUND = ("u8 taken as s8", "NaN replaced", "zero point ignored", "-0.0 lost", "ties to the highest index", "truncation",
         "sign of u flipped", "codes not canonical", "big-endian words")


@pytest.mark.parametrize("op, function", _ids(row for row in planted.WRONG if row[0] in FOUND))
def test_hypothesis_alone_finds_ordinary_bugs(op, function, no_samples):
    with pytest.raises(Disagreement, match=f"^{op}: "):
        testing.check(op, function, examples=200, isolate=False, explain=False)


def test_what_the_search_finds_is_made_as_small_as_can_be(no_samples):
    with pytest.raises(Disagreement) as caught:
        testing.check("gemm_s8s8", dict((n, f) for n, _, f in planted.WRONG)["-128 taken as -127"], examples=200)
    assert "on (array of int8[1, 1] [[-128]],\n      array of int8[1, 1] [[1]])" in str(caught.value)


@pytest.fixture
def no_samples(monkeypatch):
    monkeypatch.setattr(checking, "samples", lambda op: ())


def test_an_exception_on_a_valid_input_is_a_disagreement():
    with pytest.raises(Disagreement, match="raised ZeroDivisionError on a valid input") as caught:
        testing.check("gemm_s8s8", lambda x, w: 1 // 0, examples=0, isolate=False)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_result_that_comes_and_goes_is_a_disagreement():
    rng = np.random.default_rng(0)
    with pytest.raises(Disagreement, match="second call on the same input differs"):
        testing.check("gemm_s8s8", lambda x, w: reference.gemm_s8s8(x, w) + np.int32(rng.random() < 0.01), examples=0,
                      isolate=False, explain=False)


def _silent(x, w):
    return reference.gemm_s8s8(np.asarray(x, np.int8), w)


def _other_class(x, w):
    try:
        return reference.gemm_s8s8(x, w)
    except RefcompressError as error:
        raise RefcompressError(error.argument, error.rule) from None


def _other_argument(x, w):
    try:
        return reference.gemm_s8s8(x, w)
    except RefcompressError as error:
        raise type(error)("w", error.rule) from None


@pytest.mark.parametrize("function", [_silent, _other_class, _other_argument])
def test_refusals_must_have_the_class_and_the_argument_of_the_reference(function):
    testing.check("gemm_s8s8", function, examples=0, isolate=False)  # a raw kernel need not refuse
    with pytest.raises(Disagreement, match="expected .*Error about "):
        testing.check("gemm_s8s8", function, examples=0, refusals=True, isolate=False)


def test_an_unknown_operation_is_refused_by_name():
    with pytest.raises(RefcompressError, match="op: must be one of prune_magnitude, "):
        testing.check("gemm", reference.gemm_s8s8)


def test_a_check_that_could_judge_nothing_does_not_pass(monkeypatch):
    huge = np.float32([[3e38]])
    monkeypatch.setattr(checking, "samples",
                        lambda op: [((reference.csr_from_dense(huge), huge), {})])
    with pytest.raises(NoBound):
        testing.check("csr_matmul", reference.csr_matmul, examples=0, isolate=False)


def test_another_rule_admits_another_optimum():
    def ties_reversed(counts, **kwargs):
        return reference.huffman_lengths(counts[::-1], **kwargs)[::-1].copy()

    testing.check("huffman_lengths", ties_reversed, rule=same_cost, examples=20, isolate=False)
    testing.check("share_kmeans", reference.share_kmeans, rule=same_cost, examples=20, isolate=False)
    with pytest.raises(Disagreement, match="bits"):
        testing.check("huffman_lengths", lambda counts, **kwargs: _balanced(counts), rule=same_cost, examples=0,
                      isolate=False, explain=False)


def _balanced(counts):
    """All lengths equal, as far as that fills the code space: right for equal counts only."""
    used = counts > 0
    return reference.huffman_lengths(used.astype(np.int64))


@pytest.mark.parametrize("op", ["gemm_s8s8", "gemm_u8s8", "gemm_f32s8", "csr_matmul"])
def test_every_length_of_each_dimension_ends_at_a_guard_page(op):
    seen = (set(), set(), set())
    for (a, b), _ in testing.samples(op):
        m, k = a.shape
        n = b.shape[1] if op == "csr_matmul" else b.shape[0]
        if not guarded.available() or all(_ends_at_page(array) for array in testing.arrays_of((a, b))):
            for sizes, size in zip(seen, (m, k, n)):
                sizes.add(size)
    assert all(sizes >= set(range(68)) for sizes in seen)


def _ends_at_page(a):
    return (a.ctypes.data + a.nbytes) % mmap.PAGESIZE == 0


@pytest.mark.parametrize("op", ops.OPS)
def test_samples_are_the_same_every_time(op):
    for (first, _), (second, _) in zip(testing.samples(op), testing.samples(op)):
        for a, b in zip(testing.arrays_of(first), testing.arrays_of(second), strict=True):
            assert a.tobytes() == b.tobytes() and a.dtype == b.dtype and a.strides == b.strides


@pytest.mark.parametrize("layout", layouts.LAYOUTS, ids=lambda layout: layout.__name__)
def test_a_layout_moves_values_and_changes_none(layout):
    for shape in ((), (0,), (7,), (3, 5), (2, 3, 4)):
        a = np.random.default_rng(0).integers(0, 256, shape, np.uint16)
        moved = layout(a)
        assert moved.dtype == a.dtype.newbyteorder("S") if layout is layouts.swapped else moved.dtype == a.dtype
        assert np.array_equal(moved, a) and not np.shares_memory(moved, a)


def test_odd_layouts_are_odd():
    a = np.ones((3, 5), np.float32)
    assert np.isnan(layouts.strided(a).base[0, 1])
    assert all(stride < 0 for stride in layouts.reversed_(a).strides)
    assert not layouts.unaligned(a).flags.aligned
    assert not layouts.fortran(a).flags.c_contiguous
    assert not layouts.read_only(a).flags.writeable


@pytest.mark.skipif(not guarded.available(), reason="needs mprotect")
def test_a_format_is_guarded_by_field_and_still_frozen():
    code = reference.huffman_code(np.uint8([1, 2, 2]))
    placed = layouts.place(reference.huffman_encode(np.uint8([0, 1, 2]), code), layouts.page_end)
    assert type(placed) is formats.Encoded
    assert all(_ends_at_page(a) and not a.flags.writeable for a in testing.arrays_of(placed))


@pytest.mark.skipif(not guarded.available(), reason="needs mprotect")
@pytest.mark.parametrize("touch, dies", [
    ("ctypes.string_at(end.ctypes.data, 12)", False),
    ("ctypes.string_at(end.ctypes.data, 13)", True),
    ("ctypes.string_at(begin.ctypes.data, 12)", False),
    ("ctypes.string_at(begin.ctypes.data - 1, 1)", True),
    ("ctypes.memset(begin.ctypes.data, 1, 12)", False),
    ("ctypes.memset(locked.ctypes.data, 1, 12)", True),
    ("ctypes.string_at(empty.ctypes.data, 1)", True),
])
def test_one_byte_outside_a_guarded_array_kills_the_process(touch, dies):
    code = ("import ctypes, numpy as np; from refcompress.testing import checking, guarded; a = np.float32([1, 2, 3]); "
            "end, begin = guarded.ends_at_guard(a), guarded.begins_at_guard(a); "
            "locked, empty = guarded.ends_at_guard(a, readonly=True), guarded.ends_at_guard(a[:0]); " + touch)
    status = subprocess.run([sys.executable, "-c", code]).returncode
    assert status in ((-signal.SIGSEGV, -signal.SIGBUS) if dies else (0,))


def test_samples_and_guards_need_numpy_alone():
    code = ("import sys; sys.modules['hypothesis'] = None; from refcompress import errors, reference, testing\n"
            "assert testing.check('gemm_s8s8', reference.gemm_s8s8, examples=0).isolated\n"
            "try: testing.check('gemm_s8s8', reference.gemm_s8s8)\n"
            "except errors.MissingExtra as error: assert 'examples=0' in str(error)\n"
            "else: raise AssertionError('passed without Hypothesis')")
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_what_an_implementation_lacks_comes_from_the_reference_and_is_labelled_so():
    mine = SimpleNamespace(__name__="mine", gemm_s8s8=len)
    assert ops.implementation_of(mine, "gemm_s8s8") == (len, "mine")
    assert ops.implementation_of(mine, "gemm_u8s8") == (reference.gemm_u8s8, "reference")
    assert ops.implementation_of(reference, "gemm_u8s8") == (reference.gemm_u8s8, "reference")
    with pytest.raises(RefcompressError, match="must be one of"):
        ops.implementation_of(mine, "gemm")

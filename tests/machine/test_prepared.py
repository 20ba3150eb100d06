"""Prepared calls: the same result as the checked ones, from what stands in the arrays when they are made."""

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implementations import NATIVE, each, need_native

from refcompress import ArgumentTypeError, LowRank, LowRankSparse, Quantized, RefcompressError, reference, same

native = need_native()

from refcompress.native._kernels import lib  # noqa: E402

from refcompress.native import threads  # noqa: E402

every_space = each("space", NATIVE)
COLUMNS = ("csr_matmul", "sparse_matmul", "lowrank_matmul", "lowrank_sparse_matmul")  # of x, behind the weight
OPS = (*COLUMNS, "gemm_s8s8", "gemm_u8s8", "gemm_f32s8", "gemm_f32f32", "gemm_f32mixed", "sparse_s8s8")
every_op = pytest.mark.parametrize("op", OPS)
SIZES = [0, 1, 7, 8, 33, 65]
LONG = 300  # so wide a square takes more than threads.SERIAL_SECONDS at any kernel's speed


def operands(op: str, m: int, n: int, k: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    if op in COLUMNS:
        w, x = (rng.standard_normal(shape, dtype=np.float32) for shape in ((m, k), (k, n)))
        mask, r = rng.random(w.shape) < 0.3, min(m, k, 3)
        low = LowRank(w[:, :r], np.ones(r, np.float32), rng.standard_normal((r, k), dtype=np.float32))
        sparse = reference.csr_from_dense(w, mask) if seed % 2 or op == "csr_matmul" else None
        sparse = sparse or reference.sparse_bitmask_pack(w, mask)
        return [{"lowrank_matmul": low, "lowrank_sparse_matmul": LowRankSparse(low, sparse)}.get(op, (
            reference.sparse_bitmask_pack(w, mask) if op == "sparse_matmul" else sparse)), x]
    if op == "gemm_f32mixed":
        w = rng.standard_normal((n, k), dtype=np.float32)
        axis = seed % 2
        return [rng.standard_normal((m, k), dtype=np.float32),
                reference.allocate_mixed(w, rng.random(w.shape[axis]) < 0.3, axis=axis)]
    if op == "sparse_s8s8":
        w = Quantized(rng.integers(-128, 128, (n, k), np.int8), np.full((1, 1), 0.5, np.float32),
                      np.zeros((1, 1), np.int8))
        return [rng.integers(-128, 128, (m, k), np.int8), rng.random(m, np.float32) + np.float32(0.5),
                reference.sparse_bitmask_pack(w, rng.random(w.shape) < 0.3), rng.standard_normal(n, dtype=np.float32)]
    if op == "gemm_f32s8":
        w = rng.standard_normal((n, k), dtype=np.float32)
        return [rng.standard_normal((m, k), dtype=np.float32), reference.quantize_s8(w, axis=0)]
    if op == "gemm_f32f32":
        return [rng.standard_normal(shape, dtype=np.float32) for shape in ((m, k), (n, k))]
    low, dtype = (0, np.uint8) if op == "gemm_u8s8" else (-128, np.int8)
    return [rng.integers(low, low + 256, (m, k)).astype(dtype), rng.integers(-128, 128, (n, k)).astype(np.int8)]


@every_op
@given(st.sampled_from(SIZES), st.sampled_from(SIZES), st.sampled_from(SIZES), st.integers(0, 2**32 - 1))
def test_a_prepared_call_has_the_bits_of_a_checked_one(op, m, n, k, seed):
    args = operands(op, m, n, k, seed)
    for space in NATIVE:
        function = getattr(space, op)
        again = function.prepare(*args)
        assert same(again(), function(*args)) and again() is again()


@every_space
@every_op
def test_a_long_one_is_shared_among_threads_and_has_the_same_bits(space, op):
    args = operands(op, LONG, LONG, LONG)
    before = threads.get()
    try:
        threads.set(2)
        assert same(getattr(space, op).prepare(*args)(), getattr(space, op)(*args))
    finally:
        threads.set(before)


@every_space
@every_op
@pytest.mark.parametrize("size", [8, LONG])
def test_each_call_reads_what_stands_in_x_then(space, op, size):
    args = operands(op, size, size, size)
    function, x = getattr(space, op), args[op in COLUMNS]
    again = function.prepare(*args)
    first = again().copy()
    x[:] = x[::-1].copy()
    assert same(again(), function(*args)) and not same(again(), first)


@every_op
def test_the_operands_live_as_long_as_the_call(op):
    expected = getattr(native, op)(*operands(op, 65, 33, 8))
    calls = [getattr(native, op).prepare(*operands(op, 65, 33, 8)) for _ in range(20)]
    gc.collect()
    filling = [np.full(65 * 33, 77, np.float32) for _ in range(100)]  # where freed memory would be
    assert all(same(again(), expected) for again in calls) and len(filling) == 100


@every_op
def test_what_would_have_to_be_copied_is_refused_by_name(op):
    args = operands(op, 9, 8, 7)
    where = int(op in COLUMNS)
    x = args[where]
    for odd in [np.asfortranarray(x), x[::-1]] + [x.astype(x.dtype.newbyteorder())] * (x.itemsize > 1):
        with pytest.raises(RefcompressError) as caught:
            getattr(native, op).prepare(*args[:where], odd, *args[where + 1 :])
        assert caught.value.argument == "x"
    with pytest.raises(ArgumentTypeError):
        getattr(native, op).prepare(*args[:where], args[where].astype(np.float64), *args[where + 1 :])


def test_a_callers_own_kernel_can_be_prepared():
    own = native.wrap("gemm_s8s8", lib.rc_kernels_at(0).gemm_s8s8)
    args = operands("gemm_s8s8", 3, 4, 5)
    assert same(own.prepare(*args)(), reference.gemm_s8s8(*args))

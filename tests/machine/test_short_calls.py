"""Short products by a weight that was seen before: the bits of the first call, and its refusals."""

import gc

import numpy as np
import pytest
from implementations import NATIVE, each, need_native

from refcompress import LowRank, LowRankSparse, Quantized, RefcompressError, Shared, reference
from refcompress.agreement import exactly
from refcompress.formats import Format
from refcompress.testing.layouts import LAYOUTS, place

native = need_native()

from refcompress.native import _call  # noqa: E402

F, S8, S32 = np.float32, np.int8, np.int32
M, N, K = 5, 6, 8


def drawn(seed: int = 0) -> dict[str, list[tuple]]:
    """Return for each product its arguments, of several weights; the first array is x."""
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal((M, K), F), rng.standard_normal((N, K), F)
    ints, scales, bias = rng.integers(-128, 128, (M, K), S8), rng.random(M, F) + F(0.5), rng.standard_normal(N, F)
    mask = np.arange(N * K).reshape(N, K) % 4 < 2
    codes = rng.integers(0, 7, (N, K)).astype(np.uint8)
    books = [Shared(codes, rng.standard_normal(shape, F), group)
             for shape, group in ((7, None), ((N, 1, 7), None), ((N, 2, 7), 4))]
    whole, grouped = reference.quantize_s8(w, axis=0), reference.quantize_s8(w, group=4)
    skewed = Quantized(whole.values, whole.scale, np.full((N, 1), 3, S8))
    grid = reference.quantize_s8(w, bits=4, group=4)
    four = [reference.quantize_pack(q, bits=4) for q in (reference.quantize_s8(w, bits=4, axis=0), grid, Quantized(
        grid.values, grid.scale, np.full_like(grid.zero_point, 3), 4))]
    layer = [rng.integers(-999, 999, N).astype(S32), rng.integers(2**30, 2**31 - 1, N).astype(S32), np.full(N, 7, S32)]
    columns = np.ascontiguousarray(x.T)
    csr, low = reference.csr_from_dense(w, mask), LowRank(w[:, :2], np.ones(2, F), x[:2])
    kept = [reference.sparse_bitmask_pack(w, mask), reference.sparse_nm_pack(w, mask), reference.sparse_bsr_pack(
        w, mask, block=(2, 4)), reference.sparse_bitmask_pack(whole, mask)]
    return {
        "gemm_s8s4": [(ints, scales, w) for w in four],
        "gemm_s8lut4": [(ints, scales, w) for w in books],
        "gemm_s8s8_scaled": [(ints, scales, w, b) for w in (whole, grouped, skewed) for b in (None, bias)],
        "gemm_s8s8_requantized": [(ints, whole.values, *layer)],
        "sparse_s8s8": [(ints, scales, kept[3], b) for b in (None, bias)],
        "gemm_f32mixed": [(x, reference.allocate_mixed(w, mask.any(axis=1 - axis) & (np.arange(w.shape[axis]) < 3),
                                                       axis=axis)) for axis in (0, 1)],
        "csr_matmul": [(csr, columns)],
        "sparse_matmul": [(a, columns) for a in kept],
        "lowrank_matmul": [(low, columns)],
        "lowrank_sparse_matmul": [(LowRankSparse(low, a), columns) for a in (csr, kept[0], kept[1])],
    }


CASES = drawn()
every_op = pytest.mark.parametrize("op", CASES)


def weight_of(args) -> int:
    """Return which argument is the weight: the format, or else the second array."""
    return next((i for i, arg in enumerate(args) if isinstance(arg, Format)), 1)


@each("space", NATIVE)
@every_op
def test_each_call_has_the_bits_of_the_first_prepared_or_not_in_every_layout(space, op):
    function = getattr(space, op)
    for args in drawn()[op]:
        where = weight_of(args)
        first = function(*args)
        for kind in (args[where], native.prepare(args[where], op)):
            for layout in LAYOUTS:
                placed = [kind if i == where else place(arg, layout) for i, arg in enumerate(args)]
                exactly(first, function(*placed))
                exactly(first, function(*placed))


def wrong(op: str, args):
    """Yield the number of an argument, and what it must not be."""
    for i, arg in enumerate(args):
        if i == weight_of(args) or arg is None:
            continue
        yield i, arg.astype(np.complex64)
        yield i, arg[:-1] if i or op.endswith("_matmul") else arg[:, :-1]
        yield i, arg[..., None]
        if op in ("gemm_s8s4", "gemm_s8lut4", "gemm_s8s8_scaled", "sparse_s8s8") and i == 1:
            for value in (0, np.nan, np.inf, 1e-39):
                yield i, np.append(arg[:-1], F(value))
        if op == "gemm_s8s8_requantized" and i > 1:
            bad = ((-(2**31), 2**31 - 1), (-1,), (-31, 32))[i - 2]
            for value in bad:
                yield i, np.append(arg[:-1], S32(value))


@each("space", NATIVE)
@every_op
def test_what_the_first_call_refuses_the_second_refuses_too(space, op):
    function = getattr(space, op)
    for args in CASES[op]:
        function(*args)
        for i, value in wrong(op, args):
            with pytest.raises(RefcompressError):
                function(*args[:i], value, *args[i + 1 :])
    if op == "gemm_s8s8_requantized":
        for how in ({"zero_point": 128}, {"lowest": 5, "highest": 4, "zero_point": 5}, {"lowest": 1}, {"highest": 1.5}):
            with pytest.raises(RefcompressError):
                function(*CASES[op][0], **how)


@each("space", NATIVE)
def test_arrays_without_elements_are_aligned_wherever_they_begin(space):
    odd = np.ndarray(0, S32, buffer=bytearray(1), offset=1)
    x, w = np.zeros((3, 4), S8), np.zeros((0, 4), S8)
    assert space.gemm_s8s8_requantized(x, w, odd, odd, odd).shape == (3, 0)


def test_what_is_kept_of_a_weight_goes_with_it():
    before = {make: set(made) for make, made in _call._kept.items()}
    for op, calls in drawn().items():
        for args in calls:
            getattr(native, op)(*args)
    del calls, args
    gc.collect()
    assert {make: set(made) for make, made in _call._kept.items() if make in before} == before

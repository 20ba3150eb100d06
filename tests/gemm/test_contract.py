"""The order of the sums that reference/gemm/contract.py writes out gives the bits that every native product returns."""

import ctypes
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implementations import NATIVE, each

import refcompress as rc
from refcompress import agreement, reference, testing
from refcompress.formats import Plain, Quantized, Shared
from refcompress.ops import OPS
from refcompress.reference.gemm.contract import CONTRACT_SUMS, f32f32_sums, f32s8_sums, fma

ANY = st.floats(width=32)


@given(st.lists(st.tuples(ANY, ANY, ANY), min_size=1, max_size=20))
def test_the_fused_multiply_add_is_that_of_the_c_library(triples):
    fmaf = ctypes.CDLL(None).fmaf
    fmaf.restype, fmaf.argtypes = ctypes.c_float, [ctypes.c_float] * 3
    a, b, c = np.float32(triples).T
    agreement.exactly(np.float32([fmaf(*triple) for triple in triples]), fma(a, b, c))


def test_the_fused_multiply_add_rounds_once_where_rounding_twice_would_differ():
    # a b = 2**-24 - 2**-70: with c the sum is just below a tie, float64 rounds it to the tie, and the tie goes up to
    # even.
    a, b, c = np.float32(2.0**-12 * (1 + 2.0**-23)), np.float32(2.0**-12 * (1 - 2.0**-23)), np.float32(1 + 2.0**-23)
    assert np.float32(float(a) * float(b) + float(c)) == 1 + 2.0**-22
    assert fma(a, b, c) == c


@pytest.mark.parametrize("op", CONTRACT_SUMS)
@each("space", NATIVE)
def test_every_native_product_has_the_bits_of_the_order_that_is_written_out(op, space):
    # A prime step, so that all lengths and all kinds of input take part in turn.
    for args, kwargs in itertools.islice(testing.samples(op), 0, None, 7):
        if all(a.dtype.isnative for a in testing.arrays_of(args)):
            agreement.exactly(CONTRACT_SUMS[op](*args, **kwargs), getattr(space, op)(*args, **kwargs))


@each("space", NATIVE)
@pytest.mark.parametrize("k", [1, 7, 8, 15, 16, 17, 24, 31, 32, 33, 48, 600])
def test_a_product_that_underflows_from_below_is_plus_zero_at_every_length(space, k):
    x, w = np.full((9, k), -1e-30, np.float32), np.full((7, k), 1e-30, np.float32)
    halves = reference.floats_encode(w, "bfloat16")
    narrow = Plain(halves, "bfloat16")
    for op, args in (("gemm_f32f32", (x, w)), ("gemm_f32bf16", (x, narrow)),
                     ("gemm_f32lut4", (x, Shared(np.zeros((7, k), np.uint8), w[0, :1]))),
                     ("gemm_bf16bf16", (reference.floats_encode(x, "bfloat16"), halves))):
        got = getattr(space, op)(*args)
        agreement.exactly(np.zeros((9, 7), np.float32), got)
        assert not np.signbit(got).any(), op
        agreement.exactly(CONTRACT_SUMS[op](*args), got)


@each("space", NATIVE)
@pytest.mark.parametrize("k, group", [(0, None), (1, None), (17, None), (67, 32), (40, 1), (33, 16), (130, 100)])
def test_the_order_holds_for_groups_of_all_lengths_on_data_that_every_order_rounds(space, k, group):
    rng = np.random.default_rng(k)
    shape = (5, 1 if group is None else -(-k // group))
    w = Quantized(rng.integers(-128, 128, (5, k)).astype(np.int8), rng.uniform(0.5, 2, shape).astype(np.float32),
                  rng.integers(-128, 128, shape).astype(np.int8), group)
    x = rng.standard_normal((4, k), dtype=np.float32)
    agreement.exactly(f32s8_sums(x, w), space.gemm_f32s8(x, w))
    for transposed in (False, True):
        dense = np.ascontiguousarray(w.dense().T if transposed else w.dense())
        got = space.gemm_f32f32(x, dense, transposed=transposed)
        agreement.exactly(f32f32_sums(x, dense, transposed=transposed), got)
    OPS["gemm_f32s8"].rule(reference.gemm_f32s8(x, w), f32s8_sums(x, w), (x, w))


@each("space", NATIVE)
@pytest.mark.parametrize("n, k, transposed", [(1030, 4099, False), (4099, 1030, True), (13, 4104, False),
                                              (5000, 7, True)])
def test_one_row_by_weights_that_fill_the_caches_has_the_bits_of_the_contract(space, n, k, transposed):
    """Rows are read in whole then, and columns in pieces of 4,096; from 2**22 weights on what follows is asked for."""
    rng = np.random.default_rng(n)
    x = rng.standard_normal((1, k), dtype=np.float32)
    w = rng.standard_normal((k, n) if transposed else (n, k), dtype=np.float32)
    agreement.exactly(f32f32_sums(x, w, transposed=transposed), space.gemm_f32f32(x, w, transposed=transposed))


@each("space", NATIVE)
@pytest.mark.parametrize("m, n, k", [(64, 1, 1), (64, 5, 0), (65, 7, 513), (130, 19, 1100), (257, 40, 512),
                                     (97, 36, 31)])
def test_many_rows_of_inputs_have_the_bits_of_a_few_at_a_time(space, m, n, k):
    """Many rows are multiplied by packed blocks of weights, and a few are not."""
    rng = np.random.default_rng([m, n, k])
    x, w = (rng.standard_normal((rows, k), dtype=np.float32) * 10 for rows in (m, n))
    if k > 1:  # what a row holds stays in its own results
        x[m // 2, k - 1], w[n - 1, k // 2], w[0, k - 1] = np.nan, np.inf, -np.inf
    with np.errstate(invalid="ignore"):
        few = np.concatenate([space.gemm_f32f32(x[i : i + 21], w) for i in range(0, m, 21)])
        assert rc.same(space.gemm_f32f32(x, w), few)

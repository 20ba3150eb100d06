"""The chains of gemm_bf16bf16, as the instruction VDPBF16PS computes them: their order, flushing, signs of zero."""

import numpy as np
import pytest
from implementations import EVERYONE, NATIVE, each

from refcompress import agreement, reference
from refcompress.formats import Plain
from refcompress.reference.gemm.contract import bf16_sums, flushed_fma

F = np.float32


def patterns(*rows):
    return reference.floats_encode(F(rows), "bfloat16")


def sums(space):
    """Return the product of a native implementation, or the sums that are written out."""
    return bf16_sums if space is reference else space.gemm_bf16bf16


@pytest.mark.parametrize("eighths", range(1, 17))
def test_a_result_is_flushed_if_it_is_subnormal_after_it_was_rounded_to_24_bits(eighths):
    """2**-126 less eighths of 2**-150: a tie, at four of them, goes to 2**-126; beyond it the result is flushed."""
    got = flushed_fma(F(-(2.0**-76)), F(eighths * 2.0**-77), F(2.0**-126))
    assert got == (2.0**-126 if eighths <= 4 else 0)
    x, w = np.zeros((1, 34), F), np.zeros((1, 34), F)
    (x[0, 0], w[0, 0]), (x[0, 32], w[0, 32]) = (2.0**-63, 2.0**-63), (-(2.0**-76), eighths * 2.0**-77)
    for space in EVERYONE:
        assert sums(space)(patterns(*x), patterns(*w))[0, 0] == got


@each("space", EVERYONE)
def test_of_a_pair_the_second_comes_first(space):
    x, w = np.zeros((1, 34), F), np.ones((1, 34), F)
    w[0, 0], x[0, 0], x[0, 32], x[0, 33] = 2.0**63, 1.5 * 2.0**64, -(2.0**127), 2.0**127
    assert sums(space)(patterns(*x), patterns(*w))[0, 0] == np.inf
    x[0, 32], x[0, 33] = x[0, 33], x[0, 32]
    assert sums(space)(patterns(*x), patterns(*w))[0, 0] == 1.5 * 2.0**127


@each("space", EVERYONE)
@pytest.mark.parametrize("k", [16, 31, 32, 33, 63, 64])
def test_a_zero_is_plus_zero_where_all_products_are_flushed_to_minus_zero(space, k):
    x, w = np.full((1, k), -(2.0**-70), F), np.full((1, k), 2.0**-70, F)
    y = sums(space)(patterns(*x), patterns(*w))[0, 0]
    assert y == 0 and not np.signbit(y)


@each("space", EVERYONE)
def test_subnormal_inputs_are_zeros_also_beside_infinity(space):
    product = space.gemm_bf16bf16
    x, w = np.uint16([[0x007F, 0x8001]]), np.uint16([[0x7F00, 0x7F00], [0x7F80, 0]])
    assert np.array_equal(product(x, w), F([[0, np.nan]]), equal_nan=True)
    assert np.array_equal(product(w, x), F([[0], [np.nan]]), equal_nan=True)


@each("space", NATIVE)
@pytest.mark.parametrize("m, n, k", [(0, 2, 5), (2, 0, 5), (2, 3, 0), (0, 0, 0)])
def test_the_chains_of_nothing_are_zeros(space, m, n, k):
    x, w = np.ones((m, k), np.uint16), np.ones((n, k), np.uint16)
    agreement.exactly(np.zeros((m, n), F), bf16_sums(x, w))
    agreement.exactly(np.zeros((m, n), F), space.gemm_bf16bf16(x, w))


@each("space", NATIVE)
@pytest.mark.parametrize("k", [1, 31, 64, 97, 1600])
def test_the_bits_are_those_of_the_chains_around_underflow_and_on_any_patterns(space, k):
    rng = np.random.default_rng(k)
    around = (rng.integers(0, 2, (7, k)) << 15 | rng.integers(60, 67, (7, k)) << 7 | rng.integers(0, 128, (7, k)))
    for a in (around.astype(np.uint16), rng.integers(0, 2**16, (7, k)).astype(np.uint16)):
        x, w = a[:3], a[3:]
        agreement.exactly(bf16_sums(x, w), space.gemm_bf16bf16(x, w))
        agreement.exactly(bf16_sums(x, w), space.gemm_bf16bf16(Plain(x, "bfloat16"), Plain(w, "bfloat16")))


@each("space", NATIVE)
def test_a_row_has_the_same_bits_among_few_and_among_many(space):
    """Few rows read the weights where they are; many have them packed, in passes of equal height."""
    rng = np.random.default_rng(0)
    x, w = (reference.floats_encode(rng.standard_normal(shape, F), "bfloat16") for shape in ((131, 1700), (13, 1700)))
    whole = space.gemm_bf16bf16(x, w)
    for start, stop in ((0, 1), (3, 11), (60, 85), (64, 131)):
        agreement.exactly(whole[start:stop], space.gemm_bf16bf16(x[start:stop], w))

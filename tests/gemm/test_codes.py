"""gemm_s8s4 and gemm_s8lut4: integer sums of groups, and one chain of fused multiply-adds in float32."""

import math

import numpy as np
import pytest
from implementations import EVERYONE, each

import refcompress as rc
from refcompress import LimitError

RNG = np.random.default_rng(4)


def _by_definition(x, x_scale, steps, scale, group):
    """The formula an element at a time, the chain in exact rationals rounded once a step."""
    from fractions import Fraction

    y = np.zeros((len(x), len(steps)), np.float32)
    for i in range(len(x)):
        for j in range(len(steps)):
            total = np.float32(0)
            for g, first in enumerate(range(0, x.shape[1], group)):
                acc = sum(int(a) * int(b) for a, b in zip(x[i, first : first + group], steps[j, first : first + group],
                                                          strict=True))
                exact = Fraction(float(np.float32(acc))) * Fraction(float(scale[j, g])) + Fraction(float(total))
                total = _nearest(exact)
            y[i, j] = total * x_scale[i]
    return y


def _nearest(exact) -> np.float32:
    """The float32 nearest to a rational, ties to even: two doubles of it decide, since a double may be a tie."""
    guess = np.float32(float(exact))
    around = sorted((np.nextafter(guess, np.float32(-np.inf)), guess, np.nextafter(guess, np.float32(np.inf))),
                    key=lambda v: (abs(exact.__class__(float(v)) - exact), int(v.view(np.uint32)) & 1))
    return around[0]


@each("space", EVERYONE)
def test_s8s4_is_its_formula_element_by_element(space):
    x, x_scale = RNG.integers(-128, 128, (2, 70)).astype(np.int8), RNG.uniform(0.5, 2, 2).astype(np.float32)
    scale, zero_point = RNG.uniform(0.5, 2, (3, 3)).astype(np.float32), RNG.integers(-8, 8, (3, 3)).astype(np.int8)
    q = rc.Quantized(RNG.integers(-8, 8, (3, 70)).astype(np.int8), scale, zero_point, 32)
    steps = q.values.astype(int) - np.repeat(zero_point, 32, axis=1)[:, :70]
    assert rc.same(space.gemm_s8s4(x, x_scale, rc.quantize_pack(q)), _by_definition(x, x_scale, steps, scale, 32))


@each("space", EVERYONE)
def test_s8lut4_multiplies_by_the_codebook_as_quantize_s8_has_it(space):
    codes, codebook = RNG.integers(0, 16, (5, 50)).astype(np.uint8), RNG.standard_normal(16).astype(np.float32)
    x, x_scale = RNG.integers(-128, 128, (3, 50)).astype(np.int8), RNG.uniform(0.5, 2, 3).astype(np.float32)
    q = rc.quantize_s8(codebook[None], axis=0)
    expected = _by_definition(x, x_scale, q.values[0][codes], np.broadcast_to(q.scale, (5, 1)), 50)
    assert rc.same(space.gemm_s8lut4(x, x_scale, rc.Shared(codes, codebook)), expected)


@each("space", EVERYONE)
def test_the_largest_sums_are_exact(space):
    k = 4096  # -128 * -15 * 4096 is below 2**23
    x, values = np.full((1, k), -128, np.int8), np.full((1, k), -8, np.int8)
    w = rc.quantize_pack(rc.Quantized(values, np.ones((1, 1), np.float32), np.full((1, 1), 7, np.int8)))
    assert space.gemm_s8s4(x, np.ones(1, np.float32), w).item() == 128 * 15 * k


@each("space", EVERYONE)
def test_a_group_whose_sums_could_leave_int32_is_refused(space):
    k = 132_105
    w = rc.Shared(np.zeros((1, k), np.uint8), np.ones(1, np.float32))
    with pytest.raises(LimitError, match="^w: must have at most 132104 inputs in a group"):
        space.gemm_s8lut4(np.zeros((1, k), np.int8), np.ones(1, np.float32), w)
    groups = rc.Shared(w.codes, np.ones((1, 2, 1), np.float32), group=math.ceil(k / 2))
    assert space.gemm_s8lut4(np.ones((1, k), np.int8), np.ones(1, np.float32), groups).shape == (1, 1)

"""Sums of integers back to integers: a multiplier and a shift for each scale, and rounding by a rule that is named."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implementations import BOTH, each

import refcompress as rc
from refcompress import RefcompressError


@given(scale=st.one_of(st.floats(2.0**-32, 2.0**30, exclude_max=True),
                       st.sampled_from([math.nextafter(1, 0), 2.0**-32, math.nextafter(2.0**30, 0)])))
def test_a_multiplier_is_its_scale_to_31_bits(scale):
    multiplier, shift = (a.item() for a in rc.quantize_multiplier(scale))
    assert 2**30 <= multiplier < 2**31 and -30 <= shift <= 31
    got = Fraction(multiplier, 2**31) / Fraction(2) ** shift
    assert abs(got - Fraction(scale)) <= Fraction(scale) / 2**31


def rounded(value: Fraction, rounding: str) -> int:
    away = math.floor(abs(value) + Fraction(1, 2))
    return round(value) if rounding == "half_even" else away if value > 0 else -away


@each("impl", BOTH)
def test_an_array_without_axes_is_requantized_to_an_array_without_axes(impl):
    got = impl.requantize_s32(np.array(1000, np.int32), 2**30, 3)
    assert type(got) is np.ndarray and got.shape == () and got.dtype == np.int8 and got == round(1000 / 16)


@given(x=st.integers(-(2**31), 2**31 - 1) | st.integers(-300, 300),
       multiplier=st.integers(0, 2**31 - 1) | st.just(2**30), shift=st.integers(-30, 31),
       zero_point=st.integers(-128, 127), rounding=st.sampled_from(["half_even", "half_away"]))
def test_requantization_is_the_exact_quotient_rounded_once(x, multiplier, shift, zero_point, rounding):
    got = rc.requantize_s32(np.int32([x]), multiplier, shift, zero_point=zero_point, rounding=rounding)
    exact = Fraction(x * multiplier, 2 ** (31 + shift))
    assert got.dtype == np.int8 and got.item() == min(127, max(-128, rounded(exact, rounding) + zero_point))


def gemmlowp(x: int, multiplier: int, shift: int) -> int:
    """fixedpoint.h's two functions, with C's division and shifts."""
    product = x * multiplier
    nudge = 2**30 if product >= 0 else 1 - 2**30
    high = int(math.copysign(abs(product + nudge) // 2**31, product + nudge))
    mask = 2**shift - 1
    threshold = (mask >> 1) + (high < 0)
    return (high >> shift) + ((high & mask) > threshold)


@given(x=st.integers(-(2**31), 2**31 - 1) | st.integers(-3000, 3000), shift=st.integers(0, 31),
       multiplier=st.integers(2**30, 2**31 - 1) | st.just(2**30))
def test_gemmlowp_is_gemmlowp(x, multiplier, shift):
    got = rc.requantize_s32(np.int32([x]), multiplier, shift, rounding="gemmlowp", bits=16)
    assert got.item() == min(32767, max(-32768, gemmlowp(x, multiplier, shift)))


def test_an_integer_layer_is_the_real_one_to_half_a_step():
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((5, 64), np.float32), rng.standard_normal((7, 64), np.float32)
    qx, qw = rc.quantize_s8(x), rc.quantize_s8(w, axis=0)
    real = qx.dense().astype(np.float64) @ qw.dense().T.astype(np.float64)
    scale_y = float(np.abs(real).max() / 127)
    multiplier, shift = rc.quantize_multiplier(qw.scale.T.astype(np.float64) * float(qx.scale.item()) / scale_y)
    y = rc.requantize_s32(rc.gemm_s8s8(qx.values, qw.values), multiplier, shift, scheme="symmetric")
    assert np.abs(y * scale_y - real).max() <= 0.5001 * scale_y  # the products of qx and qw were rounded to float32


@pytest.mark.parametrize("scale", [0.0, -1.0, 2.0**30, 2.0**-33, float("nan"), float("inf")])
def test_a_scale_without_a_multiplier_is_refused(scale):
    with pytest.raises(RefcompressError) as caught:
        rc.quantize_multiplier(scale)
    assert caught.value.argument == "scale"

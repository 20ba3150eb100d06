"""A layer by integers alone: int8 inputs and weights, an int32 bias in units of their scales, int8 outputs."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from implementations import BOTH, each

import refcompress as rc
from refcompress import RefcompressError

SCALES = st.floats(2.0**-20, 2.0**20, width=32)


@given(hnp.arrays(np.float32, 5, elements=st.floats(-2.0**-12, 2.0**-12, width=32)), SCALES,
       hnp.arrays(np.float32, st.sampled_from([(5,), (5, 1), (1, 1), ()]), elements=SCALES))
def test_a_value_is_the_bias_in_units_of_both_scales_and_comes_back_to_half_a_unit(bias, scale_x, scale_w):
    values = rc.quantize_bias_s32(bias, scale_x, scale_w)
    back = rc.dequantize_bias_s32(values, scale_x, scale_w)
    units = [Fraction(scale_x) * Fraction(float(s)) for s in np.broadcast_to(scale_w.reshape(-1), 5)]
    assert values.dtype == np.int32 and back.dtype == np.float32
    for b, value, again, unit in zip(bias.tolist(), values.tolist(), back.tolist(), units):
        exact = Fraction(b) / unit
        assert abs(value - exact) <= Fraction(1, 2) + abs(exact) / 2**52
        assert abs(Fraction(again) - value * unit) <= abs(value * unit) / 2**23 + Fraction(1, 2**149)


def layer(k: int, bias_of: float = 1.0, seed=0):
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal((9, k)), rng.standard_normal((7, k)) * np.exp(rng.uniform(-2, 2, (7, 1)))
    return x.astype(np.float32), w.astype(np.float32), (bias_of * rng.standard_normal(7)).astype(np.float32)


@pytest.mark.parametrize("axis", [0, None])
@each("impl", BOTH)
def test_a_whole_layer_by_integers_is_the_layer_to_half_a_step_of_its_output(impl, axis):
    x, w, bias = layer(64, bias_of=5.0)
    qx, qw = impl.quantize_s8(x), impl.quantize_s8(w, axis=axis)
    b = rc.quantize_bias_s32(bias, qx.scale, qw.scale, inputs=64)
    sums = impl.gemm_s8s8(qx.values, qw.values) + b
    assert sums.dtype == np.int32
    # What int8 inputs and weights alone make of the layer; its range, with room, is the output's grid.
    rounded = qx.dense().astype(np.float64) @ qw.dense().T.astype(np.float64)
    rounded = rounded + rc.dequantize_bias_s32(b, qx.scale, qw.scale)
    low, high = rc.quantize_range_minmax((1.01 * rounded).astype(np.float32))
    scale_y, zero_y = rc.quantize_scale(low, high, scheme="affine")
    multiplier, shift = rc.quantize_multiplier((qx.scale.astype(np.float64) * qw.scale.reshape(1, -1) / scale_y))
    out = rc.requantize_s32(sums, multiplier, shift, zero_point=int(zero_y.item()))
    got = rc.dequantize_s8(rc.Quantized(out, scale_y, zero_y))
    assert np.abs(rounded - (x.astype(np.float64) @ w.T + bias)).max() < np.abs(rounded).max() / 20
    assert np.abs(got - rounded).max() <= 0.51 * scale_y.item()
    out = rc.requantize_s32(sums - b, multiplier, shift, zero_point=int(zero_y.item()))
    wrong = rc.dequantize_s8(rc.Quantized(out, scale_y, zero_y))
    assert np.abs(wrong - rounded).max() > 5 * scale_y.item()  # without the bias it is another layer


def test_what_leaves_int32_is_refused_by_its_index_and_never_clipped():
    for bias, inputs in (([0, 2.0**31], 0), ([0, -(2.0**31)], 0), ([0, 3e38], 0), ([0, 2.0**31 - 2**14], 2)):
        with pytest.raises(RefcompressError, match=r"bias\[1\]: must be at most"):
            rc.quantize_bias_s32(np.float32(bias), 1.0, 1.0, inputs=inputs)
    ends = [2**31 - 128, 128 - 2**31]
    assert rc.quantize_bias_s32(np.float32(ends), 1.0, 1.0).tolist() == ends


@pytest.mark.parametrize("k", [1, 100, 131_071])
def test_with_the_number_of_inputs_no_sum_leaves_int32(k):
    most = 2**31 - 1 - k * 2**14
    bias = np.float32([most - most % 256, -(most - most % 256)])
    b = rc.quantize_bias_s32(bias, 1.0, 1.0, inputs=k)
    x = np.full((1, k), -128, np.int8)
    for w in (-128, 127):
        sums = rc.gemm_s8s8(x, np.full((2, k), w, np.int8))
        assert np.array_equal((sums + b).astype(np.int64), sums.astype(np.int64) + b)
    with pytest.raises(RefcompressError):
        rc.quantize_bias_s32(np.float32([most + 256]), 1.0, 1.0, inputs=k)


@pytest.mark.parametrize("shape", [(2, 7), (7, 2), (1, 7), (2,), (0,)])
def test_scales_of_groups_and_of_inputs_have_no_unit(shape):
    with pytest.raises(RefcompressError, match="scale_w"):
        rc.quantize_bias_s32(np.ones(7, np.float32), 0.5, np.ones(shape, np.float32))
    with pytest.raises(RefcompressError, match="scale_x"):
        rc.quantize_bias_s32(np.ones(7, np.float32), np.ones(7, np.float32), 0.5)

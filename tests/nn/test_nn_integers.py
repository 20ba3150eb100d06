"""What stands between integer products: against exact fractions, and what ``prepare`` promises."""

from fractions import Fraction

import numpy as np
import pytest
from implementations import NATIVE, each, need_native

from refcompress import reference
from refcompress.errors import RefcompressError
from refcompress.formats import Quantized

need_native()

RNG = np.random.default_rng(17)
EVERY = np.arange(-128, 128).astype(np.int8)


def s8(*shape):
    return RNG.integers(-128, 128, shape).astype(np.int8)


def nearest(q: Fraction, zero_point: int) -> int:
    return min(max(round(q) + zero_point, -128), 127)  # Python rounds a Fraction's ties to even


def test_a_layer_is_the_exact_quotient_rounded_once():
    x, w, bias = s8(4, 7), s8(5, 7), RNG.integers(-3000, 3000, 5).astype(np.int32)
    multiplier, shift = np.int32([2**30, 2**31 - 1, 3 * 2**29, 12345, 2**30]), np.int32([7, 9, 8, -5, 31])
    y = reference.gemm_s8s8_requantized(x, w, bias, multiplier, shift, zero_point=-7)
    for i, j in np.ndindex(4, 5):
        acc = sum(int(a) * int(b) for a, b in zip(x[i], w[j])) + int(bias[j])
        assert y[i, j] == nearest(Fraction(acc * int(multiplier[j])) / 2 ** (31 + int(shift[j])), -7)


def test_a_depthwise_convolution_is_a_layer_of_each_channels_patches():
    x, weight, bias = s8(2, 7, 6, 3), s8(3, 3, 2), RNG.integers(-99, 99, 3).astype(np.int32)
    factors, window = (np.int32([2**30] * 3), np.int32([7, 8, 9])), {"strides": (2, 1), "pads": (1, 0, 2, 1)}
    y = reference.nn_depthwise_s8(x, weight, bias, *factors, **window, x_zero_point=11, zero_point=5)
    for c in range(3):
        rows = reference.nn_patches(x[..., c : c + 1].copy(), (3, 2), **window, fill=11, layout="nhwc")
        one = reference.gemm_s8s8_requantized(rows, weight[c].reshape(1, -1), bias[c : c + 1],
                                              *(a[c : c + 1] for a in factors), zero_point=5)
        assert np.array_equal(y[..., c].reshape(-1), one[:, 0])


def test_an_average_is_the_quotient_by_its_multiplier():
    x = s8(1, 3, 4, 2)
    y = reference.nn_average_pool_s8(x, 0.7, 0.3, kernel=(2, 2), pads=(1, 0, 0, 0), x_zero_point=-9, zero_point=4)
    for r, c, ch in np.ndindex(3, 3, 2):
        cells = x[0, max(r - 1, 0) : r + 1, c : c + 2, ch].astype(int) + 9
        multiplier, shift = reference.quantize_multiplier(0.7 / 0.3 / cells.size)
        exact = Fraction(int(cells.sum()) * int(multiplier)) / 2 ** (31 + int(shift))
        assert y[0, r, c, ch] == nearest(exact, 4)


@pytest.mark.parametrize("scales", [(0.5, 0.25, 0.5), (0.031, 0.7, 0.33), (1e-4, 2.0, 1.5)])
def test_a_sum_is_within_half_a_unit_and_what_22_bits_of_the_factors_leave(scales):
    a, b = np.repeat(EVERY, 256), np.tile(EVERY, 256)
    y = reference.nn_add_s8(a, b, *scales, a_zero_point=3, b_zero_point=-20)
    real = (scales[0] * (a.astype(float) - 3) + scales[1] * (b.astype(float) + 20)) / scales[2]
    _, exponent = np.frexp(max(scales[:2]) / scales[2])
    error = np.abs(y - np.clip(real, -128, 127))
    # A factor is off by half of 2^-s, s at least 21 - exponent; two differences are at most 255 each.
    assert error.max() <= 0.5 + 255 * 2.0 ** (int(exponent) - 21)


def test_two_sums_that_use_all_of_an_int32_do_not_wrap():
    ends = np.int8([-128, 127])
    assert reference.nn_add_s8(ends, ends, 1.99, 1.99, 1.0, a_zero_point=127, b_zero_point=127).tolist() == [-128, 0]
    for space in NATIVE:
        assert space.nn_add_s8(ends, ends, 1.99, 1.99, 1.0, a_zero_point=-128, b_zero_point=-128).tolist() == [0, 127]


@each("space", NATIVE)
def test_weights_that_change_are_packed_anew_and_frozen_ones_are_not(space):
    x, w = s8(3, 9), s8(2, 9)
    factors = np.zeros(2, np.int32), np.full(2, 2**30, np.int32), np.full(2, 6, np.int32)
    before = space.gemm_s8s8_requantized(x, w, *factors)
    w[:] = -w // 2
    assert np.array_equal(space.gemm_s8s8_requantized(x, w, *factors),
                          reference.gemm_s8s8_requantized(x, w, *factors))
    frozen = Quantized(w, np.float32([[1]]), np.int8([[0]])).values
    for _ in range(2):
        assert np.array_equal(space.gemm_s8s8_requantized(x, frozen, *factors),
                              reference.gemm_s8s8_requantized(x, w, *factors))
    assert before.shape == (3, 2)


def calls():
    """Yield an operation's name, its arguments and its keywords; the first argument is the one that changes."""
    factors = np.zeros(4, np.int32), np.full(4, 2**30, np.int32), np.full(4, 6, np.int32)
    weights = Quantized(s8(4, 9), np.float32([[0.5]]), np.int8([[0]]))
    yield "gemm_s8s8_requantized", (s8(3, 9), s8(4, 9), *factors), {}
    yield "gemm_s8s8_scaled", (s8(3, 9), np.float32([1, 2, 3]), weights, np.float32([1, 2, 3, 4])), {}
    yield "nn_depthwise_s8", (s8(1, 5, 5, 4), s8(4, 3, 3), *factors), {"pads": (1, 1, 1, 1)}
    yield "nn_average_pool_s8", (s8(1, 5, 5, 4), 0.5, 0.5), {"kernel": (5, 5)}
    yield "nn_add_s8", (s8(2, 9), s8(2, 9), 0.5, 0.25, 0.5), {}
    yield "nn_multiply_s8", (s8(2, 9), s8(2, 1), 0.5, 0.25, 0.5), {}
    yield "nn_lookup_s8", (s8(2, 9), EVERY[::-1].copy()), {}
    yield "nn_patches", (s8(1, 5, 5, 4), (3, 3)), {"layout": "nhwc"}
    floats = RNG.standard_normal((2, 9)).astype(np.float32)
    yield "nn_activation", (floats, "gelu"), {}
    yield "nn_softmax", (floats,), {}
    yield "nn_layer_norm", (floats, floats[0] + 1, floats[1]), {}
    yield "nn_rms_norm", (floats, floats[0] + 1), {}


@each("space", NATIVE)
def test_a_prepared_call_reads_its_input_anew_and_returns_the_same_array(space):
    for name, args, kwargs in calls():
        if name == "nn_multiply_s8":  # a copy would be read in place of what broadcasts
            with pytest.raises(RefcompressError, match="^b: "):
                getattr(space, name).prepare(*args, **kwargs)
            continue
        again = getattr(space, name).prepare(*args, **kwargs)
        first = again()
        args[0][...] = args[0][::-1].copy() if args[0].shape[0] > 1 else args[0][:, ::-1].copy()
        assert again() is first
        assert np.array_equal(first, getattr(space, name)(*args, **kwargs)), name


@each("space", NATIVE)
def test_prepared_rows_are_those_of_quantize_s8(space):
    x = RNG.standard_normal((5, 9)).astype(np.float32)
    again = space.quantize_s8.prepare(x)
    for _ in range(2):
        expected, got = space.quantize_s8(x, axis=0), again()
        for field in ("values", "scale", "zero_point"):
            assert np.array_equal(getattr(expected, field), getattr(got, field))
        x[:] = x[::-1] * 3
    x[2, 3] = np.nan
    with pytest.raises(RefcompressError, match=r"^x\[2, 3\]: must be finite"):
        again()


@each("space", NATIVE)
def test_many_products_in_one_call_are_those_of_each(space):
    x, w = (RNG.standard_normal(shape).astype(np.float32) for shape in ((5, 3, 33), (5, 33, 17)))
    y = space.gemm_f32f32.batched(x, w)
    for i in range(5):
        assert np.array_equal(y[i], space.gemm_f32f32(x[i], w[i], transposed=True))

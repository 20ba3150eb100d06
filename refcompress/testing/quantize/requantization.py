"""The cases of integer arithmetic between layers: ties, and both ends of int32."""

import numpy as np

from ... import reference
from ..cases import Cases
from ..draws import array, composite, hnp, st
from ..values import LENGTHS, WITH_INFINITY, WITH_NAN, not_arrays, ordinary

_F = np.float32
_NOT_SCALES = (0, -1.0, np.nan, np.inf, 1e-45, None, "text", True, np.full(1, 0.5), np.array([[0.5, 1]], _F),
               np.array([0, 1, 1], _F), np.array([1, np.inf, 1], _F), np.ones((1, 3), _F), np.ones(0, _F))

CASES: dict[str, Cases] = {}


# quantize_bias_s32

def quantize_bias_s32_sweep():
    rng = np.random.default_rng(37)
    for n in LENGTHS:
        bias, scale_w = ordinary(rng, n), np.ldexp(np.float32(1), -rng.integers(5, 9, n).astype(np.int32))
        yield (bias, 2.0**-6, 2.0**-7), {}
        yield (bias, np.float32([[1 / 3]]), scale_w), {"inputs": n}
        yield (bias, 1 / 3, scale_w[:, None] / np.float32(3)), {}
    halves = np.arange(-9, 9, dtype=np.float32) + np.float32(0.5)
    yield (halves, 1.0, 1.0), {}
    yield (halves / 4, 0.5, np.float32([0.5])), {"inputs": 131_071}
    # Integers that float32 holds: nothing is rounded on the way to int32.
    yield (np.float32([2**31 - 128, 128 - 2**31, 2**24 + 2, -0.0, 1e-45]), 1.0, 1.0), {}
    yield (np.float32([3e38, -3e38, 1]), 1e20, np.float32([1e10])), {}


def quantize_bias_s32_refusals():
    bias, scales = _F([3, 1, -2]), np.float32([0.5, 0.25, 1])
    for bad in not_arrays(bias):
        yield (bad, 0.5, 0.5), {}
    for bad in (WITH_NAN, WITH_INFINITY, bias[None], _F([1, np.inf])):
        yield (bad, 0.5, 0.5), {}
    for bad in _NOT_SCALES:
        yield (bias, 0.5, bad), {}
        yield (bias, bad, scales), {}
    yield (bias, scales, 0.5), {}  # inputs of one layer have one scale
    for bad in (-1, 131_072, 1.0, True, None):
        yield (bias, 0.5, 0.5), {"inputs": bad}
    for bad in (_F([1, 2.0**31]), _F([1, -(2.0**31)]), _F([1, 3e38]), _F([1, -3e38])):
        yield (bad, 1.0, 1.0), {}
    for bad in (16_384, -16_384, 16_383.5, -16_383.75):
        yield (_F([1, bad]), 1.0, 1.0), {"inputs": 131_071}


@composite
def _bias_scales(draw, n: int):
    some = st.floats(2.0**-20, 2.0**20, width=32)
    shape = draw(st.sampled_from([(n,), (n, 1), (1,), (1, 1)]))
    return draw(some), draw(array(np.float32, shape, some))


@composite
def quantize_bias_s32_strategy(draw):
    bias = draw(array(np.float32, st.integers(0, 9), st.floats(-2.0**-12, 2.0**-12, width=32)))
    return (bias, *draw(_bias_scales(len(bias)))), {"inputs": draw(st.integers(0, 65_535))}


CASES["quantize_bias_s32"] = Cases(quantize_bias_s32_sweep, quantize_bias_s32_refusals, quantize_bias_s32_strategy)


# dequantize_bias_s32

def dequantize_bias_s32_sweep():
    rng = np.random.default_rng(38)
    for n in LENGTHS:
        values = rng.integers(-(2**31), 2**31, n).astype(np.int32)
        yield (values, 2.0**-6, np.exp(rng.uniform(-9, 9, n)).astype(np.float32)), {}
        yield (values, np.float32([0.1]), np.float32([[0.3]])), {}
    ends = np.int32([-(2**31), 1 - 2**31, -1, 0, 1, 2**31 - 1])
    for scale in (2.0**-126, 1 / 3, 3e38):
        yield (ends, scale, scale), {}
        yield (ends, 1.0, np.full((6, 1), scale, np.float32)), {}


def dequantize_bias_s32_refusals():
    values = np.int32([3, 1, -2])
    for bad in (None, "text", values.astype(np.int64), values.astype(np.float32), np.ma.masked_array(values),
                values[None]):
        yield (bad, 0.5, 0.5), {}
    for bad in _NOT_SCALES:
        yield (values, 0.5, bad), {}
        yield (values, bad, 0.5), {}


@composite
def dequantize_bias_s32_strategy(draw):
    values = draw(array(np.int32, st.integers(0, 9)))
    return (values, *draw(_bias_scales(len(values)))), {}


CASES["dequantize_bias_s32"] = Cases(
    dequantize_bias_s32_sweep, dequantize_bias_s32_refusals, dequantize_bias_s32_strategy)


# requantize_s32

def requantize_s32_sweep():
    rng = np.random.default_rng(36)
    roundings = ("half_even", "half_away", "gemmlowp")
    for n in LENGTHS:
        x = rng.integers(-(2**20), 2**20, (3, n)).astype(np.int32)
        multiplier, shift = reference.quantize_multiplier(np.exp(rng.uniform(-12, -9, (1, n))))
        for rounding in roundings:
            yield (x, multiplier, shift), {"rounding": rounding}
            yield (x, 2**30, 12), {"rounding": rounding, "zero_point": n % 16 - 8, "bits": (4, 8, 16)[n % 3]}
    halves = np.arange(-300, 300).astype(np.int32)
    ends = np.int32([-(2**31), -(2**31) + 1, -(2**30), -1, 0, 1, 2**30, 2**31 - 1])
    for rounding in roundings:
        for shift in (0, 1, 2, 30, 31):
            for multiplier in (0, 1, 2**30, 2**30 + 1, 2**31 - 1):
                for x in (halves, ends):
                    yield (x, multiplier, shift), {"rounding": rounding, "scheme": ("symmetric", "affine")[shift % 2]}
        if rounding != "gemmlowp":
            yield (ends, 2**31 - 1, -30), {"rounding": rounding, "bits": 16}
            yield (halves, 2**30, -3), {"rounding": rounding, "bits": 16}


def requantize_s32_refusals():
    x = np.int32([[3, 1, 2], [0, -1, 5]])
    for bad in (None, "text", x.astype(np.int64), x.astype(np.float32), np.ma.masked_array(x)):
        yield (bad, 2**30, 3), {}
    for bad in (-1, 2**31, 1.0, True, None, np.int64([[1]]), np.int32([[-1]]), np.ones((3, 2), np.int32),
                np.int32([1])):
        yield (x, bad, 3), {}
    for bad in (-31, 32, 1.0, True, None, np.int64([[1]]), np.int32([[32, 1, 1]]), np.ones((3, 2), np.int32)):
        yield (x, 2**30, bad), {}
    yield (x, 2**30, -1), {"rounding": "gemmlowp"}
    for kwargs in ({"rounding": "up"}, {"rounding": None}, {"bits": 1}, {"bits": 9}, {"bits": 17}, {"scheme": "other"},
                   {"zero_point": 128}, {"zero_point": -129}, {"zero_point": 0.0},
                   {"zero_point": -128, "scheme": "symmetric"}, {"zero_point": 8, "bits": 4}):
        yield (x, 2**30, 3), kwargs


@composite
def requantize_s32_strategy(draw):
    x = draw(array(np.int32, hnp.array_shapes(min_side=0, max_side=9)))
    shape = tuple(draw(st.sampled_from([1, n])) for n in x.shape)
    rounding = draw(st.sampled_from(["half_even", "half_away", "gemmlowp"]))
    multiplier = draw(array(np.int32, shape, st.integers(0, 2**31 - 1) | st.just(2**30)))
    shift = draw(array(np.int32, shape, st.integers(0 if rounding == "gemmlowp" else -30, 31)))
    bits = draw(st.sampled_from([2, 4, 8, 16]))
    return (x, multiplier, shift), {"rounding": rounding, "bits": bits, "zero_point": draw(st.integers(-2, 1))}


CASES["requantize_s32"] = Cases(requantize_s32_sweep, requantize_s32_refusals, requantize_s32_strategy)

"""What the operations of the quantize family must refuse."""

import numpy as np

from ...formats import Quantized
from ..values import not_arrays

_F = np.float32
_NOT_SCALES = (0, -1.0, np.nan, np.inf, 1e-45, None, "text", True, np.float64([0.5]), _F([[0.5, 1]]), _F([0, 1, 1]),
               _F([1, np.inf, 1]), np.ones((1, 3), _F), np.ones(0, _F))
_NAN, _INF = np.float32([1, np.nan, 2]), np.float32([[1, 2], [np.inf, 3]])


def _quantize_8_bits():
    x = _F([[3, 1, 2], [0, -1, 5]])
    for bad in not_arrays(x):
        yield (bad,), {}
    for bad in (_NAN, _INF, -_INF, np.float32(3).reshape(())):
        yield (bad,), {}
    for kwargs in ({"scheme": "other"}, {"scheme": None}, {"axis": 2}, {"axis": -3}, {"axis": True}, {"axis": 0.0},
                   {"group": 0}, {"group": -1}, {"group": 1.5}, {"group": True}):
        yield (x,), kwargs
    for scale in (0, -1, np.nan, np.inf, 1e-45):
        yield (x,), {"scale": np.full((1, 1), scale, np.float32)}
    yield (x,), {"axis": 0, "scale": np.ones((3, 1), np.float32)}


def _dequantize_8_bits():
    for bad in (None, np.int8([1]), 3):
        yield (bad,), {}


def quantize_s8():
    yield from _quantize_8_bits()
    x = np.float32([[3, 1, 2], [0, -1, 5]])
    for bits in (0, 1, 9, 16, -1, True, 4.0, None):
        yield (x,), {"bits": bits}
    for bad in (-9, 8):
        yield (x,), {"bits": 4, "scheme": "affine", "scale": 1.0, "zero_point": bad}
        yield (x,), {"bits": 4, "scheme": "affine", "scale": 1.0, "zero_point": np.full((1, 1), bad, np.int8)}
    x[1, 1] = np.nan
    yield (x,), {"scale": 1.0}
    yield (x,), {"axis": 1}


def quantize_s16():
    yield from _quantize_8_bits()
    x = np.float32([[3, 1, 2], [0, -1, 5]])
    yield (x,), {"scheme": "affine", "scale": 1.0, "zero_point": np.zeros((1, 1), np.int8)}
    yield (x,), {"scheme": "affine", "scale": 1.0, "zero_point": 32768}


def dequantize_s8():
    yield from _dequantize_8_bits()
    yield (Quantized(np.int16([1]), np.float32([1]), np.int16([0])),), {}


def dequantize_s16():
    yield from _dequantize_8_bits()
    yield (Quantized(np.int8([1]), np.float32([1]), np.int8([0])),), {}


def quantize_range_minmax():
    for args, kwargs in _quantize_8_bits():
        if set(kwargs) <= {"axis", "group"}:
            yield args, kwargs


def quantize_pack():
    yield from _dequantize_8_bits()
    one, none = np.float32([1]), np.int8([0])
    yield (Quantized(np.int16([1]), one, np.int16([0])),), {}
    for bits in (0, 8, -1, True, 4.0, None):
        yield (Quantized(np.int8([1]), one, none),), {"bits": bits}
    for value in (-9, 8, 127, -128):
        yield (Quantized(np.int8([1, value]), one, none),), {}
        yield (Quantized(np.int8([1]), one, np.int8([value])),), {}
    yield (Quantized(np.int8([1, 0]), one, none),), {"bits": 1}
    yield (Quantized(np.int8([1, -1]), one, np.int8([1])),), {"bits": 1}


def quantize_unpack():
    yield (None,), {}
    yield (Quantized(np.int8([1]), np.float32([1]), np.int8([0])),), {}


def quantize_bias_s32():
    bias, scales = _F([3, 1, -2]), np.float32([0.5, 0.25, 1])
    for bad in not_arrays(bias):
        yield (bad, 0.5, 0.5), {}
    for bad in (_NAN, _INF, bias[None], _F([1, np.inf])):
        yield (bad, 0.5, 0.5), {}
    for bad in _NOT_SCALES:
        yield (bias, 0.5, bad), {}
        yield (bias, bad, scales), {}
    yield (bias, scales, 0.5), {}  # inputs of one layer have one scale
    for bad in (-1, 131_072, 1.0, True, None):
        yield (bias, 0.5, 0.5), {"inputs": bad}
    for bad in (_F([1, 2.0**31]), _F([1, -(2.0**31)]), _F([1, 3e38]), _F([1, -3e38])):
        yield (bad, 1.0, 1.0), {}
    yield (_F([1, 16_384]), 1.0, 1.0), {"inputs": 131_071}


def dequantize_bias_s32():
    values = np.int32([3, 1, -2])
    for bad in (None, "text", values.astype(np.int64), values.astype(np.float32), np.ma.masked_array(values), values[None]):
        yield (bad, 0.5, 0.5), {}
    for bad in _NOT_SCALES:
        yield (values, 0.5, bad), {}
        yield (values, bad, 0.5), {}


def requantize_s32():
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


REFUSALS = {f.__name__: f for f in (
    quantize_s8, dequantize_s8, quantize_s16, dequantize_s16, quantize_range_minmax, quantize_pack,
    quantize_unpack, quantize_bias_s32, dequantize_bias_s32, requantize_s32)}

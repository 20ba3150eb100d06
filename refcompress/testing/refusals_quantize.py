"""What the operations of the quantize family must refuse, but for those that refusals.py has."""

import numpy as np

from ..formats import Quantized
from .refusals import _dequantize_s8, _quantize_s8


def quantize_s8():
    yield from _quantize_s8()
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
    yield from _quantize_s8()
    x = np.float32([[3, 1, 2], [0, -1, 5]])
    yield (x,), {"scheme": "affine", "scale": 1.0, "zero_point": np.zeros((1, 1), np.int8)}
    yield (x,), {"scheme": "affine", "scale": 1.0, "zero_point": 32768}


def dequantize_s8():
    yield from _dequantize_s8()
    yield (Quantized(np.int16([1]), np.float32([1]), np.int16([0])),), {}


def dequantize_s16():
    yield from _dequantize_s8()
    yield (Quantized(np.int8([1]), np.float32([1]), np.int8([0])),), {}


def quantize_range_minmax():
    for args, kwargs in _quantize_s8():
        if set(kwargs) <= {"axis", "group"}:
            yield args, kwargs


REFUSALS = {f.__name__: f for f in (quantize_s8, quantize_s16, dequantize_s8, dequantize_s16, quantize_range_minmax)}

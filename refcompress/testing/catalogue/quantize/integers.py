"""Kernels of quantization to 8 and 16 bits and back: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ...values import with_fields
from ..kernels import Kernel

_F = np.float32

KERNELS: list[Kernel] = []


# quantize_s8

def _rounds(rounding):
    """Return a quantize_s8 that uses the reference's scale and zero point, and another way to round."""
    def quantize_s8(x, **kwargs):
        q = reference.quantize_s8(x, **kwargs)
        ratio = (x / q.expand(q.scale)).astype(np.float64)
        low = -128 if kwargs.get("scheme") == "affine" else -127
        return with_fields(q, values=np.clip(rounding(ratio) + q.expand(q.zero_point), low, 127).astype(np.int8))
    return quantize_s8


def _emits_minus_128(x, **kwargs):
    q = reference.quantize_s8(x, **kwargs)
    ratio = np.rint((x / q.expand(q.scale)).astype(np.float64)) + q.expand(q.zero_point)
    return with_fields(q, values=np.clip(ratio, -128, 127).astype(np.int8))


def _zero_scale(x, **kwargs):
    q = reference.quantize_s8(x, **kwargs)
    return q if np.any(x) or "scale" in kwargs else with_fields(q, scale=np.zeros_like(q.scale))


def _axis_from_the_end(x, *, axis=None, **kwargs):
    return reference.quantize_s8(x, axis=None if axis is None else -1 - axis % x.ndim, **kwargs)


KERNELS += [
    Kernel("quantize_s8", "half away from zero", "rounding",
           "C's round() takes halves away from zero; the rule takes them to even.",
           _rounds(lambda r: np.sign(r) * np.floor(np.abs(r) + 0.5))),
    Kernel("quantize_s8", "half up", "rounding",
           "floor(x + 0.5) is the shortest way to round, and takes halves up.",
           _rounds(lambda r: np.floor(r + 0.5))),
    Kernel("quantize_s8", "truncation", "rounding",
           "A cast to an integer cuts off the fraction.",
           _rounds(np.trunc)),
    Kernel("quantize_s8", "-128 from a symmetric scheme", "values",
           "Values are clipped to the whole range of int8; a symmetric scheme ends at -127.",
           _emits_minus_128),
    Kernel("quantize_s8", "zero scale", "values",
           "The scale of a tensor of zeros is 0 / 127, and nothing replaces it.",
           _zero_scale),
    Kernel("quantize_s8", "scale of the wrong axis", "options",
           "The axis is counted from the other end.",
           _axis_from_the_end),
]


# dequantize_s8

def _narrow_difference(q):
    """Subtracts in the type of the values."""
    with np.errstate(over="ignore"):
        return (q.values - q.expand(q.zero_point)).astype(np.float32) * q.expand(q.scale)


KERNELS += [
    Kernel("dequantize_s8", "int8 difference", "bits",
           "The zero point is subtracted in int8, which wraps round when both have their largest distance.",
           _narrow_difference),
]


# quantize_s16

def _clips_to_int8(x, **kwargs):
    q = reference.quantize_s16(x, **kwargs)
    return with_fields(q, values=np.clip(q.values, -128, 127))


KERNELS += [
    Kernel("quantize_s16", "16 bits clipped to 8", "values",
           "The clip of the 8-bit code was copied.",
           _clips_to_int8),
]


# dequantize_s16

KERNELS += [
    Kernel("dequantize_s16", "int16 difference", "bits",
           "The zero point is subtracted in int16, which wraps round.",
           _narrow_difference),
]

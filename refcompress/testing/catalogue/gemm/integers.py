"""Kernels of integer products with what follows them: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ....formats import Quantized
from ..kernels import Kernel

_F = np.float32

KERNELS: list[Kernel] = []


# gemm_s8s8_requantized

def _sums(x, w, bias):
    return x.astype(np.int64) @ w.astype(np.int64).T + bias


def _requantized(x, w, bias, multiplier, shift, *, zero_point=0, lowest=-128, highest=127, **how):
    """gemm_s8s8_requantized by requantize_s32, and clipped then."""
    ends = {"zero_point": zero_point, "lowest": lowest, "highest": highest}
    reference.gemm_s8s8_requantized(x, w, bias, multiplier, shift, **ends)
    y = reference.requantize_s32(_sums(x, w, bias).astype(np.int32), multiplier[None], shift[None], bits=16, **how)
    return np.clip(y.astype(np.int32) + zero_point, lowest, highest).astype(np.int8)


def _float32_scale(x, w, bias, multiplier, shift, *, zero_point=0, lowest=-128, highest=127):
    scale = (multiplier * 2.0 ** (-31.0 - shift)).astype(np.float32)
    y = np.rint(_sums(x, w, bias).astype(np.float32) * scale)
    return np.clip(y + zero_point, lowest, highest).astype(np.int8)


def _double_scale(x, w, bias, multiplier, shift, *, zero_point=0, lowest=-128, highest=127):
    y = np.rint(_sums(x, w, bias) * (multiplier * 2.0 ** (-31.0 - shift)) + zero_point)
    return np.clip(y, lowest, highest).astype(np.int8)


def _with(**changed):
    return lambda *args, **kwargs: reference.gemm_s8s8_requantized(*args, **{**kwargs, **changed})


KERNELS += [
    Kernel("gemm_s8s8_requantized", "halves away from zero", "rounding",
           "C's round() takes halves away from zero.",
           lambda *args, **kwargs: _requantized(*args, **kwargs, rounding="half_away")),
    Kernel("gemm_s8s8_requantized", "a float32 scale", "bits",
           "Multiplier and shift are folded to a float32, which has 24 bits of them.",
           _float32_scale),
    Kernel("gemm_s8s8_requantized", "the zero point added before rounding", "rounding",
           "The zero point is added in floating point before the rounding, and an odd one turns ties to even round.",
           _double_scale),
    Kernel("gemm_s8s8_requantized", "no bias", "rule",
           "The bias is an argument of the layer, and the kernel was written before it.",
           lambda x, w, bias, *args, **kwargs: reference.gemm_s8s8_requantized(x, w, 0 * bias, *args, **kwargs)),
    Kernel("gemm_s8s8_requantized", "activation forgotten", "options",
           "The ends that an activation sets are not passed on.",
           _with(lowest=-128, highest=127)),
    Kernel("gemm_s8s8_requantized", "one multiplier for all outputs", "format",
           "A kernel for one scale a tensor was given one a channel.",
           lambda x, w, bias, multiplier, *args, **kwargs:
            reference.gemm_s8s8_requantized(x, w, bias, np.resize(multiplier[:1], multiplier.shape), *args, **kwargs)),
    Kernel("gemm_s8s8_requantized", "requantized and clipped in turn", "algorithm",
           "requantize_s32 to 16 bits, then the zero point, then the clip: three steps for one.",
           _requantized),
]


# gemm_s8s8_scaled

def _rounded_early(x, x_scale, w, bias=None):
    reference.gemm_s8s8_scaled(x, x_scale, w, bias)
    y = reference.gemm_s8s8_scaled(x, x_scale, w)
    return y if bias is None else y + bias


def _float32_product(x, x_scale, w, bias=None):
    reference.gemm_s8s8_scaled(x, x_scale, w, bias)
    ones = np.ones(len(x), np.float32)
    y = reference.gemm_s8s8_scaled(x, ones, w) * x_scale[:, None]
    return y if bias is None else y + bias


def _no_zero_point(x, x_scale, w, bias=None):
    return reference.gemm_s8s8_scaled(x, x_scale, Quantized(w.values, w.scale, 0 * w.zero_point, w.group), bias)


def _first_row_scale(x, x_scale, w, bias=None):
    return reference.gemm_s8s8_scaled(x, np.resize(x_scale[:1], x_scale.shape), w, bias)


KERNELS += [
    Kernel("gemm_s8s8_scaled", "rounded to float32 before the bias", "rounding",
           "The bias is added in float32, after the sum was rounded.",
           _rounded_early),
    Kernel("gemm_s8s8_scaled", "scales multiplied in float32", "rounding",
           "The result is scaled by the row's scale in float32, and rounds twice.",
           _float32_product),
    Kernel("gemm_s8s8_scaled", "zero points of the weights ignored", "format",
           "A kernel for symmetric weights was given others.",
           _no_zero_point),
    Kernel("gemm_s8s8_scaled", "one scale for all rows", "format",
           "The scale of the first row was read once, before the loop.",
           _first_row_scale),
]

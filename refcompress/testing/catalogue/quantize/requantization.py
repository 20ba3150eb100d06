"""Kernels of integer arithmetic between layers: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ..kernels import Kernel

_F = np.float32

KERNELS: list[Kernel] = []


# quantize_bias_s32

def _float32_unit(bias, scale_x, scale_w, **kwargs):
    reference.quantize_bias_s32(bias, scale_x, scale_w, **kwargs)
    unit = np.asarray(scale_x, np.float32) * np.asarray(scale_w, np.float32)
    return np.rint(bias / unit.reshape(-1)).astype(np.int64).astype(np.int32)


def _bias_halves_away(bias, scale_x, scale_w, **kwargs):
    reference.quantize_bias_s32(bias, scale_x, scale_w, **kwargs)
    steps = bias / (np.asarray(scale_x, np.float32).astype(np.float64) * np.asarray(scale_w, np.float32)).reshape(-1)
    return (np.sign(steps) * np.floor(np.abs(steps) + 0.5)).astype(np.int32)


KERNELS += [
    Kernel("quantize_bias_s32", "bias in a float32 unit", "bits",
           "The product of two scales is rounded to float32 before the division.",
           _float32_unit),
    Kernel("quantize_bias_s32", "bias halves away", "rounding",
           "C's round() takes halves away from zero.",
           _bias_halves_away),
]


# dequantize_bias_s32

def _first_scale_for_all(values, scale_x, scale_w):
    scale = np.asarray(scale_w, np.float32).reshape(-1)[:1]
    return reference.dequantize_bias_s32(values, scale_x, scale if scale.size else scale_w)


KERNELS += [
    Kernel("dequantize_bias_s32", "one scale for all of the bias", "format",
           "The scale of the first channel was read once, before the loop.",
           _first_scale_for_all),
]


# requantize_s32

def _always(rounding):
    def requantize_s32(x, multiplier, shift, **kwargs):
        kwargs["rounding"] = rounding if np.all(np.asarray(shift) >= 0) else kwargs["rounding"]
        return reference.requantize_s32(x, multiplier, shift, **kwargs)
    return requantize_s32


KERNELS += [
    Kernel("requantize_s32", "always half to even", "options",
           "The rounding mode is fixed to the one of the first kernel that was written.",
           _always("half_even")),
    Kernel("requantize_s32", "always half away", "options",
           "The rounding mode is fixed to that of C's round().",
           _always("half_away")),
    Kernel("requantize_s32", "always rounded twice", "options",
           "The rounding mode is fixed to that of a doubling high multiply and a rounding shift.",
           _always("gemmlowp")),
]

"""Kernels of block formats, MX and NF4: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ....formats import MX, NF4
from ...values import with_fields
from ..kernels import Kernel

_F = np.float32

KERNELS: list[Kernel] = []


# floats_mx_encode

def _rounded_scale(x, format):
    """Takes the next power of two above the largest: nothing clamps, and a bit is lost."""
    up = np.ldexp(np.float32(1), np.ceil(np.log2(np.maximum(np.abs(x), np.float32(1e-38)))).astype(np.int32))
    return MX(reference.floats_mx_encode(x, format).codes, reference.floats_mx_encode(up, format).scales, format)


def _blocks_run_on(x, format):
    q = reference.floats_mx_encode(x.reshape(-1), format)
    if x.ndim > 1 and x.size and x.shape[-1] % 32:
        scales = reference.floats_mx_encode(np.full_like(x, np.abs(x).max()), format).scales
        return MX(q.codes.reshape(x.shape), scales, format)
    return reference.floats_mx_encode(x, format)


KERNELS += [
    Kernel("floats_mx_encode", "scale rounded up", "rule",
           "The scale is the next power of two above the largest element; the rule takes the one below.",
           _rounded_scale),
    Kernel("floats_mx_encode", "blocks run on", "format",
           "Blocks are cut from all elements in a row, and cross the ends of rows.",
           _blocks_run_on),
]


# floats_mx_decode

def _nan_scale_ignored(q):
    scales = np.minimum(q.scales, 254).astype(np.uint8)
    return reference.floats_mx_decode(MX(q.codes, scales, q.format))


KERNELS += [
    Kernel("floats_mx_decode", "NaN scale ignored", "values",
           "The scale byte 255 is a NaN, and was taken for an exponent.",
           _nan_scale_ignored),
]


# floats_nf4_encode

def _nf4_middle_up(x, *, block=64):
    q = reference.floats_nf4_encode(x, block=block)
    levels = NF4(np.arange(16).astype(np.uint8), np.float32([1])).dense().astype(np.float64)
    middles = (levels[1:] + levels[:-1]) / 2
    scale = np.repeat(q.scales, min(block, x.shape[-1]), axis=-1)[..., : x.shape[-1]]
    codes = np.searchsorted(middles, x / scale, side="right").astype(np.uint8)
    return with_fields(q, codes=codes)


def _nf4_zero_scale(x, *, block=64):
    q = reference.floats_nf4_encode(x, block=block)
    starts = np.arange(0, x.shape[-1], block)
    return with_fields(q, scales=np.maximum.reduceat(np.abs(x), starts, axis=-1))


KERNELS += [
    Kernel("floats_nf4_encode", "middle to the upper level", "rounding",
           "A search among the middles puts a value in the middle to the upper level.",
           _nf4_middle_up),
    Kernel("floats_nf4_encode", "scale of zeros is zero", "values",
           "The scale of a block of zeros is its largest magnitude, which is 0.",
           _nf4_zero_scale),
]


# floats_nf4_decode

def _nf4_reversed(q):
    return reference.floats_nf4_decode(NF4(15 - q.codes, q.scales, q.block))


KERNELS += [
    Kernel("floats_nf4_decode", "levels reversed", "format",
           "The table of levels was copied in the other order.",
           _nf4_reversed),
]

"""Kernels of ggml family: wrong ones, each with its bug, and right ones."""

import numpy as np

from ... import reference
from ...formats import GGMLBlocks
from ..values import with_fields
from .kernels import Kernel

_F = np.float32

KERNELS: list[Kernel] = []


# ggml_decode

def _halves_swapped(q):
    return reference.ggml_decode(with_fields(q, data=q.data >> 4 | q.data << 4) if q.type == "MXFP4" else q)


def _pairs(q):
    """Takes the two codes of a byte for neighbours."""
    x = reference.ggml_decode(q)
    if q.type not in ("Q4_0", "IQ4_NL"):
        return x
    return x.reshape(-1, 2, 16).swapaxes(1, 2).reshape(x.shape)


def _zero_sign_lost(q):
    return reference.ggml_decode(q) + _F(0)


def _nan_scale(q):
    x = reference.ggml_decode(q)
    if q.type == "MXFP4":
        x = np.where((q.data[:, :1] == 255).repeat(32, axis=1).reshape(x.shape), _F(np.nan), x)
    return x


def _scale_bits_lost(q):
    """Passes over the high bits of the last scales of the K types."""
    data = q.data.copy()
    if q.type in ("Q4_K", "Q5_K"):
        data[:, 4:12] &= 63
    return reference.ggml_decode(with_fields(q, data=data))


KERNELS += [
    Kernel("ggml_decode", "halves of a byte swapped", "format",
           "The low half of a byte holds the first half of a block, and was taken for the second.",
           _halves_swapped),
    Kernel("ggml_decode", "codes of a byte as neighbours", "format",
           "The two codes of a byte are half a block apart, and were taken for neighbours.",
           _pairs),
    Kernel("ggml_decode", "-0 of a block decoded as 0", "values",
           "A sum with zero loses the sign.",
           _zero_sign_lost),
    Kernel("ggml_decode", "scale byte 255 is NaN", "values",
           "The OCP's rule for the scale was taken over; ggml has a number there.",
           _nan_scale),
    Kernel("ggml_decode", "high bits of scales lost", "format",
           "The 6-bit scales of the K types have their upper bits elsewhere, and only the lower ones were read.",
           _scale_bits_lost),
]


# ggml_encode

def _with_codes(x, type, codes):
    """Return blocks of Q8_0 with these codes."""
    q = reference.ggml_encode(x, type)
    if type != "Q8_0":
        return q
    data = q.data.copy()
    data[:, 2:] = codes(x.reshape(-1, 32), q).astype(np.int8).view(np.uint8)
    return GGMLBlocks(data, type, q.shape)


def _stored_scale(x, type):
    """Divides by the scale that is in the file, not by the one that was rounded to it."""
    def codes(blocks, q):
        scale = q.data[:, :2].copy().view(np.float16).astype(_F)
        with np.errstate(all="ignore"):
            ratio = np.where(scale == 0, 0, blocks / scale).astype(np.float64)
        return np.clip(np.trunc(ratio + np.copysign(0.5, ratio)), -127, 127)
    return _with_codes(x, type, codes)


def _ties_to_even(x, type):
    def codes(blocks, q):
        with np.errstate(all="ignore"):
            inverse = _F(1) / (np.abs(blocks).max(axis=1, keepdims=True) / _F(127))
            return np.rint(blocks * np.where(np.isinf(inverse), 0, inverse).astype(_F))
    return _with_codes(x, type, codes)


def _last_of_the_largest(x, type):
    if type != "Q4_0" or x.size == 0:
        return reference.ggml_encode(x, type)
    q = reference.ggml_encode(x.reshape(-1, 32)[:, ::-1].reshape(x.shape), type)
    codes = np.concatenate([q.data[:, 2:] & 15, q.data[:, 2:] >> 4], axis=1)[:, ::-1]
    return GGMLBlocks(np.concatenate([q.data[:, :2], codes[:, :16] | codes[:, 16:] << 4], axis=1), type, x.shape)


KERNELS += [
    Kernel("ggml_encode", "codes by the stored scale", "rounding",
           "Codes are divided by the scale as it is stored in half precision; ggml divides by the one before.",
           _stored_scale),
    Kernel("ggml_encode", "halves to even", "rounding",
           "roundf takes halves away from zero; rint takes them to even.",
           _ties_to_even),
    Kernel("ggml_encode", "last of two largest", "rule",
           "A comparison with >= lets a later equal magnitude decide the sign of the scale.",
           _last_of_the_largest),
]

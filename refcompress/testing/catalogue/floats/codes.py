"""Kernels of floats_encode and floats_decode: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ....formats import FLOATS
from ..kernels import Kernel

_F = np.float32

KERNELS: list[Kernel] = []


# floats_encode

def _by_parts(change):
    """Return a floats_encode of its own, whose number of steps ``change`` rounds."""
    def floats_encode(x, format, *, overflow="saturate"):
        f, right = FLOATS[format], reference.floats_encode(x, format, overflow=overflow)
        size = np.where(np.isfinite(x), np.abs(x.astype(np.float64)), 0)
        e = np.where(size == 0, f.lowest, np.maximum(np.frexp(size)[1] - 1, f.lowest))
        code = (e - f.lowest) * 2**f.mantissa + change(np.ldexp(size, f.mantissa - e)).astype(np.int64)
        code = np.where(np.signbit(x), code + f.sign, code)
        keep = ~np.isfinite(x) | (code & f.sign - 1 > f.largest)
        return np.asarray(np.where(keep, right, code), f.dtype)
    return floats_encode


def _through_float16(x, format, **kwargs):
    with np.errstate(over="ignore"):
        half = x.astype(np.float16).astype(np.float32)
    narrow = FLOATS[format].bits < 16
    return reference.floats_encode(np.where(np.isfinite(half), half, x) if narrow else x, format, **kwargs)


def _flushes(x, format, **kwargs):
    codes = reference.floats_encode(x, format, **kwargs)
    f = FLOATS[format]
    tiny = codes & f.sign - 1 < 1 << f.mantissa
    return np.asarray(np.where(tiny, codes & f.sign, codes), f.dtype)


def _other_overflow(x, format, *, overflow="saturate"):
    return reference.floats_encode(x, format, overflow="format" if overflow == "saturate" else "saturate")


def _infinity_kept(x, format, **kwargs):
    return np.where(np.isinf(x), reference.floats_encode(x, format, overflow="format"),
                    reference.floats_encode(x, format, **kwargs))


def _payload_kept(x, format, **kwargs):
    codes, f = reference.floats_encode(x, format, **kwargs), FLOATS[format]
    return np.asarray(np.where(np.isnan(x) & np.signbit(x), codes | f.sign, codes), f.dtype)


KERNELS += [
    Kernel("floats_encode", "truncation to codes", "rounding",
           "Bits are shifted out without rounding.",
           _by_parts(np.trunc)),
    Kernel("floats_encode", "halves away from zero", "rounding",
           "Half a unit is added before the shift, which takes halves away from zero.",
           _by_parts(lambda steps: np.floor(steps + 0.5))),
    Kernel("floats_encode", "rounded twice", "rounding",
           "The way to 8 bits goes through float16, and each step rounds.",
           _through_float16),
    Kernel("floats_encode", "subnormals flushed", "values",
           "A format without hidden bit at its lowest exponent needs a branch that was left out.",
           _flushes),
    Kernel("floats_encode", "overflow the other way", "options",
           "Saturation and overflow to infinity or NaN were exchanged.",
           _other_overflow),
    Kernel("floats_encode", "infinity not saturated", "options",
           "Infinity passes by the clip, because it is handled with NaN first.",
           _infinity_kept),
    Kernel("floats_encode", "sign of NaN kept", "values",
           "The payload of a NaN is replaced, and its sign is not.",
           _payload_kept),
]


# floats_decode

def _zero_sign_lost(codes, format):
    return reference.floats_decode(codes, format) + np.float32(0)


def _no_subnormals(codes, format):
    f, x = FLOATS[format], reference.floats_decode(codes, format)
    return np.where(codes & f.sign - 1 < 1 << f.mantissa, np.float32(0) * x, x)


def _infinite_e4m3(codes, format):
    x = reference.floats_decode(codes, format)
    if format == "fp8_e4m3":
        x = np.where(np.isnan(x), np.float32(np.inf), x)
    return x


KERNELS += [
    Kernel("floats_decode", "-0 decoded as 0", "values",
           "A table is built by additions, which lose the sign of zero.",
           _zero_sign_lost),
    Kernel("floats_decode", "subnormals decoded as 0", "values",
           "The exponent is moved and the hidden bit is set for every code, and codes without one are cleared.",
           _no_subnormals),
    Kernel("floats_decode", "e4m3 has an infinity", "format",
           "The e4m3 of the OCP has no infinity: its highest code is a NaN.",
           _infinite_e4m3),
]

"""Planted kernels of the floats family."""

import numpy as np

from ... import reference
from ...formats import FLOATS, MX, NF4
from .products import with_fields


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


def _nan_scale_ignored(q):
    scales = np.minimum(q.scales, 254).astype(np.uint8)
    return reference.floats_mx_decode(MX(q.codes, scales, q.format))


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


def _nf4_reversed(q):
    return reference.floats_nf4_decode(NF4(15 - q.codes, q.scales, q.block))


WRONG = [
    ("truncation to codes", "floats_encode", _by_parts(np.trunc)),
    ("halves away from zero", "floats_encode", _by_parts(lambda steps: np.floor(steps + 0.5))),
    ("rounded twice", "floats_encode", _through_float16),
    ("subnormals flushed", "floats_encode", _flushes),
    ("overflow the other way", "floats_encode", _other_overflow),
    ("infinity not saturated", "floats_encode", _infinity_kept),
    ("sign of NaN kept", "floats_encode", _payload_kept),
    ("-0 decoded as 0", "floats_decode", _zero_sign_lost),
    ("subnormals decoded as 0", "floats_decode", _no_subnormals),
    ("e4m3 has an infinity", "floats_decode", _infinite_e4m3),
    ("scale rounded up", "floats_mx_encode", _rounded_scale),
    ("blocks run on", "floats_mx_encode", _blocks_run_on),
    ("NaN scale ignored", "floats_mx_decode", _nan_scale_ignored),
    ("middle to the upper level", "floats_nf4_encode", _nf4_middle_up),
    ("scale of zeros is zero", "floats_nf4_encode", _nf4_zero_scale),
    ("levels reversed", "floats_nf4_decode", _nf4_reversed),
]

"""Planted kernels of the quantize family: packing, integers alone, 16 bits, ranges."""

import numpy as np

from ... import reference
from .products import with_fields


def _high_half_first(q, *, bits=4):
    p = reference.quantize_pack(q, bits=bits)
    return with_fields(p, data=p.data >> 4 | p.data << 4) if bits == 4 else p


def _rows_run_on(q, *, bits=4):
    """Packs all of the values as one row, and cuts that into the rows' bytes."""
    p = reference.quantize_pack(q, bits=bits)
    one = {"scale": np.ones(1, np.float32), "zero_point": np.zeros(1, np.int8), "group": None}
    flat = with_fields(q, values=q.values.reshape(-1), **one)
    data = np.zeros(p.data.size, np.uint8)
    run_on = reference.quantize_pack(flat, bits=bits).data
    data[: len(run_on)] = run_on
    return with_fields(p, data=data.reshape(p.data.shape))


def _no_sign(p):
    q = reference.quantize_unpack(p)
    return with_fields(q, values=q.values & np.int8(2**p.bits - 1)) if p.bits > 1 else q


def _always(rounding):
    def requantize_s32(x, multiplier, shift, **kwargs):
        kwargs["rounding"] = rounding if np.all(np.asarray(shift) >= 0) else kwargs["rounding"]
        return reference.requantize_s32(x, multiplier, shift, **kwargs)
    return requantize_s32


def _clips_to_int8(x, **kwargs):
    q = reference.quantize_s16(x, **kwargs)
    return with_fields(q, values=np.clip(q.values, -128, 127))


def _int16_difference(q):
    with np.errstate(over="ignore"):
        return (q.values - q.expand(q.zero_point)).astype(np.float32) * q.expand(q.scale)


def _without_zero(x, *, axis=None, group=None):
    if axis is not None or group is not None or not x.size:
        return reference.quantize_range_minmax(x, axis=axis, group=group)
    return np.full((1,) * x.ndim, x.min(), np.float64), np.full((1,) * x.ndim, x.max(), np.float64)


def _last_group_dropped(x, *, axis=None, group=None):
    low, high = reference.quantize_range_minmax(x, axis=axis, group=group)
    if group is not None and x.shape[-1] % group:
        high[..., -1] = 0
    return low, high


def _float32_unit(bias, scale_x, scale_w, **kwargs):
    reference.quantize_bias_s32(bias, scale_x, scale_w, **kwargs)
    unit = np.asarray(scale_x, np.float32) * np.asarray(scale_w, np.float32)
    return np.rint(bias / unit.reshape(-1)).astype(np.int64).astype(np.int32)


def _bias_halves_away(bias, scale_x, scale_w, **kwargs):
    reference.quantize_bias_s32(bias, scale_x, scale_w, **kwargs)
    steps = bias / (np.asarray(scale_x, np.float32).astype(np.float64) * np.asarray(scale_w, np.float32)).reshape(-1)
    return (np.sign(steps) * np.floor(np.abs(steps) + 0.5)).astype(np.int32)


def _first_scale_for_all(values, scale_x, scale_w):
    scale = np.asarray(scale_w, np.float32).reshape(-1)[:1]
    return reference.dequantize_bias_s32(values, scale_x, scale if scale.size else scale_w)


WRONG = [
    ("bias in a float32 unit", "quantize_bias_s32", _float32_unit),
    ("bias halves away", "quantize_bias_s32", _bias_halves_away),
    ("one scale for all of the bias", "dequantize_bias_s32", _first_scale_for_all),
    ("high half first", "quantize_pack", _high_half_first),
    ("rows run on", "quantize_pack", _rows_run_on),
    ("sign not extended", "quantize_unpack", _no_sign),
    ("always half to even", "requantize_s32", _always("half_even")),
    ("always half away", "requantize_s32", _always("half_away")),
    ("always rounded twice", "requantize_s32", _always("gemmlowp")),
    ("16 bits clipped to 8", "quantize_s16", _clips_to_int8),
    ("int16 difference", "dequantize_s16", _int16_difference),
    ("zero not in the range", "quantize_range_minmax", _without_zero),
    ("last group dropped", "quantize_range_minmax", _last_group_dropped),
]

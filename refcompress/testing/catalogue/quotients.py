"""Kernels that round at another place: a reciprocal for a quotient, a wider quotient, products in another order.

They differ from the rule only where a quotient lies next to a tie.
"""

from collections.abc import Callable

import numpy as np

from ... import reference
from ...formats import NF4
from ..values import with_fields
from .kernels import Kernel, for_each

_F = np.float32


def _by(quotient: Callable) -> Callable[[str], Callable]:
    """Return the maker of quantizers that divide x by the scale by ``quotient``."""
    def maker(op: str) -> Callable:
        def quantize(x, **kwargs):
            q = getattr(reference, op)(x, **kwargs)
            bits = 16 if op == "quantize_s16" else int(kwargs.get("bits", 8))
            lowest = -(2 ** (bits - 1)) + (kwargs.get("scheme", "symmetric") == "symmetric")
            with np.errstate(all="ignore"):
                steps = np.rint(quotient(x.astype(_F), q.expand(q.scale))) + q.expand(q.zero_point)
            values = np.clip(steps, lowest, 2 ** (bits - 1) - 1)
            return with_fields(q, values=values.astype(q.values.dtype))
        return quantize
    return maker


def _reciprocal(x, scale):
    return x * (_F(1) / scale)


def _wide(x, scale):
    return x.astype(np.float64) / scale


def _wide_reciprocal(x, scale):
    return x.astype(np.float64) * (1.0 / scale)


def _two_steps(q):
    """scale * value - scale * zero point."""
    with np.errstate(all="ignore"):
        scale = q.expand(q.scale)
        return (scale * q.values.astype(_F) - scale * q.expand(q.zero_point).astype(_F)).astype(_F)


def _nf4_codes(quotient: Callable) -> Callable:
    middles = (lambda levels: (levels[1:] + levels[:-1]) / 2)(
        NF4(np.arange(16).astype(np.uint8), np.ones(1, _F)).dense().astype(np.float64))

    def floats_nf4_encode(x, *, block=64):
        q = reference.floats_nf4_encode(x, block=block)
        if not x.size or x.ndim > 2:
            return q
        scale = np.repeat(q.scales, min(block, x.shape[-1]), axis=-1)[..., : x.shape[-1]]
        with np.errstate(all="ignore"):
            codes = np.searchsorted(middles, quotient(x.astype(_F), scale), side="left")
        return with_fields(q, codes=codes.astype(np.uint8))

    return floats_nf4_encode


def _nvfp4_codes(quotient: Callable) -> Callable:
    def floats_nvfp4_encode(x):
        q = reference.floats_nvfp4_encode(x)
        if not x.size or x.ndim > 2:
            return q
        scales = reference.floats_decode(q.scales, "fp8_e4m3") * q.tensor_scale
        step = np.repeat(scales, 16, axis=-1)[..., : x.shape[-1]]
        with np.errstate(all="ignore"):
            codes = reference.floats_encode(quotient(x.astype(_F), step).astype(_F), "fp4_e2m1")
        return with_fields(q, codes=np.where(codes == 8, np.uint8(0), codes))
    return floats_nvfp4_encode


def _nvfp4_turned(q):
    """The element times the tensor scale first."""
    scales = np.repeat(reference.floats_decode(q.scales, "fp8_e4m3"), 16, axis=-1)
    elements = reference.floats_decode(q.codes, "fp4_e2m1")
    if q.codes.ndim > 2:
        return reference.floats_nvfp4_decode(q)
    with np.errstate(all="ignore"):
        return (elements * q.tensor_scale) * scales[..., : q.shape[-1]]


def _bias_by_reciprocal(bias, scale_x, scale_w, **kwargs):
    reference.quantize_bias_s32(bias, scale_x, scale_w, **kwargs)
    unit = (np.asarray(scale_x, _F).astype(np.float64) * np.asarray(scale_w, _F)).reshape(-1)
    return np.rint(bias * (1.0 / unit)).astype(np.int32)


def _bias_in_turn(bias, scale_x, scale_w, **kwargs):
    """bias / scale_x / scale_w."""
    reference.quantize_bias_s32(bias, scale_x, scale_w, **kwargs)
    first = bias.astype(np.float64) / np.asarray(scale_x, _F).reshape(-1)
    return np.rint(first / np.asarray(scale_w, _F).reshape(-1)).astype(np.int32)


def _mean_by_reciprocal(sums, count):
    return np.asarray(sums, np.float64) * (1.0 / count)


def _zeros_by_reciprocal(zeros, count):
    return 1 - (1 - np.asarray(reference.prune_score_apoz(zeros, count)))


def _added_by_float32_scales(a, b, a_scale, b_scale, y_scale, *, a_zero_point=0, b_zero_point=0, zero_point=0,
                             lowest=-128, highest=127):
    """Each operand rescaled to that of the result, in float32."""
    with np.errstate(all="ignore"):
        left = (a.astype(_F) - _F(a_zero_point)) * _F(a_scale / y_scale)
        right = (b.astype(_F) - _F(b_zero_point)) * _F(b_scale / y_scale)
        return np.clip(np.rint(left + right) + zero_point, lowest, highest).astype(np.int8)


def _softmax_by_reciprocal(x):
    with np.errstate(all="ignore"):
        wide = x.astype(np.float64)
        e = np.exp(wide - wide.max(axis=-1, keepdims=True, initial=-np.inf))
        return (e.astype(_F) * (1 / e.sum(axis=-1, keepdims=True)).astype(_F)).astype(_F)


def _pool_by_reciprocal(x, kernel, **options):
    """The sum times the reciprocal of the count, in float32."""
    y = reference.nn_average_pool(x, kernel, **options)
    count = _F(kernel[0] * kernel[1])
    with np.errstate(all="ignore"):
        return (y * count) * (_F(1) / count)


KERNELS: list[Kernel] = [
    *for_each("rounding", "times the reciprocal of the scale",
              "A multiplication is faster than a division. Next to a tie it falls to the other side.",
              _by(_reciprocal), "quantize_s8", "quantize_s16"),
    *for_each("rounding", "a quotient in float64",
              "The rule divides in float32. A wider quotient falls to the other side of some ties.",
              _by(_wide), "quantize_s8", "quantize_s16"),
    *for_each("rounding", "times the reciprocal in float64",
              "The reciprocal is wide, and the quotient of the rule is not.", _by(_wide_reciprocal), "quantize_s8",
              "quantize_s16"),
    *[Kernel(op, "scale times value less scale times zero point", "rounding",
             "The formula multiplied out: two products, each of which rounds.", _two_steps)
      for op in ("dequantize_s8", "dequantize_s16")],
    Kernel("floats_nf4_encode", "times the reciprocal of the scale", "rounding",
           "A multiplication is faster than a division. Next to a middle it falls to the other side.",
           _nf4_codes(_reciprocal)),
    Kernel("floats_nf4_encode", "a quotient in float64", "rounding",
           "The rule divides in float32. A wider quotient falls to the other side of some middles.", _nf4_codes(_wide)),
    Kernel("floats_nvfp4_encode", "times the reciprocal of the scale", "rounding",
           "A multiplication is faster than a division. Next to a tie it falls to the other side.",
           _nvfp4_codes(_reciprocal)),
    Kernel("floats_nvfp4_decode", "the tensor scale first", "rounding",
           "Both products are rounded, and so their order shows.", _nvfp4_turned),
    Kernel("quantize_bias_s32", "times the reciprocal of the unit", "rounding",
           "A multiplication is faster than a division, in float64 too.", _bias_by_reciprocal),
    Kernel("quantize_bias_s32", "divided by one scale after the other", "rounding",
           "The unit is a product, and was never formed.", _bias_in_turn),
    Kernel("prune_score_activation", "times the reciprocal of the count", "rounding",
           "A mean by a multiplication is off by a unit in the last place for many counts.", _mean_by_reciprocal),
    Kernel("prune_score_apoz", "one less the rest", "rounding",
           "The share of what is not zero was at hand, and was subtracted twice.", _zeros_by_reciprocal),
    Kernel("nn_add_s8", "each operand rescaled in float32", "rounding",
           "Two products and a sum, each rounded, where the rule has one exact sum.", _added_by_float32_scales),
    Kernel("nn_softmax", "times the reciprocal of the sum", "rounding",
           "One division a row, and products for all else.", _softmax_by_reciprocal),
    Kernel("nn_average_pool", "times the reciprocal of the count", "rounding",
           "The reciprocal of the window's size is known beforehand.", _pool_by_reciprocal),
]

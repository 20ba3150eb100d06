"""Kernels that are wrong only where several things meet: all sizes large, long blocks, scales at a tie, empty ends."""

from collections.abc import Callable

import numpy as np

from ... import reference
from ...formats.base import expand
from ...reference.gemm.integers import rounded_to_s8
from ..values import with_fields
from .kernels import Kernel

_F = np.float32

KERNELS: list[Kernel] = []


def _tiles(op: str, rows: int, outputs: int, inputs: int) -> Callable:
    """Return a product with tiles that are taken where all sizes are large; the rows behind the last tile lose a tail.
    """
    def product(x, w, *more, **kwargs):
        y = getattr(reference, op)(x, w, *more, **kwargs)
        n, k = w.shape
        tail, last = len(x) - len(x) % rows, k - k % inputs
        if len(x) > rows and n > outputs and k > 2 * inputs and not kwargs.get("transposed") and tail < len(x):
            short = w[:, :last].copy() if isinstance(w, np.ndarray) else None
            if short is not None:
                y[tail:] = getattr(reference, op)(np.ascontiguousarray(x[tail:, :last]), short, **kwargs)
        return y
    return product


def _cores(x, w):
    x = np.ascontiguousarray(x, _F)
    if len(x) >= 16 and w.shape[0] >= 16 and x.shape[1] >= 32:
        x = np.where(np.isfinite(x), (x.view(np.uint32) & np.uint32(0xFFFFE000)).view(_F), x)
    return reference.gemm_f32bf16(x, w)


def _blocks_cut(x, w):
    most = 1024
    if w.block <= most or w.shape[1] <= most:
        return reference.gemm_f32nf4(x, w)
    at = np.minimum(np.arange(w.shape[1]) // most, w.scales.shape[1] - 1)
    levels = reference.floats_nf4_decode(with_fields(w, scales=np.ones_like(w.scales)))
    return reference.gemm_f32f32(x, levels * w.scales[:, at])


def _double_for_fma(x, x_scale, w):
    n, k = w.shape
    group = max(1, min(k if w.group is None else w.group, k))
    steps = w.values.astype(np.int64) - expand(w.zero_point, w.shape, w.group)
    scale, y = np.broadcast_to(w.scale, (n, w.scale.shape[1])).astype(np.float64), np.zeros((len(x), n), _F)
    with np.errstate(all="ignore"):
        for g, a in enumerate(range(0, k, group)):
            acc = (x[:, a : a + group].astype(np.int64) @ steps[:, a : a + group].T).astype(_F)
            y = (acc * scale[:, g] + y).astype(_F)
        return y * x_scale[:, None]


def _bias_first(x, x_scale, w, bias=None):
    n, k = w.shape
    group = max(1, min(k if w.group is None else w.group, k))
    steps, scale = (w.values.astype(np.int64) - w.expand(w.zero_point)).T, w.scale.astype(np.float64)
    y = np.zeros((len(x), n)) + (0.0 if bias is None else bias.astype(np.float64))
    with np.errstate(all="ignore"):
        for g, a in enumerate(range(0, k, group)):
            acc = x[:, a : a + group].astype(np.int64) @ steps[a : a + group]
            y += acc * (x_scale.astype(np.float64)[:, None] * np.broadcast_to(scale, (n, scale.shape[1]))[:, g])
        return y.astype(_F)


def _rows_behind_the_last_entry(a, x):
    y = reference.csr_matmul(a, x)
    if a.shape[0] > 256 and a.indptr[-1]:
        y[int(np.searchsorted(a.indptr, a.indptr[-1])) :] = np.nan
    return y


def _axis_of_the_first(scores, *, axis=None, **kwargs):
    if isinstance(scores, dict) and scores and axis is not None and axis < 0:
        first = axis + next(iter(scores.values())).ndim
        if all(first < a.ndim for a in scores.values()):
            axis = first
    return reference.prune_select(scores, axis=axis, **kwargs)


def _no_look_where_all_stay(scores, **kwargs):
    n, m = kwargs.get("n"), kwargs.get("m")
    if isinstance(scores, np.ndarray) and scores.ndim and type(n) is int and n == m and n > 0 and len(kwargs) == 3:
        return np.ones(scores.shape, bool)
    return reference.prune_select(scores, **kwargs)


def _quotient_first(a, b, a_scale, b_scale, y_scale, *, a_zero_point=0, b_zero_point=0, zero_point=0, lowest=-128,
                    highest=127):
    reference.nn_multiply_s8(a, b, a_scale, b_scale, y_scale, a_zero_point=a_zero_point, b_zero_point=b_zero_point,
                             zero_point=zero_point, lowest=lowest, highest=highest)
    scale = float(a_scale) * (float(b_scale) / float(y_scale))
    multiplier, shift = reference.quantize_multiplier(min(max(scale, 2.0**-32), np.nextafter(2.0**30, 0)))
    products = (a.astype(np.int64) - int(a_zero_point)) * (b.astype(np.int64) - int(b_zero_point))
    return rounded_to_s8(products, int(multiplier), int(shift), int(zero_point), int(lowest), int(highest))


def _one_scale_after_the_other(values, scale_x, scale_w):
    x, w = (np.asarray(scale, _F).reshape(-1).astype(np.float64) for scale in (scale_x, scale_w))
    most = float(np.finfo(_F).max)
    return np.clip(values * x * w, -most, most).astype(_F)


def _head_of_nothing(patterns, type, *, head=b"", blocks=True):
    return reference.planes_encode(patterns, type, head=head if np.size(patterns) else b"", blocks=blocks)


_TILES = "A small product takes plain loops. Tiles begin where all sizes are large, and there a tail is lost."

KERNELS += [
    *(Kernel(op, "tiles of a large product lose a tail", "tail", _TILES, _tiles(op, 6, 16, 16))
      for op in ("gemm_f32f32", "gemm_s8s8", "gemm_u8s8")),
    Kernel("gemm_f32bf16", "matrix cores where all sizes are large", "bits",
           "Cores for tf32 have tiles of 16; a smaller product runs on vectors, in float32.", _cores),
    Kernel("gemm_f32nf4", "blocks of at most 1,024", "format",
           "The scale of an input is found by a shift that the longest usual block gave.", _blocks_cut),
    Kernel("gemm_s8s4", "fma in double", "rounding",
           "Where a machine lacks fma, a product and a sum in double stand for it: the sum is then rounded twice.",
           _double_for_fma),
    Kernel("gemm_s8s8_scaled", "sums begin with the bias", "rule",
           "The accumulators begin with the bias, as integer kernels do; in float64 the order shows.", _bias_first),
    Kernel("csr_matmul", "rows behind the last entry are not written", "tail",
           "Threads share out the entries, not the rows: rows without entries at the end are nobody's.",
           _rows_behind_the_last_entry),
    Kernel("prune_select", "axis of the first array", "options",
           "A negative axis is resolved once for a dict, by the array that comes first.", _axis_of_the_first),
    Kernel("prune_select", "NaN let in where all stay", "refusal",
           "Where n is m nothing is compared, and so no NaN is met.", _no_look_where_all_stay),
    Kernel("nn_multiply_s8", "quotient of the scales first", "rounding",
           "a (b / y) in place of a b / y: the multiplier is the next integer where the scale lies between two.",
           _quotient_first),
    Kernel("dequantize_bias_s32", "one scale after the other", "rounding",
           "Two roundings to float64 in place of one, which show beside a tie of float32.", _one_scale_after_the_other),
    Kernel("planes_encode", "head of no elements left out", "options",
           "Without elements the function returns at once, and what was to stand in front is forgotten.",
           _head_of_nothing),
]

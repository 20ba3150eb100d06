"""Ranges: ranks by selection, errors by the kernels, divergences by prefix sums."""

import math
from functools import wraps

import numpy as np

from ... import reference
from ...formats.base import matrix_shape
from ...reference.quantize.integers import limits, scale_and_zero_point
from ...reference.quantize.ranges import (
    clip_range,
    histogram,
    kl_arguments,
    mse_arguments,
    percentile_arguments,
    reduce_shared,
    segments,
)
from .. import threads

BLOCK = 2**15  # logarithms at once: they stay in a cache of 1 MiB
SPEED = 1e8  # logarithms a second and thread, to the order of magnitude


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
@wraps(reference.quantize_range_percentile)
def quantize_range_percentile(x, *, percentile=99.99, axis=None, group=None):
    x, shape, axis, group, share = percentile_arguments(x, percentile, axis, group)
    low = np.minimum(reduce_shared(np.minimum, x, axis, group), 0)
    high = np.maximum(reduce_shared(np.maximum, x, axis, group), 0)
    t = np.zeros(shape)
    if x.size:
        for place, members in _equal_segments(np.abs(x), axis, group):
            k = math.ceil(share * members.shape[-1]) - 1
            t[place] = np.partition(members, k, axis=-1)[..., k].reshape(t[place].shape)
    return clip_range(low.astype(np.float64), high.astype(np.float64), t)


def _equal_segments(x, axis, group):
    """Yield places in the scale, and their segments, of one length, along the last axis: the last of a row apart."""
    if group is None:
        yield ..., x.reshape(1, -1) if axis is None else np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)
        return
    *rows, size = matrix_shape(x.shape)
    x, group = x.reshape(*rows, size), min(group, size)
    whole = size // group
    yield (..., slice(whole)), x[..., : whole * group].reshape(*rows, whole, group)
    if size % group:
        yield (..., slice(whole, None)), x[..., whole * group :].reshape(*rows, 1, size % group)


def quantize_range_mse(quantize_s8, dequantize_s8, quantize_s16, dequantize_s16, quantize_range_minmax):
    """Return the operation quantize_range_mse made with these kernels: its errors have the reference's bits."""

    @np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
    @wraps(reference.quantize_range_mse)
    def quantize_range_mse(x, *, bits=8, scheme="symmetric", axis=None, group=None, steps=100):
        x, bits, scheme, axis, group, steps = mse_arguments(x, bits, scheme, axis, group, steps)
        low, high = quantize_range_minmax(x, axis=axis, group=group)
        largest, ends = np.maximum(-low, high), limits(bits, scheme)
        sharing = {"scheme": scheme, "axis": axis, "group": group}
        best, least, error = largest, np.full(low.shape, np.inf), np.empty(x.shape)
        for i in range(steps, 0, -1):
            t = largest * (i / steps)
            scale, zero_point = scale_and_zero_point(*clip_range(low, high, t), *ends)
            options = {"scale": scale, "zero_point": zero_point, **sharing}
            q = quantize_s16(x, **options) if bits == 16 else quantize_s8(x, bits=bits, **options)
            np.subtract(dequantize_s16(q) if bits == 16 else dequantize_s8(q), x, out=error, dtype=np.float64)
            np.square(error, out=error)
            total = reduce_shared(np.add, error, axis, group)
            best = np.where(total < least, t, best)
            least = np.minimum(total, least)
        return clip_range(low, high, best)

    return quantize_range_mse


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
@wraps(reference.quantize_range_kl)
def quantize_range_kl(x, *, bits=8, axis=None, group=None, bins=2048):
    x, shape, levels, axis, group, bins = kl_arguments(x, bits, axis, group, bins)
    low, high, t = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    height = max(1, BLOCK // levels)
    items = list(segments(x, shape, axis, group))

    def some(begin, end):
        for index, members in items[begin:end]:
            if members.size:
                low[index], high[index] = min(members.min(), 0), max(members.max(), 0)
            largest = max(-low[index], high[index])
            if largest > 0:
                counts = histogram(np.abs(members).astype(np.float64), largest, bins)
                d = np.concatenate([_divergences(counts, np.arange(m, min(m + height, bins + 1)), levels)
                                    for m in range(levels, bins + 1, height)])
                t[index] = (bins - np.argmin(d[::-1]) + 0.5) * largest / bins  # the first from the end: the largest m

    threads.run(some, len(items), len(items) * bins * levels / SPEED)
    return clip_range(low, high, t)


def _divergences(counts: np.ndarray, m: np.ndarray, levels: int) -> np.ndarray:
    """Return the sum of P log(P / Q) for each m, from prefix sums: in O(levels), where the reference takes O(bins).

    With n the sum of all counts, K that of the first m, p the counts of P, and s the sum and o the number of occupied
    bins of a segment, its Q is s / o / K, so that n times the sum is sum(p log p) - n log n - sum(log(s / o) p) + n
    log K.
    """
    starts = -(-np.arange(levels + 1) * m[:, None] // levels)  # of the segments, and the end of the last one
    before, occupied, entropy = (np.append(0, np.cumsum(a)) for a in (counts, counts > 0, _xlogx(counts)))
    n, kept = before[-1], before[m]
    last = counts[m - 1] + n - kept  # what lies beyond is in the last bin
    s = np.diff(before[starts])
    log = np.log(np.where(s > 0, s, 1) / np.maximum(np.diff(occupied[starts]), 1))
    crossed = np.sum(s * log, axis=1) + (n - kept) * log[:, -1]
    d = (entropy[m - 1] + _xlogx(last) - crossed) / n + np.log(np.maximum(kept, 1)) - np.log(n)
    return np.where((last > 0) & (counts[m - 1] == 0), np.inf, d)


def _xlogx(a: np.ndarray) -> np.ndarray:
    return a * np.log(np.maximum(a, 1))  # counts: none is between 0 and 1

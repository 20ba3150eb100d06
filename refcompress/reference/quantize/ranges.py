"""The range that a grid of integers should cover: all of it, or less than all of it for a finer step.

A range goes to :func:`quantize_scale`, and the scale and zero point to quantize_s8: that is static quantisation,
where x is calibration data. The ranges of several batches are joined by taking the lowest low and the highest high,
or by joining the batches first.
"""

import math
from fractions import Fraction

import numpy as np

from ... import arguments
from ...errors import LimitError
from .integers import quantize_s8, quantize_s16
from .scales import SCHEMES, as_rows, bits_of, chosen, minmax_arguments, span

__all__ = ["quantize_range_minmax", "quantize_range_percentile", "quantize_range_mse", "quantize_range_kl"]


def quantize_range_minmax(x, *, axis=None, group=None):
    """Find the range of all that shares a scale, zero included.

        low = min(min x, 0), high = max(max x, 0)

    x : float32, at least one dimension, finite; axis, group : as for :func:`quantize_s8`. Returns (low, high), float64
    in the shape of the scale, so that neither high - low nor its quotients overflow or underflow; exact, zeros are
    +0.0, and both are zero where there is no x. Raises as quantize_s8.

    **Source** Jacob et al. (2018, arXiv 1712.05877), section 3.1. **Departs** they nudge both ends, so that zero has
    an integer; here the range is widened until zero belongs to it, and :func:`quantize_scale` rounds the zero point.
    Cost O(size).

    >>> import numpy as np
    >>> low, high = quantize_range_minmax(np.float32([[1, 2], [-3, 4]]), axis=0)
    >>> low.tolist(), high.tolist()
    ([[0.0], [-3.0]], [[2.0], [4.0]])
    """
    x, _, axis, group = minmax_arguments(x, axis, group)
    return span(arguments.finite(x, "x"), axis, group)


def quantize_range_percentile(x, *, percentile=99.99, axis=None, group=None):
    """Find the range that leaves out the largest magnitudes.

        low = max(min(min x, 0), -t), high = min(max(max x, 0), t), t the smallest of |x| that percentile % of |x| reach

    x, axis, group, returns, raises : as for :func:`quantize_range_minmax`. percentile : above 0, at most 100 (which is
    minmax), taken as the decimal number that it prints as. t is the element number ceil(percentile / 100 * n) of the n
    sorted magnitudes that share the scale: nothing is interpolated.

    **Source** Wu et al., Integer Quantization for Deep Learning Inference (2020), percentile calibration. **Departs**
    nothing. Cost O(size log size).

    >>> import numpy as np
    >>> low, high = quantize_range_percentile(np.float32([-1, 2, -3, 100]), percentile=75)
    >>> low.item(), high.item()
    (-3.0, 3.0)
    """
    x, shape, axis, group = minmax_arguments(x, axis, group)
    percentile = arguments.real(percentile, "percentile", math.ulp(0), 100)
    arguments.finite(x, "x")
    t = np.zeros(shape)
    for index, members in pools(np.abs(x), shape, axis, group):
        if members.size:
            t[index] = np.sort(members)[math.ceil(Fraction(str(percentile)) / 100 * members.size) - 1]
    return _within(span(x, axis, group), t)


def quantize_range_mse(x, *, bits=8, scheme="symmetric", axis=None, group=None, steps=100):
    """Find the range for which quantising has the least squared error.

        low = max(min(min x, 0), -t), high = min(max(max x, 0), t), t = max|x| i / steps, i of 1..steps minimising
        sum of (dequantize(quantize(x)) - x)^2 over all that shares a scale

    x, axis, group, returns, raises : as for :func:`quantize_range_minmax`. bits : 2 to 8, or 16; scheme : as for
    quantize_s8; steps : 1 or more. The error is that of the operations themselves, with the scale that
    :func:`quantize_scale` makes of the range; its sum is in float64. Of equal errors the widest range wins, so the
    error is never above that of minmax, which is the last step.

    **Source** Nagel et al., A White Paper on Neural Network Quantization (2021, arXiv 2106.08295), on range setting by
    the mean squared error, where the ends are searched on a grid. **Departs** both ends share the threshold t. Cost
    O(steps size).

    >>> import numpy as np
    >>> x = np.float32([0.5] * 99 + [3])
    >>> quantize_range_mse(x, bits=2)[1].item() < 1.0
    True
    """
    x, shape, axis, group = minmax_arguments(x, axis, group)
    bits, scheme = bits_of(bits), arguments.choice(scheme, "scheme", SCHEMES)
    steps = arguments.integer(steps, "steps", 1)
    arguments.finite(x, "x")
    whole = span(x, axis, group)
    largest = np.maximum(-whole[0], whole[1])
    best, least = largest, np.full(shape, np.inf)
    for i in range(steps, 0, -1):
        t = largest * (i / steps)
        error = pooled_sum(_error(x, _within(whole, t), bits, scheme, axis, group) ** 2, axis, group)
        best = np.where(error < least, t, best)
        least = np.minimum(error, least)
    return _within(whole, best)


def quantize_range_kl(x, *, bits=8, axis=None, group=None, bins=2048):
    """Find the range after which the distribution of |x| loses the least information, as TensorRT calibrates.

        low = max(min(min x, 0), -t), high = min(max(max x, 0), t), t = (m + 1/2) max|x| / bins,
        m of levels..bins minimising sum of P log(P / Q), levels = 2^(bits-1)

    P is the histogram of |x| in its first m bins, what lies beyond them added to the last one; Q is the histogram of
    the first m bins alone, merged into ``levels`` runs of bins, each run spread again evenly over its bins that are
    not empty. Both are divided by their sums.

    x, axis, group, returns, raises : as for :func:`quantize_range_minmax`. bits : 2 to 8. bins : levels or more. Bin j
    holds the |x| of floor(|x| / max|x| * bins) = j, the largest too the last one; bin j of m belongs to the run
    floor(j levels / m). Where P has a bin that Q has not, the sum is infinite; of equal sums the largest m wins.

    **Source** Migacz, 8-bit Inference with TensorRT, GPU Technology Conference (2017), the pseudocode of entropy
    calibration. **Departs** it leaves open the rules of the last three sentences; m of all bins, the whole range, is
    tried too. Cost O(size + bins^2), for each scale.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).laplace(size=100_000).astype(np.float32)
    >>> bool(quantize_range_kl(x)[1] < np.abs(x).max())
    True
    """
    x, shape, axis, group = minmax_arguments(x, axis, group)
    levels = 2 ** (arguments.integer(bits, "bits", 2, 8) - 1)
    bins = arguments.integer(bins, "bins", levels)
    if bins > 2**16:
        raise LimitError("bins", f"must be at most {2**16}, not {bins}")
    arguments.finite(x, "x")
    t = np.zeros(shape)
    for index, members in pools(np.abs(x).astype(np.float64), shape, axis, group):
        largest = members.max(initial=0)
        if largest > 0:
            places = np.minimum((members / largest * bins).astype(np.int64), bins - 1)
            m = _least_divergence(np.bincount(places, minlength=bins).astype(np.float64), levels)
            t[index] = (m + 0.5) * largest / bins
    return _within(span(x, axis, group), t)


def _least_divergence(histogram: np.ndarray, levels: int) -> int:
    best, least = len(histogram), np.inf
    for m in range(len(histogram), levels - 1, -1):
        kept = histogram[:m]
        p = kept.copy()
        p[-1] += histogram[m:].sum()
        # The first bin of each run; m >= levels, so that no run is empty.
        starts = -(-np.arange(levels) * m // levels)
        totals, occupied = np.add.reduceat(kept, starts), np.add.reduceat((kept > 0).astype(np.float64), starts)
        mean = np.where(occupied > 0, totals / np.maximum(occupied, 1), 0)
        q = np.where(kept > 0, np.repeat(mean, np.diff(starts, append=m)), 0)
        if np.any((p > 0) & (q == 0)):
            continue
        held = p > 0
        p, q = p[held] / p.sum(), q[held] / q.sum()
        divergence = np.sum(p * np.log(p / q))
        if divergence < least:
            best, least = m, divergence
    return best


def pools(x: np.ndarray, shape: tuple[int, ...], axis: int | None, group: int | None):
    """Yield for each entry of the scale its index and, flat, all of x that shares it."""
    for index in np.ndindex(shape):
        if group is None:
            key = tuple(i if axis is not None and d == axis % x.ndim else slice(None) for d, i in enumerate(index))
        else:
            key = (*index[:-1], slice(index[-1] * group, (index[-1] + 1) * group))
        yield index, as_rows(x, group)[key].reshape(-1)


def pooled_sum(a: np.ndarray, axis: int | None, group: int | None) -> np.ndarray:
    """Return the sums over all that shares a scale, in the shape of the scale."""
    if group is not None:
        a = as_rows(a, group)
        return np.add.reduceat(a, np.arange(0, a.shape[-1], group), axis=-1)
    return a.sum(axis=tuple(i for i in range(a.ndim) if axis is None or i != axis % a.ndim), keepdims=True)


def _error(x, ends, bits: int, scheme: str, axis, group) -> np.ndarray:
    scale, zero_point = chosen(ends, np.int16 if bits == 16 else np.int8, bits, scheme)
    options = {"scheme": scheme, "axis": axis, "group": group, "scale": scale, "zero_point": zero_point}
    q = quantize_s16(x, **options) if bits == 16 else quantize_s8(x, bits=bits, **options)
    return q.dense().astype(np.float64) - x


def _within(ends, t: np.ndarray):
    return np.maximum(ends[0], -t) + 0.0, np.minimum(ends[1], t) + 0.0  # so that no zero is -0.0

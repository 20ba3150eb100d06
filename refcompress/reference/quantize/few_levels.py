"""Weights of one bit, or of two or three values: the small end."""

import numpy as np

from ... import arguments
from ...constants import SMALLEST_NORMAL
from ...formats import Quantized
from .scales import along, minmax_arguments
from .ranges import pooled_sum, pools

__all__ = ["quantize_binary", "quantize_ternary"]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def quantize_binary(w, *, axis=None, group=None) -> Quantized:
    """Replace each weight by its sign, times one scale.

        values = +1 where w >= 0, else -1;  scale = mean|w|

    which minimises the sum of (w - scale * values)^2.

    w : float32, at least one dimension, finite; axis, group : what shares a scale, as for :func:`quantize_s8`.
    Returns a Quantized with zero points of 0, whose values :func:`quantize_pack` holds in one bit each. The mean is
    summed in float64 and rounded once; it is at least 2**-126 (of no weights, or of zeros, the scale is that).
    Raises ArgumentTypeError, RefcompressError by name and index.

    **Source** Rastegari et al., XNOR-Net (2016, arXiv 1603.05279), section 3.1. **Departs** the smallest scale is not
    0; a zero weight, whose sign the paper leaves open, becomes +scale, since one bit has no zero. Cost O(size).

    >>> import numpy as np
    >>> q = quantize_binary(np.float32([[1, -3], [0, 5]]), axis=0)
    >>> q.values.tolist(), q.scale.ravel().tolist()
    ([[1, -1], [1, 1]], [2.0, 2.5])
    """
    w, shape, axis, group = minmax_arguments(w, axis, group, "w")
    arguments.finite(w, "w")
    count = pooled_sum(np.ones(w.shape), axis, group)
    mean = pooled_sum(np.abs(w).astype(np.float64), axis, group) / np.maximum(count, 1)
    return _quantized(np.where(w >= 0, 1, -1), mean, shape, group)


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def quantize_ternary(w, *, threshold=0.7, axis=None, group=None) -> Quantized:
    """Replace each weight by -1, 0 or 1, times one scale.

        values = sign(w) where |w| > delta, else 0;  scale = mean of the |w| above delta
        delta = threshold * mean|w|, or (threshold None) the best: it maximises (sum of the |w| above it)^2 / their
        count

    The scale minimises the sum of (w - scale * values)^2 for this delta, and so does, over all deltas, the best one.

    w, axis, group, raises : as for :func:`quantize_binary`. threshold : 0 or above, or None. Returns a Quantized with
    zero points of 0. Sums are in float64, delta is compared in float64, the scale is rounded once and at least
    2**-126; 1 where all values are 0. Of equal maxima the best delta is the one that keeps the fewest.

    **Source** Li, Zhang, Liu, Ternary Weight Networks (2016, arXiv 1605.04711): the problem, its optimal scale, and
    0.7 mean|w|, which comes near the best delta for uniform and normal weights. **Departs** the best delta is found,
    too: by sorting. Cost O(size), with None O(size log size).

    >>> import numpy as np
    >>> q = quantize_ternary(np.float32([1, -3, 0.5, 2]))
    >>> q.values.tolist(), q.scale.item()
    ([0, -1, 0, 1], 2.5)
    """
    w, shape, axis, group = minmax_arguments(w, axis, group, "w")
    if threshold is not None:
        threshold = arguments.real(threshold, "threshold", 0, 2.0**64)
    arguments.finite(w, "w")
    size = np.abs(w).astype(np.float64)
    if threshold is None:
        delta = np.zeros(shape)
        for index, members in pools(size, shape, axis, group):
            delta[index] = _best_delta(members)
    else:
        delta = threshold * pooled_sum(size, axis, group) / np.maximum(pooled_sum(np.ones(w.shape), axis, group), 1)
    kept = size > along(delta, w, group)
    count = pooled_sum(kept.astype(np.float64), axis, group)
    mean = pooled_sum(np.where(kept, size, 0), axis, group) / np.maximum(count, 1)
    return _quantized(np.where(kept, np.sign(w), 0), np.where(count > 0, mean, 1), shape, group)


def _best_delta(size: np.ndarray) -> float:
    """Return the largest of the magnitudes that are to become 0, or 0 if none need be."""
    falling = np.sort(size)[::-1]
    sums, counts = np.cumsum(falling), np.arange(1, len(falling) + 1)
    last = np.append(falling[1:], 0) < falling  # equal magnitudes are kept together, or not at all; zeros never
    gain = np.where(last, (sums / np.sqrt(counts)), -1)  # the root of what is maximised
    if not last.any():
        return 0.0
    keep = int(np.argmax(gain)) + 1
    return float(falling[keep]) if keep < len(falling) else 0.0


def _quantized(values: np.ndarray, mean: np.ndarray, shape, group) -> Quantized:
    scale = np.maximum(mean.astype(np.float32), SMALLEST_NORMAL).reshape(shape)
    return Quantized(values.astype(np.int8), scale, np.zeros(shape, dtype=np.int8), group)

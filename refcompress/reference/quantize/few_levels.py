"""Weights of one bit, or of two or three values: the small end."""

import math

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...constants import SMALLEST_NORMAL
from ...formats import Quantized
from ...formats.base import expand, matrix_shape
from .integers import sharing_arguments
from .ranges import range_arguments, segments

__all__ = ["quantize_binary", "quantize_ternary"]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def quantize_binary(w: NDArray[np.float32], *, axis: int | None = None, group: int | None = None) -> Quantized:
    """Replace each weight by its sign, times one scale.

        values = +1 where w >= 0, else -1;  scale = mean|w|

    which minimizes the sum of (w - scale * values)^2.

    Parameters
    ----------
    w : array of float32, at least one dimension, finite
    axis, group : int or None, not both
        What shares a scale, as for :func:`quantize_s8`.

    Returns
    -------
    Quantized of int8, with zero points of 0
        :func:`quantize_pack` holds the values in one bit each. The mean is summed in float64, in NumPy's order of a
        long row, and rounded once; it is at least 2**-126, which it also is where there are no weights, or only zeros.

    **Source** Rastegari et al., XNOR-Net (2016, arXiv 1603.05279), section 3.1. **Departs** the smallest scale is not
    0. A weight of zero, whose sign the paper leaves open, becomes +scale, since one bit has no zero.

    Cost O(size); beside the result 4 times the input's memory, in C 1/8 of it.

    >>> import numpy as np
    >>> q = quantize_binary(np.float32([[1, -3], [0, 5]]), axis=0)
    >>> q.values.tolist(), q.scale.ravel().tolist()
    ([[1, -1], [1, 1]], [2.0, 2.5])
    """
    w, _, axis, group = range_arguments(w, axis, group, "w")
    count = total(np.ones(w.shape), axis, group)
    scale = total(np.abs(w), axis, group) / np.maximum(count, 1)
    return with_scale(np.where(w >= 0, 1, -1), scale, group)


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def quantize_ternary(w: NDArray[np.float32], *, threshold: float | None = 0.7, axis: int | None = None,
                     group: int | None = None) -> Quantized:
    """Replace each weight by -1, 0 or 1, times one scale.

        values = sign(w) where |w| > delta, else 0;  scale = mean of the |w| above delta
        delta = threshold * mean|w|, or, where threshold is None, the best:
                it maximizes (sum of the |w| above it)^2 / their count

    The scale minimizes the sum of (w - scale * values)^2 for this delta. The best delta minimizes it over all deltas
    too.

    Parameters
    ----------
    w, axis, group : as for :func:`quantize_binary`
    threshold : float, 0 or above, or None

    Returns
    -------
    Quantized of int8, with zero points of 0
        Sums are in float64, as those of quantize_binary. delta is compared in float64, and the scale is rounded once.
        The scale is at least 2**-126, and 1 where all values are 0. Where maxima are equal the best delta is the one
        that keeps the fewest weights.

    **Source** Li, Zhang, Liu, Ternary Weight Networks (2016, arXiv 1605.04711): the problem, its optimal scale, and
    0.7 mean|w|, which comes near the best delta for uniform and normal weights. **Departs** the best delta can be had
    too: it is found by sorting.

    Cost O(size), with None O(size log size); beside the result 7 times the input's memory, in C 1/8 of it, and
    with None three times that of the longest segment more.

    >>> import numpy as np
    >>> q = quantize_ternary(np.float32([1, -3, 0.5, 2]))
    >>> q.values.tolist(), q.scale.item()
    ([0, -1, 0, 1], 2.5)
    """
    w, shape, axis, group, threshold = ternary_arguments(w, threshold, axis, group)
    size = np.abs(w).astype(np.float64)
    if threshold is None:
        delta = np.zeros(shape)
        for index, members in segments(size, shape, axis, group):
            delta[index] = best_delta(members)
    else:
        delta = threshold * total(size, axis, group) / np.maximum(total(np.ones(w.shape), axis, group), 1)
    kept = size > expand(delta, w.shape, group)
    count = total(kept, axis, group)
    scale = total(np.where(kept, size, 0), axis, group) / np.maximum(count, 1)
    return with_scale(np.where(kept, np.sign(w), 0), np.where(count == 0, 1, scale), group)


def best_delta(size: np.ndarray) -> float:
    """Return the largest of the magnitudes that are to become 0, or 0 if none need be."""
    falling = np.sort(size)[::-1]
    sums, counts = np.cumsum(falling), np.arange(1, len(falling) + 1)
    last = np.append(falling[1:], 0) < falling  # equal magnitudes are kept together, or not at all; zeros never
    if not last.any():
        return 0.0
    gain = np.where(last, sums / np.sqrt(counts), -1)  # the root of what is maximized
    keep = int(np.argmax(gain)) + 1
    return float(falling[keep]) if keep < len(falling) else 0.0


def total(a: np.ndarray, axis: int | None, group: int | None) -> np.ndarray:
    """Return the sum, in float64, of all that shares a scale, in the shape of the scale.

    The elements of a sum are laid side by side, in C order: so the order of NumPy's sums is that of one long row.
    """
    a = a.astype(np.float64)
    if group is None:
        lines = a.reshape(1, -1) if axis is None else np.moveaxis(a, axis, 0)
        lines = np.ascontiguousarray(lines).reshape(len(lines), math.prod(lines.shape[1:]))
        return np.add.reduce(lines, axis=1, initial=0).reshape([n if i == axis else 1 for i, n in enumerate(a.shape)])
    rows = a.reshape(matrix_shape(a.shape))
    whole = rows.shape[-1] // group
    parts = [np.ascontiguousarray(rows[..., : whole * group]).reshape(*rows.shape[:-1], whole, group)]
    if rows.shape[-1] > whole * group:
        parts.append(np.ascontiguousarray(rows[..., whole * group :])[..., None, :])
    return np.concatenate([np.add.reduce(part, axis=-1, initial=0) for part in parts], axis=-1)


def with_scale(values: np.ndarray, scale: np.ndarray, group: int | None) -> Quantized:
    """Return values with the scale rounded to float32, and zero points of 0."""
    scale = np.maximum(scale.astype(np.float32), np.float32(SMALLEST_NORMAL))
    return Quantized(values.astype(np.int8), scale, np.zeros(scale.shape, dtype=np.int8), group)


def ternary_arguments(w, threshold, axis, group):
    """Return w, the shape of the scale, axis, group and threshold, or refuse the arguments."""
    w, *checked = ternary_request(w, threshold, axis, group)
    return arguments.finite(w, "w"), *checked


def ternary_request(w, threshold, axis, group):
    """Return the same; what w holds is not looked at, for a kernel does so while it reads w."""
    w, *checked = sharing_arguments(w, axis, group, "w")
    if threshold is not None:
        threshold = arguments.real(threshold, "threshold", 0, 2.0**64)
    return w, *checked, threshold

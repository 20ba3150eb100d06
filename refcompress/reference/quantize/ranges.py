"""The range that a grid of integers should cover: the full range, or a clipped one with a finer step.

A range goes to quantize_scale, and the scale and zero point to quantize_s8: that is static quantization, where x is
calibration data. To join the ranges of several batches, take the lowest low and the highest high, or join the batches
first.
"""

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import LimitError
from ...formats.base import matrix_shape
from .integers import SCHEMES, quantize_s8, quantize_s16, sharing_arguments
from .scales import bits_argument, quantize_scale

__all__ = ["quantize_range_minmax", "quantize_range_percentile", "quantize_range_mse", "quantize_range_kl"]

Range = tuple[NDArray[np.float64], NDArray[np.float64]]


def quantize_range_minmax(x: NDArray[np.float32], *, axis: int | None = None, group: int | None = None) -> Range:
    """Find the range of all that shares a scale, zero included.

        low = min(min x, 0), high = max(max x, 0)

    Parameters
    ----------
    x : array of float32, at least one dimension, finite
    axis, group : int or None, not both
        What shares a scale, as for :func:`quantize_s8`.

    Returns
    -------
    low, high : float64, in the shape of the scale
        Exact. In float64 neither high - low nor its quotients overflow or underflow. Zeros are +0.0, and both ends are
        zero where there is no x.

    **Source** Jacob et al. (2018, arXiv 1712.05877), section 3.1. **Departs** the paper moves both ends a little, so
    that zero has an integer; here the range is widened to zero, and :func:`quantize_scale` rounds the zero point.
    Cost O(size).

    >>> import numpy as np
    >>> low, high = quantize_range_minmax(np.float32([[1, 2], [-3, 4]]), axis=0)
    >>> low.tolist(), high.tolist()
    ([[0.0], [-3.0]], [[2.0], [4.0]])
    """
    x, _, axis, group = range_arguments(x, axis, group)
    low = np.minimum(reduce_shared(np.minimum, x, axis, group), 0)
    high = np.maximum(reduce_shared(np.maximum, x, axis, group), 0)
    return low.astype(np.float64) + 0.0, high.astype(np.float64) + 0.0  # so that no zero is -0.0


def quantize_range_percentile(x: NDArray[np.float32], *, percentile: float = 99.99, axis: int | None = None,
                              group: int | None = None) -> Range:
    """Find the range that leaves out the largest magnitudes.

        low = max(min(min x, 0), -t), high = min(max(max x, 0), t)
        t = the element number ceil(percentile / 100 * n) of the n sorted |x| that share the scale

    Parameters
    ----------
    x, axis, group : as for :func:`quantize_range_minmax`
    percentile : float, above 0, at most 100 (which is minmax); taken as the decimal number that it prints as

    Returns
    -------
    low, high : as for :func:`quantize_range_minmax`; exact, for nothing is interpolated

    **Source** Wu et al., Integer Quantization for Deep Learning Inference (2020, arXiv 2004.09602), percentile
    calibration. **Departs** nothing. Cost O(size log size). The native form is O(size). It takes an eighth of the bytes
    of x at most; along an inner axis 512 KiB, or two segments if these are longer.

    >>> import numpy as np
    >>> low, high = quantize_range_percentile(np.float32([-1, 2, -3, 100]), percentile=75)
    >>> low.item(), high.item()
    (-3.0, 3.0)
    """
    x, shape, axis, group, share = percentile_arguments(x, percentile, axis, group)
    t = np.zeros(shape)
    for index, members in segments(np.abs(x), shape, axis, group):
        if members.size:
            t[index] = np.sort(members)[math.ceil(share * members.size) - 1]
    return clip_range(*quantize_range_minmax(x, axis=axis, group=group), t)


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def quantize_range_mse(x: NDArray[np.float32], *, bits: int = 8, scheme: str = "symmetric", axis: int | None = None,
                       group: int | None = None, steps: int = 100) -> Range:
    """Find the range for which quantizing has the least squared error.

        low = max(min(min x, 0), -t), high = min(max(max x, 0), t), t = max|x| i / steps
        i of 1..steps minimizes the sum of (dequantize(quantize(x)) - x)^2 over all that shares a scale

    Parameters
    ----------
    x, axis, group : as for :func:`quantize_range_minmax`
    bits : int, 2 to 8, or 16
    scheme : "symmetric" or "affine"
    steps : int, 1 or more

    Returns
    -------
    low, high : as for :func:`quantize_range_minmax`
        The error is that of the operations themselves with the scale of the range; it is summed in float64. Where
        errors are equal the widest range wins. The widest, i = steps, is that of minmax: the error is never above its.

    **Source** Nagel et al., A White Paper on Neural Network Quantization (2021, arXiv 2106.08295), on range setting by
    the mean squared error, where the ends are searched on a grid. **Departs** both ends share the threshold t.
    Cost O(steps size). The native form reads x once for all steps and takes no copy of it; along an inner axis it takes
    four times the bytes of x.

    >>> import numpy as np
    >>> x = np.float32([0.5] * 99 + [3])
    >>> quantize_range_mse(x, bits=2)[1].item() < 1.0
    True
    """
    x, _, bits, scheme, axis, group, steps = mse_arguments(x, bits, scheme, axis, group, steps)
    low, high = quantize_range_minmax(x, axis=axis, group=group)
    largest = np.maximum(-low, high)
    best, least = largest, np.full(low.shape, np.inf)
    for i in range(steps, 0, -1):
        t = largest * (i / steps)
        scale, zero_point = quantize_scale(*clip_range(low, high, t), bits=bits, scheme=scheme)
        given: dict = {"scale": scale, "zero_point": zero_point, "scheme": scheme, "axis": axis, "group": group}
        q = quantize_s16(x, **given) if bits == 16 else quantize_s8(x, bits=bits, **given)
        error = reduce_shared(np.add, (q.dense().astype(np.float64) - x) ** 2, axis, group)
        best = np.where(error < least, t, best)
        least = np.minimum(error, least)
    return clip_range(low, high, best)


def quantize_range_kl(x: NDArray[np.float32], *, bits: int = 8, axis: int | None = None, group: int | None = None,
                      bins: int = 2048) -> Range:
    """Find the range after which the distribution of |x| loses the least information, as TensorRT calibrates.

        low = max(min(min x, 0), -t), high = min(max(max x, 0), t), t = (m + 1/2) max|x| / bins
        m of levels..bins minimizes the sum of P log(P / Q), levels = 2^(bits-1)

    P is the histogram of |x| in its first m bins; what lies beyond them is added to the last one. Q is the histogram of
    the first m bins alone. Its bins are merged into ``levels`` segments, and what a segment holds is spread evenly over
    those of its bins that are not empty. Both are divided by their sums.

    Parameters
    ----------
    x, axis, group : as for :func:`quantize_range_minmax`
    bits : int, 2 to 8
    bins : int, levels to 65536

    Returns
    -------
    low, high : as for :func:`quantize_range_minmax`
        Bin j holds the |x| with floor(|x| / max|x| * bins) = j; the largest |x| is in the last bin. Bin j of m
        belongs to segment floor(j levels / m). The sum is infinite where P has a bin that Q has not. Where sums are
        equal the largest m wins.

    Raises
    ------
    LimitError : more than 65536 bins.

    **Source** Migacz, 8-bit Inference with TensorRT, GPU Technology Conference (2017), the pseudocode of entropy
    calibration. **Departs** the pseudocode leaves the rules under Returns open; m of all bins, the whole range, is
    tried too. Cost O(size + bins^2), for each scale. The native form is O(size + bins + b min(b, levels)), for the b
    bins that are not empty. It takes 40 bytes for each bin and 32 KiB, in each thread; along an inner axis 512 KiB, or
    two segments if these are longer.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).laplace(size=100_000).astype(np.float32)
    >>> bool(quantize_range_kl(x)[1] < np.abs(x).max())
    True
    """
    x, shape, levels, axis, group, bins = kl_arguments(x, bits, axis, group, bins)
    t = np.zeros(shape)
    for index, members in segments(np.abs(x).astype(np.float64), shape, axis, group):
        largest = members.max(initial=0)
        if largest > 0:
            counts = histogram(members, largest, bins)
            m = min(range(bins, levels - 1, -1), key=lambda m: divergence(counts, m, levels))
            t[index] = (m + 0.5) * largest / bins
    return clip_range(*quantize_range_minmax(x, axis=axis, group=group), t)


def histogram(members: np.ndarray, largest: float, bins: int) -> np.ndarray:
    """Return how many of the magnitudes lie in each of ``bins`` bins from 0 to the largest, as float64."""
    places = np.minimum((members / largest * bins).astype(np.int64), bins - 1)
    return np.bincount(places, minlength=bins).astype(np.float64)


@np.errstate(all="ignore")  # an underflow is a zero
def divergence(histogram: np.ndarray, m: int, levels: int) -> float:
    """Return the sum of P log(P / Q) for the first m bins of a histogram."""
    kept = histogram[:m]
    p = kept.copy()
    p[-1] += histogram[m:].sum()
    segment = np.arange(m) * levels // m
    total, occupied = np.bincount(segment, kept, levels), np.bincount(segment, kept > 0, levels)
    q = np.where(kept > 0, (total / np.maximum(occupied, 1))[segment], 0)
    if np.any((p > 0) & (q == 0)):
        return math.inf
    p, q = p[p > 0] / p.sum(), q[p > 0] / q.sum()
    return np.sum(p * np.log(p / q))


def clip_range(low: np.ndarray, high: np.ndarray, t: np.ndarray) -> Range:
    """Return the part of a range that lies in -t..t."""
    return np.maximum(low, -t) + 0.0, np.minimum(high, t) + 0.0  # so that no zero is -0.0


def segments(x: np.ndarray, shape: tuple[int, ...], axis: int | None, group: int | None):
    """Yield for each entry of the scale, which has this shape, its index and, flat, all of x that shares it."""
    rows = x if group is None else x.reshape(matrix_shape(x.shape))
    for index in np.ndindex(shape):
        if group is None:
            key = tuple(i if d == axis else slice(None) for d, i in enumerate(index))
        else:
            key = (*index[:-1], slice(index[-1] * group, (index[-1] + 1) * group))
        yield index, rows[key].reshape(-1)


def reduce_shared(ufunc: np.ufunc, a: np.ndarray, axis: int | None, group: int | None) -> np.ndarray:
    """Return the ufunc (a sum, a minimum) of all that shares a scale, in the shape of the scale; of nothing it is 0."""
    if group is None:
        return ufunc.reduce(a, axis=tuple(i for i in range(a.ndim) if i != axis), keepdims=True, initial=0)
    rows = a.reshape(matrix_shape(a.shape))
    return ufunc.reduceat(rows, np.arange(0, rows.shape[-1], group), axis=-1)


def range_arguments(x, axis, group, argument: str = "x"):
    """Return x, the shape of the scale, axis and group, or refuse the arguments."""
    x, *checked = sharing_arguments(x, axis, group, argument)
    return arguments.finite(x, argument), *checked


def percentile_arguments(x, percentile, axis, group):
    """Return x, the shape of the scale, axis, group and the share of the magnitudes, exact, or refuse the arguments."""
    x, *checked = percentile_request(x, percentile, axis, group)
    return arguments.finite(x, "x"), *checked


def percentile_request(x, percentile, axis, group):
    """Return the same; what x holds is not looked at, for a kernel does so while it reads x."""
    x, shape, axis, group = sharing_arguments(x, axis, group)
    percentile = arguments.real(percentile, "percentile", math.ulp(0), 100)
    return x, shape, axis, group, Fraction(str(percentile)) / 100


def mse_arguments(x, bits, scheme, axis, group, steps):
    """Return x, the shape of the scale, bits, scheme, axis, group and steps, or refuse the arguments."""
    x, *checked = mse_request(x, bits, scheme, axis, group, steps)
    return arguments.finite(x, "x"), *checked


def mse_request(x, bits, scheme, axis, group, steps):
    """Return the same; what x holds is not looked at."""
    x, shape, axis, group = sharing_arguments(x, axis, group)
    bits, scheme = bits_argument(bits), arguments.choice(scheme, "scheme", SCHEMES)
    return x, shape, bits, scheme, axis, group, arguments.integer(steps, "steps", 1)


def kl_arguments(x, bits, axis, group, bins):
    """Return x, the shape of the scale, the levels, axis, group and bins, or refuse the arguments."""
    x, *checked = kl_request(x, bits, axis, group, bins)
    return arguments.finite(x, "x"), *checked


def kl_request(x, bits, axis, group, bins):
    """Return the same; what x holds is not looked at."""
    x, shape, axis, group = sharing_arguments(x, axis, group)
    levels = 2 ** (arguments.integer(bits, "bits", 2, 8) - 1)
    bins = arguments.integer(bins, "bins", levels)
    if bins > 2**16:
        raise LimitError("bins", f"must be at most {2**16}, not {bins}")
    return x, shape, levels, axis, group, bins

"""Where the steps of k-means begin: four ways to place the first centroids, in each of which importance counts.

Where there are no more distinct values than clusters, all are centroids. To three of the starts equal values are one,
with the sum of their weights; "cut" need not know, because a cut between two equal values is never better than one
beside them.

**Source** "cut": Wu, Efficient Statistical Computations for Optimal Color Quantization (Graphics Gems II, 1991), in one
dimension, its optimal cuts made where they gain most. "linear", "density" and "random" (Forgy): Han, Mao & Dally, Deep
Compression (2016, arXiv 1510.00149), section 3.2. The weighted draw of "random": Duffield, Lund & Thorup, Priority
Sampling (2007).
"""

from functools import partial
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

__all__ = []

INITS = ("cut", "linear", "density", "random")
SHARE = 1024  # "linear": ends that weigh less than this part of an average cluster do not count


def initial_centroids(x: NDArray, weights: NDArray | None, k: int, init: str, seed: int) -> NDArray:
    """Return at most k ascending float64 centroids for the ascending values x (k <= len(x))."""
    values, omega = distinct(x, weights)
    if len(values) <= k:
        return values
    if init == "cut":
        return cut_start(len(x), k, partial(best_cut, x, *sums(x, weights)))
    if init == "linear":
        return linear_start(values, None if weights is None else omega, k)
    return density_start(values, omega, k) if init == "density" else random_start(values, omega, k, seed)


def distinct(x: NDArray, weights: NDArray | None) -> tuple[NDArray, NDArray]:
    """Return the distinct ones of the ascending values, and the weights of each, summed from the left."""
    first = np.ones(len(x), dtype=bool)
    first[1:] = x[1:] != x[:-1]
    return x[first], np.bincount(np.cumsum(first) - 1, weights).astype(np.float64)


def running(terms: NDArray) -> tuple[NDArray, NDArray]:
    """Return the running sums of terms in two parts that are added last. Both begin with 0.

    high is summed from the left, and low sums what the rounding of high lost (Knuth's two-sum finds it exactly). So
    the two together have twice the digits, and small values count after large ones.
    """
    high = np.concatenate([[0.0], np.cumsum(terms)])
    before, after = high[:-1], high[1:]
    part = after - before
    lost = (before - (after - part)) + (terms - part)
    return high, np.concatenate([[0.0], np.cumsum(lost)])


def sums(x: NDArray, weights: NDArray | None) -> tuple[NDArray, NDArray, NDArray]:
    """Return the running sums of weights * x, in two parts, and of the weights, from the left. All begin with 0."""
    omega = np.ones(len(x)) if weights is None else weights
    return *running(omega * x), np.concatenate([[0.0], np.cumsum(omega)])


def best_cut(x: NDArray, high: NDArray, low: NDArray, W: NDArray, a: int, b: int) -> tuple[float, int, float]:
    """Return by how much the best cut of the segment x[a:b] lowers its squared error, where it is, and its mean.

    With s[j] the sum of weights * (x - mean) from a to j, a cut at j lowers the error by s[j]**2 / W + s[j]**2 / W',
    where W and W' are the weights on its two sides. The mean is clamped to the segment.
    """
    total = W[b] - W[a]
    if not total > 0 or x[a] == x[b - 1]:
        return 0.0, a + 1, float(x[a])
    mean = min(max(((high[b] - high[a]) + (low[b] - low[a])) / total, x[a]), x[b - 1])
    j = slice(a + 1, b)
    before, after = W[j] - W[a], W[b] - W[j]
    s = ((high[j] - high[a]) + (low[j] - low[a])) - mean * before
    apart = (before > 0) & (after > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(apart, s * s * total / (before * after), 0)
    at = int(np.argmax(gain))
    return float(gain[at]), a + 1 + at, float(mean)


def cut_start(n: int, k: int, best_cut) -> NDArray:
    """Return the means of the segments after k - 1 times the best cut, or fewer if no cut gains anything.

    At first all n values are one segment. Each time, the segment whose best cut in two lowers the squared error most is
    cut there; of equal gains the first segment is cut.
    """
    gain, cut, mean = best_cut(0, n)
    segments = [(-gain, 0, n, cut, mean)]  # a heap
    while len(segments) < k and segments[0][0] < 0:
        _, begin, end, cut, _ = heappop(segments)
        for a, b in ((begin, cut), (cut, end)):
            gain, at, mean = best_cut(a, b)
            heappush(segments, (-gain, a, b, at, mean))
    return np.array(sorted(mean for *_, mean in segments))


def linear_start(values: NDArray, omega: NDArray | None, k: int) -> NDArray:
    """Return k evenly spaced centroids from the first value to the last, or the first and the last that count.

    With weights, the values beyond the two ends weigh less than 1 / 1024 of an average cluster.
    """
    low, high = 0, len(values) - 1
    if omega is not None:
        least = omega.sum() / (k * SHARE)
        low = int(np.argmax(np.cumsum(omega) >= least))
        high -= int(np.argmax(np.cumsum(omega[::-1]) >= least))
    return np.linspace(values[low], values[high], k)


def density_start(values: NDArray, omega: NDArray, k: int) -> NDArray:
    """Return the quantiles (2 j + 1) / 2 k: the values at the middles of k equal parts of the distribution's height."""
    heights = np.cumsum(omega)
    middles = (2 * np.arange(k) + 1) * heights[-1] / (2 * k)
    return values[np.minimum(np.searchsorted(heights, middles, side="right"), len(values) - 1)]


def random_start(values: NDArray, omega: NDArray, k: int, seed: int) -> NDArray:
    """Return k of the values, drawn without replacement.

    Draw one 64-bit number a value, add one, divide by the value's weight, and keep the k smallest. The numbers are
    those of PCG64(seed): NumPy keeps this stream across versions, and that of Generator.choice it does not.
    """
    words = np.random.PCG64(seed).random_raw(len(values)).astype(np.float64)
    with np.errstate(divide="ignore"):
        return values[np.sort(np.argsort((words + 1) / omega, kind="stable")[:k])]

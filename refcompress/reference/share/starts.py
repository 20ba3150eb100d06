"""Where the steps of k-means begin: four ways to place the first centroids, in each of which importance counts.

Equal values are one, with the sum of their weights. Where there are no more values than clusters, all are centroids.

**Source** "cut": Wu, Efficient Statistical Computations for Optimal Color Quantization (Graphics Gems II, 1991), in one
dimension, its optimal cuts made where they gain most. "linear", "density" and "random" (Forgy): Han, Mao & Dally, Deep
Compression (2016, arXiv 1510.00149), section 3.2. The weighted draw of "random": Duffield, Lund & Thorup, Priority
Sampling (2007).
"""

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
        return cut_start(values, omega, k)
    if init == "linear":
        return linear_start(values, None if weights is None else omega, k)
    return density_start(values, omega, k) if init == "density" else random_start(values, omega, k, seed)


def distinct(x: NDArray, weights: NDArray | None) -> tuple[NDArray, NDArray]:
    """Return the distinct ones of the ascending values, and the weights of each, summed from the left."""
    first = np.ones(len(x), dtype=bool)
    first[1:] = x[1:] != x[:-1]
    return x[first], np.bincount(np.cumsum(first) - 1, weights).astype(np.float64)


def best_cut(x: NDArray, omega: NDArray) -> tuple[float, int, float]:
    """Return by how much the best cut of a segment lowers its squared error, where it is, and the segment's mean.

    With S and W the running sums of omega * (x - mean) and omega, a cut after j lowers the error of n values by
    S[j]**2 / W[j] + (S[n] - S[j])**2 / (W[n] - W[j]). The sums begin with the segment, so that large values outside of
    it do not drown small ones.
    """
    W = np.cumsum(omega)
    if not W[-1] > 0:
        return 0.0, 1, float(x[0])
    mean = min(max(np.cumsum(omega * x)[-1] / W[-1], x[0]), x[-1])
    if len(x) < 2:
        return 0.0, 1, float(mean)
    S = np.cumsum(omega * (x - mean))
    before, after = W[:-1], W[-1] - W[:-1]
    apart = (before > 0) & (after > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(apart, S[:-1] ** 2 / before + (S[-1] - S[:-1]) ** 2 / after, 0)
    j = int(np.argmax(gain))
    return float(gain[j]), j + 1, float(mean)


def cut_start(values: NDArray, omega: NDArray, k: int, best_cut=best_cut) -> NDArray:
    """Return the means of the segments after k - 1 times the best cut, or fewer if no cut gains anything.

    At first all values are one segment. Each time, the segment whose best cut in two lowers the squared error most is
    cut there; of equal gains the first segment is cut.
    """
    gain, cut, mean = best_cut(values, omega)
    segments = [(-gain, 0, len(values), cut, mean)]  # a heap
    while len(segments) < k and segments[0][0] < 0:
        _, begin, end, cut, _ = heappop(segments)
        for a, b in ((begin, begin + cut), (begin + cut, end)):
            gain, at, mean = best_cut(values[a:b], omega[a:b])
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

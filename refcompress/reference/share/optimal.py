"""The best of all ways to let weights share few values: exact k-means in one dimension, by dynamic programming."""

import numpy as np
from numpy.typing import NDArray

from ...formats import Shared
from .kmeans import kmeans_arguments, nearest
from .starts import running

__all__ = ["share_optimal"]


def share_optimal(w: NDArray[np.float32], *, bits: int | None = None, clusters: int | None = None,
                  weights: NDArray[np.float32] | None = None, pruned: bool = False) -> Shared:
    """Let the weights share few values such that no other choice of values has a smaller error.

        minimise the sum over i of weights[i] * (w[i] - codebook[codes[i]])**2        (the global minimum)

        a cluster is a segment of the sorted values:  D[j, i] = min over t < i of D[j - 1, t] + cost(t, i)
        cost(t, i) = Q[i] - Q[t] - (S[i] - S[t])**2 / (W[i] - W[t])  for the segment x[t:i];
        Q, S, W the running sums of weights * x**2, weights * x and weights

    Parameters
    ----------
    w, bits, clusters, weights, pruned : as in share_kmeans

    Returns
    -------
    Shared, in share_kmeans's form
        The codebook is ascending (after the zero if pruned), rounded to float32 once, and no value comes twice. Each
        weight is at the value nearest to it; ties go to the lower value. Of equally good codebooks any may be returned.

    **Source** Wang & Song, Ckmeans.1d.dp: Optimal k-means Clustering in One Dimension by Dynamic Programming (R Journal
    3(2), 2011). The native form (``native/paths.py``) rests on Gronlund et al., Fast Exact k-Means, k-Medians and
    Bregman Divergence Clustering in 1D (2017, arXiv 1701.07204).

    **Departs** equal values are one, with the sum of their weights: they belong together in some optimum.

    Cost O(n log n + k d**2) time and O(k d) memory for d distinct values. The native form takes O(n) for sorting and
    O(d log d) at worst for each of a few walks over the values, whatever k is, and 56 bytes a weight beside w and the
    codes (64 with weights).

    >>> w = np.float32([0, 1, 10, 11, 25])
    >>> share_optimal(w, clusters=3).codebook.tolist()
    [0.5, 10.5, 25.0]
    >>> share_optimal(w, clusters=3, pruned=True).codebook.tolist()
    [0.0, 7.333333492279053, 25.0]
    """
    w, clusters, _, weights, pruned, *_ = kmeans_arguments(w, bits, clusters, "cut", weights, pruned, None, 0)
    fitted = w != 0 if pruned else np.full(w.shape, True)
    x, at = np.unique(w[fitted].astype(np.float64), return_inverse=True)
    omega = np.bincount(at, None if weights is None else weights[fitted], minlength=len(x)).astype(np.float64)
    middle = float(x[np.sort(at)[len(at) // 2]]) if len(x) else 0.0
    return nearest(w, x, best_means(x, omega, min(clusters - pruned, len(x)), middle), pruned)


def best_means(x: NDArray, omega: NDArray, k: int, middle: float = 0.0) -> NDArray:
    """Return the means of the best k segments of the distinct ascending values x, which weigh omega.

    middle : what is taken off the values, so that their squares are small
    """
    n = len(x)
    if n <= k:
        return x
    cost, mean = segments(x, omega, middle)
    D = np.full((k + 1, n + 1), np.inf)  # D[j, i]: the least cost of the first i values in j segments
    D[0, 0] = 0
    begin = np.zeros((k + 1, n + 1), np.intp)  # where the last of these segments begins; ties go to the lowest place
    for i in range(1, n + 1):
        # One row for each number of segments before, one column for each t
        total = D[:-1, :i] + cost(np.arange(i), i)
        D[1:, i], begin[1:, i] = total.min(axis=1), total.argmin(axis=1)

    ends = [n]
    for j in range(k, 0, -1):
        ends.append(begin[j, ends[-1]])
    return mean(np.array(ends[:0:-1]), np.array(ends[-2::-1]))


# In float64. The running sums have twice the digits, and are rounded once. So the cost of a path is off by their
# rounding and by that of its own terms: with Q the last of the sums of weights * (x - middle)**2, by at most
# 2**-53 (8 Q + 4 (x[-1] - x[0]) max |S| + k cost). For the roundings of Q cancel between neighbours, and those of S
# count times the difference of two neighbours' means. The minimum is that of the costs so computed.


def segments(x: NDArray, omega: NDArray, middle: float):
    """Return two functions of t and i: the cost of the segment x[t:i], and its mean, clamped to the segment.

    A segment without weight costs nothing, and its mean is its first value.
    """
    y = x - middle
    Q, S, W = (np.add(*running(terms)) for terms in (omega * y * y, omega * y, omega))

    def quotient(a, b):
        return np.divide(a, b, out=np.zeros(np.shape(b)), where=b > 0)

    def cost(t, i):
        return np.maximum(Q[i] - Q[t] - quotient((S[i] - S[t]) ** 2, W[i] - W[t]), 0)

    def mean(t, i):
        return np.clip(np.where(W[i] > W[t], middle + quotient(S[i] - S[t], W[i] - W[t]), x[t]), x[t], x[i - 1])

    return cost, mean

"""The best of all ways to let weights share few values: exact k-means in one dimension, by dynamic programming."""

import numpy as np

from ...formats import Shared
from .kmeans import coded, kmeans_arguments, running_sums, sorted_values

__all__ = ["share_optimal"]


def share_optimal(w, *, bits=None, clusters=None, weights=None, pruned=False) -> Shared:
    """Let the weights share few values such that no other choice of values errs less.

        minimise the sum over i of weights[i] * (w[i] - codebook[codes[i]])**2        (the global minimum)

        sorted, a cluster is a run:  D[j, i] = min over t of D[j-1, t] + cost(t, i),   cost(t, i) of the run from t to i
        cost(t, i) = Q[i] - Q[t] - (S[i] - S[t])**2 / (W[i] - W[t]),  Q, S, W the running sums of weights * x**2, x, 1

    Parameters
    ----------
    w, bits, clusters, weights, pruned : as in share_kmeans

    Returns
    -------
    Shared, in share_kmeans's form: codebook ascending (after the zero if pruned), rounded to float32 once, no value twice,
        each weight at the value nearest to it, the lower of two equally near.

        In float64. Equal values are one, with the sum of their weights (they belong together in some optimum); x is less
        its weighted mean, so that Q does not drown what a run costs. Rows j are made for all i at once, halving the
        distance between solved places (the best t rises with i, so a place between two solved ones has its t between
        theirs); of equal t the lowest. The minimum is that of the costs so computed: each is off by at most
        (n + 4) 2**-52 of the sum of weights * x**2. Means are (S[i] - S[t]) / (W[i] - W[t]) of x, clamped to the run.
        Runs without weight cost nothing.

    Raises
    ------
    ArgumentTypeError, RefcompressError : by name; NaN and infinities by index; as share_kmeans.

    **Source** Wang and Song, Ckmeans.1d.dp (2011), for the recurrence; Gronlund et al., Fast Exact k-Means, k-Medians and
    Bregman Divergence Clustering in 1D (2017, arXiv 1701.07204), for the monotone t. **Departs** equal values are joined.

    Cost O(n log n + k d log d) time for d distinct values, O(k d) memory.

    >>> w = np.float32([0, 1, 10, 11, 25])
    >>> share_optimal(w, clusters=3).codebook.tolist()
    [0.5, 10.5, 25.0]
    >>> share_optimal(w, clusters=3, pruned=True).codebook.tolist()
    [0.0, 7.333333492279053, 25.0]
    """
    w, clusters, _, weights, pruned, *_ = kmeans_arguments(w, bits, clusters, "cut", weights, pruned, None, 0)
    x, weights = sorted_values(w, weights, pruned)
    c = optimal_centroids(x, weights, min(clusters - pruned, len(x)))
    return coded(w, x, c, pruned)


def optimal_centroids(x: np.ndarray, weights: np.ndarray | None, k: int) -> np.ndarray:
    """Return the means of the best k runs of the ascending values x (all distinct ones, where there are no more than k)."""
    first = np.flatnonzero(np.concatenate([np.ones(min(len(x), 1), bool), x[1:] != x[:-1]]))
    if len(first) <= k:
        return x[first]
    omega = np.add.reduceat(np.ones(len(x)) if weights is None else weights, first)
    x = x[first]
    total = omega.sum()
    middle = float(omega @ x / total) if total > 0 else 0.0
    S, W = running_sums(x - middle, omega)
    Q = np.concatenate([[0.0], np.cumsum(omega * (x - middle) ** 2)])

    def cost(t, i):
        size = W[i] - W[t]
        with np.errstate(invalid="ignore", divide="ignore"):
            inner = np.where(size > 0, (S[i] - S[t]) ** 2 / size, 0)
        return np.maximum(Q[i] - Q[t] - inner, 0)

    n = len(x)
    D = cost(np.zeros(n + 1, np.intp), np.arange(n + 1))
    before = np.zeros((k, n + 1), np.intp)  # where the last run of the best j + 1 runs of the first i values begins
    for j in range(1, k):
        D, before[j] = _row(D, cost, j, n)
    ends = [n]
    for j in range(k - 1, 0, -1):
        ends.append(before[j, ends[-1]])
    a, b = np.array([0, *ends[:0:-1]]), np.array(ends[::-1])
    size = np.where(W[b] > W[a], W[b] - W[a], 1)
    mean = np.where(W[b] > W[a], middle + (S[b] - S[a]) / size, x[a])
    return np.minimum(np.maximum(mean, x[a]), x[b - 1])


def _row(D: np.ndarray, cost, j: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return min over t in [j, i) of D[t] + cost(t, i), and the lowest t that has it, for all i > j at once.

    Where i is at most j there are not values enough for the runs: infinity.
    """
    best, place = np.full(n + 1, np.inf), np.zeros(n + 1, np.intp)
    place[: j + 1] = j
    step = 1 << (n - j).bit_length()
    while step:
        i = np.arange(j + step, n + 1, 2 * step) if step > 1 else np.arange(j + 1, n + 1, 2)
        if len(i):
            # The solved neighbours lie at distance step: theirs are the first and the last t to look at.
            low = place[np.maximum(i - step, j)]
            high = np.where(i + step <= n, place[np.minimum(i + step, n)], n)
            high = np.minimum(np.where(high < low, n, high), i - 1)
            length = high - low + 1
            start = np.cumsum(length) - length
            t = np.arange(length.sum()) - np.repeat(start - low, length)
            value = D[t] + cost(t, np.repeat(i, length))
            lowest = np.minimum.reduceat(value, start)
            found = np.flatnonzero(value == np.repeat(lowest, length))
            at = found[np.searchsorted(found, start)]
            best[i], place[i] = lowest, t[at]
        step //= 2
    return best, place

"""Where the steps of k-means begin: four ways to place the first centroids, all of them by the importance of the values."""

import heapq

import numpy as np

__all__ = []

INITS = ("cut", "linear", "density", "random")
SHARE = 1024  # "linear": ends of less weight than this part of an average cluster's do not count


def initial_centroids(x: np.ndarray, weights: np.ndarray | None, k: int, init: str, seed: int, best_cut=None) -> np.ndarray:
    """Return at most k ascending float64 centroids for the ascending values x (k <= len(x)); all of x where it has no more.

    best_cut : what finds the best cut of a run, by default the function below.
    """
    values, omega = distinct(x, weights)
    if len(values) <= k:
        return values
    if init == "cut":
        return _cut(values, omega, k, best_cut or _best_cut)
    if init == "linear":
        return np.linspace(*((x[0], x[-1]) if weights is None else _ends(values, omega, k)), k)
    if init == "density":
        heights = np.cumsum(omega)
        middles = (2 * np.arange(k) + 1) * heights[-1] / (2 * k)
        return values[np.minimum(np.searchsorted(heights, middles, side="right"), len(values) - 1)]
    words = np.random.PCG64(seed).random_raw(len(values)).astype(np.float64)
    with np.errstate(divide="ignore"):
        return values[np.sort(np.argsort((words + 1) / omega, kind="stable")[:k])]


def distinct(x: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct ones of the ascending values and the weight of each: of equal ones the sum, from the left."""
    first = np.ones(len(x), dtype=bool)
    np.not_equal(x[1:], x[:-1], out=first[1:])
    return x[first], np.bincount(np.cumsum(first) - 1, weights).astype(np.float64)


def _ends(values: np.ndarray, omega: np.ndarray, k: int) -> tuple[float, float]:
    """Return the lowest and the highest value that count: those beyond weigh less than a part of an average cluster."""
    least = omega.sum() / (k * SHARE)
    low = int(np.argmax(np.cumsum(omega) >= least))
    high = len(values) - 1 - int(np.argmax(np.cumsum(omega[::-1]) >= least))
    return values[low], values[high]


def _cut(values: np.ndarray, omega: np.ndarray, k: int, best_cut) -> np.ndarray:
    """Return the means of the runs that are left when the best cut of all was made k - 1 times."""
    gain, cut, mean = best_cut(values, omega)
    runs = [(-gain, 0, len(values), cut, mean)]  # a heap: of equal gains the run that begins first
    while len(runs) < k and runs[0][0] < 0:
        _, begin, end, cut, _ = heapq.heappop(runs)
        for a, b in ((begin, begin + cut), (begin + cut, end)):
            gain, at, mean = best_cut(values[a:b], omega[a:b])
            heapq.heappush(runs, (-gain, a, b, at, mean))
    return np.array(sorted(mean for *_, mean in runs))


def _best_cut(x: np.ndarray, omega: np.ndarray) -> tuple[float, int, float]:
    """Return by how much the best cut of a run lowers its squared error, where it is, and the run's mean.

    With S and W the running sums of omega * (x - mean) and omega, a cut after j lowers the error of n values by
    S[j]**2 / W[j] + (S[n] - S[j])**2 / (W[n] - W[j]). Sums begin with the run: what lies outside of it drowns nothing.
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

"""How far a matrix of low rank can serve in front of a ReLU: the ReLU singular values, bounded and estimated."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ... import arguments
from .truncated import svd

__all__ = ["ReluValues", "lowrank_relu_values"]

STARTS, STEPS = 4, 60  # random inputs from which ascents start besides the singular vectors; steps of an ascent at most
TINY = 2.0**-1022  # the smallest normal float64: what a length is divided by at least


@dataclass(frozen=True, eq=False)
class ReluValues:
    """The ReLU singular values s[0] >= s[1] >= ... of an (m, k) matrix: bounds, and an estimate between them, float64.

    lower, estimate, upper : (min(m, k) + 1,), with lower <= s <= upper
    attained : (min(m, k) + 1,), the largest error of the truncated matrix of rank r that was found
    witness : (k, min(m, k) + 1), in column r a unit input with that error: no better bound holds for that matrix
    """

    lower: np.ndarray
    estimate: np.ndarray
    upper: np.ndarray
    attained: np.ndarray
    witness: np.ndarray

    def rank(self, tolerance: float) -> int:
        """Return the smallest rank whose value is estimated to be at most ``tolerance`` (in [0, 1]) times the first."""
        tolerance = arguments.real(tolerance, "tolerance", 0, 1)
        return int(np.argmax(self.estimate <= tolerance * self.estimate[0]))


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def lowrank_relu_values(w: ArrayLike, *, seed: int = 0) -> ReluValues:
    """Bound and estimate the ReLU singular values of a matrix.

        s[r] = min over l of rank at most r of max over |x| <= 1 of ||relu(w x) - relu(l x)||

        sigma[r] / sqrt(2) <= s[r] <= sigma[r],    sigma[0] >= sigma[1] ... the singular values, and a last one, 0

    The upper bound: relu is 1-Lipschitz, and the truncated matrix of rank r errs by sigma[r] before it. The lower
    bound: any l of rank r has a kernel, in which some unit y has ||w y|| >= sigma[r]. There relu(l y) = relu(-l y) = 0.
    Since ||relu(w y)||**2 + ||relu(-w y)||**2 = ||w y||**2, the error at y or at -y is at least ||w y|| / sqrt(2).

    Parameters
    ----------
    w : (m, k) float32, finite
    seed : int in [0, 2**63)
        Of the random inputs from which ascents start, besides the first two singular vectors that a rank leaves out,
        both ways.

    Returns
    -------
    ReluValues : bounds from the singular values of LAPACK, so they hold but for about m k 2**-53 of sigma[0]
        ``attained`` is the largest error of the truncated matrix that an ascent found. A step goes to the normalised
        gradient and is kept if it raises the error. ``estimate`` is the larger of ``attained`` and the lower bound,
        made not to rise with r. Values do not depend on the order of the rows of w, and those of 2**j w are 2**j times
        them.

    **Source** Dittmer, King & Maass, Singular Values for ReLU Layers (2019, arXiv 1812.02566), the definition.

    **Departs** the lower bound is ours; theirs are not used.

    Cost O(m k min(m, k)) for the singular values, and about 500 m k for each rank.

    >>> v = lowrank_relu_values(np.float32([[3, 0], [0, -2]]))
    >>> v.upper.tolist(), v.attained.round(6).tolist()
    ([3.0, 2.0, 0.0], [3.0, 2.0, 0.0])
    """
    w, words = values_arguments(w, seed)
    u, sigma, vt = svd(w)
    count = len(sigma) + 1
    upper = np.append(sigma, 0.0)
    random = (words.random_raw(w.shape[1] * STARTS) >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1
    attained, witness = np.zeros(count), np.zeros((w.shape[1], count))
    for r in range(count - 1):
        left_out = vt[r : r + 2].T
        starts = np.hstack([left_out, -left_out, random.reshape(w.shape[1], STARTS)])
        x, error = _worst(w, (u[:, :r] * sigma[:r]) @ vt[:r], starts)
        attained[r], witness[:, r] = min(error, upper[r]), x
    lower = upper / math.sqrt(2)
    estimate = np.minimum.accumulate(np.maximum(lower, attained))
    return ReluValues(lower, estimate, upper, attained, witness)


def _worst(w, narrow, x):
    """Return the unit input with the largest error that ascents from the columns of x find, and that error."""
    x = x / np.maximum(np.linalg.norm(x, axis=0), TINY)
    best, error = x, _error(w, narrow, x)
    for _ in range(STEPS):
        a, b = w @ best, narrow @ best
        gap = np.maximum(a, 0) - np.maximum(b, 0)
        gradient = w.T @ (gap * (a > 0)) - narrow.T @ (gap * (b > 0))
        x = gradient / np.maximum(np.linalg.norm(gradient, axis=0), TINY)
        found = _error(w, narrow, x)
        higher = found > error * (1 + 1e-9)
        if not higher.any():
            break
        best, error = np.where(higher, x, best), np.where(higher, found, error)
    at = int(np.argmax(error))
    return best[:, at], float(error[at])


def _error(w, narrow, x) -> np.ndarray:
    """Return the length of relu(w x) - relu(narrow x) for each column of x."""
    return np.linalg.norm(np.maximum(w @ x, 0) - np.maximum(narrow @ x, 0), axis=0)


def values_arguments(w, seed) -> tuple[np.ndarray, "np.random.PCG64"]:
    """Return w in float64 and a generator of random words, or refuse the arguments."""
    w = arguments.finite(arguments.array(w, "w", np.float32, ndim=2), "w").astype(np.float64)
    return w, np.random.PCG64(arguments.integer(seed, "seed", 0))

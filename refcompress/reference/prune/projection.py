"""The nearest sparse array: projections on what a constraint allows, and the steps that a penalty asks for.

Each is the C step of a "Learning-Compression" algorithm: given the weights w of training, find the pruned weights v.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments
from ...constants import LARGEST
from .magnitude import prune_magnitude

__all__ = ["prune_project_l0", "prune_project_l1", "prune_penalty_l0", "prune_penalty_l1"]


def prune_project_l0(w: ArrayLike, *, keep: int) -> NDArray[np.float32]:
    """Find the nearest array with at most ``keep`` entries that are not zero.

        minimise ||v - w||  over v with at most ``keep`` entries not 0:    the entries of largest magnitude stay

    Parameters
    ----------
    w : array of float32, any shape, finite
    keep : int in [0, size]

    Returns
    -------
    v : array of float32, shape of w
        w at the entries that prune_magnitude keeps, where ties go to the lowest index; +0.0 elsewhere. Exact.

    **Source** Carreira-Perpinan & Idelbayev, "Learning-Compression" Algorithms for Neural Net Pruning (CVPR 2018), the
    C step of the constraint form.

    **Departs** nothing.

    Cost that of prune_magnitude, in memory too.

    >>> prune_project_l0(np.float32([3, -1, 2]), keep=2).tolist()
    [3.0, 0.0, 2.0]
    """
    w, keep = keep_argument(w, keep)
    return np.where(prune_magnitude(arguments.finite(w, "w"), keep=keep), w, np.float32(0))


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def prune_project_l1(w: ArrayLike, *, radius: float) -> NDArray[np.float32]:
    """Find the nearest array whose magnitudes sum to at most a radius.

        minimise ||v - w||  over sum |v| <= radius:    v = sign(w) max(|w| - t, 0),  t >= 0 such that sum |v| = radius

    Parameters
    ----------
    w : array of float32, any shape, finite
    radius : float in [0, 3.4e38]

    Returns
    -------
    v : array of float32, shape of w
        w itself (zeros as +0.0) where it satisfies the constraint. Otherwise |w| - t in float64, rounded **towards
        zero** to float32. The exact sum of the results is therefore never above the radius, and each entry is off the
        projection in real numbers by at most one float32 step.

    **Source** Duchi, Shalev-Shwartz, Singer & Chandra, Efficient Projections onto the l1-Ball for Learning in High
    Dimensions (ICML 2008); the C step of Carreira-Perpinan & Idelbayev (2018).

    **Departs** rounded such that the constraint holds, not to nearest.

    Cost O(size log size).

    >>> prune_project_l1(np.float32([3, -1, 0.5]), radius=3).tolist()
    [2.5, -0.5, 0.0]
    """
    w, radius = weights(w), arguments.real(radius, "radius", 0, LARGEST)
    magnitude = np.abs(w.astype(np.float64)).ravel()
    if math.fsum(magnitude) <= radius:
        return w + np.float32(0)
    if radius == 0:
        return np.zeros_like(w)
    # The rho largest stay: those above the threshold that they themselves imply, (sum of the first j - radius) / j.
    falling = np.sort(magnitude)[::-1]
    above = np.flatnonzero(falling > (np.cumsum(falling) - radius) / np.arange(1, len(falling) + 1))
    rho = int(above[-1]) + 1 if len(above) else 1
    t = max((math.fsum(falling[:rho]) - radius) / rho, 0.0)
    while math.fsum(rest := np.maximum(magnitude - t, 0)) > radius:  # t is off by a few roundings: two or three steps
        t = np.nextafter(t, np.inf)
    return (np.sign(w) * _towards_zero(rest).reshape(w.shape)).astype(np.float32) + np.float32(0)


def prune_penalty_l0(w: ArrayLike, *, penalty: float) -> NDArray[np.float32]:
    """Set each value to zero that does not pay its price: the proximal step of a count.

        minimise ||v - w||**2 / 2 + penalty * (entries of v not 0):    v = w where w**2 / 2 > penalty, else 0

    Parameters
    ----------
    w : array of float32, any shape, finite
    penalty : float in [0, 3.4e38]

    Returns
    -------
    v : array of float32, shape of w
        w**2 / 2 is exact in float64. Where it equals the penalty, the value becomes zero.

    **Source** Carreira-Perpinan & Idelbayev (2018), the C step of the penalty form: hard thresholding.

    **Departs** nothing.

    Cost O(size).

    >>> prune_penalty_l0(np.float32([3, -1, 2]), penalty=2).tolist()
    [3.0, 0.0, 0.0]
    """
    w, penalty = weights(w), arguments.real(penalty, "penalty", 0, LARGEST)
    return np.where(w.astype(np.float64) ** 2 / 2 > penalty, w, np.float32(0))


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def prune_penalty_l1(w: ArrayLike, *, penalty: float) -> NDArray[np.float32]:
    """Shrink each value by a price: the proximal step of a sum of magnitudes.

        minimise ||v - w||**2 / 2 + penalty * sum |v|:    v = sign(w) max(|w| - penalty, 0)

    Parameters
    ----------
    w : array of float32, any shape, finite
    penalty : float in [0, 3.4e38]

    Returns
    -------
    v : array of float32, shape of w
        The difference in float64, rounded once. What vanishes is +0.0.

    **Source** Carreira-Perpinan & Idelbayev (2018), the C step of the penalty form: soft thresholding.

    **Departs** nothing.

    Cost O(size).

    >>> prune_penalty_l1(np.float32([3, -1, 2]), penalty=1.5).tolist()
    [1.5, 0.0, 0.5]
    """
    w, penalty = weights(w), arguments.real(penalty, "penalty", 0, LARGEST)
    shrunk = np.maximum(np.abs(w.astype(np.float64)) - penalty, 0)
    return (np.sign(w) * shrunk).astype(np.float32) + np.float32(0)


def _towards_zero(a: np.ndarray) -> np.ndarray:
    """Return nonnegative float64 rounded down to float32 numbers, still as float64."""
    nearest = a.astype(np.float32)
    return np.where(nearest > a, np.nextafter(nearest, np.float32(0)), nearest).astype(np.float64)


def weights(w) -> np.ndarray:
    """Return w, or refuse it."""
    return arguments.finite(arguments.array(w, "w", np.float32), "w")


def keep_argument(w, keep) -> tuple[np.ndarray, int]:
    """Return w, and how many of its entries stay, or refuse them; what w holds is not looked at."""
    w = arguments.array(w, "w", np.float32)
    return w, arguments.integer(keep, "keep", 0, w.size)

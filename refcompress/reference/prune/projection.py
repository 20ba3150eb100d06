"""The nearest sparse array: projections on what a constraint allows, and the steps that a penalty asks for."""

import math

import numpy as np

from ... import arguments
from ...constants import LARGEST
from ...errors import RefcompressError
from .magnitude import prune_magnitude

__all__ = ["prune_project_l0", "prune_project_l1", "prune_penalty_l0", "prune_penalty_l1"]



def prune_project_l0(w, *, keep) -> np.ndarray:
    """Find the nearest array of at most so many values that are not zero.

        minimise ||v - w||  over v with at most ``keep`` entries not 0:    the entries of largest magnitude stay

    w : array of float32, finite, any shape; keep : int in [0, size]. Returns float32 of its shape: w at the entries that
    prune_magnitude keeps (of equal ones the first), +0.0 elsewhere. Exact; never more than ``keep`` entries.

    Raises ArgumentTypeError, RefcompressError by name.

    **Source** Carreira-Perpinan and Idelbayev, "Learning-Compression" Algorithms for Neural Net Pruning (2018), the C step
    of the constraint form. **Departs** nothing. Cost O(size).

    >>> prune_project_l0(np.float32([3, -1, 2]), keep=2).tolist()
    [3.0, 0.0, 2.0]
    """
    w = arguments.finite(arguments.array(w, "w", np.float32), "w")
    return np.where(prune_magnitude(w, keep=keep), w, np.float32(0))


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def prune_project_l1(w, *, radius) -> np.ndarray:
    """Find the nearest array whose magnitudes sum to no more than a radius.

        minimise ||v - w||  over sum |v| <= radius:    v = sign(w) max(|w| - t, 0),  t >= 0 such that the sum is the radius

    Parameters
    ----------
    w : array of float32, finite, any shape
    radius : float in [0, 3.4e38]

    Returns
    -------
    float32 of the shape of w. w itself (zeros as +0.0) where it satisfies the constraint; else |w| - t in float64, rounded
    **towards zero** to float32: then the exact sum of the results, a real number, is at most the radius, always. t is the
    float64 that the sorted magnitudes give, raised to the next ones until the exact sum of the unrounded differences is at
    most the radius (two or three steps: it was off by a few roundings). So v is off the real projection by at most one
    float32 step an entry.

    Raises ArgumentTypeError, RefcompressError by name; NaN and infinities by index.

    **Source** Duchi, Shalev-Shwartz, Singer and Chandra, Efficient Projections onto the l1-Ball (2008). **Departs**
    rounded such that the constraint holds, and not to nearest. Cost O(size log size).

    >>> prune_project_l1(np.float32([3, -1, 0.5]), radius=3).tolist()
    [2.5, -0.5, 0.0]
    """
    w = arguments.finite(arguments.array(w, "w", np.float32), "w")
    radius = arguments.real(radius, "radius", 0, LARGEST)
    size = np.abs(w.astype(np.float64)).ravel()
    if math.fsum(size) <= radius:
        return w + np.float32(0)
    if radius == 0:
        return np.zeros_like(w)
    falling = np.sort(size)[::-1]
    excess = (np.cumsum(falling) - radius) / np.arange(1, len(size) + 1)
    rho = int(np.flatnonzero(falling > excess)[-1]) if (falling > excess).any() else 0
    t = max((math.fsum(falling[: rho + 1]) - radius) / (rho + 1), 0.0)
    while math.fsum(rest := np.maximum(size - t, 0)) > radius:
        t = np.nextafter(t, np.inf)
    return (np.sign(w) * _towards_zero(rest).reshape(w.shape)).astype(np.float32) + np.float32(0)


def prune_penalty_l0(w, *, penalty) -> np.ndarray:
    """Drop each value that is not worth a price: the proximal step of a count.

        minimise ||v - w||**2 / 2 + penalty * (entries of v not 0):    v = w where w**2 / 2 > penalty, else 0

    w : array of float32, finite, any shape; penalty : float in [0, 3.4e38]. Returns float32; w**2 / 2 is exact in float64,
    and where it equals the penalty the value goes. Raises ArgumentTypeError, RefcompressError by name.

    **Source** Carreira-Perpinan and Idelbayev (2018), the C step of the penalty form. **Departs** nothing. Cost O(size).

    >>> prune_penalty_l0(np.float32([3, -1, 2]), penalty=2).tolist()
    [3.0, 0.0, 0.0]
    """
    w = arguments.finite(arguments.array(w, "w", np.float32), "w")
    penalty = arguments.real(penalty, "penalty", 0, LARGEST)
    return np.where(w.astype(np.float64) ** 2 / 2 > penalty, w, np.float32(0))


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def prune_penalty_l1(w, *, penalty) -> np.ndarray:
    """Shrink each value by a price: the proximal step of a sum of magnitudes.

        minimise ||v - w||**2 / 2 + penalty * sum |v|:    v = sign(w) max(|w| - penalty, 0)

    w : array of float32, finite, any shape; penalty : float in [0, 3.4e38]. Returns float32, the difference in float64 and
    rounded once; what vanishes is +0.0. Raises ArgumentTypeError, RefcompressError by name.

    **Source** soft thresholding, as in Carreira-Perpinan and Idelbayev (2018). **Departs** nothing. Cost O(size).

    >>> prune_penalty_l1(np.float32([3, -1, 2]), penalty=1.5).tolist()
    [1.5, 0.0, 0.5]
    """
    w = arguments.finite(arguments.array(w, "w", np.float32), "w")
    penalty = arguments.real(penalty, "penalty", 0, LARGEST)
    rest = np.maximum(np.abs(w.astype(np.float64)) - penalty, 0)
    return (np.sign(w) * rest).astype(np.float32) + np.float32(0)


def _towards_zero(a: np.ndarray) -> np.ndarray:
    """Return nonnegative float64 rounded down to float32 numbers, still as float64."""
    nearest = a.astype(np.float32)
    return np.where(nearest > a, np.nextafter(nearest, np.float32(0)), nearest).astype(np.float64)

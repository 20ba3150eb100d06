"""Low rank: a matrix as the product of two thin ones, by the singular value decomposition."""

import numpy as np

from .. import arguments
from ..errors import LimitError, RefcompressError
from ..formats import LowRank

__all__ = ["lowrank_svd"]


def lowrank_svd(w, *, rank=None, energy=None, error=None) -> LowRank:
    """Find the matrix of a given rank, or of the smallest rank that serves, nearest to a matrix.

        w = sum over i of s[i] * outer(u[:, i], vt[i]), s descending;        the first r terms are the nearest of rank r

    Parameters
    ----------
    w : (m, k) float32, finite
    rank : int in [0, min(m, k)]
    energy : float in (0, 1]
        Take the smallest r with  sum of the first r s**2 >= energy * sum of all s**2.
    error : float in [0, 1)
        Take the smallest r with  ||w - w_r||_F <= error * ||w||_F; that norm is the root of the sum of the other s**2.
        Exactly one of rank, energy and error must be given.

    Returns
    -------
    LowRank : u (m, r) with orthonormal columns, s (r,) descending, vt (r, k) with orthonormal rows, float32
        Decomposed and summed in float64, rounded once. That rounding, of three factors and of dense(), adds at most
        about 4 * 2**-24 * ||w||_F to the error (more where entries are subnormal). In each column of u the entry of
        largest magnitude (the first of equal ones) is positive; where singular values repeat, their vectors are any
        basis of their space, as LAPACK finds it, and the last bits may differ between builds of LAPACK. Rank 0, which a
        zero matrix has by energy and error, has empty factors. No scaling is needed: the squares of what float32 can
        hold are 2**-298 to 2**256, well inside float64.

    Raises
    ------
    ArgumentTypeError, RefcompressError : by name; NaN and infinities by index (LAPACK would answer with NaN, or not
        converge). RefcompressError where LAPACK converges neither on w nor on its transpose. LimitError where a
        singular value is beyond float32, as those of a large matrix of numbers near 3e38.

    **Source** Eckart & Young, The Approximation of One Matrix by Another of Lower Rank (1936); for weights: Denton,
    Zaremba, Bruna, LeCun & Fergus, Exploiting Linear Structure Within Convolutional Networks (2014), section 3.2.

    **Departs** the signs, which the decomposition leaves open, are fixed.

    Cost O(m k min(m, k)).

    >>> import numpy as np
    >>> w = np.outer([1, 2, 2], [3, -4]).astype(np.float32)
    >>> f = lowrank_svd(w, energy=0.99)
    >>> f.rank, f.s.tolist(), np.allclose(f.dense(), w)
    (1, [15.0], True)
    """
    w, given, value = svd_arguments(w, rank=rank, energy=energy, error=error)
    u, s, vt = _svd(w.astype(np.float64))
    if given == "rank":
        r = value
    elif given == "energy":
        first = np.concatenate([[0.0], np.cumsum(s**2)])  # of the first r, for r = 0, 1, ...
        r = int(np.argmax(first >= value * first[-1]))
    else:
        rest = np.concatenate([np.cumsum(s[::-1] ** 2)[::-1], [0.0]])  # without the first r; small ones added first
        r = int(np.argmax(rest <= value**2 * rest[0]))

    if r and s[0] > np.finfo(np.float32).max:
        raise LimitError("w", f"has a singular value beyond float32, {s[0]:g}")
    with np.errstate(under="ignore"):
        u, s, vt = u[:, :r].astype(np.float32), s[:r].astype(np.float32), vt[:r].astype(np.float32)
    if r:
        largest = u[np.argmax(np.abs(u), axis=0), np.arange(r)]
        sign = np.where(largest < 0, np.float32(-1), np.float32(1))
        u, vt = u * sign, vt * sign[:, None]
    return LowRank(u, s, vt)


def _svd(w: np.ndarray):
    """Return u, s, vt of a float64 matrix; where LAPACK's gesdd fails, as it rarely does, try the transpose."""
    try:
        return np.linalg.svd(w, full_matrices=False)
    except np.linalg.LinAlgError:
        pass
    try:
        u, s, vt = np.linalg.svd(w.T, full_matrices=False)
    except np.linalg.LinAlgError:
        raise RefcompressError("w", "has a decomposition to which LAPACK does not converge") from None
    return vt.T, s, u.T


def svd_arguments(w, *, rank=None, energy=None, error=None):
    """Return w, which of the three was given and its value, or refuse the arguments."""
    w = arguments.finite(arguments.array(w, "w", np.float32, ndim=2), "w")
    given = arguments.exactly_one(rank=rank, energy=energy, error=error)
    if given == "rank":
        return w, given, arguments.integer(rank, "rank", 0, min(w.shape))
    number = arguments.real(energy if given == "energy" else error, given, 0, 1)
    if number == (0 if given == "energy" else 1):
        raise RefcompressError(given, "must be above 0" if given == "energy" else "must be below 1")
    return w, given, number

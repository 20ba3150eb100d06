"""Low rank: a matrix as the product of two thin ones, by the singular value decomposition."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments
from ...constants import LARGEST
from ...errors import ArgumentTypeError, LimitError, RefcompressError
from ...formats import LowRank
from ...formats.prepared import unprepared

__all__ = ["lowrank_svd", "lowrank_matmul"]


def lowrank_svd(w: ArrayLike, *, rank: int | None = None, energy: float | None = None, error: float | None = None,
                nbytes: int | None = None) -> LowRank:
    """Find the matrix of a given rank, or of the smallest rank that is good enough, that is nearest to a matrix.

        w = sum over i of s[i] * outer(u[:, i], vt[i]), s descending;        the first r terms are the nearest of rank r

    Parameters
    ----------
    w : (m, k) float32, finite
    rank : int in [0, min(m, k)]
    energy : float in (0, 1]
        Take the smallest r with  sum of the first r s**2 >= energy * sum of all s**2.
    error : float in [0, 1)
        Take the smallest r with  ||w - w_r||_F <= error * ||w||_F. The left side is the root of the sum of s[r:]**2.
    nbytes : int
        Take the largest r whose factors, 4 r (m + k + 1) bytes, fit. A budget below that of rank 1 is refused.
        Exactly one of rank, energy, error and nbytes must be given.

    Returns
    -------
    LowRank : u (m, r) with orthonormal columns, s (r,) descending, vt (r, k) with orthonormal rows, float32
        Decomposed and summed in float64, rounded once. The rounding of three factors and of dense() adds at most about
        4 * 2**-24 * ||w||_F to the error (more where entries are subnormal). In each column of u the entry of largest
        magnitude is positive; ties go to the lowest index. Vectors of repeated singular values are any basis of their
        space, as LAPACK finds it, and the last bits may differ between builds of LAPACK. A zero matrix has rank 0 by
        energy and by error, and then empty factors.

    Raises
    ------
    RefcompressError where LAPACK converges neither on w nor on its transpose. LimitError where a singular value is
    beyond float32, as those of a large matrix of numbers near 3e38.

    **Source** Eckart & Young, The Approximation of One Matrix by Another of Lower Rank (1936); for weights: Denton,
    Zaremba, Bruna, LeCun & Fergus, Exploiting Linear Structure Within Convolutional Networks (2014, arXiv 1404.0736).

    **Departs** the signs, which the decomposition leaves open, are fixed.

    Cost O(m k min(m, k)). Ctrl-C is answered only after LAPACK, whose one call takes nearly all of that.

    >>> import numpy as np
    >>> w = np.outer([1, 2, 2], [3, -4]).astype(np.float32)
    >>> f = lowrank_svd(w, energy=0.99)
    >>> f.rank, f.s.tolist(), np.allclose(f.dense(), w)
    (1, [15.0], True)
    """
    w, given, value = svd_arguments(w, rank=rank, energy=energy, error=error, nbytes=nbytes)
    u, s, vt = svd(w.astype(np.float64))
    if given in ("rank", "nbytes"):
        r = value
    elif given == "energy":
        first = np.concatenate([[0.0], np.cumsum(s**2)])  # of the first r, for r = 0, 1, ...; s**2 is inside float64
        r = int(np.argmax(first >= value * first[-1]))
    else:
        rest = np.concatenate([np.cumsum(s[::-1] ** 2)[::-1], [0.0]])  # without the first r; small ones added first
        r = int(np.argmax(rest <= value**2 * rest[0]))

    return factors_within_float32(u[:, :r], s[:r], vt[:r])


def lowrank_matmul(a: LowRank, x: ArrayLike) -> NDArray[np.float32]:
    """Multiply by a matrix of low rank without forming it.

        y = u @ (s * (vt @ x))

    Parameters
    ----------
    a : LowRank (m, k) of rank r
    x : (k, n) float32

    Returns
    -------
    (m, n) float32 : NaN and infinity follow IEEE arithmetic; rank 0 gives zeros
        Here products and sums are float64, in the order of BLAS, rounded once. A native implementation rounds vt @ x,
        its product with s, and y to float32; both products are those of gemm_f32f32 with transposed=True.

    **Source** Denton et al. (2014, arXiv 1404.0736): two thin layers in place of one.

    **Departs** nothing.

    Cost 2 r n (m + k) operations; the dense product takes 2 m k n.

    >>> a = LowRank(np.float32([[1], [2]]), np.float32([3]), np.float32([[1, 0, -1]]))
    >>> lowrank_matmul(a, np.float32([[1], [5], [0]])).tolist()
    [[3.0], [6.0]]
    """
    a, x = matmul_arguments(a, x)
    with np.errstate(all="ignore"):  # IEEE arithmetic is the promise, whatever np.seterr says
        return sums(a, x).astype(np.float32)


def sums(a: LowRank, x: np.ndarray) -> NDArray[np.float64]:
    """Return u @ (s * (vt @ x)) in float64."""
    inner = a.vt.astype(np.float64) @ x.astype(np.float64)
    return a.u.astype(np.float64) @ (a.s.astype(np.float64)[:, None] * inner)


def factors_within_float32(u: np.ndarray, s: np.ndarray, vt: np.ndarray) -> LowRank:
    """Return the factors with their signs fixed, each rounded once, or refuse a singular value beyond float32."""
    if len(s) and s[0] > LARGEST:
        raise LimitError("w", f"has a singular value beyond float32, {s[0]:g}")
    with np.errstate(under="ignore"):
        u, s, vt = u.astype(np.float32), s.astype(np.float32), vt.astype(np.float32)
    u, vt = signed(u, vt)
    return LowRank(u, s, vt)


def signed(u: np.ndarray, vt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return u and vt with the entry of largest magnitude in each column of u positive; ties go to the lowest index."""
    if not u.size:
        return u, vt
    largest = u[np.argmax(np.abs(u), axis=0), np.arange(u.shape[1])]
    sign = np.where(largest < 0, -1, 1).astype(u.dtype)
    return u * sign, vt * sign[:, None]


def svd(w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return u, s, vt of a float64 matrix; where LAPACK's gesdd fails, as it rarely does, try the transpose."""
    try:
        u, s, vt = np.linalg.svd(w, full_matrices=False)
        return u, s, vt
    except np.linalg.LinAlgError:
        pass
    try:
        u, s, vt = np.linalg.svd(w.T, full_matrices=False)
    except np.linalg.LinAlgError:
        raise RefcompressError("w", "has a decomposition to which LAPACK does not converge") from None
    return vt.T, s, u.T


def svd_arguments(w, *, rank=None, energy=None, error=None, nbytes=None) -> tuple[np.ndarray, str, Any]:
    """Return w, which of the four was given and its value (of nbytes the rank), or refuse the arguments."""
    w = arguments.finite(arguments.array(w, "w", np.float32, ndim=2), "w")
    given = arguments.exactly_one(rank=rank, energy=energy, error=error, nbytes=nbytes)
    if given == "rank":
        return w, given, arguments.integer(rank, "rank", 0, min(w.shape))
    if given == "nbytes":
        one = 4 * (sum(w.shape) + 1)
        return w, given, min(arguments.integer(nbytes, "nbytes", one) // one, *w.shape)
    number = arguments.real(energy if given == "energy" else error, given, 0, 1)
    if number == (0 if given == "energy" else 1):
        raise RefcompressError(given, "must be above 0" if given == "energy" else "must be below 1")
    return w, given, number


def matmul_arguments(a, x) -> tuple[LowRank, np.ndarray]:
    """Return the arguments of lowrank_matmul, checked: what both implementations accept."""
    a = unprepared(a)
    if not isinstance(a, LowRank):
        raise ArgumentTypeError("a", f"must be a LowRank, not {type(a).__name__}")
    x = arguments.array(x, "x", np.float32, ndim=2)
    if len(x) != a.shape[1]:
        raise RefcompressError("x", f"must have a row for each of the {a.shape[1]} columns of a, not {len(x)}")
    return a, x

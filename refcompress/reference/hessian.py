"""The Hessian of a layer: one definition, one check, one damping, one rule for dead inputs, one factor.

A layer y = x @ w.T whose weights change by d changes its output on the calibration inputs x, n rows of k, by

    error = ||x @ d.T||**2 = trace(d @ h @ d.T),    h = x.T @ x

**Definition.** h is the sum of x x.T over the samples. All rows of w share it. OBS, SparseGPT, GPTQ, AdaRound, clipping
and whitening take it. The papers write 2 X X.T, or divide it by the number of samples: masks and weights do not depend
on such a factor, and without it trace(d @ h @ d.T) is the error of the output itself.

**Damping.** ``damping`` times the mean of the diagonal is added to the diagonal. The mean is over the live inputs.

**Dead inputs.** An input is dead where h[j, j] = 0: it was zero in every sample, so it is coupled to no other input,
and its weights may be anything. They are rounded to nearest. They are pruned by magnitude, and before the weights of
live inputs of about their size: a dead input has a diagonal of damping times the mean (or ``DEAD`` times, where that
is more), as if it had been damped like the others. A layer without a live input has 1 for that mean. Dead inputs
change nothing for the others.

**Factor.** u is upper triangular, with u.T @ u = the inverse of the damped h: the Cholesky factor of the inverse.
"""

import numpy as np
from numpy.typing import NDArray

from .. import arguments
from ..constants import LARGEST64, U64
from ..errors import LimitError, RefcompressError

__all__ = ["quantize_hessian"]

ERROR_BLOCK = 256  # inputs; at 4096 of them half of the products are saved
MOVED = 32  # inputs that are moved at a time
SMALL = 64  # a factor of so few inputs is inverted as a whole
DEAD = 2.0**-26  # small enough that dead weights go first, large enough that their squares do not underflow


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def quantize_hessian(x: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sum the second moments of a layer's inputs: all that the squared error of its output depends on.

        h[i, j] = sum over samples p of x[p, i] * x[p, j];      ||x @ d.T||**2 = trace(d @ h @ d.T) for any change d

    Parameters
    ----------
    x : (n, k) float32, finite

    Returns
    -------
    hessian : (k, k) float64, symmetric to the last bit
        Products and sums in float64, in the order of BLAS. The Hessian of two batches is the sum of theirs.

    **Source** Frantar, Ashkboos, Hoefler & Alistarh, GPTQ (2022, arXiv 2210.17323), section 3, H = 2 X X.T.

    **Departs** without the factor 2: no method here depends on a factor, and the errors are then those of the output.

    Cost 2 n k**2.

    >>> x = np.float32([[1, 2], [3, -1]])
    >>> quantize_hessian(x).tolist()
    [[10.0, -1.0], [-1.0, 5.0]]
    """
    x = inputs_argument(x).astype(np.float64)
    h = x.T @ x
    return np.triu(h) + np.triu(h, 1).T


def layer_error(d: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """Return the squared error that a change d of the weights makes in each output: the diagonal of d @ h @ d.T.

    h is symmetric: what lies above its diagonal counts twice, and what lies below is not read.
    """
    error = np.zeros(len(d))
    for i in range(0, d.shape[1], ERROR_BLOCK):
        some = slice(i, i + ERROR_BLOCK)
        pulled = d[:, some] @ hessian[some, some]
        if i:
            pulled += 2 * (d[:, :i] @ hessian[:i, some])
        error += np.sum(pulled * d[:, some], axis=1)
    return np.maximum(error, 0)  # rounding may have made h a little indefinite


def damped(hessian: np.ndarray, damping: float) -> np.ndarray:
    """Return the Hessian with damping * mean of the live diagonal added, and the dead inputs' diagonal filled."""
    h, diagonal = hessian.copy(), hessian.diagonal()
    live = diagonal > 0
    with np.errstate(all="ignore"):
        mean = diagonal[live].mean() if live.any() else 1.0
        np.fill_diagonal(h, np.where(live, diagonal + damping * mean, max(damping, DEAD) * mean))
    if not np.all(np.isfinite(h.diagonal())):
        raise LimitError("damping", "must leave the Hessian's diagonal finite")
    return h


def inverse_factor(hessian: np.ndarray, damping: float) -> np.ndarray:
    """Return the upper triangular u with u.T @ u = inverse of the damped Hessian, or refuse a singular one.

    The same as cholesky(inv(h)).T, with one rounding error less: l @ l.T = h with its rows and columns reversed, and u
    is the inverse of l, reversed back. It is found by halves, with a quarter of the products of an elimination.

    Cholesky is exact for a matrix that is off by at most gamma_(k + 1) trace(h) (Higham, Accuracy and Stability,
    theorem 10.3), and the smallest eigenvalue is at least 1 / ||u||_F**2. Where this is not above twice that error,
    the matrix cannot be told from a singular one. Dead inputs have eigenvalues of their own, and take no part in this.
    """
    h, live = damped(hessian, damping), hessian.diagonal() > 0
    try:
        u = lower_inverse(np.linalg.cholesky(h[::-1, ::-1]))[::-1, ::-1].copy()
    except np.linalg.LinAlgError:
        u = np.full_like(h, np.inf)
    error = (len(h) + 1) * U64 * np.sum(h.diagonal()[live])
    if not 2 * error * np.sum(u[live] ** 2) < 1:
        raise RefcompressError("hessian", "is singular to working precision, or not positive definite, with a damping "
                                          f"of {damping:g}: a larger one helps")
    return u


def lower_inverse(low: np.ndarray) -> np.ndarray:
    """Return the inverse of a lower triangular matrix."""
    inverse = np.zeros_like(low)
    _invert(low, inverse)
    return inverse


def _invert(low: np.ndarray, inverse: np.ndarray) -> None:
    """Fill in the inverse: of [[a, 0], [b, c]] it is [[1/a, 0], [-1/c b 1/a, 1/c]]."""
    half = len(low) // 2
    if len(low) <= SMALL:
        inverse[...] = np.tril(np.linalg.inv(low))
        return
    first, last = slice(half), slice(half, None)
    for part in (first, last):
        _invert(low[part, part], inverse[part, part])
    inverse[last, first] = -inverse[last, last] @ (low[last, first] @ inverse[first, first])


def move_later(now: np.ndarray, u: np.ndarray, first: int, last: int) -> None:
    """Take off the rows of now from ``last`` on what those of ``first`` to ``last`` move them by, one after the other.

        now[j] = now[j] - u[i, j] now[i]        for i = first, ... last - 1

    A row is an input. So few are moved at a time that they stay in a cache; no order of them changes a bit.
    """
    for begin in range(last, len(now), MOVED):
        some = slice(begin, begin + MOVED)
        for i in range(first, last):
            now[some] -= np.outer(u[i, some], now[i])


def hessian_argument(hessian, k: int) -> np.ndarray:
    """Return the Hessian of k inputs, or refuse it."""
    h = arguments.finite(arguments.array(hessian, "hessian", np.float64, ndim=2), "hessian")
    if h.shape != (k, k):
        raise RefcompressError("hessian", f"must have the shape ({k}, {k}), for the {k} inputs of w, not {h.shape}")
    mirrored = "must equal the element across the diagonal (half of hessian + hessian.T does)"
    arguments.each(h, "hessian", h == h.T, mirrored)
    arguments.each(h, "hessian", (h >= 0) | ~np.eye(k, dtype=bool), "must not be negative on the diagonal")
    live = h.diagonal() > 0
    if not live.all():
        alone = "must be 0, as is the diagonal of its row or column"
        arguments.each(h, "hessian", (h == 0) | np.outer(live, live), alone)
    return h


def damping_argument(damping) -> float:
    """Return the share of the mean diagonal that is added to the diagonal, or refuse it."""
    return arguments.real(damping, "damping", 0, LARGEST64)


def inputs_argument(x, k: int | None = None) -> np.ndarray:
    """Return the calibration inputs, or refuse them."""
    x = arguments.finite(arguments.array(x, "x", np.float32, ndim=2), "x")
    if k is not None and x.shape[1] != k:
        raise RefcompressError("x", f"must have a column for each of the {k} inputs of w, not {x.shape[1]}")
    return x

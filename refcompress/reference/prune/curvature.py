"""Scores from second derivatives, and the inverse of a layer's Hessian, which prune_layerwise.py works with."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments
from ...constants import LARGEST64
from ...errors import LimitError, RefcompressError
from .scores import rounded, score_arguments, weights

__all__ = ["prune_score_obd", "prune_score_fisher"]

BLOCK = 128  # columns factored at once: wide enough for BLAS, narrow enough for no second matrix


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def prune_score_obd(w: ArrayLike, diagonal: ArrayLike) -> NDArray[np.float32]:
    """Score weights by the rise of the loss that the diagonal of its Hessian predicts (Optimal Brain Damage).

        score = h w**2 / 2,    h[i] = d2 loss / d w[i]**2

    Parameters
    ----------
    w : array of float32, any shape, finite
    diagonal : float32 or float64, shape of w, finite
        The second derivatives. A negative one gives a negative score: such a weight goes first.

    Returns
    -------
    scores : array of float32, shape of w
        (h w**2) / 2 in float64 (w**2 is exact), rounded once.

    **Source** LeCun, Denker & Solla, Optimal Brain Damage (1990): the saliency s_k = h_kk u_k**2 / 2.

    **Departs** nothing.

    Cost O(size).

    >>> import numpy as np
    >>> prune_score_obd(np.float32([1, -2, 3]), np.float32([4, 1, 0])).tolist()
    [2.0, 2.0, 0.0]
    """
    w, h = score_arguments(w, diagonal, "diagonal")
    return rounded(h * w**2 / 2)


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def prune_score_fisher(w: ArrayLike, squared_gradients: ArrayLike) -> NDArray[np.float32]:
    """Score weights by the rise of the loss that the empirical Fisher information predicts.

        score = f w**2 / 2,    f[i] = mean over the examples of (d loss of the example / d w[i])**2

    Parameters
    ----------
    w : array of float32, any shape, finite
    squared_gradients : float32 or float64, shape of w, finite, >= 0
        The mean of the squares, not the square of the mean.

    Returns
    -------
    scores : array of float32, shape of w
        (f w**2) / 2 in float64 (w**2 is exact), rounded once.

    **Source** Theis, Korshunova, Tejani & Huszar, Faster Gaze Prediction with Dense Networks and Fisher Pruning (2018,
    arXiv 1801.05787).

    **Departs** the paper scores whole feature maps, by the gradient of a mask; here each weight, whose term is the
    same.

    Cost O(size).

    >>> import numpy as np
    >>> prune_score_fisher(np.float32([1, -2, 3]), np.float32([4, 1, 0])).tolist()
    [2.0, 2.0, 0.0]
    """
    w, f = score_arguments(w, squared_gradients, "squared_gradients", signed=False)
    return rounded(f * w**2 / 2)


def damped(hessian: np.ndarray, damping: float) -> np.ndarray:
    """Return a copy with damping * mean of the diagonal added to each element of the diagonal."""
    a = hessian.copy()
    if a.size:
        with np.errstate(over="ignore", invalid="ignore"):
            a.flat[:: len(a) + 1] += damping * np.mean(np.diagonal(a))
    if not np.all(np.isfinite(np.diagonal(a))):
        raise LimitError("damping", "must leave the Hessian's diagonal finite")
    return a


def inverse_factor(hessian: np.ndarray, damping: float) -> np.ndarray:
    """Return the upper triangular u with u.T @ u = inverse of (hessian + damping * mean of its diagonal * identity).

    Cholesky, l @ l.T = the matrix with rows and columns reversed; then u is the inverse of l, reversed. Both in place,
    in blocks of columns, so that one matrix is held beside the Hessian. Refuses a matrix that is singular to working
    precision: Cholesky is exact for one that is off by at most gamma_(k + 1) trace(h) (Higham, Accuracy and Stability,
    theorem 10.3), and the smallest eigenvalue is at least 1 / ||u||_F**2, so one that this does not show to be above
    twice that error cannot be told from zero.
    """
    k = len(hessian)
    a = damped(hessian[::-1, ::-1], damping)
    error = (k + 1) * 2.0**-53 * np.trace(a)
    starts = range(0, k, BLOCK)
    for i in starts:
        j = min(i + BLOCK, k)
        a[i:, i:j] -= a[i:, :i] @ a[i:j, :i].T
        try:
            pivot = np.linalg.cholesky(a[i:j, i:j])
        except np.linalg.LinAlgError:
            raise _singular(damping) from None
        a[i:j, i:j] = np.tril(np.linalg.inv(pivot))  # only the inverse of a diagonal block is needed from here on
        a[i:j, j:] = 0
        a[j:, i:j] = a[j:, i:j] @ a[i:j, i:j].T
    for i in reversed(starts):  # below i all is inverted already
        j = min(i + BLOCK, k)
        a[j:, i:j] = -(a[j:, j:] @ a[j:, i:j]) @ a[i:j, i:j]
    if not 2 * error * np.vdot(a, a) < 1:
        raise _singular(damping)
    return a[::-1, ::-1]


def _singular(damping: float) -> RefcompressError:
    return RefcompressError("hessian", f"is singular to working precision, or not positive definite, with a damping of "
                                       f"{damping:g}: a larger one helps where its diagonal is not zero")


def layer_arguments(w, hessian, damping):
    """Return w, the Hessian of its inputs and the damping, or refuse them.

    Where all of the Hessian is zero no calibration reached the layer: the identity stands for it, all inputs alike.
    """
    w = weights(w, ndim=2)
    h = arguments.finite(arguments.array(hessian, "hessian", np.float64, ndim=2), "hessian")
    if h.shape != (w.shape[1],) * 2:
        raise RefcompressError("hessian", f"must have the shape {(w.shape[1],) * 2}, inputs by inputs, not {h.shape}")
    if not np.array_equal(h, h.T):
        arguments.each(h, "hessian", h == h.T, "must equal the element across the diagonal (half of hessian + hessian.T does)")
    return w, h if h.any() else np.eye(len(h)), arguments.real(damping, "damping", 0, LARGEST64)

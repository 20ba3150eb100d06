"""Optimal Brain Surgeon for a layer: weights go one by one, the cheapest first, and the others make up for them."""

import numpy as np
from numpy.typing import NDArray

from ...errors import LimitError
from ..hessian import damped, damping_argument, hessian_argument, inverse_factor
from .magnitude import count_to_keep
from .scores import weights

__all__ = ["prune_obs"]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def prune_obs(w: NDArray[np.float32], hessian: NDArray[np.float64], *, sparsity: float | None = None,
              keep: int | None = None, damping: float = 0.01) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Prune a layer weight by weight, the one of least loss each time, and adjust its row (Optimal Brain Surgeon).

        saliency L_q = w_q**2 / (2 [h^-1]_qq),    w <- w - w_q / [h^-1]_qq * h^-1 e_q,
        h^-1 <- h^-1 - h^-1 e_q e_q.T h^-1 / [h^-1]_qq

    Parameters
    ----------
    w : (n, k) float32, finite
    hessian : (k, k) float64, as of :func:`quantize_hessian`, or any multiple of it
        The weights of a dead input are pruned by magnitude, before others of their size (``reference/hessian.py``).
    sparsity, keep : float in [0, 1], or int in [0, n k]; exactly one
        The share to prune, rint(sparsity * size), ties to even; or the number of weights to keep.
    damping : float >= 0
        The share of the mean diagonal that is added to the diagonal.

    Returns
    -------
    mask : (n, k) bool, exactly ``keep`` True
    weights : (n, k) float32, +0.0 where the mask is False
        In float64, rounded once. Each update is that of the formulas element by element: a product, then a difference.
        Of equal saliencies the highest index goes first. The weights of a row minimise (w - w') h (w - w').T among all
        rows with its zeros. The updates lead there. In the end one solve computes it anew, so that the rounding of the
        updates does not add up.

    Raises
    ------
    RefcompressError : also for a Hessian that is singular in spite of the damping.
    LimitError : an adjusted weight is beyond float32.

    **Source** Hassibi & Stork, Second Order Derivatives for Network Pruning: Optimal Brain Surgeon (1993); the merging
    of rows: Frantar & Alistarh, Optimal Brain Compression (2022, arXiv 2208.11580), section 4.

    **Departs** Hassibi & Stork take the Hessian of the whole network's loss; here it is a layer's, as in Frantar &
    Alistarh, with SparseGPT's damping.

    Cost k**2 for each weight that is tried: n k**3 at most. The native form keeps the c rows that a row of w takes off
    the inverse: at most c k / 2 for each weight that is tried, and 16 c k bytes a thread.

    >>> import numpy as np
    >>> mask, weights = prune_obs(np.float32([[1, 2]]), np.array([[2.0, 1], [1, 2]]), keep=1, damping=0)
    >>> mask.tolist(), weights.tolist()
    ([[False, True]], [[0.0, 2.5]])
    """
    w, h, inverse, pruned = obs_arguments(w, hessian, sparsity, keep, damping)
    n, k = w.shape
    order, loss = np.empty((n, min(k, pruned)), dtype=np.int64), np.empty((n, min(k, pruned)))
    for i in range(n):
        order[i], loss[i] = surgery(w[i].astype(np.float64), h, inverse, min(k, pruned))
    mask = cheapest(order, loss, pruned, k)
    return mask, optimum(w, mask, h)


def surgery(w: np.ndarray, h: np.ndarray, inverse: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Remove ``count`` weights of one row; return their indices in order, and the rise of the loss at each step."""
    order, loss, inverse = np.empty(count, dtype=np.int64), np.empty(count), inverse.copy()
    stays, k = np.ones(len(w), dtype=bool), len(w)
    for step in range(count):
        diagonal = np.maximum(inverse.diagonal(), 1 / h.diagonal())  # equal or above, but for rounding
        saliency = np.where(stays, w**2 / (2 * diagonal), np.inf)
        q = k - 1 - int(np.argmin(saliency[::-1]))
        order[step], loss[step], stays[q] = q, saliency[q], False
        w = w - w[q] / diagonal[q] * inverse[q]
        inverse -= np.outer(inverse[q], inverse[q] / diagonal[q])
    return order, loss


def cheapest(order: np.ndarray, loss: np.ndarray, pruned: int, k: int) -> np.ndarray:
    """Return the mask of a layer whose rows lose weights in their ``order``, each time where the loss is least.

    A step that is cheaper than the one before it in its row follows it at once. Of equal losses the highest row goes
    first.
    """
    n, most = loss.shape
    dearest = np.maximum.accumulate(loss, axis=1)
    rows = n - 1 - np.argsort(dearest[::-1], axis=None, kind="stable")[:pruned] // max(most, 1)
    mask = np.ones((n, k), dtype=bool)
    for i, count in enumerate(np.bincount(rows, minlength=n)):
        mask[i, order[i, :count]] = False
    return mask


def optimum(w: np.ndarray, mask: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Return, row by row, the weights of least loss that are 0 where the mask is False, as float32."""
    result = np.zeros(w.shape)
    for i in range(len(w)):
        stay, go = np.flatnonzero(mask[i]), np.flatnonzero(~mask[i])
        result[i, stay] = w[i, stay] + np.linalg.solve(h[np.ix_(stay, stay)], h[np.ix_(stay, go)] @ w[i, go])
    result = result.astype(np.float32)
    if not np.isfinite(result).all():
        raise LimitError("w", "has a weight that would be adjusted beyond float32")
    return result


def obs_arguments(w, hessian, sparsity, keep, damping):
    """Return w, the damped Hessian, its inverse, and how many weights go, or refuse the arguments."""
    w = weights(w, ndim=2)
    h, damping = hessian_argument(hessian, w.shape[1]), damping_argument(damping)
    pruned = w.size - count_to_keep(w.size, sparsity=sparsity, keep=keep)
    u = inverse_factor(h, damping)
    return w, damped(h, damping), u.T @ u, pruned

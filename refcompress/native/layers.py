"""Layer-wise pruning, faster: the columns that removals take off the inverse are kept, not a matrix that changes."""

from functools import wraps

import numpy as np

from .. import reference
from ..reference.prune.obs import cheapest, obs_arguments, optimum

__all__ = ["prune_obs"]


@wraps(reference.prune_obs)
@np.errstate(all="ignore")
def prune_obs(w, hessian, *, sparsity=None, keep=None, damping=0.01):
    w, h, inverse, pruned = obs_arguments(w, hessian, sparsity, keep, damping)
    n, k = w.shape
    most, least = min(k, pruned), 1 / h.diagonal()
    order, loss = np.empty((n, most), dtype=np.int64), np.empty((n, most))
    for i in range(n):
        order[i], loss[i] = surgery(w[i].astype(np.float64), inverse, least, most)
    mask = cheapest(order, loss, pruned, k)
    return mask, optimum(w, mask, h)


def surgery(w: np.ndarray, inverse: np.ndarray, least: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Remove ``count`` weights of one row; return their indices in order, and the rise of the loss at each step.

    Each removal takes c c.T off the inverse, c = h^-1 e_q / sqrt([h^-1]_qq). Only its diagonal and one row a step are
    needed, so the c are kept: a step reads those before it, not k**2 numbers, and writes k.
    """
    diagonal, stays, last = inverse.diagonal().copy(), np.ones(len(w), dtype=bool), len(w) - 1
    taken, order, loss = np.empty((count, len(w))), np.empty(count, dtype=np.int64), np.empty(count)
    for step in range(count):
        saliency = np.where(stays, w**2 / (2 * diagonal), np.inf)
        q = last - int(np.argmin(saliency[::-1]))
        c = stays * (inverse[q] - taken[:step, q] @ taken[:step]) / np.sqrt(diagonal[q])
        w = w - w[q] / np.sqrt(diagonal[q]) * c
        diagonal = np.maximum(diagonal - c**2, least)
        order[step], loss[step], taken[step], stays[q] = q, saliency[q], c, False
    return order, loss

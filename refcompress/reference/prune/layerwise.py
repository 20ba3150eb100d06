"""Optimal Brain Surgeon, a layer at a time: weights go one by one, and those that stay make up for them.

The loss of a layer is that of its outputs, sum over samples of ||w x - w' x||**2 / samples, which is
(w - w') h (w - w').T / 2 in each row with the Hessian h = 2 sum of x x.T / samples: one matrix of inputs by inputs that
all rows share. ``prune_obs`` is exact and slow, ``prune_sparsegpt`` takes the inputs in order and is fast.
"""

import numpy as np

from ... import arguments
from ...errors import LimitError
from .selection import count_to_keep, prune_select
from .curvature import damped, inverse_factor, layer_arguments

__all__ = ["prune_obs", "prune_sparsegpt"]

COLUMNS = 512  # updated at once


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def prune_obs(w, hessian, *, sparsity=None, keep=None, damping=0.01):
    """Prune a layer weight by weight, the one of least loss each time, and adjust its row (Optimal Brain Surgeon).

        saliency L_q = w_q**2 / (2 [h^-1]_qq),    w <- w - w_q / [h^-1]_qq * h^-1 e_q,
        h^-1 <- h^-1 - h^-1 e_q e_q.T h^-1 / [h^-1]_qq

    Parameters
    ----------
    w : (n, k) float32, finite
    hessian : (k, k) float64, finite, symmetric
        2 X X.T / samples of the inputs; h = hessian + damping * mean of its diagonal * identity. A layer that no sample
        reached has a Hessian of zeros: it is pruned by magnitude, and its weights stay (h = identity).
    sparsity, keep : float in [0, 1], or int in [0, n k]; exactly one
        The share to prune, rint(sparsity * size), half to even; or the number of weights to keep.
    damping : float >= 0

    Returns
    -------
    mask : (n, k) bool, exactly ``keep`` True
    weights : (n, k) float32, +0.0 where the mask is False
        In float64, rounded once. Of equal saliencies the highest index goes first. The row's weights minimise
        (w - w') h (w - w').T among all with its zeros: that is where the updates lead, and they are computed so in the
        end, by one solve, so that the rounding of the updates does not add up.

    Raises
    ------
    ArgumentTypeError, RefcompressError : by name; NaN and infinities by index; a Hessian that is not symmetric, or
        singular in spite of the damping. LimitError where an adjusted weight is beyond float32.

    **Source** Hassibi & Stork, Second Order Derivatives for Network Pruning: Optimal Brain Surgeon (1993); the merging
    of rows: Frantar & Alistarh, Optimal Brain Compression (2022, arXiv 2208.11580), section 4.

    **Departs** Hassibi & Stork take the Hessian of the whole network's loss; here a layer's, as Frantar & Alistarh do,
    with SparseGPT's damping.

    Cost O(n k**3) at most, k**2 for each weight pruned; memory O(k**2 + n k).

    >>> import numpy as np
    >>> mask, weights = prune_obs(np.float32([[1, 2]]), np.array([[2.0, 1], [1, 2]]), keep=1, damping=0)
    >>> mask.tolist(), weights.tolist()
    ([[False, True]], [[0.0, 2.5]])
    """
    w, h, damping = layer_arguments(w, hessian, damping)
    keep = count_to_keep(w.size, sparsity=sparsity, keep=keep)
    u = inverse_factor(h, damping)
    inverse, h = u.T @ u, damped(h, damping)
    n, k = w.shape
    pruned = w.size - keep
    most = min(k, pruned)
    order, loss = np.empty((n, most), dtype=np.int64), np.empty((n, most))
    for i in range(n):
        order[i], loss[i] = _surgery(w[i].astype(np.float64), inverse, 1 / np.diagonal(h), most)
    # The whole layer's next weight is that of the least loss among the rows' next ones: one that is cheaper than its
    # forerunner goes straight after it. From the last row up, so that of equal ones the lowest index stays.
    order_of_all = np.argsort(np.maximum.accumulate(loss, axis=1)[::-1], axis=None, kind="stable")[:pruned]
    gone = np.bincount(n - 1 - order_of_all // max(most, 1), minlength=n)

    mask, weights = np.ones((n, k), dtype=bool), w.astype(np.float64)
    for i in range(n):
        mask[i, order[i, : gone[i]]] = False
        stay, go = np.flatnonzero(mask[i]), np.flatnonzero(~mask[i])
        weights[i, stay] += np.linalg.solve(h[np.ix_(stay, stay)], h[np.ix_(stay, go)] @ weights[i, go])
    return mask, _rounded(weights, mask)


def _surgery(w: np.ndarray, inverse: np.ndarray, least: np.ndarray, count: int):
    """Remove ``count`` weights of one row; return their indices in order, and their saliencies.

    Each removal takes c c.T off the inverse, c = h^-1 e_q / sqrt([h^-1]_qq). Only its diagonal and a column a step are
    asked for, so the c are kept in place of a matrix that changes. In exact arithmetic the diagonal stays at 1 / h_qq
    or above (``least``).
    """
    diagonal, stays = np.diagonal(inverse).copy(), np.ones(len(w), dtype=bool)
    taken, order, loss = np.empty((count, len(w))), np.empty(count, dtype=np.int64), np.empty(count)
    for step in range(count):
        saliency = np.where(stays, w**2 / (2 * diagonal), np.inf)
        q = len(w) - 1 - int(np.argmin(saliency[::-1]))
        c = stays * (inverse[q] - taken[:step, q] @ taken[:step]) / np.sqrt(diagonal[q])
        w = w - w[q] / np.sqrt(diagonal[q]) * c
        diagonal = np.maximum(diagonal - c**2, least)
        order[step], loss[step], taken[step], stays[q] = q, saliency[q], c, False
    return order, loss


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def prune_sparsegpt(w, hessian, *, sparsity=None, n=None, m=None, block=128, damping=0.01):
    """Prune a layer input by input, and let the inputs that come later make up for what went (SparseGPT).

        with u.T u = h^-1, u upper triangular:  e_c = w_c / u_cc where pruned, else 0;   w[:, c:] -= e_c u[c, c:]

    Parameters
    ----------
    w : (outputs, k) float32, finite
    hessian : (k, k) float64, finite, symmetric
        2 X X.T / samples of the inputs; h = hessian + damping * mean of its diagonal * identity. A layer that no sample
        reached has a Hessian of zeros: it is pruned by magnitude, and its weights stay (h = identity).
    sparsity : float in [0, 1]
        The share to prune: rint(sparsity * size), half to even. Columns up to the end of a block have lost
        rint(sparsity * their size) weights, chosen when the block begins: the least w_ic**2 / u_cc**2 of all rows.
    n, m : int, 0 <= n <= m, m >= 1; instead of sparsity
        Keep n of each m consecutive inputs, of a last group of r < m ceil(n r / m), chosen when the group begins.
    block : int >= 1
        Columns to a block; rounded up to a multiple of m. With n and m it changes nothing but the rounding.
    damping : float >= 0

    Returns
    -------
    mask : (outputs, k) bool
    weights : (outputs, k) float32, +0.0 where the mask is False
        In float64, rounded once; ties as in prune_select. The matrix products are BLAS's, so the last bits, and what
        nearly ties, may differ between builds of BLAS.

    Raises
    ------
    ArgumentTypeError, RefcompressError : by name; NaN and infinities by index; a Hessian that is not symmetric, or
        singular in spite of the damping. LimitError where an adjusted weight is beyond float32.

    **Source** Frantar & Alistarh, SparseGPT: Massive Language Models Can Be Accurately Pruned in One-Shot (2023, arXiv
    2301.00774), section 3.4, algorithm 1; N:M: section 3.3.

    **Departs** the count is exact over the layer; an input that is always zero is damped like the others, and not set
    aside.

    Cost O(outputs k**2 + k**3); memory: w in float64 and one k by k matrix, besides the result.

    >>> import numpy as np
    >>> mask, weights = prune_sparsegpt(np.float32([[1, 2]]), np.array([[2.0, 1], [1, 2]]), n=1, m=2, damping=0)
    >>> mask.tolist(), weights.tolist()
    ([[False, True]], [[0.0, 2.5]])
    """
    w, h, damping = layer_arguments(w, hessian, damping)
    sparsity, n, m, block = sparsegpt_arguments(sparsity, n, m, block)
    u = inverse_factor(h, damping)
    rows, k = w.shape
    mask, weights, diagonal = np.ones((rows, k), dtype=bool), w.astype(np.float64), np.diagonal(u)

    def choose(start: int, end: int, **how):
        mask[:, start:end] = prune_select((weights[:, start:end] / diagonal[start:end]) ** 2, **how)

    for start in range(0, k, block):
        end = min(start + block, k)
        if n is None:
            pruned = count_pruned(sparsity, rows * end) - count_pruned(sparsity, rows * start)
            choose(start, end, keep=rows * (end - start) - pruned)
        errors = np.empty((rows, end - start))
        for c in range(start, end):
            if n is not None and c % m == 0:
                choose(c, min(c + m, k), structure="nm", n=n, m=m)
            errors[:, c - start] = np.where(mask[:, c], 0.0, weights[:, c] / diagonal[c])
            weights[:, c:end] -= np.outer(errors[:, c - start], u[c, c:end])
        for c in range(end, k, COLUMNS):  # the columns after the block, once for all of it
            weights[:, c : c + COLUMNS] -= errors @ u[start:end, c : c + COLUMNS]
    del u, diagonal
    return mask, _rounded(weights, mask)


def count_pruned(sparsity: float, size: int) -> int:
    return size - count_to_keep(size, sparsity=sparsity)


def sparsegpt_arguments(sparsity, n, m, block):
    """Return sparsity, n, m and the block, a multiple of m, or refuse the arguments."""
    block = arguments.integer(block, "block", 1)
    if m is None or sparsity is not None:
        arguments.exactly_one(sparsity=sparsity, n=n)
    if sparsity is not None and m is None:
        return arguments.real(sparsity, "sparsity", 0, 1), None, None, block
    m = arguments.integer(m, "m", 1)
    return None, arguments.integer(n, "n", 0, m), m, -(-block // m) * m


def _rounded(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the kept weights as float32, +0.0 elsewhere."""
    result = np.zeros(weights.shape, np.float32)
    np.copyto(result, weights, where=mask, casting="same_kind")
    if not np.isfinite(result).all():
        raise LimitError("w", "has a weight that would be adjusted beyond float32")
    return result

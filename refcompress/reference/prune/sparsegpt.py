"""SparseGPT: a layer is pruned input by input, and the inputs that come later make up for what went."""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import LimitError
from ..hessian import damping_argument, hessian_argument, inverse_factor, move_later
from .magnitude import count_to_keep
from .scores import weights
from .selection import prune_select

__all__ = ["prune_sparsegpt"]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def prune_sparsegpt(w: NDArray[np.float32], hessian: NDArray[np.float64], *, sparsity: float | None = None,
                    n: int | None = None, m: int | None = None, block: int = 128,
                    damping: float = 0.01) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Prune a layer input by input, and let the inputs that come later make up for what went (SparseGPT).

        with u.T u = h^-1, u upper triangular:  e_j = w_j / u_jj where pruned, else 0;   w[:, j:] -= e_j u[j, j:]

    Parameters
    ----------
    w : (outputs, k) float32, finite
    hessian : (k, k) float64, as of :func:`quantize_hessian`, or any multiple of it
        The weights of a dead input are pruned by magnitude, before others of their size (``reference/hessian.py``).
    sparsity : float in [0, 1]
        The share to prune: rint(sparsity * size), ties to even. Columns up to the end of a block have lost
        rint(sparsity * their size) weights, chosen when the block begins: the least w_ij**2 / u_jj**2 of all rows.
    n, m : int, 0 <= n <= m, m >= 1; instead of sparsity
        Keep n of each m consecutive inputs, of a last group of r < m ceil(n r / m), chosen when the group begins.
    block : int >= 1
        Columns to a block. With n and m it changes nothing.
    damping : float >= 0
        The share of the mean diagonal that is added to the diagonal.

    Returns
    -------
    mask : (outputs, k) bool
    weights : (outputs, k) float32, +0.0 where the mask is False
        In float64, each product e_j u[j, i] and each difference rounded, in the order of j, and rounded to float32 in
        the end; ties as in prune_select. So only u, which LAPACK finds, may differ between machines.

    Raises
    ------
    RefcompressError : also for a Hessian that is singular in spite of the damping.
    LimitError : an adjusted weight is beyond float32.

    **Source** Frantar & Alistarh, SparseGPT: Massive Language Models Can Be Accurately Pruned in One-Shot (2023, arXiv
    2301.00774), section 3.4, algorithm 1; N:M: section 3.3.

    **Departs** the count is exact over the layer; dead inputs are pruned by magnitude, where the authors' code sets all
    of their weights to 0.

    Cost O(outputs k**2 + k**3). Memory beside the arguments, measured at 2048 x 2048: 35 bytes a weight, natively 31.

    >>> import numpy as np
    >>> mask, weights = prune_sparsegpt(np.float32([[1, 2]]), np.array([[2.0, 1], [1, 2]]), n=1, m=2, damping=0)
    >>> mask.tolist(), weights.tolist()
    ([[False, True]], [[0.0, 2.5]])
    """
    w, u, sparsity, n, m, block = sparsegpt_arguments(w, hessian, sparsity, n, m, block, damping)
    rows, k = w.shape
    now, mask, diagonal = w.T.astype(np.float64), np.ones((rows, k), dtype=bool), u.diagonal()[:, None]
    result = np.empty((k, rows), np.float32)
    for first in range(0, k, block):
        last = min(first + block, k)
        if n is None:
            pruned = count_pruned(sparsity, rows * last) - count_pruned(sparsity, rows * first)
            scores = (now[first:last] / diagonal[first:last]).T ** 2  # by so much the error rises if the weight goes
            mask[:, first:last] = prune_select(scores, keep=scores.size - pruned)
        for i in range(first, last):
            if n is not None and i % m == 0:
                scores = (now[i : i + m] / diagonal[i : i + m]).T ** 2
                mask[:, i : i + m] = prune_select(scores, structure="nm", n=n, m=m)
            result[i] = np.where(mask[:, i], now[i], 0)
            now[i] = np.where(mask[:, i], 0, now[i]) / u[i, i]  # e from here on
            now[i + 1 : last] -= np.outer(u[i, i + 1 : last], now[i])
        move_later(now, u, first, last)
    return mask, within_float32(np.ascontiguousarray(result.T))


def count_pruned(sparsity: float, size: int) -> int:
    """Return how many of ``size`` weights are pruned."""
    return size - count_to_keep(size, sparsity=sparsity)


def within_float32(weights: np.ndarray) -> np.ndarray:
    """Return the weights, or refuse them if one was adjusted beyond float32."""
    if not np.isfinite(weights).all():
        raise LimitError("w", "has a weight that would be adjusted beyond float32")
    return weights


def sparsegpt_arguments(w, hessian, sparsity, n, m, block, damping):
    """Return w, the factor of the inverse Hessian, sparsity, n, m and the block (a multiple of m), or refuse them."""
    w = weights(w, ndim=2)
    h, damping = hessian_argument(hessian, w.shape[1]), damping_argument(damping)
    block = arguments.integer(block, "block", 1)
    if m is None or sparsity is not None:
        arguments.exactly_one(sparsity=sparsity, n=n)
    if sparsity is not None and m is None:
        sparsity = arguments.real(sparsity, "sparsity", 0, 1)
    else:
        m = arguments.integer(m, "m", 1)
        n, block = arguments.integer(n, "n", 0, m), -(-block // m) * m
    return w, inverse_factor(h, damping), sparsity, n, m, block

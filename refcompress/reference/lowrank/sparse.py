"""Low rank with a few single weights beside it: the outliers that no matrix of low rank can follow."""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...formats import CSR, LowRank
from ..csr.matrix import csr_from_dense
from ..prune.selection import prune_magnitude
from .truncated import lowrank_svd

__all__ = ["lowrank_sparse"]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def lowrank_sparse(w: NDArray[np.float32], *, rank: int, keep: int, iterations: int = 30) -> tuple[LowRank, CSR]:
    """Split a matrix into one of low rank and sparse outliers.

        minimise ||w - a - b||_F,    rank of a at most ``rank``, at most ``keep`` entries of b not zero
        in turn:  a = the nearest of its rank to w - b;    b = w - a at the ``keep`` entries of largest magnitude

    Parameters
    ----------
    w : (m, k) float32, finite
    rank : int in [0, min(m, k)]
    keep : int in [0, m k]
    iterations : int >= 0
        The most turns. They end early where a turn gains less than 2**-20 of ||w||_F.

    Returns
    -------
    a : LowRank
    b : CSR
        Each step is the exact minimiser given the other part, of w less that part in float32. So the error never rises,
        but for rounding (about 2**-22 of ||w||_F), and it ends in a local minimum. Ties go to the lowest index.

    **Source** Zhou and Tao, GoDec (2011), without its random projections.

    **Departs** nothing.

    Cost O(m k min(m, k)) a turn. Ctrl-C is answered between the calls of LAPACK only.

    >>> w = np.float32(np.diag([5, 5, 5, 9]) + 1)
    >>> a, b = lowrank_sparse(w, rank=1, keep=4)
    >>> float(np.linalg.norm(a.dense() + b.dense() - w)) < float(np.linalg.norm(lowrank_svd(w, rank=1).dense() - w)) / 2
    True
    """
    w, rank, keep, iterations = sparse_arguments(w, rank, keep, iterations)
    a, b, least = outliers(w, lowrank_svd(w, rank=rank), keep)
    for _ in range(iterations):
        next_a, next_b, error = outliers(w, lowrank_svd(w - b, rank=rank), keep)
        if error >= least - 2.0**-20 * np.linalg.norm(w.astype(np.float64)):
            break
        a, b, least = next_a, next_b, error
    return a, csr_from_dense(b)


def outliers(w: np.ndarray, a: LowRank, keep: int) -> tuple[LowRank, np.ndarray, float]:
    """Return a, the ``keep`` entries of w - a that are largest, with zeros elsewhere, and the error that is left."""
    rest = w - a.dense()
    b = np.where(prune_magnitude(rest, keep=keep), rest, np.float32(0)) if w.size else rest
    return a, b, float(np.linalg.norm((rest - b).astype(np.float64)))


def sparse_arguments(w, rank, keep, iterations):
    """Return all four, or refuse them."""
    w = arguments.finite(arguments.array(w, "w", np.float32, ndim=2), "w")
    rank, keep = arguments.integer(rank, "rank", 0, min(w.shape)), arguments.integer(keep, "keep", 0, w.size)
    return w, rank, keep, arguments.integer(iterations, "iterations", 0)

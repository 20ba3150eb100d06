"""Low rank with a few single weights beside it: the outliers that no matrix of low rank can follow."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments
from ...errors import ArgumentTypeError, RefcompressError
from ...formats import BSR, CSR, LowRank, LowRankSparse
from ...formats.kept import Kept
from ...formats.prepared import unprepared
from ..csr.matrix import csr_from_dense
from ..prune.magnitude import prune_magnitude
from ..sparse import product
from .truncated import lowrank_svd, sums

__all__ = ["lowrank_sparse", "lowrank_sparse_matmul"]


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


def lowrank_sparse_matmul(a: LowRankSparse, x: ArrayLike) -> NDArray[np.float32]:
    """Multiply by a matrix of low rank and by the sparse one beside it, without forming their sum.

        y = u @ (s * (vt @ x)) + sparse @ x

    Parameters
    ----------
    a : LowRankSparse (m, k) of rank r
    x : (k, n) float32

    Returns
    -------
    (m, n) float32 : NaN and infinity follow IEEE arithmetic; what is not stored in ``sparse`` does not multiply
        Here products and sums are float64, rounded once. A native implementation begins with y = lowrank_matmul(low, x)
        + 0.0. Then it goes on as sparse_matmul does, over the groups of ``sparse``: in each a chain of fused
        multiply-adds from +0.0, and y = fma(scale, chain, y). A CSR is one group with a scale of 1.

    **Source** Zhou and Tao, GoDec (2011): a matrix as low rank and sparse parts, multiplied one after the other.

    **Departs** nothing.

    Cost 2 r n (m + k) + 2 nnz n operations.

    >>> low = LowRank(np.float32([[1], [2]]), np.float32([3]), np.float32([[1, 0, -1]]))
    >>> a = LowRankSparse(low, csr_from_dense(np.float32([[0, 0, 0], [0, 7, 0]])))
    >>> lowrank_sparse_matmul(a, np.float32([[1], [5], [0]])).tolist()
    [[3.0], [41.0]]
    """
    a, x = matmul_arguments(a, x)
    with np.errstate(all="ignore"):  # IEEE arithmetic is the promise, whatever np.seterr says
        return (sums(a.low, x) + product.sums(bsr_of(a.sparse), x)).astype(np.float32)


def matmul_arguments(a, x) -> tuple[LowRankSparse, np.ndarray]:
    """Return the arguments of lowrank_sparse_matmul, checked: what all implementations accept."""
    a = unprepared(a)
    if not isinstance(a, LowRankSparse):
        raise ArgumentTypeError("a", f"must be a LowRankSparse, not {type(a).__name__}")
    x = arguments.array(x, "x", np.float32, ndim=2)
    if len(x) != a.shape[1]:
        raise RefcompressError("x", f"must have a row for each of the {a.shape[1]} columns of a, not {len(x)}")
    arguments.shape((a.shape[0], x.shape[1]), "y", itemsize=4)
    return a, x


def bsr_of(a: CSR | Kept) -> Kept:
    """Return a CSR as blocks of 1 x 1, which have its arrays; other sparse formats as they are."""
    return BSR(a.shape, a.indptr, a.indices, a.values.reshape(-1, 1, 1)) if isinstance(a, CSR) else a


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

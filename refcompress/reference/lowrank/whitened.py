"""Low rank for what a layer does to its inputs, and low rank with a few single weights beside it."""

import numpy as np

from ... import arguments
from ...errors import RefcompressError
from ...formats import CSR, LowRank
from ..csr.matrix import csr_from_dense
from ..prune.magnitude import prune_magnitude
from .truncated import lowrank_svd, signed, svd

__all__ = ["lowrank_whitened", "lowrank_sparse"]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def lowrank_whitened(w, h, *, rank) -> LowRank:
    """Find the matrix of a given rank whose outputs are nearest to a layer's on its calibration inputs.

        minimise ||x @ (w - w_r).T||_F**2 = trace((w - w_r) h (w - w_r).T),   h = x.T @ x
        h = s s.T,   w s = p d q.T,   w_r = p_r p_r.T w     (the first r columns of p)

    Parameters
    ----------
    w : (m, k) float32, finite
    h : (k, k) float64, symmetric, finite, no eigenvalue below 0: that of quantize_hessian
        s has the eigenvectors of h times the roots of their eigenvalues; what rounding made negative counts as 0. Nothing is
        inverted, so inputs that never occur, or always together, need no damping. Where all of h is zero, of a layer that no
        input reached, the result is that of :func:`lowrank_svd` (h = identity).
    rank : int in [0, min(m, k)]

    Returns
    -------
    LowRank, in the normal form of lowrank_svd: computed in float64, the factors rounded once. For w_r s is the nearest
        matrix of the rank to w s (Eckart and Young), it is the minimiser; of inputs outside of those that occurred it makes
        what p_r p_r.T makes of the layer's own output.

    Raises ArgumentTypeError, RefcompressError by name; NaN and infinities by index.

    **Source** the whitening of data-aware truncation: Chen et al., DRONE (2021); Wang et al., SVD-LLM (2024, arXiv
    2403.07378). **Departs** the factor of h is symmetric and never inverted, where they use Cholesky's.
    Cost O(k**3 + m k min(m, k)). Ctrl-C is answered between the calls of LAPACK only.

    >>> w, x = np.float32([[3, 0], [0, 1]]), np.float32([[0.1, 0], [0, 5]])
    >>> lowrank_whitened(w, (x.T @ x).astype(np.float64), rank=1).dense().tolist()    # the second input is the loud one
    [[0.0, 0.0], [0.0, 1.0]]
    """
    w = arguments.finite(arguments.array(w, "w", np.float32, ndim=2), "w")
    m, k = w.shape
    h = arguments.finite(arguments.array(h, "h", np.float64, ndim=2), "h")
    if h.shape != (k, k):
        raise RefcompressError("h", f"must have the shape {(k, k)} for {k} inputs, not {h.shape}")
    arguments.each(h, "h", h == h.T, "must be symmetric")
    rank = arguments.integer(rank, "rank", 0, min(m, k))
    h = h if h.any() else np.eye(k)
    lam, e = np.linalg.eigh(h) if k else (np.empty(0), np.empty((0, 0)))
    if len(lam) and lam[0] < -k * 2.0**-50 * max(lam[-1], 0):
        raise RefcompressError("h", f"must have no eigenvalue below 0, not {lam[0]:g}")
    s = e * np.sqrt(np.maximum(lam, 0))
    wide = w.astype(np.float64)
    p, _, _ = svd(wide @ s)
    p = p[:, :rank]
    u, d, vt = svd(p.T @ wide)  # of p_r p_r.T w: (p u) d vt
    u, d, vt = (a.astype(np.float32) for a in (p @ u, d, vt))
    u, vt = signed(u, vt)
    return LowRank(u, d, vt)


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def lowrank_sparse(w, *, rank, keep, iterations=30) -> tuple[LowRank, CSR]:
    """Split a matrix into one of low rank and single weights that stick out of it.

        minimise ||w - a - b||_F,    rank of a at most ``rank``, at most ``keep`` entries of b not zero
        in turn:  a = the nearest of its rank to w - b;    b = w - a at the entries where that is largest

    Parameters
    ----------
    w : (m, k) float32, finite
    rank : int in [0, min(m, k)]; keep : int in [0, m k]
    iterations : int >= 0: the most turns; they end early where a turn gains less than 2**-20 of ||w||_F.

    Returns
    -------
    LowRank a, CSR b. Each step is the exact minimiser given the other part, of w less that part in float32, so the error
        never rises but for rounding (about 2**-22 of ||w||_F); it ends in a local minimum. Of equal entries the first stay.

    Raises ArgumentTypeError, RefcompressError by name; NaN and infinities by index.

    **Source** Zhou and Tao, GoDec (2011), without its random projections. **Departs** nothing.
    Cost O(m k min(m, k)) a turn. Ctrl-C is answered between the calls of LAPACK only.

    >>> w = np.float32(np.diag([5, 5, 5, 9]) + 1)
    >>> a, b = lowrank_sparse(w, rank=1, keep=4)
    >>> float(np.linalg.norm(a.dense() + b.dense() - w)) < float(np.linalg.norm(lowrank_svd(w, rank=1).dense() - w)) / 2
    True
    """
    w = arguments.finite(arguments.array(w, "w", np.float32, ndim=2), "w")
    rank = arguments.integer(rank, "rank", 0, min(w.shape))
    keep = arguments.integer(keep, "keep", 0, w.size)
    iterations = arguments.integer(iterations, "iterations", 0)
    a, b = lowrank_svd(w, rank=rank), np.zeros_like(w)
    best = None
    for turn in range(iterations + 1):
        rest = w - a.dense()
        b = np.where(prune_magnitude(rest, keep=keep), rest, np.float32(0)) if w.size else rest
        error = float(np.linalg.norm((rest - b).astype(np.float64)))
        if best is not None and error >= best[0] - 2.0**-20 * float(np.linalg.norm(w.astype(np.float64))):
            break
        best = error, a, b
        if turn < iterations:
            a = lowrank_svd(w - b, rank=rank)
    _, a, b = best
    return a, csr_from_dense(b)

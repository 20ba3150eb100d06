"""Low rank for what a layer does to its inputs: the truncated SVD of the weights times a root of the Hessian."""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import RefcompressError
from ...formats import LowRank
from ..hessian import hessian_argument
from .truncated import signed, svd

__all__ = ["lowrank_whitened"]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def lowrank_whitened(w: NDArray[np.float32], hessian: NDArray[np.float64], *, rank: int) -> LowRank:
    """Find the matrix of a given rank whose outputs are nearest to a layer's on its calibration inputs.

        minimise ||x @ (w - w_r).T||_F**2 = trace((w - w_r) h (w - w_r).T),   h = x.T @ x
        h = s s.T,   w s = p d q.T,   w_r = p_r p_r.T w     (the first r columns of p)

    Parameters
    ----------
    w : (m, k) float32, finite
    hessian : (k, k) float64, as of :func:`quantize_hessian`, no eigenvalue below 0; any multiple of it does the same
        s has the eigenvectors of h times the roots of their eigenvalues; what rounding made negative counts as 0.
        Nothing is inverted, so dead inputs, or inputs that are always equal, need no damping. Where all inputs are
        dead, the result is that of :func:`lowrank_svd` (h = identity).
    rank : int in [0, min(m, k)]

    Returns
    -------
    LowRank
        In the normal form of lowrank_svd: computed in float64, the factors rounded once. w_r s is the nearest matrix of
        the rank to w s (Eckart and Young), so w_r is the minimiser. For inputs outside of those that occurred it gives
        p_r p_r.T times the layer's own output.

    Raises
    ------
    RefcompressError : also for a Hessian with an eigenvalue below 0, by more than rounding explains.

    **Source** the whitening of data-aware truncation: Chen et al., DRONE (2021); Wang et al., SVD-LLM (2024, arXiv
    2403.07378).

    **Departs** the factor of h is symmetric and never inverted, where they use Cholesky's.

    Cost O(k**3 + m k min(m, k)). Ctrl-C is answered between the calls of LAPACK only.

    >>> w, x = np.float32([[3, 0], [0, 1]]), np.float32([[0.1, 0], [0, 5]])
    >>> lowrank_whitened(w, quantize_hessian(x), rank=1).dense().tolist()    # the second input has the larger values
    [[0.0, 0.0], [0.0, 1.0]]
    """
    w, h, rank = whitened_arguments(w, hessian, rank)
    s = root(h)
    wide = w.astype(np.float64)
    p = svd(wide @ s)[0][:, :rank]
    u, d, vt = svd(p.T @ wide)  # of p_r p_r.T w: (p u) d vt
    u, d, vt = (a.astype(np.float32) for a in (p @ u, d, vt))
    u, vt = signed(u, vt)
    return LowRank(u, d, vt)


def root(h: np.ndarray) -> np.ndarray:
    """Return an s with s @ s.T = h; of the identity where h is zero."""
    h = h if h.any() else np.eye(len(h))
    values, vectors = np.linalg.eigh(h) if len(h) else (np.empty(0), h)
    if len(h) and values[0] < -len(h) * 2.0**-50 * max(values[-1], 0):
        raise RefcompressError("hessian", f"must have no eigenvalue below 0, not {values[0]:g}")
    return vectors * np.sqrt(np.maximum(values, 0))


def whitened_arguments(w, hessian, rank):
    """Return w, its Hessian and the rank, or refuse the arguments."""
    w = arguments.finite(arguments.array(w, "w", np.float32, ndim=2), "w")
    return w, hessian_argument(hessian, w.shape[1]), arguments.integer(rank, "rank", 0, min(w.shape))

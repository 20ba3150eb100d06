"""lowrank_svd and lowrank_whitened: the leading vectors of a smaller matrix give those of the matrix."""

from functools import wraps

import numpy as np

from ... import reference
from ...formats import LowRank
from ...reference.lowrank.truncated import factors_within_float32, signed, svd, svd_arguments
from ...reference.lowrank.whitened import root, whitened_arguments
from ..leading import CLEAR, leading


@wraps(reference.lowrank_svd)
def lowrank_svd(w, *, rank=None, energy=None, error=None, nbytes=None):
    given = {"rank": rank, "energy": energy, "error": error, "nbytes": nbytes}
    w, by, r = svd_arguments(w, **given)
    if by in ("rank", "nbytes"):
        try:
            u, s, vt = leading(w, r)
        except np.linalg.LinAlgError:
            return reference.lowrank_svd(w, **given)
        if r and s[-1] > CLEAR * s[0]:
            return factors_within_float32(u, s, vt)
    return reference.lowrank_svd(w, **given)  # which rank is enough may hang on digits that squares have lost


@wraps(reference.lowrank_whitened)
@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def lowrank_whitened(w, hessian, *, rank):
    # The left singular vectors of w s are the eigenvectors of w h w.T: no root of h is needed. Of a w with more rows
    # than columns its triangular factor is enough.
    w, h, rank = whitened_arguments(w, hessian, rank)
    _refuse_indefinite(h)
    h = h if h.any() else np.eye(len(h))
    wide = w.astype(np.float64)
    q, narrow = np.linalg.qr(wide) if len(w) > len(h) else (None, wide)
    p = np.linalg.eigh(narrow @ h @ narrow.T)[1][:, ::-1][:, :rank]
    p = p if q is None else q @ p
    u, d, vt = svd(p.T @ wide)
    u, d, vt = (a.astype(np.float32) for a in (p @ u, d, vt))
    u, vt = signed(u, vt)
    return LowRank(u, d, vt)


def _refuse_indefinite(h: np.ndarray) -> None:
    """Refuse what the reference refuses; a Cholesky factor takes a tenth of the time of eigenvalues.

    It exists where no eigenvalue of h is below half of what the reference bears: the largest entry of the diagonal is
    at most the largest eigenvalue.
    """
    try:
        np.linalg.cholesky(h + np.eye(len(h)) * (len(h) * 2.0**-51 * h.diagonal().max(initial=0)))
    except np.linalg.LinAlgError:
        root(h)

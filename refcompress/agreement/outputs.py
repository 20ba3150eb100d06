"""Agreement of low-rank matrices that are made for a layer's outputs: by the error of the outputs."""

import numpy as np

from ..constants import U64, U
from ..formats import LowRank
from .exact import UNDERFLOW, Disagreement


def near_outputs(expected: LowRank, got: LowRank, args: tuple, kwargs: dict | None = None) -> None:
    """Raise Disagreement unless ``got`` is as good a result of lowrank_whitened as ``expected``.

    The error of f is the root of trace((w - f) h (w - f).T). Where eigenvalues of g = w h w.T are equal, their vectors
    are any basis of the space, and so f is not unique. So these are compared: the error of the outputs; that f is a
    projection of w, which says what it does with inputs that did not occur; the form of lowrank_svd.

    Let t = ||w||_F**2 ||h||_F and eta = 64 m k 2**-53, the constant of same_product. The leading columns p come from a
    matrix g + e with ||e||_2 <= eta t: so the eigenvalues that they leave out sum to at most 2 r eta t more than the
    least (Ky Fan: the r largest eigenvalues of a symmetric matrix have the largest trace that r orthonormal vectors
    give). As much is allowed for measuring. Beside it, f may be off by ((1 + u)**3 - 1) |u| s |vt| from rounding its
    factors, and by eta ||w||_F from the second decomposition. That moves the error by its norm times ||h||_2**(1/2).
    A projection of w by u, rounded, is off by (2 u + u**2) r ||w||_F more.
    """
    w, h = np.asarray(args[0]).astype(np.float64), np.asarray(args[1] if len(args) > 1 else (kwargs or {})["hessian"])
    if not isinstance(got, LowRank):
        raise Disagreement(f"result: got a {type(got).__name__}, expected a LowRank")
    if got.shape != expected.shape or got.rank != expected.rank:
        raise Disagreement(f"result: got shape {got.shape} and rank {got.rank}, expected {expected.shape} and "
                           f"{expected.rank}")
    (m, k), r = w.shape, got.rank
    h = h.astype(np.float64) if h.any() else np.eye(k)
    u, s, vt = (a.astype(np.float64) for a in (got.u, got.s, got.vt))
    norm, eta = np.linalg.norm(w), 64 * m * k * U64
    _form(u, s, vt, 2 * U + U**2 + eta + (m + k) * UNDERFLOW)
    product = (u * s) @ vt
    rounding = ((1 + U) ** 3 - 1) * np.linalg.norm((np.abs(u) * s) @ np.abs(vt)) + eta * norm
    rounding += (np.sqrt(r) + (m + k) * np.sum(s)) * UNDERFLOW
    projected = np.linalg.norm(product - u @ (u.T @ w))
    allowed = rounding + (2 * U + U**2) * r * norm
    if not projected <= allowed:
        raise Disagreement(f"result: off by {projected:g} (Frobenius) from u u.T w; allowed difference {allowed:g}")
    error, best = (_error(w - f, h) for f in (product, (expected.u.astype(np.float64) * expected.s) @ expected.vt))
    slack = 2 * (r + 1) * eta * (norm + np.linalg.norm(product)) ** 2 * np.linalg.norm(h)
    allowed = np.sqrt(best**2 + slack) + np.sqrt(np.linalg.norm(h)) * rounding
    if not error <= allowed:
        raise Disagreement(f"result: the outputs are off by {error:g} (Frobenius), expected {best:g}; "
                           f"allowed {allowed:g}")


def _error(d: np.ndarray, h: np.ndarray) -> float:
    return float(np.sqrt(max(np.sum((d @ h) * d), 0)))


def _form(u: np.ndarray, s: np.ndarray, vt: np.ndarray, allowed: float) -> None:
    """Raise Disagreement unless u s vt is in the form of lowrank_svd, orthonormal but for what is allowed."""
    r = len(s)
    if r and (np.diff(s).max(initial=0) > 0 or not s[-1] >= 0):
        raise Disagreement(f"result.s: got {s}, expected nonnegative and not increasing")
    for name, gram in (("u.T @ result.u", u.T @ u), ("vt @ result.vt.T", vt @ vt.T)):
        off = np.abs(gram - np.eye(r)).max(initial=0)
        if not off <= allowed:
            raise Disagreement(f"result.{name}: off by {off:g} from the identity; allowed difference {allowed:g}")
    if r and (u.max(axis=0) < np.abs(u).max(axis=0) - 4 * U - allowed).any():
        raise Disagreement("result.u: the entry of largest magnitude of a column must be positive")

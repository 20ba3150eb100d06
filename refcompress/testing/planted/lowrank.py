"""Planted kernels of the lowrank family, but for those of lowrank_svd."""

import numpy as np

from ... import reference
from ...formats import LowRank
from .products import with_fields


def _in_float32(a, x):
    with np.errstate(all="ignore"):
        return (a.u * a.s) @ (a.vt @ x)


def _last_rank_lost(a, x):
    r = max(a.rank - 1, 0)
    return reference.lowrank_matmul(LowRank(a.u[:, :r], a.s[:r], a.vt[:r]), x)


def _scaled_twice(a, x):
    with np.errstate(all="ignore"):
        return ((a.u * a.s).astype(np.float64) @ (a.s[:, None].astype(np.float64) * (a.vt.astype(np.float64) @ x))).astype(np.float32)


def _last_input_lost(a, x):
    k = max(a.shape[1] - 1, 0)
    return reference.lowrank_matmul(LowRank(a.u, a.s, a.vt[:, :k]), x[:k])


def _randomized(change):
    """Return a lowrank_randomized whose factors ``change`` changes, past the checks of the format."""
    def lowrank_randomized(w, **kwargs):
        found = reference.lowrank_randomized(w, **kwargs)
        return with_fields(found, factors=change(found.factors))
    return lowrank_randomized


def _one_step(w, **kwargs):
    """The space of a single product: what a range finder gives that makes no step."""
    w = np.asarray(w, np.float32)
    found = reference.lowrank_randomized(w, **kwargs)
    r = found.factors.rank
    if not r or not w.any():
        return found
    q = np.linalg.qr(w.astype(np.float64) @ np.random.default_rng(0).standard_normal((w.shape[1], r)))[0]
    u, s, vt = np.linalg.svd(q.T @ w, full_matrices=False)
    u = q @ u
    signs = np.where(u[np.abs(u).argmax(axis=0), range(r)] < 0, -1, 1)
    return with_fields(found, factors=LowRank((u * signs).astype(np.float32), s.astype(np.float32), (vt.T * signs).T.astype(np.float32)),
                       frobenius=np.inf, spectral=np.inf)


def _certified_too_low(w, **kwargs):
    found = reference.lowrank_randomized(w, **kwargs)
    return with_fields(found, frobenius=0.99 * found.frobenius)


WRONG = [
    ("the last rank lost", "lowrank_randomized",
     _randomized(lambda f: LowRank(f.u, np.where(np.arange(f.rank) == f.rank - 1, np.float32(0), f.s), f.vt))),
    ("a sign flipped", "lowrank_randomized", _randomized(lambda f: LowRank(-f.u, f.s, -f.vt))),
    ("one product and no step", "lowrank_randomized", _one_step),
    ("a certificate below the error", "lowrank_randomized", _certified_too_low),
    ("the last rank lost", "lowrank_matmul", _last_rank_lost),
    ("scaled twice", "lowrank_matmul", _scaled_twice),
    ("the last input lost", "lowrank_matmul", _last_input_lost),
]
RIGHT = [("in float32, scaled first", "lowrank_matmul", _in_float32)]

"""Kernels of lowrank family: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ....formats import LowRank
from ...values import (
    with_fields,
)
from ..kernels import Kernel

_F = np.float32

KERNELS: list[Kernel] = []


# lowrank_svd

def _sign_flipped(w, **kwargs):
    low = reference.lowrank_svd(w, **kwargs)
    return with_fields(low, u=-low.u, vt=-low.vt)


def _one_rank_less(w, **kwargs):
    low = reference.lowrank_svd(w, **kwargs)
    return with_fields(low, u=low.u[:, :-1], s=low.s[:-1], vt=low.vt[:-1])


def _smallest_kept(w, **kwargs):
    """Takes the singular values in ascending order, as eigh gives them."""
    low = reference.lowrank_svd(w, **kwargs)
    u, s, vt = np.linalg.svd(w.astype(np.float64), full_matrices=False)
    last = slice(len(s) - low.rank, None)
    u, s, vt = (a.astype(np.float32) for a in (u[:, last], s[last], vt[last]))
    return with_fields(low, u=u, s=s, vt=vt)


KERNELS += [
    Kernel("lowrank_svd", "sign of u flipped", "rule",
           "Signs are free in a decomposition; the rule that removes the freedom was left out.",
           _sign_flipped),
    Kernel("lowrank_svd", "one rank less", "options",
           "The end of a slice was taken for inclusive.",
           _one_rank_less),
    Kernel("lowrank_svd", "smallest singular values kept", "rule",
           "eigh sorts in ascending order, and svd in descending.",
           _smallest_kept),
]


# lowrank_matmul

def _last_rank_lost(a, x):
    r = max(a.rank - 1, 0)
    return reference.lowrank_matmul(LowRank(a.u[:, :r], a.s[:r], a.vt[:r]), x)


def _scaled_twice(a, x):
    with np.errstate(all="ignore"):
        scaled = a.s[:, None].astype(np.float64) * (a.vt.astype(np.float64) @ x)
        return ((a.u * a.s).astype(np.float64) @ scaled).astype(np.float32)


def _last_input_lost(a, x):
    k = max(a.shape[1] - 1, 0)
    return reference.lowrank_matmul(LowRank(a.u, a.s, a.vt[:, :k]), x[:k])


def _in_float32(a, x):
    with np.errstate(all="ignore"):
        return (a.u * a.s) @ (a.vt @ x)


KERNELS += [
    Kernel("lowrank_matmul", "the last rank lost", "tail",
           "The loop over ranks ends one early.",
           _last_rank_lost),
    Kernel("lowrank_matmul", "scaled twice", "rule",
           "The singular values are multiplied into both factors.",
           _scaled_twice),
    Kernel("lowrank_matmul", "the last input lost", "tail",
           "The loop over inputs ends one early.",
           _last_input_lost),
    Kernel("lowrank_matmul", "in float32, scaled first", "order",
           "The singular values are multiplied into u, and both products are NumPy's, in float32.",
           _in_float32),
]


# lowrank_randomized

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
    factors = LowRank(*(a.astype(np.float32) for a in (u * signs, s, (vt.T * signs).T)))
    return with_fields(found, factors=factors, frobenius=np.inf, spectral=np.inf)


def _without_the_last(f):
    return LowRank(f.u, np.where(np.arange(f.rank) == f.rank - 1, np.float32(0), f.s), f.vt)


def _certified_too_low(w, **kwargs):
    found = reference.lowrank_randomized(w, **kwargs)
    return with_fields(found, frobenius=0.99 * found.frobenius)


KERNELS += [
    Kernel("lowrank_randomized", "the last rank lost", "promise",
           "The sketch has as many columns as the rank, and the last direction is not refined.",
           _randomized(_without_the_last)),
    Kernel("lowrank_randomized", "a sign flipped", "rule",
           "Signs are free in a decomposition; the rule that removes the freedom was left out.",
           _randomized(lambda f: LowRank(-f.u, f.s, -f.vt))),
    Kernel("lowrank_randomized", "one product and no step", "bits",
           "A range finder without power steps: near enough for fast falling singular values, and for no others.",
           _one_step),
    Kernel("lowrank_randomized", "a certificate below the error", "promise",
           "The certificate is computed from a sample of the residual, and falls below the error at times.",
           _certified_too_low),
]


# lowrank_whitened

def _hessian_ignored(w, hessian, **kwargs):
    return reference.lowrank_svd(w, **kwargs)


def _diagonal_only(w, hessian, **kwargs):
    """Takes inputs for uncorrelated."""
    return reference.lowrank_whitened(w, np.diag(np.diagonal(hessian)), **kwargs)


def _smallest_whitened(w, hessian, *, rank):
    """Takes the eigenvectors of w h w.T in ascending order, as eigh gives them."""
    wide = np.asarray(w, np.float64)
    p = np.linalg.eigh(wide @ np.asarray(hessian) @ wide.T)[1][:, :rank]
    return reference.lowrank_svd((p @ (p.T @ wide)).astype(np.float32), rank=rank)


def _whitened_sign_flipped(w, hessian, **kwargs):
    low = reference.lowrank_whitened(w, hessian, **kwargs)
    return with_fields(low, u=-low.u, vt=-low.vt)


def _whitened_last_lost(w, hessian, **kwargs):
    return _without_the_last(reference.lowrank_whitened(w, hessian, **kwargs))


KERNELS += [
    Kernel("lowrank_whitened", "the Hessian ignored", "rule",
           "The plain decomposition stands where the whitened one was asked for.",
           _hessian_ignored),
    Kernel("lowrank_whitened", "inputs taken for uncorrelated", "rule",
           "Only the diagonal of the Hessian whitens.",
           _diagonal_only),
    Kernel("lowrank_whitened", "smallest eigenvalues kept", "rule",
           "eigh sorts in ascending order.",
           _smallest_whitened),
    Kernel("lowrank_whitened", "the sign flipped", "rule",
           "Signs are free in a decomposition; the rule that removes the freedom was left out.",
           _whitened_sign_flipped),
    Kernel("lowrank_whitened", "the last rank lost", "tail",
           "The last singular value is cut off with the noise.",
           _whitened_last_lost),
]

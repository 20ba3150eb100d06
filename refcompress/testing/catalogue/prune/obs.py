"""Kernels of prune_obs: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ..kernels import Kernel

KERNELS: list[Kernel] = []


# prune_obs

def _by_magnitude(w, h, **kwargs):
    mask = reference.prune_magnitude(w, sparsity=kwargs.get("sparsity"), keep=kwargs.get("keep"))
    return mask, np.where(mask, w, np.float32(0))


def _by_the_diagonal(w, h, **kwargs):
    """Takes the Hessian to be diagonal when it chooses, and adjusts nothing."""
    return reference.prune_obs(w, np.diag(h.diagonal()), **kwargs)


def _rows_alike(w, h, *, sparsity=None, keep=None, damping=0.01):
    """Prunes the same share of each row."""
    mask, weights = reference.prune_obs(w, h, sparsity=sparsity, keep=keep, damping=damping)
    share = mask.mean() if mask.size else 1
    parts = [reference.prune_obs(row[None], h, keep=int(round(share * w.shape[1])), damping=damping) for row in w]
    return (np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])) if parts else (mask, weights)


def _not_adjusted(w, h, **kwargs):
    mask, _ = reference.prune_obs(w, h, **kwargs)
    return mask, np.where(mask, w, np.float32(0))


def _saliencies_that_stay(w, h, **kwargs):
    """Chooses all weights at once, by the saliencies of the layer as it came."""
    damped = h + kwargs.get("damping", 0.01) * np.mean(h.diagonal()) * np.eye(len(h)) if h.size else h
    try:
        saliency = w.astype(np.float64) ** 2 / np.linalg.inv(damped).diagonal()
    except np.linalg.LinAlgError:
        return reference.prune_obs(w, h, **kwargs)
    mask = reference.prune_select(saliency, sparsity=kwargs.get("sparsity"), keep=kwargs.get("keep"))
    weights = np.zeros(w.shape, np.float32)
    for row, kept, result in zip(w, mask, weights):
        s, g = np.flatnonzero(kept), np.flatnonzero(~kept)
        result[s] = row[s] + np.linalg.solve(damped[np.ix_(s, s)], damped[np.ix_(s, g)] @ row[g])
    return mask, weights


def _undamped(w, h, **kwargs):
    return reference.prune_obs(w, h, **kwargs | {"damping": 1e-9})


KERNELS += [
    Kernel("prune_obs", "by magnitude, not by loss", "rule",
           "A baseline was left in: weights are removed by magnitude, and the Hessian is not asked.",
           _by_magnitude),
    Kernel("prune_obs", "the Hessian taken for diagonal", "rule",
           "The cheaper method keeps only the diagonal: what inputs share is lost.",
           _by_the_diagonal),
    Kernel("prune_obs", "each row loses the same share", "rule",
           "Rows are independent problems, and so each was given the same number to remove. The rule ranks the "
           "whole layer.",
           _rows_alike),
    Kernel("prune_obs", "what stays is not adjusted", "rule",
           "The mask is right, but the compensation of the other weights was left for later.",
           _not_adjusted),
    Kernel("prune_obs", "saliencies of the layer as it came", "rule",
           "Saliencies are computed once, and not again after each removal.",
           _saliencies_that_stay),
    Kernel("prune_obs", "damping forgotten", "options",
           "The damping is read and not added to the diagonal.",
           _undamped),
]

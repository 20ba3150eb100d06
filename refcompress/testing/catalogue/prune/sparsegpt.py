"""Kernels of prune_sparsegpt: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ..kernels import Kernel

KERNELS: list[Kernel] = []


# prune_sparsegpt

def _without(w, mask):
    return mask, np.where(mask, w, np.float32(0))


def _not_adjusted(w, hessian, **kwargs):
    return _without(w, reference.prune_sparsegpt(w, hessian, **kwargs)[0])


def _diagonal(w, hessian, **kwargs):
    """Takes the Hessian for diagonal."""
    return reference.prune_sparsegpt(w, np.diag(hessian.diagonal()), **kwargs)


def _undamped(w, hessian, **kwargs):
    return reference.prune_sparsegpt(w, hessian, **{**kwargs, "damping": 1e-9})


def _one_block(w, hessian, **kwargs):
    """Chooses all weights when the first block begins."""
    return reference.prune_sparsegpt(w, hessian, **{**kwargs, "block": max(w.shape[1], 1)})


def _panels_apart(w, hessian, **kwargs):
    """Forgets what the inputs of one panel of eight move in the next."""
    panel = np.arange(len(hessian)) // 8
    return reference.prune_sparsegpt(w, np.where(panel == panel[:, None], hessian, 0), **kwargs)


KERNELS += [
    Kernel("prune_sparsegpt", "what stays is not adjusted", "rule",
           "The mask is right, but the update of the columns that follow is missing.",
           _not_adjusted),
    Kernel("prune_sparsegpt", "the Hessian taken for diagonal", "rule",
           "The inverse of the diagonal stands where the diagonal of the inverse should.",
           _diagonal),
    Kernel("prune_sparsegpt", "damping forgotten", "options",
           "The damping is read and not added to the diagonal.",
           _undamped),
    Kernel("prune_sparsegpt", "all weights chosen at once", "options",
           "The mask is chosen before the first column, as if the block were as long as the row.",
           _one_block),
    Kernel("prune_sparsegpt", "panels that move nothing in the next", "tail",
           "A blocked update stays inside its panel: the product with the columns behind the panel was forgotten.",
           _panels_apart),
]

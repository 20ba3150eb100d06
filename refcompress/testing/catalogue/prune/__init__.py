"""Kernels of the prune family."""

from . import obs, scores, selection, sparsegpt

KERNELS = selection.KERNELS + scores.KERNELS + obs.KERNELS + sparsegpt.KERNELS

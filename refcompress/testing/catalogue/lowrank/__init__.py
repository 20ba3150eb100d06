"""Kernels of the lowrank family."""

from . import matrices, sparse

KERNELS = matrices.KERNELS + sparse.KERNELS

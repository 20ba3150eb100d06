"""Kernels of the sparse family."""

from . import integers, products

KERNELS = products.KERNELS + integers.KERNELS

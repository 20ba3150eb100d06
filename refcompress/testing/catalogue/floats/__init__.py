"""Kernels of the floats family."""

from . import blocks, codes, nvfp4

KERNELS = codes.KERNELS + blocks.KERNELS + nvfp4.KERNELS

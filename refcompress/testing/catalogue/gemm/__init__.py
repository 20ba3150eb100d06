"""Kernels of the gemm family."""

from . import bfloat16, codes, integers, mixed, narrow, products

KERNELS = products.KERNELS + bfloat16.KERNELS + mixed.KERNELS + narrow.KERNELS + integers.KERNELS + codes.KERNELS

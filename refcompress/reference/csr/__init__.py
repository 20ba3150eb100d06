"""The csr family."""

from .matrix import csr_from_dense, csr_matmul, csr_to_dense

__all__ = [
    "csr_from_dense", "csr_matmul", "csr_to_dense",
]

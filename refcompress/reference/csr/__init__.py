"""Sparse matrices by compressed rows. To read:

matrix     to and from dense, and the product with a dense matrix
"""

from .matrix import csr_from_dense, csr_matmul, csr_to_dense

__all__ = ["csr_from_dense", "csr_to_dense", "csr_matmul"]

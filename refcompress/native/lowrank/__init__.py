"""The lowrank family.

products.py     lowrank_matmul and lowrank_sparse_matmul, by gemm_f32f32
truncated.py    lowrank_svd and lowrank_whitened, by a smaller matrix
randomized.py   lowrank_randomized
krylov.py       the space of it that grows block by block
bounds.py       how far its result can be from the matrix
"""

from .products import lowrank_matmul, lowrank_sparse_matmul
from .randomized import lowrank_randomized
from .truncated import lowrank_svd, lowrank_whitened

__all__ = ["lowrank_svd", "lowrank_matmul", "lowrank_sparse_matmul", "lowrank_whitened", "lowrank_randomized"]

"""Sparse weights as they are stored. To read:

bitmask    kept values and a bit for each place: from integers or shared values, and back
relative   Deep Compression's layout: codes, and the places between them
nm         n of every m columns, and the place of each
bsr        blocks of weights, and the place of each block
product    the product of any of these formats with a dense matrix; that of int8 inputs, by sums of integers
"""

from .bitmask import sparse_bitmask_pack, sparse_bitmask_unpack
from .bsr import sparse_bsr_pack, sparse_bsr_unpack
from .nm import sparse_nm_pack, sparse_nm_unpack
from .product import sparse_matmul, sparse_s8s8
from .relative import sparse_relative_pack, sparse_relative_unpack

__all__ = ["sparse_bitmask_pack", "sparse_bitmask_unpack", "sparse_nm_pack", "sparse_nm_unpack",
           "sparse_bsr_pack", "sparse_bsr_unpack",
           "sparse_relative_pack", "sparse_relative_unpack", "sparse_matmul", "sparse_s8s8"]

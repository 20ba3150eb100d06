"""Matrices and convolutions as products of thin ones. In the order to read:

truncated       the nearest matrix of a rank, by singular values, and its product with inputs
range_finder    nearly the same from a few products with random vectors, with a certificate of the error
whitened        the nearest outputs on calibration inputs, in place of the nearest weights
sparse          low rank with sparse outliers beside it, and its product with inputs
convolution     two convolutions in place of one
tucker          three in place of one, through fewer channels on both sides
relu_values     how far low rank can serve in front of a ReLU
relu            the nearest outputs after the ReLU
"""

from .convolution import lowrank_conv
from .range_finder import Randomized, lowrank_randomized
from .relu import lowrank_relu
from .relu_values import ReluValues, lowrank_relu_values
from .sparse import lowrank_sparse, lowrank_sparse_matmul
from .truncated import lowrank_matmul, lowrank_svd
from .tucker import lowrank_tucker2
from .whitened import lowrank_whitened

__all__ = [
    "lowrank_svd", "lowrank_matmul",
    "Randomized", "lowrank_randomized",
    "lowrank_whitened", "lowrank_sparse", "lowrank_sparse_matmul",
    "lowrank_conv", "lowrank_tucker2",
    "ReluValues", "lowrank_relu_values", "lowrank_relu",
]

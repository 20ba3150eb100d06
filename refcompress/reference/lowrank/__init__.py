"""The lowrank family."""

from .convolution import lowrank_conv, lowrank_tucker2
from .range_finder import Randomized, lowrank_randomized
from .relu import ReluValues, lowrank_relu, lowrank_relu_values
from .sparse import lowrank_sparse
from .truncated import lowrank_matmul, lowrank_svd
from .whitened import lowrank_whitened

__all__ = [
    "lowrank_conv", "lowrank_tucker2",
    "Randomized", "lowrank_randomized",
    "ReluValues", "lowrank_relu", "lowrank_relu_values",
    "lowrank_matmul", "lowrank_svd",
    "lowrank_sparse", "lowrank_whitened",
]

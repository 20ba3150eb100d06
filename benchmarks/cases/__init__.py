"""What is timed: layers of real networks, at the densities and batches that people run. A case is a row of data.

A file for each family; its CASES are joined here, and nowhere else.
"""

from . import (
    allocate,
    csr,
    floats,
    gemm,
    gemm_integers,
    gemm_narrow,
    ggml,
    huffman,
    lowrank,
    nn,
    nn_integers,
    planes,
    prune,
    quantize,
    rangecoder,
    share,
)
from .case import BATCHES, DENSITIES, LAYERS, Case

FAMILIES = (
    prune,
    share,
    quantize,
    floats,
    ggml,
    allocate,
    lowrank,
    csr,
    gemm,
    gemm_integers,
    gemm_narrow,
    huffman,
    rangecoder,
    planes,
    nn,
    nn_integers,
)

CASES: list[Case] = [case for family in FAMILIES for case in family.CASES]

__all__ = ["BATCHES", "CASES", "DENSITIES", "FAMILIES", "LAYERS", "Case"]

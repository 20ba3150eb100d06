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
    hessian,
    huffman,
    lowrank,
    nn,
    nn_integers,
    planes,
    prune,
    quantize,
    rangecoder,
    share,
    sparse,
)
from .case import BATCHES, DENSITIES, LAYERS, Case

FAMILIES = {
    "prune": prune,
    "share": share,
    "quantize": quantize,
    "hessian": hessian,
    "floats": floats,
    "ggml": ggml,
    "allocate": allocate,
    "lowrank": lowrank,
    "csr": csr,
    "sparse": sparse,
    "gemm": gemm,
    "gemm_integers": gemm_integers,
    "gemm_narrow": gemm_narrow,
    "huffman": huffman,
    "rangecoder": rangecoder,
    "planes": planes,
    "nn": nn,
    "nn_integers": nn_integers,
}

CASES: list[Case] = [case for family in FAMILIES.values() for case in family.CASES]

__all__ = ["BATCHES", "CASES", "DENSITIES", "FAMILIES", "LAYERS", "Case"]

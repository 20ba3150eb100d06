"""The cases of all operations: each family is listed here, and nowhere else in this package."""

from . import (
            allocate,
            csr,
            floats,
            gemm,
            ggml,
            huffman,
            lowrank,
            nn,
            planes,
            prune,
            quantize,
            rangecoder,
            share,
            sparse,
)
from .cases import Cases

FAMILIES = (prune, share, quantize, floats, ggml, allocate, lowrank, csr, sparse, gemm, huffman, rangecoder, planes,
            nn)

CASES: dict[str, Cases] = {op: cases for family in FAMILIES for op, cases in family.CASES.items()}

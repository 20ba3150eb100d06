"""The labs: a file for each family, and each lab with the mistakes that it knows how to explain.

A lab is added by a row here. Its stub comes from the reference, so that there is nothing to keep in step.
"""

from ..lab import Lab
from . import csr, floats, gemm, huffman, lowrank, prune, quantize, rangecoder, share

__all__ = ["LABS"]

FAMILIES = (prune, share, quantize, lowrank, huffman, rangecoder, floats, csr, gemm)
LABS: dict[str, Lab] = {lab.op: lab for family in FAMILIES for lab in family.LABS}

"""The catalogue: kernels with a bug, which a check must catch, and right ones, which it must pass.

Each stands in the file of its family, as a :class:`Kernel`, with the class of its bug and the story of it. A check
that was never seen to fail has shown nothing; one that fails what is right will soon be passed over.
"""

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
from .kernel import BUGS, RIGHTS, Kernel

__all__ = ["BUGS", "KERNELS", "RIGHTS", "Kernel"]

_FAMILIES = (prune, share, quantize, floats, ggml, allocate, lowrank, csr, sparse, gemm, huffman, rangecoder, planes,
             nn)

KERNELS: tuple[Kernel, ...] = tuple(kernel for family in _FAMILIES for kernel in family.KERNELS)

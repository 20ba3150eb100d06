"""The catalogue: kernels with a bug, which a check must catch, and right ones, which it must pass.

Each is a :class:`Kernel`, with the class of its bug and a story. Those of one operation stand in the file of the family.
Those that one function makes of many operations stand in a file of their class: :mod:`layouts`, :mod:`states`,
:mod:`lengths`, :mod:`arithmetic`, :mod:`quotients`, :mod:`options`, :mod:`promises`, :mod:`refusals`.

A check that was never seen to fail has shown nothing; one that fails what is right will soon be passed over.
"""

from . import (
    allocate,
    arithmetic,
    csr,
    floats,
    gemm,
    ggml,
    huffman,
    layouts,
    lengths,
    lowrank,
    nn,
    options,
    planes,
    promises,
    prune,
    quantize,
    quotients,
    rangecoder,
    refusals,
    share,
    sparse,
    states,
)
from .kernel import BUGS, RIGHTS, Kernel

__all__ = ["BUGS", "KERNELS", "RIGHTS", "Kernel"]

_CLASSES = (layouts, states, lengths, arithmetic, quotients, options, promises, refusals)
_FAMILIES = (prune, share, quantize, floats, ggml, allocate, lowrank, csr, sparse, gemm, huffman, rangecoder, planes,
             nn)

KERNELS: tuple[Kernel, ...] = tuple(kernel for part in (*_FAMILIES, *_CLASSES) for kernel in part.KERNELS)

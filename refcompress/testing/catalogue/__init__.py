"""The catalogue: kernels with a bug, which a check must catch, and right ones, which it must pass.

Each is a :class:`Kernel`, with the class of its bug and a story. Those of one operation stand in the file of the
family, and the test suite tries them all. Those that one function makes of many operations stand in a file of their
class: :mod:`layouts`, :mod:`states`, :mod:`lengths`, :mod:`arithmetic`, :mod:`quotients`, :mod:`options`,
:mod:`promises`, :mod:`refusals`, :mod:`together`; kernels in C in :mod:`in_c`. :mod:`stated`, :mod:`sums`,
:mod:`axes` and :mod:`factors` have those of clauses that say more than they did. Right ones are in :mod:`orders`,
:mod:`algorithms` and :mod:`libraries`. ``make verdict`` tries all of them.

A check that was never seen to fail has shown nothing; one that fails what is right will soon be passed over.
"""

from . import (
    algorithms,
    allocate,
    arithmetic,
    axes,
    csr,
    factors,
    floats,
    gemm,
    ggml,
    huffman,
    in_c,
    layouts,
    lengths,
    libraries,
    lowrank,
    nn,
    options,
    orders,
    planes,
    promises,
    prune,
    quantize,
    quotients,
    rangecoder,
    refusals,
    share,
    sparse,
    stated,
    states,
    sums,
    together,
)
from .kernels import BUGS, RIGHTS, Kernel

__all__ = ["BUGS", "KERNELS", "OF_CLASSES", "OF_FAMILIES", "RIGHTS", "Kernel", "kernel"]

_CLASSES = (layouts, states, lengths, arithmetic, quotients, options, promises, refusals, together, stated, sums, axes,
            factors, orders, algorithms, in_c, libraries)
_FAMILIES = (prune, share, quantize, floats, ggml, allocate, lowrank, csr, sparse, gemm, huffman, rangecoder, planes,
             nn)

OF_FAMILIES: tuple[Kernel, ...] = tuple(kernel for family in _FAMILIES for kernel in family.KERNELS)
OF_CLASSES: tuple[Kernel, ...] = tuple(kernel for class_ in _CLASSES for kernel in class_.KERNELS)
KERNELS = OF_FAMILIES + OF_CLASSES


def kernel(op: str, name: str) -> Kernel:
    """Return the kernel of that operation and name."""
    return next(k for k in KERNELS if (k.op, k.name) == (op, name))

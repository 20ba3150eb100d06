"""Weights packed beforehand: which product takes which weights and packs what of them, and ``prepare``.

A product has a row here: the check of its weight, and the function of its family that packs (a weight in, a Held out;
``csr.py`` is a model), or None where it reads weights as they are stored. In the family's own code ``held_of(given,
pack)`` is then the packing of a Prepared.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError
from ..formats import (
    CSR,
    NM,
    ArrayFormat,
    Bitmask,
    LowRank,
    LowRankSparse,
    Mixed,
    Prepared,
    Quantized,
    is_array_format,
)
from ..formats.kept import Kept
from ..ops import implementation_of
from ..products import operand_of, product_of
from ..reference.gemm.bfloat16 import patterns_of
from ..reference.gemm.codes import lut4_weight, s4_weight
from ..reference.gemm.narrow import ACCEPTED, narrow_weight
from . import csr, gemm_codes, gemm_narrow, gemm_s8, sparse
from ._call import in_default_mode
from .nn import integers
from .packing import Held, Packing

__all__ = ["PACKERS", "prepare"]

Weight = np.ndarray | ArrayFormat


def of_array(dtype, ndim: int = 2) -> Callable[[Any], np.ndarray]:
    """Return the check of a weight that is an array."""

    def checked(weight):
        if not isinstance(weight, np.ndarray):
            raise ArgumentTypeError("weight", f"must be an array, not {type(weight).__name__}")
        return arguments.array(weight, "weight", dtype, ndim=ndim)

    return checked


def of_format(kind: type, dtype=None) -> Callable[[Any], Weight]:
    """Return the check of a weight that is a matrix in a format; dtype : of its values, where it may have others."""

    def checked(weight):
        if not isinstance(weight, kind):
            raise ArgumentTypeError("weight", f"must be a {kind.__name__}, not {type(weight).__name__}")
        if weight.ndim != 2:
            raise RefcompressError("weight", f"must have 2 dimensions, not {weight.ndim}")
        if dtype is not None and weight.values.dtype != dtype:
            raise ArgumentTypeError("weight", f"must hold {np.dtype(dtype).name} values, not {weight.values.dtype}")
        return weight

    return checked


def of_bfloat16(weight: Any) -> Weight:
    """Return a matrix of bfloat16 as it is, patterns too, or refuse it."""
    patterns_of(weight, "weight")
    return weight


def of_int8_by_bitmask(weight: Any) -> Weight:
    """Return a Bitmask or an NM of int8, or refuse it."""
    if not isinstance(weight, Bitmask | NM):
        raise ArgumentTypeError("weight", f"must be a Bitmask or an NM, not {type(weight).__name__}")
    return of_format(Kept, np.int8)(weight)


PACKERS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Held | None] | None]] = {
    "csr_matmul": (of_format(CSR), csr.csr_packed),
    "sparse_matmul": (of_format(Kept), sparse.packed),
    "sparse_s8s8": (of_int8_by_bitmask, sparse.packed),
    "lowrank_matmul": (of_format(LowRank), None),
    "lowrank_sparse_matmul": (of_format(LowRankSparse), sparse.lowrank_struct),
    "gemm_f32f32": (of_array(np.float32), None),
    "gemm_f32s8": (of_format(Quantized, np.int8), gemm_narrow.packed),
    "gemm_f32mixed": (of_format(Mixed), None),
    **{op: (partial(narrow_weight, op, argument="weight"), gemm_narrow.packed) for op in ACCEPTED},
    "gemm_bf16bf16": (of_bfloat16, None),
    "gemm_s8s8": (of_array(np.int8), gemm_s8.packed),
    "gemm_u8s8": (of_array(np.int8), gemm_s8.packed_for_u8),
    "gemm_s8s8_requantized": (of_array(np.int8), gemm_s8.packed),
    "gemm_s8s8_scaled": (of_format(Quantized, np.int8), gemm_s8.packed_quantized),
    "gemm_s8s4": (partial(s4_weight, argument="weight"), gemm_codes.packed_s4),
    "gemm_s8lut4": (partial(lut4_weight, argument="weight"), gemm_codes.packed_lut4),
    "nn_depthwise_s8": (of_array(np.int8, 3), integers.channels_last),
    "nn_depthwise_f32": (of_array(np.float32, 4), None),
}


@in_default_mode  # it may decode and quantize
def prepare(weight: Weight, product: str | None = None) -> Prepared:
    """Return a weight packed once for the kernels of a product, which take it in place of the weight.

    weight : an array (float32 or int8, or patterns of bfloat16 for gemm_bf16bf16) or a format of one. product : the
        name of the operation, one of those in PACKERS; by default the one that ``matmul`` would choose. A weight of a
        format without a product is decoded.

    A CSR is packed for products with one column alone. Where only more columns follow, this costs memory and gains
    nothing.

    The result holds the weight and what was packed of it: ``nbytes`` counts both, ``packed_bytes`` the packing alone,
    and ``describe`` says it in words. Results have the bits of the plain call on every instruction set, and the plain
    call keeps nothing: it packs anew, where its kernels read a packed weight.

    >>> import refcompress as rc
    >>> w = rc.quantize_s8(np.float32([[1, -2], [3, 4]]), axis=0)
    >>> ready = prepare(w)
    >>> ready.describe()
    '8 bits, 2 scales; for gemm_f32s8 read as it is stored'
    >>> x = np.float32([[1, 1]])
    >>> rc.same(gemm_f32s8(x, ready), gemm_f32s8(x, w))
    True
    """
    if isinstance(weight, Prepared):
        if product is None or product == weight.operation:
            return weight
        weight = weight.weight
    if isinstance(weight, np.ndarray):
        dtypes = (np.uint16,) if product == "gemm_bf16bf16" else (np.float32, np.int8)
        weight = arguments.frozen(arguments.array(weight, "weight", *dtypes))
    elif not is_array_format(weight):
        raise ArgumentTypeError("weight", f"must be an array or a format of one, not {type(weight).__name__}")
    own = product_of(weight)
    name = own or "gemm_f32f32" if product is None else arguments.choice(product, "product", PACKERS)
    made = operand_of(weight, own, _operation) if product is None or product == own else weight
    checked, pack = PACKERS[name]
    operand = checked(made)
    held = None if pack is None else pack(operand)
    if held is None and operand is weight:
        return Prepared(weight, name)
    cost = (0 if operand is weight else operand.nbytes) + (0 if held is None else held.nbytes)
    return Prepared(weight, name, Packing(weight, operand, pack, held, cost, _again))


def _again(weight: Weight, product: str) -> Prepared:
    """Return what ``prepare`` has made of a weight: one without a product was decoded, as its default."""
    return prepare(weight, product if product_of(weight) else None)


def _operation(name: str) -> Callable:
    from .. import native  # whose operations are bound after this file was read

    return implementation_of(native, name)[0]

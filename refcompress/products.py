"""The product of a weight in any format: by the operation that its format names, from the form in which it is stored.

Products take their operands in two ways. Those named gemm_* multiply rows: op(x, w) is x @ w.T, for x of (n, k). All
others multiply columns: op(w, x) is w @ x, for x of (k, n).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from . import arguments, reference
from .errors import ArgumentTypeError, RefcompressError
from .formats import ArrayFormat, Plain, Prepared, is_array_format
from .ops import implementation_of

__all__ = ["matmul", "operand_of", "product_of"]

Weight = np.ndarray | ArrayFormat
Operations = Callable[[str], Callable]  # the function of an operation's name


def matmul(weight: Weight, x: np.ndarray, *, decode: bool = False, implementation: Any = reference) -> np.ndarray:
    """Multiply a weight in any format by columns, as the weight is stored.

        y[i, j] = sum over p of weight[i, p] * x[p, j]

    Parameters
    ----------
    weight : (m, k), an array or a format of one; what ``native.prepare`` made of it, too
        Its ``product`` names the operation: csr_matmul for a CSR, gemm_f32s8 for a Quantized of int8, and so on. An
        array of float32 has gemm_f32f32, one of int8 gemm_s8s8, or gemm_u8s8 where x is uint8.
    x : (k, n), or (k,) for a single column; float32, and int8 or uint8 for a weight of int8
        The products named gemm_* read rows: in place where x lies in Fortran's order or n is 1, else of a copy. All
        others read columns: in place where x lies in C's order, else of a copy. The layout changes no bit.
    decode : bool
        Of a format without a product of its own (its ``product`` is None) the dense array is multiplied, by
        gemm_f32f32. Nothing is decoded behind the caller's back: without decode=True such a format is refused.
    implementation : a namespace of operations
        ``native.matmul`` is this function with that of the widest instruction set.

    Returns
    -------
    (m, n) or (m,), float32 or int32 : as the operation sums it; of gemm_* in Fortran's order

    **Source** the definition of the product.

    **Departs** nothing.

    Cost that of the operation, and n k copies where x lies otherwise.

    >>> w = np.float32([[0, 2], [3, 0]])
    >>> x = np.float32([[1], [10]])
    >>> [matmul(each, x).ravel().tolist() for each in (w, reference.csr_from_dense(w), reference.quantize_s8(w, bits=8,
    ...  scale=np.float32([[1]])))]
    [[20.0, 3.0], [20.0, 3.0], [20.0, 3.0]]
    """
    name, weight, x = _arguments(weight, x, arguments.boolean(decode, "decode"))

    def operation(name: str) -> Callable:
        return implementation_of(implementation, name)[0]

    operand, columns = operand_of(weight, name, operation), x if x.ndim == 2 else x[:, None]
    if name.startswith("gemm_"):
        y = operation(name)(np.ascontiguousarray(columns.T), operand).T
    else:
        y = operation(name)(operand, np.ascontiguousarray(columns))
    return y if x.ndim == 2 else y.reshape(-1)


def product_of(weight: Weight) -> str | None:
    """Return the name of the operation that multiplies float32 by a weight, or int8 by one of int8.

    None for a format that must be decoded first. Of a Prepared it is the product of its weight, whatever it was packed
    for; one that was decoded has gemm_f32f32.
    """
    if isinstance(weight, Prepared):
        return product_of(weight.weight) or "gemm_f32f32"
    if not isinstance(weight, np.ndarray):
        if weight.product is not None:
            return weight.product
        if not isinstance(weight, Plain) or weight.type not in ("float32", "int8"):
            return None
    return "gemm_s8s8" if weight.dtype == np.int8 else "gemm_f32f32"


def operand_of(weight: Weight, name: str | None, operation: Operations) -> Any:
    """Return what the product of that name takes of a weight: the weight, or what is made of it.

    name : the weight's product_of; with None, the weight is decoded, for gemm_f32f32.
    """
    if isinstance(weight, Prepared):
        return weight
    if isinstance(weight, np.ndarray):
        return weight
    if weight.product is None or name is None:
        dense = weight.dense()
        return dense.astype(np.float32) if dense.dtype == np.float16 else dense
    return weight.operand(operation)


def _arguments(weight, x, decode: bool) -> tuple[str, Weight, np.ndarray]:
    """Return the product of a weight, the weight, and columns, or refuse them."""
    if isinstance(weight, np.ndarray):
        weight = arguments.array(weight, "weight", np.float32, np.int8)
    elif not is_array_format(weight):
        raise ArgumentTypeError("weight", f"must be an array or a format of one, not {type(weight).__name__}")
    if weight.ndim != 2:
        raise RefcompressError("weight", f"must have 2 dimensions, not {weight.ndim}")
    name = product_of(weight)
    if name is None:
        if weight.dtype not in (np.float32, np.float16):
            raise ArgumentTypeError("weight", f"must stand for float32, float16 or int8, not {weight.dtype.name}")
        if not decode:
            raise RefcompressError("weight", f"a {type(weight).__name__} has no product of its own: pass decode=True "
                                             "to multiply by its dense array, or native.prepare(weight) to decode it "
                                             "once")
        name = "gemm_f32f32"
    if isinstance(x, np.ndarray) and x.ndim == 2 and x.flags.f_contiguous:
        x = _columns(x.T, name).T
    else:
        x = _columns(x, name)
    if x.ndim not in (1, 2) or len(x) != weight.shape[1]:
        raise RefcompressError("x", f"must have a row for each of the {weight.shape[1]} columns of weight, and at most "
                                    f"2 dimensions, not the shape {x.shape}")
    return "gemm_u8s8" if x.dtype == np.uint8 else name, weight, x


def _columns(x, name: str) -> np.ndarray:
    return arguments.array(x, "x", *((np.int8, np.uint8) if name == "gemm_s8s8" else (np.float32,)))

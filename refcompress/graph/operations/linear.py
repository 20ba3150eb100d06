"""Multiply by a matrix: what most weights are for."""

import math

import numpy as np

from ...errors import RefcompressError
from ...formats import QuantizedLayer
from ...formats.arranged import Arranged
from ..known import Known
from ..sizes import broadcast, differ, product
from ..use import Use, Weight
from ..weights import as_matrix, decoded, rows_of, turned
from .checks import float32, of_type, rank, same_size, same_types
from .row import operation

__all__ = ["ROWS"]


def linear(x: np.ndarray, weight: Weight, bias: np.ndarray | None = None, *, use: Use,
           transposed: bool = False) -> np.ndarray:
    """Multiply the last axis by a matrix and add a bias.

        y[..., j] = sum over p of x[..., p] weight[j, p] + bias[j];    transposed: weight[p, j]

    Parameters
    ----------
    x : (..., k) float32
    weight : (m, k), with transposed (k, m); float32 or a compressed format
        Of a QuantizedLayer the inputs are scaled and rounded first, as it says, and its own bias is added too.
    bias : None or (m,) float32

    Returns
    -------
    (..., m) float32 : the product as the format's operation sums it, then one addition in float32

    **Source** the definition; ONNX, Gemm and MatMul. **Departs** nothing.
    """
    m, k = weight.shape[::-1] if transposed else weight.shape
    rows = np.ascontiguousarray(x.reshape(math.prod(x.shape[:-1]), k))
    if transposed:
        other = None if isinstance(weight, np.ndarray) else use.once(weight, "turned", lambda: turned(weight, use))
        if other is None:
            dense = use.once(weight, "decoded", lambda: decoded(weight, use))
            y = use("gemm_f32f32")(rows, dense, transposed=True)
        else:
            y = use.product(rows, other)
    elif isinstance(weight, Arranged):
        y = use.product(rows, use.once(weight, "matrix", lambda: as_matrix(weight, use)))
    elif isinstance(weight, QuantizedLayer):
        rows, own, weight = _layer_inputs(rows, weight, use), weight.bias, weight.weight
        y = use.product(rows, weight)
        if own is not None:
            y += own
    else:
        y = use.product(rows, weight)
    if bias is not None:
        y += bias
    return y.reshape(*x.shape[:-1], m)


def _layer_inputs(x: np.ndarray, layer: QuantizedLayer, use: Use) -> np.ndarray:
    """Return rows of inputs as a QuantizedLayer takes them: over its input scale, then on its grid."""
    if layer.input_scale is not None:
        x = x / layer.input_scale
    if layer.input_bits is None:
        return x
    if layer.input_step is None:
        return use("quantize_s8")(x, bits=layer.input_bits, axis=0).dense()
    step = np.full((1, 1), layer.input_step, np.float32)
    return use("quantize_s8")(x, bits=layer.input_bits, scale=step).dense()


def linear_shape(x: Known, weight: Known, bias: Known | None = None, *, transposed: bool) -> Known:
    float32(x=x, weight=weight, bias=bias)
    rank(weight, "weight", 2)
    rank(bias, "bias", 1)
    if weight.shape is None:
        return Known("float32", None)
    m, k = weight.shape[::-1] if transposed else weight.shape
    same_size(bias, "bias", 0, m, "as the weight has outputs")
    if x.shape is None:
        return Known("float32", None)
    if not x.shape:
        raise RefcompressError("x", "must have at least one dimension")
    if differ(x.shape[-1], k):
        raise RefcompressError("x", f"must have {k} values along its last axis, as the weight has inputs, "
                                    f"not {x.shape[-1]}")
    return Known("float32", (*x.shape[:-1], m))


def linear_cost(x: Known, weight: Known, bias: Known | None, y: Known, *, transposed: bool):
    return product((2, *y.sizes, weight.sizes[0 if transposed else 1]))


def matmul(a: np.ndarray, b: np.ndarray, *, use: Use) -> np.ndarray:
    """Multiply matrices, broadcasting the axes in front of them; a vector is a row (a) or a column (b).

        y[..., i, j] = sum over p of a[..., i, p] b[..., p, j]

    Of float32 each product is that of gemm_f32f32; other types are NumPy's.

    **Source** ONNX, MatMul (13). **Departs** nothing.
    """
    if a.dtype != np.float32:
        return np.matmul(a, b)
    left, right = (a[None, :] if a.ndim == 1 else a), (b[:, None] if b.ndim == 1 else b)
    y = batched(left, right, use)
    if a.ndim == 1:
        y = y[..., 0, :]
    return y[..., 0] if b.ndim == 1 else y


def batched(a: np.ndarray, b: np.ndarray, use: Use) -> np.ndarray:
    """Return a @ b, of float32 with at least two axes, each product by gemm_f32f32."""
    (m, k), n = a.shape[-2:], b.shape[-1]
    if b.ndim == 2 and a.ndim > 2:  # one matrix for all rows
        rows = np.ascontiguousarray(a).reshape(math.prod(a.shape[:-1]), k)
        return use("gemm_f32f32")(rows, b, transposed=True).reshape(*a.shape[:-1], n)
    outer = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    left = use.contiguous(np.broadcast_to(a, (*outer, m, k))).reshape(math.prod(outer), m, k)
    right = use.contiguous(np.broadcast_to(b, (*outer, k, n))).reshape(math.prod(outer), k, n)
    y = use.products(left, right)
    return y.reshape(*outer, m, n)


def matmul_shape(a: Known, b: Known) -> Known:
    kind = same_types(a=a, b=b)
    for name, each in (("a", a), ("b", b)):
        if each.shape == ():
            raise RefcompressError(name, "must have at least one dimension")
    if a.shape is None or b.shape is None:
        return Known(kind, None)
    left, right = ((1, *a.shape) if len(a.shape) == 1 else a.shape), ((*b.shape, 1) if len(b.shape) == 1 else b.shape)
    if differ(left[-1], right[-2]):
        raise RefcompressError("b", f"{b.shape} must have {left[-1]} values along the axis that is summed, as a "
                                    f"{a.shape} has, not {right[-2]}")
    try:
        outer = broadcast(left[:-2], right[:-2]) or ()
    except ValueError as error:
        raise RefcompressError("b", f"{b.shape} for a {a.shape}: {error}") from None
    return Known(kind, (*outer, *left[-2:-1][: len(a.shape) > 1], *right[-1:][: len(b.shape) > 1]))


def matmul_cost(a: Known, b: Known, y: Known):
    return product((2, *y.sizes, a.sizes[-1]))


def embedding(indices: np.ndarray, weight: Weight, *, use: Use) -> np.ndarray:
    """Return the rows of a matrix that indices name: of a compressed one only these rows are decoded.

        y[..., j] = weight[indices[...], j]

    Parameters
    ----------
    indices : any shape, int64 or int32, in [-m, m); negative ones count from the end
    weight : (m, d), float32 or a compressed format

    Returns
    -------
    (..., d) float32

    **Source** ONNX, Gather along axis 0. **Departs** nothing.
    """
    m, d = weight.shape
    wrong = (indices < -m) | (indices >= m)
    if np.any(wrong):
        raise RefcompressError("indices", f"must be in [{-m}, {m}), not {np.asarray(indices)[wrong].flat[0]}")
    flat = np.where(indices < 0, indices + m, indices).reshape(-1)
    return rows_of(weight, flat, use).reshape(*indices.shape, d)


def embedding_shape(indices: Known, weight: Known) -> Known:
    of_type(indices, "indices", "int64", "int32")
    float32(weight=weight)
    rank(weight, "weight", 2)
    if indices.shape is None or weight.shape is None:
        return Known("float32", None)
    return Known("float32", (*indices.shape, weight.shape[1]))


ROWS = (
    operation(linear, linear_shape, weight=1, cost=linear_cost),
    operation(matmul, matmul_shape, cost=matmul_cost),
    operation(embedding, embedding_shape, weight=1),
)

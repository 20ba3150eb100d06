"""Multiply by a matrix: what most weights are for."""

import numpy as np

from ...errors import RefcompressError
from ..known import Known
from ..use import Use, Weight
from .row import Operation

__all__ = ["ROWS", "linear"]


def linear(x: np.ndarray, weight: Weight, bias: np.ndarray | None = None, *, use: Use) -> np.ndarray:
    """Multiply the last axis by a matrix and add a bias.

        y[..., j] = sum over p of x[..., p] weight[j, p] + bias[j]

    Parameters
    ----------
    x : (..., k) float32
    weight : (m, k), float32 or a compressed format
    bias : None or (m,) float32

    Returns
    -------
    (..., m) float32 : the product as the format's operation sums it, then one addition in float32

    **Source** the definition; ONNX, Gemm and MatMul. **Departs** nothing.
    """
    rows = np.ascontiguousarray(x.reshape(-1, x.shape[-1]))
    y = use.product(rows, weight)
    if bias is not None:
        y += bias
    return y.reshape(*x.shape[:-1], -1)


def linear_shape(x: Known, weight: Known, bias: Known | None = None) -> Known:
    if x.shape is None or weight.shape is None:
        return Known("float32", None)
    m, k = weight.shape
    if isinstance(x.shape[-1], int) and x.shape[-1] != k:
        raise RefcompressError("x", f"must have {k} values along its last axis, as the weight has inputs, "
                                    f"not {x.shape[-1]}")
    if bias is not None and bias.shape != (m,):
        raise RefcompressError("bias", f"must have the shape ({m},), not {bias.shape}")
    return Known("float32", (*x.shape[:-1], m))


ROWS = (Operation("linear", linear, linear_shape, least=2, most=3, weight=1),)

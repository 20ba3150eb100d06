"""A layer of few bits, as one entry of a file holds it: weights, and what else its output needs."""

import numpy as np

from ...errors import ArgumentTypeError
from ...formats import QuantizedLayer
from ..known import Known
from ..use import Use
from .linear import linear_shape
from .row import Operation

__all__ = ["ROWS", "quantized_layer"]


def quantized_layer(x: np.ndarray, weight: QuantizedLayer, *, use: Use) -> np.ndarray:
    """Multiply rounded inputs by weights of few bits.

        y = round(x / input_scale) weight^T + bias, where each part that the layer has not is left out

    Parameters
    ----------
    x : (..., k) float32
    weight : QuantizedLayer, (m, k). With input_bits the inputs are rounded symmetrically to so many bits, by input_step
        or by a scale for each row.

    Returns
    -------
    (..., m) float32 : the product as the weight's operation sums it, then one addition in float32

    **Source** FORMAT.md, "Kind 17". **Departs** nothing.
    """
    if not isinstance(weight, QuantizedLayer):
        raise ArgumentTypeError("weight", f"must be a QuantizedLayer, not {type(weight).__name__}")
    rows = np.ascontiguousarray(x.reshape(-1, x.shape[-1]))
    if weight.input_scale is not None:
        rows = rows / weight.input_scale
    if weight.input_bits is not None:  # a scale a row, or the one that is given
        step = None if weight.input_step is None else np.full((1, 1), weight.input_step, np.float32)
        axis = 0 if step is None else None
        rows = use("quantize_s8")(rows, bits=weight.input_bits, axis=axis, scale=step).dense()
    y = use.product(rows, weight.weight)
    if weight.bias is not None:
        y = y + weight.bias
    return y.reshape(*x.shape[:-1], -1)


ROWS = (Operation("quantized_layer", quantized_layer, linear_shape, least=2, most=2, weight=1),)

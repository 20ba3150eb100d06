"""Gradients past rounding: quantize and dequantize of a graph, as a fake quantization (a straight-through pass).

Rounding has no gradient that helps: it is 0 nearly everywhere. In training the step is passed over, as if codes were
not rounded: the code is x / scale + zero_point inside the grid, and an end of the grid outside. So a dequantize behind
a quantize of the same grid gives the gradient on where x is on the grid, and nothing where x was cut off. scale and
zero_point are attributes of the node, and stay as they are.

**Source** Bengio, Leonard & Courville 2013 (arXiv 1308.3432), section 2.3, the straight-through estimator; Jacob et al.
2018 (arXiv 1712.05877), section 3, for quantized networks. **Departs** values that are cut off send nothing back.
"""

import numpy as np

from ... import reference
from ...formats import Quantized
from .row import Gradient

__all__ = ["ROWS"]


def quantize(dy, y, x, *, scale, zero_point, wanted):
    with np.errstate(over="ignore"):  # far beyond the grid
        code = np.rint(x.astype(np.float32, copy=False) / np.float32(scale)) + zero_point  # before it is cut off
    return (np.where((code >= -128) & (code <= 127), dy / dy.dtype.type(scale), dy.dtype.type(0)),)


def dequantize(dy, y, x, *, scale, zero_point, wanted):
    return (dy * dy.dtype.type(scale),)


def codes(x, *, scale, zero_point):
    """Return what the graph's quantize does; for x of another type than float32 by its float32 numbers."""
    flat = np.ascontiguousarray(x, np.float32).reshape(-1)
    return reference.quantize_s8(flat, scheme="affine", scale=scale, zero_point=zero_point).values.reshape(x.shape)


def values(x, *, scale, zero_point):
    q = Quantized(np.ascontiguousarray(x).reshape(-1), np.array([scale], np.float32), np.array([zero_point], np.int8))
    return reference.dequantize_s8(q).reshape(x.shape)


ROWS = (Gradient("quantize", quantize, forward=codes), Gradient("dequantize", dequantize, forward=values))

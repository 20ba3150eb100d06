"""Products of int8 by int8 weights whose sums become float32 by their scale alone: linear_s8_scaled, conv_s8_scaled.

They stand where only float nodes, or the caller, take what a product on integers gives: nothing is rounded to int8.
"""

import math
from typing import NamedTuple

import numpy as np

from ...errors import ArgumentTypeError, RefcompressError
from ...formats import Prepared, Quantized
from ..use import Use
from .grids import LARGEST_SUM, checked_grids
from .integer_layers import UNIT_ROOM, Integers, channels_behind, checked_rows, products_of_windows
from .integer_products import MOST_CELLS, Numbers, conv_shape, depthwise_sums, linear_shape
from .memory import channels_first, channels_last, two_axes
from .row import operation
from .windows import Pads

__all__ = ["ROWS", "conv_s8_scaled", "linear_s8_scaled"]


class Part(NamedTuple):
    """A group of channels: its weight as a matrix, or what the implementation packed of it, and its float32 bias."""

    weight: Quantized | Prepared
    bias: np.ndarray


def linear_s8_scaled(x: np.ndarray, weight: Integers, bias: np.ndarray | None = None, *, x_scale: float,
                     x_zero_point: int, use: Use) -> np.ndarray:
    """Multiply the last axis by a matrix on integers, and give the sums as float32.

        y[..., j] = sum[..., j] (x_scale scale[j]) + b[j],    sum[..., j] = sum over p of x[..., p] weight[j, p]
        b[j] = bias[j] - x_zero_point sum over p of weight[j, p] (x_scale scale[j]), rounded to float32

    Parameters
    ----------
    x : (..., k) int8
    weight : Quantized or Packed (m, k), its scale one, or one an output, its zero points 0
    bias : None or (m,) float32
    x_scale : a float32 number; x_zero_point : int8

    Returns
    -------
    (..., m) float32 : as gemm_s8s8_scaled gives it. Sums are exact; all else is float64, rounded to float32 once.

    **Source** Jacob et al. (2018, arXiv 1712.05877), section 2.2, eq. 4, without the rounding of eq. 5. **Departs**
    nothing.
    """
    part, = parts_of(weight, bias, x_scale, x_zero_point, 1, use)
    rows = np.ascontiguousarray(x.reshape(math.prod(x.shape[:-1]), x.shape[-1]))
    y = use("gemm_s8s8_scaled")(rows, np.full(len(rows), x_scale, np.float32), *part)
    return y.reshape(*x.shape[:-1], weight.shape[0])


def conv_s8_scaled(x: np.ndarray, weight: Integers, bias: np.ndarray | None = None, *, x_scale: float,
                   x_zero_point: int, strides: Numbers = (), pads: Pads = (), dilations: Numbers = (), groups: int = 1,
                   use: Use) -> np.ndarray:
    """Convolve on integers, and give the sums as float32: linear_s8_scaled of each place's window.

    Parameters
    ----------
    x : (n, c, ...) int8
    weight : Quantized or Packed (m, c / groups, ...), its scale one, or one an output
    strides, pads, dilations, groups : as for conv; what is padded is x_zero_point, which stands for 0
    all others : as for linear_s8_scaled

    Returns
    -------
    (n, m, ...) float32 : as linear_s8_scaled

    **Source** as linear_s8_scaled. **Departs** nothing.
    """
    if groups == x.shape[1] and groups > 1 and math.prod(weight.shape[2:]) <= MOST_CELLS:
        return _depthwise(x, weight, bias, x_scale, x_zero_point, strides, pads, dilations, use)
    parts = parts_of(weight, bias, x_scale, x_zero_point, groups, use)
    kernel, window = two_axes(x.shape, weight.shape[2:], strides, pads, dilations)

    def arguments(rows: np.ndarray, g: int, images: slice) -> tuple[tuple, dict]:
        return (rows, np.full(len(rows), x_scale, np.float32), *parts[g]), {}

    y = products_of_windows(channels_last(x, use), kernel, window, groups, weight.shape[0], np.float32, x_zero_point,
                            "gemm_s8s8_scaled", arguments, use)
    return np.ascontiguousarray(channels_first(y, x.ndim - 2))


def _depthwise(x: np.ndarray, weight: Integers, bias, x_scale: float, x_zero_point: int, strides, pads, dilations,
               use: Use) -> np.ndarray:
    """Return conv_s8_scaled of a channel each: what is padded adds nothing to sums of inputs less their zero point."""
    column = (-1, *(1,) * (x.ndim - 2))

    def make() -> list[np.ndarray]:
        return [each.reshape(column) for each in units(weight, bias, x_scale, x_zero_point)]

    unit, moved, b = use.once(weight, f"units of {use.node}", make)
    acc = depthwise_sums(x.astype(np.float32) - np.float32(x_zero_point), weight, strides, pads, dilations, use)
    return ((acc + moved) * unit + 0.0 + b).astype(np.float32)


def units(weight: Integers, bias: np.ndarray | None, x_scale: float,
          x_zero_point: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, for each output, what a sum of integers counts, what the zero point adds to it, and b."""
    scale = np.broadcast_to(weight.scale.reshape(-1), weight.shape[0]).astype(np.float64)
    moved = x_zero_point * weight.values.sum(axis=tuple(range(1, weight.ndim)), dtype=np.int64).astype(np.float64)
    b = (0.0 if bias is None else bias.astype(np.float64)) - moved * (x_scale * scale)
    return x_scale * scale, moved, b.astype(np.float32)


def parts_of(weight: Integers, bias: np.ndarray | None, x_scale: float, x_zero_point: int, groups: int,
             use: Use) -> list[Part]:
    """Return what a layer computes with, for each group of channels; its bias includes the zero point of the inputs."""
    def make() -> list[Part]:
        m = weight.shape[0]
        scale = np.broadcast_to(weight.scale.reshape(-1, 1), (m, 1))
        b = units(weight, bias, x_scale, x_zero_point)[2]
        split = (np.split(each, groups) for each in (channels_behind(weight.values), scale, b))
        return [Part(use.packed("gemm_s8s8_scaled", Quantized(rows, s, np.zeros(s.shape, np.int8))), part)
                for rows, s, part in zip(*split)]

    return use.once(weight, f"scaled layer of {use.node}", make)


def checked_scaled(x, weight, bias=None, *, x_scale, x_zero_point, **window):
    """Refuse tensors and attributes that break a rule."""
    k = checked_rows(weight)
    if k * UNIT_ROOM > LARGEST_SUM:
        raise RefcompressError("weight", f"has {k} inputs, whose products may leave int32")
    checked_grids(x_scale=x_scale, x_zero_point=x_zero_point)
    if bias is not None and (not isinstance(bias, np.ndarray) or bias.dtype != np.float32):
        raise ArgumentTypeError("bias", "must be a tensor of the model, float32")
    with np.errstate(all="ignore"):
        finite = np.isfinite(units(weight, bias, x_scale, x_zero_point)[2])
    if not finite.all():
        raise RefcompressError("bias", f"and the zero point of x leave float32 at output {int(finite.argmin())}")


ROWS = (
    operation(linear_s8_scaled, linear_shape, weight=1, check=checked_scaled),
    operation(conv_s8_scaled, conv_shape, weight=1, check=checked_scaled),
)

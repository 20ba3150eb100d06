"""Products of int8 by int8 weights: on integers alone (linear_s8, conv_s8), or between float32 values (linear_a8, ...).

A value of int8 stands for scale * (value - zero_point). Scale and zero point are attributes of the nodes that give and
take the value. The weight is a Quantized or a Packed.

**No sum leaves int32.** In a static product inputs less their zero point are at most 255, weights at most 128 in magnitude, so a product is
below 2^15, and the sum of k products and a bias b is below k 2^15 + abs(b). A node whose k 2^15 + abs(b) is above
2^31 - 1 is refused.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from ...errors import ArgumentTypeError, RefcompressError
from ...formats import Packed, Quantized
from ...reference.quantize.requantization import quantize_multiplier
from ..known import Known
from ..use import Use
from .grids import GRID_ATTRIBUTES, LARGEST_SUM, checked_grids, int8
from .integers import rounded
from .row import Operation
from .windows import windows, windows_shape

__all__ = ["ROWS", "Layer", "conv_a8", "conv_s8", "layer_of", "linear_a8", "linear_s8"]

Integers = Quantized | Packed
UNIT_ROOM = 2**15  # more than the magnitude of a product of an input less its zero point, and a weight


class Layer(NamedTuple):
    """What a layer on integers computes with: values (m, k) int8, and for each output a bias, a multiplier, a shift."""

    values: np.ndarray
    bias: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray


def layer_of(weight: Integers, bias: np.ndarray | None, x_scale: float, x_zero_point: int, y_scale: float) -> Layer:
    """Return what a layer computes with; its bias includes the zero point of the inputs.

        sum of (x - x_zero_point) w + bias = sum of x w + (bias - x_zero_point * sum of w)
    """
    m = weight.shape[0]
    values = weight.values.reshape(m, -1)
    whole = -x_zero_point * values.sum(axis=1, dtype=np.int64) + (0 if bias is None else bias)
    scale = np.broadcast_to(weight.scale.reshape(-1), m).astype(np.float64)
    return Layer(values, whole.astype(np.int32), *quantize_multiplier(x_scale * scale / y_scale))


def linear_s8(x: np.ndarray, weight: Integers, bias: np.ndarray | None = None, *, x_scale: float, x_zero_point: int,
              y_scale: float, y_zero_point: int, lowest: int = -128, highest: int = 127, use: Use) -> np.ndarray:
    """Multiply the last axis by a matrix on integers, and round each output once.

        sum[..., j] = sum over p of (x[..., p] - x_zero_point) weight[j, p] + bias[j]
        y[..., j] = clip(round(sum[..., j] M_j / 2^(31 + s_j)) + y_zero_point, lowest, highest)
        M_j, s_j = quantize_multiplier(x_scale * scale_j / y_scale)

    Parameters
    ----------
    x : (..., k) int8
    weight : Quantized or Packed (m, k), its scale one, or one an output
    bias : None or (m,) int32, in units of x_scale * scale_j: as quantize_bias_s32 gives it
    x_scale, y_scale : float32 numbers; x_zero_point, y_zero_point : int8
    lowest, highest : int8
        A ReLU or a clip behind the layer is a part of it: they are where it cuts.

    Returns
    -------
    (..., m) int8 : exact; ties go to even

    The quotient x_scale * scale_j / y_scale is computed in float64 from left to right: the product is exact.

    **Source** Jacob et al. (2018, arXiv 1712.05877), section 2.2, eq. 4 to 6, and section 2.4. **Departs** ties go to
    even.
    """
    layer = layer_of(weight, bias, x_scale, x_zero_point, y_scale)
    rows = np.ascontiguousarray(x.reshape(-1, x.shape[-1]))
    y = use("gemm_s8s8_requantized")(rows, *layer, zero_point=y_zero_point, lowest=lowest, highest=highest)
    return y.reshape(*x.shape[:-1], -1)


def conv_s8(x: np.ndarray, weight: Integers, bias: np.ndarray | None = None, *, x_scale: float, x_zero_point: int,
            y_scale: float, y_zero_point: int, lowest: int = -128, highest: int = 127, strides=(), pads=(),
            dilations=(), groups: int = 1, use: Use) -> np.ndarray:
    """Convolve on integers, and round each output once: linear_s8 of each place's window.

        y[i, j, place] = linear_s8 of the window of x[i] at that place, by the kernel weight[j]

    Parameters
    ----------
    x : (n, c, ...) int8
    weight : Quantized or Packed (m, c / groups, ...), its scale one, or one an output
    strides, pads, dilations, groups : as for conv; what is padded is x_zero_point, which stands for 0
    all others : as for linear_s8

    Returns
    -------
    (n, m, ...) int8 : exact; ties go to even

    **Source** as linear_s8. **Departs** as linear_s8.
    """
    layer = layer_of(weight, bias, x_scale, x_zero_point, y_scale)
    grid = {"zero_point": y_zero_point, "lowest": lowest, "highest": highest}
    rows, places = window_rows(x, weight.shape[2:], strides, pads, dilations, groups, x_zero_point)
    if x.shape[1] == groups:
        y = rounded(_depthwise(rows, layer.values) + layer.bias, layer.multiplier, layer.shift, **grid)
    else:
        y = _by_group(lambda part, *one: use("gemm_s8s8_requantized")(part, *one, **grid), rows, layer)
    return channels_first(y, places)


def linear_a8(x: np.ndarray, weight: Integers, bias: np.ndarray | None = None, *, use: Use) -> np.ndarray:
    """Multiply float32 rows by an integer matrix: each row is rounded to int8, with a scale from its largest magnitude.

        q[i], scale_i = quantize_s8(x[i])        symmetric
        y[i, j] = sum over groups g of sum[i, j, g] (scale_i scale[j, g]) + bias[j]
        sum[i, j, g] = sum over p in g of q[i, p] (weight[j, p] - zero_point[j, g])

    Parameters
    ----------
    x : (..., k) float32, finite
    weight : Quantized or Packed (m, k), its scale one, or one an output, or one a group of inputs
    bias : None or (m,) float32

    Returns
    -------
    (..., m) float32 : as gemm_s8s8_scaled sums; sums over p are exact

    **Source** Jacob et al. (2018, arXiv 1712.05877), eq. 4, with the range of each row for that of calibration.
    **Departs** ONNX's DynamicQuantizeLinear has one scale for all of x.
    """
    rows = np.ascontiguousarray(x.reshape(-1, x.shape[-1]))
    q = use("quantize_s8")(rows, axis=0)
    y = use("gemm_s8s8_scaled")(q.values, q.scale.reshape(-1), _bytes(weight, use), bias)
    return y.reshape(*x.shape[:-1], -1)


def conv_a8(x: np.ndarray, weight: Integers, bias: np.ndarray | None = None, *, strides=(), pads=(), dilations=(),
            groups: int = 1, use: Use) -> np.ndarray:
    """Convolve float32 by integer kernels: each example is rounded to int8, with a scale from its largest magnitude.

        y[i, j, place] = sum[i, j, place] (scale_i scale_j) + bias[j], as linear_a8

    Parameters
    ----------
    x : (n, c, ...) float32, finite
    weight : Quantized or Packed (m, c / groups, ...), its scale one, or one an output
    bias : None or (m,) float32
    strides, pads, dilations, groups : as for conv

    Returns
    -------
    (n, m, ...) float32 : as linear_a8

    **Source** as linear_a8. **Departs** as linear_a8.
    """
    q, weight = use("quantize_s8")(x, axis=0), _bytes(weight, use)
    m, k = weight.shape[0], int(np.prod(weight.shape[1:]))
    rows, places = window_rows(q.values, weight.shape[2:], strides, pads, dilations, groups, 0)
    scale = np.repeat(q.scale.reshape(-1), len(rows) // max(len(x), 1))
    kernels = [each.reshape(-1, 1) for each in (weight.scale, weight.zero_point)]
    parts = [weight.values.reshape(m, k), *(np.broadcast_to(each, (m, 1)) for each in kernels)]
    if bias is not None:
        parts.append(bias)

    def product(part, values, step, zero_point, bias=None):
        return use("gemm_s8s8_scaled")(part, scale, Quantized(values, step, zero_point), bias)

    return channels_first(_by_group(product, rows, parts), places)


def window_rows(x: np.ndarray, kernel, strides, pads, dilations, groups: int, fill: int) -> tuple[np.ndarray, tuple]:
    """Return the windows of x as rows (n * places, groups, k), and (n, places...)."""
    seen = windows(x, kernel, strides, pads, dilations, fill)  # (n, c, places..., kernel...)
    places = (len(x), *seen.shape[2 : 2 + len(kernel)])
    rows = np.moveaxis(seen, 1, 1 + len(kernel))
    return rows.reshape(-1, groups, x.shape[1] // groups * int(np.prod(kernel))), places


def channels_first(y: np.ndarray, places: tuple[int, ...]) -> np.ndarray:
    """Return rows (n * places, m) as (n, m, places...)."""
    return np.ascontiguousarray(np.moveaxis(y.reshape(*places, y.shape[1]), -1, 1))


def _by_group(product, rows: np.ndarray, parts) -> np.ndarray:
    """Return product(rows of a group, its part of each of ``parts``), of all groups side by side."""
    groups = rows.shape[1]
    split = [np.split(part, groups) for part in parts]
    found = [product(np.ascontiguousarray(rows[:, g]), *(each[g] for each in split)) for g in range(groups)]
    return np.concatenate(found, axis=1)


def _depthwise(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the int32 sums of windows (places, c, k) by kernels (m, k), m a multiple of c."""
    kernels = values.reshape(rows.shape[1], -1, values.shape[1])
    return np.einsum("ngk,gok->ngo", rows, kernels, dtype=np.int32).reshape(len(rows), len(values))


def _bytes(weight: Integers, use: Use) -> Quantized:
    """Return a weight with a byte a value."""
    return use("quantize_unpack")(weight) if isinstance(weight, Packed) else weight


def _weight_checked(weight, groups_of_inputs: bool) -> int:
    """Return how many inputs each output of an integer weight has, or refuse the weight."""
    if not isinstance(weight, Integers) or weight.values.dtype != np.int8:
        raise ArgumentTypeError("weight", "must be a tensor of the model, Quantized of int8 or Packed, not "
                                          f"{type(weight).__name__}")
    m = weight.shape[0]
    sizes = (1, m) if len(weight.scale) == m else (1,)
    if weight.group is None and weight.scale.size not in sizes:
        raise RefcompressError("weight", f"must have one scale, or one an output, not the shape {weight.scale.shape}")
    if weight.group is not None and not groups_of_inputs:
        raise RefcompressError("weight", "must not have scales of groups: their sums have no common unit")
    return int(np.prod(weight.shape[1:]))


def checked_layer(x, weight, bias=None, *, x_scale, x_zero_point, y_scale, y_zero_point, lowest, highest, **window):
    """Refuse tensors and attributes of a static layer that break a rule."""
    k = _weight_checked(weight, groups_of_inputs=False)
    if weight.zero_point.any():
        raise RefcompressError("weight", "must have zero points of 0")
    checked_grids(x_scale=x_scale, x_zero_point=x_zero_point, y_scale=y_scale, y_zero_point=y_zero_point,
                  lowest=lowest, highest=highest)
    largest = k * UNIT_ROOM
    if bias is not None:
        if not isinstance(bias, np.ndarray) or bias.dtype != np.int32:
            raise ArgumentTypeError("bias", "must be a tensor of the model, int32")
        largest += int(np.abs(bias.astype(np.int64)).max(initial=0))
    if largest > LARGEST_SUM:
        raise RefcompressError("bias", f"and {k} products may add up to {largest}, beyond int32")
    quantize_multiplier(x_scale * weight.scale.astype(np.float64) / y_scale)


def checked_dynamic(x, weight, bias=None, **window):
    """Refuse tensors of a dynamic layer that break a rule."""
    k = _weight_checked(weight, groups_of_inputs=not window)
    if k * UNIT_ROOM > LARGEST_SUM:
        raise RefcompressError("weight", f"has {k} inputs, whose products may leave int32")


def linear_shape(x: Known, weight: Known, bias: Known | None = None, *, type: str = "int8", **grids) -> Known:
    if type == "int8":
        int8(x)
    m, k = weight.shape
    if x.shape is None:
        return Known(type, None)
    if isinstance(x.shape[-1], int) and x.shape[-1] != k:
        raise RefcompressError("x", f"must have {k} values along its last axis, not {x.shape[-1]}")
    _bias_shape(bias, m)
    return Known(type, (*x.shape[:-1], m))


def conv_shape(x: Known, weight: Known, bias: Known | None = None, *, strides=(), pads=(), dilations=(), groups=1,
               type: str = "int8", **grids) -> Known:
    if type == "int8":
        int8(x)
    m, c, *kernel = weight.shape
    if x.shape is None:
        return Known(type, None)
    if len(x.shape) != len(weight.shape):
        raise RefcompressError("x", f"must have {len(weight.shape)} axes, as the weight has, not {len(x.shape)}")
    if isinstance(x.shape[1], int) and x.shape[1] != c * groups or m % groups:
        raise RefcompressError("x", f"must have {c * groups} channels, and {m} outputs must be a multiple of {groups}")
    _bias_shape(bias, m)
    return Known(type, (x.shape[0], m, *windows_shape(x.shape[2:], kernel, strides, pads, dilations)))


def _bias_shape(bias: Known | None, m: int) -> None:
    if bias is not None and bias.shape != (m,):
        raise RefcompressError("bias", f"must have the shape ({m},), not {bias.shape}")


LAYER = {**GRID_ATTRIBUTES, "lowest": -128, "highest": 127}
WINDOW = {"strides": (), "pads": (), "dilations": (), "groups": 1}

ROWS = (
    Operation("linear_s8", linear_s8, linear_shape, LAYER, 2, 3, weight=1, check=checked_layer),
    Operation("conv_s8", conv_s8, conv_shape, {**LAYER, **WINDOW}, 2, 3, weight=1, check=checked_layer),
    Operation("linear_a8", linear_a8, partial(linear_shape, type="float32"), {}, 2, 3, weight=1, check=checked_dynamic),
    Operation("conv_a8", conv_a8, partial(conv_shape, type="float32"), WINDOW, 2, 3, weight=1, check=checked_dynamic),
)

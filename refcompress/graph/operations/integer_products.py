"""Products of int8 by int8 weights: on integers alone (linear_s8, conv_s8), or between float32 values (linear_a8, ...).

A value of int8 stands for scale * (value - zero_point). Scale and zero point are attributes of the nodes that give and
take the value. The weight is a Quantized or a Packed. No sum leaves int32: integer_layers.py says why.
"""

import math

import numpy as np

from ...errors import RefcompressError
from ...formats import Quantized
from ..known import Known, Size
from ..use import Use
from .checks import of_type, rank, same_size
from .integer_layers import (
    Integers,
    checked_dynamic,
    checked_layer,
    dynamic_parts,
    layers_of,
    products_of_windows,
)
from .memory import channels_first, channels_last, two_axes
from .row import operation
from .windows import Pads, checked_window, output_sizes

__all__ = ["MOST_CELLS", "ROWS", "Numbers", "conv_a8", "conv_s8", "conv_shape", "depthwise_sums", "linear_a8",
           "linear_s8", "linear_shape"]

Numbers = tuple[int, ...]
MOST_CELLS = 2**24 // (128 * 255)  # of a kernel whose sums of int8 by weights less their zero points float32 holds


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
    layer, = layers_of(weight, bias, x_scale, x_zero_point, y_scale, 1, use)
    rows = np.ascontiguousarray(x.reshape(math.prod(x.shape[:-1]), x.shape[-1]))
    y = use("gemm_s8s8_requantized")(rows, *layer, zero_point=y_zero_point, lowest=lowest, highest=highest)
    return y.reshape(*x.shape[:-1], weight.shape[0])


def conv_s8(x: np.ndarray, weight: Integers, bias: np.ndarray | None = None, *, x_scale: float, x_zero_point: int,
            y_scale: float, y_zero_point: int, lowest: int = -128, highest: int = 127, strides: Numbers = (),
            pads: Pads = (), dilations: Numbers = (), groups: int = 1, use: Use) -> np.ndarray:
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
    grid = {"zero_point": y_zero_point, "lowest": lowest, "highest": highest}
    spatial, image = x.ndim - 2, channels_last(x, use)
    kernel, window = two_axes(x.shape, weight.shape[2:], strides, pads, dilations)
    if groups == x.shape[1] and groups > 1:  # of a channel each
        layer, = layers_of(weight, bias, x_scale, x_zero_point, y_scale, 1, use, "nn_depthwise_s8", kernel)
        each = weight.shape[0] // groups
        y = use("nn_depthwise_s8")(image if each == 1 else np.repeat(image, each, axis=-1), *layer,
                                   x_zero_point=x_zero_point, **grid,
                                   **dict(zip(("strides", "pads", "dilations"), window)))
        return channels_first(y, spatial)
    parts = layers_of(weight, bias, x_scale, x_zero_point, y_scale, groups, use)
    y = products_of_windows(image, kernel, window, groups, weight.shape[0], np.int8, x_zero_point,
                            "gemm_s8s8_requantized", lambda rows, g, _: ((rows, *parts[g]), grid), use)
    return channels_first(y, spatial)


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
    rows = np.ascontiguousarray(x.reshape(math.prod(x.shape[:-1]), x.shape[-1]))
    q = use("quantize_s8")(rows, axis=0)
    y = use("gemm_s8s8_scaled")(q.values, q.scale.reshape(-1), dynamic_parts(weight, 1, use)[0], bias)
    return y.reshape(*x.shape[:-1], weight.shape[0])


def conv_a8(x: np.ndarray, weight: Integers, bias: np.ndarray | None = None, *, strides: Numbers = (),
            pads: Pads = (), dilations: Numbers = (), groups: int = 1, use: Use) -> np.ndarray:
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
    q = use("quantize_s8")(x, axis=0)
    if groups == x.shape[1] and groups > 1 and math.prod(weight.shape[2:]) <= MOST_CELLS:
        return _depthwise_a8(q, weight, bias, strides, pads, dilations, use)
    image = channels_last(q.values, use)
    kernel, window = two_axes(x.shape, weight.shape[2:], strides, pads, dilations)
    parts = dynamic_parts(weight, groups, use)
    biases = [None] * groups if bias is None else np.split(bias, groups)

    def arguments(rows: np.ndarray, g: int, images: slice) -> tuple[tuple, dict]:
        scale = q.scale.reshape(-1)[images]
        return (rows, np.repeat(scale, len(rows) // max(len(scale), 1)), parts[g], biases[g]), {}

    y = products_of_windows(image, kernel, window, groups, weight.shape[0], np.float32, 0, "gemm_s8s8_scaled",
                            arguments, use)
    return np.ascontiguousarray(channels_first(y, x.ndim - 2))


def _depthwise_a8(q: Quantized, weight: Integers, bias, strides, pads, dilations, use: Use) -> np.ndarray:
    """Return conv_a8 of a channel each: sums of integers, which float32 holds, then the scales as gemm_s8s8_scaled."""
    ones = (1,) * (q.values.ndim - 2)
    acc = depthwise_sums(q.values.astype(np.float32), weight, strides, pads, dilations, use)
    scale = use.once(weight, "scale", lambda: np.broadcast_to(weight.scale.reshape(-1, *ones).astype(np.float64),
                                                              (len(weight.values), *ones)))
    y = acc * (q.scale.astype(np.float64).reshape(-1, 1, *ones) * scale) + 0.0
    if bias is not None:
        y += bias.reshape(scale.shape)
    return y.astype(np.float32)


def depthwise_sums(image: np.ndarray, weight: Integers, strides, pads, dilations, use: Use) -> np.ndarray:
    """Return a convolution of a channel each of integers in float32, by kernels of at most MOST_CELLS: exact sums."""
    shape = image.shape
    kernel, window = two_axes(shape, weight.shape[2:], strides, pads, dilations)

    def make() -> np.ndarray:
        steps = np.empty(weight.shape, np.float32)
        np.subtract(weight.values, weight.zero_point, out=steps, dtype=np.float32)
        return steps.reshape(len(steps), 1, *kernel)

    steps = use.once(weight, "steps", make)
    flat = image.reshape(*shape[:2], *shape[2:] if len(shape) == 4 else (1, shape[2]))
    acc = use("nn_depthwise_f32")(flat, steps, **dict(zip(("strides", "pads", "dilations"), window)))
    return acc if len(shape) == 4 else acc[:, :, 0]


def linear_shape(x: Known, weight: Known, bias: Known | None = None, **grids) -> Known:
    of_type(x, "x", "int8" if "x_scale" in grids else "float32")
    rank(weight, "weight", 2)
    m, k = weight.shape or (0, 0)
    _bias_shape(bias, m)
    kind = "int8" if "y_scale" in grids else "float32"
    if x.shape is None:
        return Known(kind, None)
    same_size(x, "x", -1, k, "as the weight has inputs")
    return Known(kind, (*x.shape[:-1], m))


def conv_shape(x: Known, weight: Known, bias: Known | None = None, *, strides, pads, dilations, groups,
               **grids) -> Known:
    rank(x, "x", 3, 4)
    m, c, *kernel = shape = weight.shape or ()
    rank(weight, "weight", len(x.shape or shape))
    checked_window(kernel, strides, pads, dilations)
    if groups < 1 or m % groups:
        raise RefcompressError("groups", f"must divide the {m} outputs, and be at least 1, not {groups}")
    _bias_shape(bias, m)
    of_type(x, "x", "int8" if "x_scale" in grids else "float32")
    kind = "int8" if "y_scale" in grids else "float32"
    if x.shape is None:
        return Known(kind, None)
    same_size(x, "x", 1, c * groups, "as the kernels and groups say")
    return Known(kind, (x.shape[0], m, *output_sizes(x.shape[2:], kernel, strides, pads, dilations)))


def _bias_shape(bias: Known | None, m: Size) -> None:
    if bias is not None and bias.shape != (m,):
        raise RefcompressError("bias", f"must have the shape ({m},), not {bias.shape}")


ROWS = (
    operation(linear_s8, linear_shape, weight=1, check=checked_layer),
    operation(conv_s8, conv_shape, weight=1, check=checked_layer),
    operation(linear_a8, linear_shape, weight=1, check=checked_dynamic),
    operation(conv_a8, conv_shape, weight=1, check=checked_dynamic),
)

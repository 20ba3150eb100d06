"""Operations on int8 values, each of which stands for scale * (value - zero_point): integers in, integers out.

Every output is rounded once, with ties to even, and clipped to lowest..highest. Scales are float32 numbers; quotients
of scales are computed in float64, from left to right, and split into a multiplier and a shift by quantize_multiplier.
"""

import math

import numpy as np

from ...errors import RefcompressError
from ...formats import Quantized
from ...reference.quantize.requantization import quantize_multiplier
from ..known import Known
from ..use import Use
from .checks import broadcast_shape, float32, of_type, rank
from .grids import checked_grids, checked_ratio
from .memory import channels_first, channels_last, side_by_side, two_axes
from .row import operation
from .windows import Pads, checked_window, output_sizes

__all__ = ["ROWS", "add_s8", "average_pool_s8", "dequantize", "lookup_s8", "multiply_s8", "quantize", "rescale_s8"]

Numbers = tuple[int, ...]


def quantize(x: np.ndarray, *, scale: float, zero_point: int, use: Use) -> np.ndarray:
    """Round float32 to int8: y = clip(rint(x / scale) + zero_point, -128, 127).

    Parameters
    ----------
    x : float32, finite

    Returns
    -------
    int8 : x / scale is a division in float32, and ties go to even: quantize_s8 with bits=8, scheme="affine"

    **Source** ONNX, QuantizeLinear. **Departs** NaN and infinity are refused.
    """
    y = use("quantize_s8")(np.ascontiguousarray(x).reshape(-1), scheme="affine", scale=scale, zero_point=zero_point)
    return y.values.reshape(x.shape)


def dequantize(x: np.ndarray, *, scale: float, zero_point: int, use: Use) -> np.ndarray:
    """Return float32 scale * (x - zero_point), the product rounded once: dequantize_s8.

    **Source** ONNX, DequantizeLinear. **Departs** nothing.
    """
    q = Quantized(np.ascontiguousarray(x).reshape(-1), np.array([scale], np.float32), np.array([zero_point], np.int8))
    return use("dequantize_s8")(q).reshape(x.shape)


def rescale_s8(x: np.ndarray, *, x_scale: float, x_zero_point: int, y_scale: float, y_zero_point: int,
               lowest: int = -128, highest: int = 127, use: Use) -> np.ndarray:
    """Bring int8 values to another grid, and clip them: a ReLU is one with lowest = y_zero_point.

        y = clip(round((x - x_zero_point) M / 2^(31 + s)) + y_zero_point, lowest, highest)
        M, s = quantize_multiplier(x_scale / y_scale)

    **Source** as add_s8.
    """
    multiplier, shift = quantize_multiplier(x_scale / y_scale)
    steps = np.arange(-128, 128, dtype=np.int32) - np.int32(x_zero_point)
    table = use("requantize_s32")(steps, int(multiplier), int(shift), zero_point=y_zero_point, scheme="affine")
    return lookup_s8(x, np.clip(table, np.int8(lowest), np.int8(highest)), use=use)


def lookup_s8(x: np.ndarray, table: np.ndarray, *, use: Use) -> np.ndarray:
    """Return y = table[x + 128]: any function of one value.

    x : int8. table : (256,) int8, an entry for each of -128..127.

    **Source** the definition; the functions of one value in TensorFlow Lite's int8 kernels are such tables.
    """
    (x,), back = side_by_side(x)
    return back(use("nn_lookup_s8")(x, table))


def add_s8(a: np.ndarray, b: np.ndarray, *, a_scale: float, a_zero_point: int, b_scale: float, b_zero_point: int,
           y_scale: float, y_zero_point: int, lowest: int = -128, highest: int = 127, use: Use) -> np.ndarray:
    """Add two int8 values of different grids, and round the sum once.

        y = clip(round(((a - a_zero_point) A + (b - b_zero_point) B) / 2^s) + y_zero_point, lowest, highest)
        A = rint(2^s a_scale / y_scale), B = rint(2^s b_scale / y_scale), s <= 24 the largest with A, B < 2^22

    a, b : int8, whose shapes broadcast; a_scale / y_scale and b_scale / y_scale are below 2^21. Returns int8, exact.

    **Source** and **Departs** as nn_add_s8.
    """
    return _pair("nn_add_s8", a, b, a_scale, a_zero_point, b_scale, b_zero_point, y_scale, y_zero_point, lowest,
                 highest, use)


def multiply_s8(a: np.ndarray, b: np.ndarray, *, a_scale: float, a_zero_point: int, b_scale: float, b_zero_point: int,
                y_scale: float, y_zero_point: int, lowest: int = -128, highest: int = 127, use: Use) -> np.ndarray:
    """Multiply two int8 values, and round the product once.

        y = clip(round((a - a_zero_point) (b - b_zero_point) M / 2^(31 + s)) + y_zero_point, lowest, highest)
        M, s = quantize_multiplier(a_scale * b_scale / y_scale)

    a, b : int8, whose shapes broadcast. Returns int8, exact: the integers' product is below 2^16.

    **Source** Jacob et al. (2018, arXiv 1712.05877), section 2.2, of single values. **Departs** ties go to even.
    """
    return _pair("nn_multiply_s8", a, b, a_scale, a_zero_point, b_scale, b_zero_point, y_scale, y_zero_point, lowest,
                 highest, use)


def _pair(name, a, b, a_scale, a_zero_point, b_scale, b_zero_point, y_scale, y_zero_point, lowest, highest, use):
    (a, b), back = side_by_side(a, b)
    return back(use(name)(a, b, a_scale, b_scale, y_scale, a_zero_point=a_zero_point, b_zero_point=b_zero_point,
                          zero_point=y_zero_point, lowest=lowest, highest=highest))


def average_pool_s8(x: np.ndarray, *, x_scale: float, x_zero_point: int, y_scale: float, y_zero_point: int,
                    lowest: int = -128, highest: int = 127, kernel: Numbers = (), strides: Numbers = (),
                    pads: Pads = (), count_include_pad: bool = False, use: Use) -> np.ndarray:
    """Average each window of int8 values, and round the average once.

        y = clip(round(sum over the window of (x - x_zero_point) M / 2^(31 + s)) + y_zero_point, lowest, highest)
        M, s = quantize_multiplier((x_scale / y_scale) / count)

    Parameters
    ----------
    x : (n, c, ...) int8
    kernel : a size an axis; () is the whole image, and y has a single place
    strides, pads : as for average_pool
    count_include_pad : whether what is padded counts; else count is that of the values of x in a window

    Returns
    -------
    (n, c, ...) int8 : exact

    **Source** the definition; ONNX, AveragePool and GlobalAveragePool. **Departs** nothing.
    """
    image, spatial = channels_last(x, use), x.ndim - 2
    kernel = kernel or x.shape[2:]
    kernel, (strides, pads, _) = two_axes(x.shape, kernel, strides, pads, ())
    y = use("nn_average_pool_s8")(image, x_scale, y_scale, kernel=kernel, strides=strides, pads=pads,
                                  count_include_pad=count_include_pad, x_zero_point=x_zero_point,
                                  zero_point=y_zero_point, lowest=lowest, highest=highest)
    return channels_first(y, spatial)


def quantize_shape(x: Known, **grid) -> Known:
    float32(x=x)
    return Known("int8", x.shape)


def dequantize_shape(x: Known, **grid) -> Known:
    of_type(x, "x", "int8")
    return Known("float32", x.shape)


def rescale_shape(x: Known, **grids) -> Known:
    of_type(x, "x", "int8")
    return Known("int8", x.shape)


def lookup_shape(x: Known, table: Known) -> Known:
    of_type(table, "table", "int8")
    if table.shape != (256,):
        raise RefcompressError("table", f"must have the shape (256,), not {table.shape}")
    return rescale_shape(x)


def pair_shape(a: Known, b: Known, **grids) -> Known:
    of_type(a, "a", "int8")
    of_type(b, "b", "int8")
    return Known("int8", broadcast_shape(a=a, b=b))


def pool_shape(x: Known, *, kernel, strides, pads, **rest) -> Known:
    of_type(x, "x", "int8")
    rank(x, "x", 3, 4)
    if x.shape is None:
        return Known("int8", None)
    if not kernel:
        return Known("int8", (*x.shape[:2], *(1,) * (len(x.shape) - 2)))
    if len(kernel) != len(x.shape) - 2:
        raise RefcompressError("kernel", f"must have {len(x.shape) - 2} sizes, one an axis of the images, not "
                                         f"{len(kernel)}")
    checked_window(kernel, strides, pads, ())
    return Known("int8", (*x.shape[:2], *output_sizes(x.shape[2:], kernel, strides, pads, ())))


def checked_one(x, **grid) -> None:
    checked_grids(**grid)


def checked_rescale(x, *, x_scale, y_scale, **rest) -> None:
    checked_grids(x_scale=x_scale, y_scale=y_scale, **rest)
    checked_ratio(x_scale / y_scale)


def checked_sum(a, b, *, a_scale, b_scale, y_scale, **rest) -> None:
    checked_grids(a_scale=a_scale, b_scale=b_scale, y_scale=y_scale, **rest)
    for name, scale in (("a_scale", a_scale), ("b_scale", b_scale)):
        if not scale / y_scale < 2.0**21:
            raise RefcompressError(name, f"must be below 2**21 times y_scale, not {scale / y_scale:g} times")


def checked_product(a, b, *, a_scale, b_scale, y_scale, **rest) -> None:
    checked_grids(a_scale=a_scale, b_scale=b_scale, y_scale=y_scale, **rest)
    checked_ratio(a_scale * b_scale / y_scale)


def checked_pool(x, *, x_scale, y_scale, kernel, strides, pads, count_include_pad, **rest) -> None:
    checked_grids(x_scale=x_scale, y_scale=y_scale, **rest)
    checked_ratio(x_scale / y_scale)
    checked_ratio(x_scale / y_scale / max(math.prod(kernel), 1))


ROWS = (
    operation(quantize, quantize_shape, check=checked_one), operation(dequantize, dequantize_shape, check=checked_one),
    operation(rescale_s8, rescale_shape, check=checked_rescale), operation(lookup_s8, lookup_shape),
    operation(add_s8, pair_shape, check=checked_sum), operation(multiply_s8, pair_shape, check=checked_product),
    operation(average_pool_s8, pool_shape, check=checked_pool),
)

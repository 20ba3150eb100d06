"""Operations on int8 values, each of which stands for scale * (value - zero_point): integers in, integers out.

Every output is rounded once, with ties to even, and clipped to lowest..highest. Scales are float32 numbers; quotients
of scales are computed in float64, from left to right, and split into a multiplier and a shift by quantize_multiplier.
"""

import math

import numpy as np

from ...errors import RefcompressError
from ...formats import Quantized
from ...reference.quantize.requantization import quantize_multiplier, quotient
from ..known import Known
from ..use import Use
from .grids import GRID_ATTRIBUTES, broadcast, checked_grids, int8
from .row import REQUIRED, Operation
from .windows import windows, windows_shape

__all__ = ["ROWS", "add_s8", "average_pool_s8", "dequantize", "lookup_s8", "multiply_s8", "quantize", "rescale_s8"]


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
    flat = np.ascontiguousarray(x.reshape(-1))
    return use("quantize_s8")(flat, scheme="affine", scale=scale, zero_point=zero_point).values.reshape(x.shape)


def dequantize(x: np.ndarray, *, scale: float, zero_point: int, use: Use) -> np.ndarray:
    """Return float32 scale * (x - zero_point), the product rounded once: dequantize_s8.

    **Source** ONNX, DequantizeLinear. **Departs** nothing.
    """
    flat = np.ascontiguousarray(x.reshape(-1))
    return use("dequantize_s8")(Quantized(flat, np.float32([scale]), np.int8([zero_point]))).reshape(x.shape)


def rescale_s8(x: np.ndarray, *, x_scale: float, x_zero_point: int, y_scale: float, y_zero_point: int,
               lowest: int = -128, highest: int = 127, use: Use) -> np.ndarray:
    """Bring int8 values to another grid, and clip them: a ReLU is one with lowest = y_zero_point.

        y = clip(round((x - x_zero_point) M / 2^(31 + s)) + y_zero_point, lowest, highest)
        M, s = quantize_multiplier(x_scale / y_scale)

    **Source** as add_s8.
    """
    multiplier, shift = quantize_multiplier(x_scale / y_scale)
    return rounded((x.astype(np.int64) - x_zero_point) * multiplier, shift, y_zero_point, lowest, highest)


def lookup_s8(x: np.ndarray, table: np.ndarray, *, use: Use) -> np.ndarray:
    """Return y = table[x + 128]: any function of one value.

    x : int8. table : (256,) int8, an entry for each of -128..127.

    **Source** the definition; the functions of one value in TensorFlow Lite's int8 kernels are such tables.
    """
    return table[x.astype(np.int16) + 128]


def add_s8(a: np.ndarray, b: np.ndarray, *, a_scale: float, a_zero_point: int, b_scale: float, b_zero_point: int,
           y_scale: float, y_zero_point: int, lowest: int = -128, highest: int = 127, use: Use) -> np.ndarray:
    """Add two int8 values of different grids, and round the sum once.

        y = clip(round(((a - a_zero_point) M_a + (b - b_zero_point) M_b) / 2^(31 + s)) + y_zero_point, lowest, highest)
        M, s = quantize_multiplier(the larger of a_scale / y_scale and b_scale / y_scale): M is the larger's
        the smaller's is rint(its quotient * 2^(31 + s)), ties to even

    Parameters
    ----------
    a, b : int8, whose shapes broadcast

    Returns
    -------
    int8 : exact; the sum of the two products is below 2^40 in magnitude

    **Source** Jacob et al. (2018, arXiv 1712.05877), appendix A.2. **Departs** there both inputs are rounded before they
    are added, here the sum alone is.
    """
    m_a, m_b, shift = multipliers_of_sum(a_scale, b_scale, y_scale)
    products = (a.astype(np.int64) - a_zero_point) * m_a + (b.astype(np.int64) - b_zero_point) * m_b
    return rounded(products, shift, y_zero_point, lowest, highest)


def multipliers_of_sum(a_scale: float, b_scale: float, y_scale: float) -> tuple[int, int, int]:
    """Return the multipliers of a and of b, and their common shift."""
    quotients = (a_scale / y_scale, b_scale / y_scale)
    multiplier, shift = (int(each) for each in quantize_multiplier(max(quotients)))
    m_a, m_b = (multiplier if q == max(quotients) else int(np.rint(np.ldexp(q, 31 + shift))) for q in quotients)
    return m_a, m_b, shift


def multiply_s8(a: np.ndarray, b: np.ndarray, *, a_scale: float, a_zero_point: int, b_scale: float, b_zero_point: int,
                y_scale: float, y_zero_point: int, lowest: int = -128, highest: int = 127, use: Use) -> np.ndarray:
    """Multiply two int8 values, and round the product once.

        y = clip(round((a - a_zero_point) (b - b_zero_point) M / 2^(31 + s)) + y_zero_point, lowest, highest)
        M, s = quantize_multiplier(a_scale * b_scale / y_scale)

    a, b : int8, whose shapes broadcast. Returns int8, exact: the integers' product is below 2^16.

    **Source** Jacob et al. (2018, arXiv 1712.05877), section 2.2, of single values. **Departs** ties go to even.
    """
    multiplier, shift = quantize_multiplier(a_scale * b_scale / y_scale)
    product = (a.astype(np.int64) - a_zero_point) * (b.astype(np.int64) - b_zero_point)
    return rounded(product * multiplier, shift, y_zero_point, lowest, highest)


def average_pool_s8(x: np.ndarray, *, x_scale: float, x_zero_point: int, y_scale: float, y_zero_point: int,
                    lowest: int = -128, highest: int = 127, kernel=(), strides=(), pads=(), count_pads: bool = False,
                    use: Use) -> np.ndarray:
    """Average each window of int8 values, and round the average once.

        y = clip(round(sum over the window of (x - x_zero_point) M / 2^(31 + s)) + y_zero_point, lowest, highest)
        M, s = quantize_multiplier(x_scale / (y_scale * count))

    Parameters
    ----------
    x : (n, c, ...) int8
    kernel : a size an axis; () is the whole image, and y has a single place
    strides, pads : as for average_pool
    count_pads : whether what is padded counts; else count is that of the values of x in a window

    Returns
    -------
    (n, c, ...) int8 : exact

    **Source** the definition; ONNX, AveragePool and GlobalAveragePool. **Departs** nothing.
    """
    kernel = kernel or x.shape[2:]
    axes = tuple(range(-len(kernel), 0))
    sums = windows(x.astype(np.int32) - x_zero_point, kernel, strides, pads, (), 0).sum(axis=axes, dtype=np.int64)
    count = np.full((1, 1, *sums.shape[2:]), math.prod(kernel))
    if not count_pads and any(pads):
        count = windows(np.ones((1, 1, *x.shape[2:]), np.int64), kernel, strides, pads, (), 0).sum(axis=axes)
    multiplier, shift = quantize_multiplier(x_scale / (y_scale * count))
    return rounded(sums * multiplier, shift, y_zero_point, lowest, highest)


def rounded(product: np.ndarray, shift, zero_point: int, lowest: int, highest: int) -> np.ndarray:
    """Return int8 clip(round(product / 2^(31 + shift)) + zero_point, lowest, highest), ties to even."""
    y = quotient(product, np.asarray(shift, np.int64) + 31, "half_even")
    return np.clip(y + zero_point, lowest, highest).astype(np.int8)


def quantize_shape(x: Known, **grid) -> Known:
    if x.type != "float32":
        raise RefcompressError("x", f"must be float32, not {x.type}")
    return Known("int8", x.shape)


def dequantize_shape(x: Known, **grid) -> Known:
    int8(x)
    return Known("float32", x.shape)


def same_int8(x: Known, *table: Known, **grid) -> Known:
    int8(x, *table)
    if table and table[0].shape != (256,):
        raise RefcompressError("table", f"must have the shape (256,), not {table[0].shape}")
    return Known("int8", x.shape)


def pair_shape(a: Known, b: Known, **grids) -> Known:
    int8(a, b)
    return Known("int8", broadcast(a.shape, b.shape))


def pool_shape(x: Known, *, kernel=(), strides=(), pads=(), **rest) -> Known:
    int8(x)
    if x.shape is None:
        return Known("int8", None)
    sizes = x.shape[2:]
    if kernel and len(kernel) != len(sizes):
        raise RefcompressError("kernel", f"must be {len(sizes)} sizes, not {kernel}")
    return Known("int8", (*x.shape[:2], *(windows_shape(sizes, kernel, strides, pads, ()) if kernel else
                                          (1,) * len(sizes))))


def checked_one(*inputs, **grid) -> None:
    checked_grids(**grid)


def checked_rescale(x, *, x_scale, y_scale, **rest) -> None:
    checked_grids(x_scale=x_scale, y_scale=y_scale, **rest)
    quantize_multiplier(x_scale / y_scale)


def checked_sum(a, b, *, a_scale, b_scale, y_scale, **rest) -> None:
    checked_grids(a_scale=a_scale, b_scale=b_scale, y_scale=y_scale, **rest)
    multipliers_of_sum(a_scale, b_scale, y_scale)


def checked_product(a, b, *, a_scale, b_scale, y_scale, **rest) -> None:
    checked_grids(a_scale=a_scale, b_scale=b_scale, y_scale=y_scale, **rest)
    quantize_multiplier(a_scale * b_scale / y_scale)


def checked_pool(x, *, x_scale, y_scale, kernel, strides, pads, count_pads, **rest) -> None:
    checked_grids(x_scale=x_scale, y_scale=y_scale, **rest)
    quantize_multiplier(x_scale / (y_scale * max(math.prod(kernel), 1)))
    quantize_multiplier(x_scale / y_scale)


GRID = {"scale": REQUIRED, "zero_point": REQUIRED}
CLIP = {"lowest": -128, "highest": 127}
TWO_GRIDS = {**GRID_ATTRIBUTES, **CLIP}
THREE_GRIDS = {f"{value}_{part}": REQUIRED for value in "aby" for part in GRID} | CLIP
POOL = {**TWO_GRIDS, "kernel": (), "strides": (), "pads": (), "count_pads": False}

ROWS = (
    Operation("quantize", quantize, quantize_shape, GRID, check=checked_one),
    Operation("dequantize", dequantize, dequantize_shape, GRID, check=checked_one),
    Operation("rescale_s8", rescale_s8, same_int8, TWO_GRIDS, check=checked_rescale),
    Operation("lookup_s8", lookup_s8, same_int8, {}, 2, 2),
    Operation("add_s8", add_s8, pair_shape, THREE_GRIDS, 2, 2, check=checked_sum),
    Operation("multiply_s8", multiply_s8, pair_shape, THREE_GRIDS, 2, 2, check=checked_product),
    Operation("average_pool_s8", average_pool_s8, pool_shape, POOL, check=checked_pool),
)

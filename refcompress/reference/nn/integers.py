"""Element by element in an integer network: addition, multiplication, and any function of one value.

Values are int8 with one scale and one zero point: real = scale (value - zero_point). Each result is the exact quotient
of integers, rounded once, to nearest, with ties to even: so it has the same bits everywhere.
"""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import RefcompressError
from ..gemm.integers import grid_ends, rounded_to_s8
from ..quantize.requantization import quantize_multiplier, quotient

__all__ = ["nn_add_s8", "nn_lookup_s8", "nn_multiply_s8"]

FACTOR = 2**22  # below it two products of a factor and a difference of int8 and half a unit have a sum in int32
MOST_SHIFT = 24


def nn_add_s8(a: NDArray[np.int8], b: NDArray[np.int8], a_scale: float, b_scale: float, y_scale: float, *,
              a_zero_point: int = 0, b_zero_point: int = 0, zero_point: int = 0, lowest: int = -128,
              highest: int = 127) -> NDArray[np.int8]:
    """Add two int8 arrays, each with a scale and a zero point, to a third by integers of 32 bits.

        y = clip(round(((a - a_zero_point) A + (b - b_zero_point) B) / 2^s) + zero_point, lowest, highest)
        A = rint(2^s a_scale / y_scale), B = rint(2^s b_scale / y_scale), s <= 24 the largest with A, B < 2^22

    Parameters
    ----------
    a, b : int8 of shapes that broadcast
    a_scale, b_scale, y_scale : float, 2**-126 and above
        a_scale / y_scale and b_scale / y_scale must be below 2**21.
    a_zero_point, b_zero_point : int, -128 to 127
    zero_point, lowest, highest : as for :func:`gemm_s8s8_requantized`

    Returns
    -------
    int8 of the shape to which a and b broadcast
        Quotients of scales and their products with 2^s are float64. No sum leaves int32.

    **Source** Jacob et al. (2018, arXiv 1712.05877), the appendix: an addition rescales one input to the other's scale
    and the sum to the result's. **Departs** both inputs are rescaled to the result's scale, with 22 bits, and one
    rounding comes behind the sum.

    Cost 2 multiplications an element.

    >>> nn_add_s8(np.int8([10, -7]), np.int8([1, 2]), 0.5, 0.25, 0.5).tolist()
    [10, -6]
    """
    a, b, factors, a_zero_point, b_zero_point, *ends = add_arguments(
        a, b, a_scale, b_scale, y_scale, a_zero_point, b_zero_point, zero_point, lowest, highest)
    a_factor, b_factor, shift = factors
    sums = (a.astype(np.int64) - a_zero_point) * a_factor + (b.astype(np.int64) - b_zero_point) * b_factor
    zero_point, lowest, highest = ends
    y = np.clip(quotient(sums, np.int64(shift), "half_even") + zero_point, lowest, highest)
    return np.asarray(y, np.int8)


def nn_multiply_s8(a: NDArray[np.int8], b: NDArray[np.int8], a_scale: float, b_scale: float, y_scale: float, *,
                   a_zero_point: int = 0, b_zero_point: int = 0, zero_point: int = 0, lowest: int = -128,
                   highest: int = 127) -> NDArray[np.int8]:
    """Multiply two int8 arrays, each with a scale and a zero point, element by element to a third.

        y = clip(round((a - a_zero_point) (b - b_zero_point) multiplier / 2^(31 + shift)) + zero_point, lowest, highest)
        multiplier, shift = quantize_multiplier(a_scale * b_scale / y_scale)

    Parameters
    ----------
    a, b : int8 of shapes that broadcast
    a_scale, b_scale, y_scale : float, 2**-126 and above
        a_scale * b_scale / y_scale, float64, must be 2**-32 to below 2**30.
    a_zero_point, b_zero_point, zero_point, lowest, highest : as for :func:`nn_add_s8`

    Returns
    -------
    int8 of the shape to which a and b broadcast

    **Source** Jacob et al. (2018, arXiv 1712.05877), section 2.2, eq. 5 and 6, of one product. **Departs** nothing.

    Cost 2 multiplications an element.

    >>> nn_multiply_s8(np.int8([10, -7]), np.int8([3, 3]), 0.5, 0.5, 1.0).tolist()
    [8, -5]
    """
    a, b, multiplier, shift, a_zero_point, b_zero_point, *ends = multiply_arguments(
        a, b, a_scale, b_scale, y_scale, a_zero_point, b_zero_point, zero_point, lowest, highest)
    products = (a.astype(np.int64) - a_zero_point) * (b.astype(np.int64) - b_zero_point)
    return rounded_to_s8(products, multiplier, shift, *ends)


def nn_lookup_s8(x: NDArray[np.int8], table: NDArray[np.int8]) -> NDArray[np.int8]:
    """Replace each int8 by its entry of a table: any function of one value.

        y = table[x + 128]

    Parameters
    ----------
    x : int8 of any shape
    table : (256,) int8

    Returns
    -------
    int8 of the shape of x

    **Source** the definition. **Departs** nothing.

    Cost one look-up an element.

    >>> relu = np.maximum(np.arange(-128, 128), 0).astype(np.int8)
    >>> nn_lookup_s8(np.int8([-3, 0, 5]), relu).tolist()
    [0, 0, 5]
    """
    x, table = lookup_arguments(x, table)
    return np.asarray(table[x.astype(np.int64) + 128])  # of no dimensions, too


def add_arguments(a, b, a_scale, b_scale, y_scale, a_zero_point, b_zero_point, zero_point, lowest, highest):
    """Return the arguments of nn_add_s8, checked, the scales as two factors and a shift."""
    a, b, scales, *zeros = _two(a, b, a_scale, b_scale, y_scale, a_zero_point, b_zero_point)
    ratios = scales[0] / scales[2], scales[1] / scales[2]
    for name, ratio in zip(("a_scale", "b_scale"), ratios):
        if not ratio < FACTOR / 2:
            raise RefcompressError(name, f"must be below 2**21 times y_scale, not {ratio:g} times")
    shift = next(s for s in range(MOST_SHIFT, -1, -1) if round(max(ratios) * 2**s) < FACTOR)
    factors = round(ratios[0] * 2**shift), round(ratios[1] * 2**shift), shift
    return a, b, factors, *zeros, *grid_ends(zero_point, lowest, highest)


def multiply_arguments(a, b, a_scale, b_scale, y_scale, a_zero_point, b_zero_point, zero_point, lowest, highest):
    """Return the arguments of nn_multiply_s8, checked, the scales as a multiplier and a shift."""
    a, b, scales, *zeros = _two(a, b, a_scale, b_scale, y_scale, a_zero_point, b_zero_point)
    scale = scales[0] * scales[1] / scales[2]
    if not 2.0**-32 <= scale < 2.0**30:
        raise RefcompressError("y_scale", f"must leave a_scale * b_scale / y_scale in 2**-32 to 2**30, not {scale:g}")
    multiplier, shift = quantize_multiplier(scale)
    return a, b, int(multiplier), int(shift), *zeros, *grid_ends(zero_point, lowest, highest)


def lookup_arguments(x, table) -> tuple[np.ndarray, np.ndarray]:
    """Return the arguments of nn_lookup_s8, checked."""
    x, table = arguments.array(x, "x", np.int8), arguments.array(table, "table", np.int8, ndim=1)
    if len(table) != 256:
        raise RefcompressError("table", f"must have 256 entries, one for each int8, not {len(table)}")
    return x, table


def s8_argument(value, argument: str) -> int:
    """Return an int of -128 to 127, or refuse it."""
    return arguments.integer(value, argument, -128, 127)


def scale_argument(value, argument: str) -> float:
    """Return a scale as a float, or refuse it."""
    return arguments.real(value, argument, 2.0**-126, 2.0**128)


def _two(a, b, a_scale, b_scale, y_scale, a_zero_point, b_zero_point):
    a, b = arguments.array(a, "a", np.int8), arguments.array(b, "b", np.int8)
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise RefcompressError("b", f"must have a shape that broadcasts with {a.shape}, not {b.shape}") from None
    arguments.shape(shape, "y")
    scales = [scale_argument(value, name)
              for value, name in ((a_scale, "a_scale"), (b_scale, "b_scale"), (y_scale, "y_scale"))]
    return a, b, scales, s8_argument(a_zero_point, "a_zero_point"), s8_argument(b_zero_point, "b_zero_point")

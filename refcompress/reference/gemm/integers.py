"""Products of int8 with what follows them in an integer network: requantization to int8, or scales back to float32.

Letters: x is the input, m rows of k; w the weight, n outputs by k inputs; y is m by n.
"""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...constants import SMALLEST_NORMAL
from ...errors import LimitError, RefcompressError
from ...formats import Quantized
from ...formats.prepared import unprepared
from ..quantize.integers import quantized
from ..quantize.requantization import MOST_SHIFT, quotient
from .products import MAX_K_S8S8, s8s8_arguments, same_k

__all__ = ["gemm_s8s8_requantized", "gemm_s8s8_scaled"]

MAX_K_SCALED = 65_793  # the most products of at most 128 * 255 in magnitude that an int32 holds


def gemm_s8s8_requantized(x: NDArray[np.int8], w: NDArray[np.int8], bias: NDArray[np.int32],
                          multiplier: NDArray[np.int32], shift: NDArray[np.int32], *, zero_point: int = 0,
                          lowest: int = -128, highest: int = 127) -> NDArray[np.int8]:
    """Multiply int8 by int8, add a bias, and scale the sums to int8: a whole layer by integer arithmetic.

        acc[i, j] = sum over p of x[i, p] * w[j, p] + bias[j]
        y[i, j]   = clip(round(acc[i, j] * multiplier[j] / 2^(31 + shift[j])) + zero_point, lowest, highest)

    Parameters
    ----------
    x : (m, k) int8
    w : (n, k) int8
    bias : (n,) int32, at most 2**31 - 1 - k * 2**14 in magnitude: no sum can leave int32, whatever x is
        Where x has a zero point z, the bias of the layer less z * (sum of row j of w).
    multiplier, shift : (n,) int32, as quantize_multiplier(scale_x * scale_w / scale_y) makes them
        0 to 2**31 - 1, and -30 to 31.
    zero_point : int, lowest to highest
        That of y.
    lowest, highest : int, -128 to 127
        What an activation leaves: ReLU has zero_point as its lowest.

    Returns
    -------
    (m, n) int8 : the exact quotient is rounded once, to nearest, with ties to even

    **Source** Jacob et al. (2018, arXiv 1712.05877), sections 2.2 (eq. 5 and 6), 2.3 (eq. 7 to 9) and 2.4.

    **Departs** the quotient is rounded once; gemmlowp rounds twice (``requantize_s32`` has both).

    Cost 2 m n k operations.

    >>> x, w = np.int8([[1, 2]]), np.int8([[3, 4], [-5, 6]])
    >>> gemm_s8s8_requantized(x, w, np.int32([0, 1]), np.int32([2**30, 2**30]), np.int32([0, 1])).tolist()
    [[6, 2]]
    """
    x, w, bias, multiplier, shift, zero_point, lowest, highest = requantized_arguments(
        x, w, bias, multiplier, shift, zero_point, lowest, highest)
    acc = x.astype(np.int64) @ w.astype(np.int64).T + bias
    return rounded_to_s8(acc, multiplier, shift, zero_point, lowest, highest)


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def gemm_s8s8_scaled(x: NDArray[np.int8], x_scale: NDArray[np.float32], w: Quantized,
                     bias: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Multiply int8 inputs, each row with a scale, by int8 weights with scales: to float32, by sums of integers.

        acc[i, j, g] = sum over the inputs p of group g of x[i, p] * (values[j, p] - zero_point[j, g])
        y[i, j]      = sum over g of acc[i, j, g] * (x_scale[i] * scale[j, g]) + bias[j]

    Parameters
    ----------
    x : (m, k) int8, with k at most 65,793: then no sum can leave int32, whatever the values
    x_scale : (m,) float32, finite, at least 2**-126
        Those of ``quantize_s8(x, axis=0)``.
    w : Quantized of shape (n, k), int8, with a scale for all, for each output or for each group of inputs
        A scale for each input cannot be taken out of a sum of integers: it is refused.
    bias : None or (n,) float32

    Returns
    -------
    (m, n) float32
        Sums of integers are exact. x_scale * scale is exact in float64. In float64, each rounded: acc times that
        product; the sum from +0.0 over g ascending; the bias added. Then one rounding to float32; infinity beyond it.

    **Source** Dettmers et al., LLM.int8() (2022, arXiv 2208.07339), section 2.1: vector-wise quantization.

    **Departs** sums of groups; the zero points of the weights; float64 behind the sums.

    Cost 2 m n k operations.

    >>> w = Quantized(np.int8([[3, -4, 1]]), np.float32([[0.5, 2]]), np.int8([[1, 0]]), group=2)
    >>> x, x_scale = np.int8([[2, 10, 1]]), np.float32([0.25])
    >>> gemm_s8s8_scaled(x, x_scale, w).item() == 0.25 * (0.5 * (2 * 2 - 5 * 10) + 2 * 1)
    True
    """
    x, x_scale, w, bias, group = scaled_arguments(x, x_scale, w, bias)
    steps = (w.values.astype(np.int64) - w.expand(w.zero_point)).T
    n, k = w.shape
    scale = np.broadcast_to(w.scale, (n, w.scale.shape[1])).astype(np.float64)
    y = np.zeros((len(x), n))
    for g, first in enumerate(range(0, k, group)):
        acc = x[:, first : first + group].astype(np.int64) @ steps[first : first + group]
        y += acc * (x_scale.astype(np.float64)[:, None] * scale[:, g])
    return (y if bias is None else y + bias).astype(np.float32)


def rounded_to_s8(acc: np.ndarray, multiplier, shift, zero_point: int, lowest: int, highest: int) -> NDArray[np.int8]:
    """Return acc * multiplier / 2^(31 + shift), rounded once, ties to even, with the zero point, clipped: as int8."""
    p = acc * np.asarray(multiplier, np.int64)  # at most 62 bits
    y = quotient(p, np.asarray(shift, np.int64) + 31, "half_even")
    return np.asarray(np.clip(y + zero_point, lowest, highest), np.int8)


def requantized_arguments(x, w, bias, multiplier, shift, zero_point, lowest, highest):
    """Return the arguments of gemm_s8s8_requantized, checked: what both implementations accept."""
    x, w = s8s8_arguments(x, w)
    n, k = w.shape
    if k > MAX_K_S8S8:
        raise LimitError("k", f"must be at most {MAX_K_S8S8} (the sum could leave int32), not {k}")
    return x, w, *layer_arguments(n, k, bias, multiplier, shift), *grid_ends(zero_point, lowest, highest)


def layer_arguments(n: int, k: int, bias, multiplier, shift) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return bias, multiplier and shift of n outputs of k inputs each, or refuse them."""
    bias = of_outputs(bias, "bias", np.int32, n)
    most = 2**31 - 1 - k * 2**14
    wide = np.abs(bias.astype(np.int64))
    arguments.each(bias, "bias", wide <= most, f"must be at most 2**31 - 1 - k * 2**14, {most}, in magnitude")
    multiplier, shift = multiplier_and_shift(multiplier, shift, n)
    return bias, multiplier, shift


def multiplier_and_shift(multiplier, shift, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the multiplier and the shift of each of n outputs, or refuse them."""
    multiplier, shift = of_outputs(multiplier, "multiplier", np.int32, n), of_outputs(shift, "shift", np.int32, n)
    arguments.each(multiplier, "multiplier", multiplier >= 0, "must be between 0 and 2**31 - 1")
    good = (shift >= 1 - MOST_SHIFT) & (shift <= MOST_SHIFT)
    arguments.each(shift, "shift", good, f"must be between {1 - MOST_SHIFT} and {MOST_SHIFT}")
    return multiplier, shift


def grid_ends(zero_point, lowest, highest) -> tuple[int, int, int]:
    """Return the zero point and both ends of an int8 grid, or refuse them."""
    lowest = arguments.integer(lowest, "lowest", -128, 127)
    highest = arguments.integer(highest, "highest", lowest, 127)
    return arguments.integer(zero_point, "zero_point", lowest, highest), lowest, highest


def scaled_arguments(x, x_scale, w, bias):
    """Return the arguments of gemm_s8s8_scaled, checked, and the inputs of a group: what both implementations accept.
    """
    x, w = arguments.array(x, "x", np.int8, ndim=2), unprepared(w)
    quantized(w, np.int8, "w")
    if len(w.shape) != 2:
        raise RefcompressError("w", f"must have 2 dimensions, not {len(w.shape)}")
    same_k(x, w)
    n, k = w.shape
    if k > MAX_K_SCALED:
        raise LimitError("k", f"must be at most {MAX_K_SCALED} (the sum could leave int32), not {k}")
    if w.group is None and w.scale.shape[1] != 1:
        raise RefcompressError("w", "must not have a scale for each input: no sum of integers can be scaled by it")
    x_scale = x_scales(x_scale, len(x))
    if bias is not None:
        bias = of_outputs(bias, "bias", np.float32, n)
    return x, x_scale, w, bias, max(1, min(k if w.group is None else w.group, k))


def x_scales(x_scale, m: int) -> np.ndarray:
    """Return the scales of m rows of x, or refuse them."""
    x_scale = of_outputs(x_scale, "x_scale", np.float32, m, "a row of x")
    good = (x_scale >= SMALLEST_NORMAL) & np.isfinite(x_scale)
    return arguments.each(x_scale, "x_scale", good, "must be 2**-126 to 2**128")


def of_outputs(value, argument: str, dtype, n: int, each: str = "an output") -> np.ndarray:
    a = arguments.array(value, argument, dtype, ndim=1)
    if len(a) != n:
        raise RefcompressError(argument, f"must have {n} elements, one {each}, not {len(a)}")
    return a

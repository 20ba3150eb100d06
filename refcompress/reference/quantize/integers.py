"""Quantization to integers of 2 to 8, or of 16 bits: weight = scale * (value - zero_point), and back.

Read quantize_s8, then nearest_integers, which is the algorithm, scale_and_zero_point and in_groups.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...constants import LARGEST, SMALLEST_NORMAL
from ...errors import ArgumentTypeError, RefcompressError
from ...formats import Quantized
from ...formats.base import block_shape, matrix_shape

__all__ = ["quantize_s8", "dequantize_s8", "quantize_s16", "dequantize_s16"]

SCHEMES = ("symmetric", "affine")


def quantize_s8(x: NDArray[np.float32], *, bits: int = 8, scheme: str = "symmetric", axis: int | None = None,
                group: int | None = None, scale: float | NDArray[np.float32] | None = None,
                zero_point: int | NDArray[np.int8] | None = None) -> Quantized:
    """Round to integers of 2 to 8 bits on an even grid that has a point at zero.

        values = clip(rint(x / scale) + zero_point, lowest, highest)
        symmetric:  -lowest = highest = 2^(bits-1) - 1,             scale = max|x| / highest, zero_point = 0
        affine:     lowest = -2^(bits-1), highest = -lowest - 1,
                    scale = (max(x, 0) - min(x, 0)) / (highest - lowest),
                    zero_point = clip(rint(lowest - min(x, 0) / scale), lowest, highest)

    Parameters
    ----------
    x : array of float32, at least one dimension, finite
    bits : int, 2 to 8
    scheme : "symmetric" or "affine"
    axis, group : int or None, not both
        What shares a scale: all of x; each index of ``axis`` (-1 is the last axis, -2 the one before it); or each
        segment of ``group`` values of a row, of which the last may be shorter. Rows lie along the last axis. If x has
        more than two dimensions, a row is all that one index of axis 0 has, in C order: of the kernels of a convolution
        inputs x height x width.
    scale : float, or array of float32 of the shape of the result's scale; at least 2**-126, finite
        By default the formula above, from the range of x itself. A scale can also be found before, from other data
        (``quantize_range_...``, then :func:`quantize_scale`). Then what lies beyond the grid is clipped.
    zero_point : int in lowest..highest, or such int8 of the shape of the result's scale
        By default the formula above. It is given with a scale only, and must be 0 if symmetric.

    Returns
    -------
    Quantized : values and zero points of int8
        The scale has the dimensions of x, with size 1 along what is shared; for groups it is (rows, segments of a row),
        and of a vector (segments,). Zero is exact, and with the default scale the error is at most
        (1/2 + 2**-14) * scale. Quantizing the dequantized array with the same scale and zero point gives the same
        values.

    **Source** Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference (2018, arXiv 1712.05877), section 2.1, eq. 1, and section 3; ties to even as in ONNX, QuantizeLinear.

    **Departs** from ONNX's DynamicQuantizeLinear, whose float32 range overflows to infinity at 3e38 and whose scale
    underflows to 0 at 1e-45. gemmlowp rounds ties away from zero.

    Cost O(size); beside the result 3 times the input's memory, in C 1/8 of it.

    >>> import numpy as np
    >>> x = np.array([[-1.0, 0.5, 0.0, 0.126]], dtype=np.float32)
    >>> quantize_s8(x, scale=0.5).values
    array([[-2,  1,  0,  0]], dtype=int8)
    >>> q = quantize_s8(x, scheme="affine", group=2)
    >>> np.abs(dequantize_s8(q) - x).max() <= 0.501 * q.scale.max()
    np.True_
    >>> quantize_s8(x, bits=2).values
    array([[-1,  0,  0,  0]], dtype=int8)
    """
    x, lowest, highest, axis, group, scale, zero_point = quantize_arguments(
        x, np.int8, bits, scheme, axis, group, scale, zero_point)
    return nearest_integers(x, lowest, highest, axis, group, scale, zero_point)


# The bits of nearest_integers, which the C kernels repeat: the range and its quotients are float64, so they neither
# overflow nor underflow. The scale is rounded to float32, and the zero point is that of the rounded scale. x / scale
# is a division in float32, and rint rounds ties to even. The error is half a step, plus at most 2 * highest + 1 times
# three roundings of 2**-24: of the scale, of the division and of the product. That is 2**-14 of a step for 8 bits and
# 2**-6 for 16.
@np.errstate(all="ignore")  # where the caller's scale is small x / scale may be infinite: it is clipped
def nearest_integers(x, lowest, highest, axis, group, scale, zero_point) -> Quantized:
    """Return x on the grid lowest..highest; its scale and zero point are those given, or those of its range."""
    if group is not None:
        return in_groups(x, lowest, highest, group, scale, zero_point)
    shared = tuple(i for i in range(x.ndim) if i != axis)
    low = x.min(axis=shared, keepdims=True, initial=0)
    high = x.max(axis=shared, keepdims=True, initial=0)
    if zero_point is None:
        scale, zero_point = scale_and_zero_point(low, high, lowest, highest, scale)
    values = np.clip(np.rint(x / scale) + zero_point, lowest, highest)
    return Quantized(values.astype(zero_point.dtype), scale, zero_point)


def in_groups(x, lowest, highest, group, scale, zero_point) -> Quantized:
    """Return x with a scale for each segment of ``group`` values: the rows of a matrix with a scale a row."""
    *rows, size = x.shape if x.ndim < 3 else (len(x), math.prod(x.shape[1:]))
    count, length = -(-size // group), min(group, size)
    filled = np.zeros((*rows, count * length), np.float32)  # zeros belong to every range: they fill up the last segment
    filled[..., :size] = x.reshape(*rows, size)
    segments = filled.reshape(math.prod(rows) * count, length)
    scale, zero_point = (a if a is None else a.reshape(-1, 1) for a in (scale, zero_point))
    q = nearest_integers(segments, lowest, highest, 0, None, scale, zero_point)
    values = q.values.reshape(filled.shape)[..., :size].reshape(x.shape)
    return Quantized(values, q.scale.reshape(*rows, count), q.zero_point.reshape(*rows, count), group)


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def scale_and_zero_point(low, high, lowest, highest, scale=None):
    """Return the scale (that given, or that of the range low..high) and the zero point that goes with it."""
    low, high = low.astype(np.float64), high.astype(np.float64)
    symmetric = lowest == -highest
    if scale is None:
        step = (np.maximum(-low, high) / highest if symmetric
                else (high - low) / (highest - lowest))
        normal = np.maximum(step.astype(np.float32), np.float32(SMALLEST_NORMAL))
        scale = np.where(step == 0, np.float32(1), normal)
    zero_point = (np.zeros_like(low) if symmetric
                  else np.clip(np.rint(lowest - low / scale), lowest, highest))
    return scale, np.asarray(zero_point, np.int8 if highest < 128 else np.int16)


def dequantize_s8(q: Quantized) -> NDArray[np.float32]:
    """Return the array that quantized values stand for; the inverse of :func:`quantize_s8` up to rounding.

        x = scale * (values - zero_point)

    Parameters
    ----------
    q : Quantized of int8

    Returns
    -------
    float32 of the shape of q
        The difference is exact, and the product is rounded once. Where the product would overflow it is the largest
        finite float32: the point of the grid next to 3e38 may lie beyond float32.

    **Source** Jacob et al. (2018, arXiv 1712.05877), section 2.1, eq. 1. **Departs** at that overflow.

    Cost O(size); beside the result 1/4 of the input's memory, in C 1/8 of it.

    >>> import numpy as np
    >>> q = Quantized(np.array([-3, 4], dtype=np.int8), np.float32([0.5]), np.int8([1]))
    >>> dequantize_s8(q).tolist()
    [-2.0, 1.5]
    """
    return quantized(q, np.int8).dense()


def quantize_s16(x: NDArray[np.float32], *, scheme: str = "symmetric", axis: int | None = None,
                 group: int | None = None, scale: float | NDArray[np.float32] | None = None,
                 zero_point: int | NDArray[np.int16] | None = None) -> Quantized:
    """Round to integers of 16 bits on an even grid that has a point at zero.

        values = clip(rint(x / scale) + zero_point, lowest, highest)

    As :func:`quantize_s8` with 16 bits: lowest is -32767 (affine: -32768), highest 32767.

    Parameters
    ----------
    x, scheme, axis, group, scale : as for :func:`quantize_s8`
    zero_point : as for :func:`quantize_s8`, but int16

    Returns
    -------
    Quantized : values and zero points of int16
        With the default scale the error is at most (1/2 + 2**-6) * scale.

    **Source** as :func:`quantize_s8`. **Departs** as :func:`quantize_s8`.

    Cost O(size); beside the result 3 times the input's memory, in C 1/8 of it.

    >>> import numpy as np
    >>> q = quantize_s16(np.float32([-1, 0.25, 1 / 3]))
    >>> q.values
    array([-32767,   8192,  10922], dtype=int16)
    """
    x, lowest, highest, axis, group, scale, zero_point = quantize_arguments(
        x, np.int16, 16, scheme, axis, group, scale, zero_point)
    return nearest_integers(x, lowest, highest, axis, group, scale, zero_point)


def dequantize_s16(q: Quantized) -> NDArray[np.float32]:
    """Return the array that quantized values stand for; the inverse of :func:`quantize_s16` up to rounding.

        x = scale * (values - zero_point)

    Parameters
    ----------
    q : Quantized of int16

    Returns
    -------
    float32 of the shape of q, as :func:`dequantize_s8` computes it; the difference, at most 65535, is exact.

    **Source** as :func:`dequantize_s8`. **Departs** as :func:`dequantize_s8`.

    Cost O(size); beside the result 1/8 of the input's memory, in C 1/8 of it.

    >>> import numpy as np
    >>> dequantize_s16(Quantized(np.int16([-300, 4]), np.float32([0.5]), np.int16([1000]))).tolist()
    [-650.0, -498.0]
    """
    return quantized(q, np.int16).dense()


def limits(bits: int, scheme: str) -> tuple[int, int]:
    """Return the lowest and the highest value of a grid; a symmetric one mirrors, so that -x has the values negated."""
    highest = 2 ** (bits - 1) - 1
    return (-highest if scheme == "symmetric" else -highest - 1), highest


def quantized(q, dtype=None, argument: str = "q") -> Quantized:
    """Return ``q`` if it is a Quantized (with values of this dtype); refuse anything else."""
    if not isinstance(q, Quantized):
        raise ArgumentTypeError(argument, f"must be a Quantized, not {type(q).__name__}")
    if dtype is not None and q.values.dtype != dtype:
        raise ArgumentTypeError(argument, f"must hold {np.dtype(dtype).name} values, not {q.values.dtype.name}")
    return q


def quantize_arguments(x, dtype, bits, scheme, axis, group, scale, zero_point):
    """Return x, lowest, highest, axis, group, scale and zero_point (arrays, or None if not given), or refuse them."""
    x, _, *checked = grid_arguments(x, dtype, bits, scheme, axis, group, scale, zero_point)
    return arguments.finite(x, "x"), *checked


def grid_arguments(x, dtype, bits, scheme, axis, group, scale, zero_point):
    """Return x, the shape of the scale, lowest, highest, axis, group, scale and zero_point, or refuse them.

    What x holds is not looked at: a kernel does so while it reads x.
    """
    x, shape, axis, group = sharing_arguments(x, axis, group)
    bits = arguments.integer(bits, "bits", *((2, 8) if dtype == np.int8 else (16, 16)))
    scheme = arguments.choice(scheme, "scheme", SCHEMES)
    if zero_point is not None and scale is None:
        raise RefcompressError("zero_point", "must come with a scale: without one it has no unit")
    if isinstance(scale, np.ndarray):
        scale = _of_shape(arguments.array(scale, "scale", np.float32), "scale", shape)
        arguments.each(scale, "scale", (scale >= SMALLEST_NORMAL) & np.isfinite(scale), "must be 2**-126 to 2**128")
    elif scale is not None:
        scale = np.full(shape, arguments.real(scale, "scale", float(SMALLEST_NORMAL), LARGEST), dtype=np.float32)

    lowest, highest = limits(bits, scheme)
    if isinstance(zero_point, np.ndarray):
        zero_point = _of_shape(arguments.array(zero_point, "zero_point", dtype), "zero_point", shape)
    elif zero_point is not None:
        zero_point = np.full(shape, arguments.integer(zero_point, "zero_point", *limits(bits, "affine")), dtype=dtype)
    elif scheme == "symmetric" and scale is not None:
        zero_point = np.zeros(shape, dtype=dtype)
    if zero_point is not None and scheme == "symmetric":
        arguments.each(zero_point, "zero_point", zero_point == 0, "must be 0 in the symmetric scheme")
    elif zero_point is not None:
        inside = (zero_point >= lowest) & (zero_point <= highest)
        arguments.each(zero_point, "zero_point", inside, f"must be in {lowest}..{highest}")
    return x, shape, lowest, highest, axis, group, scale, zero_point


def sharing_arguments(x, axis, group, argument: str = "x"):
    """Return x, the shape of the scale, axis and group, or refuse them; what x holds is not looked at."""
    x = arguments.array(x, argument, np.float32)
    if x.ndim == 0:
        raise RefcompressError(argument, "must have at least one dimension")
    if axis is not None:
        axis = arguments.integer(axis, "axis", -x.ndim, x.ndim - 1) % x.ndim
    if group is None:
        return x, tuple(n if i == axis else 1 for i, n in enumerate(x.shape)), axis, None
    group = arguments.integer(group, "group", 1)
    if axis is not None:
        raise RefcompressError("axis or group", "at most one must be given, not 2")
    return x, block_shape(matrix_shape(x.shape), group), None, group


def _of_shape(a: np.ndarray, argument: str, shape: tuple[int, ...]) -> np.ndarray:
    if a.shape != shape:
        raise RefcompressError(argument, f"must have the shape of the result's scale, {shape}, not {a.shape}")
    return a

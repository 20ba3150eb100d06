"""Quantisation to integers of 2 to 8, or of 16 bits: weight = scale * (value - zero_point), and back."""

import numpy as np

from ... import arguments
from ...constants import LARGEST, SMALLEST_NORMAL
from ...errors import ArgumentTypeError, RefcompressError
from ...formats import Quantized
from .scales import SCHEMES, along, chosen, limits, minmax_arguments, span

__all__ = ["quantize_s8", "dequantize_s8", "quantize_s16", "dequantize_s16"]


def quantize_s8(x, *, bits=8, scheme="symmetric", axis=None, group=None, scale=None, zero_point=None) -> Quantized:
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
        What shares a scale: all of x; each index of ``axis`` (a channel: 0 where outputs come first, -1 where they come
        last, as in Keras); or each run of ``group`` values of an output, of which the last may be shorter. An output is
        a row along the last axis; of x of more than two dimensions, such as the kernels of a convolution, all that one
        index of axis 0 has, in C order: inputs x height x width.
    scale : float, or array of float32 of the shape of the result's scale; at least 2**-126, finite
        By default from the range of x, as above: dynamic quantisation. Scales chosen beforehand, from the range that
        calibration saw (``quantize_range_...``, :func:`quantize_scale`), make it static; a wider x is clipped.
    zero_point : int in lowest..highest, or such int8 of the shape of the result's scale; only with scale, 0 if
    symmetric
        By default 0, or (affine) from the lowest x and scale, as above.

    Returns
    -------
    Quantized : values and zero points of int8; scale has the dimensions of x with size 1 along what is shared
        (for groups (outputs, ceil(size of an output / group)): 2 dimensions, of a vector 1). Scales and zero points are those of :func:`quantize_scale`; the zero point is
        that of the scale rounded to float32. x / scale is a division in float32, halves are rounded to even; what lies
        beyond the grid is clipped.

        Zero is exact. With these scales, |dequantize(quantize(x)) - x| <= (1/2 + 2**-14) * scale: half a step, plus at
        most 255 roundings of 2**-24 each from the division, from rounding scale and from the product. Quantizing the
        dequantized array again with the same scale and zero_point gives the same values.

    Raises
    ------
    ArgumentTypeError, RefcompressError : by name; NaN and infinities by index.

    **Source** Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference (2018, arXiv 1712.05877), section 2.1, eq. 1 and section 3; rounding as in ONNX, QuantizeLinear.

    **Departs** from ONNX's DynamicQuantizeLinear, whose float32 range overflows to infinity at 3e38 and whose scale
    underflows to 0 at 1e-45. gemmlowp rounds halves away from zero.

    Cost O(size).

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
    return _quantize(x, np.int8, bits, scheme, axis, group, scale, zero_point)


def quantize_s16(x, *, scheme="symmetric", axis=None, group=None, scale=None, zero_point=None) -> Quantized:
    """Round to integers of 16 bits on an even grid that has a point at zero.

    As :func:`quantize_s8` with 16 bits: lowest is -32767 (affine: -32768), highest 32767; values and zero points are
    int16. Parameters, order and errors are the same. The error is at most (1/2 + 2**-6) * scale: half a step, plus
    65535 times the three roundings of 2**-24 each.

    **Source** as quantize_s8. **Departs** as quantize_s8. Cost O(size).

    >>> import numpy as np
    >>> q = quantize_s16(np.float32([-1, 0.25, 1 / 3]))
    >>> q.values
    array([-32767,   8192,  10922], dtype=int16)
    """
    return _quantize(x, np.int16, 16, scheme, axis, group, scale, zero_point)


def _quantize(x, dtype, bits, scheme, axis, group, scale, zero_point) -> Quantized:
    x, shape, bits, axis, group, scale, zero_point = quantize_arguments(x, dtype, bits, scheme, axis, group, scale,
                                                                        zero_point)
    arguments.finite(x, "x")
    if scale is None or zero_point is None:
        scale, zero_point = chosen(span(x, axis, group), dtype, bits, scheme, scale)
    steps = np.empty(x.shape, dtype=np.float32)
    # x / scale may be infinite where the caller's scale is small: it is clipped.
    with np.errstate(over="ignore", under="ignore"):
        np.divide(x, along(scale, x, group), out=steps)
    values = np.clip(np.rint(steps) + along(zero_point, x, group), *limits(bits, scheme))
    return Quantized(values.astype(dtype), scale, zero_point, group)


def dequantize_s8(q) -> np.ndarray:
    """Return the float32 array that quantised values stand for; the inverse of :func:`quantize_s8` up to rounding.

        x = scale * (values - zero_point)

    q : Quantized, of int8 values. Returns float32 of its shape: the difference is exact, the product rounded once.
    Where it would overflow (the point of the grid next to 3e38 may lie beyond float32) it is the largest finite
    float32, which is nearer to what was quantised. Raises ArgumentTypeError for anything but a Quantized of int8.

    **Source** Jacob et al. (2018), section 2.1, eq. 1. **Departs** at that overflow. Cost O(size).

    >>> import numpy as np
    >>> q = Quantized(np.array([-3, 4], dtype=np.int8), np.float32([0.5]), np.int8([1]))
    >>> dequantize_s8(q).tolist()
    [-2.0, 1.5]
    """
    return quantized(q, np.int8).dense()


def dequantize_s16(q) -> np.ndarray:
    """Return the float32 array that quantised values stand for; the inverse of :func:`quantize_s16` up to rounding.

        x = scale * (values - zero_point)

    As :func:`dequantize_s8`, for a Quantized of int16 values; the difference (at most 65535) is exact.

    **Source** as dequantize_s8. **Departs** as dequantize_s8. Cost O(size).

    >>> import numpy as np
    >>> dequantize_s16(Quantized(np.int16([-300, 4]), np.float32([0.5]), np.int16([1000]))).tolist()
    [-650.0, -498.0]
    """
    return quantized(q, np.int16).dense()


def quantized(q, dtype=None, argument: str = "q") -> Quantized:
    """Return ``q`` if it is a Quantized (with values of this dtype); refuse anything else."""
    if not isinstance(q, Quantized):
        raise ArgumentTypeError(argument, f"must be a Quantized, not {type(q).__name__}")
    if dtype is not None and q.values.dtype != dtype:
        raise ArgumentTypeError(argument, f"must hold {np.dtype(dtype).name} values, not {q.values.dtype.name}")
    return q


def quantize_arguments(x, dtype, bits, scheme, axis, group, scale, zero_point):
    """Return x, the shape of the scale, bits, axis, group, scale and zero_point (None if not given), or refuse them.

    What x holds is looked at last, and not here: a kernel can do so while it reads x anyway.
    """
    x, shape, axis, group = minmax_arguments(x, axis, group)
    bits = arguments.integer(bits, "bits", *((2, 8) if dtype == np.int8 else (16, 16)))
    scheme = arguments.choice(scheme, "scheme", SCHEMES)
    if zero_point is not None and scale is None:
        raise RefcompressError("zero_point", "must come with a scale: without one it has no unit")
    if isinstance(scale, np.ndarray):
        scale = _shaped(arguments.array(scale, "scale", np.float32), "scale", shape)
        arguments.each(scale, "scale", (scale >= SMALLEST_NORMAL) & np.isfinite(scale), "must be 2**-126 to 2**128")
    elif scale is not None:
        scale = np.full(shape, arguments.real(scale, "scale", float(SMALLEST_NORMAL), LARGEST), dtype=np.float32)

    lowest, highest = limits(bits, scheme)
    if isinstance(zero_point, np.ndarray):
        zero_point = _shaped(arguments.array(zero_point, "zero_point", dtype), "zero_point", shape)
    elif zero_point is not None:
        zero_point = np.full(shape, arguments.integer(zero_point, "zero_point", *limits(bits, "affine")), dtype=dtype)
    elif scheme == "symmetric" and scale is not None:
        zero_point = np.zeros(shape, dtype=dtype)
    if zero_point is not None and scheme == "symmetric":
        arguments.each(zero_point, "zero_point", zero_point == 0, "must be 0 in the symmetric scheme")
    elif zero_point is not None:
        inside = (zero_point >= lowest) & (zero_point <= highest)
        arguments.each(zero_point, "zero_point", inside, f"must be in {lowest}..{highest}")
    return x, shape, bits, axis, group, scale, zero_point


def _shaped(a: np.ndarray, argument: str, shape: tuple[int, ...]) -> np.ndarray:
    if a.shape != shape:
        raise RefcompressError(argument, f"must have the shape of the result's scale, {shape}, not {a.shape}")
    return a

"""Quantisation to 8-bit integers: weight = scale * (value - zero_point), and back."""

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError
from ..formats import SMALLEST_NORMAL, Quantized

__all__ = ["quantize_s8", "dequantize_s8"]

LOWEST = {"symmetric": -127, "affine": -128}  # symmetric leaves -128 out, so that -x has the value of x negated
LARGEST = float(np.finfo(np.float32).max)


def quantize_s8(x, *, scheme="symmetric", axis=None, group=None, scale=None, zero_point=None) -> Quantized:
    """Round to integers of 8 bits on an even grid that has a point at zero.

        values = clip(rint(x / scale) + zero_point, lowest, 127)        lowest: -127 symmetric, -128 affine
        symmetric:  scale = max|x| / 127,                          zero_point = 0
        affine:     scale = (max(x, 0) - min(x, 0)) / 255,         zero_point = clip(rint(-128 - min(x, 0) / scale))

    Parameters
    ----------
    x : array of float32, at least one dimension, finite
    scheme : "symmetric" or "affine"
    axis, group : int or None, not both
        What shares a scale: all of x; each index of ``axis`` (a channel; negative ones count from the end); or each run
        of ``group`` values along the last axis, of which the last may be shorter.
    scale : float, or array of float32 of the shape of the result's scale; at least 2**-126, finite
        By default from the range of x, as above.
    zero_point : int, or array of int8 of the shape of the result's scale; only with scale, and 0 where symmetric
        By default 0, or (affine) from the lowest x and scale, as above.

    Returns
    -------
    Quantized : scale has the dimensions of x with size 1 along what is shared (ceil(size / group) for groups)
        Ranges, scales and zero points are computed in float64; then scale is rounded to float32 (the zero point is that
        of the rounded scale). It is at least 2**-126, the smallest normal, so tiny ranges lose resolution and not all
        else; 1 where all x that share it are zero, or there are none. x / scale is a division in float32, halves are
        rounded to even; what lies beyond the grid is clipped.

        Zero is exact. With these scales, |dequantize(quantize(x)) - x| <= (1/2 + 2**-14) * scale: half a step, plus at
        most 255 roundings of 2**-24 each from the division, from rounding scale and from the product. Quantizing the
        dequantized array again with the same scale and zero_point gives the same values.

    Raises
    ------
    ArgumentTypeError, RefcompressError : by name; NaN and infinities by index.

    **Source** Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference (2018), section 2.1, eq. 1 and section 3; rounding as in ONNX, QuantizeLinear.

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
    """
    x, scale, zero_point = quantize_arguments(x, scheme, axis, group, scale, zero_point)
    steps = np.empty(x.shape, dtype=np.float32)
    with np.errstate(over="ignore", under="ignore"):  # x / scale may be infinite where the caller's scale is small: it is clipped
        np.divide(x, along(scale, x, group), out=steps)
    values = np.clip(np.rint(steps) + along(zero_point, x, group), LOWEST[scheme], 127)
    return Quantized(values.astype(np.int8), scale, zero_point, group)


def dequantize_s8(q) -> np.ndarray:
    """Return the float32 array that quantised values stand for; the inverse of :func:`quantize_s8` up to rounding.

        x = scale * (values - zero_point)

    q : Quantized. Returns float32 of its shape: the difference is exact, the product rounded once. Where it would
    overflow (the point of the grid next to 3e38 may lie beyond float32) it is the largest finite float32, which is
    nearer to what was quantised. Raises ArgumentTypeError for anything but a Quantized.

    **Source** Jacob et al. (2018), section 2.1, eq. 1. **Departs** at that overflow. Cost O(size).

    >>> import numpy as np
    >>> q = Quantized(np.array([-3, 4], dtype=np.int8), np.float32([0.5]), np.int8([1]))
    >>> dequantize_s8(q).tolist()
    [-2.0, 1.5]
    """
    return quantized(q).dense()


def quantized(q, argument: str = "q") -> Quantized:
    """Return ``q`` if it is a Quantized; refuse anything else."""
    if not isinstance(q, Quantized):
        raise ArgumentTypeError(argument, f"must be a Quantized, not {type(q).__name__}")
    return q


def quantize_arguments(x, scheme, axis, group, scale, zero_point):
    """Return x, scale and zero_point (given or chosen), or refuse the arguments."""
    x = arguments.finite(arguments.array(x, "x", np.float32), "x")
    if x.ndim == 0:
        raise RefcompressError("x", "must have at least one dimension")
    arguments.choice(scheme, "scheme", LOWEST)
    if axis is not None:
        axis = arguments.integer(axis, "axis", -x.ndim, x.ndim - 1) % x.ndim
    if group is not None:
        group = arguments.integer(group, "group", 1)
        if axis is not None:
            raise RefcompressError("axis or group", "at most one must be given, not 2")
    low, high = _range(x, axis, group)
    if zero_point is not None and scale is None:
        raise RefcompressError("zero_point", "must come with a scale: without one it has no unit")

    if scale is None:
        wide = np.maximum(-low, high) / 127 if scheme == "symmetric" else (high - low) / 255
        with np.errstate(under="ignore"):
            scale = np.where(wide == 0, 1, np.maximum(wide.astype(np.float32), SMALLEST_NORMAL)).astype(np.float32)
    elif isinstance(scale, np.ndarray):
        scale = _shaped(arguments.array(scale, "scale", np.float32), "scale", low.shape)
        arguments.each(scale, "scale", (scale >= SMALLEST_NORMAL) & np.isfinite(scale), "must be 2**-126 to 2**128")
    else:
        scale = np.full(low.shape, arguments.real(scale, "scale", float(SMALLEST_NORMAL), LARGEST), dtype=np.float32)

    if zero_point is None:
        zero_point = np.zeros(low.shape) if scheme == "symmetric" else np.clip(np.rint(-128 - low / scale), -128, 127)
        zero_point = zero_point.astype(np.int8)
    elif isinstance(zero_point, np.ndarray):
        zero_point = _shaped(arguments.array(zero_point, "zero_point", np.int8), "zero_point", low.shape)
    else:
        zero_point = np.full(low.shape, arguments.integer(zero_point, "zero_point", -128, 127), dtype=np.int8)
    if scheme == "symmetric":
        arguments.each(zero_point, "zero_point", zero_point == 0, "must be 0 in the symmetric scheme")
    return x, scale, zero_point


def along(a: np.ndarray, x: np.ndarray, group: int | None) -> np.ndarray:
    """Return a scale-shaped array so that it broadcasts against x: groups repeated along the last axis."""
    return a if group is None else np.repeat(a, min(group, x.shape[-1]), axis=-1)[..., : x.shape[-1]]


def _range(x: np.ndarray, axis: int | None, group: int | None):
    """Return min(x, 0) and max(x, 0) of all that shares a scale, as float64 in the shape of the scale."""
    if group is None:
        shared = tuple(i for i in range(x.ndim) if i != axis)
        low, high = x.min(axis=shared, keepdims=True, initial=0), x.max(axis=shared, keepdims=True, initial=0)
    else:
        starts = np.arange(0, x.shape[-1], group)
        low = np.minimum(np.minimum.reduceat(x, starts, axis=-1), np.float32(0))
        high = np.maximum(np.maximum.reduceat(x, starts, axis=-1), np.float32(0))
    return low.astype(np.float64), high.astype(np.float64)


def _shaped(a: np.ndarray, argument: str, shape: tuple[int, ...]) -> np.ndarray:
    if a.shape != shape:
        raise RefcompressError(argument, f"must have the shape of the result's scale, {shape}, not {a.shape}")
    return a

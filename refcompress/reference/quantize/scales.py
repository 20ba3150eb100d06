"""The scales of a grid of integers: from the range of the data, by one formula for all of the family."""

import numpy as np

from ... import arguments
from ...constants import LARGEST, LARGEST64, SMALLEST_NORMAL
from ...errors import RefcompressError
from ...formats.base import block_shape, matrix_shape, spread

__all__ = ["quantize_scale"]

SCHEMES = ("symmetric", "affine")


def quantize_scale(low, high, *, bits=8, scheme="symmetric"):
    """Choose the scale and zero point with which a grid of integers covers a range.

        symmetric:  scale = max(-low, high) / highest,               zero_point = 0
        affine:     scale = (high - low) / (highest - lowest),       zero_point = clip(rint(lowest - low / scale))

    low, high : float, or arrays of float64 of one shape, finite in float32, low <= 0 <= high; bits : 2 to 8, or 16;
    scheme, lowest, highest : as for :func:`quantize_s8`. Returns (scale, zero_point), float32 and int8 (int16 for 16
    bits) of the shape of low. All is computed in float64, then scale is rounded to float32, and the zero point is
    that of the rounded scale, halves to even. The scale is at least 2**-126, the smallest normal, so tiny ranges lose
    resolution and not all else; 1 where the range is only zero.
    Raises ArgumentTypeError, RefcompressError by name and index.

    **Source** Jacob et al. (2018), section 2.1 and 3. **Departs** as quantize_s8. Cost O(size).

    >>> quantize_scale(-1.0, 254.0, scheme="affine")
    (array(1., dtype=float32), array(-127, dtype=int8))
    """
    bits, scheme = bits_of(bits), arguments.choice(scheme, "scheme", SCHEMES)
    low, high = real_array(low, "low"), real_array(high, "high")
    if low.shape != high.shape:
        raise RefcompressError("high", f"must have the shape of low, {low.shape}, not {high.shape}")
    arguments.each(low, "low", (low <= 0) & (low >= -LARGEST), "must be 0 or below, and a finite float32")
    arguments.each(high, "high", (high >= 0) & (high <= LARGEST), "must be 0 or above, and a finite float32")
    return chosen((low, high), np.int16 if bits == 16 else np.int8, bits, scheme)


def bits_of(bits) -> int:
    """Return ``bits`` if it is 2 to 8, or 16."""
    bits = arguments.integer(bits, "bits", 2, 16)
    if 8 < bits < 16:
        raise RefcompressError("bits", f"must be 2 to 8, or 16, not {bits}")
    return bits


def real_array(value, argument: str) -> np.ndarray:
    """Return ``value`` as an array of float64; a single number may be of any kind."""
    if isinstance(value, (int, float, np.integer, np.floating)):
        value = arguments.real(value, argument, -LARGEST64, LARGEST64)
    return arguments.array(value, argument, np.float64)


def limits(bits: int, scheme: str) -> tuple[int, int]:
    """Return the lowest and the highest value of a grid."""
    highest = 2 ** (bits - 1) - 1
    return (-highest if scheme == "symmetric" else -highest - 1), highest  # so that -x has the value of x negated


def chosen(span, dtype, bits: int, scheme: str, scale=None):
    """Return the scale (that given, or that of the range) and the zero point that goes with it."""
    (low, high), (lowest, highest) = span, limits(bits, scheme)
    if scale is None:
        wide = np.maximum(-low, high) / highest if scheme == "symmetric" else (high - low) / (highest - lowest)
        with np.errstate(under="ignore"):
            scale = np.where(wide == 0, np.float32(1), np.maximum(wide.astype(np.float32), SMALLEST_NORMAL))
    if scheme == "symmetric":
        return scale, np.zeros(scale.shape, dtype=dtype)
    return scale, np.asarray(np.clip(np.rint(lowest - low / scale), lowest, highest), dtype=dtype)


def minmax_arguments(x, axis, group, argument: str = "x"):
    """Return x, the shape of the scale, axis and group, or refuse the arguments; only what x holds is not looked at."""
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


def as_rows(x: np.ndarray, group: int | None) -> np.ndarray:
    """Return x as the rows in which groups run; without groups x itself."""
    return x if group is None else x.reshape(matrix_shape(x.shape))


def along(a: np.ndarray, x: np.ndarray, group: int | None) -> np.ndarray:
    """Return a scale-shaped array so that it broadcasts against x: of groups one entry for each element."""
    return a if group is None else spread(a, x.shape, group)


def span(x: np.ndarray, axis: int | None, group: int | None):
    """Return min(x, 0) and max(x, 0) of all that shares a scale, as float64 in the shape of the scale."""
    if group is None:
        shared = tuple(i for i in range(x.ndim) if axis is None or i != axis % x.ndim)
        low, high = x.min(axis=shared, keepdims=True, initial=0), x.max(axis=shared, keepdims=True, initial=0)
    else:
        x = as_rows(x, group)
        starts = np.arange(0, x.shape[-1], group)
        low = np.minimum(np.minimum.reduceat(x, starts, axis=-1), np.float32(0))
        high = np.maximum(np.maximum.reduceat(x, starts, axis=-1), np.float32(0))
    return low.astype(np.float64) + 0.0, high.astype(np.float64) + 0.0  # so that no zero is -0.0

"""The scale and zero point of a grid of integers, from a range that was chosen beforehand."""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...constants import LARGEST, LARGEST64
from ...errors import RefcompressError
from .integers import SCHEMES, limits, scale_and_zero_point

__all__ = ["quantize_scale"]


def quantize_scale(low: float | NDArray[np.float64], high: float | NDArray[np.float64], *, bits: int = 8,
                   scheme: str = "symmetric") -> tuple[NDArray[np.float32], NDArray[np.signedinteger]]:
    """Compute the scale and zero point with which a grid of integers covers a range.

        symmetric:  scale = max(-low, high) / highest,               zero_point = 0
        affine:     scale = (high - low) / (highest - lowest),       zero_point = clip(rint(lowest - low / scale))

    Parameters
    ----------
    low, high : float, or arrays of float64 of one shape; finite in float32, low <= 0 <= high
    bits : int, 2 to 8, or 16
    scheme : "symmetric" or "affine"
        lowest and highest are those of :func:`quantize_s8`, or of :func:`quantize_s16` for 16 bits.

    Returns
    -------
    scale, zero_point : float32, and int8 (int16 for 16 bits), of the shape of low
        The scale is computed in float64 and rounded to float32; the zero point is that of the rounded scale, with ties
        to even. The scale is 1 for a range of zero alone, and otherwise at least 2**-126, the smallest normal number: a
        tiny range loses resolution, but its scale keeps all of its bits.

    **Source** Jacob et al. (2018, arXiv 1712.05877), sections 2.1 and 3. **Departs** as :func:`quantize_s8`.
    Cost O(size).

    >>> quantize_scale(-1.0, 254.0, scheme="affine")
    (array(1., dtype=float32), array(-127, dtype=int8))
    """
    low, high, lowest, highest = scale_arguments(low, high, bits, scheme)
    return scale_and_zero_point(low, high, lowest, highest)


def scale_arguments(low, high, bits, scheme) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Return low, high, lowest and highest, or refuse the arguments."""
    bits, scheme = bits_argument(bits), arguments.choice(scheme, "scheme", SCHEMES)
    low, high = real_array(low, "low"), real_array(high, "high")
    if low.shape != high.shape:
        raise RefcompressError("high", f"must have the shape of low, {low.shape}, not {high.shape}")
    arguments.each(low, "low", (low <= 0) & (low >= -LARGEST), "must be 0 or below, and a finite float32")
    arguments.each(high, "high", (high >= 0) & (high <= LARGEST), "must be 0 or above, and a finite float32")
    return low, high, *limits(bits, scheme)


def bits_argument(bits) -> int:
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

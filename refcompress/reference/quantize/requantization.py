"""A layer by integers alone: its bias in units of its sums, and from int32 sums to the next layer's integers."""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...constants import LARGEST, SMALLEST_NORMAL
from ...errors import RefcompressError
from .integers import SCHEMES, limits
from .scales import bits_argument, real_array

__all__ = ["quantize_bias_s32", "dequantize_bias_s32", "quantize_multiplier", "requantize_s32"]

ROUNDINGS = ("half_even", "half_away", "gemmlowp")
MOST_SHIFT = 31
MOST_INPUTS = 131_071  # of gemm_s8s8


def quantize_bias_s32(bias: NDArray[np.float32], scale_x: float | NDArray[np.float32],
                      scale_w: float | NDArray[np.float32], *, inputs: int = 0) -> NDArray[np.int32]:
    """Round a layer's bias to int32, in the units of the sums that gemm_s8s8 gives: it is added to them.

        values = rint(bias / (scale_x * scale_w)),        zero point 0

    Parameters
    ----------
    bias : (n,) float32, finite
    scale_x, scale_w : float, or float32 arrays of one element; scale_w also (n,) or (n, 1), one an output
        Those of the layer's quantized inputs and weights: 2**-126 or above, finite; a float is rounded to float32.
        Scales of groups or of inputs have no common unit, and are refused by their shape.
    inputs : int, 0 to 131071
        How many products of int8 will be added to a value. If it is given, no sum of so many products and the bias
        leaves int32, whatever the inputs are.

    Returns
    -------
    (n,) int32
        The product of the scales is exact in float64. The quotient is rounded to float64, and then to an integer, with
        ties to even.

    Raises
    ------
    RefcompressError : a bias beyond 2**31 - 1 - inputs * 2**14 units, by its index
        It is not clipped, for then the layer would answer wrongly. A larger scale_x or scale_w makes the unit larger.

    **Source** Jacob et al. (2018, arXiv 1712.05877), section 2.4: S_bias = S_1 S_2, Z_bias = 0, 32 bits.
    **Departs** the paper does not say what becomes of a bias beyond int32.

    Cost O(n); beside the result 6 times the input's memory, in C 1/8 of it.

    >>> quantize_bias_s32(np.float32([1, -0.25]), 0.5, np.float32([0.25, 0.125])).tolist()
    [8, -4]
    """
    bias, unit, most = bias_arguments(bias, scale_x, scale_w, inputs)
    return bias_rule(bias, unit, most).astype(np.int32)


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def dequantize_bias_s32(values: NDArray[np.int32], scale_x: float | NDArray[np.float32],
                        scale_w: float | NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the bias that int32 values stand for; the inverse of :func:`quantize_bias_s32` up to rounding.

        bias = values * (scale_x * scale_w)

    Parameters
    ----------
    values : (n,) int32
    scale_x, scale_w : as for :func:`quantize_bias_s32`

    Returns
    -------
    (n,) float32
        The product is computed in float64 and rounded. Beyond float32 it is the largest finite one.

    **Source** Jacob et al. (2018, arXiv 1712.05877), section 2.4. **Departs** at that overflow.

    Cost O(n); beside the result 5 times the input's memory, in C 1/8 of it.

    >>> dequantize_bias_s32(np.int32([8, -4]), 0.5, np.float32([0.25, 0.125])).tolist()
    [1.0, -0.25]
    """
    values, scales = stored_bias_arguments(values, scale_x, scale_w)
    return np.clip(values * unit_of(scales, slice(len(values))), -LARGEST, LARGEST).astype(np.float32)


def quantize_multiplier(scale: float | NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Split a real scale into an integer multiplier and a shift.

        scale = multiplier / 2^(31 + shift) (1 + e), 2^30 <= multiplier < 2^31, |e| <= 2^-31

    Parameters
    ----------
    scale : float, or array of float64; 2**-32 to below 2**30
        For a layer it is scale_x scale_w / scale_y.

    Returns
    -------
    multiplier, shift : int32 of the shape of scale
        The multiplier is rounded to nearest, with ties to even.

    **Source** Jacob et al. (2018, arXiv 1712.05877), section 2.2, eq. 6. **Departs** scales of 1 and above are allowed:
    they have a negative shift. Cost O(size).

    >>> multiplier, shift = quantize_multiplier(0.75)
    >>> multiplier.item() == 3 * 2**29, shift.item()
    (True, 0)
    """
    scale = multiplier_argument(scale)
    fraction, exponent = np.frexp(scale)
    multiplier = np.rint(np.ldexp(fraction, 31)).astype(np.int64)
    carry = multiplier == 2**31  # a fraction just below 1 was rounded up to it
    shift = -exponent - carry
    # Just below 2**30 that would be a shift of -31, which requantize_s32 does not have.
    multiplier = np.where(shift < 1 - MOST_SHIFT, 2**31 - 1, np.where(carry, 2**30, multiplier))
    return np.asarray(multiplier, dtype=np.int32), np.asarray(np.maximum(shift, 1 - MOST_SHIFT), dtype=np.int32)


def requantize_s32(x: NDArray[np.int32], multiplier: int | NDArray[np.int32], shift: int | NDArray[np.int32], *,
                   zero_point: int = 0, bits: int = 8, scheme: str = "affine",
                   rounding: str = "half_even") -> NDArray[np.int8] | NDArray[np.int16]:
    """Scale int32 sums to integers of few bits, by integer arithmetic.

        y = clip(round(x * multiplier / 2^(31 + shift)) + zero_point, lowest, highest)

    Parameters
    ----------
    x : int32 of any shape, such as the result of gemm_s8s8
    multiplier, shift : int, or int32 arrays with the dimensions of x, of size 1 or the full size
        As :func:`quantize_multiplier` makes them: 0 to 2**31 - 1, and -30 to 31.
    zero_point : int, lowest to highest
    bits : int, 2 to 8, or 16
    scheme : "symmetric" or "affine"
        lowest and highest are those of :func:`quantize_s8`, or of :func:`quantize_s16` for 16 bits.
    rounding : "half_even", "half_away" or "gemmlowp"
        "half_even", as ONNX rounds (QuantizeLinear), and "half_away" from zero round the exact quotient, once.
        "gemmlowp" is what gemmlowp and TensorFlow Lite compute, in two steps that round twice: the product is divided
        by 2^31, with ties up, and then by 2^shift, with ties away from zero. Its shift must be 0 or more.

    Returns
    -------
    int8 (int16 for 16 bits) of the shape of x; exact: the product has at most 62 bits

    **Source** Jacob et al. (2018, arXiv 1712.05877), section 2.2, eq. 5 and 6, and section 2.3, eq. 7; gemmlowp,
    fixedpoint.h: SaturatingRoundingDoublingHighMul and RoundingDivideByPOT. **Departs** nothing with "gemmlowp"; the
    others round once.

    Cost O(size); beside the result 11 times the input's memory, in C 1/8 of it.

    >>> import numpy as np
    >>> x = np.int32([1, 3, -1, -3, 1000])  # halves of these
    >>> for rounding in ("half_even", "half_away", "gemmlowp"):
    ...     requantize_s32(x, 2**30, 0, rounding=rounding).tolist()
    [0, 2, 0, -2, 127]
    [1, 2, -1, -2, 127]
    [1, 2, 0, -1, 127]
    """
    x, multiplier, shift, zero_point, lowest, highest, dtype = requantize_arguments(
        x, multiplier, shift, zero_point, bits, scheme, rounding)
    product = x.astype(np.int64) * multiplier
    if rounding == "gemmlowp":
        y = quotient(quotient(product, np.int64(31), "half_up"), shift, "half_away")
    else:
        y = quotient(product, shift + 31, rounding)
    return np.asarray(np.clip(y + zero_point, lowest, highest), dtype)  # an array of no dimensions stays one


def quotient(p: np.ndarray, shift, rounding: str) -> np.ndarray:
    """Return p / 2^shift as an integer: the floor, and 1 more if the rest is above a half, or a half that goes up."""
    floor = p >> shift
    rest = 2 * (p - (floor << shift))  # below 2^63: the shift is at most 62
    up = {"half_even": floor & 1 == 1, "half_away": p >= 0, "half_up": True}[rounding]
    return floor + ((rest > np.int64(1) << shift) | ((rest == np.int64(1) << shift) & up))


def bias_rule(bias: np.ndarray, unit: np.ndarray, most: int) -> np.ndarray:
    """Return the bias in whole units, or refuse one that has more than ``most`` of them."""
    values = np.rint(bias / unit)
    rule = f"must be at most {most} units of scale_x * scale_w in magnitude"
    arguments.each(bias, "bias", np.abs(values) <= most, rule)
    return values


def bias_arguments(bias, scale_x, scale_w, inputs) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the bias, the unit of each output and how many units a bias may have, or refuse the arguments."""
    bias, factors, most = bias_request(bias, scale_x, scale_w, inputs)
    return bias, unit_of(factors, slice(len(bias))), most


def bias_request(bias, scale_x, scale_w, inputs) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray], int]:
    """Return the same, but the two scales in place of their product."""
    bias = arguments.finite(arguments.array(bias, "bias", np.float32, ndim=1), "bias")
    factors = scales_argument(scale_x, scale_w, len(bias))
    return bias, factors, 2**31 - 1 - arguments.integer(inputs, "inputs", 0, MOST_INPUTS) * 2**14


def stored_bias_arguments(values, scale_x, scale_w) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return the values and the two scales, or refuse the arguments."""
    values = arguments.array(values, "values", np.int32, ndim=1)
    return values, scales_argument(scale_x, scale_w, len(values))


def scales_argument(scale_x, scale_w, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return both scales as float32 of one element, or of one for each of n outputs; or refuse them."""
    shapes = {"scale_x": [], "scale_w": [(n,), (n, 1)]}
    found = []
    for name, scale in (("scale_x", scale_x), ("scale_w", scale_w)):
        if isinstance(scale, np.ndarray):
            a = arguments.array(scale, name, np.float32)
            if a.size != 1 and a.shape not in shapes[name]:
                each = " or one an output" * bool(shapes[name])
                raise RefcompressError(name, f"must have one element{each}, not the shape {a.shape}")
        else:
            a = np.array([arguments.real(scale, name, float(SMALLEST_NORMAL), LARGEST)], np.float32)
        arguments.each(a, name, (a >= SMALLEST_NORMAL) & np.isfinite(a), "must be 2**-126 to 2**128")
        found.append(a.reshape(-1))
    return found[0], found[1]


def unit_of(scales: tuple[np.ndarray, np.ndarray], some: slice) -> np.ndarray:
    """Return the product of the scales of some outputs, exact in float64."""
    x, w = scales
    product = np.ones(some.stop - (some.start or 0)) * x
    return product * (w if len(w) == 1 else w[some])


def multiplier_argument(scale) -> np.ndarray:
    """Return the scale as float64, or refuse one that no multiplier and shift stand for."""
    scale = real_array(scale, "scale")
    return arguments.each(scale, "scale", (scale >= 2.0**-32) & (scale < 2.0**30), "must be 2**-32 to below 2**30")


def requantize_arguments(x, multiplier, shift, zero_point, bits, scheme, rounding):
    """Return x, multiplier, shift (int64), zero_point, lowest, highest and the result's dtype, or refuse them."""
    x = arguments.array(x, "x", np.int32)
    bits = bits_argument(bits)
    scheme = arguments.choice(scheme, "scheme", SCHEMES)
    rounding = arguments.choice(rounding, "rounding", ROUNDINGS)
    least = 0 if rounding == "gemmlowp" else 1 - MOST_SHIFT
    multiplier = _factor(multiplier, "multiplier", x.shape, 0, 2**31 - 1)
    shift = _factor(shift, "shift", x.shape, least, MOST_SHIFT)
    lowest, highest = limits(bits, scheme)
    zero_point = arguments.integer(zero_point, "zero_point", lowest, highest)
    return x, multiplier, shift, zero_point, lowest, highest, np.int16 if bits == 16 else np.int8


def _factor(value, argument: str, shape: tuple[int, ...], low: int, high: int) -> np.ndarray | np.int64:
    if not isinstance(value, np.ndarray):
        return np.int64(arguments.integer(value, argument, low, high))
    a = arguments.array(value, argument, np.int32)
    if a.ndim and (a.ndim != len(shape) or any(s not in (1, n) for s, n in zip(a.shape, shape))):
        raise RefcompressError(argument, f"must have a shape of ones and sizes of {shape}, not {a.shape}")
    return arguments.each(a, argument, (a >= low) & (a <= high), f"must be between {low} and {high}").astype(np.int64)

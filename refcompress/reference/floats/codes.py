"""Small floating-point formats: float32 to codes of 16, 8, 6 or 4 bits, and back."""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...formats import FLOATS, FloatFormat
from ...formats.floats import codes_below

__all__ = ["floats_encode", "floats_decode"]

OVERFLOWS = ("saturate", "format")


def floats_encode(x: NDArray[np.float32], format: str, *, overflow: str = "saturate") -> NDArray[np.unsignedinteger]:
    """Round float32 to a smaller floating-point format and return its codes.

        e = max(floor(log2 |x|), lowest)            the exponent; all numbers below the smallest normal one share it
        steps = rint(|x| / 2^(e - mantissa))        ties to even
        code = (e - lowest) 2^mantissa + steps      and the sign in front

    The codes of growing numbers are consecutive, so a number that is rounded up to the next power of two has the right
    code.

    Parameters
    ----------
    x : array of float32 of any shape
    format : "float16", "bfloat16", "fp8_e4m3", "fp8_e5m2", "fp6_e2m3", "fp6_e3m2" or "fp4_e2m1"
    overflow : "saturate" or "format"
        What becomes of infinities, and of numbers beyond the largest finite one after they were rounded as if the
        format went on. "saturate": the largest finite number of that sign. "format": what the format has for it:
        infinity (float16, bfloat16, fp8_e5m2), NaN (fp8_e4m3, which has no infinity), or the largest number (fp6,
        fp4, which have neither).

    Returns
    -------
    uint16 for the formats of 16 bits, else uint8 (fewer than 8 bits fill the low ones), of the shape of x
        Rounded to nearest, with ties to even, subnormal numbers too. A zero and a number that overflows keep their
        sign. The sign and payload of a NaN mean nothing: all of them have one code, which is positive, quiet and
        without payload.

    Raises
    ------
    RefcompressError : a NaN by its index, for the formats that have none (fp6, fp4).

    **Source** IEEE 754-2019, the interchange formats and section 4.3.1 for rounding (float16); OCP 8-bit Floating
    Point Specification (OFP8) 1.0: its saturating and non-saturating conversions (fp8); OCP Microscaling Formats (MX)
    1.0 (fp6, fp4); Kalamkar et al., A Study of BFLOAT16 for Deep Learning Training (2019, arXiv 1905.12322).

    **Departs** from IEEE 754, section 6.2, in that the payload and sign of a NaN are dropped.

    Cost O(size); beside the result 13 times the input's memory, in C 1/8 of it.

    >>> import numpy as np
    >>> x = np.array([0.0, -0.75, 1.25, 5.0, 1e9], dtype=np.float32)
    >>> floats_encode(x, "fp4_e2m1").tolist()
    [0, 10, 2, 6, 7]
    >>> floats_decode(floats_encode(x, "fp4_e2m1"), "fp4_e2m1").tolist()
    [0.0, -1.0, 1.0, 4.0, 6.0]
    """
    x, f, overflow = encode_arguments(x, format, overflow)
    with np.errstate(invalid="ignore"):  # a signalling NaN
        magnitude = np.abs(x.astype(np.float64))
    finite = np.where(np.isfinite(magnitude), magnitude, 0)
    e = np.frexp(finite)[1] - 1  # frexp's fraction is in [1/2, 1), ours in [1, 2)
    e = np.where(finite == 0, f.lowest, np.maximum(e, f.lowest))
    steps = np.rint(np.ldexp(finite, f.mantissa - e))
    code = (e - f.lowest) * 2**f.mantissa + steps.astype(np.int64)

    beyond = f.largest if overflow == "saturate" else min(f.largest + 1, f.sign - 1)
    code = np.where((code > f.largest) | np.isinf(magnitude), beyond, code)
    code = np.where(np.signbit(x), f.sign + code, code)
    if f.nan is not None:
        code = np.where(np.isnan(magnitude), f.nan, code)
    return np.asarray(code, dtype=f.dtype)


def floats_decode(codes: NDArray[np.unsignedinteger], format: str) -> NDArray[np.float32]:
    """Return the numbers that codes stand for; the inverse of :func:`floats_encode` on the format's numbers.

        E > 0:  (-1)^sign 2^(E - bias) (1 + M / 2^mantissa)        E = 0:  (-1)^sign 2^(1 - bias) M / 2^mantissa

    Parameters
    ----------
    codes : uint16 for the formats of 16 bits, else uint8, of any shape
        Those of the formats of 6 and 4 bits are below 2**6 and 2**4.
    format : as for :func:`floats_encode`

    Returns
    -------
    float32 of the shape of codes; exact, infinities and NaNs included (the sign and payload of a NaN mean nothing)

    **Source** as :func:`floats_encode`. **Departs** nothing.

    Cost O(size); beside the result 42 times the input's memory, in C 1/8 of it.

    >>> import numpy as np
    >>> floats_decode(np.array([0x00, 0x01, 0x38, 0x7E, 0x7F, 0xFE], dtype=np.uint8), "fp8_e4m3").tolist()
    [0.0, 0.001953125, 1.0, 448.0, nan, -448.0]
    """
    codes, f = decode_arguments(codes, format)
    return f.values(codes)


def encode_arguments(x, format, overflow, *, numbers: bool = True) -> tuple[np.ndarray, FloatFormat, str]:
    """Return x, the format and overflow, or refuse the arguments; a kernel looks for NaN itself (numbers False)."""
    x = arguments.array(x, "x", np.float32)
    f = FLOATS[arguments.choice(format, "format", FLOATS)]
    overflow = arguments.choice(overflow, "overflow", OVERFLOWS)
    if numbers and f.nan is None:
        arguments.not_nan(x, "x")
    return x, f, overflow


def decode_arguments(codes, format) -> tuple[np.ndarray, FloatFormat]:
    """Return the codes and the format, or refuse the arguments."""
    f = FLOATS[arguments.choice(format, "format", FLOATS)]
    return codes_below(arguments.array(codes, "codes", f.dtype), f.bits), f

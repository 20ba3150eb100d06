"""Blocks of small numbers that share a scale: the OCP's MX formats, and NF4."""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import ArgumentTypeError, RefcompressError
from ...formats import MX, MX_ELEMENTS, NF4, FloatFormat
from ...formats.base import expand, matrix_shape
from ...formats.floats import E8M0_BIAS, MX_BLOCK, NF4_LEVELS
from .codes import floats_encode

__all__ = ["floats_mx_encode", "floats_mx_decode", "floats_nf4_encode", "floats_nf4_decode"]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def floats_mx_encode(x: NDArray[np.float32], format: str) -> MX:
    """Round float32 to blocks of 32 elements of 4 to 8 bits and a shared power of two: MXFP8, MXFP6, MXFP4, MXINT8.

        X = 2^(floor(log2 max|x|) - emax)        of each block; emax is the exponent of the element's largest number
        element = x / X rounded to its format, and clamped to its largest finite number

    Parameters
    ----------
    x : array of float32, at least one dimension, finite
        Blocks are segments of 32 values of a row, of which the last may be shorter. Rows lie along the last axis; for
        more than two dimensions a row is all that one index of axis 0 has (inputs x height x width).
    format : str
        "mxfp8_e4m3" (emax 8), "mxfp8_e5m2" (15), "mxfp6_e2m3" (2), "mxfp6_e3m2" (4), "mxfp4_e2m1" (2) or "mxint8" (0).

    Returns
    -------
    MX
        Elements are rounded with ties to even; x / X is exact, or rounded far below the smallest element. The error
        is at most half a step of the element's format, and where an element is clamped less than X (2^(emax + 1) -
        largest). The exponent of X is at least -127, the smallest of the format E8M0; it is 0 where all of a block is
        zero. Zeros have the code of +0.0. The elements of mxint8 are -127/64 to 127/64, so that -x has the codes of x
        negated.

    **Source** OCP Microscaling Formats (MX) Specification 1.0, section 6.3 for the conversion.

    **Departs** in what the specification leaves open: NaN and infinities are refused, a shorter last block is
    permitted, an all-zero block has scale 1, the code -128 of mxint8 is not used, and a zero has no sign.

    Cost O(size); beside the result 15 times the input's memory, in C 1/8 of it.

    >>> import numpy as np
    >>> q = floats_mx_encode(np.array([0.0, 0.5, -3.0, 11.0, 16.0], dtype=np.float32), "mxfp4_e2m1")
    >>> q.scales.tolist(), floats_mx_decode(q).tolist()
    ([129], [0.0, 0.0, -4.0, 12.0, 16.0])
    """
    x, format, element = mx_arguments(x, format)
    largest = 127 / 64 if element is None else element.maximum
    emax = int(np.floor(np.log2(largest)))
    most = block_maxima(x, MX_BLOCK)
    exponent = np.frexp(most)[1] - 1 - emax  # frexp's fraction is in [1/2, 1), ours in [1, 2)
    exponent = np.where(most == 0, 0, np.maximum(exponent, -E8M0_BIAS))
    ratio = np.ldexp(x, -expand(exponent, x.shape, MX_BLOCK))
    if element is None:
        codes = np.clip(np.rint(ratio * 64), -127, 127).astype(np.int8)
    else:
        codes = floats_encode(ratio, element.name)
        codes[codes == element.sign] = 0  # -0.0
    return MX(codes, (exponent + E8M0_BIAS).astype(np.uint8), format)


def floats_mx_decode(q: MX) -> NDArray[np.float32]:
    """Return the array that an MX stands for.

        x = 2^(scale - 127) * element, NaN where scale is 255

    Parameters
    ----------
    q : MX

    Returns
    -------
    float32 of the shape of q
        Exact: each product of an element and a scale is a float32. Products beyond float32 are infinite; no encoder
        makes them from float32.

    **Source** OCP Microscaling Formats (MX) Specification 1.0. **Departs** nothing.

    Cost O(size); beside the result 40 times the input's memory, in C 1/8 of it.

    >>> import numpy as np
    >>> floats_mx_decode(MX(np.array([64, -127], dtype=np.int8), np.array([128], dtype=np.uint8), "mxint8")).tolist()
    [2.0, -3.96875]
    """
    return of_kind(q, MX).dense()


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def floats_nf4_encode(x: NDArray[np.float32], *, block: int = 64) -> NF4:
    """Round float32 to 16 levels that are equally likely where the numbers are normally distributed: NF4.

        scale = max|x| of each block, code = the nearest level to x / scale

    Parameters
    ----------
    x : array of float32, at least one dimension, finite
    block : int, at least 1
        Blocks are segments of so many values of a row, as for :func:`floats_mx_encode`.

    Returns
    -------
    NF4
        x / scale is a division in float32. A quotient in the middle of two levels takes the lower one; the middle is
        exact in float64. The scale is 1 where all of a block is zero. Zeros are exact (-0.0 becomes +0.0), and so is
        the largest magnitude of each block. The error is at most 0.1520 * scale: half of the widest gap, between the
        two lowest levels, is 0.1519, and the rest is for the division and the product (which adds up to 2**-149 where
        it is subnormal).

    **Source** Dettmers et al., QLoRA: Efficient Finetuning of Quantized LLMs (2023, arXiv 2305.14314), with the levels
    of its appendix E.

    **Departs** scales stay float32: there is no double quantization. Blocks end with their row. The tie rule is ours.

    Cost O(size); beside the result 5 times the input's memory, in C 1/8 of it.

    >>> import numpy as np
    >>> q = floats_nf4_encode(np.array([0.0, -2.0, 1.0, 0.1], dtype=np.float32))
    >>> q.codes.tolist(), q.scales.tolist()
    ([7, 0, 12, 8], [2.0])
    >>> floats_nf4_decode(q)[:2].tolist()
    [0.0, -2.0]
    """
    x, block = nf4_arguments(x, block)
    most = block_maxima(x, block)
    scale = np.where(most == 0, np.float32(1), most)
    middles = (NF4_LEVELS[1:].astype(np.float64) + NF4_LEVELS[:-1]) / 2
    codes = np.searchsorted(middles, x / expand(scale, x.shape, block), side="left")
    return NF4(codes.astype(np.uint8), scale, block)


def floats_nf4_decode(q: NF4) -> NDArray[np.float32]:
    """Return the array that an NF4 stands for.

        x = scale * level[code]

    Parameters
    ----------
    q : NF4

    Returns
    -------
    float32 of the shape of q; the product is rounded once

    **Source** Dettmers et al. (2023, arXiv 2305.14314), appendix E. **Departs** nothing.

    Cost O(size); beside the result 5 times the input's memory, in C 1/8 of it.

    >>> import numpy as np
    >>> floats_nf4_decode(NF4(np.array([0, 7, 15], dtype=np.uint8), np.array([3.0], dtype=np.float32))).tolist()
    [-3.0, 0.0, 3.0]
    """
    return of_kind(q, NF4).dense()


def block_maxima(x: np.ndarray, block: int) -> np.ndarray:
    """Return max|x| of each segment of ``block`` values of a row."""
    x = x.reshape(matrix_shape(x.shape))
    return np.maximum.reduceat(np.abs(x), np.arange(0, x.shape[-1], block), axis=-1)


def mx_arguments(x, format, *, finite: bool = True) -> tuple[np.ndarray, str, FloatFormat | None]:
    """Return x, the format and the format of its elements (None for integers), or refuse the arguments."""
    x, format = blocks_argument(x, finite=False), arguments.choice(format, "format", MX_ELEMENTS)
    return arguments.finite(x, "x") if finite else x, format, MX_ELEMENTS[format]


def nf4_arguments(x, block, *, finite: bool = True) -> tuple[np.ndarray, int]:
    """Return x and block, or refuse the arguments."""
    x, block = blocks_argument(x, finite=False), arguments.integer(block, "block", 1)
    return arguments.finite(x, "x") if finite else x, block


def blocks_argument(x, *, finite: bool = True) -> np.ndarray:
    """Return x, or refuse it; what it holds is not looked at where a kernel does so while it reads x (finite False)."""
    x = arguments.array(x, "x", np.float32)
    if x.ndim == 0:
        raise RefcompressError("x", "must have at least one dimension")
    return arguments.finite(x, "x") if finite else x


def of_kind(q, kind):
    """Return ``q`` if it is of this class; refuse anything else."""
    if not isinstance(q, kind):
        raise ArgumentTypeError("q", f"must be an {kind.__name__}, not {type(q).__name__}")
    return q

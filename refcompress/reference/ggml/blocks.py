"""Blocks of ggml: 32 to 256 weights with a scale, or with scales that are quantized again."""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import ArgumentTypeError, RefcompressError
from ...formats import GGML_TYPES, GGMLBlocks

__all__ = ["ggml_encode", "ggml_decode"]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def ggml_encode(x: NDArray[np.float32], type: str) -> GGMLBlocks:
    """Round float32 to blocks of 32 integers of 8 or 4 bits and a float16 scale, as ggml does.

        Q8_0:  d = max|x| / 127                      q = x / d, halves away from zero
        Q4_0:  d = m / -8                            q = floor(x / d + 8.5), at most 15

    m is the number of the largest magnitude, with its sign. Its code is 0, so that of the codes -8 to 7 the one without
    an opposite is used.

    Parameters
    ----------
    x : array of float32, finite, at least one dimension
        Its last size is a multiple of 32. A magnitude is below 127 * 65520 for Q8_0 and below 8 * 65520 for Q4_0, or
        the scale would have no float16.
    type : "Q8_0" or "Q4_0"

    Returns
    -------
    GGMLBlocks
        The file has the scale in float16. The codes are found with the inverse of the scale in float32: x / d is
        x * (1 / d), two roundings, and the sum of Q4_0 is rounded once more. Of two numbers of the largest magnitude
        the first one is m. Where d is 0 the inverse is 0. So -0.0 comes back as 0.0 from Q8_0, and a block of zeros
        comes back as -0.0 from Q4_0 (its scale is 0 / -8). Where the largest magnitude is below 3.8e-6 (Q8_0) or
        2.4e-7 (Q4_0), the float16 scale is 0 and all of the block comes back as zeros.

    **Source** ggml, quantize_row_q8_0_ref and quantize_row_q4_0_ref; the package gguf 0.19.0, its Python form.

    **Departs** NaN and infinities are refused. Where 1 / d is beyond float32 the inverse is 0: in C the conversion to
    an integer is undefined there. ggml's C leaves it to the compiler whether the product of Q4_0 is rounded before 8.5
    is added. It is here, as in gguf 0.19.0; where it is not, codes at ties are others. (gguf gives a block of zeros
    that starts with -0.0 the scale 0.0, where ggml and we give it -0.0.)

    Cost O(size); beside the result 6 times the input's memory, in C 1/8 of it.

    >>> import numpy as np
    >>> x = np.zeros(32, dtype=np.float32)
    >>> x[:4] = [127, -1.5, 1.5, 2.4]
    >>> ggml_encode(x, "Q8_0").dense()[:4].tolist()
    [127.0, -2.0, 2.0, 2.0]
    >>> ggml_encode(x, "Q4_0").data[0, :6].tolist()     # d = -15.875, then number j and number j + 16 in a byte
    [240, 203, 128, 136, 136, 136]
    """
    x, encode = encode_arguments(x, type)
    blocks = x.reshape(-1, 32)
    d, codes = encode(blocks)
    scale = d.astype("<f2")
    held = np.repeat(np.isfinite(scale), 32, axis=1).reshape(x.shape)
    arguments.each(x, "x", held, "must be so small that the scale of its block is a float16")
    return GGMLBlocks(np.concatenate([scale.view(np.uint8), codes], axis=1), type, x.shape)


def ggml_decode(q: GGMLBlocks) -> NDArray[np.float32]:
    """Return the numbers that blocks of ggml stand for.

        x = d * q                     or with an offset, or a scale for each 16 or 32 numbers, as the type says

    Parameters
    ----------
    q : GGMLBlocks

    Returns
    -------
    float32 of the shape of q
        Each product is exact, and a sum is rounded once. Infinite and NaN scales of float16 are IEEE 754's. The sign
        and payload of a NaN mean nothing. The scale bytes of MXFP4 and NVFP4 have neither in ggml: 255 is a power of
        two, and 127 is 0.

    **Source** ggml, the functions dequantize_row_*; ``formats/ggml/`` says what the bytes of each type mean.

    **Departs** nothing.

    Cost O(size); beside the result 6 times the input's memory, in C 1/8 of it.

    >>> import numpy as np
    >>> data = np.zeros((1, 34), dtype=np.uint8)
    >>> data[0, :4] = [0, 0x38, 2, 255]                 # d = 0.5, q = 2, -1, 0, ...
    >>> ggml_decode(GGMLBlocks(data, "Q8_0", (32,)))[:3].tolist()
    [1.0, -0.5, 0.0]
    """
    return of_blocks(q).dense()


def q8_0(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the scales, (blocks, 1), and the bytes of the codes, (blocks, 32)."""
    d = np.abs(x).max(axis=1, keepdims=True) / np.float32(127)
    steps = (x * inverse(d)).astype(np.float64)
    codes = np.trunc(steps + np.copysign(0.5, steps))  # exact in float64: halves go away from zero
    return d, codes.astype(np.int8).view(np.uint8)


def q4_0(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the scales, (blocks, 1), and the bytes of the codes, (blocks, 16)."""
    largest = np.take_along_axis(x, np.abs(x).argmax(axis=1, keepdims=True), axis=1)
    d = (largest + np.float32(0)) / np.float32(-8)  # of a block of zeros -0.0, whatever the sign of the first one
    steps = x * inverse(d) + np.float32(8.5)
    codes = np.minimum(np.trunc(steps), 15).astype(np.uint8)
    return d, codes[:, :16] | codes[:, 16:] << 4


ENCODERS = {"Q8_0": q8_0, "Q4_0": q4_0}


def inverse(d: np.ndarray) -> np.ndarray:
    """Return 1 / d in float32; 0 where that is infinite."""
    quotient = np.float32(1) / d
    return np.where(np.isinf(quotient), np.float32(0), quotient)


def of_blocks(q) -> GGMLBlocks:
    """Return ``q`` if it is a GGMLBlocks; refuse anything else."""
    if not isinstance(q, GGMLBlocks):
        raise ArgumentTypeError("q", f"must be a GGMLBlocks, not {type(q).__name__}")
    return q


def encode_arguments(x, type, *, finite: bool = True):
    """Return x and the encoder of the type, or refuse the arguments; a kernel finds itself what is not finite."""
    x = arguments.array(x, "x", np.float32)
    encode = ENCODERS[arguments.choice(type, "type", ENCODERS)]
    numbers = GGML_TYPES[type].numbers
    if x.ndim == 0 or x.shape[-1] % numbers:
        raise RefcompressError("x", f"must have a last size that is a multiple of {numbers}, not the shape {x.shape}")
    return arguments.finite(x, "x") if finite else x, encode

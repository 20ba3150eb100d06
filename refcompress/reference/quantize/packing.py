"""Quantized values of few bits, side by side in bytes, and back."""

import numpy as np

from ... import arguments
from ...errors import ArgumentTypeError
from ...formats import Packed, Quantized
from ...formats.base import matrix_shape
from .integers import quantized

__all__ = ["quantize_pack", "quantize_unpack"]


def quantize_pack(q: Quantized, *, bits: int = 4) -> Packed:
    """Put values of ``bits`` bits side by side.

        bits p * bits to (p + 1) * bits - 1 of a row = value p,        counted from the lowest bit of its first byte

    Parameters
    ----------
    q : Quantized of int8
        Its values and zero points must lie in -2**(bits-1)..2**(bits-1) - 1.
    bits : int, 1 to 7
        A single bit holds the values -1 (as 0) and +1, with zero points of 0: those of :func:`quantize_binary`.

    Returns
    -------
    Packed, with the scales, zero points and group of q; exact
        Each row begins with a byte of its own. Rows lie along the last axis; for more than two axes a row is all that
        one index of the first axis has. Bits left over at the end of a row are 0.

    **Source** the order of ONNX's integer types of 4 and 2 bits: the first value is in the lowest bits of its byte.
    **Departs** there rows do not begin with a byte of their own.

    Cost O(size); beside the result 8 times the input's memory, in C 1/8 of it.

    >>> import numpy as np
    >>> q = Quantized(np.int8([[1, -2, 7]]), np.float32([[0.5]]), np.int8([[0]]))
    >>> [hex(byte) for byte in quantize_pack(q).data[0]]
    ['0xe1', '0x7']
    >>> quantize_unpack(quantize_pack(q)).values.tolist()
    [[1, -2, 7]]
    """
    q, bits = pack_arguments(q, bits)
    codes = q.values > 0 if bits == 1 else q.values
    each = np.unpackbits(codes.view(np.uint8)[..., None], axis=-1, count=bits, bitorder="little")
    *rows, size = matrix_shape(q.shape)
    data = np.packbits(each.reshape(*rows, size * bits), axis=-1, bitorder="little")
    return Packed(data, q.shape, bits, q.scale, q.zero_point, q.group)


def quantize_unpack(p: Packed) -> Quantized:
    """Give each value of a Packed a byte of its own; the inverse of :func:`quantize_pack`.

        value p = bits p * bits to (p + 1) * bits - 1 of its row

    Parameters
    ----------
    p : Packed

    Returns
    -------
    Quantized of int8, with the scales, zero points and group of p; exact

    **Source** as :func:`quantize_pack`. **Departs** as :func:`quantize_pack`.

    Cost O(size); beside the result 22 times the input's memory, in C 1/8 of it.

    >>> import numpy as np
    >>> p = Packed(np.uint8([0x8F]), (2,), 4, np.float32([1]), np.int8([0]))
    >>> quantize_unpack(p).values
    array([-1, -8], dtype=int8)
    """
    p = packed_argument(p)
    return Quantized(p.values, p.scale, p.zero_point, p.group)


def pack_arguments(q, bits) -> tuple[Quantized, int]:
    """Return q and bits, or refuse what so many bits do not hold."""
    q, bits = kinds_argument(q, bits)
    if bits == 1:
        arguments.each(q.values, "q.values", np.abs(q.values) == 1, "must be -1 or 1 for a single bit")
    else:
        within(q.values, "q.values", bits)
    return zero_points_argument(q, bits), bits


def kinds_argument(q, bits) -> tuple[Quantized, int]:
    """Return q and bits, or refuse the arguments; what q holds is not looked at: a kernel does so while it reads it."""
    return quantized(q, np.int8), arguments.integer(bits, "bits", 1, 7)


def zero_points_argument(q: Quantized, bits: int) -> Quantized:
    """Return q, or refuse a zero point that so many bits do not hold."""
    if bits == 1:
        arguments.each(q.zero_point, "q.zero_point", q.zero_point == 0, "must be 0 for a single bit")
    else:
        within(q.zero_point, "q.zero_point", bits)
    return q


def within(a: np.ndarray, argument: str, bits: int) -> None:
    """Refuse the first element that two's complement of so many bits does not hold."""
    half = 2 ** (bits - 1)
    arguments.each(a, argument, (a >= -half) & (a < half), f"must be in {-half}..{half - 1}")


def packed_argument(p) -> Packed:
    """Return ``p`` if it is a Packed; refuse anything else."""
    if not isinstance(p, Packed):
        raise ArgumentTypeError("p", f"must be a Packed, not {type(p).__name__}")
    return p

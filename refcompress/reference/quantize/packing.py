"""Quantised values of few bits, side by side in bytes, and back."""

import numpy as np

from ... import arguments
from ...errors import ArgumentTypeError
from ...formats import Packed, Quantized
from ...formats.base import matrix_shape
from .integers import quantized

__all__ = ["quantize_pack", "quantize_unpack"]


def quantize_pack(q, *, bits=4) -> Packed:
    """Put values of ``bits`` bits side by side.

    In each row (along the last axis; of more than two axes the first is the rows, all others are the row) value p takes
    the bits from p * bits on, counted from the lowest bit of the first byte.

    q : Quantized of int8; its values and zero points must lie in -2**(bits-1)..2**(bits-1) - 1. bits : 1 to 7; a single
    bit holds the values -1 (as 0) and +1, with zero points of 0: those of :func:`quantize_binary`. Returns a Packed
    with the scales, zero points and group of q; bits left over at a row's end are 0. Exact.
    Raises ArgumentTypeError, RefcompressError by name and index.

    **Source** the order of ONNX's integer types of 4 and 2 bits: the first value is in the lowest bits of its byte.
    **Departs** there rows do not begin with a byte of their own. Cost O(size).

    >>> import numpy as np
    >>> q = Quantized(np.int8([[1, -2, 7]]), np.float32([[0.5]]), np.int8([[0]]))
    >>> [hex(byte) for byte in quantize_pack(q).data[0]]
    ['0xe1', '0x7']
    >>> quantize_unpack(quantize_pack(q)).values.tolist()
    [[1, -2, 7]]
    """
    q = quantized(q, np.int8)
    bits = arguments.integer(bits, "bits", 1, 7)
    if bits == 1:
        arguments.each(q.values, "q.values", np.abs(q.values) == 1, "must be -1 or 1 for a single bit")
        arguments.each(q.zero_point, "q.zero_point", q.zero_point == 0, "must be 0 for a single bit")
        codes = (q.values > 0).astype(np.uint8)
    else:
        half = 2 ** (bits - 1)
        for name, a in (("q.values", q.values), ("q.zero_point", q.zero_point)):
            arguments.each(a, name, (a >= -half) & (a < half), f"must be in {-half}..{half - 1}")
        codes = q.values.view(np.uint8)
    each = np.unpackbits(codes[..., None], axis=-1, count=bits, bitorder="little")
    *outer, size = matrix_shape(q.shape)
    data = np.packbits(each.reshape(*outer, size * bits), axis=-1, bitorder="little")
    return Packed(data, q.shape, bits, q.scale, q.zero_point, q.group)


def quantize_unpack(p) -> Quantized:
    """Give each value of a Packed a byte of its own; the inverse of :func:`quantize_pack`.

    p : Packed. Returns a Quantized of int8. Exact. Raises ArgumentTypeError for anything else.

    **Source** as quantize_pack. **Departs** as quantize_pack. Cost O(size).

    >>> import numpy as np
    >>> p = Packed(np.uint8([0x8F]), (2,), 4, np.float32([1]), np.int8([0]))
    >>> quantize_unpack(p).values
    array([-1, -8], dtype=int8)
    """
    if not isinstance(p, Packed):
        raise ArgumentTypeError("p", f"must be a Packed, not {type(p).__name__}")
    return Quantized(p.values, p.scale, p.zero_point, p.group)

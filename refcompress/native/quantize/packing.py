"""quantize_pack and quantize_unpack in C."""

from functools import wraps

import numpy as np

from ... import reference
from ...formats import Packed, Quantized
from ...formats.base import matrix_shape
from ...reference.quantize.packing import kinds_argument, pack_arguments, packed_argument, zero_points_argument
from .. import threads
from .._call import check, empty, freeze, lib, pointer

MOST = 1e10  # values a second and thread, to the order of magnitude


def quantize_pack(kernel, row):
    """Return the operation quantize_pack computed by a C kernel, which looks at the values while it reads them."""

    @wraps(reference.quantize_pack)
    def quantize_pack(q, *, bits=4):
        q, bits = kinds_argument(q, bits)
        *rows, size = matrix_shape(q.shape)
        data = empty((*rows, -(-size * bits // 8)), np.uint8)
        operands = size, bits, pointer(q.values), pointer(data, writable=True)

        def some(begin, end):
            status = kernel(begin, end, *operands)
            if status == lib.RC_BAD_VALUE:
                pack_arguments(q, bits)  # says which
            check(status, "q.values")

        _run(some, q.shape, row)
        zero_points_argument(q, bits)
        freeze(data)
        return Packed(data, q.shape, bits, q.scale, q.zero_point, q.group)

    return quantize_pack


def quantize_unpack(kernel, row):
    """Return the operation quantize_unpack computed by a C kernel."""

    @wraps(reference.quantize_unpack)
    def quantize_unpack(p):
        p = packed_argument(p)
        values = empty(p.shape, np.int8)
        operands = matrix_shape(p.shape)[-1], p.bits, pointer(p.data), pointer(values, writable=True)
        _run(lambda begin, end: check(kernel(begin, end, *operands), "p"), p.shape, row)
        freeze(values)
        return Quantized(values, p.scale, p.zero_point, p.group)

    return quantize_unpack


def _run(some, shape, row):
    """Call ``some`` on ranges of all eights of values, of which a row may end with a shorter one."""
    *rows, size = matrix_shape(shape)
    eights = rows[0] * -(-size // 8) if rows else -(-size // 8)
    threads.run(some, eights, 8 * eights / min(row.speed, MOST), 8)

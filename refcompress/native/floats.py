"""The floats family in C: floats_encode, floats_decode."""

from functools import wraps

import numpy as np

from .. import reference
from ..reference.floats.codes import decode_arguments, encode_arguments
from . import threads
from ._call import LINE, check, empty, pointer
from ._kernels import lib

__all__ = ["floats_encode", "floats_decode"]


def floats_encode(kernel, row):
    """Return the operation floats_encode computed by a C kernel."""

    @wraps(reference.floats_encode)
    def floats_encode(x, format, *, overflow="saturate"):
        x, f, overflow = encode_arguments(x, format, overflow)
        codes = empty(x.shape, f.dtype)
        operands = (_number(f), overflow == "saturate", pointer(x), pointer(codes, writable=True))
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "x"), x.size, x.size / row.speed, LINE)
        return codes

    return floats_encode


def floats_decode(kernel, row):
    """Return the operation floats_decode computed by a C kernel."""

    @wraps(reference.floats_decode)
    def floats_decode(codes, format):
        codes, f = decode_arguments(codes, format)
        x = empty(codes.shape, np.float32)
        operands = (_number(f), pointer(codes), pointer(x, writable=True))
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "codes"), x.size, x.size / row.speed, LINE)
        return x

    return floats_decode


def _number(f) -> int:
    return getattr(lib, f"RC_{f.name.upper()}")

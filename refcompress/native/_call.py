"""The gate between NumPy and C: the one place where an array becomes a pointer and a status an exception."""

import numpy as np

from ..errors import CorruptError, RefcompressError
from ._kernels import ffi, lib

_CTYPES = {
    np.dtype(np.float32): "float[]",
    np.dtype(np.int8): "int8_t[]",
    np.dtype(np.uint8): "uint8_t[]",
    np.dtype(np.uint16): "uint16_t[]",
    np.dtype(np.int32): "int32_t[]",
    np.dtype(np.uint32): "uint32_t[]",
    np.dtype(np.int64): "int64_t[]",
    np.dtype(np.uint64): "uint64_t[]",
    np.dtype(np.float64): "double[]",
}


def pointer(a: np.ndarray, *, writable: bool = False):
    """Return ``a`` as a C array of its dtype; cffi itself would check neither dtype nor byte order nor layout.

    The arguments were validated before; this refuses what a mistake in this library would let through.
    """
    if not (a.flags.c_contiguous and a.flags.aligned and a.dtype.isnative):
        raise AssertionError(f"an array of strides {a.strides} and dtype {a.dtype.str} reached the gate to C")
    return ffi.from_buffer(_CTYPES[a.dtype], a, require_writable=writable)


def check(status: int, argument: str) -> None:
    """Raise what a kernel's status means; ``argument`` is the one that it can be said of."""
    if status == lib.RC_BAD_INDEX:
        raise RefcompressError(argument, "has an index outside its array: it was changed after it was checked")
    if status == lib.RC_CORRUPT:
        raise CorruptError(argument, "is not what an encoder writes")

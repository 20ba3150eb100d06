"""The gate between NumPy and C: the one place where an array becomes a pointer and a status an exception."""

import functools
import math
import weakref
from collections.abc import Callable

import numpy as np

from ..errors import CorruptError, RefcompressError
from ._kernels import ffi, lib

# By the dtype itself: another byte order is another dtype.
_CTYPES = {dtype: ffi.typeof(name) for dtype, name in {
    np.dtype(np.float32): "float[]",
    np.dtype(np.int8): "int8_t[]",
    np.dtype(np.uint8): "uint8_t[]",
    np.dtype(np.int16): "int16_t[]",
    np.dtype(np.uint16): "uint16_t[]",
    np.dtype(np.int32): "int32_t[]",
    np.dtype(np.uint32): "uint32_t[]",
    np.dtype(np.int64): "int64_t[]",
    np.dtype(np.uint64): "uint64_t[]",
    np.dtype(np.float64): "double[]",
}.items()}

READY = 0x0001 | 0x0100  # NPY_ARRAY_C_CONTIGUOUS and NPY_ARRAY_ALIGNED, as flags.num has them

# A vector load that crosses from one cache line (64 bytes, as long as the longest vector) to the next costs two; with
# x off the boundary csr_matmul took 1.6 times as long at 64 columns, gemm_f32s8 1.15 times.
LINE = 64
SHORT = 1024  # bytes, at 8 an element: finding the boundary takes as long as storing so many
# What is as long as that malloc takes from the system each time, and pages of the longer kind, which NumPy asks for:
# of an array that begins anywhere the first and the last 2 MiB are 512 short pages, a fault of microseconds each.
NEW, PAGE = 2**25, 2**21


def pointer(a: np.ndarray, writable: bool = False, *, _ctype_of=_CTYPES.get, _from_buffer=ffi.from_buffer):
    """Return ``a`` as a C array of its dtype; cffi itself would check neither dtype nor byte order nor layout.

    The arguments were validated before; this refuses what a mistake in this library would let through.
    """
    ctype = _ctype_of(a.dtype)
    if ctype is None or a.flags.num & READY != READY:
        raise AssertionError(f"an array of strides {a.strides} and dtype {a.dtype.str} reached the gate to C")
    return _from_buffer(ctype, a, writable)


# The same for an array that _checks.py has just passed, or that was just made: pointer() would check it again.
FLOATS, INT8S, UINT8S, UINT16S, INT32S = (functools.partial(ffi.from_buffer, ffi.typeof(name)) for name in (
    "float[]", "int8_t[]", "uint8_t[]", "uint16_t[]", "int32_t[]"))


_kept: dict[Callable, dict[int, tuple]] = {}


def kept(make) -> dict[int, tuple]:
    """Return what ``once`` made by ``make``: by the id of the format a tuple, of which it is the first."""
    return _kept.setdefault(make, {})


def once(make, a):
    """Return ``make(a)`` for a format: made by its first call, and kept as long as the format lives."""
    made = kept(make)
    known = made.get(id(a))  # making it anew would take a short call half of its time
    if known is None:
        forget = weakref.ref(a, lambda _, key=id(a): made.pop(key, None))
        known = made[id(a)] = make(a), forget
    return known[0]


def empty(shape: tuple[int, ...], dtype) -> np.ndarray:
    """Return an array on a cache line's boundary, which NumPy usually misses by 16 bytes; a short one anywhere, a very
    long one on a page's. What lies before the boundary is never touched, so no memory stands behind it."""
    count = math.prod(shape)
    if 8 * count <= SHORT:
        return np.empty(shape, dtype)
    size = count * np.dtype(dtype).itemsize
    boundary = LINE if size < NEW else PAGE
    try:
        buffer = np.empty(size + boundary, dtype=np.uint8)
    except (MemoryError, ValueError):
        return np.empty(shape, dtype)  # refused in the words of the array that was asked for
    offset = (-lib.rc_behind_line(ffi.from_buffer(buffer)) if size < NEW else -buffer.ctypes.data) % boundary
    return buffer[offset : offset + size].view(dtype).reshape(shape)


def freeze(*arrays: np.ndarray) -> None:
    """Let nobody write the memory of arrays of ``empty`` any more: a format then keeps them without a copy."""
    for a in arrays:
        a.flags.writeable = False
        if a.base is not None:
            a.base.flags.writeable = False


def aligned(a: np.ndarray) -> np.ndarray:
    """Return ``a``, or a copy on a cache line's boundary: for what is read so often that the copy pays."""
    if not lib.rc_behind_line(ffi.from_buffer(a)):
        return a
    copy = empty(a.shape, a.dtype)
    copy[...] = a
    return copy


def in_default_mode(function):
    """Return ``function`` computed in the default mode of the floating-point unit; then the mode is as it was found.

    The mode belongs to a thread: what the pool's threads run is put through this too.
    """

    @functools.wraps(function)
    def call(*args, **kwargs):
        mode = lib.rc_mode()
        if not mode:
            return function(*args, **kwargs)
        try:
            lib.rc_set_mode(0)
            return function(*args, **kwargs)
        finally:
            lib.rc_set_mode(mode)

    return call


def check(status: int, argument: str) -> None:
    """Raise what a kernel's status means; ``argument`` is the one that it can be said of."""
    if not status:  # RC_OK
        return
    if status == lib.RC_BAD_INDEX:
        raise RefcompressError(argument, "has an index outside its array: it was changed after it was checked")
    if status == lib.RC_CORRUPT:
        raise CorruptError(argument, "is not what an encoder writes")
    if status == lib.RC_NOT_FINITE:
        raise RefcompressError(argument, "must be finite")
    if status == lib.RC_BAD_VALUE:
        raise RefcompressError(argument, "has an element that the result cannot hold")
    raise RefcompressError("status", f"is {status}, which the kernel must not return: refcompress.h has the others")

"""Arrays that touch a page which may not be touched: a kernel that reads or writes one byte too far dies at the spot.

AddressSanitizer does not see what a masked vector load or hand-written assembly does past the end; the processor does.
POSIX only (mmap and mprotect); needs NumPy alone.
"""

import ctypes
import functools
import mmap
import sys

import numpy as np

from ..errors import RefcompressError

_PROT_NONE = 0  # POSIX fixes the names, not the numbers; Linux, the BSDs and macOS all have 0 and 1
_PROT_READ = 1


def available() -> bool:
    """Return whether this system can guard pages."""
    return sys.platform != "win32"


def ends_at_guard(a: np.ndarray, *, readonly: bool = False) -> np.ndarray:
    """Return a C-contiguous copy whose last byte is the last one before a guard page."""
    return _guarded(a, True, readonly)


def begins_at_guard(a: np.ndarray, *, readonly: bool = False) -> np.ndarray:
    """Return a C-contiguous copy whose first byte is the first one after a guard page."""
    return _guarded(a, False, readonly)


def _guarded(a: np.ndarray, at_end: bool, readonly: bool) -> np.ndarray:
    """With ``readonly`` the processor, too, refuses a write: a kernel that casts const away dies as well."""
    if not available():
        raise RefcompressError("guarded", f"needs mmap and mprotect, which {sys.platform} lacks")
    a = np.asarray(a)
    page = mmap.PAGESIZE
    room = -(-max(a.nbytes, 1) // page) * page  # a page even for nothing, so that an empty array has an address
    block = mmap.mmap(-1, page + room + page)
    offset = page + (room - a.nbytes if at_end else 0)
    guarded = np.ndarray(a.shape, a.dtype, buffer=block, offset=offset)  # keeps the mapping alive
    guarded[...] = a
    start = np.frombuffer(block, np.uint8).ctypes.data
    _protect(start, page, _PROT_NONE)
    _protect(start + page + room, page, _PROT_NONE)
    if readonly:
        _protect(start + page, room, _PROT_READ)
        guarded.flags.writeable = False
    return guarded


@functools.cache
def _mprotect():
    function = ctypes.CDLL(None, use_errno=True).mprotect
    function.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return function


def _protect(address: int, size: int, protection: int) -> None:
    if _mprotect()(address, size, protection):
        raise OSError(ctypes.get_errno(), "mprotect failed: the guard page is not in place")

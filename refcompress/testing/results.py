"""Results at guard pages: while a function is judged, NumPy takes the memory of its arrays from here.

A kernel that writes one element too many writes into memory that belongs to its own process, and mostly nobody notices.
So the arrays that are made in a call (``np.empty``, and what ``native.wrap`` makes) end at a page that may not be
touched, or begin behind one. New memory holds poison: what a kernel forgets to write shows, too.

NumPy has a door for this (NEP 49, NumPy 1.22): a table of four functions. Its place in NumPy's table of C functions is
part of NumPy's binary interface, and :func:`available` tries it. POSIX only.
"""

import ctypes
import functools
import mmap
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from . import guarded

_SET_HANDLER = 304  # PyDataMem_SetHandler in NumPy's table
MOST = 64  # arrays of a call: more are intermediate ones of a function in Python, and would only cost time
LARGEST = 2**24  # bytes; so long ones come from NumPy's own allocator
POISON = (0x7F, 0x93)  # in turn: what was not written differs from call to call

_vp, _size = ctypes.c_void_p, ctypes.c_size_t
_MALLOC = ctypes.CFUNCTYPE(_vp, _vp, _size)
_CALLOC = ctypes.CFUNCTYPE(_vp, _vp, _size, _size)
_REALLOC = ctypes.CFUNCTYPE(_vp, _vp, _vp, _size)
_FREE = ctypes.CFUNCTYPE(None, _vp, _vp, _size)


class _Handler(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char * 127), ("version", ctypes.c_uint8), ("ctx", _vp), ("malloc", _MALLOC),
                ("calloc", _CALLOC), ("realloc", _REALLOC), ("free", _FREE)]


class _Rooms:
    """Mappings with a guard page at each end, kept for the next array of as many pages."""

    def __init__(self) -> None:
        self.libc = ctypes.CDLL(None, use_errno=True)
        for name, result, *types in (("mmap", _vp, _vp, _size, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long),
                                     ("mprotect", ctypes.c_int, _vp, _size, ctypes.c_int),
                                     ("malloc", _vp, _size), ("calloc", _vp, _size, _size),
                                     ("realloc", _vp, _vp, _size), ("free", None, _vp)):
            function = getattr(self.libc, name)
            function.restype, function.argtypes = result, types
        self.spare: dict[int, list[int]] = {}  # by the number of pages, the addresses of the first ones
        self.used: dict[int, tuple[int, int, int]] = {}  # by the address of the array: first page, pages, bytes
        self.left, self.at_end, self.calls = 0, True, 0
        self.handler = _Handler(b"refcompress", 1, None, _MALLOC(self.malloc), _CALLOC(self.calloc),
                                _REALLOC(self.realloc), _FREE(self.free))

    def malloc(self, _, size: int) -> int | None:
        if self.left <= 0 or size > LARGEST:
            return self.libc.malloc(size)
        address = self.take(size)
        if address is not None:
            ctypes.memset(address, POISON[self.calls % 2], size)
        return address

    def calloc(self, _, count: int, each: int) -> int | None:
        if self.left <= 0 or count * each > LARGEST:
            return self.libc.calloc(count, each)
        address = self.take(count * each)
        if address is not None:
            ctypes.memset(address, 0, count * each)
        return address

    def realloc(self, ctx, old: int | None, size: int) -> int | None:
        if old not in self.used:
            return self.libc.realloc(old, size)
        new = self.libc.malloc(size)
        if new is not None:
            ctypes.memmove(new, old, min(size, self.used[old][2]))
            self.free(ctx, old, size)
        return new

    def free(self, _, address: int | None, size: int) -> None:
        if address in self.used:
            first, pages, _ = self.used.pop(address)
            self.spare.setdefault(pages, []).append(first)
        else:
            self.libc.free(address)

    def take(self, size: int) -> int | None:
        """Return the address of so many bytes at a guard page."""
        self.left -= 1
        page = mmap.PAGESIZE
        pages = max(1, -(-size // page))
        spare = self.spare.get(pages)
        first = spare.pop() if spare else self.map(pages)
        if first is None:
            return self.libc.malloc(size)
        address = first + (pages * page - size if self.at_end else 0)
        self.used[address] = first, pages, size
        return address

    def map(self, pages: int) -> int | None:
        page = mmap.PAGESIZE
        start = self.libc.mmap(None, (pages + 2) * page, mmap.PROT_READ | mmap.PROT_WRITE,
                               mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
        if start is None or start == _vp(-1).value:
            return None
        for guard in (start, start + (pages + 1) * page):
            if self.libc.mprotect(guard, page, 0):
                return None
        return start + page


@functools.cache
def _set_handler():
    """Return NumPy's function that takes a handler, in a capsule, and returns the one before."""
    core = getattr(np, "_core", None) or np.core
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = _vp, [ctypes.py_object, ctypes.c_char_p]
    table = ctypes.cast(pointer(core._multiarray_umath._ARRAY_API, None), ctypes.POINTER(_vp))
    return ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(table[_SET_HANDLER])


@functools.cache
def _rooms() -> tuple:
    """Return what lives as long as the process: the rooms, and the capsule that NumPy keeps with each array."""
    rooms = _Rooms()
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, [_vp, _vp, _vp]
    name = ctypes.create_string_buffer(b"mem_handler")
    return rooms, new(ctypes.addressof(rooms.handler), ctypes.addressof(name), None), name


@functools.cache
def available() -> bool:
    """Return whether arrays can be put at guard pages here: tried once, with an array of 3 bytes."""
    if not guarded.available():
        return False
    try:
        with at_guards(True):
            a = np.empty(3, np.uint8)
        return (a.ctypes.data + a.nbytes) % mmap.PAGESIZE == 0 and a[0] in POISON
    except (AttributeError, OSError, TypeError, ValueError):
        return False


@contextmanager
def at_guards(at_end: bool) -> Iterator[None]:
    """Put the arrays that are made meanwhile, in this thread, before a guard page (``at_end``), or behind one."""
    rooms, capsule, _ = _rooms()
    rooms.left, rooms.at_end, rooms.calls = MOST, at_end, rooms.calls + 1
    before = _set_handler()(capsule)
    try:
        yield
    finally:
        _set_handler()(before)
        rooms.left = 0

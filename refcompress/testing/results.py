"""Results at guard pages: while a function is judged, NumPy takes the memory of its arrays from here.

A kernel that writes one element too many writes into memory that belongs to its own process, and mostly nobody notices.
So the arrays that are made in a call (``np.empty``, and what ``native.wrap`` makes) end at a page that may not be
touched, or begin behind one. New memory holds poison: what a kernel forgets to write shows, too.

NumPy has a door for this (NEP 49, NumPy 1.22): a table of four functions. Its place in NumPy's table of C functions is
part of NumPy's binary interface, and :func:`available` tries it. The four functions are in C (``csrc/guarded.c``):
NumPy frees arrays while an exception is pending, where no Python may run. POSIX only.
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
POISON = (0x7F, 0x93)  # in turn: what was not written differs from call to call

_vp = ctypes.c_void_p


@functools.cache
def _set_handler():
    """Return NumPy's function that takes a handler, in a capsule, and returns the one before."""
    core = getattr(np, "_core", None) or np.core
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = _vp, [ctypes.py_object, ctypes.c_char_p]
    table = ctypes.cast(pointer(core._multiarray_umath._ARRAY_API, None), ctypes.POINTER(_vp))
    return ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(table[_SET_HANDLER])


@functools.cache
def _handler() -> tuple:
    """Return what lives as long as the process: our library, and the capsule that NumPy keeps with each array."""
    from ..native._kernels import ffi, lib

    handler = int(ffi.cast("uintptr_t", lib.rc_guarded_handler()))
    if not handler:
        raise OSError("this system reserves no addresses for guarded arrays")
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, [_vp, _vp, _vp]
    name = ctypes.create_string_buffer(b"mem_handler")
    return lib, new(handler, ctypes.addressof(name), None), name


@functools.cache
def available() -> bool:
    """Return whether arrays can be put at guard pages here: tried once, with an array of 3 bytes."""
    if not guarded.available():
        return False
    try:
        with at_guards(True):
            a = np.empty(3, np.uint8)
        return (a.ctypes.data + a.nbytes) % mmap.PAGESIZE == 0 and a[0] in POISON
    except (AttributeError, ImportError, OSError, TypeError, ValueError):
        return False


_turn = 0


@contextmanager
def at_guards(at_end: bool) -> Iterator[None]:
    """Put the arrays that are made meanwhile, in this thread, before a guard page (``at_end``), or behind one."""
    global _turn
    lib, capsule, _ = _handler()
    _turn += 1
    lib.rc_guarded_begin(MOST, at_end, POISON[_turn % 2])
    before = _set_handler()(capsule)
    try:
        yield
    finally:
        _set_handler()(before)
        lib.rc_guarded_end()

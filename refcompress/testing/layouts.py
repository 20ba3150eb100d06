"""The same values at another place in memory: every layout must give the same bits.

What lies between the elements of an odd layout is poison (NaN, or the largest integer), so that a kernel which takes
the array for contiguous computes something else.
"""

import copy
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from . import guarded


def contiguous(a: np.ndarray) -> np.ndarray:
    """Return a plain copy."""
    return a.copy(order="C")


def strided(a: np.ndarray) -> np.ndarray:
    """Return a copy that takes every second element of each axis."""
    wide = np.full([2 * n for n in a.shape], _poison(a.dtype), a.dtype)
    view = wide[(slice(None, None, 2),) * a.ndim + (...,)]  # the ellipsis keeps a 0-d array an array
    view[...] = a
    return view


def reversed_(a: np.ndarray) -> np.ndarray:
    """Return a copy with a negative stride along each axis."""
    back = (slice(None, None, -1),) * a.ndim + (...,)
    return a[back].copy(order="C")[back]


def fortran(a: np.ndarray) -> np.ndarray:
    """Return a copy in Fortran order."""
    return a.copy(order="F")


def read_only(a: np.ndarray) -> np.ndarray:
    """Return a copy that may not be written."""
    a = a.copy(order="C")
    a.flags.writeable = False
    return a


def unaligned(a: np.ndarray) -> np.ndarray:
    """Return a copy that begins at an odd address."""
    moved = np.ndarray(a.shape, a.dtype, buffer=bytearray(a.nbytes + 1), offset=1)
    moved[...] = a
    return moved


def swapped(a: np.ndarray) -> np.ndarray:
    """Return a copy in the other byte order."""
    return a.astype(a.dtype.newbyteorder())


def page_end(a: np.ndarray) -> np.ndarray:
    """Return a read-only copy that ends at a guard page."""
    return guarded.ends_at_guard(a, readonly=True)


def page_start(a: np.ndarray) -> np.ndarray:
    """Return a read-only copy that begins at a guard page."""
    return guarded.begins_at_guard(a, readonly=True)


def _poison(dtype: np.dtype):
    return np.nan if dtype.kind == "f" else True if dtype.kind == "b" else np.iinfo(dtype).max


GUARDED = (page_end, page_start) if guarded.available() else ()
ODD = (contiguous, strided, reversed_, fortran, read_only, unaligned, swapped)
LAYOUTS = ODD + GUARDED


def place(value: Any, layout: Callable) -> Any:
    """Return ``value`` with each array in it laid out by ``layout``; numbers, strings and None as they are.

    A format's own arrays are C-contiguous and aligned by its contract, so of the odd layouts only the guarded ones
    reach them. They are put there past the format's checks, which copy: a door for tests, so that C reads the guarded
    memory.
    """
    if isinstance(value, np.ndarray):
        return layout(value)
    if isinstance(value, dict):
        return {key: place(item, layout) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(place(item, layout) for item in value)
    if is_dataclass(value) and layout in GUARDED:
        placed = copy.copy(value)
        for field in fields(value):
            object.__setattr__(placed, field.name, place(getattr(value, field.name), layout))
        return placed
    return value

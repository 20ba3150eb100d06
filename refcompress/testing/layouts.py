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


def columns(a: np.ndarray) -> np.ndarray:
    """Return a copy that is some columns of a wider array: plain along its last axis, its rows apart."""
    if not a.ndim:
        return contiguous(a)
    wide = np.full((*a.shape[:-1], a.shape[-1] + 5), _poison(a.dtype), a.dtype)
    view = wide[..., 2 : a.shape[-1] + 2]
    view[...] = a
    return view


def second_rows(a: np.ndarray) -> np.ndarray:
    """Return a copy that takes every second element of the first axis, and is plain along the others."""
    return _every_second(a, 0)


def second_columns(a: np.ndarray) -> np.ndarray:
    """Return a copy that takes every second element of the last axis, and is plain along the others."""
    return _every_second(a, a.ndim - 1)


def rows_reversed(a: np.ndarray) -> np.ndarray:
    """Return a copy with a negative stride along the first axis alone."""
    return a[::-1].copy(order="C")[::-1] if a.ndim else contiguous(a)


def columns_reversed(a: np.ndarray) -> np.ndarray:
    """Return a copy with a negative stride along the last axis alone."""
    return a[..., ::-1].copy(order="C")[..., ::-1] if a.ndim else contiguous(a)


def second_axis_last(a: np.ndarray) -> np.ndarray:
    """Return a copy whose second axis is the innermost in memory: channels last, where images have channels first."""
    if a.ndim < 2:
        return contiguous(a)
    return np.moveaxis(np.moveaxis(a, 1, -1).copy(order="C"), -1, 1)


def one_element_apart(a: np.ndarray) -> np.ndarray:
    """Return a copy whose axes of size 1 have strides that mean nothing, as those of a slice may."""
    strides = [stride if n != 1 else 4099 * a.itemsize for n, stride in zip(a.shape, contiguous(a).strides)]
    return np.lib.stride_tricks.as_strided(contiguous(a), strides=strides)


def repeated(a: np.ndarray) -> np.ndarray:
    """Return a read-only copy with a stride of 0 along each axis on which its elements are the same."""
    small = a
    for axis, n in enumerate(a.shape):
        first = small.take([0], axis=axis) if n > 1 else small
        if n > 1 and np.repeat(first, n, axis=axis).tobytes() == small.tobytes():
            small = first
    return np.broadcast_to(small.copy(order="C"), a.shape)


def page_end(a: np.ndarray) -> np.ndarray:
    """Return a read-only copy that ends at a guard page."""
    return guarded.ends_at_guard(a, readonly=True)


def page_start(a: np.ndarray) -> np.ndarray:
    """Return a read-only copy that begins at a guard page."""
    return guarded.begins_at_guard(a, readonly=True)


def _every_second(a: np.ndarray, axis: int) -> np.ndarray:
    if not a.ndim:
        return contiguous(a)
    wide = np.full([2 * n if i == axis else n for i, n in enumerate(a.shape)], _poison(a.dtype), a.dtype)
    view = wide[(*[slice(None)] * axis, slice(None, None, 2))]
    view[...] = a
    return view


def _poison(dtype: np.dtype):
    return np.nan if dtype.kind == "f" else True if dtype.kind == "b" else np.iinfo(dtype).max


GUARDED = (page_end, page_start) if guarded.available() else ()
ODD = (contiguous, strided, reversed_, fortran, read_only, unaligned, swapped)
# One axis is odd, and the others are plain: what a kernel that looks at a single stride, or at none, gets wrong.
ONE_AXIS = (columns, second_rows, second_columns, rows_reversed, columns_reversed, second_axis_last, one_element_apart,
            repeated)
LAYOUTS = ODD + ONE_AXIS + GUARDED


def place_one(args: tuple, kwargs: dict, layout: Callable, number: int) -> tuple[tuple, dict]:
    """Return a call of which one array alone, counted by ``number`` modulo how many there are, is laid out oddly."""
    items = [*args, *kwargs.values()]
    arrays = [i for i, item in enumerate(items) if isinstance(item, np.ndarray)]
    for i in arrays:
        items[i] = layout(items[i]) if i == arrays[number % len(arrays)] else contiguous(items[i])
    return tuple(items[: len(args)]), dict(zip(kwargs, items[len(args) :]))


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

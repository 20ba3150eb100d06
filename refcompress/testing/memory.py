"""Where an array lies, as a value: to be sent to another process, written as code, and made again byte for byte.

``portable`` and ``restored`` are inverses: between them a call's arguments are nothing that pickle would change.
Formats are taken apart into their fields, for their arrays may lie at guard pages, where no constructor would leave
them.
"""

import mmap
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from . import guarded

GUARDS = ("end", "start")
POISON = {"f": 0xFF, "b": 0x01}  # NaN; True; of integers 0x7F, which none of the usual data are


@dataclass(frozen=True)
class Place:
    """How an array lies in memory, beside its values.

    strides : in bytes, or None in C order. offset : bytes behind an address that its dtype is aligned to. read_only :
    whether it may not be written. guard : "end" where its last byte is the last one before a guard page, "start" where
    its first byte is the first one after it, else None.
    """

    strides: tuple[int, ...] | None = None
    offset: int = 0
    read_only: bool = False
    guard: str | None = None

    @property
    def plain(self) -> bool:
        return self == Place()


def place_of(a: np.ndarray) -> Place:
    """Return how an array lies in memory."""
    base: Any = a
    while isinstance(base, np.ndarray):
        base = base.base
    first = a.ctypes.data
    low, high = _extent(a.shape, a.strides, a.itemsize)
    guard = None
    if isinstance(base, mmap.mmap):
        before, behind = (first + low) % mmap.PAGESIZE, (first + high) % mmap.PAGESIZE
        guard = "end" if behind == 0 else "start" if before == 0 else None
    usual = a.size == 0 or a.strides == _c_strides(a.shape, a.itemsize)
    offset = first % a.dtype.alignment if a.size else 0
    return Place(None if usual else a.strides, offset, not a.flags.writeable, guard)


def at(values: Any, *, strides: tuple[int, ...] | None = None, offset: int = 0, read_only: bool = False,
       guard: str | None = None) -> np.ndarray:
    """Return a copy of an array that lies as :class:`Place` says; between its elements is poison (NaN, or 0x7F)."""
    values = np.asarray(values)
    if guard is not None and strides is None:
        make = guarded.ends_at_guard if guard == "end" else guarded.begins_at_guard
        return make(values, readonly=read_only)
    steps = _c_strides(values.shape, values.itemsize) if strides is None else strides
    low, high = _extent(values.shape, steps, values.itemsize)
    poison = np.full(high - low, POISON.get(values.dtype.kind, 0x7F), np.uint8)
    if guard is None:
        room = np.full(len(poison) + 2 * 64, 0x7F, np.uint8)
        begin = -room.ctypes.data % 64 + offset
        room[begin : begin + len(poison)] = poison
        placed = np.ndarray(values.shape, values.dtype, room, begin - low, steps)
    else:
        room = at(poison, guard=guard)
        placed = np.ndarray(values.shape, values.dtype, room, -low, steps)
    placed[...] = values
    placed.flags.writeable = not read_only
    return placed


def made(cls: type, **values: Any) -> Any:
    """Return a format with these fields, past its checks, which would copy arrays from where they lie."""
    value: Any = object.__new__(cls)
    for name, field in values.items():
        object.__setattr__(value, name, field)
    return value


@dataclass(frozen=True)
class _Array:
    values: np.ndarray
    dtype: str  # an array that comes out of a pickle has the machine's byte order
    place: Place


@dataclass(frozen=True)
class _Fields:
    cls: type
    values: dict


def portable(value: Any, once: dict[int, Any] | None = None) -> Any:
    """Return a value that pickle keeps: arrays as their values and their places, formats as their fields.

    An array that stands at two places stays one. once : the arrays that were met already, by their identity.
    """
    once = {} if once is None else once
    if type(value) is np.ndarray:
        if id(value) not in once:
            once[id(value)] = _Array(value.copy(order="C"), value.dtype.str, place_of(value))
        return once[id(value)]
    if type(value) is dict:
        return {key: portable(item, once) for key, item in value.items()}
    if type(value) in (tuple, list):
        return type(value)(portable(item, once) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return _Fields(type(value), {field.name: portable(getattr(value, field.name), once) for field in fields(value)})
    return value


def restored(value: Any, once: dict[int, Any] | None = None) -> Any:
    """Return what ``portable`` was given."""
    once = {} if once is None else once
    if isinstance(value, _Array):
        if id(value) not in once:
            once[id(value)] = at(value.values.astype(value.dtype, copy=False), **vars(value.place))
        return once[id(value)]
    if isinstance(value, _Fields):
        return made(value.cls, **{name: restored(item, once) for name, item in value.values.items()})
    if isinstance(value, dict):
        return {key: restored(item, once) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(restored(item, once) for item in value)
    return value


def root(a: np.ndarray) -> np.ndarray | None:
    """Return the whole memory that a view of an array lies in, as bytes; None where the array is all there is."""
    owner = a
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return None if owner is a or not owner.flags.forc else owner.reshape(-1, order="A").view(np.uint8)


def _c_strides(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    strides, step = [], itemsize
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))


def _extent(shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int) -> tuple[int, int]:
    """Return where an array begins and ends, in bytes from its first element."""
    if 0 in shape:
        return 0, 0
    moves = [(size - 1) * stride for size, stride in zip(shape, strides)]
    return sum(min(move, 0) for move in moves), sum(max(move, 0) for move in moves) + itemsize

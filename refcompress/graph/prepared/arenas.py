"""Memory for the values of a run: what nobody reads any more is the next value's."""

import math
from collections.abc import Iterable

import numpy as np

__all__ = ["Arenas", "memory_of", "within"]

LINE = 64  # bytes of a cache line


def memory_of(a: np.ndarray) -> tuple[int, int]:
    """Return the first address of an array's elements, and the first one behind them."""
    return np.lib.array_utils.byte_bounds(a)


def within(a: np.ndarray, owner: np.ndarray) -> bool:
    """Return whether all elements of an array lie between the ends of another's."""
    (low, high), (first, last) = memory_of(a), memory_of(owner)
    return first <= low and high <= last


class Arenas:
    """Pieces of memory, each on a cache line's boundary, and which of them are free."""

    def __init__(self) -> None:
        self._all: list[np.ndarray] = []
        self._free: list[np.ndarray] = []

    def empty(self, shape: tuple[int, ...], dtype) -> np.ndarray:
        """Return an array in the smallest free piece that holds it, or in a new one."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        fitting = [i for i, piece in enumerate(self._free) if piece.nbytes >= size]
        if fitting:
            piece = self._free.pop(min(fitting, key=lambda i: self._free[i].nbytes))
        else:
            whole = np.empty(size + LINE, np.uint8)
            offset = -whole.ctypes.data % LINE
            piece = whole[offset : offset + max(size, 1)]
            self._all.append(piece)
        return piece[:size].view(dtype).reshape(shape)

    def keep(self, arrays: Iterable[np.ndarray]) -> None:
        """Free all pieces but those in which one of these arrays has elements."""
        taken = [memory_of(a) for a in arrays if a.size]
        self._free = [piece for piece in self._all if not any(_meet(memory_of(piece), each) for each in taken)]

    def release(self, a: np.ndarray) -> None:
        """Free the piece in which an array lies, if it lies in one."""
        self._free += [piece for piece in self._all if a.size and within(a, piece)
                       and not any(piece is free for free in self._free)]

    @property
    def nbytes(self) -> int:
        """How many bytes all pieces have."""
        return sum(piece.nbytes for piece in self._all)


def _meet(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] < b[1] and b[0] < a[1]

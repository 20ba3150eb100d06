"""Positions of a matrix's entries or blocks as its rows hold them: what the kinds CSR and blocks read alike."""

from typing import Any

import numpy as np

from . import positions
from .arrays import owned
from .codes import read_layout
from .cursor import Reader

__all__ = []


def read_places(reader: Reader, rows: int, across: int, what: str) -> Any:
    """Return the stored ones of ``across`` positions in each of some rows; refuse a layout that no writer takes."""
    layout = read_layout(reader)
    if layout == positions.DENSE:
        raise reader.corrupt(f"{what} no dense layout")
    reader.promise(8 * (rows + 1))
    start = reader.position
    places = positions.read(reader, layout, rows * across)
    smaller = positions.smallest(places, rows * across, reader.coding, reader.position - start, layout)
    if smaller:
        raise reader.corrupt(f"is of layout {layout} where a writer takes {smaller.number}")
    reader.promise(4 * places.count)
    return places


def pointers_of(places: Any, rows: int, across: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where each row begins (rows + 1), int64, and at which of the ``across`` each place lies, int32."""
    indices, indptr = np.empty(places.count, np.int32), np.zeros(rows + 1, np.int64)
    done = 0
    for block in places:
        found, stored = np.unique(block // across, return_counts=True)
        indptr[found + 1] += stored
        indices[done : done + len(block)] = block % across
        done += len(block)
    np.cumsum(indptr, out=indptr)
    return owned(indptr), owned(indices)

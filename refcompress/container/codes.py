"""The codes of an array: the smallest layout, and what it stores (FORMAT.md, "Layouts"). Zeros may be left out."""

from functools import partial

import numpy as np

from ..errors import UnsupportedVersionError
from . import positions, stream_reading, streams
from .bits import trimmed
from .cursor import Coding, Reader


class Codes:
    """Codes with the smallest layout chosen, and their size as a Stream has it.

    dense : the stream of all codes. sparse : whether another layout than the dense one is allowed. Such a layout
    stores, for each code above 0, its position and the code less 1. marks : an array that is not 0 where a code is not,
    if that is not dense.symbols.
    """

    def __init__(self, dense: streams.Stream, sparse: bool, coding: Coding, marks: np.ndarray | None = None):
        self.layout: int = positions.DENSE
        self.positions: positions.Layout | None = None
        self.values = dense
        if sparse and dense.count:
            stored = streams.Stream(partial(above_zero, dense), coding, dense.counts[1:])
            room = dense.high - stored.low  # positions that take as many bytes are not worth it
            if positions.least(stored.count, dense.count) < room:
                places = positions.NonZero(dense.symbols if marks is None else marks, stored.count)
                found = positions.smallest(places, dense.count, coding, room, positions.DENSE)
                if found and streams.smaller(Sum(found, stored), dense):
                    self.layout, self.positions, self.values = found.number, found, stored
        parts = Sum(self.values, *([self.positions] if self.positions else []))
        self.low, self.high, self._parts = 1 + parts.low, 1 + parts.high, parts

    @property
    def size(self) -> int:
        self.low = self.high = 1 + self._parts.size
        return self.low

    def tobytes(self) -> bytes:
        return b"".join(self.parts())

    def parts(self) -> list[bytes | memoryview]:
        """Return the bytes in parts, as a Stream does."""
        places = self.positions.tobytes() if self.positions else b""
        return [bytes([self.layout]), places, *self.values.parts()]


class Sum:
    """The size of several parts together, within bounds and exactly."""

    def __init__(self, *parts):
        self.parts = parts
        self.low, self.high = (sum(getattr(part, bound) for part in parts) for bound in ("low", "high"))

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)


def above_zero(dense: streams.Stream) -> np.ndarray:
    """Return the symbols that are not 0, less 1."""
    codes = dense.symbols
    stored, done = np.empty(dense.count - int(dense.counts[0]), codes.dtype), 0
    for block in positions.NonZero(codes, len(stored)):
        stored[done : done + len(block)] = codes[block]
        done += len(block)
    stored -= codes.dtype.type(1)
    return stored


def read_codes(reader: Reader, size: int, alphabet: int, sparse: bool) -> streams.Stream:
    """Return ``size`` codes below ``alphabet``: uint8 if it is at most 256. The caller has promised their bytes."""
    layout = read_layout(reader)
    if layout != positions.DENSE and not sparse:
        raise reader.corrupt(f"layout {layout} needs a code 0 that stands for zero")
    if layout == positions.DENSE:
        dense = stream_reading.read_stream(reader, size, alphabet, "values")
    else:
        places = positions.read(reader, layout, size)
        stored = stream_reading.read_stream(reader, places.count, alphabet - 1, "values")
        codes = np.zeros(size, np.uint8 if alphabet <= 256 else np.uint16)
        done = 0
        for block in places:
            codes[block] = stored.symbols[done : done + len(block)].astype(codes.dtype) + codes.dtype.type(1)
            done += len(block)
        if reader.own:
            return stream_reading.uncounted(codes, reader.coding)
        counts = np.concatenate([[size - places.count], stored.counts])
        del places, stored  # what follows takes as much again
        dense = streams.Stream(codes, reader.coding, trimmed(counts))
    if reader.own:
        return dense
    written = Codes(dense, sparse, reader.coding).layout
    if layout != written:
        raise reader.corrupt(f"is of layout {layout} where a writer takes {written}")
    return dense


def read_layout(reader: Reader) -> int:
    """Return the number of the layout that follows; refuse one of a later release."""
    layout = reader.byte("header")
    if layout > positions.BITMASK:
        raise UnsupportedVersionError("data", f"entry {reader.entry!r} has layout {layout}; this release reads 0 to "
                                              f"{positions.BITMASK}")
    return layout

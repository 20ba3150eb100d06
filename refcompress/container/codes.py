"""The codes of an array: the smallest layout, and what it stores (FORMAT.md, "Layouts"). Zeros may be left out."""

import numpy as np

from ..errors import UnsupportedVersionError
from . import positions, streams
from .cursor import Coding, Reader


class Codes:
    """Codes with the smallest layout chosen and its exact size known.

    codes : (n,) uint8 or uint16; sparse : whether another layout than the dense one is allowed. Such a layout stores,
    for each code above 0, its position and the code less 1.
    """

    def __init__(self, codes: np.ndarray, sparse: bool, coding: Coding):
        self.layout, self.head = positions.DENSE, b""
        self.index: streams.Stream | None = None
        self.values = streams.Stream(codes, coding)
        if sparse:
            others = codes[codes != 0]
            others -= codes.dtype.type(1)
            stored = streams.Stream(others, coding)
            most = self.values.size - stored.size
            found = positions.smallest(positions.NonZero(codes), codes.size, coding, most, positions.DENSE)
            if found:
                self.layout, self.head, self.index = found
                self.values = stored
        self.size = 1 + len(self.head) + (self.index.size if self.index else 0) + self.values.size

    def tobytes(self) -> bytes:
        index = self.index.tobytes() if self.index else b""
        return bytes([self.layout]) + self.head + index + self.values.tobytes()


def read_codes(reader: Reader, size: int, alphabet: int, sparse: bool) -> np.ndarray:
    """Return ``size`` codes below ``alphabet``: uint8 if it is at most 256. The caller has promised their bytes."""
    layout = read_layout(reader)
    if layout != positions.DENSE and not sparse:
        raise reader.corrupt(f"layout {layout} needs a code 0 that stands for zero")
    if layout == positions.DENSE:
        codes = streams.read(reader, size, alphabet, "values")
    else:
        places = positions.read(reader, layout, size)
        stored = streams.read(reader, places.count, alphabet - 1, "values")
        codes = np.zeros(size, np.uint8 if alphabet <= 256 else np.uint16)
        done = 0
        for block in places:
            codes[block] = stored[done : done + len(block)].astype(codes.dtype) + codes.dtype.type(1)
            done += len(block)
        del places, stored  # what follows takes as much again
    written = Codes(codes, sparse, reader.coding).layout
    if layout != written:
        raise reader.corrupt(f"is of layout {layout} where a writer takes {written}")
    return codes


def read_layout(reader: Reader) -> int:
    """Return the number of the layout that follows; refuse one of a later release."""
    layout = reader.byte("header")
    if layout > positions.BITMASK:
        raise UnsupportedVersionError("data", f"entry {reader.entry!r} has layout {layout}; this release reads 0 to "
                                              f"{positions.BITMASK}")
    return layout

"""Where the stored weights of a pruned layer are: the smallest of three layouts is written (FORMAT.md, "Layouts").

- 0, dense: no positions; the weights that are not stored are written too, as the symbol 0.
- 1 to 8, the relative index of Deep Compression in that many bits: the distance from one stored weight to the next. A
  distance above 2**bits - 1 is bridged by fillers.
- 9, bitmask: one bit a weight, eight of them a symbol.

**Source** Han, Mao, Dally, "Deep Compression", ICLR 2016, section 2 and figure 2 (relative index, padding zeros).
**Departs** a filler is the distance symbol 0, not an entry of value zero: it costs no value, a stored zero (CSR has
those) cannot be mistaken for it, and the table of code lengths ends at the longest distance that occurs.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from ..errors import LimitError
from . import streams
from .cursor import Coding, Reader, integer_bytes

DENSE = 0
RELATIVE = range(1, 9)  # the layout's number is the bits of a distance
BITMASK = 9
MAX_SYMBOLS = 2**32  # distances of one entry, fillers included: its reader would need as many bytes
BLOCK = 2**14  # symbols worked on at a time: 128 KiB of positions, or 1 MiB where each symbol is the mask of eight


class Given:
    """Positions that are known, (count,) int64, rising. This class and the two below are iterated block by block."""

    def __init__(self, positions: np.ndarray):
        self.positions, self.count = positions, len(positions)

    def __iter__(self):
        for start in range(0, self.count, BLOCK):
            yield self.positions[start : start + BLOCK]


class NonZero:
    """The positions where the codes of an array, its elements in one row, are not 0."""

    def __init__(self, codes: np.ndarray):
        self.codes, self.count = codes, int(np.count_nonzero(codes))

    def __iter__(self):
        for start in range(0, len(self.codes), 8 * BLOCK):
            yield np.flatnonzero(self.codes[start : start + 8 * BLOCK]) + start


class Decoded:
    """The positions that a layout's symbols stand for, computed each time that they are iterated.

    All of them at once would take eight times the bytes of their codes, and hundreds of times the bytes of the file: a
    Huffman symbol takes one bit, and stands for up to eight positions.
    """

    def __init__(self, layout: int, symbols: np.ndarray):
        self.layout = layout
        self.symbols = symbols
        self.count = sum(map(len, self))

    def __iter__(self):
        last = -1
        for start in range(0, len(self.symbols), BLOCK):
            symbols = self.symbols[start : start + BLOCK]
            if self.layout == BITMASK:
                yield np.flatnonzero(np.unpackbits(symbols, bitorder="little")) + 8 * start
            else:  # each symbol moves on by itself, a filler by 2**bits - 1
                moved = np.cumsum(np.where(symbols == 0, np.int64(2**self.layout - 1), symbols)) + last
                last = moved[-1]
                yield moved[symbols != 0]

    def end(self) -> int:
        """Return the last position plus 1; 0 if there is none."""
        if self.layout == BITMASK:  # only its last byte may have bits beyond the last weight
            return 8 * (len(self.symbols) - 1) + int(self.symbols[-1]).bit_length() if len(self.symbols) else 0
        fillers = len(self.symbols) - int(np.count_nonzero(self.symbols))
        return int(self.symbols.sum(dtype=np.int64)) + fillers * (2**self.layout - 1)


def distances(places: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield, block by block, the distance of each position from the one before it; that of the first is from -1."""
    last = -1
    for block in places:
        if len(block):
            yield np.diff(block, prepend=last)
            last = block[-1]


def relative_counts(places: Iterable[np.ndarray]) -> list[int]:
    """Return, for each number of bits from 1 to 8, the number of symbols that :func:`relative` returns."""
    counts = [0] * len(RELATIVE)
    for block in distances(places):
        for at, bits in enumerate(RELATIVE):
            counts[at] += len(block) + int(((block - 1) // (2**bits - 1)).sum())
    return counts


def relative(places: Iterable[np.ndarray], bits: int, count: int) -> np.ndarray:
    """Return each distance as fillers (0) and a rest in 1 ... 2**bits - 1: (count,) uint8.

    >>> relative([np.array([0, 2, 9])], 2, 5).tolist()
    [1, 2, 0, 0, 1]
    """
    longest, symbols, at = 2**bits - 1, np.zeros(count, dtype=np.uint8), -1
    for block in distances(places):
        fillers = (block - 1) // longest
        ends = np.cumsum(fillers + 1) + at
        symbols[ends] = block - fillers * longest
        at = ends[-1]
    return symbols


def bitmask(places: Iterable[np.ndarray], size: int) -> np.ndarray:
    """Return (ceil(size / 8),) uint8: bit p % 8 of byte p // 8 is set for each position p."""
    mask = np.zeros((size + 7) // 8, dtype=np.uint8)
    for block in places:
        np.bitwise_or.at(mask, block >> 3, np.uint8(1) << (block & 7).astype(np.uint8))
    return mask


def smallest(places: Given | NonZero | Decoded, size: int, coding: Coding, nbytes: float = np.inf,
             layout: int = BITMASK + 1) -> tuple[int, bytes, streams.Stream] | None:
    """Return number, head (bytes) and stream of the layout that takes the fewest bytes, the lowest number of equals.

    places : below ``size``. nbytes, layout : a layout that is known; None is returned where no other takes fewer bytes,
    or as many and has a lower number. At most eight bytes of memory are taken for each of nbytes, if that is given.
    Raises LimitError where the positions are so far apart that even eight bits need more than 2**32 fillers.
    """
    counts, best, found = relative_counts(places), (nbytes, layout), None
    if counts[-1] > MAX_SYMBOLS:
        raise LimitError("positions", f"are too far apart: {size} weights, {places.count} of them stored")
    for number in (*reversed(RELATIVE), BITMASK):
        if number == BITMASK:
            count = (size + 7) // 8
            fewest = (size > 0) + (count + 7) // 8 * (places.count > 0)
        else:
            count = counts[number - 1]
            fewest = len(integer_bytes(count)) + (count > 0) + (count + 7) // 8
        # A symbol takes at least a bit, except in a mask of zeros. So a layout that cannot win is not tried: the mask
        # of a sparse CSR of 2**60 places would not fit in memory.
        if (fewest, number) >= best:
            continue
        if number == BITMASK:
            head, stream = b"", streams.Stream(bitmask(places, size), coding)
        else:
            head, stream = integer_bytes(count), streams.Stream(relative(places, number, count), coding)
        if (len(head) + stream.size, number) < best:
            best, found = (len(head) + stream.size, number), (number, head, stream)
    return found


def read(reader: Reader, layout: int, size: int) -> Decoded:
    """Return the positions of a layout other than the dense one: rising, and below ``size``."""
    if layout == BITMASK:
        count = (size + 7) // 8
        reader.bear(count)
        symbols = streams.read(reader, count, 256, "indices")
    else:
        count = reader.integer("indices")
        if count > 8 * reader.remaining:
            raise reader.corrupt(f"{count} distances do not fit the {reader.remaining} bytes that are left")
        if count > size:  # each of them moves on
            raise reader.corrupt(f"{count} distances lead beyond the last of {size}")
        reader.bear(count)
        symbols = streams.read(reader, count, 2**layout, "indices", zeros="fillers")
        if count and not symbols[-1]:
            raise reader.corrupt("the last distance must not be a filler")
    places = Decoded(layout, symbols)
    if places.end() > size:
        raise reader.corrupt(f"a weight is stored at {places.end() - 1}, beyond the last of {size}")
    return places

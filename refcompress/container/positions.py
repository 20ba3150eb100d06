"""Where the stored weights of a pruned layer are: the smallest of three layouts is written (FORMAT.md, "Layouts").

- 0, dense: no positions; the weights that are not stored are written too, as the symbol 0.
- 1 to 8, the relative index of Deep Compression in that many bits: the distance from one stored weight to the next. A
  distance above 2**bits - 1 is bridged by fillers.
- 9, bitmask: one bit a weight, eight of them a symbol.

**Source** Han, Mao, Dally, "Deep Compression", ICLR 2016, section 2 and figure 2 (relative index, padding zeros).
**Departs** a filler is the distance symbol 0, not an entry of value zero: it costs no value, a stored zero (CSR has
those) cannot be mistaken for it, and the table of code lengths ends at the longest distance that occurs.
"""

from collections.abc import Iterator

import numpy as np

from ..errors import LimitError
from . import streams
from .cursor import Reader, integer_bytes

DENSE = 0
RELATIVE = range(1, 9)  # the layout's number is the bits of a distance
BITMASK = 9
MAX_SYMBOLS = 2**32  # distances of one entry, fillers included: its reader would need as many bytes
BLOCK = 2**14  # symbols worked on at a time: 128 KiB of positions, or 1 MiB where each symbol is the mask of eight


def relative(distances: np.ndarray, bits: int) -> np.ndarray:
    """Return each of the distances, all above 0, as fillers (0) and a rest in 1 ... 2**bits - 1.

    >>> relative(np.array([1, 2, 7]), 2).tolist()
    [1, 2, 0, 0, 1]
    """
    longest = 2**bits - 1
    fillers = (distances - 1) // longest
    symbols = np.zeros(len(distances) + int(fillers.sum()), dtype=np.uint8)
    symbols[np.cumsum(fillers + 1) - 1] = distances - fillers * longest
    return symbols


def relative_count(distances: np.ndarray, bits: int) -> int:
    """Return how many symbols :func:`relative` returns, without making them."""
    return len(distances) + int(((distances - 1) // (2**bits - 1)).sum())


def bitmask(positions: np.ndarray, size: int) -> np.ndarray:
    """Return (ceil(size / 8),) uint8: bit p % 8 of byte p // 8 is set for each position p."""
    mask = np.zeros((size + 7) // 8, dtype=np.uint8)
    np.bitwise_or.at(mask, positions >> 3, np.uint8(1) << (positions & 7).astype(np.uint8))
    return mask


class Places:
    """The positions that a layout's symbols stand for, worked out a block at a time whenever they are iterated.

    All of them at once, as int64, would take eight times the bytes of the codes that they are for, and hundreds of times
    those of the file: a Huffman symbol takes one bit, and stands for up to eight positions.
    """

    def __init__(self, layout: int, symbols: np.ndarray):
        self.layout = layout
        self.symbols = symbols
        self.count = sum(map(len, self))

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the positions in blocks, int64, rising."""
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


def smallest(positions: np.ndarray, size: int, implementation, dense: int | None = None) -> tuple[int, bytes]:
    """Return the number and the bytes of the layout that takes the fewest, the lowest number of equals.

    positions : (nnz,) int64, rising, below ``size``. dense : the bytes that these positions may take before the dense
    layout (which has none, but more values) is as small; None where there is no dense layout. Then (DENSE, b"") is
    returned. Raises LimitError where the positions are so far apart that even eight bits need more than 2**32 fillers.
    """
    distances = np.diff(positions, prepend=-1)
    if relative_count(distances, 8) > MAX_SYMBOLS:
        raise LimitError("positions", f"are too far apart: {size} weights, {len(positions)} of them stored")
    best, best_bytes = ((dense, DENSE), None) if dense is not None else ((np.inf, BITMASK + 1), None)
    for layout in (*reversed(RELATIVE), BITMASK):
        if layout == BITMASK:
            count = (size + 7) // 8
            fewest = (size > 0) + (count + 7) // 8 * (len(positions) > 0)
        else:
            count = relative_count(distances, layout)
            fewest = len(integer_bytes(count)) + (count > 0) + (count + 7) // 8
        # No symbol takes less than a bit (but for a mask of zeros), so a layout that cannot win need not be tried; a
        # sparse CSR of 2**60 places would not fit in memory as a mask.
        if (fewest, layout) > best:
            continue
        if layout == BITMASK:
            head, stream = b"", streams.Stream(bitmask(positions, size), implementation)
        else:
            head, stream = integer_bytes(count), streams.Stream(relative(distances, layout), implementation)
        if (len(head) + stream.size, layout) < best:
            best, best_bytes = (len(head) + stream.size, layout), (head, stream)
    head, stream = best_bytes or (b"", None)
    return best[1], head + (stream.tobytes() if stream else b"")


def read(reader: Reader, layout: int, size: int, implementation) -> Places:
    """Return the positions, rising, below ``size``, that a layout other than the dense one holds."""
    if layout == BITMASK:
        count = (size + 7) // 8
        reader.bear(count)
        symbols = streams.read(reader, count, 256, "indices", implementation)
    else:
        count = reader.integer("indices")
        if count > 8 * reader.remaining:
            raise reader.corrupt(f"{count} distances do not fit the {reader.remaining} bytes that are left")
        if count > size:  # each of them moves on
            raise reader.corrupt(f"{count} distances lead beyond the last of {size}")
        reader.bear(count)
        symbols = streams.read(reader, count, 2**layout, "indices", implementation, zeros="fillers")
        if count and not symbols[-1]:
            raise reader.corrupt("the last distance must not be a filler")
    places = Places(layout, symbols)
    if places.end() > size:
        raise reader.corrupt(f"a weight is stored at {places.end() - 1}, beyond the last of {size}")
    return places

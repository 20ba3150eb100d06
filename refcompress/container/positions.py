"""Where the stored weights of a pruned layer are: the smallest of three layouts is written (FORMAT.md, "Layouts").

- 0, dense: no positions; the weights that are not stored are written too, as the symbol 0.
- 1 to 8, the relative index of Deep Compression in that many bits: the distance from one stored weight to the next. A
  distance above 2**bits - 1 is bridged by fillers.
- 9, bitmask: one bit a weight, eight of them a symbol.

**Source** Han, Mao, Dally, "Deep Compression", ICLR 2016, section 2 and figure 2 (relative index, padding zeros).
**Departs** a filler is the distance symbol 0, not an entry of value zero: it costs no value, a stored zero (CSR has
those) cannot be mistaken for it, and the table of code lengths ends at the longest distance that occurs.
"""

import numpy as np

from ..errors import LimitError
from . import streams
from .cursor import Reader, integer_bytes

DENSE = 0
RELATIVE = range(1, 9)  # the layout's number is the bits of a distance
BITMASK = 9
MAX_SYMBOLS = 2**32  # distances of one entry, fillers included: its reader would need as many bytes
BLOCK = 2**20  # mask bytes unpacked at a time, to 8 MiB


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


def from_relative(symbols: np.ndarray, bits: int) -> np.ndarray:
    """Return the positions, int64: each symbol moves on by itself, or by 2**bits - 1 if it is a filler."""
    distances = symbols.astype(np.int64)
    distances[symbols == 0] = 2**bits - 1
    return (np.cumsum(distances) - 1)[symbols != 0]


def bitmask(positions: np.ndarray, size: int) -> np.ndarray:
    """Return (ceil(size / 8),) uint8: bit p % 8 of byte p // 8 is set for each position p."""
    mask = np.zeros((size + 7) // 8, dtype=np.uint8)
    np.bitwise_or.at(mask, positions >> 3, np.uint8(1) << (positions & 7).astype(np.uint8))
    return mask


def from_bitmask(mask: np.ndarray) -> np.ndarray:
    """Return the positions of the set bits, int64."""
    parts = [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(mask), BLOCK):
        parts.append(np.flatnonzero(np.unpackbits(mask[start : start + BLOCK], bitorder="little")) + 8 * start)
    return np.concatenate(parts)


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


def read(reader: Reader, layout: int, size: int, implementation) -> np.ndarray:
    """Return the positions, int64, rising, below ``size``, that a layout other than the dense one holds."""
    if layout == BITMASK:
        count = (size + 7) // 8
        reader.promise(count)
        positions = from_bitmask(streams.read(reader, count, 256, "indices", implementation))
    else:
        count = reader.integer("indices")
        if count > 8 * reader.remaining:
            raise reader.corrupt(f"{count} distances do not fit the {reader.remaining} bytes that are left")
        symbols = streams.read(reader, count, 2**layout, "indices", implementation, zeros="fillers")
        if count and not symbols[-1]:
            raise reader.corrupt("the last distance must not be a filler")
        positions = from_relative(symbols, layout)
    if len(positions) and positions[-1] >= size:
        raise reader.corrupt(f"a weight is stored at {positions[-1]}, beyond the last of {size}")
    return positions

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
from functools import partial

import numpy as np

from ..errors import LimitError
from . import stream_reading, streams
from .bits import histogram, trimmed
from .cursor import Coding, Reader, integer_bytes

DENSE = 0
RELATIVE = range(1, 9)  # the layout's number is the bits of a distance
BITMASK = 9
MAX_SYMBOLS = 2**32  # distances of one entry, fillers included: its reader would need as many bytes
LONG = 2**12  # distances below are counted in a table
BLOCK = 2**14  # symbols worked on at a time: 128 KiB of positions, or 1 MiB where each symbol is the mask of eight


class Given:
    """Positions that are known, (count,) int64, rising. This class and the two below are iterated block by block."""

    def __init__(self, positions: np.ndarray):
        self.positions, self.count = positions, len(positions)

    def __iter__(self):
        for start in range(0, self.count, BLOCK):
            yield self.positions[start : start + BLOCK]


class NonZero:
    """The positions where an array, its elements in one row, is not 0: ``count`` of them."""

    def __init__(self, codes: np.ndarray, count: int | None = None):
        self.codes, self.count = codes, int(np.count_nonzero(codes)) if count is None else count

    def __iter__(self):
        for start in range(0, len(self.codes), 8 * BLOCK):
            yield np.flatnonzero(self.codes[start : start + 8 * BLOCK] != 0) + start  # NumPy is fast for bools alone

    def mask(self) -> np.ndarray:
        """Return what :func:`bitmask` returns."""
        parts = [np.packbits(self.codes[start : start + 8 * BLOCK] != 0, bitorder="little")
                 for start in range(0, len(self.codes), 8 * BLOCK)]
        return np.concatenate(parts) if parts else np.zeros(0, np.uint8)


class Decoded:
    """The positions that a layout's symbols stand for, computed each time that they are iterated.

    All of them at once would take eight times the bytes of their codes, and hundreds of times the bytes of the file: a
    Huffman symbol takes one bit, and stands for up to eight positions.
    """

    def __init__(self, layout: int, symbols: np.ndarray):
        self.layout = layout
        self.symbols = symbols
        self.count = int(bits_set(symbols) if layout == BITMASK else np.count_nonzero(symbols))

    def __iter__(self):
        last = -1
        for start in range(0, len(self.symbols), BLOCK):
            symbols = self.symbols[start : start + BLOCK]
            if self.layout == BITMASK:
                yield np.flatnonzero(np.unpackbits(symbols, bitorder="little")) + 8 * start
            else:  # each symbol moves on by itself, a filler by 2**bits - 1
                stored, moved = symbols != 0, symbols.astype(np.int64)
                moved[~stored] = 2**self.layout - 1
                np.cumsum(moved, out=moved)
                moved += last
                last = moved[-1]
                yield moved if stored.all() else moved[stored]

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


class Distances:
    """The distances of positions in two bytes each, to go through them again: longer ones stand by themselves."""

    def __init__(self, places: Iterable[np.ndarray]):
        short, long = list[np.ndarray](), list[np.ndarray]()
        for block in distances(places):
            far = block >= 2**16
            if far.any():
                long.append(block[far])
                block[far] = 0
            short.append(block.astype(np.uint16))
        self.short, self.long = (np.concatenate(parts) if parts else np.zeros(0, np.uint16) for parts in (short, long))

    def __iter__(self):
        done = 0
        for start in range(0, len(self.short), BLOCK):
            block = self.short[start : start + BLOCK]
            if len(self.long):
                block = block.astype(np.int64)
                far = np.flatnonzero(block == 0)
                block[far] = self.long[done : done + len(far)]
                done += len(far)
            yield block


def distance_counts(steps: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances that occur, rising, and how often each does; steps : blocks of distances."""
    short, long = np.zeros(LONG, np.int64), dict[int, int]()
    for block in steps:
        far = block >= LONG
        if far.any():
            for distance, count in zip(*(a.tolist() for a in np.unique(block[far], return_counts=True))):
                long[distance] = long.get(distance, 0) + count
            block = block[~far]
        part = np.bincount(block)
        short[: len(part)] += part
    near, rest = np.flatnonzero(short), sorted(long)
    return (np.concatenate([near, np.array(rest, np.int64)]),
            np.concatenate([short[near], np.array([long[distance] for distance in rest], np.int64)]))


def symbol_counts(found: np.ndarray, often: np.ndarray, bits: int) -> np.ndarray:
    """Return how often each symbol occurs in :func:`relative` of distances that are found so often."""
    longest = 2**bits - 1
    fillers = (found - 1) // longest
    counts = np.zeros(longest + 1, np.int64)
    np.add.at(counts, found - fillers * longest, often)
    counts[0] = (fillers * often).sum()
    return trimmed(counts)


def relative(steps: Iterable[np.ndarray], bits: int, count: int) -> np.ndarray:
    """Return each distance as fillers (0) and a rest in 1 ... 2**bits - 1: (count,) uint8.

    >>> relative([np.array([1, 2, 7])], 2, 5).tolist()
    [1, 2, 0, 0, 1]
    """
    longest, symbols, at = 2**bits - 1, np.zeros(count, dtype=np.uint8), -1
    for block in steps:
        if block.max() <= longest:
            symbols[at + 1 : at + 1 + len(block)] = block
            at += len(block)
            continue
        fillers = (block - 1) // longest
        ends = np.cumsum(fillers, dtype=np.int64) + np.arange(at + 1, at + 1 + len(block))
        symbols[ends] = block - fillers * longest
        at = ends[-1]
    return symbols


def bitmask(places: Iterable[np.ndarray], size: int) -> np.ndarray:
    """Return (ceil(size / 8),) uint8: bit p % 8 of byte p // 8 is set for each position p."""
    mask = np.zeros((size + 7) // 8, dtype=np.uint8)
    for block in places:
        np.bitwise_or.at(mask, block >> 3, np.uint8(1) << (block & 7).astype(np.uint8))
    return mask


def bits_set(symbols: np.ndarray) -> int:
    """Return how many bits of bytes are 1."""
    return int(histogram(symbols, 256) @ np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1))


def least(count: int, size: int) -> int:
    """Return how many bytes ``count`` positions below ``size`` take at least, in any layout."""
    mask = (size > 0) + ((size + 7) // 8 + 7) // 8 * (count > 0)
    return min(mask, least_relative(count))


def least_relative(count: int) -> int:
    """Return how many bytes a relative index of ``count`` distances takes at least."""
    return len(integer_bytes(count)) + (count > 0) + (count + 7) // 8


class Layout:
    """Positions in one of the layouts: its number, what stands before its stream, and the stream."""

    def __init__(self, number: int, head: bytes, stream: streams.Stream):
        self.number, self.head, self.stream = number, head, stream
        self.low, self.high = len(head) + stream.low, len(head) + stream.high

    @property
    def size(self) -> int:
        self.low = self.high = len(self.head) + self.stream.size
        return self.low

    def tobytes(self) -> bytes:
        return self.head + self.stream.tobytes()


def smallest(places: Given | NonZero | Decoded, size: int, coding: Coding, nbytes: float = np.inf,
             layout: int = BITMASK + 1) -> Layout | None:
    """Return the layout that takes the fewest bytes, of equals the one of the lowest number.

    places : below ``size``. nbytes, layout : a layout that is known; None is returned where no other takes fewer bytes,
    or as many and has a lower number. At most eight bytes of memory are taken for each of nbytes, if that is given.
    Raises LimitError where the positions are so far apart that even eight bits need more than 2**32 fillers.
    """
    candidates: list[Layout] = []
    best = nbytes, layout  # bytes that one of the candidates surely does not exceed

    def take(candidate: Layout) -> None:
        nonlocal best
        if (candidate.low, candidate.number) < best:
            candidates.append(candidate)
            best = min(best, (candidate.high, candidate.number))

    # A symbol takes at least a bit, except in a mask of zeros. So a layout that cannot win is not tried: the mask of a
    # sparse CSR of 2**60 places would not fit in memory.
    if least_relative(places.count) <= nbytes:
        steps = Distances(places)
        found, often = distance_counts(steps)
        longest = int(found[-1]) if len(found) else 0
        if longest and int(symbol_counts(found, often, RELATIVE[-1]).sum()) > MAX_SYMBOLS:
            raise LimitError("positions", f"are too far apart: {size} weights, {places.count} of them stored")
        # Where all distances take fewer bits, the symbols are the same.
        for bits in reversed([bits for bits in RELATIVE if bits == 1 or longest >= 2 ** (bits - 1)]):
            counts = symbol_counts(found, often, bits)
            count = int(counts.sum())
            if bits != layout and least_relative(count) <= best[0]:
                symbols = partial(relative, steps, bits, count)
                take(Layout(bits, integer_bytes(count), streams.Stream(symbols, coding, counts)))
    count = (size + 7) // 8
    if layout != BITMASK and ((size > 0) + (count + 7) // 8 * (places.count > 0), BITMASK) < best:
        mask = places.mask() if isinstance(places, NonZero) else bitmask(places, size)
        take(Layout(BITMASK, b"", streams.Stream(mask, coding)))
    candidates = [candidate for candidate in candidates if (candidate.low, candidate.number) <= best]
    if len(candidates) > 1 or candidates and candidates[0].high >= nbytes:  # the bounds do not decide
        candidates = [candidate for candidate in candidates if (candidate.size, candidate.number) < (nbytes, layout)]
        candidates.sort(key=lambda candidate: (candidate.size, candidate.number))
    return candidates[0] if candidates else None


def read(reader: Reader, layout: int, size: int) -> Decoded:
    """Return the positions of a layout other than the dense one: rising, and below ``size``."""
    if layout == BITMASK:
        count = (size + 7) // 8
        reader.bear(count)
        symbols = stream_reading.read(reader, count, 256, "indices")
    else:
        count = reader.integer("indices")
        if count > 8 * reader.remaining:
            raise reader.corrupt(f"{count} distances do not fit the {reader.remaining} bytes that are left")
        if count > size:  # each of them moves on
            raise reader.corrupt(f"{count} distances lead beyond the last of {size}")
        reader.bear(count)
        symbols = stream_reading.read(reader, count, 2**layout, "indices", zeros="fillers")
        if count and not symbols[-1]:
            raise reader.corrupt("the last distance must not be a filler")
    places = Decoded(layout, symbols)
    if places.end() > size:
        raise reader.corrupt(f"a weight is stored at {places.end() - 1}, beyond the last of {size}")
    return places

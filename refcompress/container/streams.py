"""A sequence of small integers in the coder that takes the fewest bytes (FORMAT.md, "Streams").

The first byte is the coder. 0 to 16: every symbol in so many bits, the fewest that hold the largest symbol. 17: the
code lengths and the words of a Huffman code. 18: the upper bytes of the symbols as one sequence, the lower ones as
another; version 1 does not have it. 19: blocks that are coded apart; from version 5 on. A sequence without symbols
takes no bytes at all, not even a coder.
"""

import math
import sys
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from ..errors import RefcompressError, UnsupportedVersionError
from ..formats import MAX_CODE_LENGTH, Encoded
from ..reference.huffman.blocks import UNIT
from ..reference.huffman.stream import lanes_of
from . import stream_blocks
from .bits import histogram, pack, packed_size, trimmed, unpack, words_needed
from .cursor import Coding, Reader, integer_bytes
from .stream_blocks import BLOCKS

HUFFMAN = 17
SPLIT = 18
MAX_HUFFMAN_ALPHABET = 2**MAX_CODE_LENGTH
# The coders of a stream in each version of the file, of the halves of coder 18, and of the blocks of coder 19.
CODERS = {1: (*range(18),), 2: (*range(19),), 3: (*range(19),), 4: (*range(19),), 5: (*range(20),)}
HALVES = {version: (*range(18),) for version in range(1, 5)} | {5: (*range(18), BLOCKS)}
ALONE = (*range(18),)


def operation(implementation, name: str) -> Callable:
    """Return the function of that name: the implementation's, or the reference's where it has none."""
    from .. import ops  # which loads all families: to look into a file needs none

    return ops.implementation_of(implementation, name)[0]


class Stream:
    """A sequence, the coder that takes the fewest bytes, and its size, before anything is coded.

    symbols : (n,) uint8 or uint16, or a function that returns them. counts : how often each occurs, if that is known.
    coded : the code lengths and the number of words of a Huffman stream of these symbols, if there is one. units : the
    counts of each unit of huffman_blocks, if they are known.

    The layouts of an entry have some ten streams, of which one layout's are written; and a reader finds here what a
    writer would choose. So a size is known within bounds, ``low`` and ``high``, from the counts alone. It is exact when
    ``size`` is asked for, which goes through the symbols. All three are without blocks: what is chosen by size is
    chosen before long streams are cut, which takes their symbols.
    """

    def __init__(self, symbols: np.ndarray | Callable[[], np.ndarray], coding: Coding,
                 counts: np.ndarray | None = None, coded: tuple[np.ndarray, int] | None = None,
                 units: np.ndarray | None = None):
        self._symbols = symbols
        self.coding = coding
        if counts is None:
            count = operation(coding.implementation, "huffman_counts")
            counts, units = stream_blocks.counted(self.symbols, count)
        self.counts, self.units = counts, units
        self.count = int(self.counts.sum())
        self.coded = coded
        self.coder = self.low = self.high = 0
        self.lengths: np.ndarray | None = None  # of the Huffman code, if that is the coder
        self.halves: tuple[Stream, ...] | None = None  # the upper and the lower bytes, if they are coded apart
        if not self.count:
            return
        highest = len(self.counts) - 1
        self.coder = highest.bit_length()
        self.low = self.high = 1 + packed_size(self.count, self.coder)
        least = 5 + packed_size(highest + 1, 4)  # the coder, the table, two integers and a word: else no code is sought
        if highest < MAX_HUFFMAN_ALPHABET and least < self.low:
            self._try_huffman()
        if highest > 255 and coding.version > 1:
            self._try_split()

    @property
    def symbols(self) -> np.ndarray:
        if not isinstance(self._symbols, np.ndarray):
            self._symbols = self._symbols()
        return self._symbols

    @property
    def size(self) -> int:
        """The bytes that it takes."""
        if self.low != self.high:
            if self.halves is not None:
                self.low = self.high = 1 + sum(half.size for half in self.halves)
            else:
                assert self.lengths is not None
                self.low = self.high = huffman_size(len(self.lengths), words_needed(self.symbols, self.lengths))
        return self.low

    @cached_property
    def blocks(self) -> tuple["Stream", ...]:
        """The blocks in which it takes fewer bytes, or none."""
        if (self.coding.version < stream_blocks.FIRST_VERSION or self.coder == SPLIT or len(self.counts) > 256
                or self.count <= UNIT):
            return ()
        find = operation(self.coding.implementation, "huffman_blocks")
        parts = stream_blocks.cut(self.symbols, self.units, find)
        if len(parts) == 1:
            return ()
        blocks = tuple(type(self)(part, self.coding, counts) for part, counts in parts)
        head = len(stream_blocks.head_of([block.count for block in blocks]))
        low, high = (head + sum(getattr(block, bound) for block in blocks) for bound in ("low", "high"))
        fewer = high < self.low or low < self.high and head + sum(block.size for block in blocks) < self.size
        return blocks if fewer else ()

    @property
    def form(self) -> tuple:
        """What was chosen: the coder, and the code lengths (of coder 17), the forms of both halves (of coder 18), or
        the number of symbols and the form of each block (of coder 19)."""
        if self.blocks:
            return BLOCKS, *((block.count, block.form_alone) for block in self.blocks)
        return self.form_alone

    @property
    def form_alone(self) -> tuple:
        """What was chosen without blocks."""
        return (self.coder, None if self.lengths is None else self.lengths.tobytes(),
                None if self.halves is None else tuple(half.form for half in self.halves))

    def _try_huffman(self) -> None:
        """Take a Huffman code if it takes fewer bytes than the symbols packed."""
        if huffman_size(len(self.counts), int(entropy(self.counts)) // 16) >= self.low:
            return  # as no code takes fewer bits
        lengths = operation(self.coding.implementation, "huffman_lengths")(self.counts, limit=MAX_CODE_LENGTH)
        # A lane takes the fewest words that hold L bits and those of all its symbols but the last (words_needed).
        lanes, longest, shortest = lanes_of(self.count), int(lengths.max()), int(lengths[self.counts > 0].min())
        bits = int(self.counts @ lengths.astype(np.int64))
        fewest, most = max(-(-bits // 16), lanes), (bits + lanes * (longest - shortest + 15)) // 16
        if self.coded is not None and np.array_equal(self.coded[0], lengths):
            fewest = most = self.coded[1]  # a stream that was decoded has as many as it needs
        low, high = (huffman_size(len(lengths), words) for words in (fewest, most))
        if low < self.low <= high:
            low = high = huffman_size(len(lengths), words_needed(self.symbols, lengths))
        if high < self.low:
            self.low, self.high, self.coder, self.lengths = low, high, HUFFMAN, lengths

    def _try_split(self) -> None:
        """Take the upper and the lower bytes apart if that takes fewer bytes."""
        both = np.zeros(-(-len(self.counts) // 256) * 256, np.int64)
        both[: len(self.counts)] = self.counts
        table = both.reshape(-1, 256)
        # They are made when they are asked for, and not kept: both take as much as the symbols.
        halves = tuple(Stream(partial(self._half, place), self.coding, trimmed(table.sum(axis=place)))
                       for place in (1, 0))
        low, high = (1 + sum(getattr(half, bound) for half in halves) for bound in ("low", "high"))
        if high < self.low or low < self.high and 1 + sum(half.size for half in halves) < self.size:
            self.low, self.high, self.coder, self.lengths, self.halves = low, high, SPLIT, None, halves

    def _half(self, place: int) -> np.ndarray:
        return byte_of(self.symbols, place)

    def tobytes(self) -> bytes:
        return b"".join(self.parts())

    def parts(self) -> list[bytes | memoryview]:
        """Return the bytes in parts, one after the other: what is as it was in memory is not copied."""
        if not self.count:
            return []
        if self.blocks:
            head = stream_blocks.head_of([block.count for block in self.blocks])
            return [head, *(part for block in self.blocks for part in block.parts_alone())]
        return self.parts_alone()

    def parts_alone(self) -> list[bytes | memoryview]:
        """Return the bytes without blocks."""
        if self.coder == SPLIT:
            assert self.halves is not None
            return [bytes([SPLIT]), *(part for half in self.halves for part in half.parts())]
        if self.lengths is None:
            return [bytes([self.coder]), pack(self.symbols, self.coder)]
        code = operation(self.coding.implementation, "huffman_code")(self.lengths)
        words = operation(self.coding.implementation, "huffman_encode")(self.symbols, code).words
        table = integer_bytes(len(self.lengths)) + pack(self.lengths, 4)
        head = bytes([HUFFMAN]) + table + integer_bytes(len(words))
        return [head, words.astype("<u2", copy=False).data]


def entropy(counts: np.ndarray) -> float:
    """Return the entropy of symbols in bits, or less by what rounding may have added to it."""
    used = counts[counts > 0].astype(np.float64)
    total = float(used.sum())
    bits = total * math.log2(total) - float(used @ np.log2(used))
    # Each product has a relative error of a few 2^-53, and so have their sums: together less than 2^-40 of the largest.
    return max(0.0, bits - total * math.log2(total) * 2.0**-40)


def smaller(a, b) -> bool:
    """Return whether ``a`` takes fewer bytes than ``b``: by their bounds, or by their sizes where these overlap."""
    return a.high < b.low or (a.low < b.high and a.size < b.size)


def huffman_size(alphabet: int, words: int) -> int:
    """Return the bytes of a stream of coder 17."""
    return 1 + len(integer_bytes(alphabet)) + packed_size(alphabet, 4) + len(integer_bytes(words)) + 2 * words


def byte_of(symbols: np.ndarray, place: int) -> np.ndarray:
    """Return the lower (place 0) or the upper (1) bytes of 16-bit symbols, uint8."""
    return symbols.view(np.uint8)[place if sys.byteorder == "little" else 1 - place :: 2].copy()


def read(reader: Reader, count: int, alphabet: int, kind: str, zeros: str | None = None) -> np.ndarray:
    """Return the ``count`` symbols of :func:`read_stream`."""
    return read_stream(reader, count, alphabet, kind, zeros).symbols


def read_stream(reader: Reader, count: int, alphabet: int, kind: str, zeros: str | None = None) -> Stream:
    """Return the stream of ``count`` symbols below ``alphabet``: uint8 if it is at most 256, else uint16.

    The caller has bounded ``count``. kind, zeros : what the ledger calls the bits of the symbols, and those of the
    symbols 0 if they are something else. Raises CorruptError unless the bytes are those that a writer writes for these
    symbols; UnsupportedVersionError for a coder that the version of the file does not have.
    """
    dtype = np.uint8 if alphabet <= 256 else np.uint16
    if count == 0:
        return Stream(np.zeros(0, dtype), reader.coding)
    read = read_any(reader, count, kind, CODERS[reader.coding.version])
    if reader.own:
        return uncounted(read.symbols.astype(dtype, copy=False), reader.coding)
    counts, units = stream_blocks.counted(read.symbols, operation(reader.coding.implementation, "huffman_counts"))
    if len(counts) > alphabet:
        raise reader.corrupt(f"symbol {len(counts) - 1} is not below the alphabet's size {alphabet}")
    symbols = read.symbols.astype(dtype, copy=False)
    written = Stream(symbols, reader.coding, counts, read.coded, units)
    if written.form[0] != read.form[0]:
        raise reader.corrupt(f"a stream is of coder {read.form[0]} where a writer takes {written.form[0]}")
    if written.form != read.form:
        what = {BLOCKS: "blocks", SPLIT: "halves"}.get(read.form[0], "code lengths")
        raise reader.corrupt(f"the {what} of a stream are not those of its symbols")
    if zeros:
        reader.reassign(kind, zeros, read.zero_bits)
    return written


def uncounted(symbols: np.ndarray, coding: Coding) -> Stream:
    """Return symbols as a stream that is not asked how it would be coded."""
    return Stream(symbols, coding, np.zeros(0, np.int64))


class Read(NamedTuple):
    """Symbols as they were read, their form as Stream has it, and the bits of all symbols 0, if a ledger asks for them
    (of coder 18 it does not).

    coded : the code lengths and the number of words, of coder 17
    """

    symbols: np.ndarray
    form: tuple
    zero_bits: int
    coded: tuple[np.ndarray, int] | None = None


def read_any(reader: Reader, count: int, kind: str, coders: Sequence[int]) -> Read:
    """Return what a stream holds, unchecked. coders : those that may stand here"""
    coder = read_coder(reader, coders)
    if coder == HUFFMAN:
        return read_huffman(reader, count, kind)
    if coder < HUFFMAN:
        symbols = read_packed(reader, count, kind, coder)
        return Read(symbols, (coder, None, None), coder * zeros_of(reader, symbols))
    if coder == BLOCKS:
        return read_blocks(reader, count, kind)
    forms, symbols = [], np.zeros(count, np.uint16)
    for _ in ("upper", "lower"):
        half = read_any(reader, count, kind, HALVES[reader.coding.version])
        if half.symbols.dtype != np.uint8:
            raise reader.corrupt("half of a symbol is below 256")
        symbols <<= np.uint16(8)
        symbols |= half.symbols
        forms.append(half.form)
    return Read(symbols, (SPLIT, None, tuple(forms)), 0)


def read_blocks(reader: Reader, count: int, kind: str) -> Read:
    """Return what a stream of coder 19 holds."""
    forms, zero_bits, done = [], 0, 0
    counts = stream_blocks.read_counts(reader, count)
    symbols = np.empty(count, np.uint8)
    for here in counts:
        block = read_any(reader, here, kind, ALONE)
        if block.symbols.dtype != np.uint8:
            raise reader.corrupt("a symbol of a block is below 256")
        symbols[done : done + here] = block.symbols
        done += here
        zero_bits += block.zero_bits
        forms.append((here, block.form))
    return Read(symbols, (BLOCKS, *forms), zero_bits)


def zeros_of(reader: Reader, symbols: np.ndarray) -> int:
    """Return how many symbols are 0, if a ledger asks for it."""
    return 0 if reader.bits is None else int(np.count_nonzero(symbols == 0))


def read_coder(reader: Reader, coders: Sequence[int]) -> int:
    """Return the coder that follows; refuse one that cannot stand there, such as one of a later release."""
    coder = reader.byte("header")
    if coder not in coders:
        *most, last = coders
        reads = f"{coders[0]} to {last}" if last == len(most) else f"{coders[0]} to {most[-1]} and {last}"
        raise UnsupportedVersionError("data", f"entry {reader.entry!r} has a stream of coder {coder}; this release "
                                              f"reads {reads} there, in version {reader.coding.version}")
    return coder


def skip(reader: Reader, count: int, kind: str, coders: Sequence[int] | None = None) -> int:
    """Go over a stream of ``count`` symbols without decoding it; return the bits of the largest symbol, as it says."""
    if count == 0:
        return 0
    coder = read_coder(reader, coders or CODERS[reader.coding.version])
    if coder < HUFFMAN:
        reader.reassign(kind, "padding", 8 * len(reader.take(packed_size(count, coder), kind)) - count * coder)
        return coder
    if coder == HUFFMAN:
        lengths = read_lengths(reader)
        reader.take(2 * reader.integer("header"), kind)
        return (len(lengths) - 1).bit_length()
    if coder == BLOCKS:
        return max(skip(reader, here, kind, ALONE) for here in stream_blocks.read_counts(reader, count))
    upper, _ = (skip(reader, count, kind, HALVES[reader.coding.version]) for _ in ("upper", "lower"))
    return 8 + upper


def read_packed(reader: Reader, count: int, kind: str, width: int) -> np.ndarray:
    data = reader.take(packed_size(count, width), kind)
    padding = 8 * len(data) - count * width
    if padding and data[-1] >> (8 - padding):
        raise reader.corrupt("the padding bits of a packed stream must be 0")
    reader.reassign(kind, "padding", padding)
    return unpack(data, count, width)


def read_huffman(reader: Reader, count: int, kind: str) -> Read:
    """Return what a stream of coder 17 holds. These symbols have no other words in this code."""
    lengths = read_lengths(reader)
    size = reader.integer("header")
    words = np.frombuffer(reader.take(2 * size, kind), "<u2").astype(np.uint16)
    words.flags.writeable = False  # so that Encoded need not copy them
    implementation = reader.coding.implementation
    try:  # Encoded refuses a count beyond the bits, before the decoder allocates for it
        code = operation(implementation, "huffman_code")(lengths)
        symbols = operation(implementation, "huffman_decode")(Encoded(words, count, code))
    except RefcompressError as error:
        raise reader.corrupt(f"Huffman stream: {error}") from None
    if reader.bits is not None:
        reader.reassign(kind, "padding", 16 * size - int(histogram(symbols, len(lengths)) @ lengths))
    zero_bits = int(lengths[0]) * zeros_of(reader, symbols)
    return Read(symbols, (HUFFMAN, lengths.tobytes(), None), zero_bits, (lengths, size))


def read_lengths(reader: Reader) -> np.ndarray:
    """Return the code lengths of a stream of coder 17."""
    alphabet = reader.integer("code tables")
    if not 1 <= alphabet <= MAX_HUFFMAN_ALPHABET:
        raise reader.corrupt(f"a Huffman code has 1 to {MAX_HUFFMAN_ALPHABET} lengths, not {alphabet}")
    table = reader.take(packed_size(alphabet, 4), "code tables")
    lengths = unpack(table, alphabet, 4)
    if alphabet % 2:
        reader.reassign("code tables", "padding", 4)
        if table[-1] >> 4:
            raise reader.corrupt("the padding after an odd number of code lengths must be 0")
    return lengths

"""A sequence of small integers in the coder that takes the fewest bytes (FORMAT.md, "Streams").

The first byte is the coder. 0 to 16: every symbol in so many bits, the fewest that hold the largest symbol. 17: the
code lengths and the words of a Huffman code. 18: the upper bytes of the symbols as one sequence, the lower ones as
another; version 1 does not have it. 19: blocks that are coded apart; from version 5 on. A sequence without symbols
takes no bytes at all, not even a coder.
"""

import math
import sys
from collections.abc import Callable
from functools import cached_property, partial

import numpy as np

from ..formats import MAX_CODE_LENGTH
from ..reference.huffman.blocks import UNIT
from ..reference.huffman.stream import lanes_of
from . import stream_blocks
from .bits import pack, packed_size, trimmed, words_needed
from .cursor import Coding, integer_bytes
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

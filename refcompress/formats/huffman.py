"""Prefix codes, and what is written with them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .. import arguments
from ..errors import LimitError, RefcompressError
from .base import Format

MAX_CODE_LENGTH = 15  # bits: a length fits 4 bits, and a lane of the stream never holds more than 15 + 15 (FORMAT.md)


@dataclass(frozen=True, eq=False, repr=False)
class HuffmanCode(Format):
    """A complete canonical prefix code: symbol i is written as the ``lengths[i]`` low bits of ``codes[i]``.

    lengths : (alphabet,) uint8, 0 for a symbol that does not occur, else 1 to 15
    codes : (alphabet,) uint16, 0 where the length is 0

    Complete: the sum of 2**-length is exactly 1. There are two exceptions: a lone symbol has length 1 and code 0, and a
    code without symbols is empty. Canonical: in the order of (length, symbol) the codes, aligned left, count up without
    a gap.
    """

    lengths: np.ndarray
    codes: np.ndarray

    def __post_init__(self):
        lengths = arguments.array(self.lengths, "lengths", np.uint8, ndim=1)
        codes = arguments.array(self.codes, "codes", np.uint16, ndim=1)
        if len(lengths) > 2**MAX_CODE_LENGTH:
            raise LimitError("lengths", f"must have at most {2**MAX_CODE_LENGTH} symbols, not {len(lengths)}")
        if codes.shape != lengths.shape:
            raise RefcompressError("codes", f"must have one code a length, {len(lengths)}, not {len(codes)}")
        arguments.each(lengths, "lengths", lengths <= MAX_CODE_LENGTH, f"must be at most {MAX_CODE_LENGTH}")
        used = np.flatnonzero(lengths)
        order = used[np.argsort(lengths[used], kind="stable")]
        # Aligned left in 15 bits, a code of l bits covers 2**(15 - l) of the 2**15 patterns. Canonical and complete
        # codes tile them in order: each starts where the one before it ends, and the last one ends at 2**15.
        widths = np.int64(1) << (MAX_CODE_LENGTH - lengths[order].astype(np.int64))
        lone = len(used) == 1 and lengths[used[0]] == 1
        if len(used) and widths.sum() != 2**MAX_CODE_LENGTH and not lone:
            raise RefcompressError("lengths", f"must fill the code space: the sum of 2**-length is "
                                              f"{widths.sum() / 2**MAX_CODE_LENGTH:g}, not 1")
        expected = np.zeros(len(lengths), dtype=np.int64)
        expected[order] = (np.cumsum(widths) - widths) >> (MAX_CODE_LENGTH - lengths[order].astype(np.int64))
        arguments.each(codes, "codes", codes == expected, "must be the canonical code of its length")
        self._set("lengths", lengths)
        self._set("codes", codes)

    @cached_property
    def longest(self) -> int:
        """The length of the longest code in bits; 0 if no symbol occurs."""
        return int(self.lengths.max(initial=0))

    @cached_property
    def shortest(self) -> int:
        """The length of the shortest code in bits; the most that there can be if no symbol occurs."""
        return int(self.lengths[self.lengths > 0].min(initial=MAX_CODE_LENGTH))

    def describe(self) -> str:
        return f"Huffman code, {np.count_nonzero(self.lengths):,} symbols of at most {self.longest} bits"


@dataclass(frozen=True, eq=False, repr=False)
class Encoded(Format):
    """A Huffman-coded sequence: ``count`` symbols in 16-bit ``words``, laid out as FORMAT.md's section on streams says.

    words : (w,) uint16
    count : int
    code : HuffmanCode

    Nothing here says whether the words can be decoded: huffman_decode raises CorruptError for words that cannot.
    """

    words: np.ndarray
    count: int
    code: HuffmanCode

    def __post_init__(self):
        words = arguments.array(self.words, "words", np.uint16, ndim=1)
        count = arguments.integer(self.count, "count", 0)
        if not isinstance(self.code, HuffmanCode):
            raise RefcompressError("code", f"must be a HuffmanCode, not {type(self.code).__name__}")
        if count > 16 * len(words):  # a symbol takes at least one bit
            raise RefcompressError("count", f"must be at most the {16 * len(words)} bits of words, not {count}")
        if count and not self.code.longest:
            raise RefcompressError("count", "must be 0 for a code without symbols")
        self._set("words", words)
        self._set("count", count)

    def describe(self) -> str:
        return f"Huffman stream, {self.count:,} symbols in {len(self.words):,} words"

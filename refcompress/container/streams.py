"""A sequence of small integers in the coder that takes the fewest bytes (FORMAT.md, "Streams").

The first byte is the coder. 0 to 16: every symbol in so many bits, the fewest that hold the largest symbol. 17: the
code lengths and the words of a Huffman code. 18: the upper bytes of the symbols as one sequence, the lower ones as
another; version 1 does not have it. A sequence without symbols takes no bytes at all, not even a coder.
"""

import sys
from collections.abc import Callable

import numpy as np

from .. import ops
from ..errors import RefcompressError, UnsupportedVersionError
from ..formats import MAX_CODE_LENGTH, Encoded
from ..reference.huffman.stream import lanes_of
from .cursor import Coding, Reader, integer_bytes

HUFFMAN = 17
SPLIT = 18
MAX_HUFFMAN_ALPHABET = 2**MAX_CODE_LENGTH
BLOCK = 2**16  # symbols worked on at a time: a multiple of 8, so that packed blocks of any width end on a byte


def operation(implementation, name: str) -> Callable:
    """Return the function of that name: the implementation's, or the reference's where it has none."""
    return ops.implementation_of(implementation, name)[0]


class Stream:
    """A sequence, the coder that takes the fewest bytes, and its exact size, before anything is coded.

    symbols : (n,) uint8 or uint16. The size of the Huffman words is computed, not tried. The layouts of an entry have
    some ten streams, of which one layout's are written; and a reader finds here what a writer would choose.
    """

    def __init__(self, symbols: np.ndarray, coding: Coding):
        self.symbols = symbols
        self.coding = coding
        self.coder = self.size = 0
        self.lengths: np.ndarray | None = None  # of the Huffman code, if that is the coder
        self.halves: tuple | None = None  # the forms of the upper and of the lower bytes, if they are coded apart
        if not len(symbols):
            return
        highest = int(symbols.max())
        self.coder = highest.bit_length()
        self.size = 1 + packed_size(len(symbols), self.coder)
        least = 5 + packed_size(highest + 1, 4)  # the coder, the table, two integers and a word: else no code is sought
        if highest < MAX_HUFFMAN_ALPHABET and least < self.size:
            counts = histogram(symbols)
            lengths = operation(coding.implementation, "huffman_lengths")(counts, limit=MAX_CODE_LENGTH)
            size = 1 + len(integer_bytes(len(lengths))) + packed_size(len(lengths), 4)
            if size + int(counts @ lengths) // 8 < self.size:  # else the words are not counted: they hold these bits
                words = words_needed(symbols, lengths)
                size += len(integer_bytes(words)) + 2 * words
                if size < self.size:
                    self.size, self.coder, self.lengths = size, HUFFMAN, lengths
        if highest > 255 and coding.version > 1:
            size, forms = 1, []
            for place in (1, 0):  # one after the other, and not kept: both take as much as the symbols
                half = Stream(byte_of(symbols, place), coding)
                size += half.size
                forms.append(half.form)
            if size < self.size:
                self.size, self.coder, self.lengths, self.halves = size, SPLIT, None, tuple(forms)

    @property
    def form(self) -> tuple:
        """What was chosen: the coder, the code lengths (of coder 17), the forms of both halves (of coder 18)."""
        return self.coder, None if self.lengths is None else self.lengths.tobytes(), self.halves

    def tobytes(self) -> bytes:
        if not len(self.symbols):
            return b""
        if self.coder == SPLIT:
            halves = (Stream(byte_of(self.symbols, place), self.coding) for place in (1, 0))
            return bytes([SPLIT]) + b"".join(half.tobytes() for half in halves)
        if self.lengths is None:
            return bytes([self.coder]) + pack(self.symbols, self.coder)
        code = operation(self.coding.implementation, "huffman_code")(self.lengths)
        words = operation(self.coding.implementation, "huffman_encode")(self.symbols, code).words
        table = integer_bytes(len(self.lengths)) + pack(self.lengths, 4)
        return bytes([HUFFMAN]) + table + integer_bytes(len(words)) + words.astype("<u2").tobytes()


def byte_of(symbols: np.ndarray, place: int) -> np.ndarray:
    """Return the lower (place 0) or the upper (1) bytes of 16-bit symbols, uint8."""
    return symbols.view(np.uint8)[place if sys.byteorder == "little" else 1 - place :: 2].copy()


def read(reader: Reader, count: int, alphabet: int, kind: str, zeros: str | None = None) -> np.ndarray:
    """Return ``count`` symbols below ``alphabet``: uint8 if it is at most 256, else uint16.

    The caller has bounded ``count``. kind, zeros : what the ledger calls the bits of the symbols, and those of the
    symbols 0 if they are something else. Raises CorruptError unless the bytes are those that a writer writes for these
    symbols; UnsupportedVersionError for a coder that the version of the file does not have.
    """
    dtype = np.uint8 if alphabet <= 256 else np.uint16
    if count == 0:
        return np.zeros(0, dtype)
    highest = HUFFMAN if reader.coding.version == 1 else SPLIT
    symbols, form, zero_bits = read_any(reader, count, kind, highest)
    highest = int(symbols.max())
    if highest >= alphabet:
        raise reader.corrupt(f"symbol {highest} is not below the alphabet's size {alphabet}")
    written = Stream(symbols, reader.coding).form
    if written[0] != form[0]:
        raise reader.corrupt(f"a stream is of coder {form[0]} where a writer takes {written[0]}")
    if written != form:
        raise reader.corrupt("the code lengths of a stream are not those of its symbols")
    if zeros:
        reader.reassign(kind, zeros, zero_bits * (count - int(np.count_nonzero(symbols))))
    return symbols.astype(dtype, copy=False)


def read_any(reader: Reader, count: int, kind: str, last: int) -> tuple[np.ndarray, tuple, int]:
    """Return the symbols, their form as Stream has it, and the bits of symbol 0 (0 for coder 18).

    last : the last coder that may stand here
    """
    coder = reader.byte("header")
    if coder > last:
        raise UnsupportedVersionError("data", f"entry {reader.entry!r} has a stream of coder {coder}; this release "
                                              f"reads 0 to {last} there, in version {reader.coding.version}")
    if coder == HUFFMAN:
        return read_huffman(reader, count, kind)
    if coder < HUFFMAN:
        return read_packed(reader, count, kind, coder), (coder, None, None), coder
    forms, symbols = [], np.zeros(count, np.uint16)
    for _ in ("upper", "lower"):
        half, form, _ = read_any(reader, count, kind, HUFFMAN)
        if half.dtype != np.uint8:
            raise reader.corrupt("half of a symbol is below 256")
        symbols <<= np.uint16(8)
        symbols |= half
        forms.append(form)
    return symbols, (SPLIT, None, tuple(forms)), 0


def read_packed(reader: Reader, count: int, kind: str, width: int) -> np.ndarray:
    data = reader.take(packed_size(count, width), kind)
    padding = 8 * len(data) - count * width
    if padding and data[-1] >> (8 - padding):
        raise reader.corrupt("the padding bits of a packed stream must be 0")
    reader.reassign(kind, "padding", padding)
    return unpack(data, count, width)


def read_huffman(reader: Reader, count: int, kind: str) -> tuple[np.ndarray, tuple, int]:
    """Return the symbols, their form, and the bits of symbol 0. These symbols have no other words in this code."""
    alphabet = reader.integer("code tables")
    if not 1 <= alphabet <= MAX_HUFFMAN_ALPHABET:
        raise reader.corrupt(f"a Huffman code has 1 to {MAX_HUFFMAN_ALPHABET} lengths, not {alphabet}")
    table = reader.take(packed_size(alphabet, 4), "code tables")
    lengths = unpack(table, alphabet, 4)
    if alphabet % 2:
        reader.reassign("code tables", "padding", 4)
        if table[-1] >> 4:
            raise reader.corrupt("the padding after an odd number of code lengths must be 0")
    size = reader.integer("header")
    words = np.frombuffer(reader.take(2 * size, kind), "<u2").astype(np.uint16)
    implementation = reader.coding.implementation
    try:  # Encoded refuses a count beyond the bits, before the decoder allocates for it
        code = operation(implementation, "huffman_code")(lengths)
        symbols = operation(implementation, "huffman_decode")(Encoded(words, count, code))
    except RefcompressError as error:
        raise reader.corrupt(f"Huffman stream: {error}") from None
    if reader.bits is not None:
        reader.reassign(kind, "padding", 16 * size - int(histogram(symbols, alphabet) @ lengths))
    return symbols, (HUFFMAN, lengths.tobytes(), None), int(lengths[0])


def histogram(symbols: np.ndarray, alphabet: int = 0) -> np.ndarray:
    """Return the number of times that each symbol up to the largest (and below ``alphabet``) occurs, int64."""
    counts = np.zeros(max(alphabet, int(symbols.max()) + 1), dtype=np.int64)
    for start in range(0, len(symbols), BLOCK):  # numpy.bincount makes an int64 copy of what it counts
        part = np.bincount(symbols[start : start + BLOCK])
        counts[: len(part)] += part
    return counts


def packed_size(count: int, width: int) -> int:
    """Return the bytes of ``count`` symbols of ``width`` bits."""
    return (count * width + 7) // 8


def pack(symbols: np.ndarray, width: int) -> bytes:
    """Return the symbols in ``width`` bits each, lowest bit first, the last byte filled up with zeros.

    >>> pack(np.array([1, 2, 3]), 4).hex()
    '2103'
    """
    if width in (8, 16):
        return symbols.astype(f"<u{width // 8}").tobytes()
    parts = []
    for start in range(0, len(symbols) if width else 0, BLOCK):
        bits = symbols[start : start + BLOCK, None] >> np.arange(width).astype(symbols.dtype) & 1
        parts.append(np.packbits(bits.astype(np.uint8), bitorder="little").tobytes())
    return b"".join(parts)


def unpack(data, count: int, width: int) -> np.ndarray:
    """Return the ``count`` symbols whose :func:`pack` is ``data``: uint8 up to 8 bits, else uint16."""
    dtype = np.dtype(np.uint8 if width <= 8 else np.uint16)
    if width in (8, 16):
        return np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype)
    data = np.frombuffer(data, np.uint8)
    symbols = np.zeros(count, dtype)
    for start in range(0, count if width else 0, BLOCK):
        block = symbols[start : start + BLOCK]
        bits = np.unpackbits(data[start * width // 8 :][: packed_size(len(block), width)], bitorder="little")
        for place in range(width):
            block |= bits[place : len(block) * width : width].astype(dtype) << dtype.type(place)
    return symbols


def words_needed(symbols: np.ndarray, lengths: np.ndarray) -> int:
    """Return the number of words that huffman_encode writes for ``symbols``, one or more, with these ``lengths``.

    L is the longest length. A lane takes a word only when it holds fewer than L bits. So a lane at its last symbol,
    with b bits decoded, has taken the fewest words with 16 * words >= b + L.
    """
    n = len(symbols)
    lanes = lanes_of(n)
    rows = (n - 1) // lanes  # full steps before the last one
    last = n - rows * lanes  # so many lanes have a symbol in the last step; the others ended in the step before
    bits = np.full(lanes, int(lengths.max()), dtype=np.int64)
    for start in range(0, rows * lanes, BLOCK):  # BLOCK is a multiple of any number of lanes
        block = symbols[start : min(start + BLOCK, rows * lanes)]
        bits += lengths[block].reshape(-1, lanes).sum(axis=0, dtype=np.int64)
    bits[last:] -= lengths[symbols[n - lanes : rows * lanes]]
    return int(((bits + 15) // 16).sum())

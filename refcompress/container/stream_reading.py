"""A stream as it is read: its coder, its symbols, and whether a writer would have written it so (FORMAT.md, "Streams").
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..errors import RefcompressError, UnsupportedVersionError
from ..formats import Encoded
from . import stream_blocks
from .bits import histogram, packed_size, unpack
from .cursor import Coding, Reader
from .stream_blocks import BLOCKS
from .streams import ALONE, CODERS, HALVES, HUFFMAN, MAX_HUFFMAN_ALPHABET, SPLIT, Stream, operation


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

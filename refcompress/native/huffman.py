"""The huffman family in C: counts and blocks of symbols, lengths and code, huffman_encode and huffman_decode.

A stream is one chain of steps, so no threads share it; it goes in chunks, for Ctrl-C is answered between them.
"""

from functools import wraps

import numpy as np

from .. import reference
from ..errors import CorruptError, RefcompressError
from ..formats import Encoded, HuffmanCode
from ..reference.huffman.blocks import UNIT, blocks_arguments
from ..reference.huffman.counts import counts_arguments
from ..reference.huffman.lengths import code_arguments, lengths_arguments
from ..reference.huffman.stream import decode_arguments, encode_arguments, lanes_of, with_codes
from . import threads
from ._call import check, pointer
from ._kernels import ffi, lib

__all__ = ["huffman_counts", "huffman_blocks", "huffman_lengths", "huffman_code", "huffman_encode", "huffman_decode"]


ROUND = 2**16  # steps of a part, some milliseconds


def huffman_counts(kernel, row):
    """Return the operation huffman_counts computed by a C kernel."""
    own = row.kernels.get("huffman_counts") == kernel  # and not a caller's

    @wraps(reference.huffman_counts)
    def huffman_counts(symbols):
        symbols = counts_arguments(symbols)
        if own and symbols.itemsize == 2 and len(symbols) < 2**14:
            return reference.huffman_counts(symbols)  # sooner than the table of the kernel is cleared
        counts = np.zeros(1 << 8 * symbols.itemsize, np.uint64)
        operands = symbols.itemsize == 2, pointer(symbols), _output(counts)
        size = int(row.speed * threads.CHUNK_SECONDS)
        for begin in range(0, len(symbols), size):
            check(kernel(begin, min(begin + size, len(symbols)), *operands), "symbols")
        used = counts.nonzero()[0]
        return counts[: used[-1] + 1 if len(used) else 0].astype(np.int64)

    def of_units(symbols):
        """Return how often each symbol occurs in each unit of huffman_blocks, (units, 256) uint32."""
        symbols = blocks_arguments(symbols)
        counts = np.empty((-(-len(symbols) // UNIT), 256), np.uint32)
        for begin, end in _some_units(len(symbols), row.speed):
            check(lib.rc_huffman_count_units(kernel, begin, end, len(symbols), pointer(symbols), _output(counts)),
                  "symbols")
        return counts

    huffman_counts.of_units = of_units  # type: ignore[attr-defined]
    return huffman_counts


def huffman_blocks(kernel, row):
    """Return the operation huffman_blocks computed by a C kernel."""

    def ends_of(count: int, read, source: np.ndarray):
        """Return the ends of the blocks that ``read`` finds in ``source``."""
        ends, cut = np.empty(-(-count // UNIT), np.int64), ffi.new("struct rc_huffman_cut *")
        for begin, end in _some_units(count, row.speed):
            check(read(begin, end, count, pointer(source), cut, _output(ends)), "symbols")
        return ends[: cut.blocks].copy()

    @wraps(reference.huffman_blocks)
    def huffman_blocks(symbols):
        symbols = blocks_arguments(symbols)
        return ends_of(len(symbols), kernel, symbols)

    if row.kernels.get("huffman_blocks") == kernel:  # a caller's own looks at the symbols
        # The blocks of so many symbols, from the counts of their units.
        huffman_blocks.of_units = lambda units, count: ends_of(count, lib.rc_huffman_cut_units, units)  # type: ignore
    return huffman_blocks


def huffman_lengths(kernel, row):
    """Return the operation huffman_lengths computed by a C kernel."""

    @wraps(reference.huffman_lengths)
    def huffman_lengths(counts, *, limit=15):
        counts, limit = lengths_arguments(counts, limit)
        n = len(counts)
        lengths = np.empty(n, dtype=np.uint8)
        weights, order = np.empty(3 * n, dtype=np.uint64), np.empty(n, dtype=np.uint16)
        kinds = np.empty(2 * n * limit, dtype=np.uint8)
        outputs = map(_output, (weights, order, kinds, lengths))
        check(kernel(n, limit, pointer(counts.view(np.uint64)), *outputs), "counts")
        return lengths

    return huffman_lengths


def huffman_code(kernel, row):
    """Return the operation huffman_code computed by a C kernel."""

    @wraps(reference.huffman_code)
    def huffman_code(lengths):
        lengths = code_arguments(lengths)
        codes = np.empty(len(lengths), dtype=np.uint16)
        check(kernel(len(lengths), pointer(lengths), _output(codes)), "lengths")
        return HuffmanCode(lengths, codes)  # refuses lengths that do not fill the code space

    return huffman_code


def huffman_encode(kernel, row):
    """Return the operation huffman_encode computed by a C kernel."""

    @wraps(reference.huffman_encode)
    def huffman_encode(symbols, code):
        symbols, code = encode_arguments(symbols, code)
        count = len(symbols)
        if count == 0:
            return Encoded(np.empty(0, dtype=np.uint16), 0, code)
        wide = symbols.itemsize == 2
        table, state = np.empty(1 << 8 * symbols.itemsize, dtype=np.uint32), ffi.new("struct rc_huffman_lanes *")
        operands = (count, lanes_of(count), *_parts(code), wide, pointer(symbols), _output(table), state)
        chunks = _chunks(count, row.speed)
        try:
            for begin, end in chunks:
                check(kernel(begin, end, *operands, ffi.NULL), "symbols")
        except RefcompressError:
            with_codes(symbols, code)  # names the symbol at fault
            raise
        words = np.empty(state.position, dtype=np.uint16)
        for begin, end in reversed(chunks):
            check(kernel(begin, end, *operands, _output(words)), "symbols")
        words.flags.writeable = False  # so that Encoded need not copy them
        return Encoded(words, count, code)

    return huffman_encode


def huffman_decode(kernel, row):
    """Return the operation huffman_decode computed by a C kernel."""

    @wraps(reference.huffman_decode)
    def huffman_decode(encoded):
        words, count, code = decode_arguments(encoded)
        symbols = np.empty(count, dtype=np.uint8 if len(code.lengths) <= 256 else np.uint16)
        table, state = np.empty(1 << code.longest, dtype=np.uint32), ffi.new("struct rc_huffman_lanes *")
        operands = (count, lanes_of(count), *_parts(code), len(words), pointer(words), _output(table), state,
                    symbols.itemsize == 2, _output(symbols))
        try:
            for begin, end in _chunks(count, row.speed):
                check(kernel(begin, end, *operands), "words")
        except CorruptError:
            rule = _broken_rule(count, len(words), code.longest, state, operands)
            raise CorruptError("words", rule) from None
        return symbols

    return huffman_decode


def _broken_rule(count: int, n_words: int, longest: int, state, operands) -> str:
    """Return the rule that refused words break, as the reference says it.

    They are decoded once more by the portable kernel, as far as it goes: by parts of half as many steps each time that
    one is refused, down to the step that breaks the rule.
    """
    kernel, lanes = lib.rc_kernels_at(0).huffman_decode, lanes_of(count)
    steps, begin, size = -(-count // lanes), 0, ROUND
    check(kernel(0, 0, *operands), "words")  # which fills the table
    while size:
        before = bytes(ffi.buffer(state))
        if begin + size <= steps and kernel(begin, begin + size, *operands) == lib.RC_OK:
            begin += size
        else:
            ffi.buffer(state)[:] = before
            size //= 2
    active, left = min(lanes, count - begin * lanes), n_words - state.position
    taking = [lane for lane in range(active) if state.held[lane] < longest]
    if len(taking) > left:
        return f"end before symbol {begin * lanes + taking[left]}"
    kernel(begin, begin + 1, *operands)
    return "go on after the last symbol" if state.position < n_words else "hold a bit of 1 that belongs to no symbol"


def _output(a: np.ndarray):
    return pointer(a, writable=True)


def _parts(code: HuffmanCode):
    return len(code.lengths), pointer(code.lengths), pointer(code.codes), code.longest


def _some_units(count: int, speed: float) -> list[tuple[int, int]]:
    """Return ranges that cover all units of so many symbols, each at most about threads.CHUNK_SECONDS of work."""
    units, size = -(-count // UNIT), max(1, int(speed * threads.CHUNK_SECONDS) // UNIT)
    return [(begin, min(begin + size, units)) for begin in range(0, units, size)]


def _chunks(count: int, speed: float) -> list[tuple[int, int]]:
    """Return ranges of steps that cover all of them, each about threads.CHUNK_SECONDS of work."""
    lanes = lanes_of(count)
    steps, size = -(-count // lanes), int(speed * threads.CHUNK_SECONDS) // lanes
    return [(begin, min(begin + size, steps)) for begin in range(0, steps, size)]

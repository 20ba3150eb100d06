"""Counts of symbols, symbols in few bits, and the words that a Huffman code takes: a stream without its choices."""

import numpy as np

from ..reference.huffman.counts import huffman_counts
from ..reference.huffman.stream import lanes_of

BLOCK = 2**16  # symbols worked on at a time: a multiple of 8, so that packed blocks of any width end on a byte


def trimmed(counts: np.ndarray) -> np.ndarray:
    """Return counts up to the last that is not 0."""
    used = np.flatnonzero(counts)
    return counts[: used[-1] + 1 if len(used) else 0]


def histogram(symbols: np.ndarray, alphabet: int = 0) -> np.ndarray:
    """Return the number of times that each symbol up to the largest (and below ``alphabet``) occurs, int64."""
    counts = huffman_counts(symbols)
    return np.concatenate([counts, np.zeros(max(0, alphabet - len(counts)), np.int64)])


def packed_size(count: int, width: int) -> int:
    """Return the bytes of ``count`` symbols of ``width`` bits."""
    return (count * width + 7) // 8


def pack(symbols: np.ndarray, width: int) -> bytes | memoryview:
    """Return the symbols in ``width`` bits each, lowest bit first, the last byte filled up with zeros.

    Of whole bytes it returns the memory of the symbols themselves, where the machine has them in this order.

    >>> pack(np.array([1, 2, 3]), 4).hex()
    '2103'
    """
    if width in (8, 16):
        return np.ascontiguousarray(symbols, f"<u{width // 8}").view(np.uint8).data
    parts = []
    for start in range(0, len(symbols) if width else 0, BLOCK):
        block = symbols[start : start + BLOCK]
        if width < 8:  # eight symbols take so many bytes
            whole = np.zeros((-(-len(block) // 8), 8), np.uint8)
            whole.reshape(-1)[: len(block)] = block
            together = np.zeros(len(whole), "<u8")
            for place in range(8):
                together |= whole[:, place].astype(np.uint64) << np.uint64(place * width)
            packed = together.view(np.uint8).reshape(-1, 8)[:, :width].tobytes()
            parts.append(packed[: packed_size(len(block), width)])
        else:
            bits = block[:, None] >> np.arange(width).astype(symbols.dtype) & 1
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
        part = data[start * width // 8 :][: packed_size(len(block), width)]
        if width < 8:
            held = np.zeros(-(-len(block) // 8) * width, np.uint8)
            held[: len(part)] = part
            whole = np.zeros((len(held) // width, 8), np.uint8)
            whole[:, :width] = held.reshape(-1, width)
            together, each = whole.view("<u8")[:, 0], np.empty(whole.shape, np.uint8)
            for place in range(8):
                each[:, place] = together >> np.uint64(place * width) & np.uint64(2**width - 1)
            block[:] = each.reshape(-1)[: len(block)]
        else:
            bits = np.unpackbits(part, bitorder="little")
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
        bits += bits_of_lanes(symbols[start : min(start + BLOCK, rows * lanes)], lengths, lanes)
    bits[last:] -= lengths[symbols[n - lanes : rows * lanes]]
    return int(((bits + 15) // 16).sum())


def bits_of_lanes(symbols: np.ndarray, lengths: np.ndarray, lanes: int) -> np.ndarray:
    """Return the sum of the lengths of each lane's symbols, of which all lanes have as many."""
    if symbols.itemsize > 1 or lanes < 8:
        return lengths[symbols].reshape(-1, lanes).sum(axis=0, dtype=np.int64)
    table = lengths.tobytes().ljust(256, b"\0")[:256]
    each = np.frombuffer(symbols.tobytes().translate(table), np.uint64).reshape(-1, lanes // 8)
    whole = len(each) - len(each) % 16  # sixteen lengths of at most 15 add up within a byte, eight bytes at a time
    sums = each[:whole].reshape(-1, 16, lanes // 8).sum(axis=1)
    return sum(part.view(np.uint8).reshape(-1, lanes).sum(axis=0, dtype=np.int64) for part in (sums, each[whole:]))

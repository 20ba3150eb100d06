"""What the operations of the huffman family must refuse."""

import numpy as np

from ... import reference
from ...formats import Encoded
from ..values import not_arrays, other_dimensions


def huffman_lengths():
    counts = np.int64([1, 2, 3])
    for bad in (*not_arrays(counts), *other_dimensions(counts), np.int64([1, -1]), np.uint64([2**63, 1]),
                np.int64([2**62] * 3), np.ones(2**15 + 1, np.int64)):
        yield (bad,), {}
    for limit in (0, 16, -1, True, 1.0, 1, None):  # one bit gives two codes, and three symbols are used
        yield (counts,), {"limit": limit}


def huffman_code():
    lengths = np.uint8([1, 2, 2])
    for bad in (*not_arrays(lengths), *other_dimensions(lengths), np.uint8([1, 1, 1]), np.uint8([1, 2]),
                np.uint8([2]), np.uint8([16, 1]), np.uint8([255, 255]), np.zeros(2**15 + 1, np.uint8)):
        yield (bad,), {}


def huffman_encode():
    code, symbols = reference.huffman_code(np.uint8([1, 2, 0, 2])), np.uint8([0, 1, 3])
    without_code = np.uint8([0, 2]), np.uint8([0, 4]), np.uint16([0, 65_535])
    for bad in (*not_arrays(symbols), *other_dimensions(symbols), *without_code):
        yield (bad, code), {}
    for bad in (None, code.lengths):
        yield (symbols, bad), {}


def huffman_decode():
    """Words that no encoder writes: cut short, too long, a 1 in the padding, for a lone symbol, for no symbol."""
    for bad in (None, np.uint16([0])):
        yield (bad,), {}
    code = reference.huffman_code(np.uint8([1, 2, 3, 3]))
    for count in (1, 7, 33, 2500):
        symbols = np.random.default_rng(count).integers(0, 4, count).astype(np.uint8)
        words = reference.huffman_encode(symbols, code).words
        yield (Encoded(np.append(words, np.uint16(0)), count, code),), {}
        yield (Encoded(np.append(words, np.uint16([1] * 500)), count, code),), {}
        if 16 * (len(words) - 1) >= count:
            yield (Encoded(words[:-1], count, code),), {}
    yield (Encoded(np.uint16([0x8000]), 1, code),), {}
    lone = reference.huffman_code(np.uint8([0, 1]))
    for words in ([1], [0x8000], [4]):
        yield (Encoded(np.uint16(words), 3, lone),), {}
    yield (Encoded(np.uint16([0]), 0, code),), {}


REFUSALS = {f.__name__: f for f in (huffman_lengths, huffman_code, huffman_encode, huffman_decode)}

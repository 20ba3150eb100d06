"""Kernels of huffman family: wrong ones, each with its bug, and right ones."""

import numpy as np

from ... import reference
from ...formats import Encoded
from ..huffman import UNIT
from ..values import with_fields
from .kernels import Kernel

KERNELS: list[Kernel] = []


# huffman_counts

def _last_one_not_counted(symbols):
    counts = reference.huffman_counts(symbols)
    counts[symbols[-1:]] -= 1
    return counts


def _one_count_for_each_value(symbols):
    counts = np.zeros(1 << 8 * symbols.itemsize, np.int64)
    found = reference.huffman_counts(symbols)
    counts[: len(found)] = found
    return counts


KERNELS += [
    Kernel("huffman_counts", "the last one not counted", "tail",
           "The loop over symbols ends one early.",
           _last_one_not_counted),
    Kernel("huffman_counts", "a count for each value of the type", "promise",
           "The table has 256 or 65,536 entries; the operation returns as many as the largest symbol needs.",
           _one_count_for_each_value),
]


# huffman_lengths

def _lengths_off_by_one(counts, **kwargs):
    lengths = reference.huffman_lengths(counts, **kwargs)
    lengths[lengths == lengths.max(initial=0)] += 1
    return lengths


def _ties_reversed(counts, **kwargs):
    return reference.huffman_lengths(counts[::-1], **kwargs)[::-1].copy()


def _limit_ignored(counts, *, limit=15):
    return reference.huffman_lengths(counts)


KERNELS += [
    Kernel("huffman_lengths", "longest length off by one", "rule",
           "The root of the tree is counted as a level.",
           _lengths_off_by_one),
    Kernel("huffman_lengths", "ties reversed", "rule",
           "A heap without a rule for equal counts gives lengths of the same cost in another order.",
           _ties_reversed),
    Kernel("huffman_lengths", "limit ignored", "options",
           "Lengths are not limited, because most alphabets are shallow.",
           _limit_ignored),
]


# huffman_code

def _not_canonical(lengths):
    code = reference.huffman_code(lengths)
    codes = code.codes.copy()
    for length in range(1, 16):
        codes[code.lengths == length] = codes[code.lengths == length][::-1]
    return with_fields(code, codes=codes)


def _keeps_a_view(lengths):
    return with_fields(reference.huffman_code(lengths), lengths=lengths)


KERNELS += [
    Kernel("huffman_code", "codes not canonical", "rule",
           "Codes of a length are given from the last symbol to the first.",
           _not_canonical),
    Kernel("huffman_code", "keeps a view of its input", "state",
           "The lengths are kept without a copy, and change with the caller's array.",
           _keeps_a_view),
]


# huffman_encode

def _last_word_lost(symbols, code):
    encoded = reference.huffman_encode(symbols, code)
    return encoded if len(encoded.words) < 100 else with_fields(encoded, words=encoded.words[:-1])


def _big_endian_words(symbols, code):
    encoded = reference.huffman_encode(symbols, code)
    return Encoded(encoded.words.byteswap(), encoded.count, code)


KERNELS += [
    Kernel("huffman_encode", "last word lost", "tail",
           "The bits that do not fill a word are not flushed.",
           _last_word_lost),
    Kernel("huffman_encode", "big-endian words", "layout",
           "Words were written in network byte order.",
           _big_endian_words),
]


# huffman_decode

def _last_lane_dropped(encoded):
    symbols = reference.huffman_decode(encoded)
    lanes = min(64, 1 << max(1, len(symbols) // 1024).bit_length() - 1)
    if lanes > 1:
        symbols[lanes - 1 :: lanes] = 0
    return symbols


def _always_bytes(encoded):
    return reference.huffman_decode(encoded).astype(np.uint8)


KERNELS += [
    Kernel("huffman_decode", "last lane dropped", "length",
           "Streams that are long enough for several lanes lose the last one.",
           _last_lane_dropped),
    Kernel("huffman_decode", "always bytes", "length",
           "Symbols are stored as bytes, and an alphabet above 256 wraps round.",
           _always_bytes),
]


# huffman_blocks

def _each_unit_apart(symbols):
    return np.array([min(begin + UNIT, len(symbols)) for begin in range(0, len(symbols), UNIT)], np.int64)


def _never_cut(symbols):
    return np.array([len(symbols)][: len(symbols)], np.int64)


def _compared_with_the_last_unit_alone(symbols):
    ends = [0]
    for end in _each_unit_apart(symbols).tolist():
        begin = max(0, (end - 1) // UNIT * UNIT - UNIT)
        if len(ends) > 1 and len(reference.huffman_blocks(symbols[begin:end])) == 1:
            ends.pop()
        ends.append(end)
    return np.array(ends[1:], np.int64)


KERNELS += [
    Kernel("huffman_blocks", "each unit apart", "rule",
           "Each unit gets a code of its own, whether or not it pays for its lengths.",
           _each_unit_apart),
    Kernel("huffman_blocks", "never cut", "rule",
           "The stream has one code, however its symbols change.",
           _never_cut),
    Kernel("huffman_blocks", "compared with the last unit alone", "rule",
           "A unit joins by its likeness to the unit before it, not to the whole block.",
           _compared_with_the_last_unit_alone),
]

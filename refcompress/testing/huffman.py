"""The cases of the huffman family: shallow and deep trees, ties, every short length of a stream."""

import numpy as np

from .. import reference
from ..formats import Encoded
from .cases import Cases
from .draws import array, composite, st
from .values import LENGTHS, not_arrays, other_dimensions

CASES: dict[str, Cases] = {}


# huffman_counts

def huffman_counts_sweep():
    rng = np.random.default_rng(10)
    for i, n in enumerate([*LENGTHS, 4099, 70_001]):
        for dtype, most in ((np.uint8, 256), (np.uint8, 3), (np.uint16, 2**16), (np.uint16, 17)):
            yield (rng.integers(0, most, n).astype(dtype)[:: 1 + i % 2],), {}
    yield (np.full(70_000, 255, np.uint8),), {}
    yield (np.full(300, 2**16 - 1, np.uint16),), {}


def huffman_counts_refusals():
    symbols = np.uint8([1, 2, 3])
    for bad in (*not_arrays(symbols), *other_dimensions(symbols)):
        yield (bad,), {}


@composite
def huffman_counts_strategy(draw):
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    return (draw(array(dtype, st.integers(0, 80), st.integers(0, np.iinfo(dtype).max))),), {}


CASES["huffman_counts"] = Cases(huffman_counts_sweep, huffman_counts_refusals, huffman_counts_strategy)


# huffman_blocks

UNIT = 2**16


def changing(rng, sizes, shares) -> np.ndarray:
    """Return a sequence of parts of so many symbols: of each, the lower the share the more values are common."""
    parts = [np.minimum(rng.geometric(share, size) - 1, 255) for size, share in zip(sizes, shares)]
    return np.concatenate([np.empty(0, np.int64), *parts]).astype(np.uint8)


def huffman_blocks_sweep():
    rng = np.random.default_rng(15)
    for n in (*LENGTHS, UNIT - 1, UNIT, UNIT + 1, 2 * UNIT - 1, 2 * UNIT + 3):
        yield (rng.integers(0, 1 + n % 256, n).astype(np.uint8)[:: 1 + n % 2],), {}
    drifting = (0.08, 0.096, 0.115)  # each is like the one before, and the last unlike both together
    for shares in ((0.02, 0.5), (0.3, 0.3, 0.3, 0.9), (0.1, 0.104, 0.108, 0.112, 0.116), (0.9, 0.1, 0.1, 0.9, 0.9),
                   drifting):
        sizes = [UNIT] * (len(shares) - 1) + [UNIT if shares is drifting else 40_000]
        yield (changing(rng, sizes, shares),), {}
        yield (changing(rng, [size + 30_000 for size in sizes], shares)[::-1],), {}
    yield (np.repeat(np.uint8([0, 0, 7, 255, 255]), UNIT),), {}
    half = rng.integers(0, 256, 3 * UNIT).astype(np.uint8)
    half[UNIT : 2 * UNIT] &= 15
    yield (half,), {}


def huffman_blocks_refusals():
    symbols = np.uint8([1, 2, 3])
    for bad in (*not_arrays(symbols), *other_dimensions(symbols), symbols.astype(np.uint16)):
        yield (bad,), {}


@composite
def huffman_blocks_strategy(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    shares = draw(st.lists(st.sampled_from([0.08, 0.1, 0.12, 0.3, 0.95]), min_size=1, max_size=4))
    sizes = [draw(st.sampled_from([0, 1, 300, UNIT, UNIT + 1, 40_000])) for _ in shares]
    return (changing(rng, sizes, shares),), {}


CASES["huffman_blocks"] = Cases(huffman_blocks_sweep, huffman_blocks_refusals, huffman_blocks_strategy)


# huffman_lengths

def counts(rng, alphabet: int, kind: int) -> np.ndarray:
    """Return counts that are equal, random with zeros, steep (a deep tree), or few and tied."""
    if kind == 3:
        steep = np.cumprod(np.full(alphabet, 1.5))
        return np.minimum(steep, 2.0**40).astype(np.int64)
    draw = (np.full(alphabet, 7), rng.integers(0, 1000, alphabet), rng.integers(0, 3, alphabet))[kind]
    return draw.astype(np.int64)


def huffman_lengths_sweep():
    rng = np.random.default_rng(11)
    for n in LENGTHS:
        for kind in range(4):
            yield (counts(rng, n, kind),), {}
            if kind:
                yield (counts(rng, n, kind)[rng.permutation(n)].astype(np.uint64),), {"limit": max(7, n % 16)}
    fibonacci = np.int64([1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2584, 4181, 6765])
    for limit in range(5, 16):
        yield (fibonacci,), {"limit": limit}
    yield (np.uint64([2**62, 2**61, 2**60, 1]),), {}
    yield (np.ones(256, np.int64),), {"limit": 8}
    yield (counts(rng, 4099, 1),), {}


def huffman_lengths_refusals():
    counts = np.int64([1, 2, 3])
    for bad in (*not_arrays(counts), *other_dimensions(counts), np.int64([1, -1]), np.uint64([2**63, 1]),
                np.int64([2**62] * 3), np.ones(2**15 + 1, np.int64)):
        yield (bad,), {}
    for limit in (0, 16, -1, True, 1.0, 1, None):  # one bit gives two codes, and three symbols are used
        yield (counts,), {"limit": limit}


def _counts_draw(most: int = 40):
    return array(np.int64, st.integers(0, most), st.one_of(st.integers(0, 4), st.integers(0, 2**40)))


@composite
def huffman_lengths_strategy(draw):
    counts = draw(_counts_draw())
    return (counts,), {"limit": draw(st.integers(max(1, int(np.count_nonzero(counts) - 1).bit_length()), 15))}


CASES["huffman_lengths"] = Cases(huffman_lengths_sweep, huffman_lengths_refusals, huffman_lengths_strategy)


# huffman_code

def huffman_code_sweep():
    rng = np.random.default_rng(12)
    for n in LENGTHS:
        for kind in range(4):
            yield (reference.huffman_lengths(counts(rng, n, kind)),), {}
    yield (reference.huffman_lengths(counts(rng, 4099, 1)),), {}


def huffman_code_refusals():
    lengths = np.uint8([1, 2, 2])
    for bad in (*not_arrays(lengths), *other_dimensions(lengths), np.uint8([1, 1, 1]), np.uint8([1, 2]),
                np.uint8([2]), np.uint8([1] * 6), np.uint8([1] * 10), np.uint8([2] * 12), np.uint8([1] * 4 + [2] * 4),
                np.uint8([15] * 3), np.uint8([16, 1]), np.uint8([255, 255]), np.zeros(2**15 + 1, np.uint8)):
        yield (bad,), {}


@composite
def huffman_code_strategy(draw):
    return (reference.huffman_lengths(draw(_counts_draw())),), {}


CASES["huffman_code"] = Cases(huffman_code_sweep, huffman_code_refusals, huffman_code_strategy)


# huffman_encode

def coded(rng):
    """Yield (symbols, code): every short length, and those where the number of lanes changes."""
    lengths = [*LENGTHS, 1023, 1024, 2047, 2048, 2049, 4096 + 3, 65_535, 65_536 + 37]
    for i, count in enumerate(lengths):
        alphabet, kind = ((5, 1), (17, 3), (256, 1), (1, 0), (300, 2), (2, 0))[i % 6]
        dtype = np.uint16 if alphabet > 256 or i % 5 == 0 else np.uint8
        frequency = counts(rng, alphabet, kind) + 1
        symbols = rng.choice(alphabet, count, p=frequency / frequency.sum()).astype(dtype)
        yield symbols, reference.huffman_code(reference.huffman_lengths(frequency))


def huffman_encode_sweep():
    for pair in coded(np.random.default_rng(13)):
        yield pair, {}


def huffman_encode_refusals():
    code, symbols = reference.huffman_code(np.uint8([1, 2, 0, 2])), np.uint8([0, 1, 3])
    without_code = np.uint8([0, 2]), np.uint8([0, 4]), np.uint16([0, 65_535])
    for bad in (*not_arrays(symbols), *other_dimensions(symbols), *without_code):
        yield (bad, code), {}
    for bad in (None, code.lengths):
        yield (symbols, bad), {}


@composite
def _coded_draw(draw):
    counts = draw(_counts_draw())
    code = reference.huffman_code(reference.huffman_lengths(counts))
    used = np.flatnonzero(counts)
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    size = draw(st.integers(0, 70)) if len(used) else 0
    symbols = draw(array(dtype, size, st.sampled_from(used.tolist() or [0])))
    return symbols, code


def huffman_encode_strategy():
    return st.tuples(_coded_draw(), st.just({}))


CASES["huffman_encode"] = Cases(huffman_encode_sweep, huffman_encode_refusals, huffman_encode_strategy)


# huffman_decode

def huffman_decode_sweep():
    for symbols, code in coded(np.random.default_rng(14)):
        yield (reference.huffman_encode(symbols, code),), {}
    nothing = reference.huffman_code(np.zeros(3, np.uint8))
    yield (Encoded(np.zeros(0, np.uint16), 0, nothing),), {}


def huffman_decode_refusals():
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


@composite
def huffman_decode_strategy(draw):
    symbols, code = draw(_coded_draw())
    encoded = reference.huffman_encode(symbols, code)
    return (Encoded(encoded.words, encoded.count, code),), {}


CASES["huffman_decode"] = Cases(huffman_decode_sweep, huffman_decode_refusals, huffman_decode_strategy)

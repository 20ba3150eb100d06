"""The sweeps of the huffman family."""

import numpy as np

from ... import reference
from ...formats import Encoded
from ..values import LENGTHS


def counts(rng, alphabet: int, kind: int) -> np.ndarray:
    """Return counts that are equal, random with zeros, steep (a deep tree), or few and tied."""
    if kind == 3:
        steep = np.cumprod(np.full(alphabet, 1.5))
        return np.minimum(steep, 2.0**40).astype(np.int64)
    draw = (np.full(alphabet, 7), rng.integers(0, 1000, alphabet), rng.integers(0, 3, alphabet))[kind]
    return draw.astype(np.int64)


def huffman_lengths():
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


def huffman_code():
    rng = np.random.default_rng(12)
    for n in LENGTHS:
        for kind in range(4):
            yield (reference.huffman_lengths(counts(rng, n, kind)),), {}
    yield (reference.huffman_lengths(counts(rng, 4099, 1)),), {}


def coded(rng):
    """Yield (symbols, code): every short length, and those where the number of lanes changes."""
    lengths = [*LENGTHS, 1023, 1024, 2047, 2048, 2049, 4096 + 3, 65_535, 65_536 + 37]
    for i, count in enumerate(lengths):
        alphabet, kind = ((5, 1), (17, 3), (256, 1), (1, 0), (300, 2), (2, 0))[i % 6]
        dtype = np.uint16 if alphabet > 256 or i % 5 == 0 else np.uint8
        frequency = counts(rng, alphabet, kind) + 1
        symbols = rng.choice(alphabet, count, p=frequency / frequency.sum()).astype(dtype)
        yield symbols, reference.huffman_code(reference.huffman_lengths(frequency))


def huffman_encode():
    for pair in coded(np.random.default_rng(13)):
        yield pair, {}


def huffman_decode():
    for symbols, code in coded(np.random.default_rng(14)):
        yield (reference.huffman_encode(symbols, code),), {}
    nothing = reference.huffman_code(np.zeros(3, np.uint8))
    yield (Encoded(np.zeros(0, np.uint16), 0, nothing),), {}


SWEEPS = {f.__name__: f for f in (huffman_lengths, huffman_code, huffman_encode, huffman_decode)}

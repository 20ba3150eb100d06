"""Edges of the coders: counts beyond 2**53, deep trees, large alphabets, long streams, every plane alone."""

from collections.abc import Callable
from functools import cache

import numpy as np

from ... import reference
from ...formats.element_types import ELEMENT_TYPES
from ..cases import Call, Calls
from ..huffman import counts
from ..planes import CODED, alike, random_patterns
from ..written import written
from .lengths import BEYOND, LONG, at_lengths

# A stream has at most 64 lanes, of 1,024 symbols or more: as many symbols as fill them, and what would be 128 lanes.
BEYOND_LANES = (64 * 1024 + 1, 2 * 64 * 1024 - 1, 2 * 64 * 1024, 2 * 64 * 1024 + 1)
RUN = 2**18  # numbers whose planes are coded together
ALPHABETS = (255, 256, 257, 1023, 1025, 4095, 4097, 16_385, 32_767, 32_768)


def _symbols(rng, i, n) -> Call:
    dtype, most = ((np.uint8, 256), (np.uint16, 2**15), (np.uint16, 2**16), (np.uint16, 300), (np.uint8, 1))[i % 5]
    symbols = rng.integers(0, most, n).astype(dtype)
    symbols[-1] = most - 1  # the highest comes last, and once
    return (symbols,), {}


def _blocks():
    """Blocks that end beside 2**16, each of symbols of its own, of a single one, and of all."""
    rng = np.random.default_rng(6)
    for n in (*LONG[::4], BEYOND - 2, BEYOND, 2 * BEYOND, 2**18 - 1):
        yield (rng.integers(0, 256, n).astype(np.uint8),), {}
        yield (np.repeat(np.uint8([3, 250, 3]), n),), {}
        yield (np.concatenate([rng.integers(0, 2, n), rng.integers(0, 256, n)]).astype(np.uint8),), {}


def _alphabets():
    for alphabet in (*ALPHABETS, BEYOND - 1):
        yield (np.random.default_rng(alphabet).permutation(alphabet).astype(np.uint16),), {}


def _counts():
    """Large alphabets, of which all are used, or one; the larger the fewer, for the reference takes long."""
    rng = np.random.default_rng(1)
    for alphabet in ALPHABETS:
        for kind in (0, 1, 2) if alphabet < 1000 else (1,) if alphabet < 5000 else ():
            yield (counts(rng, alphabet, kind),), {}
        one = np.zeros(alphabet, np.int64)
        one[-1] = 5
        yield (one,), {}
        one[: 9 * 28 : 9] = np.arange(28)  # few of a large alphabet
        yield (one,), {"limit": 5 if alphabet % 2 else 15}
    yield (np.ones(2**15, np.int64),), {}


def _large_counts():
    """Counts that float64 takes for equal, or sums that it rounds: 2**53 and what is one more."""
    rng = np.random.default_rng(2)
    for n in (2, 3, 4, 5, 8, 9, 17, 31):
        for base in (2**53, 2**57 // n, 2**62 // n):
            yield (base + rng.permutation(n).astype(np.int64),), {}
            yield ((base + rng.permutation(n)).astype(np.uint64),), {"limit": max(3, n.bit_length())}
            yield (np.append(np.full(n, base, np.int64), [base // 2, base // 2 + 1, base // 2 - 1]),), {}
    yield (np.int64([2**63 - 4, 1, 1, 1]),), {}
    yield (np.int64([2**62, 2**61, 2**60, 2**59, 2**59 - 1]),), {"limit": 3}
    for limit in range(1, 11):  # as many symbols as the limit lets
        yield (np.ones(2**limit, np.int64),), {"limit": limit}
        yield (np.ones(min(2**limit, 9), np.int64),), {"limit": 15}
    fibonacci = np.int64([1, 1])
    while len(fibonacci) < 80:
        fibonacci = np.append(fibonacci, fibonacci[-1] + fibonacci[-2])
    for n in (16, 17, 30, 80):
        yield (fibonacci[:n],), {}
        yield (fibonacci[:n][::-1].copy(),), {"limit": max(7, n.bit_length())}


def _codes():
    for (some,), how in _large_counts():
        yield (reference.huffman_lengths(some, **how),), {}
    for bits in range(1, 16):
        yield (np.full(2**bits, bits, np.uint8),), {}  # all of one length
        yield (np.uint8([*range(1, bits + 1), bits]),), {}  # one of each
        for alphabet in (257, 4097, 32_768):  # few of a large alphabet
            lengths = np.zeros(alphabet, np.uint8)
            lengths[:: (alphabet - 1) // bits][: bits + 1] = [*range(bits, 0, -1), bits]
            yield (lengths,), {}


@cache
def _code(alphabet: int, kind: int):
    """Return frequencies and their code; of the largest alphabet all codes have 15 bits."""
    frequency = counts(np.random.default_rng(kind), alphabet, kind) + 1
    lengths = np.full(2**15, 15, np.uint8) if alphabet == 2**15 else reference.huffman_lengths(frequency)
    return frequency, reference.huffman_code(lengths)


def _coded():
    """Every length at which lanes change, codes of 15 bits, large alphabets, one symbol alone."""
    rng = np.random.default_rng(3)
    for i, n in enumerate((*LONG, 2047, 2049, 32_768, 65_535, 65_536, BEYOND)):
        alphabet, kind = ((2, 0), (20, 3), (256, 1), (257, 1), (1025, 1), (32_768, 2), (1, 0))[i % 7]
        frequency, code = _code(alphabet, kind)
        symbols = rng.choice(alphabet, n, p=frequency / frequency.sum())
        symbols = symbols.astype(np.uint16 if alphabet > 256 else np.uint8)
        yield (symbols, code), {}
    lengths = np.uint8([*range(1, 16), 15])
    for n in BEYOND_LANES:
        yield (rng.integers(0, 3, n).astype(np.uint8), reference.huffman_code(np.uint8([1, 2, 2]))), {}
    for symbol in (0, 15):  # all of the shortest code, and all of the longest
        for n in (1, 63, 64, 65, 1024, 4097):
            yield (np.full(n, symbol, np.uint8), reference.huffman_code(lengths)), {}


def _encoded():
    for pair, _ in _coded():
        yield (written("huffman_encode")(*pair),), {}


# Range coder: short, for the reference takes long.

def _matrices():
    rng = np.random.default_rng(4)
    for lanes in (1, 16):
        for alphabet in (1, 2, 255, 256):
            yield (np.full((3, 9), alphabet - 1, np.uint8),), {"alphabet": alphabet, "lanes": lanes}
            yield (rng.integers(0, alphabet, (2, 9)).astype(np.uint8),), {"alphabet": alphabet, "lanes": lanes}
        for shape in ((1, 1), (1, 129), (129, 1), (16, 5), (17, 5), (15, 5), (0, 5), (5, 0)):
            yield (rng.integers(0, 2, shape).astype(np.uint8),), {"alphabet": 2, "lanes": lanes}
    yield (np.zeros((1, 513), np.uint8),), {"alphabet": 2, "lanes": 16}
    yield ((rng.random((513, 1)) < 0.02).astype(np.uint8),), {"alphabet": 2}


@cache
def _encoded_ranges() -> list[Call]:
    return [((written("rangecoder_encode")(codes, **how),), {"shape": codes.shape, **how})
            for (codes,), how in _matrices()]


def _ranges():
    for (data,), how in _encoded_ranges():
        yield (data.copy(),), how


# Planes.

def _split(rng, i, m, k) -> Call:
    type = list(ELEMENT_TYPES)[i % len(ELEMENT_TYPES)]
    return (random_patterns(rng, (m, k), type), type), {}


def _each_bit():
    """Patterns of which one bit is set, and all but one, of every type."""
    for type, element in ELEMENT_TYPES.items():
        bits = 1 if type == "bool" else element.bits
        one = (np.uint64(1) << np.arange(bits, dtype=np.uint64))
        every = np.uint64(2**bits - 1)
        patterns = np.concatenate([one, every ^ one, np.array([0, every], np.uint64)]).astype(element.pattern)
        yield (patterns, type), {}
        yield (np.tile(patterns, 9).reshape(3, -1), type), {}


def _joined(calls: Callable[[], Calls]) -> Callable[[], Calls]:
    def joined() -> Calls:
        for (patterns, type), _ in calls():
            yield (reference.planes_split(patterns, type), type), {}
    return joined


def _planes():
    rng = np.random.default_rng(5)
    for i, type in enumerate(CODED):  # every type, of every kind
        for kind in range(5):
            yield (alike(rng, 90 + i, type, kind), type), {}
    for i, n in enumerate((255, 256, 257, 1023, 1025, 4095, 4097, 16_385, BEYOND)):
        for type in ("uint8", "bfloat16", "float32", "int4")[: 1 if n > 4097 else 4]:
            yield (alike(rng, n, type, i % 5), type), {}
    yield (np.arange(RUN + 1, dtype=np.uint64).astype(np.uint8) & np.uint8(7), "uint8"), {}  # beside the end of a run
    yield (np.repeat(np.uint8([1, 2, 3]), RUN)[: 2 * RUN + 3], "uint8"), {}
    for head in (b"", b"x", bytes(300)):
        yield (np.arange(300, dtype=np.uint16), "uint16"), {"head": head}
        yield (np.zeros(0, np.uint16), "uint16"), {"head": head}


def _decoded():
    for (patterns, type), how in _planes():
        data = written("planes_encode")(patterns, type)
        yield (data, type, patterns.size), {"strict": bool(len(data) % 2)}


_SPLIT = (_each_bit, at_lengths(_split, 2, 3))

EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {
    "huffman_counts": (_alphabets, at_lengths(_symbols, 5)),
    "huffman_blocks": (_blocks,),
    "huffman_lengths": (_large_counts, _counts),
    "huffman_code": (_codes,),
    "huffman_encode": (_coded,),
    "huffman_decode": (_encoded,),
    "rangecoder_encode": (_matrices,),
    "rangecoder_decode": (_ranges,),
    "planes_split": _SPLIT,
    "planes_join": tuple(_joined(calls) for calls in _SPLIT),
    "planes_encode": (_planes,),
    "planes_decode": (_decoded,),
}

"""The cases of the ggml family: every type, every number of blocks, hostile scales, ties of the codes."""

import numpy as np

from .. import reference
from ..formats import GGML_TYPES, GGMLBlocks
from .cases import Cases
from .draws import array, composite, st
from .values import FINITE, LENGTHS, WITH_INFINITY, WITH_NAN

_F = np.float32

CASES: dict[str, Cases] = {}


# ggml_decode

def blocks_of(data: np.ndarray, name: str, rows: int = 1) -> GGMLBlocks:
    """Return the blocks of these bytes as a matrix of so many rows."""
    numbers = len(data) * GGML_TYPES[name].numbers
    return GGMLBlocks(data, name, (rows, numbers // rows))


def ggml_decode_sweep():
    rng = np.random.default_rng(31)
    names = list(GGML_TYPES)
    for length in LENGTHS:
        for name in (names[length % 16], names[(7 * length + length // 16 + 3) % 16]):
            yield (blocks_of(rng.integers(0, 256, (length, GGML_TYPES[name].nbytes), np.uint8), name),), {}
    for name, block in GGML_TYPES.items():
        for byte in (0, 1, 0x7F, 0x80, 0xFF):
            yield (blocks_of(np.full((2, block.nbytes), byte, np.uint8), name, 2),), {}
        data = np.zeros((block.nbytes, block.nbytes), np.uint8)
        np.fill_diagonal(data, 0x3C)
        for other in (0, 0x3C):  # each byte alone counts, and that of a scale which is 1 or 0
            yield (blocks_of(np.where(data, data, np.uint8(other)), name),), {}
    every = np.arange(256, dtype=np.uint8)
    yield (blocks_of(np.repeat(every[:, None], 17, axis=1), "MXFP4"),), {}
    yield (blocks_of(np.repeat(every[:, None], 36, axis=1), "NVFP4"),), {}
    yield (blocks_of(np.concatenate([np.repeat(every[:, None], 52, axis=1), np.full((256, 2), 0x3C, np.uint8)], axis=1),
                     "TQ1_0"),), {}


def ggml_decode_refusals():
    yield from (((bad,), {}) for bad in (None, "Q8_0", _F([1]), np.zeros((1, 34), np.uint8)))
    yield (reference.quantize_s8(_F([1])),), {}


@composite
def ggml_decode_strategy(draw):
    name = draw(st.sampled_from(list(GGML_TYPES)))
    return (blocks_of(draw(array(np.uint8, (draw(st.integers(0, 4)), GGML_TYPES[name].nbytes))), name),), {}


CASES["ggml_decode"] = Cases(ggml_decode_sweep, ggml_decode_refusals, ggml_decode_strategy)


# ggml_encode

def _halves(top: int, sign: int) -> np.ndarray:
    """Return blocks of all multiples of 1/2 up to ``top`` and the numbers next to them; ``top`` comes first in each."""
    halves = np.arange(-2 * top, 2 * top + 1).astype(_F) / 2
    halves = np.concatenate([halves, np.nextafter(halves, _F(np.inf)), np.nextafter(halves, _F(-np.inf))])
    rows = np.resize(halves.clip(-top, top), (-(-len(halves) // 31), 31))
    return np.concatenate([np.full((len(rows), 1), sign * top, _F), rows], axis=1)


def ggml_encode_sweep():
    rng = np.random.default_rng(32)
    for length in LENGTHS:
        for name in ("Q8_0", "Q4_0"):
            shape = ((32 * length,), (length, 32), (2, length, 32))[length % 3]
            yield (rng.standard_normal(shape).astype(_F), name), {}
    for name, top in (("Q8_0", 127), ("Q4_0", 8)):
        for scale in (1, 3, 1e-9, 2.0**-24, 1e-38, 1e-45, 6e4):
            for sign in (1, -1):
                yield ((_halves(top, sign) * _F(scale)).astype(_F), name), {}
    for name in ("Q8_0", "Q4_0"):
        for zero in (0.0, -0.0):
            yield (np.append(_F([zero]), np.zeros(31, _F)), name), {}
        for value in FINITE[np.abs(FINITE) < 1e5]:
            yield (np.append(_F([0.3, -0.0] * 15 + [-1]), value).astype(_F), name), {}
            yield (np.full(64, value), name), {}
        yield (_F([1, -1] * 16), name), {}
        yield (_F([-1, 1] * 16), name), {}


def ggml_encode_refusals():
    x = np.ones(32, _F)
    for bad in (None, "text", x.tolist(), x.astype(np.float64), x.astype(object), np.ma.masked_array(x), _F(1), x[:31],
                np.ones((32, 3), _F), np.tile(WITH_NAN, 32), np.tile(WITH_INFINITY, (1, 16))):
        yield (bad, "Q8_0"), {}
    for bad in (None, 8, "Q4_K", "q8_0", "F16", ""):
        yield (x, bad), {}
    for name, most in (("Q8_0", 127 * 65520), ("Q4_0", 8 * 65520)):
        yield (np.append(np.ones(63, _F), _F(most)), name), {}
        yield (np.append(np.ones(63, _F), _F(-3e38)), name), {}


@composite
def ggml_encode_strategy(draw):
    elements = st.one_of(st.integers(-16, 16).map(lambda i: i / 2), st.floats(-1e3, 1e3, width=32),
                         st.sampled_from([0.0, -0.0, 1e-9, -1e-40, 2.0**-149, 127.0, -127.0]))
    shape = draw(st.sampled_from([(0,), (32,), (64,), (3, 32), (2, 0)]))
    few = draw(st.lists(elements, min_size=1, max_size=9))  # again and again: blocks are long, and draws are slow
    return (np.resize(_F(few), shape), draw(st.sampled_from(["Q8_0", "Q4_0"]))), {}


CASES["ggml_encode"] = Cases(ggml_encode_sweep, ggml_encode_refusals, ggml_encode_strategy)

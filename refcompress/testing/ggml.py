"""The cases of the ggml family: every type, every number of blocks, hostile scales, ties of the codes."""

import numpy as np

from .. import reference
from ..formats import GGML_TYPES, GGMLBlocks
from .cases import Cases
from .draws import array, composite, st
from .values import FINITE, LENGTHS, WITH_INFINITY, WITH_NAN, with_fields

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


def _halves_swapped(q):
    return reference.ggml_decode(with_fields(q, data=q.data >> 4 | q.data << 4) if q.type == "MXFP4" else q)


def _pairs(q):
    """Takes the two codes of a byte for neighbours."""
    x = reference.ggml_decode(q)
    if q.type not in ("Q4_0", "IQ4_NL"):
        return x
    return x.reshape(-1, 2, 16).swapaxes(1, 2).reshape(x.shape)


def _zero_sign_lost(q):
    return reference.ggml_decode(q) + _F(0)


def _nan_scale(q):
    x = reference.ggml_decode(q)
    if q.type == "MXFP4":
        x = np.where((q.data[:, :1] == 255).repeat(32, axis=1).reshape(x.shape), _F(np.nan), x)
    return x


def _scale_bits_lost(q):
    """Passes over the high bits of the last scales of the K types."""
    data = q.data.copy()
    if q.type in ("Q4_K", "Q5_K"):
        data[:, 4:12] &= 63
    return reference.ggml_decode(with_fields(q, data=data))


CASES["ggml_decode"] = Cases(
    ggml_decode_sweep, ggml_decode_refusals, ggml_decode_strategy,
    wrong={
        "halves of a byte swapped": _halves_swapped,
        "codes of a byte as neighbours": _pairs,
        "-0 of a block decoded as 0": _zero_sign_lost,
        "scale byte 255 is NaN": _nan_scale,
        "high bits of scales lost": _scale_bits_lost,
    },
)


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


def _with_codes(x, type, codes):
    """Return blocks of Q8_0 with these codes."""
    q = reference.ggml_encode(x, type)
    if type != "Q8_0":
        return q
    data = q.data.copy()
    data[:, 2:] = codes(x.reshape(-1, 32), q).astype(np.int8).view(np.uint8)
    return GGMLBlocks(data, type, q.shape)


def _stored_scale(x, type):
    """Divides by the scale that is in the file, not by the one that was rounded to it."""
    def codes(blocks, q):
        scale = q.data[:, :2].copy().view(np.float16).astype(_F)
        with np.errstate(all="ignore"):
            ratio = np.where(scale == 0, 0, blocks / scale).astype(np.float64)
        return np.clip(np.trunc(ratio + np.copysign(0.5, ratio)), -127, 127)
    return _with_codes(x, type, codes)


def _ties_to_even(x, type):
    def codes(blocks, q):
        with np.errstate(all="ignore"):
            inverse = _F(1) / (np.abs(blocks).max(axis=1, keepdims=True) / _F(127))
            return np.rint(blocks * np.where(np.isinf(inverse), 0, inverse).astype(_F))
    return _with_codes(x, type, codes)


def _last_of_the_largest(x, type):
    if type != "Q4_0" or x.size == 0:
        return reference.ggml_encode(x, type)
    q = reference.ggml_encode(x.reshape(-1, 32)[:, ::-1].reshape(x.shape), type)
    codes = np.concatenate([q.data[:, 2:] & 15, q.data[:, 2:] >> 4], axis=1)[:, ::-1]
    return GGMLBlocks(np.concatenate([q.data[:, :2], codes[:, :16] | codes[:, 16:] << 4], axis=1), type, x.shape)


CASES["ggml_encode"] = Cases(
    ggml_encode_sweep, ggml_encode_refusals, ggml_encode_strategy,
    wrong={
        "codes by the stored scale": _stored_scale,
        "halves to even": _ties_to_even,
        "last of two largest": _last_of_the_largest,
    },
)

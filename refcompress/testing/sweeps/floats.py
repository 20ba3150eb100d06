"""The sweeps of the floats family: every format, every length, every code, every tie."""

import numpy as np

from ... import reference
from ...formats import FLOATS, MX, MX_ELEMENTS, NF4
from ...formats.floats import block_shape
from ..values import LENGTHS

_F = np.float32

HOSTILE = _F([0.0, -0.0, 1e-45, -1e-45, 1.1e-38, 2.0**-126, 1, -1, 1 + 2.0**-23, 1 - 2.0**-24, 0.5, -2.5, 3e38, -3e38,
              np.inf, -np.inf])


def ties(f) -> np.ndarray:
    """Return every number of a format, the middles between neighbours (the next one beyond the largest too), and the
    float32 next to each on both sides; -0.0 among them."""
    positive = reference.floats_decode(np.arange(f.largest + 1).astype(f.dtype), f.name).astype(np.float64)
    beyond = 2 * positive[-1] - positive[-2]
    some = np.concatenate([positive, [beyond]])
    some = np.concatenate([some, (some[1:] + some[:-1]) / 2])
    some = some[some <= np.finfo(_F).max].astype(_F)
    some = np.concatenate([some, np.nextafter(some, _F(np.inf)), np.nextafter(some, _F(0))])
    return np.concatenate([some, -some, HOSTILE])


def every_code(f) -> np.ndarray:
    return np.arange(2**f.bits).astype(f.dtype)


def floats_encode():
    rng = np.random.default_rng(21)
    for length in LENGTHS:
        for i, f in enumerate(FLOATS.values()):
            scale = np.ldexp(_F(f.maximum), -2 * (length % 9))
            x = (rng.standard_normal(length) * scale).clip(-3e38, 3e38).astype(_F)
            shape = ((length,), (1, length), (length, 1))[(length + i) % 3]
            yield (x.reshape(shape), f.name), {"overflow": ("saturate", "format")[(length + i) % 2]}
    for f in FLOATS.values():
        x = ties(f)
        if f.nan is not None:
            nans = np.uint32([0x7FC00000, 0xFFC00000, 0x7F800001, 0xFF800001, 0x7FFFFFFF, 0xFFFFFFFF]).view(_F)
            x = np.concatenate([x, nans])
        for overflow in ("saturate", "format"):
            yield (x, f.name), {"overflow": overflow}
        yield (_F(1.75).reshape(()), f.name), {}
    anything = rng.integers(0, 2**32, 2**15, dtype=np.uint32).view(_F)
    for f in FLOATS.values():
        yield (anything[~np.isnan(anything)], f.name), {"overflow": "format"}


def floats_decode():
    rng = np.random.default_rng(22)
    for length in LENGTHS:
        for i, f in enumerate(FLOATS.values()):
            shape = ((length,), (1, length), (length, 1))[(length + i) % 3]
            yield (rng.integers(0, 2**f.bits, shape).astype(f.dtype), f.name), {}
    for f in FLOATS.values():
        yield (every_code(f), f.name), {}
        yield (f.dtype.type(f.sign + 1).reshape(()), f.name), {}


def _blocks(rng):
    """Yield arrays of every short length, of zeros, of extremes, of values that clamp, and of several rows."""
    for length in LENGTHS:
        yield rng.standard_normal(length).astype(_F)
        yield (rng.standard_normal((3, length)) * _F([[1e-40], [1], [1e37]])).astype(_F)
    yield np.zeros((2, 40), _F)
    yield np.full((2, 40), -0.0, _F)
    for value in HOSTILE[np.isfinite(HOSTILE)]:
        yield np.append(_F([0.3, -0.0, 1]), value).astype(_F)
        yield np.full(33, value)
    yield _F([[np.finfo(_F).max] * 33, [1.1754942e-38] * 33])
    for exponent in (-149, -127, -126, 0, 126):  # ties of the elements, and what they clamp
        yield np.minimum(np.ldexp(np.arange(-64, 64, dtype=np.float64) / 32, exponent), 3.4e38).astype(_F)
    yield rng.standard_normal((5, 7, 100)).astype(_F)


def floats_mx_encode():
    for i, x in enumerate(_blocks(np.random.default_rng(23))):
        names = list(MX_ELEMENTS)
        for name in (names[i % 6], names[(i + i // 6 + 3) % 6]):
            yield (x, name), {}
    for name in MX_ELEMENTS:
        for seed in range(4):
            rng = np.random.default_rng(seed)
            yield (np.ldexp(rng.integers(-255, 256, (3, 70)) / 64, rng.integers(-9, 9, (3, 70))).astype(_F), name), {}


def _mx(rng, shape, name) -> MX:
    element = MX_ELEMENTS[name]
    if element is None:
        codes = rng.integers(-128, 128, shape).astype(np.int8)
    else:
        codes = rng.integers(0, 2**element.bits, shape).astype(np.uint8)
    return MX(codes, rng.integers(0, 256, block_shape(shape, 32)).astype(np.uint8), name)


def floats_mx_decode():
    rng = np.random.default_rng(24)
    for length in LENGTHS:
        for i, name in enumerate(MX_ELEMENTS):
            yield (_mx(rng, ((length,), (3, length))[(length + i) % 2], name),), {}
    for name in MX_ELEMENTS:
        for scale in (0, 1, 127, 254, 255):
            element, codes = MX_ELEMENTS[name], np.arange(256).astype(np.uint8)
            codes = codes.view(np.int8) if element is None else codes & np.uint8(2**element.bits - 1)
            yield (MX(codes, np.full(8, scale, np.uint8), name),), {}


def floats_nf4_encode():
    for i, x in enumerate(_blocks(np.random.default_rng(25))):
        yield (x,), {} if i % 3 == 0 else {"block": (1, 5, 16, 32, 64, 2**62)[i % 6]}
    levels = NF4(np.arange(16).astype(np.uint8), np.ones(1, _F)).dense()
    middles = ((levels[1:].astype(np.float64) + levels[:-1]) / 2).astype(_F)
    for a in (levels, middles):
        around = np.concatenate([a, np.nextafter(a, _F(2)), np.nextafter(a, _F(-2))]).clip(-1, 1)
        for scale in (1, 3, 2.0**-126, 2.0**127):
            yield (np.append(around, _F(1)) * _F(scale),), {}


def floats_nf4_decode():
    rng = np.random.default_rng(26)
    for length in LENGTHS:
        for block in (1, 7, 64):
            shape = ((length,), (3, length))[(length + block) % 2]
            scales = np.exp(rng.standard_normal(block_shape(shape, block))).astype(_F)
            yield (NF4(rng.integers(0, 16, shape).astype(np.uint8), scales, block),), {}
    for scale in (1e-45, 2.0**-126, 1 / 3, 3.4e38):
        yield (NF4(np.arange(16).astype(np.uint8), _F([scale])),), {}


SWEEPS = {f.__name__: f for f in (floats_encode, floats_decode, floats_mx_encode, floats_mx_decode, floats_nf4_encode,
                                  floats_nf4_decode)}

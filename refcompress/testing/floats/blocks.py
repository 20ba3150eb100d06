"""The cases of the block formats, MX and NF4: ragged ends, ties of the elements, extreme scales."""

import numpy as np

from ... import reference
from ...formats import MX, MX_ELEMENTS, NF4
from ...formats.floats import block_shape
from ..cases import Cases
from ..draws import array, composite, st
from ..values import LENGTHS, WITH_INFINITY, WITH_NAN
from .codes import HOSTILE, bad_names, other_types, some_finite, some_shapes

_F = np.float32

CASES: dict[str, Cases] = {}


# floats_mx_encode

def some_blocks(rng):
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


def floats_mx_encode_sweep():
    for i, x in enumerate(some_blocks(np.random.default_rng(23))):
        names = list(MX_ELEMENTS)
        for name in (names[i % 6], names[(i + i // 6 + 3) % 6]):
            yield (x, name), {}
    for name in MX_ELEMENTS:
        for seed in range(4):
            rng = np.random.default_rng(seed)
            yield (np.ldexp(rng.integers(-255, 256, (3, 70)) / 64, rng.integers(-9, 9, (3, 70))).astype(_F), name), {}


def blocks_refusals(*more):
    x = _F([1, 2, 3])
    for bad in (*other_types(x), WITH_NAN, WITH_INFINITY, -WITH_INFINITY, _F(1).reshape(())):
        yield (bad, *more), {}


def floats_mx_encode_refusals():
    yield from blocks_refusals("mxint8")
    for bad in (*bad_names(), "mxfp8", "fp8_e4m3"):
        yield (_F([1, 2, 3]), bad), {}


def some_arrays():
    return some_shapes().flatmap(lambda shape: array(np.float32, shape, some_finite()))


def floats_mx_encode_strategy():
    return st.tuples(st.tuples(some_arrays(), st.sampled_from(list(MX_ELEMENTS))), st.just({}))


CASES["floats_mx_encode"] = Cases(floats_mx_encode_sweep, floats_mx_encode_refusals, floats_mx_encode_strategy)


# floats_mx_decode

def _mx(rng, shape, name) -> MX:
    element = MX_ELEMENTS[name]
    if element is None:
        codes = rng.integers(-128, 128, shape).astype(np.int8)
    else:
        codes = rng.integers(0, 2**element.bits, shape).astype(np.uint8)
    return MX(codes, rng.integers(0, 256, block_shape(shape, 32)).astype(np.uint8), name)


def floats_mx_decode_sweep():
    rng = np.random.default_rng(24)
    for length in LENGTHS:
        for i, name in enumerate(MX_ELEMENTS):
            yield (_mx(rng, ((length,), (3, length))[(length + i) % 2], name),), {}
    for name in MX_ELEMENTS:
        for scale in (0, 1, 127, 254, 255):
            element, codes = MX_ELEMENTS[name], np.arange(256).astype(np.uint8)
            codes = codes.view(np.int8) if element is None else codes & np.uint8(2**element.bits - 1)
            yield (MX(codes, np.full(8, scale, np.uint8), name),), {}


def other_formats():
    yield from (((bad,), {}) for bad in (None, _F([1]), np.uint8([1]), reference.quantize_s8(_F([1]))))


def floats_mx_decode_refusals():
    yield from other_formats()
    yield (reference.floats_nf4_encode(_F([1])),), {}


@composite
def floats_mx_decode_strategy(draw):
    name, shape = draw(st.sampled_from(list(MX_ELEMENTS))), draw(some_shapes())
    element = MX_ELEMENTS[name]
    codes = (array(np.int8, shape) if element is None else
             array(np.uint8, shape, st.integers(0, 2**element.bits - 1)))
    return (MX(draw(codes), draw(array(np.uint8, block_shape(shape, 32))), name),), {}


CASES["floats_mx_decode"] = Cases(floats_mx_decode_sweep, floats_mx_decode_refusals, floats_mx_decode_strategy)


# floats_nf4_encode

def floats_nf4_encode_sweep():
    for i, x in enumerate(some_blocks(np.random.default_rng(25))):
        yield (x,), {} if i % 3 == 0 else {"block": (1, 5, 16, 32, 64, 2**62)[i % 6]}
    levels = NF4(np.arange(16).astype(np.uint8), np.ones(1, _F)).dense()
    middles = ((levels[1:].astype(np.float64) + levels[:-1]) / 2).astype(_F)
    for a in (levels, middles):
        around = np.concatenate([a, np.nextafter(a, _F(2)), np.nextafter(a, _F(-2))]).clip(-1, 1)
        for scale in (1, 3, 2.0**-126, 2.0**127):
            yield (np.append(around, _F(1)) * _F(scale),), {}


def floats_nf4_encode_refusals():
    yield from blocks_refusals()
    for block in (0, -1, True, 64.0, None, 2**64):
        yield (_F([1, 2, 3]),), {"block": block}


def floats_nf4_encode_strategy():
    return st.tuples(st.tuples(some_arrays()), st.fixed_dictionaries({"block": st.integers(1, 70)}))


CASES["floats_nf4_encode"] = Cases(floats_nf4_encode_sweep, floats_nf4_encode_refusals, floats_nf4_encode_strategy)


# floats_nf4_decode

def floats_nf4_decode_sweep():
    rng = np.random.default_rng(26)
    for length in LENGTHS:
        for block in (1, 7, 64):
            shape = ((length,), (3, length))[(length + block) % 2]
            scales = np.exp(rng.standard_normal(block_shape(shape, block))).astype(_F)
            yield (NF4(rng.integers(0, 16, shape).astype(np.uint8), scales, block),), {}
    for scale in (1e-45, 2.0**-126, 1 / 3, 3.4e38):
        yield (NF4(np.arange(16).astype(np.uint8), _F([scale])),), {}


def floats_nf4_decode_refusals():
    yield from other_formats()
    yield (reference.floats_mx_encode(_F([1]), "mxint8"),), {}


@composite
def floats_nf4_decode_strategy(draw):
    shape, block = draw(some_shapes()), draw(st.integers(1, 50))
    codes = draw(array(np.uint8, shape, st.integers(0, 15)))
    scales = array(np.float32, block_shape(shape, block), st.floats(2.0**-130, 2.0**127, width=32))
    return (NF4(codes, draw(scales), block),), {}


CASES["floats_nf4_decode"] = Cases(floats_nf4_decode_sweep, floats_nf4_decode_refusals, floats_nf4_decode_strategy)

"""The cases of floats_encode and floats_decode: every format, every length, every code, every tie."""

import numpy as np

from ... import reference
from ...formats import FLOATS
from ..cases import Cases
from ..draws import array, composite, st
from ..values import FINITE, LENGTHS, WITH_NAN

_F = np.float32
HOSTILE = np.append(FINITE, np.array([np.inf, -np.inf], _F))

CASES: dict[str, Cases] = {}


# floats_encode

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


def floats_encode_sweep():
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


def other_types(good):
    yield from (None, "text", good.tolist(), np.ma.masked_array(good, mask=np.zeros(good.shape, bool)))
    yield from (good.astype(dtype) for dtype in (object, np.complex64, np.float64, np.int32))


def bad_names():
    yield from (None, 3, "float32", "FLOAT16", "e4m3", "")


def floats_encode_refusals():
    x = _F([1, 2, 3])
    for bad in other_types(x):
        yield (bad, "float16"), {}
    for bad in bad_names():
        yield (x, bad), {}
    for overflow in (None, True, "wrap", "Saturate"):
        yield (x, "fp8_e4m3"), {"overflow": overflow}
    for name, f in FLOATS.items():
        if f.nan is None:
            yield (WITH_NAN, name), {}


def some_shapes():
    return st.one_of(st.tuples(st.integers(0, 40)), st.tuples(st.integers(0, 3), st.integers(0, 40)))


def some_finite():
    return st.one_of(st.integers(-8, 8).map(float), st.floats(-2.0, 2.0, width=16), st.floats(-1e3, 1e3, width=32),
                    st.floats(width=32, allow_nan=False, allow_infinity=False))


def _near(f):
    """Numbers of the format and middles between them: what rounding turns on."""
    numbers = reference.floats_decode(np.arange(min(f.largest, 2**10) + 1).astype(f.dtype), f.name).astype(np.float64)
    middles = (numbers[1:] + numbers[:-1]) / 2
    return st.sampled_from(np.concatenate([numbers, middles, -middles]).astype(np.float32).tolist())


@composite
def floats_encode_strategy(draw):
    f = FLOATS[draw(st.sampled_from(list(FLOATS)))]
    special = [np.inf, -np.inf] if f.nan is None else [np.inf, -np.inf, np.nan]
    elements = draw(st.sampled_from([some_finite(), _near(f), st.one_of(some_finite(), st.sampled_from(special))]))
    x = draw(array(np.float32, draw(some_shapes()), elements))
    return (x, f.name), {"overflow": draw(st.sampled_from(["saturate", "format"]))}


CASES["floats_encode"] = Cases(floats_encode_sweep, floats_encode_refusals, floats_encode_strategy)


# floats_decode

def every_code(f) -> np.ndarray:
    return np.arange(2**f.bits).astype(f.dtype)


def floats_decode_sweep():
    rng = np.random.default_rng(22)
    for length in LENGTHS:
        for i, f in enumerate(FLOATS.values()):
            shape = ((length,), (1, length), (length, 1))[(length + i) % 3]
            yield (rng.integers(0, 2**f.bits, shape).astype(f.dtype), f.name), {}
    for f in FLOATS.values():
        yield (every_code(f), f.name), {}
        yield (f.dtype.type(f.sign + 1).reshape(()), f.name), {}


def floats_decode_refusals():
    for f in FLOATS.values():
        codes = f.dtype.type([1, 2, 3])
        for bad in (*other_types(codes), codes.astype(np.int8), codes.astype(np.uint16 if f.bits <= 8 else np.uint8)):
            yield (bad, f.name), {}
        if f.bits < 8:
            for beyond in (2**f.bits, 255):
                yield (np.uint8([1, beyond, 255]), f.name), {}
    for bad in bad_names():
        yield (np.uint8([1]), bad), {}


@composite
def floats_decode_strategy(draw):
    f = FLOATS[draw(st.sampled_from(list(FLOATS)))]
    return (draw(array(f.dtype, draw(some_shapes()), st.integers(0, 2**f.bits - 1))), f.name), {}


CASES["floats_decode"] = Cases(floats_decode_sweep, floats_decode_refusals, floats_decode_strategy)

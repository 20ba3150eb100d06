"""The cases of int8 by elements: all pairs of values, ties, every length."""

import numpy as np

from ..cases import Cases
from ..draws import array, composite, hnp, int8, st
from ..values import LENGTHS, not_arrays

CASES: dict[str, Cases] = {}


def integers(rng, *shape) -> np.ndarray:
    """Return any int8, the two ends more often than others."""
    values = rng.integers(-128, 128, shape)
    return np.where(rng.random(shape) < 0.1, rng.choice([-128, 127], shape), values).astype(np.int8)


# nn_add_s8

def _pairs(rng):
    """Yield pairs of arrays: each length, all pairs of values, and shapes that broadcast."""
    for length in LENGTHS:
        yield integers(rng, length), integers(rng, length)
    every = np.arange(-128, 128).astype(np.int8)
    yield np.repeat(every, 256), np.tile(every, 256)
    yield integers(rng, 2, 3, 4, 5), integers(rng, 2, 1, 1, 5)
    yield integers(rng, 5), integers(rng, 3, 1)
    yield np.array(3, np.int8), integers(rng, 70)


_SCALES = ((0.5, 0.25, 0.5), (1 / 3, 0.7, 0.9), (2.0**-30, 3.0, 1.0), (2.0**20, 1.0, 1.0), (1e-9, 1e-9, 1.0),
           (1.0, 1.0, 2.0), (0.3, 0.1, 0.2))


_ZEROS = {"a_zero_point": -128, "b_zero_point": 127, "zero_point": 3, "lowest": -20}


def _calls(rng, scales):
    """Yield calls of pairs: short ones by two scales in turn, all pairs of values by all."""
    for i, (a, b) in enumerate(_pairs(rng)):
        if a.size < 68:
            yield (a, b, *scales[i % 2]), _ZEROS if i % 4 < 2 else {}
        else:
            for each in scales:
                yield (a, b, *each), {}
            yield (a, b, *scales[-1]), _ZEROS


def nn_add_s8_sweep():
    yield from _calls(np.random.default_rng(66), _SCALES)


def _two_refusals(bad_scales):
    a = np.ones((2, 3), np.int8)
    for bad in (*not_arrays(a), np.ones(2, np.int8), np.ones((2, 3), np.uint8)):
        yield (bad, a, 1.0, 1.0, 1.0), {}
        yield (a, bad, 1.0, 1.0, 1.0), {}
    for bad in (0.0, -1.0, np.nan, np.inf, None, "text", True, 1e-45):
        for i in range(3):
            yield (a, a, *(bad if i == j else 1.0 for j in range(3))), {}
    for scales in bad_scales:
        yield (a, a, *scales), {}
    for kwargs in ({"a_zero_point": 128}, {"b_zero_point": -129}, {"zero_point": 1.0}, {"lowest": 5}, {"highest": 128}):
        yield (a, a, 1.0, 1.0, 1.0), kwargs


def nn_add_s8_refusals():
    yield from _two_refusals([(2.0**21, 1.0, 1.0), (1.0, 1e30, 1e-8)])


@composite
def _two_draw(draw, low, high):
    shapes = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=0, max_side=9)).input_shapes
    a, b = (draw(array(np.int8, shape, int8())) for shape in shapes)
    scale = st.sampled_from([1.0, 0.5]) | st.floats(low, high)
    return (a, b, draw(scale), draw(scale), draw(scale)), {
        "a_zero_point": draw(int8()), "b_zero_point": draw(int8()), "zero_point": draw(int8())}


CASES["nn_add_s8"] = Cases(nn_add_s8_sweep, nn_add_s8_refusals, lambda: _two_draw(2.0**-9, 2.0**9))


# nn_multiply_s8

def nn_multiply_s8_sweep():
    yield from _calls(np.random.default_rng(67), (*_SCALES[:3], (2.0**-10, 2.0**-10, 1.0), (0.001, 0.7, 0.9)))


def nn_multiply_s8_refusals():
    yield from _two_refusals([(2.0**15, 2.0**15, 1.0), (1e-6, 1e-6, 1.0)])


CASES["nn_multiply_s8"] = Cases(nn_multiply_s8_sweep, nn_multiply_s8_refusals, lambda: _two_draw(2.0**-9, 2.0**9))


# nn_lookup_s8

def nn_lookup_s8_sweep():
    rng = np.random.default_rng(68)
    for length in LENGTHS:
        yield (integers(rng, length), integers(rng, 256)), {}
    every = np.arange(-128, 128).astype(np.int8)
    yield (every, every[::-1].copy()), {}
    yield (integers(rng, 2, 3, 4, 100), integers(rng, 256)), {}
    yield (np.array(-128, np.int8), every), {}


def nn_lookup_s8_refusals():
    x, table = np.int8([1, 2]), np.zeros(256, np.int8)
    for bad in not_arrays(x):
        yield (bad, table), {}
    for bad in (*not_arrays(table), table[:255], table[None], np.zeros(257, np.int8)):
        yield (x, bad), {}


@composite
def nn_lookup_s8_strategy(draw):
    return (draw(array(np.int8, hnp.array_shapes(min_dims=0, min_side=0, max_side=9), int8())),
            draw(array(np.int8, 256, int8()))), {}


CASES["nn_lookup_s8"] = Cases(nn_lookup_s8_sweep, nn_lookup_s8_refusals, nn_lookup_s8_strategy)

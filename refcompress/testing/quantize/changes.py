"""The cases of quantize_changes: every length of a sum and of its halves, and what ends a part."""

import numpy as np

from ..cases import Cases
from ..draws import composite, st
from ..values import FINITE, LENGTHS, WITH_INFINITY, WITH_NAN, not_arrays, ordinary, whole

CASES: dict[str, Cases] = {}

# One row of eights, two leaves and their halves, a part and one element less and more.
ENDS = (127, 128, 129, 135, 136, 137, 255, 256, 257, 264, 1000, 2**15 - 1, 2**15, 2**15 + 1, 2**16 + 9)


def quantize_changes_sweep():
    rng = np.random.default_rng(71)
    for length in LENGTHS:
        yield (whole(rng, (length,)), whole(rng, (length,))), {}
        yield (ordinary(rng, (3, length)), ordinary(rng, (3, length))), {}
    for length in ENDS:
        yield (ordinary(rng, (length,)), ordinary(rng, (length,))), {}
    for x in (FINITE, WITH_INFINITY, WITH_NAN):
        yield (x, x), {}
        yield (x, x[::-1].copy()), {}
    yield (np.float32(3), np.float32(1)), {}
    yield (np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32)), {}


def quantize_changes_refusals():
    x = np.ones((2, 3), np.float32)
    for bad in not_arrays(x):
        yield (bad, x), {}
        yield (x, bad), {}
    yield (x, x.T), {}
    yield (x, x[:1]), {}
    yield (x, x.astype(np.float64)), {}
    yield (x.astype(np.int8), x), {}


@composite
def quantize_changes_strategy(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (draw(st.integers(0, 5)), draw(st.integers(0, 400)))
    return (ordinary(rng, shape), ordinary(rng, shape)), {}


CASES["quantize_changes"] = Cases(quantize_changes_sweep, quantize_changes_refusals, quantize_changes_strategy)

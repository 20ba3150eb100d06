"""The cases of quantize_binary and quantize_ternary: every length of a sum, every sharing of scales, ties, zeros."""

from collections.abc import Iterator

import numpy as np

from ..cases import Cases
from ..draws import composite, st
from ..values import FINITE, LENGTHS, WITH_INFINITY, WITH_NAN, not_arrays, ordinary, whole

CASES: dict[str, Cases] = {}

SHARING: tuple[dict, ...] = ({}, {"axis": 0}, {"axis": 1}, {"group": 3}, {"group": 16}, {"group": 100}, {"group": 1})


def _weights(rng) -> Iterator[tuple[np.ndarray, dict]]:
    for length in LENGTHS:
        yield whole(rng, (3, length)), SHARING[length % 7]
        yield ordinary(rng, (length, 5)), SHARING[(length + 3) % 7]
    for sharing in SHARING:
        yield ordinary(rng, (4, 1, 300)), sharing  # past what NumPy adds in eight sums
        yield np.resize(FINITE, (5, 20)), sharing
        yield np.zeros((2, 9), np.float32), sharing
        yield -ordinary(rng, (7, 33)), sharing
    yield ordinary(rng, 1031), {}
    yield ordinary(rng, (2, 3, 4, 70)), {"axis": 2}
    yield ordinary(rng, (70, 1031)), {}  # past a piece of the tree
    yield np.full((2, 64), 1.5, np.float32), {"axis": 0}  # ties


def quantize_binary_sweep():
    for w, sharing in _weights(np.random.default_rng(101)):
        yield (w,), sharing


def quantize_ternary_sweep():
    rng = np.random.default_rng(102)
    for i, (w, sharing) in enumerate(_weights(rng)):
        yield (w,), {**sharing, "threshold": (0.7, None, 0, 1.3)[i % 4]} if i % 5 else sharing
    w = np.array([[1, 2, 2, 3, 0, -1], [0, 0, 4, -4, 4, 1]], np.float32)
    for threshold in (None, 0, 1e-300, 1, 2, 3, 1e19):  # delta is one of the magnitudes, or beyond all
        for sharing in SHARING:
            yield (w,), {"threshold": threshold, **sharing}
    for values in ([5], [1, 1], [3, 1], [1, 0], [2, 1, 1], [8, 3, 3, 1, 1, 1], [0, 0]):
        yield (np.array(values, np.float32),), {"threshold": None}


def _refusals():
    w = np.array([[3, 1, 2], [0, -1, 5]], np.float32)
    for bad in (*not_arrays(w), np.float32(1), WITH_NAN, WITH_INFINITY, np.tile(WITH_NAN, (3, 40))):
        yield (bad,), {}
        yield (bad,), {"group": 2}
    for bad in ({"axis": 2}, {"axis": -3}, {"axis": 0.0}, {"group": 0}, {"group": True}, {"axis": 0, "group": 2}):
        yield (w,), bad


def quantize_binary_refusals():
    yield from _refusals()


def quantize_ternary_refusals():
    yield from _refusals()
    w = np.array([[3, 1, 2], [0, -1, np.nan]], np.float32)
    for bad in (-0.1, np.nan, np.inf, 1e20, True, "0.7", np.ones(2)):
        yield (w[:1],), {"threshold": bad}
    for how in ({"threshold": None}, {"threshold": None, "axis": 1}):
        yield (w,), how


@composite
def _calls(draw):
    shape = draw(st.sampled_from([(0,), (1,), (40,), (3, 0), (2, 9), (3, 2, 5), (1, 33)]))
    few = draw(st.lists(st.one_of(st.integers(-3, 3).map(float), st.floats(-1e3, 1e3, width=32)), min_size=1,
                        max_size=9))
    sharing = draw(st.sampled_from(({}, {"axis": -1}, {"axis": 0}, {"group": draw(st.integers(1, 9))})))
    return np.resize(np.float32(few), shape), sharing


def quantize_binary_strategy():
    return _calls().map(lambda call: ((call[0],), call[1]))


@composite
def quantize_ternary_strategy(draw):
    w, sharing = draw(_calls())
    threshold = draw(st.one_of(st.none(), st.sampled_from([0, 0.5, 0.7, 1.0]), st.floats(0, 3)))
    return (w,), {**sharing, "threshold": threshold}


CASES["quantize_binary"] = Cases(quantize_binary_sweep, quantize_binary_refusals, quantize_binary_strategy)


CASES["quantize_ternary"] = Cases(quantize_ternary_sweep, quantize_ternary_refusals, quantize_ternary_strategy)

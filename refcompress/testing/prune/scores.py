"""The cases of the scores: a statistic of either precision, at the ends of float32 and float64."""

import numpy as np

from ..cases import Cases
from ..draws import array, composite, either, finite, lengths, st
from ..values import FINITE, LENGTHS, not_arrays, ordinary
from .selection import not_real

_LIKE_W, _LIKE_INPUTS = np.full((2, 3), 0.5), np.full(3, 0.5)

CASES: dict[str, Cases] = {}


# prune_score_wanda

def _pairs(rng, signed=True):
    """Yield weights and a statistic of the same shape, of either precision."""
    for length in LENGTHS:
        for shape in ((length,), (3, length)):
            second = ordinary(rng, shape).astype(np.float64) * 0.1
            if length % 2:
                second = second.astype(np.float32)
            yield ordinary(rng, shape), second if signed else np.abs(second)
    edges = np.repeat(FINITE[:, None], len(FINITE), axis=1)
    yield edges, edges.T.copy() if signed else np.abs(edges.T)
    yield np.float32([1e-45, 3e38]), np.float64([1e-320, 1e300])
    yield np.float32(3).reshape(()), np.float64(0.5).reshape(())
    yield ordinary(rng, (300, 257)), np.abs(rng.standard_normal((300, 257)))


def prune_score_wanda_sweep():
    for w, s in _pairs(np.random.default_rng(23), signed=False):
        if w.ndim == 2:
            yield (w, s[0].copy()), {}


def _score_refusals(signed: bool, statistic: np.ndarray):
    def refused():
        w = np.float32([[3, 1, 2], [0, -1, 5]])
        for bad in (*not_arrays(w), np.float32([[1, np.nan, 1]] * 2), np.float32([[1, 1, -np.inf]] * 2)):
            yield (bad, statistic), {}
        for bad in (*not_real(statistic), statistic[:1], statistic[None], statistic * np.inf, statistic * np.nan):
            yield (w, bad), {}
        if not signed:
            yield (w, -statistic), {}

    return refused


@composite
def _score_draw(draw, signed: bool = True, by_input: bool = False):
    w = draw(array(np.float32, (draw(lengths()), draw(lengths())), draw(either(finite()))))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    statistic = draw(array(dtype, w.shape[1:] if by_input else w.shape, draw(either(finite()))))
    return (w, statistic if signed else np.abs(statistic)), {}


CASES["prune_score_wanda"] = Cases(
    prune_score_wanda_sweep, _score_refusals(False, _LIKE_INPUTS), lambda: _score_draw(signed=False, by_input=True))


# prune_score_taylor

def prune_score_taylor_sweep():
    for pair in _pairs(np.random.default_rng(24)):
        yield pair, {}


CASES["prune_score_taylor"] = Cases(prune_score_taylor_sweep, _score_refusals(True, _LIKE_W), _score_draw)


# prune_score_movement

def prune_score_movement_sweep():
    for pair in _pairs(np.random.default_rng(25)):
        yield pair, {}


CASES["prune_score_movement"] = Cases(prune_score_movement_sweep, _score_refusals(True, _LIKE_W), _score_draw)


# prune_score_obd

def prune_score_obd_sweep():
    for pair in _pairs(np.random.default_rng(26)):
        yield pair, {}


CASES["prune_score_obd"] = Cases(prune_score_obd_sweep, _score_refusals(True, _LIKE_W), _score_draw)


# prune_score_fisher

def prune_score_fisher_sweep():
    for pair in _pairs(np.random.default_rng(27), signed=False):
        yield pair, {}


CASES["prune_score_fisher"] = Cases(
    prune_score_fisher_sweep, _score_refusals(False, _LIKE_W), lambda: _score_draw(signed=False))


# prune_score_apoz

def prune_score_apoz_sweep():
    rng = np.random.default_rng(28)
    for length in LENGTHS:
        yield (rng.integers(0, 1001, length), 1000), {}
        yield (rng.integers(0, 8, length).astype(np.float64), 7), {}
    yield (np.int64([0, 2**53 - 1, 2**53]), 2**53), {}


def _units_refusals(first, bad_elements):
    for bad in (None, "text", first.astype(object), first.astype(np.int32), np.ma.masked_array(first), first[None],
                *bad_elements):
        yield (bad, 4), {}
    for count in (0, -1, 2.0, True, None, 2**60):
        yield (first, count), {}


def prune_score_apoz_refusals():
    bad = np.int64([0, 5]), np.int64([-1]), np.float64([0.5]), np.float64([np.nan])
    yield from _units_refusals(np.int64([0, 4, 1]), bad)


@composite
def _units_draw(draw, floats: bool):
    count = draw(st.integers(1, 1000))
    elements = finite() if floats else st.integers(0, count)
    return (draw(array(np.float64 if floats else np.int64, draw(lengths()), elements)), count), {}


CASES["prune_score_apoz"] = Cases(prune_score_apoz_sweep, prune_score_apoz_refusals, lambda: _units_draw(floats=False))


# prune_score_activation

def prune_score_activation_sweep():
    rng = np.random.default_rng(29)
    for length in LENGTHS:
        yield (rng.standard_normal(length) * 100, length + 1), {}
        yield (ordinary(rng, length), 3), {}
    yield (np.float64([1e308, -1e308, 5e-324, -0.0]), 2), {}


def prune_score_activation_refusals():
    yield from _units_refusals(np.float64([0, 4, 1]), [np.float64([1, np.nan]), np.float64([np.inf])])


CASES["prune_score_activation"] = Cases(
    prune_score_activation_sweep,
    prune_score_activation_refusals,
    lambda: _units_draw(floats=True))

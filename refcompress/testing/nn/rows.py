"""The cases of functions of a number and of a row: every length, the infinities, results that are subnormal."""

import functools

import numpy as np

from ...reference.nn.activation import FUNCTIONS
from ..cases import Cases
from ..draws import any_floats, array, composite, either, lengths, st, tame
from ..values import HOSTILE, LENGTHS, not_arrays

_F = np.float32

CASES: dict[str, Cases] = {}

# Where a formula changes, where results become subnormal, 0, infinity or 1, and where a product would be 0 * infinity.
EDGES = np.array([
    0.5, 0.49999997, 0.34657359, 0.34657362, 0.17328680, 88.72283, 88.72284, 87.33655, 103.27893, 103.97207, 103.97208,
    104.5, 3.9192059, 3.9192061, 9.01091, 14.160, 14.170, 14.849242, 14.849243, 1e-20, 708, 709, 710, 800, 3e38], _F)


def _some(rng, shape, i: int) -> np.ndarray:
    """Return random numbers, as large as a turn of seven says."""
    return (rng.standard_normal(shape) * (1, 3, 0.1, 30, 1e-3, 1e-30, 5)[i % 7]).astype(_F)


# nn_activation

def nn_activation_sweep():
    rng = np.random.default_rng(71)
    names = list(FUNCTIONS)
    for length in LENGTHS:
        shape = ((length,), (1, length), (length, 1))[length // 7 % 3]
        yield (_some(rng, shape, length // 2), names[length % len(names)]), {}
    for name in names:
        yield (np.concatenate([EDGES, -EDGES, HOSTILE]), name), {}
        yield (_some(rng, (3, 5, 131), 1), name), {}
    yield (_F(0.25).reshape(()), "gelu"), {}


def nn_activation_refusals():
    x = _F([1, 2, 3])
    for bad in (*not_arrays(x), x.tolist()):
        yield (bad, "exp"), {}
    for bad in (None, 3, "relu", "GELU", ""):
        yield (x, bad), {}


@functools.cache
def _shapes():
    """Return the strategy of shapes of which the last axis may be long."""
    return st.one_of(st.tuples(lengths()), st.tuples(st.integers(0, 2), st.integers(0, 9)))


@composite
def nn_activation_strategy(draw):
    elements = draw(st.one_of(either(any_floats()), st.just(st.sampled_from(EDGES.tolist()))))
    return (draw(array(_F, draw(_shapes()), elements)), draw(st.sampled_from(list(FUNCTIONS)))), {}


CASES["nn_activation"] = Cases(nn_activation_sweep, nn_activation_refusals, nn_activation_strategy)


# nn_softmax

def _rows(rng):
    """Yield rows of every length, several of them, some of them masked, some not finite."""
    for length in LENGTHS:
        yield _some(rng, ((length,), (3, length), (2, 1, length))[length % 3], length)
    for value in HOSTILE:
        x = _some(rng, (2, 19), 1)
        x[1, 7] = value
        yield x
    yield np.zeros((0, 5), _F)
    yield np.zeros((3, 0), _F)


def nn_softmax_sweep():
    rng = np.random.default_rng(72)
    for x in _rows(rng):
        yield (x,), {}
    yield (np.where(rng.random((4, 40)) < 0.5, _F(-np.inf), _some(rng, (4, 40), 0)),), {}
    yield (np.full((2, 33), -np.inf, _F),), {}
    yield (np.full((2, 33), 3e38, _F),), {}
    yield (_F([[0, -87, -103, -104, -200, -800]]),), {}
    yield (_some(rng, (1, 2100), 1),), {}  # longer than what a kernel may keep


def _rows_refusals():
    x = _F([[1, 2, 3]])
    yield from (*not_arrays(x), x.tolist(), _F(1).reshape(()))


def nn_softmax_refusals():
    for bad in _rows_refusals():
        yield (bad,), {}


def nn_softmax_strategy():
    return st.tuples(st.tuples(_drawn_rows()), st.just({}))


def _drawn_rows():
    return st.tuples(_shapes(), either(any_floats())).flatmap(lambda drawn: array(_F, *drawn))


CASES["nn_softmax"] = Cases(nn_softmax_sweep, nn_softmax_refusals, nn_softmax_strategy)


# nn_layer_norm

def _scaled(rng, x, i):
    weight, bias = _some(rng, x.shape[-1:], 0), _some(rng, x.shape[-1:], 1)
    return ((x, weight, bias), (x, weight), (x, None, bias), (x,))[i % 4]


def nn_layer_norm_sweep():
    rng = np.random.default_rng(73)
    for i, x in enumerate(_rows(rng)):
        yield _scaled(rng, x, i), {} if i % 3 else {"epsilon": (0.0, 1e-12, 0.5)[i // 3 % 3]}
    yield (np.full((2, 33), 0.1, _F),), {"epsilon": 0.0}
    yield (_F([[3e38, -3e38, 3e38]]),), {}
    yield (_F([[1e6, 1e6 + 1, 1e6 + 2, 1e6 - 1]]),), {}  # the squares of which float32 does not hold


def nn_layer_norm_refusals():
    x = _F([[1, 2, 3]])
    for bad in _rows_refusals():
        yield (bad,), {}
    for bad in (*list(not_arrays(x[0]))[1:], x[0, :2], x):
        yield (x, bad), {}
        yield (x, None, bad), {}
    for bad in (-1e-9, np.nan, np.inf, None, True, "1e-5"):
        yield (x,), {"epsilon": bad}


@composite
def nn_layer_norm_strategy(draw):
    x = draw(_drawn_rows())
    row = st.one_of(st.none(), array(_F, x.shape[-1:], tame()))
    return (x, draw(row), draw(row)), {"epsilon": draw(st.sampled_from([1e-5, 0.0, 1.0]))}


CASES["nn_layer_norm"] = Cases(nn_layer_norm_sweep, nn_layer_norm_refusals, nn_layer_norm_strategy)


# nn_rms_norm

def nn_rms_norm_sweep():
    rng = np.random.default_rng(74)
    for i, x in enumerate(_rows(rng)):
        yield _scaled(rng, x, 1 + 2 * (i % 2))[:2], {} if i % 3 else {"epsilon": (0.0, 1e-12, 0.5)[i // 3 % 3]}
    yield (np.zeros((2, 33), _F),), {"epsilon": 0.0}
    yield (_F([[3e38, -3e38, 3e38]]),), {}


def nn_rms_norm_refusals():
    x = _F([[1, 2, 3]])
    for bad in _rows_refusals():
        yield (bad,), {}
    for bad in (*list(not_arrays(x[0]))[1:], x[0, :2], x):
        yield (x, bad), {}
    for bad in (-1e-9, np.nan, np.inf, None, True, "1e-5"):
        yield (x,), {"epsilon": bad}


@composite
def nn_rms_norm_strategy(draw):
    x = draw(_drawn_rows())
    row = st.one_of(st.none(), array(_F, x.shape[-1:], tame()))
    return (x, draw(row)), {"epsilon": draw(st.sampled_from([1e-5, 0.0, 1.0]))}


CASES["nn_rms_norm"] = Cases(nn_rms_norm_sweep, nn_rms_norm_refusals, nn_rms_norm_strategy)

"""Convolution and pooling: by their definitions, place by place, and gradients by finite differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refcompress import RefcompressError
from refcompress.recipes import lenet_5
from refcompress.training import Convolution, Dense, MaxPool, Network, ReLU, Reshape

SEEDS = st.integers(0, 2**32 - 1)


@given(
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(0, 4),
    st.integers(0, 4),
    SEEDS,
)
@settings(max_examples=40)
def test_a_convolution_is_its_definition(n, c, m, size, rows, columns, seed):
    rng = np.random.default_rng(seed)
    layer = Convolution(c, m, size, rng=rng, dtype=np.float64)
    layer.parameters["bias"][...] = rng.standard_normal(m)
    x = rng.standard_normal((n, rows + size, columns + size, c))
    y = layer.forward(x)
    w, b = layer.parameters["weight"], layer.parameters["bias"]
    assert y.shape == (n, rows + 1, columns + 1, m)
    for i, r, s, o in np.ndindex(y.shape):
        expected = sum(x[i, r + v, s + u, k] * w[o, k, v, u] for k, v, u in np.ndindex(c, size, size)) + b[o]
        size_of = np.abs(x).max() * np.abs(w).sum() + np.abs(b).max()
        assert abs(y[i, r, s, o] - expected) <= (c * size * size + 2) * 2.0**-52 * size_of


@given(SEEDS)
@settings(max_examples=20)
def test_pooling_takes_the_largest_and_sends_the_gradient_to_the_first_of_equals(seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 3, (2, 4, 6, 3)).astype(np.float32)
    layer = MaxPool()
    y, dy = layer.forward(x), rng.standard_normal((2, 2, 3, 3)).astype(np.float32)
    dx = layer.backward(dy)
    for i, r, s, k in np.ndindex(y.shape):
        square = x[i, 2 * r : 2 * r + 2, 2 * s : 2 * s + 2, k].ravel()
        got = dx[i, 2 * r : 2 * r + 2, 2 * s : 2 * s + 2, k].ravel()
        expected = np.zeros(4, np.float32)
        expected[square.argmax()] = dy[i, r, s, k]
        assert y[i, r, s, k] == square.max() and np.array_equal(got, expected)


@pytest.mark.parametrize("name", ["conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "fc.weight"])
def test_gradients_are_those_of_finite_differences(name):
    """Exactly. As long as no unit crosses its kink the logits are linear in one weight, and all sums are exact: of
    parameters and inputs with 5 bits behind the point, a step of 2**-20, and integers for derivatives by the logits."""
    rng = np.random.default_rng(3)
    net = Network([("conv1", Convolution(2, 3, 3, rng=rng, dtype=np.float64)), ("pool", MaxPool()),
                   ("conv2", Convolution(3, 4, 2, rng=rng, dtype=np.float64)), ("relu", ReLU()), ("flat", Reshape(16)),
                   ("fc", Dense(16, 5, rng=rng, dtype=np.float64))])
    for p in net.parameters.values():
        p[...] = rng.integers(-32, 33, p.shape) / 32
    x, dy = rng.integers(-32, 33, (6, 8, 8, 2)) / 32, rng.integers(-4, 5, (6, 5)).astype(np.float64)
    here = net.forward(x)
    net.backward(dy)
    p, h = net.parameters[name], 2.0**-20
    for at in list(np.ndindex(p.shape))[:: max(p.size // 7, 1)]:
        value = p[at]
        p[at] = value + h
        above = net.forward(x)
        p[at] = value - h
        below = net.forward(x)
        p[at] = value
        assert np.array_equal(above + below, 2 * here)  # no kink was crossed
        assert np.sum((above - below) / (2 * h) * dy) == net.gradients[name][at]
    assert net.gradients[name].any()


def test_lenet_5_has_the_weights_of_the_papers():
    net = lenet_5.network(np.random.default_rng(0))
    weights = {name: p.size for name, p in net.parameters.items() if p.ndim > 1}
    assert weights == {"conv1.weight": 500, "conv2.weight": 25_000, "fc1.weight": 400_000, "fc2.weight": 5_000}
    assert sum(p.size for p in net.parameters.values()) == 430_500 + 580
    assert net.forward(np.zeros((3, 784), np.float32)).shape == (3, 10)


@pytest.mark.parametrize("sizes", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 2.0)])
def test_sizes_are_refused_by_name(sizes):
    with pytest.raises(RefcompressError):
        Convolution(*sizes, rng=np.random.default_rng(0))

"""Laws of the curvature of the loss: the Hessian's product against differences of gradients, and the trace it leads
to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refcompress import RefcompressError, allocate_cost, allocate_fisher, allocate_trace
from refcompress.training import (
    Dense,
    Dropout,
    Network,
    QuantizedInputs,
    ReLU,
    example_gradients,
    hessian_product,
    softmax_cross_entropy,
)

SEEDS = st.integers(0, 2**32 - 1)
NAMES = ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]


def problem(seed, n=12, dtype=np.float64):
    rng = np.random.default_rng(seed)
    net = Network([("drop", Dropout(0.5)), ("fc1", Dense(4, 5, rng=rng, dtype=dtype)), ("relu", ReLU()),
                   ("fc2", Dense(5, 3, rng=rng, dtype=dtype))])
    return net, rng.standard_normal((n, 4)).astype(dtype), rng.integers(0, 3, n)


def gradient(net, x, labels, name):
    net.backward(softmax_cross_entropy(net.forward(x), labels)[1])
    return net.gradients[name].copy()


def hessian(net, x, labels, name):
    product, size = hessian_product(net, x, labels, name), net.parameters[name].size
    return np.stack([product(row) for row in np.eye(size)])


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS)
@settings(max_examples=15)
def test_the_product_is_the_change_of_the_gradient(name, seed):
    net, x, labels = problem(seed)
    v = np.random.default_rng(seed).standard_normal(net.parameters[name].size)
    exact, h, moved = hessian_product(net, x, labels, name)(v), 2.0**-14, []
    active = np.sign(net.layers["fc1"].forward(x))
    for sign in (1, -1):
        other = net.copy()
        other.parameters[name][...] += sign * h * v.reshape(other.parameters[name].shape)
        if not np.array_equal(np.sign(other.layers["fc1"].forward(x)), active):
            return  # a unit crossed its kink: there the gradient is not smooth
        moved.append(gradient(other, x, labels, name).ravel())
    # The central difference is off by h²/6 of a third derivative (here at most a few thousand), and by rounding over h.
    assert np.abs((moved[0] - moved[1]) / (2 * h) - exact).max() <= h**2 * 1000 + 2.0**-40


@pytest.mark.parametrize("name", NAMES)
def test_the_hessian_of_one_layer_is_symmetric_and_has_no_negative_eigenvalue(name):
    for seed in range(5):
        h = hessian(*problem(seed), name)
        assert np.abs(h - h.T).max() <= 1e-14
        assert np.linalg.eigvalsh((h + h.T) / 2).min() > -1e-14


def test_hutchinsons_trace_of_a_layer_is_that_of_its_hessian():
    net, x, labels = problem(3, dtype=np.float32)
    trace = np.trace(hessian(net, x, labels, "fc1.weight"))
    estimate = allocate_trace(hessian_product(net, x, labels, "fc1.weight"), 20, samples=400)
    assert abs(estimate.value - trace) <= 4 * estimate.error < trace


@given(SEEDS)
@settings(max_examples=15)
def test_single_gradients_average_to_that_of_the_batch_and_their_squares_to_fisher(seed):
    net, x, labels = problem(seed)
    single = list(example_gradients(net, x, labels, "fc1.weight"))
    assert len(single) == 12
    assert np.abs(np.mean(single, axis=0) - gradient(net, x, labels, "fc1.weight")).max() <= 1e-14
    assert np.abs(allocate_fisher(single) - np.mean(np.square(single), axis=0)).max() <= 1e-14


def test_the_cost_by_the_hessian_predicts_the_loss_of_a_small_change_at_a_minimum():
    net, x, labels = problem(1, 60)
    for _ in range(3000):  # the last layer alone is a convex problem
        net.backward(softmax_cross_entropy(net.forward(x), labels)[1])
        for name in ("fc2.weight", "fc2.bias"):
            net.parameters[name][...] -= 2.0 * net.gradients[name]
    w = net.parameters["fc2.weight"]
    step = np.zeros_like(w)
    step[1, 2] = 2.0**-6
    start = softmax_cross_entropy(net.forward(x), labels)[0]
    curvature = np.diag(hessian(net, x, labels, "fc2.weight")).reshape(w.shape).copy()
    zero = np.zeros(w.shape, np.float32)
    predicted = allocate_cost(zero, [step.astype(np.float32)], curvature=curvature)[0]
    w += step
    assert abs(softmax_cross_entropy(net.forward(x), labels)[0] - start - predicted) < 0.05 * predicted


def test_layers_and_names_without_a_derivative_are_refused():
    net, x, labels = problem(0)
    with pytest.raises(RefcompressError, match="^name: "):
        hessian_product(net, x, labels, "fc3.weight")
    odd = Network([("steps", QuantizedInputs(4)), *net.layers.items()])
    with pytest.raises(RefcompressError, match="steps"):
        hessian_product(odd, x, labels, "fc1.weight")

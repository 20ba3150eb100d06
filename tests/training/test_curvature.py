"""Laws of the curvature of the loss: the Hessian's product against differences of gradients, and the trace it leads
to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rounding import UNIT64, gamma

from refcompress import RefcompressError, allocate_cost, allocate_fisher, allocate_trace
from refcompress.training import (
    Dense,
    Dropout,
    Network,
    QuantizedInputs,
    ReLU,
    curvature,
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


def sum_of_sizes(net, x, name):
    """Return what the magnitudes of the terms of each element of the Hessian sum to: mean of |J|.T |A| |J|, with J the
    derivatives of the logits and A = diag(p) - p p.T."""
    hidden = np.maximum(net.layers["fc1"].forward(x), 0)
    p = np.exp(net.layers["fc2"].forward(hidden))
    p /= p.sum(axis=1, keepdims=True)
    back = np.abs(net.parameters["fc2.weight"]) * (hidden > 0)[:, None]  # (examples, outputs, units)
    own = np.broadcast_to(np.eye(p.shape[1]), (len(x), p.shape[1], p.shape[1]))
    j = {"fc1.weight": back[..., None] * np.abs(x)[:, None, None], "fc1.bias": back,
         "fc2.weight": own[..., None] * hidden[:, None, None], "fc2.bias": own}[name].reshape(len(x), p.shape[1], -1)
    a = own * p[:, None] + p[:, :, None] * p[:, None]
    return np.mean(j.transpose(0, 2, 1) @ a @ j, axis=0)


@pytest.mark.parametrize("name", NAMES)
def test_the_hessian_of_one_layer_is_symmetric_and_has_no_negative_eigenvalue(name):
    for seed in range(5):
        net, x, labels = problem(seed)
        h = hessian(net, x, labels, name)
        # An element has sums over 12 examples, 5 and 4 inputs, 5 units and 3 outputs forth and back, and less than 20
        # products and quotients: less than 64 roundings of terms that sum to ``size``.
        size = sum_of_sizes(net, x, name)
        assert np.all(np.abs(h - h.T) <= 2 * gamma(64) * size)
        assert np.linalg.eigvalsh((h + h.T) / 2).min() >= -(2 * gamma(64) + 64 * len(h) ** 2 * UNIT64
                                                             ) * np.linalg.norm(size)


def test_hutchinsons_trace_of_a_layer_is_that_of_its_hessian():
    net, x, labels = problem(3, dtype=np.float32)
    trace = np.trace(hessian(net, x, labels, "fc1.weight"))
    estimate = allocate_trace(hessian_product(net, x, labels, "fc1.weight"), 20, samples=400)
    assert abs(estimate.value - trace) <= 4 * estimate.error < trace


@given(SEEDS)
@settings(max_examples=15)
def test_single_gradients_average_to_that_of_the_batch_and_their_squares_to_fisher(seed):
    """Exactly, of a network of small integers whose loss has the integers logits % 5 - 2 for derivatives."""
    net, x, labels = problem(seed)
    rng = np.random.default_rng(seed)
    for p in net.parameters.values():
        p[...] = rng.integers(-2, 3, p.shape)
    x = rng.integers(-3, 4, x.shape).astype(np.float64)
    derivatives = lambda logits, labels: (0.0, (logits % 5 - 2) * (12 // len(logits)))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(curvature, "softmax_cross_entropy", derivatives)
        single = list(example_gradients(net, x, labels, "fc1.weight"))
    net.backward(derivatives(net.forward(x), labels)[1])
    assert len(single) == 12 and np.array_equal(np.mean(single, axis=0), net.gradients["fc1.weight"])
    assert np.array_equal(allocate_fisher(single), np.mean(np.square(single), axis=0))


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

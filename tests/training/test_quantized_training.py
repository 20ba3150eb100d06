"""Laws of quantization-aware training: the network computes what the file will hold, and gradients are the papers'."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refcompress import RefcompressError, quantize_s8
from refcompress.training import (
    SGD,
    Adam,
    Dense,
    LearnedSteps,
    Network,
    QuantizedInputs,
    ReLU,
    StraightThrough,
    error_rate,
    fit,
    softmax_cross_entropy,
)

SEEDS = st.integers(0, 2**32 - 1)
BITS = st.integers(2, 8)


def network(seed, hidden=8, inputs=None):
    rng = np.random.default_rng(seed)
    middle = [("steps", inputs)] if inputs else []
    return Network([("fc1", Dense(6, hidden, rng=rng)), ("relu", ReLU()), *middle, ("fc2", Dense(hidden, 3, rng=rng))])


def examples(seed, n=96):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 6)).astype(np.float32)
    return x, (x @ np.random.default_rng(9).standard_normal((6, 3))).argmax(axis=1).astype(np.uint8)


HOOKS = [
    lambda net, bits: StraightThrough(net, bits),
    lambda net, bits: StraightThrough(net, bits, axis=None),
    LearnedSteps,
]


@pytest.mark.parametrize("hook", HOOKS)
@given(seed=SEEDS, bits=BITS)
@settings(max_examples=15)
def test_after_every_step_the_network_computes_with_exactly_what_quantized_returns(hook, seed, bits):
    net, (x, labels) = network(seed), examples(seed)
    tuning = hook(net, {"fc1.weight": bits, "fc2.weight": 8})
    biases = {name for name in net.parameters if name.endswith("bias")}
    for _ in range(3):
        for name, q in tuning.quantized().items():
            assert np.array_equal(net.parameters[name].view(np.uint32), q.dense().view(np.uint32))
            b = 8 if name.startswith("fc2") else bits
            low = -(2 ** (b - 1)) + (hook is not LearnedSteps)
            assert low <= q.values.min() and q.values.max() <= 2 ** (b - 1) - 1
        assert all(tuning.parameters[name] is net.parameters[name] for name in biases)
        fit(net, x, labels, optimizer=SGD(0.05), tuning=tuning, epochs=1, batch=32, rng=np.random.default_rng(seed))
    assert not np.array_equal(tuning.parameters["fc1.weight"], net.parameters["fc1.weight"])


@given(SEEDS)
@settings(max_examples=15)
def test_at_eight_bits_straight_through_is_quantize_s8(seed):
    net = network(seed)
    w = net.parameters["fc1.weight"].copy()
    q, expected = StraightThrough(net, {"fc1.weight": 8}).quantized()["fc1.weight"], quantize_s8(w, axis=0)
    assert np.array_equal(q.values, expected.values) and np.array_equal(q.scale, expected.scale)


@given(SEEDS, BITS)
@settings(max_examples=15)
def test_straight_through_weights_are_within_half_a_step_of_their_masters_and_gradients_pass(seed, bits):
    net, (x, labels) = network(seed), examples(seed)
    tuning = StraightThrough(net, {"fc1.weight": bits})
    q = tuning.quantized()["fc1.weight"]
    assert (np.abs(q.dense() - tuning.parameters["fc1.weight"]) <= q.scale * (0.5 + 2.0**-14)).all()
    net.backward(softmax_cross_entropy(net.forward(x), labels)[1])
    assert np.array_equal(tuning.gradients()["fc1.weight"], net.gradients["fc1.weight"])


@given(SEEDS, BITS)
@settings(max_examples=10)
def test_each_parameter_may_have_an_axis_of_its_own(seed, bits):
    several = {"fc1.weight": bits, "fc2.weight": bits, "fc2.bias": bits}
    found = StraightThrough(network(seed), several, axis={"fc1.weight": 1, "fc2.bias": None}).quantized()
    for name, axis in (("fc1.weight", 1), ("fc2.weight", 0), ("fc2.bias", None)):
        alone = StraightThrough(network(seed), {name: bits}, axis=axis).quantized()[name]
        assert np.array_equal(found[name].values, alone.values) and np.array_equal(found[name].scale, alone.scale)
    assert found["fc1.weight"].scale.shape == (1, 6)


def lsq_by_hand(dy, x, step, low, high, size):
    """The gradients of the paper, one element at a time; x / step as float32, the rest in float64."""
    dx, total = np.zeros_like(dy), 0.0
    for i in np.ndindex(x.shape):
        v = float(x[i] / step[0])
        if v <= low:
            total += float(dy[i]) * low
        elif v >= high:
            total += float(dy[i]) * high
        else:
            total += float(dy[i]) * (round(v) - v)
            dx[i] = dy[i]
    return dx, total / (size * high) ** 0.5


@given(SEEDS, BITS)
@settings(max_examples=25)
def test_learned_steps_have_the_gradients_of_the_paper(seed, bits):
    net, (x, labels) = network(seed), examples(seed)
    tuning = LearnedSteps(net, {"fc1.weight": bits})
    w, step = tuning.parameters["fc1.weight"], tuning.parameters["fc1.weight.step"]
    high = 2 ** (bits - 1) - 1
    assert abs(step[0] - 2 * np.abs(w.astype(np.float64)).mean() / high**0.5) <= 2.0**-23 * step[0]
    w[0, :2] = step * np.float32([high + 5, -high - 5])  # clipped at both ends
    tuning.apply()
    values = tuning.quantized()["fc1.weight"].values
    assert (values[0, 0], values[0, 1]) == (high, -high - 1)
    net.backward(softmax_cross_entropy(net.forward(x), labels)[1])
    dy = net.gradients["fc1.weight"].copy()
    dx, of_step = lsq_by_hand(dy, w, step, -high - 1, high, w.size)
    got = tuning.gradients()
    assert np.array_equal(got["fc1.weight"], dx) and not dx[0, :2].any()
    # Float32 rounds each rint(v) - v and each product once, 2u of at most |dy| high a term; the sum is float64's.
    bound = 3 * 2.0**-24 * (high + 1) * np.abs(dy, dtype=np.float64).sum() / (w.size * high) ** 0.5
    assert abs(got["fc1.weight.step"][0] - of_step) <= bound + 2.0**-24 * abs(of_step)
    assert set(got) == set(tuning.parameters)


@given(SEEDS, BITS, st.booleans())
@settings(max_examples=25)
def test_quantized_inputs_have_the_values_and_gradients_of_the_paper(seed, bits, signed):
    rng = np.random.default_rng(seed)
    layer = QuantizedInputs(bits, signed=signed)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    x = rng.standard_normal((7, 5)).astype(np.float32)
    assert layer.forward(x) is x and layer.backward(x) is x  # nothing is known of the range yet
    y, dy = layer.forward(x, rng), rng.standard_normal((7, 5)).astype(np.float32)
    step = layer.parameters["step"]
    codes = y / step
    assert np.array_equal(y, step * np.rint(np.clip(x / step, low, high)))
    assert np.abs(codes - np.rint(codes)).max() <= high * 2.0**-23 and codes.min() >= low and codes.max() <= high
    dx, of_step = lsq_by_hand(dy, x, step, low, high, 5)
    assert np.array_equal(layer.backward(dy), dx)
    bound = 3 * 2.0**-24 * (high + 1) * np.abs(dy, dtype=np.float64).sum() / (5 * high) ** 0.5
    assert abs(layer.gradients["step"][0] - of_step) <= bound + 2.0**-24 * abs(of_step)
    assert layer.backward(dy, input_gradient=False) is None


def test_a_step_that_is_driven_below_zero_stops_at_the_smallest_normal():
    net = network(0)
    tuning = LearnedSteps(net, {"fc1.weight": 4})
    tuning.parameters["fc1.weight.step"][...] = -1
    tuning.apply()
    assert tuning.parameters["fc1.weight.step"] == 2.0**-126 and np.isfinite(net.parameters["fc1.weight"]).all()
    net.assign({"fc1.weight": np.zeros((8, 6), np.float32)})
    assert LearnedSteps(net, {"fc1.weight": 4}).parameters["fc1.weight.step"] == 1


@pytest.mark.parametrize("hook", [LearnedSteps, lambda net, bits: StraightThrough(net, bits, axis=None)])
def test_two_bit_weights_that_were_trained_err_less_than_two_bit_weights_that_were_rounded(hook):
    x, labels = examples(1, 2000)
    better = 0
    for seed in range(5):
        net, rng = network(seed, 16), np.random.default_rng(seed)
        fit(net, x, labels, optimizer=Adam(1e-2), epochs=5, batch=100, rng=rng)
        tuning = hook(net, {"fc1.weight": 2, "fc2.weight": 2})
        rounded = error_rate(net, x, labels)
        fit(net, x, labels, optimizer=Adam(3e-3), tuning=tuning, epochs=8, batch=100, rng=rng)
        better += error_rate(net, x, labels) < 0.8 * rounded
    assert better == 5


def test_weights_and_activations_at_four_bits_learn_together():
    x, labels = examples(2, 2000)
    net, rng = network(0, 16, QuantizedInputs(4)), np.random.default_rng(0)
    fit(net, x, labels, optimizer=Adam(1e-2), tuning=LearnedSteps(net, {"fc1.weight": 4, "fc2.weight": 4}), epochs=8,
        batch=100, rng=rng)
    assert error_rate(net, x, labels) < 0.1
    assert len(np.unique(net.layers["steps"].forward(net.layers["relu"].forward(net.layers["fc1"].forward(x))))) <= 16


@pytest.mark.parametrize("make, argument", [
    (lambda: StraightThrough(network(0), {"fc9.weight": 8}), "bits['fc9.weight']"),
    (lambda: StraightThrough(network(0), {"fc1.weight": 1}), "bits['fc1.weight']"),
    (lambda: LearnedSteps(network(0), {"fc1.weight": 9}), "bits['fc1.weight']"),
    (lambda: StraightThrough(network(0), {"fc1.weight": 8}, axis={"fc2.weight": 0}), "axis['fc2.weight']"),
    (lambda: LearnedSteps(network(0), {"fc1.weight": 8.0}), "bits['fc1.weight']"),
    (lambda: QuantizedInputs(1), "bits"), (lambda: QuantizedInputs(True), "bits"),
])
def test_settings_are_refused_by_name(make, argument):
    with pytest.raises(RefcompressError) as caught:
        make()
    assert caught.value.argument == argument

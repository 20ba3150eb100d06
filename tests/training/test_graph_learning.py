"""Small networks that only a graph can be: they learn what they are made for, on a grid and in narrow formats too."""

import math

import numpy as np
import pytest

from refcompress.formats import Quantized
from refcompress.graph import Builder
from refcompress.training import (
    POLICIES,
    Adam,
    AutocastGraph,
    GraphNetwork,
    LearnedSteps,
    LossScaler,
    QuantizedInputs,
    Scaled,
    StraightThrough,
    error_rate,
    fit,
    mean_loss,
)

KEYS = VALUES = 4


def lookup(seed, n):
    """Sequences of a key that is asked for and four pairs of a key and a value, in any order; the label is its value.

    A pair is one token.
    """
    rng = np.random.default_rng(seed)
    keys = np.argsort(rng.random((n, KEYS)), axis=1)
    values, asked = rng.integers(0, VALUES, (n, KEYS)), rng.integers(0, KEYS, n)
    x = np.concatenate([asked[:, None], KEYS + keys * VALUES + values], axis=1)
    return x, values[np.arange(n), np.argmax(keys == asked[:, None], axis=1)]


def least_loss_without_looking_up():
    """Return the entropy of the label for one who knows the four values, but not which of them is asked for.

    The value is c of the four with the probability c / 4, and c - 1 of the other three are the same by chance.
    """
    p, n = 1 / VALUES, KEYS - 1
    return sum(math.comb(n, c) * p**c * (1 - p) ** (n - c) * -math.log((c + 1) / KEYS) for c in range(KEYS))


def transformer(seed, behind=(), d=16):
    """One layer of attention over the tokens, and a small network behind the first of them."""
    b, rng = Builder(), np.random.default_rng(seed)

    def drawn(m, k):
        return (rng.standard_normal((m, k)) / math.sqrt(k)).astype(np.float32)

    def zeros(m):
        return np.zeros(m, np.float32)

    table = drawn(KEYS * (1 + VALUES), d) * np.float32(math.sqrt(d))
    y = b.embedding(b.input("x", ("n", 1 + KEYS), "int64"), table, name="tokens")
    q, k, v = (b.linear(y, drawn(d, d), name=name) for name in "qkv")
    y = b.add(y, b.linear(b.attention(q, k, v, heads=2, name="mixed"), drawn(d, d), name="out"))
    y = b.layer_norm(y, np.ones(d, np.float32), zeros(d), name="norm")
    y = b.reshape(b.slice(y, starts=(0,), ends=(1,), axes=(1,)), shape=(0, d), name="first")
    y = b.gelu(b.linear(y, drawn(2 * d, d), zeros(2 * d), name="up"), approximate=True, name="bent")
    model = b.model(b.linear(y, drawn(VALUES, 2 * d), zeros(VALUES), name="down"))
    return GraphNetwork(model, behind={name: QuantizedInputs(8, signed=True) for name in behind})


MATRICES = ("q", "k", "v", "out", "up", "down")


@pytest.mark.parametrize("arithmetic", ["float32", "float16", "bfloat16"])
def test_a_transformer_looks_up_what_it_is_asked_for(arithmetic):
    net = transformer(0)
    low = AutocastGraph(net, policy=POLICIES[arithmetic], scaler=LossScaler(2.0**10))
    fit(low, *lookup(0, 1500), optimizer=Scaled(Adam(0.01), low.scaler), epochs=3, batch=50,
        rng=np.random.default_rng(0))
    loss = mean_loss(net, *lookup(1, 500))  # on sequences that it was not trained on, by the float32 weights
    assert loss < least_loss_without_looking_up() / 10
    model = net.model()
    y = model(lookup(1, 500)[0])
    assert np.mean(y.argmax(axis=1) != lookup(1, 500)[1]) < 0.05


@pytest.mark.parametrize("hook", [lambda net, bits: StraightThrough(net, bits, axis=0), LearnedSteps])
def test_a_transformer_trained_on_a_grid_errs_less_than_one_that_is_rounded_to_it(hook):
    x, labels = lookup(2, 1000)
    net = transformer(2, behind=("tokens", "mixed", "first", "bent"))
    fit(net, x, labels, optimizer=Adam(0.01), epochs=3, batch=50, rng=np.random.default_rng(0))
    assert error_rate(net, x, labels) < 0.05  # activations of 8 bits
    tuning = hook(net, {f"{name}.weight": 2 for name in MATRICES})
    rounded = error_rate(net, x, labels)
    fit(net, x, labels, optimizer=Adam(3e-3), tuning=tuning, epochs=3, batch=50, rng=np.random.default_rng(1))
    assert error_rate(net, x, labels) < 0.5 * rounded
    model = net.model().replaced(tuning.quantized())  # runs from its integers
    assert all(isinstance(model.tensors[f"{name}.weight"], Quantized) for name in MATRICES)
    assert np.mean(model(x).argmax(axis=1) != labels) < 0.5 * rounded


def stripes(seed, n, size=8):
    """Images of noise with stripes along one of four directions; the label is the direction."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, n)
    r, s = np.mgrid[:size, :size]
    waves = np.stack([r, s, r + s, r - s])[labels] * (np.pi / 2) + rng.random((n, 1, 1)) * 6.3
    return (np.sin(waves) + rng.standard_normal((n, size, size)))[:, None].astype(np.float32) + 2, labels


def separable(seed):
    """A convolution, then a depthwise and a pointwise one, each with a batch norm."""
    b, rng = Builder(), np.random.default_rng(seed)

    def normed(y, m, name):
        parts = [np.full(m, each, np.float32) for each in (1, 0, 0, 1)]
        names = [b.tensor(f"{name}.{part}", a) for part, a in zip(("weight", "bias", "mean", "variance"), parts)]
        return b.hard_swish(b.batch_norm(y, *names, name=name), name=f"{name}.act")

    def drawn(*shape):
        return (rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32)

    y = normed(b.conv(b.input("x", ("n", 1, 8, 8)), drawn(8, 1, 3, 3), pads=(1,) * 4, name="conv"), 8, "bn1")
    y = normed(b.conv(y, drawn(8, 1, 3, 3), groups=8, strides=(2, 2), pads=(1,) * 4, name="depthwise"), 8, "bn2")
    y = normed(b.conv(y, drawn(12, 8, 1, 1), name="pointwise"), 12, "bn3")
    y = b.flatten(b.global_average_pool(y), name="flat")
    return b.model(b.linear(y, drawn(4, 12), np.zeros(4, np.float32), name="fc"))


def test_a_separable_network_learns_by_batch_statistics_and_runs_by_their_averages():
    net = GraphNetwork(separable(0), batch_statistics=True)
    x, labels = stripes(0, 1000)
    fit(net, x, labels, optimizer=Adam(0.01), epochs=3, batch=50, rng=np.random.default_rng(0))
    assert {"bn1.mean", "bn1.variance"}.isdisjoint(net.parameters)
    new, new_labels = stripes(1, 500)
    error = error_rate(net, new, new_labels)
    model = net.model()
    assert error < 0.2  # chance is 0.75
    assert np.mean(model(new).argmax(axis=1) != new_labels) == error
    assert model.tensors["bn1.mean"].any()
    plain = GraphNetwork(separable(0))  # where they are constants they stay
    fit(plain, x[:100], labels[:100], optimizer=Adam(0.01), epochs=1, batch=50, rng=np.random.default_rng(0))
    assert not plain.model().tensors["bn1.mean"].any()


def test_running_averages_are_the_recurrence_of_the_batches():
    net = GraphNetwork(separable(0), batch_statistics=True, momentum=0.25)
    mean, variance = np.zeros(8), np.ones(8)
    for seed in range(3):
        x = stripes(seed, 20)[0]
        net.forward(x, np.random.default_rng(0))
        given = net._passed["bn1"][0][0].astype(np.float64)  # what the norm took
        mean += 0.25 * (given.mean(axis=(0, 2, 3)) - mean)
        variance += 0.25 * (given.var(axis=(0, 2, 3), ddof=1) - variance)
    for part, exact in (("mean", mean), ("variance", variance)):
        # Sums of 1,280 float32 numbers in pairs, three times: fewer than 100 roundings each.
        assert np.abs(net.tensors[f"bn1.{part}"] - exact).max() <= 100 * 2.0**-24 * (np.abs(exact).max() + 20)
    before = net.tensors["bn1.mean"].copy()
    net.forward(x)  # in use
    assert np.array_equal(net.tensors["bn1.mean"], before)

"""Laws of what pruning measures: the sums are those of the definitions, whatever the batch; no bad example gets in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress import ArgumentTypeError, RefcompressError
from refcompress.training import (
    Dense,
    Dropout,
    Network,
    ReLU,
    collect,
    collect_gradients,
    measured,
    softmax_cross_entropy,
    statistics,
)

SIZES, SEEDS = st.integers(1, 9), st.integers(0, 2**32 - 1)


def whole(rng, *shape):
    """Small whole numbers: all sums and products of these are exact in float64, whatever their order."""
    return rng.integers(-3, 4, shape).astype(np.float64)


def network_of(rng, *sizes, dtype=np.float64):
    layers = []
    for i, (k, m) in enumerate(zip(sizes, sizes[1:]), 1):
        layers += [(f"drop{i}", Dropout(0.5)), (f"fc{i}", Dense(k, m, rng=rng, dtype=dtype)), (f"relu{i}", ReLU())]
    network = Network(layers[:-1])
    network.assign({name: whole(rng, *p.shape).astype(dtype) for name, p in network.parameters.items()})
    return network


@given(st.integers(1, 20), SIZES, SIZES, SIZES, st.integers(1, 21), SEEDS)
def test_collected_sums_are_those_of_all_activations_at_once_for_every_batch(n, k, hidden, m, batch, seed):
    rng = np.random.default_rng(seed)
    network, x = network_of(rng, k, hidden, m), whole(rng, n, k)
    found = collect(network, x, batch=batch)
    w1, b1, w2, b2 = network.parameters.values()
    y1 = np.maximum(x @ w1.T + b1, 0)
    for name, inputs, outputs in (("fc1", x, y1), ("fc2", y1, y1 @ w2.T + b2)):
        s = found[name]
        assert s.count == n
        assert np.array_equal(s.square_sums, (inputs**2).sum(0)) and np.array_equal(s.norms, np.sqrt(s.square_sums))
        assert np.array_equal(s.moment, inputs.T @ inputs) and np.array_equal(s.hessian, s.moment)
        assert np.array_equal(s.zeros, (outputs == 0).sum(0)) and s.zeros.dtype == np.int64
        assert np.array_equal(s.sums, outputs.sum(0))


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 512])
def test_the_second_moment_is_the_same_in_whatever_blocks_it_is_computed(monkeypatch, rows):
    monkeypatch.setattr(measured, "ROWS", rows)
    monkeypatch.setattr(statistics, "ROWS", rows)
    rng = np.random.default_rng(0)
    network, x = network_of(rng, 7, 3), whole(rng, 20, 7)
    assert np.array_equal(collect(network, x, batch=6)["fc1"].moment, x.T @ x)


def test_float32_activations_are_squared_and_summed_in_float64():
    x = np.full((3, 1), 1 + 2.0**-20, np.float32)  # its square needs 41 bits
    network = network_of(np.random.default_rng(0), 1, 1, dtype=np.float32)
    assert collect(network, x)["fc1"].square_sums[0] == 3 * (1 + 2.0**-20) ** 2


def test_only_the_layers_that_are_asked_for_are_collected():
    rng = np.random.default_rng(0)
    network, x = network_of(rng, 4, 3, 2), whole(rng, 5, 4)
    assert list(collect(network, x, layers=["fc2"])) == ["fc2"]
    assert np.array_equal(collect(network, x, layers=["fc2"])["fc2"].moment, collect(network, x)["fc2"].moment)
    without = collect(network, x, moments=False)["fc1"]
    with pytest.raises(RefcompressError, match="moments"):
        without.hessian
    with pytest.raises(RefcompressError, match="layers"):
        collect(network, x, layers=["fc3"])


@given(st.integers(1, 8), SIZES, SIZES, st.integers(2, 9), st.integers(1, 9), SEEDS)
def test_gradients_are_the_means_of_those_of_single_examples(n, k, hidden, m, batch, seed):
    rng = np.random.default_rng(seed)
    network, x, labels = network_of(rng, k, hidden, m), whole(rng, n, k), rng.integers(0, m, n)
    found = collect_gradients(network, x, labels, batch=batch)
    each = {name: [] for name in found}
    for i in range(n):  # another way to the same numbers: the network's own backward pass, an example at a time
        network.backward(softmax_cross_entropy(network.forward(x[i : i + 1]), labels[i : i + 1])[1])
        for name in found:
            each[name].append(network.gradients[f"{name}.weight"].copy())
    # Both ways compute each example's gradient by the same products of numbers below 2**20 and of p, which is within a
    # few roundings of itself; the terms of the sums over the classes and the examples are at most 2 |p| of these.
    for name, gradients in each.items():
        scale = max(np.abs(gradients).max(), network_scale(network, x))
        assert np.abs(found[name].gradient - np.mean(gradients, axis=0)).max() <= 64 * (m + hidden + n) * 2**-53 * scale
        assert np.abs(found[name].square - np.mean(np.square(gradients), axis=0)).max() <= (
            64 * (m + hidden + n) * 2**-53 * scale**2)


def network_scale(network, x):
    """A number above every sum of magnitudes in a pass: the product of the layers' absolute sums and of |x|."""
    scale = 1 + np.abs(x).max()
    for name, p in network.parameters.items():
        scale *= 1 + (np.abs(p).sum() if name.endswith("weight") else np.abs(p).max())
    return scale


@given(st.integers(1, 6), SIZES, st.integers(2, 9), SEEDS)
def test_curvature_of_one_layer_is_the_second_derivative_of_the_loss(n, k, m, seed):
    rng = np.random.default_rng(seed)
    network, x, labels = network_of(rng, k, m), rng.uniform(-1, 1, (n, k)), rng.integers(0, m, n)
    network.assign({"fc1.weight": rng.uniform(-1, 1, (m, k))})
    curvature = collect_gradients(network, x, labels)["fc1"].curvature
    w, step = network.parameters["fc1.weight"], 2**-10

    def loss():
        return softmax_cross_entropy(network.forward(x), labels)[0]

    middle = loss()
    # The fourth derivative of the loss by one logit is p(1-p)(1-6p+6p²), at most 1/8, and |x| <= 1: the second
    # difference is off by step²/12 · 1/8, and by the roundings of three losses below 16, over step².
    allowed = step**2 / 96 + 4 * 16 * (n + m + k + 16) * 2.0**-53 / step**2
    for i in np.ndindex(w.shape):
        w[i] += step
        up = loss()
        w[i] -= 2 * step
        down = loss()
        w[i] += step
        assert abs((up - 2 * middle + down) / step**2 - curvature[i]) <= allowed


def test_curvature_goes_back_through_the_squares_of_the_weights_where_relu_lets_it():
    # Optimal Brain Damage by hand: two logits of equal size, so p (1 - p) = 1/4 for both.
    network = network_of(np.random.default_rng(0), 1, 2, 2)
    network.assign({"fc1.weight": np.array([[1.0], [-1.0]]), "fc1.bias": np.zeros(2),
                    "fc2.weight": np.array([[2.0, 7.0], [2.0, 5.0]]), "fc2.bias": np.zeros(2)})
    found = collect_gradients(network, np.array([[3.0]]), np.array([0]))
    assert np.array_equal(found["fc2"].curvature, [[0.25 * 9, 0], [0.25 * 9, 0]])
    assert np.array_equal(found["fc1"].curvature, [[(4 * 0.25 + 4 * 0.25) * 9], [0]])  # the second unit is off


def test_only_the_kinds_of_derivatives_that_are_asked_for_are_collected():
    rng = np.random.default_rng(0)
    network, x, labels = network_of(rng, 4, 3, 2), whole(rng, 5, 4), rng.integers(0, 2, 5)
    every = collect_gradients(network, x, labels)
    for kind in statistics.KINDS:
        one = collect_gradients(network, x, labels, kinds=[kind])
        for name, found in every.items():
            assert np.array_equal(getattr(one[name], kind), getattr(found, kind))
            assert [getattr(one[name], other) is None for other in statistics.KINDS].count(True) == 2
    with pytest.raises(RefcompressError, match="kinds"):
        collect_gradients(network, x, labels, kinds=["hope"])


@pytest.mark.parametrize("rows", [1, 2, 512])
def test_derivatives_are_the_same_in_whatever_blocks_they_are_computed(monkeypatch, rows):
    monkeypatch.setattr(measured, "ROWS", rows)
    monkeypatch.setattr(statistics, "ROWS", rows)
    # Logits of equal size: g and h are multiples of 1/4, and with whole numbers every order gives the same bits.
    network = network_of(np.random.default_rng(0), 1, 3, 2)
    network.assign({"fc1.weight": np.array([[1.0], [2.0], [3.0]]), "fc1.bias": np.zeros(3),
                    "fc2.weight": np.array([[2.0, 1.0, 4.0], [2.0, 1.0, 4.0]]), "fc2.bias": np.zeros(2)})
    found = collect_gradients(network, np.array([[3.0]]), np.array([0]))
    assert np.array_equal(found["fc1"].curvature, [[4 * 0.5 * 9], [0.5 * 9], [16 * 0.5 * 9]])
    assert np.array_equal(found["fc2"].gradient, [[-1.5, -3, -4.5], [1.5, 3, 4.5]])
    assert not found["fc1"].gradient.any()


def bad(x, *index, value=np.nan):
    x = x.copy()
    x[index] = value
    return x


def test_bad_examples_and_networks_are_refused_by_name_and_index():
    rng = np.random.default_rng(0)
    network, labels = network_of(rng, 4, 3, 2, dtype=np.float32), np.zeros(9, int)
    x = whole(rng, 9, 4).astype(np.float32)
    for gather in (lambda n, x: collect(n, x, batch=4),
                   lambda n, x: collect_gradients(n, x, labels[: len(x)], batch=4)):
        with pytest.raises(RefcompressError, match="inputs: must have at least one example"):
            gather(network, x[:0])
        with pytest.raises(RefcompressError, match=r"inputs\[7, 2\]: must be finite, not nan"):
            gather(network, bad(x, 7, 2))
        with pytest.raises(RefcompressError, match=r"inputs\[8, 0\]: must be finite, not inf"):
            gather(network, bad(x, 8, 0, value=np.inf))
        with pytest.raises(ArgumentTypeError, match="inputs"):
            gather(network, x.astype(np.float64))
        with pytest.raises(RefcompressError, match="inputs: must have 4 values"):
            gather(network, x[:, :3].copy())
        with pytest.raises(RefcompressError, match="network: must have a Dense layer"):
            gather(Network([("relu", ReLU())]), x)
        broken = network.copy()
        broken.parameters["fc2.weight"][1, 2] = np.nan
        with pytest.raises(RefcompressError, match=r"network.parameters\['fc2.weight'\]\[1, 2\]"):
            gather(broken, x)
        loud = network.copy()
        loud.parameters["fc1.weight"][...] = 3e38
        with pytest.raises(RefcompressError, match=r"output of 'fc1'\[5, 0\]: must be finite"):
            gather(loud, np.where(np.arange(9)[:, None] == 5, np.float32(9), np.float32(0)) + np.zeros((1, 4), "f4"))
    with pytest.raises(RefcompressError, match="labels: must have one entry an input, 9, not 8"):
        collect_gradients(network, x, labels[:8])
    with pytest.raises(RefcompressError, match=r"labels\[0\]"):
        collect_gradients(network, x, labels + 2)
    with pytest.raises(ArgumentTypeError, match="labels"):
        collect_gradients(network, x, labels.astype(np.float32))

    class Other(ReLU):
        pass

    class Strange:
        parameters, gradients = {}, {}

    collect_gradients(Network([*network.layers.items(), ("other", Other())]), x, labels)  # a kind of ReLU is one
    with pytest.raises(ArgumentTypeError, match="strange"):
        collect_gradients(Network([*network.layers.items(), ("strange", Strange())]), x, labels)

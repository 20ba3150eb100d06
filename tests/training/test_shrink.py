"""A network without some hidden units computes what it computed with them masked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress import ArgumentTypeError, RefcompressError
from refcompress.training import Dense, Dropout, Masked, Network, ReLU, shrink

U = 2.0**-24
SIZES, SEEDS = st.integers(1, 40), st.integers(0, 2**32 - 1)


def network_of(rng, *sizes):
    layers = [("drop0", Dropout(0.5))]
    for i, (k, m) in enumerate(zip(sizes, sizes[1:]), 1):
        layers += [(f"fc{i}", Dense(k, m, rng=rng)), (f"relu{i}", ReLU()), (f"drop{i}", Dropout(0.25))]
    network = Network(layers[:-2])
    network.assign({f"fc{i}.bias": rng.standard_normal(m, np.float32) for i, m in enumerate(sizes[1:], 1)})
    return network


def units_of(rng, *sizes):
    """Random masks of hidden layers, each with at least one unit."""
    units = {}
    for i, m in enumerate(sizes, 1):
        units[f"fc{i}"] = rng.random(m) < rng.random()
        units[f"fc{i}"][rng.integers(m)] = True
    return units


def masked(network, units):
    """The same network with the rows and biases of the units that go, and the columns that read them, at zero."""
    network, masks, before = network.copy(), {}, None
    for name, layer in network.layers.items():
        if isinstance(layer, Dense):
            m, k = layer.parameters["weight"].shape
            rows = units.get(name, np.ones(m, bool))
            masks[f"{name}.weight"] = rows[:, None] & (np.ones(k, bool) if before is None else before)
            masks[f"{name}.bias"], before = rows, rows
    Masked(network, masks)
    return network


def output_and_bound(network, x):
    """The output in float64, and a bound on how far a float32 evaluation in any order of its sums is from it.

    A sum of k products and a bias is off by at most gamma_(k+1) of its magnitudes (Higham, sec. 3.1, k roundings of the
    products and sums, one of the bias), and passes on the error of its inputs; ReLU passes an error on without growth.
    """
    x, error = x.astype(np.float64), np.zeros(x.shape)
    for layer in network.layers.values():
        if isinstance(layer, Dense):
            w, b = (p.astype(np.float64) for p in layer.parameters.values())
            k = w.shape[1] + 1
            error = error @ np.abs(w).T + k * U / (1 - k * U) * ((np.abs(x) + error) @ np.abs(w).T + np.abs(b))
            error += k * 2.0**-150
            x = x @ w.T + b
        elif isinstance(layer, ReLU):
            x = np.maximum(x, 0)
    return x, error * (1 + 2.0**-40)  # the sums here are rounded too


@given(SIZES, SIZES, SIZES, st.integers(1, 12), SEEDS)
def test_the_shrunk_network_computes_what_the_masked_one_does_to_the_bound_of_two_orders(k, a, b, m, seed):
    rng = np.random.default_rng(seed)
    network, x = network_of(rng, k, a, b, m), rng.standard_normal((9, k), np.float32)
    units = units_of(rng, a, b)
    large = masked(network, units)
    exact, bound = output_and_bound(large, x)
    small = shrink(network, units)
    for net in (large, small):  # the bound of the larger network holds for the smaller: its other terms are zero
        assert (np.abs(net.forward(x) - exact) <= bound).all()


@given(SIZES, SIZES, SIZES, st.integers(1, 12), SEEDS)
def test_on_whole_numbers_both_compute_the_same_bits(k, a, b, m, seed):
    rng = np.random.default_rng(seed)
    network = network_of(rng, k, a, b, m)
    network.assign({name: rng.integers(-2, 3, p.shape).astype(np.float32) for name, p in network.parameters.items()})
    x, units = rng.integers(-2, 3, (5, k)).astype(np.float32), units_of(rng, a, b)
    assert np.array_equal(shrink(network, units).forward(x), masked(network, units).forward(x))


def test_sizes_and_names_follow_and_the_network_that_was_given_stays():
    rng = np.random.default_rng(0)
    network = network_of(rng, 6, 5, 4, 3)
    before = {name: p.copy() for name, p in network.parameters.items()}
    small = shrink(network, {"fc2": np.array([True, False, False, True])})
    assert {name: p.shape for name, p in small.parameters.items()} == {
        "fc1.weight": (5, 6), "fc1.bias": (5,), "fc2.weight": (2, 5), "fc2.bias": (2,), "fc3.weight": (3, 2),
        "fc3.bias": (3,)}
    assert list(small.layers) == list(network.layers) and small.layers["drop1"].rate == 0.25
    assert np.array_equal(small.parameters["fc2.weight"], before["fc2.weight"][[0, 3]])
    assert np.array_equal(small.parameters["fc3.weight"], before["fc3.weight"][:, [0, 3]])
    for p in small.parameters.values():
        p[...] = 7  # its arrays are its own
    assert all(np.array_equal(p, before[name]) for name, p in network.parameters.items())


@pytest.mark.parametrize("units, named", [
    ({"fc3": np.ones(3, bool)}, "one of the hidden layers fc1, fc2"), ({"relu1": np.ones(5, bool)}, "relu1"),
    ({"fc1": np.ones(4, bool)}, r"units\['fc1'\]: must have 5 entries"), ({"fc1": np.zeros(5, bool)}, "at least one"),
    ({"fc1": np.ones(5)}, "must be of dtype bool"), ({"fc1": np.ones((5, 1), bool)}, "1 dimension")])
def test_masks_that_do_not_fit_are_refused_by_name(units, named):
    with pytest.raises(RefcompressError, match=named):
        shrink(network_of(np.random.default_rng(0), 6, 5, 4, 3), units)


def test_a_layer_of_another_kind_is_refused():
    class Strange:
        parameters, gradients = {}, {}

    rng = np.random.default_rng(0)
    network = Network([("fc1", Dense(2, 2, rng=rng)), ("strange", Strange()), ("fc2", Dense(2, 2, rng=rng))])
    with pytest.raises(ArgumentTypeError, match="strange"):
        shrink(network, {"fc1": np.array([True, False])})

"""The pruning recipes on networks with convolutions: nothing is skipped, and what cannot be pruned is refused by
name."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refcompress import ArgumentTypeError, RefcompressError, prune_magnitude
from refcompress.recipes import Retraining, lenet_5, pruning
from refcompress.recipes.criteria import CRITERIA, SCOPES, UNIT_CRITERIA, Evidence, Operations, counts, scores
from refcompress.recipes.dropout import adapt_dropout
from refcompress.recipes.ladder import drop_dead_units
from refcompress.recipes.sensitivity import sensitivity
from refcompress.training import (
    Adam,
    Convolution,
    Dense,
    Dropout,
    MaxPool,
    Network,
    ReLU,
    Reshape,
    Tanh,
    collect,
    collect_gradients,
    error_rate,
    fit,
    mnist,
    shrink,
    statistics,
    weighted,
)

HOW = Retraining(epochs=2, learning_rate=0.01, batch=20)
SEEDS = st.integers(0, 2**32 - 1)
WEIGHTS = ("conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight")


def convolutional(rng, dtype=np.float32):
    return Network(
        [
            ("image", Reshape(8, 8, 1)),
            ("conv1", Convolution(1, 4, 3, rng=rng, dtype=dtype)),
            ("pool", MaxPool()),
            ("relu1", ReLU()),
            ("drop", Dropout(0.2)),
            ("conv2", Convolution(4, 6, 2, rng=rng, dtype=dtype)),
            ("relu2", ReLU()),
            ("flat", Reshape(24)),
            ("fc1", Dense(24, 10, rng=rng, dtype=dtype)),
            ("relu3", ReLU()),
            ("fc2", Dense(10, 3, rng=rng, dtype=dtype)),
        ]
    )


SIZE = 4 * 9 + 6 * 16 + 24 * 10 + 10 * 3


@pytest.fixture(scope="module")
def trained():
    """Where on an image the light stands: left, in the middle, right."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 400)
    x = 0.3 * rng.standard_normal((400, 8, 8)).astype(np.float32)
    for i, label in enumerate(labels):
        x[i, rng.integers(0, 8), 2 * label + rng.integers(0, 3)] += 3
    x = x.reshape(400, 64)
    network = convolutional(rng)
    fit(network, x[:300], labels[:300], optimizer=Adam(0.01), epochs=15, rng=rng, batch=20)
    return network, (x[:300], labels[:300]), (x[300:], labels[300:])


def bits(network):
    return {name: p.tobytes() for name, p in network.parameters.items()}


def check(pruned, network, count=None):
    """All four weights have masks of their shapes, and where these are False the weights are +0.0."""
    assert tuple(pruned.masks) == WEIGHTS
    for name, mask in pruned.masks.items():
        assert mask.shape == network.parameters[name].shape
        assert not pruned.network.parameters[name].view(np.uint32)[~mask].any()
    assert count is None or pruned.kept == count


# What is measured -----------------------------------------------------------------------------------------------------


def whole(rng, *shape):
    return rng.integers(-2, 3, shape).astype(np.float64)


@given(
    st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.booleans(), st.integers(1, 5), SEEDS
)
@settings(max_examples=30)
def test_statistics_of_a_convolution_are_sums_over_examples_and_places(n, c, m, size, pooled, batch, seed):
    rng = np.random.default_rng(seed)
    rows, columns = size + 3, size + 1
    network = Network(
        [
            ("conv", Convolution(c, m, size, rng=rng, dtype=np.float64)),
            *([("pool", MaxPool())] if pooled else []),
            ("relu", ReLU()),
        ]
    )
    network.assign({name: whole(rng, *p.shape) for name, p in network.parameters.items()})
    x = whole(rng, n, rows, columns, c)
    found = collect(network, x, batch=batch)["conv"]
    a = network.layers["conv"].forward(x)
    patch = [x[i, r : r + size, s : s + size].transpose(2, 0, 1).ravel() for i, r, s, _ in np.ndindex(*a.shape[:3], 1)]
    assert found.count == len(patch) == n * 4 * 2
    assert np.array_equal(found.square_sums, np.sum(np.square(patch), axis=0))
    assert np.array_equal(found.moment, sum(np.outer(p, p) for p in patch))
    y = np.maximum(a.reshape(n, 2, 2, 1, 2, m).max(axis=(2, 4)) if pooled else a, 0).reshape(-1, m)
    assert found.activations == len(y) and np.array_equal(found.zeros, (y == 0).sum(axis=0))
    assert np.array_equal(found.sums, y.sum(axis=0))


def unrolled(layer, rows, columns):
    """Return the Dense layer that does the same to flat images, and for each of its weights which of the kernel's it
    is, or -1."""
    m, c, h, w = layer.parameters["weight"].shape
    a, b = rows - h + 1, columns - w + 1
    which = np.full((a, b, m, rows, columns, c), -1)
    index = np.arange(m * c * h * w).reshape(m, c, h, w)
    for r, s in np.ndindex(a, b):
        which[r, s, :, r : r + h, s : s + w] = index.transpose(0, 2, 3, 1)
    which = which.reshape(a * b * m, -1)
    dense = Dense(which.shape[1], len(which), rng=np.random.default_rng(0), dtype=np.float64)
    dense.parameters["weight"][...] = np.where(which < 0, 0, layer.parameters["weight"].ravel()[which])
    dense.parameters["bias"][...] = np.tile(layer.parameters["bias"], a * b)
    return dense, which


def with_integers(network, rng):
    """Put small integers in place of a network's parameters: then all sums are exact, whatever their order."""
    for p in network.parameters.values():
        p[...] = rng.integers(-2, 3, p.shape)
    return network


def integers_of_logits(logits, labels):
    """Stand for softmax_cross_entropy: a gradient of integers, 168 / n times one of each example by itself. 168 is a
    multiple of every n that the tests have."""
    assert 168 % len(logits) == 0
    return 0.0, (logits % 5 - 2) * (168 // len(logits))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("batch", [1, 3, 7])
def test_derivatives_by_a_kernel_are_those_of_the_dense_layer_whose_weights_it_shares(seed, batch, monkeypatch):
    monkeypatch.setattr(statistics, "softmax_cross_entropy", integers_of_logits)
    rng = np.random.default_rng(seed)
    conv1, conv2, fc = (
        Convolution(2, 3, 2, rng=rng, dtype=np.float64),
        Convolution(3, 2, 2, rng=rng, dtype=np.float64),
        Dense(12, 3, rng=rng, dtype=np.float64),
    )
    net = with_integers(Network(
        [("conv1", conv1), ("relu1", ReLU()), ("conv2", conv2), ("relu2", ReLU()), ("flat", Reshape(12)), ("fc", fc)]
    ), rng)
    dense1, which1 = unrolled(conv1, 5, 4)
    dense2, which2 = unrolled(conv2, 4, 3)
    flat = Network([("conv1", dense1), ("relu1", ReLU()), ("conv2", dense2), ("relu2", ReLU()), ("fc", fc)])
    x, labels = rng.integers(-3, 4, (8, 5, 4, 2)).astype(np.float64), rng.integers(0, 3, 8)
    found, tied = collect_gradients(net, x, labels, batch=batch), collect_gradients(flat, x.reshape(8, -1), labels)
    for name, which in (("conv1", which1), ("conv2", which2)):
        for kind in ("gradient", "curvature"):
            sums = np.bincount(which[which >= 0], weights=getattr(tied[name], kind)[which >= 0])
            assert sums.any() and np.array_equal(getattr(found[name], kind).ravel(), sums)
    assert np.array_equal(found["fc"].curvature, tied["fc"].curvature)


def test_gradients_and_their_squares_are_means_over_single_examples_also_behind_pooling(monkeypatch):
    monkeypatch.setattr(statistics, "softmax_cross_entropy", integers_of_logits)
    rng = np.random.default_rng(3)
    network = with_integers(convolutional(rng, np.float64), rng)
    x, labels = rng.integers(-3, 4, (8, 64)).astype(np.float64), rng.integers(0, 3, 8)
    found, each = collect_gradients(network, x, labels, batch=3), {name: [] for name in weighted(network)}
    for i in range(8):
        network.backward(integers_of_logits(network.forward(x[i : i + 1]), labels[i : i + 1])[1])
        for name in each:
            each[name].append(network.gradients[f"{name}.weight"].copy())
    for name, gradients in each.items():
        assert np.any(gradients) and np.array_equal(found[name].gradient, np.mean(gradients, axis=0))
        assert np.array_equal(found[name].square, np.mean(np.square(gradients), axis=0))


# What is pruned -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_criterion_prunes_kernels_too_and_keeps_its_count(trained, criterion, scope):
    network, training, _ = trained
    before = bits(network)
    pruned = pruning.one_shot(network, criterion, 0.6, Evidence(network, *training), scope=scope)
    check(pruned, network, None if scope == "row" else SIZE - round(0.6 * SIZE))
    assert bits(network) == before and not pruned.masks["conv2.weight"].all()
    if scope == "row":
        assert all(len(set(mask.reshape(len(mask), -1).sum(axis=1))) == 1 for mask in pruned.masks.values())


def test_every_way_of_pruning_takes_a_network_with_convolutions(trained):
    network, training, validation = trained
    before, keep, how = bits(network), SIZE - round(0.7 * SIZE), Retraining(epochs=6, learning_rate=0.01, batch=20)
    results = {
        "threshold": pruning.threshold(network, 0.7),
        "obs": pruning.layerwise(network, "obs", 0.7, training[0]),
        "sparsegpt": pruning.layerwise(network, "sparsegpt", 0.7, training[0]),
        "iterative": pruning.iterative(network, "magnitude", 0.7, training, how, rounds=2),
        "gradual": pruning.gradual(network, "obd", 0.7, training, how, prune_epochs=3, every=5),
        "splicing": pruning.splicing(network, 0.7, training, how, splice_epochs=2),
        "lottery ticket": pruning.lottery_ticket(convolutional(np.random.default_rng(0)), 0.7, training, how, rounds=1),
    }
    for name, result in results.items():
        check(result, network, keep)
        assert result.gone == [], name
        if name not in ("threshold", "obs", "sparsegpt"):
            assert error_rate(result.network, *validation) < 0.4, name  # chance is 0.67
    for method in (lambda: pruning.one_shot(network, "wanda", None, Evidence(network, *training), pattern=(2, 4)),
                   lambda: pruning.layerwise(network, "sparsegpt", 0, training[0], pattern=(2, 4))):
        result = method()
        check(result, network)
        for mask in result.masks.values():  # 9, 16, 24 and 10 weights a row: of a last group of r, ceil(2 r / 4) stay
            rows = mask.reshape(len(mask), -1)
            groups = rows[:, : rows.shape[1] // 4 * 4].reshape(len(rows), -1, 4).sum(axis=2)
            assert (groups == 2).all() and (
                rows[:, rows.shape[1] // 4 * 4 :].sum(axis=1) == -(-(rows.shape[1] % 4) // 2)
            ).all()
    assert bits(network) == before
    points = sensitivity(network, "magnitude", Evidence(network, *training), validation, sparsities=(0.5,))
    assert [p.weight for p in points] == list(WEIGHTS) and [p.kept for p in points] == [18, 48, 120, 15]


def test_sparsegpt_of_a_kernel_changes_its_outputs_less_than_magnitude_pruning_does(trained):
    network, training, _ = trained
    pruned = pruning.layerwise(network, "sparsegpt", 0.5, training[0], graded=False)
    w = network.parameters["conv1.weight"]
    hessian, w = collect(network, training[0])["conv1"].hessian, w.reshape(len(w), -1).astype(np.float64)
    plain = np.where(prune_magnitude(w.astype(np.float32), keep=int(pruned.masks["conv1.weight"].sum())), w, 0)
    error, of_magnitude = (
        np.sum(d @ hessian * d) for d in (w - pruned.network.parameters["conv1.weight"].reshape(w.shape), w - plain)
    )
    assert error < of_magnitude


def test_lenet_5_is_pruned_by_every_criterion_and_both_layerwise_methods():
    examples, _ = mnist.load()
    x, y = examples.inputs()[:40], examples.labels[:40]
    network = lenet_5.network(np.random.default_rng(0))
    size = 430_500
    evidence = Evidence(network, x, y, batch=20)
    for criterion in CRITERIA:
        check(pruning.one_shot(network, criterion, 0.9, evidence), network, size - round(0.9 * size))
    check(pruning.layerwise(network, "sparsegpt", 0.9, x), network, size - round(0.9 * size))
    with pytest.raises(RefcompressError, match="inputs: must have 784 values an example, not 783"):
        collect(network, x[:, :783].copy())


@given(SEEDS)
@settings(max_examples=25)
def test_a_network_without_some_filters_computes_what_it_computed_with_them_masked(seed):
    rng = np.random.default_rng(seed)
    network = convolutional(rng)
    network.assign({name: rng.integers(-2, 3, p.shape).astype(np.float32) for name, p in network.parameters.items()})
    units = {name: rng.random(m) < 0.6 for name, m in (("conv1", 4), ("conv2", 6), ("fc1", 10))}
    for mask in units.values():
        mask[rng.integers(len(mask))] = True
    small, large = shrink(network, units), network.copy()
    for name, mask in units.items():
        large.parameters[f"{name}.weight"][~mask], large.parameters[f"{name}.bias"][~mask] = 0, 0
    x = rng.integers(-2, 3, (5, 64)).astype(np.float32)
    assert np.array_equal(small.forward(x), large.forward(x))  # whole numbers: exact in every order
    kept = {name: int(mask.sum()) for name, mask in units.items()}
    assert small.parameters["conv2.weight"].shape == (kept["conv2"], kept["conv1"], 2, 2)
    assert small.parameters["fc1.weight"].shape == (kept["fc1"], 4 * kept["conv2"])
    small.backward(np.ones((5, 3), np.float32))  # it can go on learning


@pytest.mark.parametrize("criterion", UNIT_CRITERIA)
def test_units_removes_the_filters_of_least_score(trained, criterion):
    network, training, _ = trained
    evidence = Evidence(network, *training)
    pruned = pruning.units(network, criterion, {"conv1": 2, "conv2": 3, "fc1": 5}, evidence)
    assert {name: p.shape for name, p in pruned.network.parameters.items() if p.ndim > 1} == {
        "conv1.weight": (2, 1, 3, 3), "conv2.weight": (3, 2, 2, 2), "fc1.weight": (5, 12), "fc2.weight": (3, 5)}
    for layer, mask in pruned.masks.items():
        values = scores(criterion, evidence, Operations(), table=UNIT_CRITERIA)[f"{layer}.weight"]
        values = values.reshape(len(mask), -1).astype(np.float64).sum(axis=1)
        assert values[mask].min() >= values[~mask].max()
    assert pruned.network.layers["drop"].rate == 0.2 * (3 * 2 / (6 * 4)) ** 0.5  # of the convolution behind it


def test_dropout_in_front_of_a_convolution_shrinks_with_what_that_keeps():
    network = convolutional(np.random.default_rng(0))
    changed = network.copy()
    adapt_dropout(changed, network, {"conv2.weight": 0.25, "fc1.weight": 0.01})
    assert changed.layers["drop"].rate == 0.1
    # nothing behind it is pruned
    last = Network([("fc", Dense(2, 2, rng=np.random.default_rng(0))), ("drop", Dropout(0.5))])
    adapt_dropout(last, last.copy(), {"fc.weight": 0.25})
    assert last.layers["drop"].rate == 0.5


def test_counts_of_kernels_are_those_of_their_matrices():
    kernels, matrices = {"a": (4, 3, 5, 5), "b": (10, 40)}, {"a": (4, 75), "b": (10, 40)}
    for graded in (False, True):
        assert counts(kernels, 123, graded=graded) == counts(matrices, 123, graded=graded)
        assert counts(kernels, np.uint8(123), graded=graded) == counts(matrices, 123, graded=graded)


# What is not pruned is said -------------------------------------------------------------------------------------------


class Foreign:
    def __init__(self, rng):
        self.parameters = {"matrix": rng.standard_normal((24, 24), np.float32)}
        self.gradients = {"matrix": np.zeros((24, 24), np.float32)}

    def forward(self, x, rng=None):
        return x @ self.parameters["matrix"]

    def backward(self, dy, *, input_gradient=True):
        return dy @ self.parameters["matrix"].T


@pytest.mark.parametrize(
    "way",
    [
        lambda n, t: pruning.one_shot(n, "magnitude", 0.5, Evidence(n, *t)),
        lambda n, t: pruning.threshold(n, 0.5),
        lambda n, t: pruning.layerwise(n, "sparsegpt", 0.5, t[0]),
        lambda n, t: pruning.splicing(n, 0.5, t, HOW, splice_epochs=1),
        lambda n, t: pruning.gradual(n, "random", 0.5, t, HOW, prune_epochs=1),
        lambda n, t: pruning.lottery_ticket(n, 0.5, t, HOW),
        lambda n, t: pruning.iterative(n, "magnitude", 0.5, t, HOW),
        lambda n, t: pruning.units(n, "magnitude", {"fc1": 3}, Evidence(n, *t)),
        lambda n, t: collect(n, t[0]),
        lambda n, t: collect_gradients(n, *t),
        lambda n, t: sensitivity(n, "magnitude", Evidence(n, *t), t),
    ],
)
def test_a_layer_whose_weights_nobody_here_knows_is_refused_by_name(trained, way):
    network, training, _ = trained
    layers = list(network.copy().layers.items())
    layers.insert(8, ("other", Foreign(np.random.default_rng(0))))
    with pytest.raises(ArgumentTypeError) as caught:
        way(Network(layers), training)
    assert caught.value.argument == "network.layers['other']"


def test_a_layer_that_is_pruned_away_whole_is_named(trained):
    network, training, _ = trained
    network = network.copy()
    network.parameters["conv1.weight"][...] *= np.float32(1e-6)
    pruned = pruning.one_shot(network, "magnitude", 0.5, Evidence(network, *training))
    assert pruned.gone == ["conv1.weight"] and not pruned.masks["conv1.weight"].any()
    assert pruning.fine_tune(pruned, training, HOW).gone == ["conv1.weight"]
    assert pruning.one_shot(network, "magnitude", 0.5, Evidence(network, *training), scope="layer").gone == []


def test_a_layer_of_zeros_does_not_upset_the_threshold_of_the_others(trained):
    network = trained[0].copy()
    network.parameters["conv2.weight"][...] = 0  # its deviation is 0, and so is its threshold: its weights stay
    pruned = pruning.threshold(network, 0.5)
    assert pruned.kept == SIZE - round(0.5 * SIZE) and pruned.masks["conv2.weight"].all()


@pytest.mark.parametrize(
    "between", [[("tanh", Tanh())], [], [("foreign", Foreign(np.random.default_rng(0)))], [("drop", Dropout(0.5))]]
)
def test_dead_units_are_dropped_behind_relu_alone(between):
    rng = np.random.default_rng(0)
    network = Network([("fc1", Dense(4, 24, rng=rng)), *between, ("fc2", Dense(24, 2, rng=rng))])
    before = bits(network)
    with pytest.raises(ArgumentTypeError, match="network.layers"):
        drop_dead_units(network)
    assert bits(network) == before


def test_blocks_of_rows_change_nothing_for_kernels(monkeypatch):
    rng = np.random.default_rng(0)
    network, x, labels = convolutional(rng, np.float64), whole(rng, 6, 64), rng.integers(0, 3, 6)
    network.assign({name: whole(rng, *p.shape) for name, p in network.parameters.items()})
    expected = collect(network, x)
    monkeypatch.setattr(statistics, "ROWS", 2)
    for name, found in collect(network, x, batch=4).items():
        assert np.array_equal(found.moment, expected[name].moment)
    assert set(collect_gradients(network, x, labels)) == {"conv1", "conv2", "fc1", "fc2"}

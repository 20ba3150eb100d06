"""From a function of ``take`` to a file that runs: all layers are trained, pruned, shared or put on a grid, coded."""

import numpy as np
import pytest
from implementations import BOTH, each

import refcompress as rc
from refcompress.training import (
    Adam,
    Fresh,
    Gradual,
    GraphNetwork,
    Masked,
    SharedCentroids,
    StraightThrough,
    error_rate,
    fit,
    misses,
)

CLASSES = 4
REST = rc.Recipe((rc.Rule("*", "int8", of=("vectors", "buffers")),))


def images(seed, n=400):
    """Images of 6 x 6 pixels: noise, and a bright square in one of four corners, which is the label."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, n)
    x = rng.standard_normal((n, 6, 6)).astype(np.float32) / 2
    for i, label in enumerate(labels):
        row, column = 4 * (label // 2), 4 * (label % 2)
        x[i, row : row + 2, column : column + 2] += 2
    return x, labels


def convolutional(take):
    b = rc.Builder(take)

    def normed(y, name, m):
        parts = ("weight", "bias", "running_mean", "running_var")
        return b.relu(b.batch_norm(y, *(b.take(f"{name}.{part}", m) for part in parts)))

    y = b.unsqueeze(b.input("images", ("n", 6, 6)), axes=(1,))
    y = normed(b.conv(y, b.take("conv.weight", 8, 1, 3, 3), pads=(1,) * 4), "bn1", 8)
    y = normed(b.conv(y, b.take("depth.weight", 8, 1, 3, 3), groups=8, strides=(2, 2), pads=(1,) * 4), "bn2", 8)
    y = normed(b.conv(y, b.take("point.weight", 16, 8, 1, 1)), "bn3", 16)
    return b.model(b.linear(b.flatten(y), b.take("fc.weight", CLASSES, 144), b.take("fc.bias", CLASSES)))


def transformer(take):
    b, d = rc.Builder(take), 16

    def dense(y, name, m, k):
        return b.linear(y, b.take(f"{name}.weight", m, k), b.take(f"{name}.bias", m))

    def normed(y, name):
        return b.layer_norm(y, b.take(f"{name}.weight", d), b.take(f"{name}.bias", d))

    places = b.embedding(np.arange(6), b.take("places.weight", 6, d, turned=False))
    y = b.add(dense(b.input("images", ("n", 6, 6)), "rows", d, 6), places)
    h = normed(y, "norm1")
    y = b.add(y, dense(b.attention(*(dense(h, name, d, d) for name in ("q", "k", "v")), heads=2), "out", d, d))
    y = b.add(y, dense(b.gelu(dense(normed(y, "norm2"), "up", 2 * d, d)), "down", d, 2 * d))
    return b.model(dense(b.reshape(y, shape=(0, 6 * d)), "head", CLASSES, 6 * d))


def trained(network):
    net = GraphNetwork(network(Fresh(np.random.default_rng(0))), batch_statistics=True)
    fit(net, *images(0), optimizer=Adam(3e-3), epochs=6, batch=25, rng=np.random.default_rng(0))
    return net


def masks_of(weights, sparsity):
    return {name: rc.prune_magnitude(w, sparsity=sparsity) for name, w in weights.items() if w.size > 100}


def by_sharing(net, weights, masks):
    sharing = SharedCentroids(net, {name: rc.share_optimal(w, clusters=8, pruned=True) for name, w in weights.items()})
    fit(net, *images(0), optimizer=Adam(1e-3), epochs=3, batch=25, rng=np.random.default_rng(2), tuning=sharing)
    return sharing.shared()


def by_a_grid(net, weights, masks):
    grid = StraightThrough(net, {name: 4 for name in weights})
    fit(net, *images(0), optimizer=Adam(1e-3), epochs=3, batch=25, rng=np.random.default_rng(2),
        tuning=Masked(net, masks, tuning=grid))
    return grid.quantized()


@pytest.mark.parametrize("network", [convolutional, transformer])
@pytest.mark.parametrize("stored", [by_sharing, by_a_grid])
def test_every_kind_of_layer_is_pruned_stored_and_fine_tuned_and_runs_from_the_file(tmp_path, network, stored):
    net, test = trained(network), images(1)
    before = error_rate(net, *test)
    assert before < 0.05 and set(net.model().tensors) >= set(net.parameters)
    full = rc.compress(net.model(), "lossless").after
    weights = {name: net.parameters[name] for name in net.model().weighted()}
    tuning = Gradual(net, lambda s: masks_of(weights, s), final=0.8, steps=60, every=5)
    fit(net, *images(0), optimizer=Adam(3e-3), epochs=6, batch=25, rng=np.random.default_rng(1), tuning=tuning)
    small = net.model().replaced(stored(net, weights, masks_of(weights, 0.8)))
    result = rc.compress(small, REST, target=tmp_path / "small.rcz")
    model = rc.load_model(result.path)
    for name, mask in masks_of(weights, 0.8).items():
        assert np.mean(model.tensors[name].dense() == 0) >= 0.79 and mask.any()
    assert misses(model(test[0]), test[1]) / len(test[1]) <= before + 0.05
    assert full > 2 * result.after  # names, the graph and norms are a part that stays


@each("impl", BOTH)
@pytest.mark.parametrize("network", [convolutional, transformer])
def test_its_file_has_the_same_bytes_from_numpy_and_from_c_and_runs_in_each(tmp_path, network, impl):
    model = network(Fresh(np.random.default_rng(3)))
    for name, by in (("a", impl), ("b", rc.reference)):
        rc.compress(model, "deep", target=tmp_path / f"{name}.rcz", implementation=by)
    assert (tmp_path / "a.rcz").read_bytes() == (tmp_path / "b.rcz").read_bytes()
    y = rc.load_model(tmp_path / "a.rcz", implementation=impl)(images(2, 5)[0], implementation=impl)
    assert y.shape == (5, CLASSES) and np.isfinite(y).all()


def test_a_checkpoint_goes_on_learning_where_it_stopped(tmp_path):
    net = trained(convolutional)
    rc.save(tmp_path / "a.npz", {name: np.asarray(value) for name, value in net.model().tensors.items()})
    again = GraphNetwork(rc.load_model(tmp_path / "a.npz", convolutional), batch_statistics=True)
    for each_net in (net, again):
        fit(each_net, *images(0, 100), optimizer=Adam(1e-3), epochs=1, batch=25, rng=np.random.default_rng(4))
    assert rc.same(dict(net.model().tensors), dict(again.model().tensors))

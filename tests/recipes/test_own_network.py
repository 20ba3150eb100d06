"""From a function of ``take`` to a file that runs: all layers are trained, pruned, shared or put on a grid, coded."""

import numpy as np
import pytest
from implementations import BOTH, each

import refcompress as rc
from refcompress.recipes.own_network import smaller
from refcompress.training import Adam, Fresh, GraphNetwork, error_rate, errors, fit, misses

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


@pytest.mark.parametrize("network", [convolutional, transformer])
@pytest.mark.parametrize("how, kind", [({"clusters": 8}, rc.Shared), ({"bits": 4}, rc.Quantized)])
def test_every_kind_of_layer_is_pruned_stored_and_fine_tuned_and_runs_from_the_file(tmp_path, network, how, kind):
    net, test = trained(network), images(1)
    before, large = error_rate(net, *test), net.model()
    assert before < 0.05
    small = smaller(net, *images(0), sparsity=0.8, rng=np.random.default_rng(1), epochs=6, tune_epochs=3, batch=25,
                    least=100, **how)
    assert rc.same(dict(net.model().tensors), dict(large.tensors))  # the network stays as it was
    result = rc.compress(small, REST, target=tmp_path / "small.rcz")
    model = rc.load_model(result.path)
    for name in large.weighted():
        assert isinstance(model.tensors[name], kind)
        dense = model.tensors[name].dense()
        kept = np.count_nonzero(dense) / dense.size
        assert 0 < kept <= 0.21 if dense.size >= 100 else kept > 0.5
    assert misses(model(test[0]), test[1]) / len(test[1]) <= before + 0.05
    assert rc.compress(large, "lossless").after > 2 * result.after  # names, the graph and norms are a part that stays


def test_fine_tuning_is_what_keeps_the_answers():
    net, test = trained(convolutional), images(1)
    lost = net.copy()
    lost.assign({name: np.where(rc.prune_magnitude(w, sparsity=0.9), w, np.float32(0))
                 for name, w in lost.parameters.items() if w.size >= 100})
    small = smaller(net, *images(0), sparsity=0.9, clusters=8, rng=np.random.default_rng(1), epochs=6, tune_epochs=3,
                    batch=25, least=100)
    assert misses(small(test[0]), test[1]) < errors(lost, *test) / 2


def test_a_weight_whose_outputs_come_last_has_a_scale_for_each_output():
    b = rc.Builder()
    y = b.linear(b.flatten(b.input("images", ("n", 6, 6))), np.eye(36, CLASSES, dtype=np.float32), transposed=True)
    net = GraphNetwork(b.model(y))
    small = smaller(net, *images(0, 50), sparsity=0.5, bits=4, rng=np.random.default_rng(0), epochs=1, least=1)
    assert small.tensors["linear1.weight"].scale.shape == (1, CLASSES)


@pytest.mark.parametrize("change, said", [
    ({"clusters": 8, "bits": 4}, "clusters or bits"), ({}, "clusters or bits"), ({"bits": 9}, "bits"),
    ({"clusters": 8, "sparsity": 1.5}, "sparsity"), ({"clusters": 8, "network": None}, "network: must be a Graph"),
    ({"clusters": 8, "frozen": True}, "network: must have a weight that learns"),
])
def test_what_cannot_be_done_is_refused_by_name(change, said):
    b = rc.Builder()
    y = b.linear(b.flatten(b.input("images", ("n", 6, 6))), np.eye(CLASSES, 36, dtype=np.float32),
                 np.zeros(CLASSES, np.float32), name="fc")
    net = GraphNetwork(b.model(y), frozen=["fc.weight"] if change.pop("frozen", False) else [])
    given = {"network": net, "sparsity": 0.5, "rng": np.random.default_rng(0), "epochs": 1, **change}
    with pytest.raises(rc.RefcompressError, match=said):
        smaller(given.pop("network"), *images(0, 20), **given)


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

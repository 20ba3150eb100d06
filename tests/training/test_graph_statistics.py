"""Statistics of graphs: those of the network that the graph is made of, exactly, and of what only a graph has."""

import numpy as np
import pytest

from refcompress import RefcompressError
from refcompress.graph import Builder
from refcompress.training import (
    Convolution,
    Dense,
    GraphNetwork,
    MaxPool,
    Network,
    ReLU,
    Reshape,
    collect,
    collect_gradients,
    model_of,
    softmax_cross_entropy,
    weighted,
)


def whole(rng, *shape):
    """Small whole numbers: all sums and products of these are exact, whatever their order."""
    return rng.integers(-2, 3, shape).astype(np.float32)


def images():
    rng = np.random.default_rng(0)
    net = Network([("image", Reshape(6, 6, 1)), ("conv1", Convolution(1, 3, 3, rng=rng)), ("pool", MaxPool()),
                   ("relu", ReLU()), ("conv2", Convolution(3, 2, 2, rng=rng)), ("flat", Reshape(2)),
                   ("fc", Dense(2, 3, rng=rng))])
    net.assign({name: whole(rng, *p.shape) for name, p in net.parameters.items()})
    return net, whole(rng, 9, 36), rng.integers(0, 3, 9)


def test_the_statistics_of_a_graph_are_those_of_its_network():
    net, x, _ = images()
    graph = GraphNetwork(model_of(net))
    assert list(weighted(graph)) == list(weighted(net))
    for batch in (4, 9):
        ours, theirs = collect(graph, x, batch=batch), collect(net, x, batch=batch)
        assert list(ours) == list(theirs)
        for name, s in theirs.items():
            for part in ("count", "square_sums", "moment", "sums"):
                assert np.array_equal(getattr(ours[name], part), getattr(s, part)), (name, part)
            assert np.array_equal(ours[name].zeros, s.zeros) and ours[name].activations == s.activations
    assert list(collect(graph, x, layers=["fc"], moments=False)) == ["fc"]


def test_the_gradients_of_a_graph_are_those_of_its_network():
    net, x, labels = images()
    wide = net.astype(np.float64)
    ours = collect_gradients(GraphNetwork(model_of(net)), x, labels, batch=4)
    theirs = collect_gradients(wide, x.astype(np.float64), labels)
    for name, g in theirs.items():
        for part in ("gradient", "square"):
            a, b = getattr(ours[name], part), getattr(g, part)
            # Sums of at most 9 x 16 terms in float64, each of fewer than 100 roundings.
            assert a.shape == b.shape and np.abs(a - b).max() <= 300 * 2.0**-52 * max(np.abs(b).max(), 1)
        assert ours[name].curvature is None
    with pytest.raises(RefcompressError, match="kinds"):
        collect_gradients(GraphNetwork(model_of(net)), x, labels, kinds=["curvature"])


def test_a_shared_and_a_transposed_weight_count_in_every_node_that_takes_them():
    b, rng = Builder(), np.random.default_rng(1)
    w = b.tensor("w", whole(rng, 3, 3))
    y = b.linear(b.input("x", ("n", 2, 3)), w, transposed=True, name="first")
    y = b.linear(y, w, transposed=True, name="second")
    model = b.model(b.reduce_sum(y, axes=(1,), keep=False))
    net, x, labels = GraphNetwork(model), whole(rng, 5, 2, 3), rng.integers(0, 3, 5)
    first = x @ model.tensors["w"]
    rows = np.concatenate([x.reshape(-1, 3), first.reshape(-1, 3)]).astype(np.float64)
    found = collect(net, x)["w"]
    assert found.count == 20 and np.array_equal(found.moment, rows.T @ rows)
    each = []
    wide = net.astype(np.float64)
    for i in range(5):
        part = x[i : i + 1].astype(np.float64)
        wide.backward(softmax_cross_entropy(wide.forward(part), labels[i : i + 1])[1])
        each.append(wide.gradients["w"].copy())
    gradients = collect_gradients(net, x, labels)["w"]
    for a, b_ in ((gradients.gradient, np.mean(each, 0)), (gradients.square, np.mean(np.square(each), 0))):
        assert np.abs(a - b_).max() <= 300 * 2.0**-52 * np.abs(b_).max()


def test_a_weight_of_groups_is_refused_by_its_node_and_a_value_that_is_not_finite_by_its_place():
    b, rng = Builder(), np.random.default_rng(2)
    y = b.conv(b.input("x", ("n", 2, 3, 3)), whole(rng, 2, 1, 3, 3), groups=2, name="depthwise")
    net = GraphNetwork(b.model(b.linear(b.reshape(y, shape=(0, 2)), whole(rng, 3, 2), name="fc")))
    x = whole(rng, 4, 2, 3, 3)
    with pytest.raises(RefcompressError, match="node 'depthwise': must have one group"):
        collect(net, x)
    assert list(collect(net, x, layers=["fc"])) == ["fc"]
    x[3, 1, 2, 0] = np.nan
    with pytest.raises(RefcompressError, match=r"inputs\[3, 1, 2, 0\]: must be finite"):
        collect(net, x, batch=2, layers=["fc"])

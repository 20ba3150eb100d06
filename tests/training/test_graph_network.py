"""Laws of training on graphs: what a Network's are, sums for shared tensors, and refusals of what cannot learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rounding import gamma
from training_examples import examples, same_bits, tiny_network

from refcompress import RefcompressError, quantize_s8
from refcompress.formats import Graph, Node
from refcompress.graph import Builder, Model
from refcompress.recipes import lenet_5, lenet_300_100
from refcompress.training import (
    SGD,
    Adam,
    Convolution,
    Dense,
    Dropout,
    GraphNetwork,
    LearnedSteps,
    Masked,
    MaxPool,
    Network,
    QuantizedInputs,
    ReLU,
    Reshape,
    StraightThrough,
    Summed,
    Tanh,
    error_rate,
    fit,
    mean_loss,
    model_of,
    softmax_cross_entropy,
)

SEEDS = st.integers(0, 2**32 - 1)


# From a network to a graph --------------------------------------------------------------------------------------------


def test_the_graph_of_a_lenet_has_its_parameters_and_computes_what_it_does():
    rng = np.random.default_rng(0)
    for recipe in (lenet_300_100, lenet_5):
        net = recipe.network(rng)
        for name, p in net.parameters.items():
            if name.endswith("bias"):
                p[...] = rng.standard_normal(p.shape) / 10
        model = model_of(net)
        assert same_bits(model.tensors, net.parameters)
        assert [node.name for node in model.graph.nodes if node.operation in ("linear", "conv")] == [
            name.removesuffix(".weight") for name in net.parameters if name.endswith(".weight")]
        x = rng.random((3, 784), np.float32)
        wide = net.astype(np.float64).forward(x.astype(np.float64))
        # Float32 sums of at most 800 terms in four layers: each adds at most 800 u of the magnitudes to the result.
        room = 4 * 800 * 2.0**-24 * magnitude(net, x)
        assert (np.abs(model(x) - wide) <= room).all()
        assert (np.abs(GraphNetwork(model).forward(x) - wide) <= room).all()


def magnitude(net, x):
    """Return the outputs of the network of all magnitudes: what bounds every sum on the way."""
    absolute = net.astype(np.float64)
    for p in absolute.parameters.values():
        np.abs(p, out=p)
    return absolute.forward(np.abs(x).astype(np.float64))


def test_a_network_of_tanh_layers_is_one_of_tanh_nodes():
    rng = np.random.default_rng(1)
    net = Network([("fc1", Dense(3, 4, rng=rng)), ("bend", Tanh()), ("drop", Dropout(0.5)),
                   ("fc2", Dense(4, 2, rng=rng))])
    assert [node.operation for node in model_of(net).graph.nodes] == ["linear", "tanh", "linear"]


def test_a_layer_that_no_graph_has_is_refused_by_name():
    with pytest.raises(RefcompressError, match=r"network.layers\['steps'\]"):
        model_of(Network([("steps", QuantizedInputs(4))]))  # which has no step before the first batch


@pytest.mark.parametrize("bits, signed", [(8, False), (8, True), (4, False), (3, True)])
def test_what_was_trained_on_a_grid_runs_on_it_as_a_graph(bits, signed):
    x, labels = examples(2)
    net = Network([*tiny_network(2).layers.items()][:-1] + [("grid", QuantizedInputs(bits, signed=signed)),
                                                            [*tiny_network(2).layers.items()][-1]])
    graph = GraphNetwork(model_of(tiny_network(2)), behind={"relu": QuantizedInputs(bits, signed=signed)})
    for each in (net, graph):
        fit(each, x, labels, optimizer=Adam(0.01), epochs=3, batch=20, rng=np.random.default_rng(3))
    assert [p.tobytes() for p in graph.parameters.values()] == [
        net.parameters[name.replace("relu.step", "grid.step")].tobytes() for name in graph.parameters]
    for model in (model_of(net), graph.model()):
        assert [node.operation for node in model.graph.nodes][-3:] == ["quantize", "dequantize", "linear"]
        grid, taken = {}, Graph(model.graph.inputs, ("relu.grid",), model.graph.nodes[:-1])
        grid = Model(taken, {name: a for name, a in model.tensors.items() if name in taken.parameters})(x)
        expected = net.layers["grid"].forward(net.layers["relu"].forward(net.layers["fc1"].forward(x)))
        assert grid.tobytes() == expected.tobytes() and len(np.unique(grid)) <= 2**bits


# The same as a Network ------------------------------------------------------------------------------------------------


@given(SEEDS)
@settings(max_examples=10)
def test_the_gradients_of_a_graph_are_those_of_the_network_bit_for_bit(seed):
    net, (x, labels) = tiny_network(seed), examples(seed)
    graph = GraphNetwork(model_of(net))
    assert same_bits(graph.parameters, net.parameters)
    for each in (net, graph):
        each.backward(softmax_cross_entropy(each.forward(x), labels)[1])
    assert same_bits(graph.gradients, net.gradients)


HOOKS = {
    "free": lambda net: None,
    "masked": lambda net: Masked(net, {"fc1.weight": np.arange(30).reshape(5, 6) % 3 > 0}),
    "straight through": lambda net: StraightThrough(net, {"fc1.weight": 4}),
    "learned steps": lambda net: LearnedSteps(net, {"fc1.weight": 3, "fc2.weight": 4}),
    "summed": Summed,
}


@pytest.mark.parametrize("hook", HOOKS)
def test_training_a_graph_gives_the_bits_of_training_the_network(hook):
    x, labels = examples(3)
    plain, graph = tiny_network(3, dropout=0.0), GraphNetwork(model_of(tiny_network(3)))
    losses = [fit(net, x, labels, optimizer=Adam(0.01, weight_decay=1e-3), epochs=2, batch=20, tuning=HOOKS[hook](net),
                  rng=np.random.default_rng(5)) for net in (plain, graph)]
    assert losses[0] == losses[1] and same_bits(graph.parameters, plain.parameters)
    assert same_bits(graph.model().tensors, plain.parameters)


def test_convolutions_of_a_graph_have_the_bits_of_the_layers():
    def network():
        rng = np.random.default_rng(8)
        return Network([("image", Reshape(8, 8, 1)), ("conv1", Convolution(1, 3, 3, rng=rng)), ("pool", MaxPool()),
                        ("relu", ReLU()), ("conv2", Convolution(3, 4, 2, rng=rng)), ("flat", Reshape(16)),
                        ("fc", Dense(16, 3, rng=rng))])

    rng = np.random.default_rng(9)
    x, labels = rng.standard_normal((40, 64), np.float32), rng.integers(0, 3, 40)
    plain, graph = network(), GraphNetwork(model_of(network()))
    for net in (plain, graph):
        fit(net, x, labels, optimizer=Adam(0.01), epochs=2, batch=16, rng=np.random.default_rng(0))
    assert same_bits(graph.parameters, plain.parameters)


def test_dropout_behind_a_value_is_a_dropout_layer_and_is_nothing_in_use():
    x, labels = examples(4)
    plain = Network([(name, Dropout(0.3) if name == "drop" else layer)
                     for name, layer in [*list(tiny_network(4).layers.items())[1:3], ("drop", None),
                                         *list(tiny_network(4).layers.items())[3:]]])
    graph = GraphNetwork(model_of(tiny_network(4)), behind={"relu": Dropout(0.3)})
    for net in (plain, graph):
        fit(net, x, labels, optimizer=SGD(0.1), epochs=2, batch=20, rng=np.random.default_rng(1))
    assert same_bits(graph.parameters, plain.parameters)
    assert np.array_equal(graph.forward(x), GraphNetwork(graph.model()).forward(x))


# Only a graph ---------------------------------------------------------------------------------------------------------


def twice():
    """A graph that multiplies by one matrix twice, around a residual connection."""
    b, rng = Builder(), np.random.default_rng(0)
    w = b.tensor("w", rng.standard_normal((4, 4)).astype(np.float32))
    x = b.input("x", ("n", 4))
    first = b.tanh(b.linear(x, w))
    return b.model(b.add(first, b.linear(first, w)))


def test_a_tensor_of_two_nodes_gets_the_sum_of_both_gradients():
    net = GraphNetwork(twice()).astype(np.float64)
    rng = np.random.default_rng(1)
    x, dy = rng.integers(-2, 3, (5, 4)).astype(np.float64), rng.integers(-2, 3, (5, 4)).astype(np.float64)
    net.forward(x)
    net.backward(dy)
    w = net.parameters["w"]
    first = np.tanh(x @ w.T)
    through = (dy + dy @ w) * (1 - first * first)
    # Each side: first is off by what its argument's 4 terms are (tanh' <= 1) and tanh rounds, 1 - first^2 by twice that
    # and 2 roundings; dy + dy w has 5 roundings, their product one, and the sum of 10 terms with their products 11.
    size_w, size_x, size_dy = np.abs(w), np.abs(x), np.abs(dy)
    off = gamma(4) * (size_x @ size_w.T) + gamma(4)
    back = size_dy + size_dy @ size_w
    each = size_dy.T @ (off + gamma(11)) + (back * (2 * off + gamma(5 + 2 + 1 + 11))).T @ size_x
    assert np.all(np.abs(net.gradients["w"] - (dy.T @ first + through.T @ x)) <= 2 * each)


def test_operations_without_a_gradient_are_all_named_with_counts_and_a_node():
    def branched(b, value):
        """Add a node "if" whose branches give a value that stands around them."""
        branches = {f"{name}_branch": Graph((), (f"{name}.{value}",), (Node(does, (value,), (f"{name}.{value}",)),))
                    for name, does in (("then", "exp"), ("else", "tanh"))}
        return b.node("if", np.array(True), **branches)

    b = Builder()
    y = branched(b, b.linear(b.input("x", ("n", 4)), np.ones((4, 4), np.float32), name="fc"))
    table = np.arange(-128, 128).astype(np.int8)
    codes = b.node("lookup_s8", b.quantize(y, scale=0.5, zero_point=0), table, name="table")
    model = b.model(branched(b, b.dequantize(codes, scale=0.5, zero_point=0)))
    first = model.graph.nodes[1].name
    with pytest.raises(RefcompressError, match=rf"without a gradient: if \(2, the first is node '{first}'\), "
                                               r"lookup_s8 \(1, the first is node 'table'\); the tensors before them"):
        GraphNetwork(model)
    b = Builder()
    x = b.input("x", ("n", 4))  # behind the input alone nothing is asked for
    net = GraphNetwork(b.model(b.linear(branched(b, x), np.ones((3, 4), np.float32))))
    assert np.array_equal(net.forward(np.zeros((2, 4), np.float32)), np.full((2, 3), 4, np.float32))


def test_another_dtype_is_that_of_every_float_on_the_way():
    b, rng = Builder(), np.random.default_rng(0)
    y = b.linear(b.input("x", ("n", 4)), rng.standard_normal((4, 4)).astype(np.float32))
    y = b.multiply(b.cast(y, type="float32"), b.constant_of_shape(np.array([4]), value=0.1, type="float32"))
    net = GraphNetwork(b.model(b.tanh(y)))
    wide = net.astype(np.float64)
    x = rng.standard_normal((3, 4))
    for each, kind in ((wide, np.float64), (wide.astype(np.float32), np.float32), (net, np.float32)):
        each.forward(x.astype(kind))
        assert {out.dtype for node in each.nodes for out in each.passed(node)[1]} == {np.dtype(kind)}


def test_a_graph_of_several_inputs_is_given_them_by_name():
    b, rng = Builder(), np.random.default_rng(0)
    left, right = (b.linear(b.input(name, ("n", 6)), rng.standard_normal((3, 6)).astype(np.float32), name=f"of_{name}")
                   for name in ("a", "b"))
    net, (x, labels) = GraphNetwork(b.model(b.add(left, right))), examples(6)
    given_ = {"a": x, "b": x[::-1].copy()}
    before = mean_loss(net, given_, labels)
    fit(net, given_, labels, optimizer=Adam(0.05), epochs=5, batch=20, rng=rng)
    assert mean_loss(net, given_, labels) < before
    outputs = net.forward(given_)
    assert error_rate(net, given_, labels) == np.mean(outputs.argmax(axis=1) != labels)
    with pytest.raises(RefcompressError, match=r"inputs\['b'\]: must have 60 examples"):
        fit(net, given_ | {"b": x[:5]}, labels, optimizer=Adam(0.05), epochs=1, rng=rng)


def test_what_is_frozen_stays_and_what_is_compressed_must_be_frozen():
    b, rng = Builder(), np.random.default_rng(0)
    w = rng.standard_normal((3, 6)).astype(np.float32)
    q = quantize_s8(rng.standard_normal((6, 6)).astype(np.float32), axis=0)
    model = b.model(b.linear(b.relu(b.linear(b.input("x", ("n", 6)), q, name="fc1")), w, np.zeros(3, np.float32),
                             name="fc2"))
    with pytest.raises(RefcompressError, match=r"model.tensors\['fc1.weight'\]"):
        GraphNetwork(model)
    net = GraphNetwork(model, frozen=["fc1.weight", "fc2.bias"])
    assert list(net.parameters) == ["fc2.weight"]
    x, labels = examples(0)
    fit(net, x, labels, optimizer=SGD(0.1), epochs=1, rng=rng)
    assert net.model().tensors["fc2.bias"].tobytes() == bytes(12)
    assert net.model().tensors["fc2.weight"].tobytes() != w.tobytes()


class Half:
    """A layer that no graph has."""

    parameters, gradients = {}, {}

    def forward(self, x, rng=None):
        return x / 2

    def backward(self, dy, *, input_gradient=True):
        return dy / 2


def sent_back(dy) -> None:
    network = GraphNetwork(twice())
    network.forward(np.zeros((2, 4), np.float32))
    network.backward(dy)


@pytest.mark.parametrize("make, argument", [
    (lambda: GraphNetwork(model_of(tiny_network(0)), behind={"relu": Half()}).model(), "behind['relu']"),
    (lambda: GraphNetwork(model_of(tiny_network(0)), behind={"relu": QuantizedInputs(4)}).model(), "behind['relu']"),
    (lambda: GraphNetwork(tiny_network(0)), "model"),
    (lambda: GraphNetwork(twice(), frozen=["v"]), "frozen"),
    (lambda: GraphNetwork(twice(), frozen=["w"]), "model"),
    (lambda: GraphNetwork(twice(), behind={"w": Dropout(0.1)}), "behind['w']"),
    (lambda: GraphNetwork(twice(), momentum=2), "momentum"),
    (lambda: GraphNetwork(twice()).backward(np.zeros((2, 4), np.float32)), "dy"),
    (lambda: fit(GraphNetwork(twice()), {"x": np.zeros((2, 4), np.float32)}, np.zeros(3, int), optimizer=SGD(0.1),
                 epochs=1, rng=np.random.default_rng(0)), "labels"),
    (lambda: fit(GraphNetwork(twice()), {}, np.zeros(3, int), optimizer=SGD(0.1), epochs=1,
                 rng=np.random.default_rng(0)), "inputs"),
    (lambda: GraphNetwork(twice(), batch_statistics=1), "batch_statistics"),
    (lambda: GraphNetwork(twice()).assign({"w": np.zeros((4, 3), np.float32)}), "values['w']"),
    (lambda: GraphNetwork(twice()).forward(np.zeros((2, 3), np.float32)), "inputs['x']"),
    (lambda: sent_back(np.zeros((1, 4), np.float32)), "dy"), (lambda: sent_back(None), "dy"),
    (lambda: sent_back(1.0), "dy"), (lambda: GraphNetwork(twice()).astype("int8"), "dtype"),
    (lambda: GraphNetwork(twice()).astype("nonsense"), "dtype"),
])
def test_bad_input_is_refused_by_name(make, argument):
    with pytest.raises(RefcompressError) as caught:
        make()
    assert caught.value.argument == argument

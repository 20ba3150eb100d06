"""One scale an input channel, in a network: AWQ and SmoothQuant, and where the scale goes."""

import numpy as np
import pytest

from refcompress import native
from refcompress.formats import Packed, Quantized
from refcompress.graph import Builder, Model
from refcompress.recipes.networks import prune_network, quantize_network

RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def convolutions() -> Model:
    """Return convolutions with ReLU, one of them depthwise, one in groups, and a linear node behind a pool."""
    b = Builder()
    x = b.input("x", ("batch", 3, 7, 7))
    h = b.relu(b.conv(x, normal(8, 3, 3, 3), normal(8), pads=(1, 1, 1, 1), strides=(2, 2), name="first"))
    h = b.relu(b.conv(h, normal(8, 1, 3, 3), groups=8, pads="same_upper", name="depthwise"))
    h = b.relu(b.conv(h, normal(6, 8, 1, 1), normal(6), name="pointwise"))
    h = b.relu(b.conv(h, normal(4, 3, 2, 2), groups=2, name="grouped"))
    return b.model(b.linear(b.flatten(b.global_average_pool(h)), normal(3, 4), normal(3), name="head"))


def outliers(*shape: int) -> np.ndarray:
    """Return inputs whose second channel is a hundred times as large as the others."""
    x = normal(*shape)
    x[:, 1] *= 100
    return x


@pytest.mark.parametrize("options", [
    {"method": "nearest", "bits": 8}, {"method": "gptq", "bits": 3, "clip": True, "correct_bias": True},
    {"method": "adaround", "bits": 4, "iterations": 20}, {"method": "gptq", "bits": 4, "group": 4},
    {"method": "awq", "bits": 4, "clip": True, "correct_bias": True}, {"method": "smooth", "bits": 8},
])
def test_convolutions_are_quantized_as_matrices_and_none_is_worse_than_to_nearest(options):
    model = convolutions()
    result = quantize_network(model, [outliers(4, 3, 7, 7), outliers(2, 3, 7, 7)], **options)
    assert [row.node for row in result.rows] == ["first", "depthwise", "pointwise", "grouped", "head"]
    for row in result.rows:
        weight = result.model.tensors[row.weight]
        assert row.after <= row.before and row.method and weight.shape == model.tensors[row.weight].shape
        assert isinstance(weight, Quantized if options["bits"] == 8 else Packed)
    x = outliers(2, 3, 7, 7)
    assert np.array_equal(result.model(x), result.model(x, implementation=native)) or options["method"] != "smooth"


@pytest.mark.parametrize("method", ["magnitude", "wanda", "sparsegpt", "obs"])
def test_convolutions_are_pruned_as_matrices(method):
    result = prune_network(convolutions(), outliers(4, 3, 7, 7), method=method, sparsity=0.5)
    for row in result.rows:
        assert row.after <= row.before
    assert np.count_nonzero(result.model.tensors["pointwise.weight"]) == 24


def test_a_scale_is_folded_through_relu_into_the_convolution_before():
    model = convolutions()
    for i in (1, 3):  # the channels that the first convolution gives differ in size
        weight = np.array(model.tensors["first.weight"])
        weight[i] *= 50
        model = model.replaced({"first.weight": weight})
    model = model.replaced({"depthwise.weight": np.abs(model.tensors["depthwise.weight"])})
    rules = {"*": None, "pointwise.weight": {"method": "awq", "bits": 3}}
    result = quantize_network(model, outliers(6, 3, 7, 7), rules=rules)
    (row,) = [row for row in result.rows if row.method]
    assert row.after < row.before and row.note == "scales folded into depthwise"
    assert [node.name for node in result.model.graph.nodes] == [node.name for node in model.graph.nodes]
    plain = quantize_network(model, outliers(6, 3, 7, 7), rules={**rules, "pointwise.weight": {"method": "nearest",
                                                                                               "bits": 3}})
    assert result.error < plain.error


def test_a_scale_of_a_value_that_others_take_has_a_node_of_its_own():
    b = Builder()
    x = b.input("x", ("batch", 4, 6))
    h = b.layer_norm(x, normal(6) * np.float32([1, 60, 1, 1, 1, 1]), normal(6), name="norm")
    q, k = b.linear(h, normal(32, 6), name="q"), b.linear(h, normal(32, 6), name="k")
    alone = b.layer_norm(x, normal(6) * np.float32([1, 60, 1, 1, 1, 1]), normal(6), name="alone")
    model = b.model(b.add(q, k), h, b.linear(alone, normal(32, 6), name="v"))
    result = quantize_network(model, normal(9, 4, 6), method="awq", bits=3)
    notes = {row.node: row.note for row in result.rows}
    assert notes == {"q": "scales multiplied by a node of their own", "k": "scales multiplied by a node of their own",
                     "v": "scales folded into alone"}
    nodes = [node for node in result.model.graph.nodes if node.operation == "multiply"]
    assert len(nodes) == 1 and all(result.model.graph.giver(name).inputs[0] == nodes[0].outputs[0] for name in "qk")
    assert np.array_equal(result.model.tensors["norm.weight"], model.tensors["norm.weight"])


def test_smoothing_is_measured_on_integers_and_pays_where_inputs_have_outliers():
    b = Builder()
    x = b.input("x", ("batch", 8))
    model, rows = b.model(b.linear(x, normal(5, 8), normal(5), name="fc")), outliers(40, 8)
    result = quantize_network(model, rows, method="smooth", bits=8, correct_bias=True)
    (row,) = result.rows
    assert result.model.graph.giver("fc").operation == "linear_a8" and row.method == "smooth"
    assert row.after < row.before / 4
    assert row.after == np.sum((result.model(rows).astype(np.float64) - model(rows)) ** 2)
    assert result.model(rows).tobytes() == result.model(rows, implementation=native).tobytes()


def test_a_layer_that_smoothing_would_harm_is_left_unscaled_and_says_so():
    # Each input has its own size, and its weights that size too: alpha = 1 moves all of it into the weights.
    w, rows = np.float32([[64, 1, 2, 1], [32, -2, 1, 1]]), np.float32([[127, 1, 1, -1], [-64, 2, -1, 2]])
    b = Builder()
    model = b.model(b.linear(b.input("x", ("batch", 4)), w, name="fc"))
    result = quantize_network(model, rows, rules={"fc.weight": {"method": "smooth", "bits": 3, "alpha": 1.0}})
    plain = quantize_network(model, rows, rules={"fc.weight": {"method": "nearest", "bits": 3}})
    (row,) = result.rows
    assert row.after == row.before and "so unscaled" in row.note
    assert result.model.tensors["fc.weight"] == plain.model.tensors["fc.weight"]

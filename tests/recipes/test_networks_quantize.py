"""Post-training quantization of a network, layer after layer."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refcompress import reference
from refcompress.constants import U64
from refcompress.container.writer import entry_bytes
from refcompress.errors import ArgumentTypeError, RefcompressError
from refcompress.formats import Graph, Input, Node, Packed, Quantized
from refcompress.graph import Builder, Model
from refcompress.recipes.networks import quantize_network
from refcompress.recipes.networks.folding import place_of
from refcompress.recipes.networks.lockstep import Lockstep
from refcompress.recipes.networks.matrices import input_rows, matrices_of
from refcompress.recipes.networks.moments import Moments

SIZES = ((12, 16), (16, 10), (10, 6))


def network(seed: int = 0, sizes=SIZES) -> Model:
    """Return a network of linear nodes with ReLU between them."""
    rng, b = np.random.default_rng(seed), Builder()
    x = b.input("x", ("batch", sizes[0][0]))
    for i, (k, m) in enumerate(sizes):
        weight, bias = (rng.normal(size=shape).astype(np.float32) for shape in ((m, k), (m,)))
        x = b.linear(x, weight, bias, name=f"fc{i}")
        x = b.relu(x) if i < len(sizes) - 1 else x
    return b.model(x)


def inputs(seed: int = 1, n: int = 60, k: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, k)).astype(np.float32)


def value(model: Model, name: str, x: np.ndarray) -> np.ndarray:
    """Return a value inside a network."""
    graph = Graph(model.graph.inputs, (name,), model.graph.nodes)
    return Model(graph, model.tensors)(x)


def error_of_layer(model: Model, small: Model, name: str, x: np.ndarray) -> tuple[float, float]:
    """Return the squared error of a linear node's output, computed from its definition, and how far it may be off.

    The sums have n k m terms in float64, none of whose partial sums is above the same sum of magnitudes; a row has the
    same from its moments. The weights are decoded to float32.
    """
    found, size = [], 0.0
    for each in (model, small):
        node = each.graph.giver(name)
        z, w = value(each, node.inputs[0], x).astype(np.float64), dense(each.tensors[node.inputs[1]]).astype(np.float64)
        found.append(z @ w.T + (each.tensors[node.inputs[2]] if len(node.inputs) > 2 else 0))
        size += float(np.sum((np.abs(z) @ np.abs(w.T)) ** 2))
    return float(np.sum((found[1] - found[0]) ** 2)), (2.0**-22 + 16 * len(x) * z.shape[1] * U64) * size


def dense(tensor) -> np.ndarray:
    return tensor.dense() if hasattr(tensor, "dense") else tensor


@given(st.integers(0, 2**32), st.integers(1, 2), st.integers(0, 5), st.integers(1, 3), st.integers(1, 3))
def test_the_moments_tell_the_error_of_any_new_weights(seed, g, n, m, k):
    rng = np.random.default_rng(seed)
    w, d, x, z = (rng.integers(-4, 5, shape).astype(np.float32) for shape in ((g, m, k), (g, m, k), (g, n, k),
                                                                              (g, n, k)))
    moments = Moments.zeros(w)
    for part in (slice(0, n // 2), slice(n // 2, n)):
        moments.add(w, x[:, part], z[:, part])
    wrong = z @ (w + d).swapaxes(1, 2) - x @ w.swapaxes(1, 2)  # integers: exact
    assert np.array_equal(moments.symmetric().error(d.astype(np.float64)), np.sum(wrong**2, axis=1))
    assert np.array_equal(moments.mean_error(d.astype(np.float64)), wrong.sum(axis=1, dtype=np.float64) / max(n, 1))


@pytest.mark.parametrize(("groups", "strides", "pads", "dilations"), [
    (1, (1, 1), (0, 0, 0, 0), (1, 1)), (1, (2, 1), (1, 0, 0, 2), (1, 2)), (2, (1, 2), (1, 1, 1, 1), (2, 1)),
    (4, (1, 1), (1, 1, 1, 1), (1, 1)),
])
def test_rows_of_a_convolution_times_its_matrices_are_the_convolution(groups, strides, pads, dilations):
    rng = np.random.default_rng(0)
    x = rng.integers(-4, 5, (2, 4, 6, 7)).astype(np.float32)
    w = rng.integers(-4, 5, (8, 4 // groups, 3, 2)).astype(np.float32)
    node = Node("conv", ("x", "w"), ("y",), {"groups": groups, "strides": strides, "pads": pads,
                                              "dilations": dilations})
    padded = np.pad(x, [(0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])])
    high = (padded.shape[2] - dilations[0] * 2 - 1) // strides[0] + 1
    wide = (padded.shape[3] - dilations[1] - 1) // strides[1] + 1
    y = np.zeros((2, 8, high, wide))
    for i, o, r, c in np.ndindex(y.shape):
        for j, a, b in np.ndindex(w.shape[1:]):
            channel = o // (8 // groups) * (4 // groups) + j
            y[i, o, r, c] += w[o, j, a, b] * padded[i, channel, r * strides[0] + a * dilations[0],
                                                    c * strides[1] + b * dilations[1]]
    matrices = matrices_of(node, w)
    found = [rows @ matrices.swapaxes(1, 2) for rows in input_rows(node, x, w.shape)]
    assert np.array_equal(np.stack([each.swapaxes(1, 2).reshape(y.shape[1:]) for each in found]), y)


@pytest.mark.parametrize("options", [
    {"method": "nearest"}, {"method": "nearest", "clip": True}, {"method": "gptq"},
    {"method": "gptq", "clip": True, "group": 5, "correct_bias": True}, {"method": "gptq", "target": "layer"},
    {"method": "adaround", "iterations": 60, "correct_bias": True}, {"method": "awq", "clip": True},
    {"method": "awq", "scheme": "affine", "correct_bias": True},
])
def test_a_row_tells_the_error_of_its_layer_and_no_layer_is_worse_than_rounded_to_nearest(options):
    model, x = network(), inputs()
    result = quantize_network(model, [x[:25], x[25:]], bits=3, **options)
    for i, row in enumerate(result.rows):
        assert row.after <= row.before
        # What is folded into this layer later has scaled its rows since: the layer that follows takes that back.
        if options["method"] != "awq" or i == 2:
            wrong, bound = error_of_layer(model, result.model, f"fc{i}", x)
            assert abs(wrong - row.after) <= bound
    assert 0 < result.error < 1


@settings(max_examples=12)
@given(st.integers(0, 2**32), st.sampled_from(["nearest", "gptq", "awq"]), st.integers(2, 8), st.booleans(),
       st.booleans())
def test_no_layer_of_any_network_ends_worse_than_rounded_to_nearest(seed, method, bits, clip, correct_bias):
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(9, 5)) * 10.0 ** rng.integers(-3, 4, 5)).astype(np.float32)
    result = quantize_network(network(seed, ((5, 6), (6, 3))), x, method=method, bits=bits, clip=clip,
                              correct_bias=correct_bias)
    assert all(row.after <= row.before for row in result.rows)


def test_where_a_method_is_worse_its_layer_is_rounded_to_nearest_and_says_so():
    worse = SimpleNamespace(quantize_gptq=lambda w, h, **options: reference.quantize_nearest(-w, h, bits=4))
    model, x = network(), inputs()
    result, plain = (quantize_network(model, x, bits=4, method=method, implementation=worse)
                     for method in ("gptq", "nearest"))
    for row in result.rows:
        assert row.method == "nearest" and row.after == row.before
        assert "gptq" in row.note and "more than nearest; so nearest" in row.note
    assert all(result.model.tensors[name] == plain.model.tensors[name] for name in ("fc0.weight", "fc2.weight"))


def test_weights_on_the_grid_give_the_same_bits():
    rng, b = np.random.default_rng(0), Builder()
    x = b.input("x", ("batch", 6))
    w = rng.integers(-7, 8, (4, 6)).astype(np.float32)
    w[:, 0] = 7
    model = b.model(b.linear(x, w, np.float32([1, 2, 3, 4]), name="fc"))
    for method in ("nearest", "gptq", "adaround", "awq"):
        result = quantize_network(model, inputs(k=6), method=method, bits=4, clip=True, iterations=20)
        assert result.rows[0].after == result.error == 0
        assert isinstance(result.model.tensors["fc.weight"], Packed)
        assert np.array_equal(result.model.tensors["fc.weight"].dense(), w)


def test_bytes_are_those_of_the_entry():
    result = quantize_network(network(), inputs(), bits=8)
    for row in result.rows:
        assert isinstance(result.model.tensors[row.weight], Quantized)
        assert row.nbytes == len(entry_bytes(result.model.tensors[row.weight]))


def test_the_target_of_the_network_makes_up_for_the_layers_before():
    model, x = network(), inputs(n=200)
    errors = [quantize_network(model, x, bits=3, target=target).error for target in ("network", "layer")]
    assert errors[0] < errors[1]


def test_rules_hold_the_last_that_matches():
    rules = {"*": {"bits": 4}, "fc1.*": None, "fc2.weight": {"bits": 2, "method": "nearest"}}
    result = quantize_network(network(), inputs(), rules=rules)
    assert [tensor.bits if isinstance(tensor, Packed) else 0 for tensor in
            (result.model.tensors[f"fc{i}.weight"] for i in range(3))] == [4, 0, 2]
    assert result.rows[1].method == "" and "rule" in result.rows[1].note


def tied() -> Model:
    b = Builder()
    x = b.input("x", ("batch", 4))
    w = b.tensor("w", np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32))
    return b.model(b.linear(b.relu(b.linear(x, w, name="first")), w, name="second"))


def test_a_weight_of_two_nodes_is_quantized_once_and_both_are_named():
    for method in ("gptq", "awq"):
        (row,) = quantize_network(tied(), inputs(k=4), bits=4, method=method).rows
        assert row.node == "first" and "second" in row.note


def test_a_layer_that_calibration_never_reached_is_named():
    b = Builder()
    x = b.input("x", ("batch", 3))
    dead = b.relu(b.linear(x, -np.ones((4, 3), np.float32), name="always_negative"))
    model = b.model(b.linear(dead, np.float32([[1, 0.3, 0.2, 0.1]]), name="behind"))
    for method in ("gptq", "adaround", "awq", "nearest"):
        result = quantize_network(model, np.ones((5, 3), np.float32), bits=2, method=method, correct_bias=True)
        assert "never reached" in result.rows[1].note
        assert result.model.tensors["behind.weight"].values.tolist() == [[1, 0, 0, 0]]


@pytest.mark.parametrize(("calibration", "options", "error", "said"), [
    (np.ones((3, 12)), {}, ArgumentTypeError, "float32"),
    (np.ones((3, 11), np.float32), {}, RefcompressError, "size 12"),
    (np.ones((0, 12), np.float32), {}, RefcompressError, "empty"),
    ([], {}, RefcompressError, "at least one batch"),
    ("x", {}, ArgumentTypeError, "calibration"),
    ([inputs(), np.full((2, 12), np.nan, np.float32)], {}, RefcompressError, r"calibration\[1\]\['x'\]\[0, 0\]"),
    (np.full((2, 12), 3e38, np.float32), {}, RefcompressError, "node 'fc[01]'"),
    (inputs(), {"bits": 9}, RefcompressError, "bits"), (inputs(), {"method": "best"}, RefcompressError, "method"),
    (inputs(), {"group": 0}, RefcompressError, "group"), (inputs(), {"target": "x"}, RefcompressError, "target"),
    (inputs(), {"rules": {"fc9*": {}}}, RefcompressError, "matches no weight"),
    (inputs(), {"rules": {"fc0*": {"bit": 3}}}, RefcompressError, "setting 'bit'"),
    (inputs(), {"rules": {"fc0*": 3}}, ArgumentTypeError, "rules"),
    (inputs(), {"rules": []}, ArgumentTypeError, "rules"),
])
def test_what_is_refused_is_named_and_changes_nothing(calibration, options, error, said):
    model = network()
    before = dict(model.tensors)
    with pytest.raises(error, match=said):
        quantize_network(model, calibration, **options)
    assert all(model.tensors[name] is tensor for name, tensor in before.items())


def test_what_is_no_model_is_refused():
    with pytest.raises(ArgumentTypeError, match="model"):
        quantize_network({}, inputs())


@pytest.mark.parametrize("between", [("relu",), ("relu", "relu"), ("tanh",)])
def test_a_scale_of_powers_of_two_leaves_every_bit_where_it_goes(between):
    if "tanh" in between:
        between = ("relu", "add")
    rng, b = np.random.default_rng(0), Builder()
    x = b.input("x", ("batch", 3))
    h = b.linear(x, rng.normal(size=(4, 3)).astype(np.float32), np.ones(4, np.float32), name="first")
    for operation in between:
        h = b.relu(h) if operation == "relu" else h
    model = b.model(b.linear(h, rng.normal(size=(2, 4)).astype(np.float32), name="second"),
                    *((h,) if "add" in between else ()))  # what is an output too cannot be scaled where it stands
    place = place_of(model, h, [model.graph.giver("second")])
    assert [node.name for node in place.chain][:1] == ([] if "add" in between else ["first"])
    lock, r = Lockstep(model, [{"x": inputs(k=3)}], None, {name: 9 for name in model.known}), np.float32([2, 1, 0.5, 8])
    for i in range(len(model.graph.nodes) - 1):
        lock.step(i)
    name, nodes = place.scale(lock, r, 2)
    lock.tensors["second.weight"] = model.tensors["second.weight"] / r
    lock.step(len(model.graph.nodes) - 1, [*nodes, Node("linear", (name, "second.weight"), ("second",))])
    assert np.array_equal(lock.came[0]["second"], lock.compressed[0]["second"])


def test_a_weight_in_a_branch_stays_and_is_named():
    inner = Graph((), ("a",), (Node("linear", ("x", "hidden"), ("a",)),))
    other = Graph((), ("b",), (Node("linear", ("x", "outer"), ("b",)),))
    nodes = (Node("linear", ("x", "outer"), ("y",)),
             Node("if", ("flag",), ("z",), {"then_branch": inner, "else_branch": other}),
             Node("add", ("y", "z"), ("sum",)))
    rng = np.random.default_rng(0)
    tensors = {name: rng.normal(size=(3, 4)).astype(np.float32) for name in ("hidden", "outer")}
    model = Model(Graph((Input("x", "float32", ("n", 4)),), ("sum",), nodes),
                  {**tensors, "flag": np.array(True)})
    result = quantize_network(model, inputs(k=4), bits=4)
    notes = {row.weight: row.note for row in result.rows}
    assert "in a branch" in notes["hidden"] and result.model.tensors["hidden"] is model.tensors["hidden"]
    assert isinstance(result.model.tensors["outer"], Packed) and result.error > 0

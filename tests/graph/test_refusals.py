"""Networks that are wrong: each is refused by the name of its node, tensor or input, and nothing is changed."""

import numpy as np
import pytest

from refcompress import ArgumentTypeError, LimitError, RefcompressError, native, reference, save_model
from refcompress.formats import Graph, Input, Node
from refcompress.formats.graph import MAX_DEPTH, in_order
from refcompress.graph import Builder, Model
from refcompress.graph.prepared import Prepared

W = np.float32([[1, 2, 3], [4, 5, 6]])


def refused(make, *words):
    """Assert that something is refused with these words in the message."""
    with pytest.raises(RefcompressError) as caught:
        make()
    for word in words:
        assert word in str(caught.value), str(caught.value)


def chain(*nodes, outputs=("y",), inputs=(Input("x", "float32", ("n", 3)),)):
    return Graph(inputs, outputs, nodes)


def test_nodes_stand_behind_those_whose_outputs_they_take():
    late = Node("relu", ("b",), ("a",), name="early"), Node("relu", ("x",), ("b",), name="late")
    refused(lambda: chain(*late, outputs=("a",)), "'early'", "'b'", "later node")
    assert [node.name for node in in_order(late)] == ["late", "early"]


def test_a_cycle_is_refused_with_the_names_on_it():
    cycle = [Node("add", ("x", "c"), ("a",), name="one"), Node("relu", ("a",), ("b",), name="two"),
             Node("relu", ("b",), ("c",), name="three"), Node("relu", ("c",), ("y",), name="after")]
    refused(lambda: in_order(cycle), "cycle", "one -> three -> two -> one")
    refused(lambda: chain(*cycle), "'one'", "'c'", "cycle has no order")
    refused(lambda: chain(Node("add", ("x", "y"), ("y",), name="own")), "'own'", "'y'")


def test_names_of_nodes_and_values_are_given_once():
    relu = Node("relu", ("x",), ("y",), name="a")
    refused(lambda: chain(relu, Node("relu", ("x",), ("z",), name="a")), "'a'", "earlier node")
    refused(lambda: chain(relu, Node("relu", ("x",), ("y",), name="b")), "'b'", "'y' a second time")
    refused(lambda: chain(Node("relu", ("x",), ("x",), name="b"), outputs=("x",)), "'b'", "'x'")
    refused(lambda: chain(Node("split", ("x",), ("y", "y"), {"count": 2})), "'y'", "second time")
    refused(lambda: chain(relu, inputs=(Input("x", "float32", (3,)),) * 2), "inputs[1]", "'x'")
    refused(lambda: chain(relu, outputs=("y", "y")), "outputs[1]", "'y'")
    refused(lambda: chain(relu, outputs=("z",)), "outputs[0]", "'z' is given by no node")
    refused(lambda: chain(relu, outputs=()), "outputs", "at least one")


@pytest.mark.parametrize("make, word", [
    (lambda: Node("", ("x",), ("y",)), "operation"), (lambda: Node("relu", ("x",), ("", "")), "outputs"),
    (lambda: Node("relu", (3,), ("y",)), "inputs[0]"), (lambda: Node("relu", ("x",), ("y",), {"a": None}), "'a'"),
    (lambda: Node("relu", ("x",), ("y",), {"a": (1, 2.0)}), "one type"),
    (lambda: Node("relu", ("x",), ("y",), {"a": float("nan")}), "NaN"),
    (lambda: Node("relu", ("x",), ("y",), {"a": 2**63}), "between"),
    (lambda: Input("x", "float31", (3,)), "float31"), (lambda: Input("x", "float32", (-1,)), "shape[0]"),
    (lambda: Input("", "float32", ()), "name"), (lambda: Input("x", "float32", ("",)), "shape[0]"),
    (lambda: Graph((), ("y",), ("relu",)), "nodes[0]"), (lambda: Input("x", "float32", 3), "shape"),
    (lambda: Input("x", "float32", "n"), "shape"),
])
def test_parts_of_a_graph_are_checked_when_they_are_made(make, word):
    refused(make, word)


def test_graphs_in_graphs_have_a_bounded_depth():
    inner = Graph((), ("y",), (Node("relu", ("x",), ("y",)),))
    for _ in range(MAX_DEPTH - 1):
        inner = Graph((), ("y",), (Node("if", ("c",), ("y",), {"then_branch": inner, "else_branch": inner}),))
    refused(lambda: Graph((), ("y",), (Node("if", ("c",), ("y",), {"then_branch": inner, "else_branch": inner}),)),
            "depth 8")


def test_all_unknown_operations_are_listed_with_their_counts():
    inner = Graph((), ("i",), (Node("Celu", ("x",), ("i",)),))
    graph = chain(Node("Gelu", ("x",), ("a",)), Node("Celu", ("a",), ("b",)),
                  Node("if", ("c",), ("y",), {"then_branch": inner, "else_branch": inner}))
    refused(lambda: Model(graph, {"c": np.bool_(True)}), "Celu (3), Gelu (1)")


@pytest.mark.parametrize("operation, inputs, attributes, words", [
    ("relu", ("x",), {"slope": 1.0}, ("'slope'",)), ("relu", ("x", "w"), {}, ("1 inputs, not 2",)),
    ("linear", ("x",), {}, ("2 to 3 inputs, not 1",)), ("linear", ("x", ""), {}, ("input 1",)),
    ("concat", ("x",), {}, ("attribute 'axis'",)), ("concat", ("x", ""), {"axis": 0}, ("input 1",)),
    ("softmax", ("x",), {"axis": "last"}, ("'axis'", "int", "'last'")),
    ("softmax", ("x",), {"axis": True}, ("'axis'", "int")), ("softmax", ("x",), {"axis": 2}, ("axis", "[-2, 2)")),
    ("gelu", ("x",), {"approximate": 1}, ("'approximate'", "bool")),
    ("max_pool", ("x",), {"kernel": (2.0,)}, ("'kernel'",)), ("max_pool", ("x",), {"kernel": (2,)}, ("dimension",)),
    ("max_pool", ("i",), {"kernel": (2, 2), "pads": (0, 2, 0, 0)}, ("pads[1]", "below 2")),
    ("linear", ("x", "w", "w"), {}, ("bias", "1 dimension")), ("linear", ("x", "w", "v"), {}, ("bias", "size 2")),
    ("linear", ("x", "w"), {"transposed": True}, ("x: must have 2 values",)),
    ("add", ("x", "two"), {}, ("(2,)", "2 and 3")), ("add", ("x", "k"), {}, ("float32", "int64")),
    ("matmul", ("x", "w"), {}, ("b:", "must have 3")), ("reshape", ("x",), {}, ("shape", "second input")),
    ("reshape", ("x",), {"shape": (-1, -1)}, ("one size -1",)),
    ("reshape", ("x",), {"shape": (0, 0, 0)}, ("shape[2]",)),
    ("reshape", ("w",), {"shape": (4, -1)}, ("6 values",)), ("reshape", ("w",), {"shape": (4, 2)}, ("6 values",)),
    ("reshape", ("x", "k"), {"shape": (3,)}, ("not both",)), ("squeeze", ("w",), {"axes": (0,)}, ("axis 0",)),
    ("transpose", ("x",), {"axes": (0, 0)}, ("each axis once",)), ("transpose", ("x",), {"axes": (0,)}, ("2 axes",)),
    ("gather", ("x", "w"), {}, ("indices", "int64")), ("split", ("x",), {}, ("count",)),
    ("split", ("w",), {"sizes": (1, 1), "axis": 1}, ("add up",)), ("pad", ("w",), {"pads": (1, 1)}, ("4 numbers",)),
    ("pad", ("w",), {"pads": (0, 3, 0, 0), "mode": "reflect"}, ("at most 2",)),
    ("cast", ("x",), {"type": "int4"}, ("type",)),
    ("slice", ("x",), {"starts": (0,), "ends": (1,), "steps": (0,)}, ("steps",)),
    ("conv", ("x", "w"), {}, ("weight", "dimension")), ("embedding", ("x", "w"), {}, ("indices",)),
    ("split", ("x",), {"count": 2**40}, ("count",)), ("rms_norm", ("x", "i"), {}, ("weight", "dimensions")),
    ("rms_norm", ("one", "v"), {}, ("weight", "broadcast to the shape (1,)")),
    ("range", ("k", "k", "v"), {}, ("delta",)),
    ("tile", ("w",), {"repeats": (1, -1)}, ("repeats[1]",)), ("argmax", ("none",), {"axis": 0}, ("x", "axis 0")),
    ("expand", ("w",), {"shape": (2**62, 1, 1)}, ("output", "2**63")),
    ("tile", ("w",), {"repeats": (2**62, 1)}, ("output[0]", "between")),
    ("pad", ("none",), {"pads": (1, 0, -1, 0)}, ("pads", "cut off more than the 0 values")),
    ("pad", ("w",), {"pads": (0, 0, 2**62, 0)}, ("output", "2**63")),
    ("resize", ("w",), {"scales": (1.0, float("inf"))}, ("scales", "finite")),
    ("resize", ("none",), {"sizes": (2, 3)}, ("x", "axis 0")),
    ("conv_transposed", ("flat", "i"), {}, ("x", "axis 3")), ("conv", ("i", "hole"), {}, ("kernel[1]", "at least 1")),
    ("where", ("x", "x", "x"), {}, ("condition", "bool")), ("resize", ("x",), {}, ("scales",)),
    ("resize", ("x",), {"scales": (1.0,)}, ("2 numbers",)), ("clip", ("x", "k"), {}, ("low", "int64")),
])
def test_what_does_not_fit_is_refused_by_its_node_before_a_run(operation, inputs, attributes, words):
    tensors = {"w": W, "v": np.zeros(3, np.float32), "two": np.zeros(2, np.float32), "k": np.int64([1]),
               "i": W[None, None], "one": np.zeros((3, 1), np.float32), "none": np.zeros((0, 3), np.float32),
               "hole": np.zeros((2, 1, 2, 0), np.float32), "flat": np.zeros((1, 1, 2, 0), np.float32)}
    outputs = ("y", "y2") if operation == "split" else ("y",)
    node = Node(operation, inputs, outputs, attributes, "bad one")
    taken = {name: tensors[name] for name in inputs if name in tensors}
    refused(lambda: Model(chain(node), taken), "node 'bad one'", *words)


@pytest.mark.parametrize("window, words", [
    ({"strides": (0, 1)}, ("strides[0]",)), ({"pads": (1, 1)}, ("pads", "4 numbers")),
    ({"pads": (0, 0, 0, -1)}, ("pads[3]",)), ({"pads": "valid"}, ("pads", "same_upper")),
    ({"dilations": (9, 1)}, ("kernel", "more")), ({"groups": 0}, ("groups",)), ({"groups": 3}, ("weight", "3 groups")),
    ({"groups": 2}, ("x", "channels")), ({"strides": (1,)}, ("2 numbers",)),
])
def test_windows_that_do_not_fit_are_refused(window, words):
    builder = Builder()
    x = builder.input("x", (1, 3, 5, 5))
    builder.conv(x, np.zeros((4, 3, 2, 2), np.float32), name="bad one", **window)
    refused(lambda: builder.model("bad one"), "node 'bad one'", *words)


def small() -> Model:
    builder = Builder()
    x, z = builder.input("x", ("n", 3)), builder.input("z", ("n", 2))
    return builder.model(builder.add(builder.linear(x, W, name="fc"), z, name="sum"))


def test_tensors_are_those_that_the_graph_takes_and_no_others():
    graph = small().graph
    refused(lambda: Model(graph, {}), "'fc.weight'", "which the graph takes")
    refused(lambda: Model(graph, {"fc.weight": W, "other": W}), "tensors['other']", "no node")
    refused(lambda: Model(graph, {"fc.weight": W[:, :2]}), "node 'fc'", "2 values")
    refused(lambda: Model(graph, {"fc.weight": W.astype(np.float64)}), "node 'fc'", "weight", "float64")
    refused(lambda: Model(graph, {"fc.weight": np.array([["a"]])}), "tensors['fc.weight']", "str")
    refused(lambda: Model("graph", {}), "must be a Graph")
    refused(lambda: small().replaced({"fc.bias": W}), "'fc.bias'", "no tensor")
    refused(lambda: small().replaced(None), "tensors", "mapping")
    refused(lambda: Model(graph, None), "tensors", "mapping")
    refused(lambda: small().table({"rows": 3}), "sizes['rows']", "no open size")
    refused(lambda: small().table({"n": -1}), "sizes['n']", "-1")
    refused(lambda: save_model("model.rcz", None), "model", "NoneType")


X, Z = np.ones((4, 3), np.float32), np.zeros((4, 2), np.float32)


@pytest.mark.parametrize("inputs, words", [
    ({"x": X}, ("'z'",)), ({"x": X, "z": Z, "y": Z}, ("'y'", "no input")), (X, ("mapping",)),
    ({"x": X.astype(np.float64), "z": Z}, ("'x'", "float64", "astype")), ({"x": X[0], "z": Z}, ("'x'", "2 dimensions")),
    ({"x": X[:, :2], "z": Z}, ("'x'", "axis 1", "not 2")), ({"x": X, "z": Z[:3]}, ("'z'", "size 4", "axis 0", "not 3")),
    ({"x": np.ma.masked_array(X), "z": Z}, ("'x'", "masked")), ({"x": "text", "z": Z}, ("'x'",)),
])
def test_inputs_of_another_name_type_or_shape_are_refused(inputs, words):
    model = small()
    refused(lambda: model.run(inputs), *words)
    assert np.array_equal(model(X, Z), X @ W.T)


def test_a_model_that_was_refused_an_input_runs_on_and_tensors_cannot_be_changed():
    weight = W.copy()
    builder = Builder()
    model = builder.model(builder.linear(builder.input("x", (1, 3)), weight))
    weight[:] = 0
    assert np.array_equal(model(X[:1]), X[:1] @ W.T)
    with pytest.raises(ValueError):
        model.tensors["linear1.weight"][0, 0] = 1


def test_sizes_that_no_memory_holds_are_refused_by_their_node_before_a_run():
    vast = np.int64([2**40, 2**40])
    for make in (lambda b: b.constant_of_shape(vast, name="vast"),
                 lambda b: b.tile(b.input("x", (1, 1)), vast, name="vast")):
        builder = Builder()
        node = make(builder)
        with pytest.raises(LimitError, match=r"node 'vast': output: .* more than 2\*\*63"):
            builder.model(node)
    builder = Builder()
    s = builder.input("s", (2,), "int64")
    model = builder.model(builder.constant_of_shape(s, name="vast"))
    with pytest.raises(LimitError, match="node 'vast'"):
        model(np.int64([2**40, 2**40]))
    refused(lambda: model(np.int64([2, -1])), "node 'vast'", "sizes[1]", "negative")


def test_an_index_that_is_not_there_is_refused_by_its_node_in_a_run():
    builder = Builder()
    i = builder.input("i", ("n",), "int64")
    tokens = builder.model(builder.embedding(i, W, name="tokens"))
    for bad in (2, -3):
        refused(lambda: tokens.run(np.int64([0, bad])), "node 'tokens'", "indices", "[-2, 2)", str(bad))
    builder = Builder()
    x, i = builder.input("x", (2, 3)), builder.input("i", (), "int64")
    taken = builder.model(builder.gather(x, i, axis=1, name="taken"))
    refused(lambda: taken(W, np.array(3)), "node 'taken'", "[-3, 3)", "3")


def test_shapes_that_only_a_run_knows_are_refused_by_their_node():
    builder = Builder()
    x, s = builder.input("x", ("n",)), builder.input("s", (2,), "int64")
    model = builder.model(builder.reshape(x, s, name="matrix"))
    assert model(np.zeros(6, np.float32), np.int64([2, -1])).shape == (2, 3)
    refused(lambda: model(np.zeros(6, np.float32), np.int64([4, -1])), "node 'matrix'", "4")
    builder = Builder()
    x = builder.input("x", ("n", 1, "rows", "columns"))
    model = builder.model(builder.conv(x, np.ones((1, 1, 3, 3), np.float32), name="c"))
    refused(lambda: model(np.zeros((1, 1, 2, 5), np.float32)), "node 'c'", "kernel", "2 values")


@pytest.mark.parametrize("operation, inputs, attributes, words", [
    ("range", (np.int64(0), np.int64(5), np.int64(0)), {}, ("delta", "not be 0")),
    ("range", (np.float32(0), np.float32(np.nan), np.float32(1)), {}, ("limit", "finite")),
    ("range", (np.float32(0), np.float32(5), np.float32(1e-30)), {}, ("delta", "5e+30")),
    ("range", (np.int64(0), np.int64(2**61), np.int64(1)), {}, ("output", "2**63")),
    ("constant_of_shape", (np.int64([3, -1]),), {}, ("sizes[1]", "negative")),
    ("expand", (W, np.int64([-3, 1, 1])), {}, ("output[0]", "-3")),
    ("resize", (W, np.float32([1])), {}, ("scales", "2 numbers")),
    ("resize", (W, np.float32([1, np.nan])), {}, ("scales", "nan")),
    ("power", (np.int64([2]), np.int64([-1])), {}, ("b", "negative")),
    ("rotary", (np.zeros((1, 1, 2, 4), np.float32), *[np.zeros((3, 2), np.float32)] * 2, np.int64([[0, 3]])), {},
     ("positions", "[0, 3)", "3")),
    ("rotary", (np.zeros((2, 1, 2, 4), np.float32), *[np.zeros((3, 2), np.float32)] * 2, np.zeros((3, 2), int)), {},
     ("positions", "size 2", "axis 0")),
    ("constant_of_shape", (np.int64(3),), {}, ("sizes", "1 dimension")),
    ("constant_of_shape", (np.int64([3]),), {"value": 300, "type": "int8"}, ("value", "int8", "300")),
    ("clip", (np.uint8([3]),), {"low": -1.0}, ("low", "uint8", "-1")),
    ("clip", (np.int64([3]),), {"high": float("inf")}, ("high", "int64", "inf")),
    ("lstm", (np.zeros((2, 1, 3), np.float32), np.zeros((4, 3), np.float32), np.zeros((4, 1), np.float32), None,
              np.int64([3])), {}, ("lengths", "[0, 2]", "3")),
])
def test_values_that_do_not_fit_are_refused_by_their_node_in_a_run(operation, inputs, attributes, words):
    names = tuple("" if value is None else f"v{i}" for i, value in enumerate(inputs))
    given = {name: np.asarray(value) for name, value in zip(names, inputs) if name}
    graph = Graph(tuple(Input(name, a.dtype.name, a.shape) for name, a in given.items()), ("y",),
                  (Node(operation, names, ("y",), attributes, "bad one"),))
    refused(lambda: Model(graph, {}).run(given), "node 'bad one'", *words)


def test_a_kernel_whose_sizes_are_open_is_one_that_a_run_knows():
    builder = Builder()
    x, w = builder.input("x", (1, 1, 2, 2)), builder.input("w", (1, 1, "rows", 1))
    model = builder.model(builder.conv_transposed(x, w))
    assert model(np.ones((1, 1, 2, 2), np.float32), np.ones((1, 1, 3, 1), np.float32)).shape == (1, 1, 4, 2)


def test_an_output_that_is_nan_is_refused_with_the_first_node_that_gave_one():
    builder = Builder()
    x = builder.input("x", ("n",))
    builder.divide(x, np.zeros(1, np.float32), name="ratio")
    model = builder.model(builder.relu("ratio", name="after"))
    for implementation in reference, native:
        refused(lambda: model(np.float32([1, 0]), implementation=implementation), "outputs['after'][1]", "'ratio'")
    refused(lambda: model(np.float32([1, np.nan])), "outputs['after'][1]", "input 'x'")
    assert np.array_equal(model(np.float32([1, 0]), allow_nan=True), np.float32([np.inf, np.nan]), equal_nan=True)


def test_types_of_arguments_are_those_that_a_programmer_expects():
    with pytest.raises(TypeError):
        small().run({"x": X.astype(np.float64), "z": Z})
    with pytest.raises(ArgumentTypeError):
        Model(small().graph, {"fc.weight": np.array([[None]])})
    with pytest.raises(AttributeError, match="'rellu'"):
        Builder().rellu("x")
    refused(lambda: Builder().tensor("a", W) and Builder().model("a"), "'a'")


@pytest.mark.parametrize("operation, tensors", [
    ("slice", (np.int64([0]), np.int64([1]))), ("pad", (np.int64([1, 1]), np.float32(0))),
])
def test_where_the_number_of_axes_is_open_each_size_is(operation, tensors):
    builder = Builder()
    x, axes = builder.input("x", (4, 6)), builder.input("axes", ("count",), "int64")
    model = builder.model(builder.node(operation, x, *tensors, axes, name="y"))
    assert model.known["y"].shape == ("?", "?")
    assert model(np.ones((4, 6), np.float32), np.int64([1])).shape == {"slice": (4, 1), "pad": (4, 8)}[operation]


def test_a_builder_refuses_numbers_that_are_no_float32_and_says_the_cure():
    b = Builder()
    x = b.input("x", ("n", 3))
    refused(lambda: b.multiply(x, 2.0, name="twice"), "node 'twice'", "input 1", "not float", "np.float32(...)")
    refused(lambda: b.add(x, 2), "np.int64(...) or np.float32(...)")
    refused(lambda: b.linear(x, W.astype(np.float64), name="fc"), "node 'fc'", "float64", "np.float32(...)")
    refused(lambda: b.linear(x, W.tolist(), name="fc"), "not list")
    refused(lambda: b.linear(x, W, [1, 2], name="fc"), "input 2", "not list")
    assert b.model(b.linear(x, W, name="fc"))(W).shape == (2, 2)  # nothing of what was refused is left


def test_a_builder_takes_numbers_of_numpy_as_attributes():
    b = Builder()
    y = b.unsqueeze(b.input("x", (2, 3)), axes=np.array([0]))
    y = b.reduce_mean(y, axes=(np.int64(2),))
    model = b.model(b.softmax(y, axis=np.int64(1)))
    kinds = [type(each) for node in model.graph.nodes for _, value in node.attributes
             for each in (value if isinstance(value, tuple) else (value,))]
    assert kinds and set(kinds) <= {int, bool}


def test_a_builder_says_what_is_like_a_name_that_nothing_has():
    b = Builder()
    hidden = b.relu(b.input("image", ("n", 3)), name="hidden")
    b.linear("hiden", W, name="last")
    refused(lambda: b.model("last"), "node 'last'", "takes 'hiden'", "no node, input or tensor", "'hidden'")
    b = Builder()
    hidden = b.relu(b.input("image", ("n", 3)), name="hidden")
    refused(lambda: b.model(hidden, "imag"), "outputs[1]", "is 'imag'", "'image'")


def test_what_no_memory_holds_is_refused_by_its_node():
    b = Builder()
    model = b.model(b.pad(b.input("x", ("n",)), pads=(0, 2**45), name="wide"))
    for implementation in (reference, native):
        refused(lambda: model(np.float32([1]), implementation=implementation), "node 'wide'", "memory")
        refused(lambda: Prepared(model, (1,), implementation=implementation), "node 'wide'", "memory")
    with pytest.raises(LimitError, match="node 'wide'"):
        model.run(np.float32([1]))
    b = Builder()
    model = b.model(b.add(b.input("x", ("m", 1)), b.input("y", (1, "n")), name="grid"))
    refused(lambda: Prepared(model, {"x": (2**23, 1), "y": (1, 2**22)}, implementation=native), "node 'grid'", "memory")

"""ONNX graphs as networks: names, forms of older opsets, refusals; and damaged files."""

import sys

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx_graphs import node, of_one, proto, read, tensor, value

from refcompress.errors import CorruptError, MissingExtra, RefcompressError
from refcompress.graph import onnx as ours
from refcompress.models import onnx as weights

RNG = np.random.default_rng(17)
X = RNG.integers(-5, 6, (2, 3, 4)).astype(np.float32)


def branch(constant: float, weight: float, output: str = "out") -> onnx.GraphProto:
    """Return a branch with an initialiser "w", a Constant "c" and a value "h" of its own, and "x" from around it."""
    return helper.make_graph(
        [node("Constant", [], ["c"], value=tensor("", np.float32([constant, 2]))), node("Add", ["x", "c"], ["h"]),
         node("Mul", ["h", "w"], [output])], "branch", [], [value(output)], [tensor("w", np.float32([weight, weight]))])


CHOICE = proto([node("If", ["flag"], ["chosen"], then_branch=branch(3, 10), else_branch=branch(4, 20)),
                node("Add", ["chosen", "w"], ["y"])],
               [value("x", [2]), value("flag", [], TensorProto.BOOL)], [tensor("w", np.float32([100, 200]))])


def test_tensors_are_named_as_in_a_compressed_file_of_the_same_model(tmp_path):
    model = read(tmp_path, CHOICE)
    with weights.open(tmp_path / "model.onnx") as source:
        assert set(source) == set(model.tensors) == {"w", "w#2", "w#3", "c", "c#2"}
        for name, each in source.items():
            assert np.array_equal(model.tensors[name], each.read())


def test_a_branch_takes_its_own_tensors_and_the_values_around_it(tmp_path):
    model, x = read(tmp_path, CHOICE), np.float32([1, 2])
    assert model(x, np.array(True)).tolist() == [140, 240]  # (x + (3, 2)) 10 + w
    assert model(x, np.array(False)).tolist() == [200, 280]


def test_outputs_that_no_node_gives_are_handed_on(tmp_path):
    """A tensor, an input, and one value under two names."""
    model = read(tmp_path, proto([node("Relu", ["x"], ["y"]), node("Identity", ["y"], ["z"])], {"x": [2]},
                                 [tensor("t", np.float32([7]))], ["x", "y", "z", "t"]))
    found = model.run({"x": np.float32([-1, 2])})
    assert [each.tolist() for each in found.values()] == [[-1, 2], [0, 2], [0, 2], [7]]
    assert list(found) == ["x", "y", "z", "t"]


def test_an_output_that_is_a_tensor_keeps_its_name_and_other_nodes_take_it(tmp_path):
    nodes = [node("Constant", [], ["c"], value=tensor("", np.float32([3, 4]))), node("Add", ["x", "c"], ["h"]),
             node("Add", ["h", "t"], ["y"])]
    model = read(tmp_path, proto(nodes, {"x": [2]}, [tensor("t", np.float32([7]))], ["c", "y", "t"]))
    found = model.run({"x": np.float32([-1, 2])})
    assert {name: each.tolist() for name, each in found.items()} == {"c": [3, 4], "y": [9, 13], "t": [7]}


def test_a_cycle_is_said_with_its_nodes_and_a_wrong_order_is_no_cycle(tmp_path):
    cycle = [helper.make_node("Add", ["x", "c"], ["a"], name="first"),
             helper.make_node("Relu", ["a"], ["b"], name="second"),
             helper.make_node("Relu", ["b"], ["c"], name="third")]
    with pytest.raises(RefcompressError, match="nodes: have a cycle: .*first.*second"):
        read(tmp_path, proto(cycle, {"x": [2]}, (), ["c"]))
    with pytest.raises(RefcompressError, match=r"second.*takes 'a', which a later node gives"):
        read(tmp_path, proto([cycle[1], helper.make_node("Relu", ["x"], ["a"])], {"x": [2]}, (), ["b"]))


def test_a_function_is_inlined(tmp_path):
    twice = helper.make_function("local", "Twice", ["a"], ["b"], [
        node("Constant", [], ["two"], value=tensor("", np.float32(2))), node("Mul", ["a", "two"], ["b"])],
        [helper.make_opsetid("", 21)])
    model = read(tmp_path, proto([node("Twice", ["x"], ["h"], domain="local"),
                                  node("Twice", ["h"], ["y"], domain="local")], {"x": [3]}, functions=[twice]))
    assert model(np.float32([1, 2, 3])).tolist() == [4, 8, 12]


def test_operators_that_are_unknown_are_named_with_counts_and_domains(tmp_path):
    inner = helper.make_graph([node("TopK", ["x"], ["o"])], "g", [], [value("o")])
    model = proto([node("Hardmax", ["x"], ["a"]), node("Hardmax", ["a"], ["b"]),
                   node("Crop", ["b"], ["c"], domain="mine"),
                   node("If", ["f"], ["y"], then_branch=inner, else_branch=inner)], {"x": [2], "f": []})
    with pytest.raises(RefcompressError, match=r"not known here: Hardmax \(2\), TopK \(2\), mine.Crop \(1\)"):
        read(tmp_path, model)


@pytest.mark.parametrize("nodes, rule", [
    ([node("Relu", ["x"], ["y"], slope=2.0)], r"node 'y' \(Relu\): has attributes that are not known here: slope"),
    ([node("Conv", ["x", "x"], ["y"], auto_pad="SIDEWAYS")], "has the attribute auto_pad='SIDEWAYS'; known here"),
    ([node("Relu", ["z"], ["y"])], "takes 'z', which nothing before it gives"),
    ([node("Relu", ["x"], ["y"]), node("Tanh", ["x"], ["y"])], "gives 'y' a second time"),
    ([node("LSTM", ["x", "x", "x"], ["y"], activations=["Relu"] * 3)], "has the activations Relu, Relu, Relu"),
    ([node("Dropout", ["x"], ["y", "mask"])], "gives its mask"),
    ([node("MatMul", ["x", "x"], ["y"], name="product")], "node 'product': b: .*must have 4 values along the axis"),
    ([node("Relu", ["x"], ["h"])], "has a graph whose output 'y' is given by nothing"),
])
def test_a_refusal_says_which_node_and_why(tmp_path, nodes, rule):
    with pytest.raises(RefcompressError, match=rule):
        read(tmp_path, proto(nodes, {"x": [2, 3, 4]}))


@pytest.mark.parametrize("given, rule", [
    (helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [2]), "'x': must be a tensor, not a sequence"),
    (helper.make_tensor_value_info("x", TensorProto.FLOAT, None), "input 'x': must say how many axes it has"),
    (helper.make_tensor_value_info("x", TensorProto.STRING, [2]), "input 'x': has elements of type 8"),
])
def test_an_input_that_is_no_tensor_of_numbers_is_refused(tmp_path, given, rule):
    with pytest.raises(RefcompressError, match=rule):
        read(tmp_path, proto([node("Identity", ["x"], ["y"])], [given]))


def test_open_sizes_keep_their_names_and_fixed_gives_them(tmp_path):
    model = proto([node("Relu", ["x"], ["y"])], {"x": ["batch", -1, "?", "?", 4]})
    assert read(tmp_path, model).graph.inputs[0].shape == ("batch", "x.1", "x.2", "x.3", 4)
    fixed = read(tmp_path, model, fixed={"batch": 2, "x.3": 5})
    assert fixed.graph.inputs[0].shape == (2, "x.1", "x.2", 5, 4)
    with pytest.raises(RefcompressError, match=r"fixed\['rows'\]: is no open size"):
        read(tmp_path, model, fixed={"rows": 2})
    with pytest.raises(RefcompressError, match="fixed"):
        read(tmp_path, model, fixed={"batch": -1})


def test_an_initialiser_that_is_an_input_too_is_a_tensor(tmp_path):
    model = read(tmp_path, proto([node("Add", ["x", "w"], ["y"])], {"x": [2], "w": [2]},
                                 [tensor("w", np.float32([1, 2]))]))
    assert [each.name for each in model.graph.inputs] == ["x"]


def numbers(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@pytest.mark.parametrize("older, operator, attributes, names", [
    (1, "Slice", {"starts": [0, 1], "ends": [9, -1], "axes": [2, 1]}, ["starts", "ends", "axes"]),
    (11, "Squeeze", {"axes": [0]}, ["axes"]), (11, "Unsqueeze", {"axes": [0, 3]}, ["axes"]),
    (11, "ReduceSum", {"axes": [1], "keepdims": 0}, ["axes"]), (17, "ReduceMean", {"axes": [0, -1]}, ["axes"]),
    (17, "ReduceMax", {"axes": [-2]}, ["axes"]), (11, "Split", {"split": [1, 3], "axis": 2}, ["split"]),
    (9, "Pad", {"pads": [0, 1, 0, 0, 0, 2], "value": 3.0}, ["pads", "value"]),
    (9, "Clip", {"min": -1.0, "max": 2.0}, ["min", "max"]),
])
def test_older_opsets_have_attributes_where_later_ones_have_inputs(tmp_path, older, operator, attributes, names):
    """Three forms of one node: attributes, tensors of the model, values of a run."""
    x = X[:1] if operator == "Squeeze" else X
    outputs = ("y", "z") if operator == "Split" else ("y",)
    kept = {key: each for key, each in attributes.items() if key not in names}
    inputs = [np.array(each, np.float32 if isinstance(each, float) else np.int64)
              for each in (attributes[key] for key in names)]
    first = of_one(tmp_path, operator, [x], opset=max(older, 7), outputs=outputs, **attributes)
    stored = of_one(tmp_path, operator, [x], [tensor(key, each) for key, each in zip(names, inputs)], extra=names,
                    outputs=outputs, **kept)
    given = of_one(tmp_path, operator, [x, *inputs], outputs=outputs, **kept)
    for a, b, c in zip(*(each if isinstance(each, tuple) else (each,) for each in (first, stored, given))):
        assert np.array_equal(a, b) and np.array_equal(a, c)


@pytest.mark.parametrize("trans_a", [0, 1])
@pytest.mark.parametrize("trans_b", [0, 1])
@pytest.mark.parametrize("alpha, beta, c", [(1.0, 1.0, (5,)), (1.0, 1.0, None), (0.5, 1.0, (5,)), (2.0, 0.5, (3, 1)),
                                            (1.0, 1.0, (1, 5)), (0.5, 1.0, None)])
def test_gemm_is_its_formula(tmp_path, trans_a, trans_b, alpha, beta, c):
    a, b = (RNG.integers(-4, 5, shape).astype(np.float32) for shape in ((3, 4), (4, 5)))
    shift = None if c is None else RNG.integers(-4, 5, c).astype(np.float32)
    wanted = np.float32(alpha) * (a @ b) + (0 if shift is None else np.float32(beta) * shift)
    stored = [tensor("b", b.T if trans_b else b)] + ([] if shift is None else [tensor("c", shift)])
    found = of_one(tmp_path, "Gemm", [np.ascontiguousarray(a.T) if trans_a else a], stored,
                   extra=[each.name for each in stored], transA=trans_a, transB=trans_b, alpha=alpha, beta=beta)
    assert np.array_equal(found, wanted)
    run = of_one(tmp_path, "Gemm", [np.ascontiguousarray(a.T) if trans_a else a, np.ascontiguousarray(b.T) if trans_b
                                    else b, *([] if shift is None else [shift])],
                 transA=trans_a, transB=trans_b, alpha=alpha, beta=beta)
    assert np.array_equal(run, wanted)


def test_a_matrix_on_the_right_is_a_weight_as_it_is_stored(tmp_path):
    w = RNG.integers(-4, 5, (4, 5)).astype(np.float32)
    model = read(tmp_path, proto([node("MatMul", ["x", "w"], ["y"])], {"x": [2, 3, 4]}, [tensor("w", w)]))
    assert [each.operation for each in model.graph.nodes] == ["linear"] and list(model.weighted()) == ["w"]
    assert np.array_equal(model.tensors["w"], w) and np.array_equal(model(X), X @ w)
    turned = read(tmp_path, proto([node("Transpose", ["w"], ["t"], perm=[1, 0]), node("MatMul", ["x", "t"], ["y"])],
                                  {"x": [2, 3, 4]}, [tensor("w", w.T)]))
    assert list(turned.weighted()) == ["w"] and np.array_equal(turned(X), X @ w)
    assert [each.operation for each in turned.graph.nodes] == ["linear"]  # the Transpose has no use any more


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_softmax_before_opset_13_is_over_all_axes_from_one_on(tmp_path, axis):
    found = of_one(tmp_path, "Softmax", [X], opset=11, axis=axis)
    flat = X.reshape(int(np.prod(X.shape[: axis % 3])), -1).astype(np.float64)
    e = np.exp(flat - flat.max(1, keepdims=True))
    # Both are float64 up to one rounding to float32, 2**-24. What the order of a sum of at most 24 terms, exp and the
    # quotient differ by in float64 is below 2**-46: 2**-22 of that.
    assert np.allclose(found, (e / e.sum(1, keepdims=True)).reshape(X.shape), rtol=2**-24 * (1 + 2**-22), atol=0)


NAN = np.float32([np.nan, 1, 2, -3])


@pytest.mark.parametrize("operator, inputs, wanted", [
    ("LessOrEqual", [NAN, np.float32([1, 1, 1, 1])], [False, True, False, True]),
    ("GreaterOrEqual", [NAN, np.float32([1, 1, 1, 1])], [False, True, True, False]),
    ("Xor", [np.array([True, False]), np.array([True, True])], [False, True]),
    ("IsNaN", [NAN], [True, False, False, False]),
    ("PRelu", [np.float32([-2, 4]), np.float32([0.5])], [-1, 4]),
    ("Softsign", [np.float32([1, -3])], [0.5, -0.75]), ("Mean", [np.float32([1, 2]), np.float32([3, 6])], [2, 4]),
    ("Sum", [np.float32([1, 2]), np.float32([3, 6]), np.float32([1, 1])], [5, 9]), ("Sum", [np.float32([1])], [1]),
    ("CastLike", [np.float32([1.5]), np.array([1])], [1]),
    ("Mod", [np.array([7, -7, 7, -7, 6]), np.array([3, 3, -3, -3, 3])], [1, 2, -2, -1, 0]),
    ("Mod", [np.int8([127, -128]), np.int8([100, 127])], [27, 126]),
    ("ReduceL1", [np.float32([3, -4])], [7]), ("ReduceL2", [np.float32([3, -4])], [5]),
    ("ReduceSumSquare", [np.float32([3, -4])], [25]),
])
def test_operators_that_are_a_few_of_ours(tmp_path, operator, inputs, wanted):
    assert of_one(tmp_path, operator, inputs).tolist() == wanted


def test_a_remainder_may_have_the_sign_of_what_is_divided(tmp_path):
    found = of_one(tmp_path, "Mod", [np.array([7, -7, 7, -7]), np.array([3, 3, -3, -3])], fmod=1)
    assert found.tolist() == [1, -1, 1, -1]
    with pytest.raises(RefcompressError, match="of float32 is not known here"):
        of_one(tmp_path, "Mod", [np.float32([7]), np.float32([3])], fmod=1)


def test_older_opsets_are_refused(tmp_path):
    with pytest.raises(RefcompressError, match="path: is of opset 6: known here are those from 7 on"):
        read(tmp_path, proto([node("Relu", ["x"], ["y"])], {"x": [2]}, opset=6))


@pytest.mark.parametrize("operator, attributes, gamma, alpha", [
    ("Elu", {"alpha": 0.5}, 1, 0.5), ("Selu", {"alpha": 1.5, "gamma": 2.0}, 2, 1.5), ("Elu", {}, 1, 1)])
def test_exponential_units_are_their_formula(tmp_path, operator, attributes, gamma, alpha):
    x = np.float32([-90, -3, -0.5, -0.0, 0, 1e-3, 2, 90])
    wanted = gamma * np.where(x < 0, alpha * np.expm1(x.astype(np.float64)), x)
    found = of_one(tmp_path, operator, [x], **attributes)
    # exp is rounded, 1 is subtracted, then at most two products: each off by half a unit of at most alpha
    assert np.all(np.abs(found - wanted) <= 4 * 2.0**-24 * np.maximum(np.abs(wanted), gamma * alpha))


def test_blocks_of_channels_become_places_and_back(tmp_path):
    x = np.arange(2 * 8 * 2 * 3, dtype=np.float32).reshape(2, 8, 2, 3)
    for mode in ("DCR", "CRD"):
        y = of_one(tmp_path, "DepthToSpace", [x], blocksize=2, mode=mode)
        assert y.shape == (2, 2, 4, 6)
        assert y[0, 0, 0, 1] == x[0, 2 if mode == "DCR" else 1, 0, 0]
        if mode == "DCR":
            assert np.array_equal(of_one(tmp_path, "SpaceToDepth", [y], blocksize=2), x)


def test_rows_of_a_matrix_are_an_embedding(tmp_path):
    model = read(tmp_path, proto([node("Gather", ["w", "i"], ["y"])], [value("i", [2], TensorProto.INT64)],
                                 [tensor("w", np.float32([[1, 2], [3, 4]]))]))
    assert model.graph.nodes[0].operation == "embedding" and model(numbers(-1, 0)).tolist() == [[3, 4], [1, 2]]


def test_without_the_package_onnx_one_line_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtra, match=r"onnx: is not installed: pip install 'refcompress\[io\]'"):
        ours.load(tmp_path / "model.onnx")


def test_what_is_no_model_is_corrupt(tmp_path):
    path = tmp_path / "model.onnx"
    for data in (b"", b"\x00" * 9, b"PK\3\4", CHOICE.SerializeToString()[:-5]):
        path.write_bytes(data)
        with pytest.raises(CorruptError):
            ours.load(path)


DATA = CHOICE.SerializeToString()
EDITS = st.lists(st.tuples(st.booleans(), st.integers(0, len(DATA) - 1), st.integers(1, 255)), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("onnx")


@settings(max_examples=100)
@given(edits=EDITS)
def test_a_damaged_model_is_a_network_or_is_refused_by_name(folder, edits):
    data = bytearray(DATA)
    for cut, at, byte in edits:
        if cut:
            del data[at % len(data)]
        else:
            data[at % len(data)] ^= byte
    (folder / "model.onnx").write_bytes(bytes(data))
    try:
        ours.load(folder / "model.onnx")
    except RefcompressError:
        pass

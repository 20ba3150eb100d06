"""Networks as ONNX graphs: what is written and read again computes the same bits."""

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator
from operation_examples import CASES, IDS
from test_operations import model_of

from refcompress import quantize_s8
from refcompress.errors import MissingExtra, RefcompressError
from refcompress.formats import Graph, Input, Node, Quantized
from refcompress.graph import OPERATIONS, Builder, Model
from refcompress.graph import onnx as ours
from refcompress.graph.onnx.exporters import EXPORTERS
from refcompress.graph.onnx.exporting import Export

RNG = np.random.default_rng(17)


def whole(*shape: int) -> np.ndarray:
    return RNG.integers(-4, 5, shape).astype(np.float32)


def again(model: Model, folder, **options) -> Model:
    ours.save(model, folder / "again.onnx", **options)
    onnx.checker.check_model(onnx.load(folder / "again.onnx"))
    return ours.load(folder / "again.onnx")


@pytest.mark.parametrize("operation, inputs, attributes", CASES, ids=IDS)
def test_every_operation_goes_to_onnx_and_back(tmp_path, operation, inputs, attributes):
    model, arrays = model_of(operation, inputs, {name: np.float32(value).item() if isinstance(value, float) else value
                                                 for name, value in attributes.items()})
    wanted, found = model.run(arrays, allow_nan=True), again(model, tmp_path).run(arrays, allow_nan=True)
    assert list(found) == list(wanted)
    for name in wanted:
        assert wanted[name].dtype == found[name].dtype and np.array_equal(wanted[name], found[name], equal_nan=True)


def test_all_operations_but_two_have_a_counterpart():
    """linear_a8 and conv_a8 find the scale of each row in a run, and sum products of scales in an order of their own."""
    assert set(OPERATIONS) - set(EXPORTERS) == {"linear_a8", "conv_a8"}


def network() -> Model:
    """Return a small network whose arithmetic is exact."""
    b = Builder()
    x = b.input("x", ("batch", 2, 6, 6))
    y = b.relu(b.conv(x, whole(4, 2, 3, 3), whole(4), pads=(1, 1, 1, 1), name="conv"))
    y = b.max_pool(y, kernel=(2, 2), strides=(2, 2))
    y = b.add(y, b.conv(y, whole(4, 4, 1, 1), name="inner"))
    return b.model(b.linear(b.flatten(y), whole(3, 36), whole(3), name="last"))


def test_the_reference_evaluator_of_onnx_computes_what_we_compute(tmp_path):
    model, x = network(), whole(2, 2, 6, 6)
    ours.save(model, tmp_path / "a.onnx")
    assert np.array_equal(ReferenceEvaluator(str(tmp_path / "a.onnx")).run(None, {"x": x})[0], model(x))


def test_tensors_keep_their_names_and_open_sizes_theirs(tmp_path):
    model = network()
    back = again(model, tmp_path)
    assert back.graph.inputs == model.graph.inputs and back.graph.outputs == model.graph.outputs
    assert set(back.tensors) == set(model.tensors)
    assert all(np.array_equal(back.tensors[name], model.tensors[name]) for name in model.tensors)


def test_compressed_weights_are_written_as_float32(tmp_path):
    model = network()
    small = model.replaced({"conv.weight": quantize_s8(model.tensors["conv.weight"], axis=0)})
    back = again(small, tmp_path)
    assert np.array_equal(back.tensors["conv.weight"], small.tensors["conv.weight"].dense())


@pytest.mark.parametrize("scales, group, zero", [((3, 1), None, 0), ((1, 36), None, 0), ((1, 1), None, 3),
                                                 ((3, 9), 4, 0), ((3, 9), 4, -2)])
def test_integers_stay_integers_where_they_are_asked_for(tmp_path, scales, group, zero):
    """Scales are powers of two, so that the evaluator of ONNX adds what we add."""
    scale = (2.0 ** RNG.integers(-3, 2, scales)).astype(np.float32)
    weight = Quantized(RNG.integers(-7, 8, (3, 36)).astype(np.int8), scale, np.full(scales, zero, np.int8), group)
    model, x = network().replaced({"last.weight": weight}), whole(2, 2, 6, 6)
    ours.save(model, tmp_path / "a.onnx", integers=True)
    written = onnx.load(tmp_path / "a.onnx")
    assert "DequantizeLinear" in {node.op_type for node in written.graph.node}
    assert {"int8"} < {onnx.numpy_helper.to_array(each).dtype.name for each in written.graph.initializer}
    wanted = model(x)
    assert np.array_equal(ReferenceEvaluator(written).run(None, {"x": x})[0], wanted)
    assert np.array_equal(again(model, tmp_path)(x), wanted)


def test_a_mask_is_repeated_for_each_query():
    """ONNX Runtime 1.32 refuses a mask that broadcasts along the queries, which the standard allows."""
    b = Builder()
    q = b.input("q", ("batch", "l", 8))
    model = b.model(b.attention(q, q, q, b.input("mask", ("batch", 1, 1, "l")), heads=2))
    export = Export(model, False)
    graph = export.graph(model.graph, "network")
    assert [node.op_type for node in graph.node] == ["Shape", "Concat", "Expand", "Attention"]


def test_an_operation_without_a_counterpart_is_refused_by_its_node(tmp_path, monkeypatch):
    monkeypatch.delitem(EXPORTERS, "relu")
    model = Model(Graph((Input("x", "float32", (2,)),), ("y",), (Node("relu", ("x",), ("y",), name="cut"),)), {})
    with pytest.raises(RefcompressError, match="node 'cut': relu has no counterpart in ONNX"):
        ours.save(model, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def test_without_the_package_onnx_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(MissingExtra):
        ours.save(network(), tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())

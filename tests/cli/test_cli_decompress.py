"""decompress to ONNX and GGUF: integers with scales stay what they are where it is asked for, and nothing is silent."""

import json
from collections import Counter

import gguf
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from refcompress.cli import main


@pytest.fixture
def network(tmp_path):
    """Return an ONNX model of one product, and its file of int8 in groups of 32."""
    w = np.random.default_rng(0).standard_normal((64, 8)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])],
        [numpy_helper.from_array(w, "w"), numpy_helper.from_array(np.ones(8, np.float32), "b")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(model, tmp_path / "m.onnx")
    return tmp_path, w


def run(*words):
    return main([str(word) for word in words])


def test_an_onnx_target_holds_numbers_or_where_asked_integers_with_their_scales(network, capsys):
    folder, _ = network
    assert run("compress", folder / "m.onnx", folder / "m.rcz", "--set", "*=int8:axis=1", "--quiet") == 0
    like = ["--like", folder / "m.onnx"]
    assert run("decompress", folder / "m.rcz", folder / "plain.onnx", *like) == 0
    capsys.readouterr()
    assert run("decompress", folder / "m.rcz", folder / "q.onnx", *like, "--quantized") == 0
    assert f"tensors, {(folder / 'q.onnx').stat().st_size:,} bytes, from" in " ".join(capsys.readouterr().out.split())
    plain, q = (onnx.load(folder / name) for name in ("plain.onnx", "q.onnx"))
    assert [node.op_type for node in plain.graph.node] == ["MatMul"]
    assert [node.op_type for node in q.graph.node] == ["DequantizeLinear", "MatMul"]
    x = np.random.default_rng(1).standard_normal((1, 64)).astype(np.float32)
    y, z = (ReferenceEvaluator(m).run(None, {"x": x})[0] for m in (plain, q))
    assert np.array_equal(y, z)


def test_a_gguf_target_has_weights_of_the_type_that_is_asked_for_and_the_rest_is_named(network, capsys):
    folder, w = network
    np.savez(folder / "m.npz", w=w.T.copy(), b=np.ones(8, np.float32), odd=np.ones((2, 33), np.float32))
    assert run("compress", folder / "m.npz", folder / "n.rcz", "--preset", "lossless", "--quiet") == 0
    capsys.readouterr()
    assert run("decompress", folder / "n.rcz", folder / "n.gguf", "--type", "Q8_0", "--json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["as_they_are"] == ["b", "odd"] and "b, odd" in said.err
    tensors = gguf.GGUFReader(folder / "n.gguf").tensors
    assert Counter(t.tensor_type.name for t in tensors) == {"Q8_0": 1, "F32": 2}
    wanted = gguf.quants.quantize(w.T.copy(), gguf.GGMLQuantizationType.Q8_0)
    assert np.array_equal(next(t.data for t in tensors if t.name == "w"), wanted)


def test_metadata_of_the_original_come_back_with_like(network):
    folder, w = network
    writer = gguf.GGUFWriter(folder / "o.gguf", "llama")
    writer.add_uint32("llama.block_count", 7)
    writer.add_tensor("w", w.T.copy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert run("compress", folder / "o.gguf", folder / "o.rcz", "--preset", "lossless", "--quiet") == 0
    assert run("decompress", folder / "o.rcz", folder / "back.gguf", "--like", folder / "o.gguf") == 0
    back = gguf.GGUFReader(folder / "back.gguf")
    assert back.fields["llama.block_count"].contents() == 7 and np.array_equal(back.tensors[0].data, w.T)


@pytest.mark.parametrize("words, option", [
    (["a.npz", "--type", "Q8_0"], "--type"), (["a.gguf", "--quantized"], "--quantized"),
    (["a.safetensors", "--like", "m.onnx"], "--like")])
def test_an_option_of_another_target_is_refused(network, capsys, words, option):
    folder, _ = network
    assert run("compress", folder / "m.onnx", folder / "m.rcz", "--quiet") == 0
    assert run("decompress", folder / "m.rcz", folder / words[0], *words[1:]) == 2
    assert capsys.readouterr().err.startswith(f"refcompress: {option}") and not (folder / words[0]).exists()

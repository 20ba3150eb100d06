"""A network is compressed as a network: its graph goes into the file, it runs from there, and goes out again."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from implementations import BOTH, each
from onnx import TensorProto, helper, numpy_helper
from onnx_models import saved

import refcompress as rc
from refcompress import Builder, RefcompressError, container, models
from refcompress.checkpoints import Recipe, Rule, plan
from refcompress.formats import Graph, Node
from refcompress.graph.integers import to_integers

RNG = np.random.default_rng(3)
# Small integers: every sum of the network is one below 2**24, which no order of a sum rounds.
CONV = RNG.integers(-2, 3, (16, 3, 3, 3)).astype(np.float32)
FC = RNG.integers(-1, 2, (16 * 36, 24)).astype(np.float32)  # (k, m), as MatMul takes it
LAST = RNG.integers(-1, 2, (10, 24)).astype(np.float32)
IMAGES = RNG.integers(-4, 5, (2, 3, 8, 8)).astype(np.float32)


def network(last: str = "Gemm", domain: str = ""):
    """Return an ONNX model of a convolution, a MatMul and a Gemm, with a shape that is a tensor."""
    tensors = {"conv.weight": CONV, "conv.bias": np.arange(16, dtype=np.float32), "shape": np.int64([0, -1]), "fc": FC,
               "last.weight": LAST, "last.bias": np.arange(-5, 5, dtype=np.float32)}
    nodes = [
        helper.make_node("Conv", ["x", "conv.weight", "conv.bias"], ["c"], name="conv"),
        helper.make_node("Relu", ["c"], ["r"]), helper.make_node("Reshape", ["r", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "fc"], ["h"], name="fc"),
        helper.make_node(last, ["h", "last.weight", "last.bias"], ["y"], name="last", domain=domain,
                         **({"transB": 1} if last == "Gemm" else {})),
    ]
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()])
    opsets = [helper.make_opsetid("", 21), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


@pytest.fixture
def source(tmp_path):
    return saved(tmp_path / "net.onnx", network())


def test_the_graph_of_an_onnx_model_is_kept_and_the_lossless_file_computes_the_same_bits(tmp_path, source):
    result = rc.compress(source, "lossless", target=tmp_path / "a.rcz")
    assert result.network.startswith("the network is kept: 5 nodes in entry 'graph'; 1 constant became")
    model, original = rc.load_model(result.path), rc.load_model(source)
    assert model.graph == original.graph and rc.same(model.tensors, original.tensors)
    assert np.array_equal(model(IMAGES), original(IMAGES))
    assert result.to_dict()["network"] == result.network


@each("impl", BOTH)
@pytest.mark.parametrize("preset, product", [("int8", "gemm_f32s8"), ("deep", "csr_matmul"),
                                             (Recipe((Rule("*", "csr", {"sparsity": 0.8}),)), "csr_matmul")], ids=str)
def test_it_runs_from_its_compressed_form_by_the_products_of_its_formats(tmp_path, source, impl, preset, product):
    result = rc.compress(source, preset, target=tmp_path / "a.rcz", implementation=impl)
    model, use = rc.load_model(result.path, implementation=impl), rc.graph.use.Use(impl)
    found = model(IMAGES, use=use)
    assert all(any(product in said for said in use.said[node]) for node in ("conv", "fc", "last"))
    if preset != "int8":  # whose scales round
        dense = model.replaced({name: np.asarray(value) for name, value in model.tensors.items()})
        assert np.array_equal(found, dense(IMAGES)) and np.ptp(found) > 100


def test_a_weight_that_is_multiplied_turned_has_its_scales_along_its_outputs_and_the_plan_says_so(tmp_path, source):
    made = {step.name: step for step in plan(source, "int8")}
    assert made["fc"].options["axis"] == 1 and "axis 1, for the network multiplies by it turned" in made["fc"].reason
    for name in ("last.weight", "conv.weight"):
        assert "axis" not in made[name].options and "axis" not in made[name].reason
    assert "shape" not in made
    rc.compress(source, "int8", target=tmp_path / "a.rcz")
    stored = rc.load(tmp_path / "a.rcz")["fc"]
    assert stored.shape == FC.shape and stored.layer.shape == FC.T.shape and len(stored.layer.scale) == 24
    asked = {step.name: step for step in plan(source, Recipe((Rule("fc", "int4", {"axis": 0}),)))}
    assert asked["fc"].options == {} and "turned" not in asked["fc"].reason


def test_the_plan_counts_the_graph(tmp_path, source):
    for preset in ("int8", "lossless", "deep"):
        made = plan(source, preset)
        assert made.network.graph is not None
        size = rc.compress(source, preset, target=tmp_path / "a.rcz").after
        assert made.total[0] <= size <= made.total[1]


def test_operations_that_are_not_known_are_named_with_counts_and_the_tensors_are_compressed_as_ever(tmp_path):
    source = saved(tmp_path / "net.onnx", network("Special", "com.example"))
    result = rc.compress(source, "int8", target=tmp_path / "a.rcz")
    assert result.network.startswith("the network is not kept: has operators that are not known here: ")
    assert "com.example.Special (1)" in result.network
    assert list(rc.load(result.path)) == list(models.load(source))
    with pytest.raises(RefcompressError, match="has no graph: it holds tensors of an ONNX model, and was written wit"):
        rc.load_model(result.path)


def test_without_the_package_onnx_the_line_says_what_to_install(tmp_path, source, monkeypatch):
    def missing():
        raise rc.MissingExtra("onnx", "is not installed: pip install 'refcompress[io]'")

    monkeypatch.setattr("refcompress.graph.onnx.file.onnx_package", missing)
    result = rc.compress(source, "int8", target=tmp_path / "a.rcz")
    assert result.network == "the network is not kept: is not installed: pip install 'refcompress[io]'"
    assert "shape" in rc.load(result.path)


def test_it_goes_back_to_onnx_from_its_own_graph_and_into_the_original(tmp_path, source):
    rc.compress(source, "int8", target=tmp_path / "a.rcz")
    expected = rc.load_model(tmp_path / "a.rcz")
    rc.decompress(tmp_path / "a.rcz", tmp_path / "own.onnx")
    onnx.checker.check_model(onnx.load(tmp_path / "own.onnx"))
    rc.decompress(tmp_path / "a.rcz", tmp_path / "like.onnx", like=source)
    for name in ("own", "like"):
        model = rc.load_model(tmp_path / f"{name}.onnx")
        for tensor, value in expected.tensors.items():
            assert rc.same(model.tensors[tensor], np.asarray(value))
        assert models.is_decoded(tmp_path / f"{name}.onnx")
    assert rc.same(models.load(tmp_path / "like.onnx")["shape"], np.int64([0, -1]))
    assert "shape" not in rc.decompress(tmp_path / "a.rcz", tmp_path / "a.npz")
    rc.save_model(tmp_path / "saved.onnx", expected)
    assert list(rc.load_model(tmp_path / "saved.onnx").tensors) == list(expected.tensors)


def test_a_file_with_a_graph_is_made_again_from_its_source_and_by_other_workers(tmp_path, source):
    first = rc.compress(source, "int4", target=tmp_path / "a.rcz")
    assert rc.rebuild(first.path, source).same
    with ThreadPoolExecutor(2) as executor:
        rc.compress(source, "int4", target=tmp_path / "b.rcz", executor=executor)
    assert (tmp_path / "a.rcz").read_bytes() == (tmp_path / "b.rcz").read_bytes()


def built():
    b = Builder()
    hidden = b.relu(b.linear(b.input("x", ("batch", 24)), LAST, np.zeros(10, np.float32), name="fc1"))
    return b.model(b.linear(hidden, np.ones((3, 10), np.float32), name="graph"))


def test_a_model_of_ones_own_is_compressed_saved_and_loaded(tmp_path):
    model, x = built(), RNG.standard_normal((5, 24)).astype(np.float32)
    rc.save_model(tmp_path / "a.rcz", model, metadata={"made by": "hand"})
    back = rc.load_model(tmp_path / "a.rcz")
    assert back.graph == model.graph and rc.same(back.tensors, model.tensors) and np.array_equal(back(x), model(x))
    result = rc.compress(model, "lossless")
    assert "3 nodes" in result.network and np.array_equal(rc.load_model(result.path)(x), model(x))
    result = rc.compress(back, "int8")
    int8 = rc.load_model(result.path)
    assert isinstance(int8.tensors["fc1.weight"], rc.Quantized) and int8.graph == model.graph


def test_an_entry_that_nothing_uses_or_that_is_missing_is_an_error_by_its_name(tmp_path):
    model = built()
    entries = {"net": model.graph, **model.tensors}
    container.save(tmp_path / "a.rcz", {**entries, "fc1.old": np.ones(3)})
    with pytest.raises(RefcompressError, match="entry 'fc1.old': is used by no node of the graph in the file"):
        rc.load_model(tmp_path / "a.rcz")
    del entries["fc1.bias"]
    container.save(tmp_path / "a.rcz", entries)
    with pytest.raises(RefcompressError, match="entry 'fc1.bias': is not in the file, and the graph takes it"):
        rc.load_model(tmp_path / "a.rcz")
    strange = Graph((), ("y",), (Node("teleport", ("w",), ("y",)), Node("teleport", ("w",), ("z",))))
    container.save(tmp_path / "a.rcz", {"graph": strange, "w": np.ones(3, np.float32)})
    with pytest.raises(RefcompressError, match=r"operations that are not known here: teleport \(2\)"):
        rc.load_model(tmp_path / "a.rcz")


def test_models_of_others_are_networks_or_say_that_they_are_none(tmp_path, source):
    models.save(tmp_path / "a.safetensors", built().tensors)
    with pytest.raises(RefcompressError, match="path: has no graph: it holds tensors"):
        rc.load_model(tmp_path / "a.safetensors")
    with pytest.raises(RefcompressError, match="must end in"):
        rc.load_model(saved(tmp_path / "a.txt", network()))
    assert rc.load_model(source)(IMAGES).shape == (2, 10)


def test_a_tensor_named_graph_leaves_the_name_to_it(tmp_path):
    b = Builder()
    model = b.model(b.linear(b.input("x", (1, 24)), b.tensor("graph", LAST)))
    rc.save_model(tmp_path / "a.rcz", model)
    with container.open(tmp_path / "a.rcz") as file:
        assert list(file) == ["graph#2", "graph"] and file.graph_name == "graph#2"
    assert rc.same(rc.load_model(tmp_path / "a.rcz").tensors["graph"], LAST)


def test_what_load_gives_of_a_file_with_a_graph_is_compressed_and_saved_again(tmp_path):
    rc.save_model(tmp_path / "a.rcz", built())
    layers = rc.load(tmp_path / "a.rcz")
    rc.save(tmp_path / "b.rcz", layers)
    assert (tmp_path / "a.rcz").read_bytes() == (tmp_path / "b.rcz").read_bytes()
    result = rc.compress(layers, "int8")
    assert rc.load_model(result.path).graph == built().graph
    with pytest.raises(RefcompressError, match=r"tensors\['graph'\].*a Graph stands for none"):
        rc.save(tmp_path / "b.npz", layers)


@pytest.mark.parametrize("dynamic", [False, True])
def test_a_network_on_integers_keeps_its_integers_whatever_the_preset(tmp_path, dynamic):
    """Scales, grids and int32 biases are in the file: its graph has the grids, its entries the rest."""
    b = Builder()
    hidden = b.relu(b.linear(b.input("x", ("batch", 300)), RNG.standard_normal((40, 300)).astype(np.float32),
                             np.zeros(40, np.float32), name="fc1"))
    x = RNG.standard_normal((6, 300)).astype(np.float32)
    model = to_integers(b.model(b.linear(hidden, LAST[:, :20].repeat(2, 1), name="fc2")), None if dynamic else x,
                        dynamic=dynamic).model
    weights = {name: value for name, value in model.tensors.items() if isinstance(value, rc.Quantized | rc.Packed)}
    assert weights and {node.operation for node in model.graph.nodes} & {"linear_s8", "linear_a8"}
    for preset in ("lossless", "int4", "deep"):
        result = rc.compress(model, preset, target=tmp_path / "a.rcz")
        back = rc.load_model(result.path)
        assert rc.same({name: back.tensors[name] for name in weights}, weights) and back.graph == model.graph
        assert np.array_equal(back(x), model(x))
        assert {row["reason"] for row in result.table() if row["name"] in weights} <= {
            "quantized, of few bits already", "preset lossless"}

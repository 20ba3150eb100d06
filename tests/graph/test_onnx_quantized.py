"""QuantizeLinear and DequantizeLinear: the integers that ONNX's evaluator has, and weights as they are stored."""

import numpy as np
import onnx
import pytest
from implementations import BOTH
from integer_networks import small_cnn
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from onnx_graphs import node, proto, read, tensor, value

from refcompress.errors import RefcompressError
from refcompress.formats import Graph, Input, Node, Quantized
from refcompress.graph import Model
from refcompress.graph import onnx as ours
from refcompress.graph.integers import to_integers

RNG = np.random.default_rng(17)
TYPES = {"uint8": TensorProto.UINT8, "int8": TensorProto.INT8, "int4": TensorProto.INT4, "uint4": TensorProto.UINT4,
         "int16": TensorProto.INT16}
RANGES = {"uint8": (0, 256), "int8": (-128, 128), "int4": (-8, 8), "uint4": (0, 16), "int16": (-999, 999)}


def typed(name: str, values, kind: str):
    values = np.asarray(values)
    return helper.make_tensor(name, TYPES[kind], values.shape, values.reshape(-1).tolist())


def powers(*shape: int) -> np.ndarray:
    """Return scales that are powers of two, so that sums are exact, whoever adds."""
    return (2.0 ** RNG.integers(-4, 1, shape)).astype(np.float32)


def same(tmp_path, model: onnx.ModelProto, x: np.ndarray):
    """Return the network of a model whose outputs are those of ONNX's evaluator."""
    network = read(tmp_path, model)
    wanted = ReferenceEvaluator(model).run(None, {"x": x})[0]
    assert np.array_equal(network(x), wanted)
    ours.save(network, tmp_path / "again.onnx", integers=True)
    assert np.array_equal(ours.load(tmp_path / "again.onnx")(x), wanted)
    return network


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_integers_with_scales_are_a_weight_that_is_quantized(tmp_path, kind, axis):
    values = RNG.integers(*RANGES[kind], (6, 5))
    shape = () if axis is None else (values.shape[axis],)
    zero = np.full(shape, 3)
    model = proto([node("DequantizeLinear", ["q", "s", "z"], ["w"], **({} if axis is None else {"axis": axis})),
                   node("MatMul", ["x", "w"], ["y"])], {"x": ["n", 6]},
                  [typed("q", values, kind), tensor("s", powers(*shape)), typed("z", zero, kind)])
    network = same(tmp_path, model, RNG.integers(-4, 5, (2, 6)).astype(np.float32))
    weight = network.tensors["w"]
    assert isinstance(weight, Quantized) and set(network.tensors) == {"w"} and list(network.weighted()) == ["w"]
    assert weight.scale.shape == ((1, 1) if axis is None else ((6, 1), (1, 5))[axis])


@pytest.mark.parametrize("axis, quantized", [(1, True), (0, False)])
def test_blocks_along_the_last_axis_are_groups_and_others_are_decoded(tmp_path, axis, quantized):
    values = RNG.integers(-8, 8, (4, 6))
    shape = (4, 3) if axis == 1 else (2, 6)
    model = proto([node("DequantizeLinear", ["q", "s"], ["w"], axis=axis, block_size=2),
                   node("Gemm", ["x", "w"], ["y"], transB=1)], {"x": ["n", 6]},
                  [typed("q", values, "int4"), tensor("s", powers(*shape))])
    network = same(tmp_path, model, RNG.integers(-4, 5, (2, 6)).astype(np.float32))
    assert isinstance(network.tensors["w"], Quantized) == quantized


@pytest.mark.parametrize("kind, zero", [("int8", 5), ("uint8", 130), ("uint8", None)])
def test_values_on_a_grid_go_through_what_moves_them(tmp_path, kind, zero):
    zeros = [] if zero is None else [typed("z", zero, kind)]
    z = ["z"] * len(zeros)
    model = proto([node("QuantizeLinear", ["x", "s", *z], ["q"]), node("Transpose", ["q"], ["t"], perm=[1, 0]),
                   node("DequantizeLinear", ["t", "s", *z], ["y"])], {"x": ["n", 4]},
                  [tensor("s", np.float32(0.25)), *zeros])
    x = np.concatenate([RNG.normal(0, 30, (5, 4)), [[0.125, 0.375, -0.125, 1e4]]]).astype(np.float32)
    network = same(tmp_path, model, x)
    assert [each.operation for each in network.graph.nodes] == ["quantize", "transpose", "dequantize"]


def test_a_bias_of_int32_is_float32(tmp_path):
    model = proto([node("DequantizeLinear", ["b", "s"], ["bias"], axis=0), node("Add", ["x", "bias"], ["y"])],
                  {"x": ["n", 3]}, [tensor("b", np.int32([1, -70000, 3])), tensor("s", powers(3))])
    assert same(tmp_path, model, np.float32([[1, 2, 3]])).tensors["bias"].dtype == np.float32


def test_a_network_on_integers_is_the_same_bits_in_onnx(tmp_path):
    """Layers, residuals, gates and pools by ONNX's integer operators, computed by its evaluator."""
    x = RNG.standard_normal((3, 3, 9, 11)).astype(np.float32)
    made = to_integers(small_cnn(), x).model
    operations = {each.operation for each in made.graph.nodes}
    assert {"conv_s8", "linear_s8", "linear_s8_scaled", "add_s8", "multiply_s8", "average_pool_s8", "lookup_s8",
            "rescale_s8"} < operations
    ours.save(made, tmp_path / "a.onnx")
    written = onnx.load(tmp_path / "a.onnx")
    onnx.checker.check_model(written)
    assert np.array_equal(ReferenceEvaluator(written).run(None, {"x": x})[0], made(x))
    back = ours.load(tmp_path / "a.onnx")
    for implementation in BOTH:
        assert np.array_equal(back(x, implementation=implementation), made(x))
    assert {type(back.tensors[name]) for name in back.weighted()} == {Quantized}


@pytest.mark.parametrize("kind", ["int8", "uint8"])
@pytest.mark.parametrize("k", [20, 700, 9000])
def test_sums_of_integers_are_read_whatever_their_zero_points_and_lengths(tmp_path, kind, k):
    """Of 255 x 255 the float32 sums of 700 products are beyond 2^24: the weight goes in parts."""
    low, high = RANGES[kind]
    x, w = RNG.integers(low, high, (2, k)), RNG.integers(low, high, (k, 3))
    x[0], w[:, 0] = high - 1, high - 1
    extreme = typed("zx", low, kind), typed("zw", [low, high - 1, 1], kind)
    given = [value("x", [2, k], TYPES[kind])]
    model = proto([node("MatMulInteger", ["x", "w", "zx", "zw"], ["y"])], given, [typed("w", w, kind), *extreme])
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT32
    found = read(tmp_path, model)(x.astype(kind))
    assert found.dtype == np.int32 and np.array_equal(found, (x - low) @ (w - [low, high - 1, 1]))


@pytest.mark.parametrize("groups", [1, 4])
def test_convolutions_of_integers_are_those_of_the_evaluator(tmp_path, groups):
    x, w = RNG.normal(0, 60, (2, 4, 6, 5)).astype(np.float32), RNG.integers(0, 256, (8, 4 // groups, 3, 3))
    model = proto([node("QuantizeLinear", ["x", "s", "z"], ["q"]),
                   node("ConvInteger", ["q", "w", "z", "zw"], ["sum"], pads=[1, 1, 1, 1], strides=[2, 1], group=groups),
                   node("Cast", ["sum"], ["y"], to=TensorProto.FLOAT)], {"x": [2, 4, 6, 5]},
                  [tensor("s", np.float32(0.5)), typed("z", 130, "uint8"), typed("w", w, "uint8"),
                   typed("zw", 7, "uint8")])
    q = np.clip(np.rint(x / 0.5) + 130, 0, 255) - 130
    plain = proto([node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1], strides=[2, 1], group=groups)],
                  {"x": [2, 4, 6, 5]}, [tensor("w", (w - 7).astype(np.float64))])
    wanted = ReferenceEvaluator(plain).run(None, {"x": q.astype(np.float64)})[0]
    assert np.array_equal(read(tmp_path, model)(x), wanted)


def test_a_sum_of_integers_whose_weight_is_no_tensor_is_refused_by_its_node(tmp_path):
    given = [value("x", [2, 2], TYPES["int8"])]
    with pytest.raises(RefcompressError, match=r"MatMulInteger.*has a second input that is no matrix"):
        read(tmp_path, proto([node("MatMulInteger", ["x", "x"], ["y"])], given))


@pytest.mark.parametrize("bits", [1, 5, 31])
def test_halves_go_to_even_in_the_integer_arithmetic_that_is_written(tmp_path, bits):
    """rescale by a sum: every tie, on both sides of 0."""
    attributes = {"a_scale": 2.0**-bits, "a_zero_point": 0, "b_scale": 2.0**-bits, "b_zero_point": 0, "y_scale": 1.0,
                  "y_zero_point": 3, "lowest": -100, "highest": 90}
    a, b = (each.astype(np.int8).reshape(-1) for each in np.meshgrid(np.arange(-128, 128), np.arange(-128, 128, 17)))
    given = tuple(Input(name, "int8", a.shape) for name in "ab")
    model = Model(Graph(given, ("y",), (Node("add_s8", ("a", "b"), ("y",), attributes, "sum"),)), {})
    ours.save(model, tmp_path / "a.onnx")
    found = ReferenceEvaluator(str(tmp_path / "a.onnx")).run(None, {"a": a, "b": b})[0]
    exact = np.clip(np.rint((a.astype(np.float64) + b) * 2.0**-bits) + 3, -100, 90) if bits < 24 else 3
    assert np.array_equal(found, model(a, b)) and np.all(found == exact)


@pytest.mark.parametrize("nodes, rule", [
    ([node("QuantizeLinear", ["x", "s"], ["q"]), node("Equal", ["q", "q"], ["y"])], "equal of values of uint8 is not"),
    ([node("QuantizeLinear", ["x", "s"], ["y"])], "output 'y': is of uint8, which is not known here"),
    ([node("QuantizeLinear", ["x", "many"], ["y"], axis=0)], "known here are int8 and uint8 with one scale"),
    ([node("QuantizeLinear", ["x", "x"], ["y"])], "known here are int8 and uint8 with one scale"),
    ([node("DequantizeLinear", ["q8", "x"], ["y"])], "has scales or zero points that are no tensors of the model"),
])
def test_other_grids_are_refused_by_their_node(tmp_path, nodes, rule):
    with pytest.raises(RefcompressError, match=rule):
        read(tmp_path, proto(nodes, {"x": [2]}, [tensor("s", np.float32(1)), tensor("many", np.float32([1, 2])),
                                                 tensor("q8", np.int8([1, 2]))]))

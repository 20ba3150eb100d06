"""Weights back into their ONNX model: nothing else changes, and integers with scales compute what dense weights do."""

import warnings

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx_models import TYPES, every_tensor, model, same_bits, saved, tensor_of

from refcompress.errors import ArgumentTypeError, LimitError, RefcompressError
from refcompress.formats import Quantized
from refcompress.models import onnx as ours
from refcompress.models.onnx import write
from refcompress.models.protobuf import block
from refcompress.models.source import Tensor
from refcompress.reference import csr_from_dense, quantize_pack

RNG = np.random.default_rng(17)
X = RNG.standard_normal((2, 6)).astype(np.float32)


def is_product(y, x, w):
    """Whether y is x @ w.T in float32, summed in any order: of k terms each meets at most k roundings.

    k u / (1 - k u) of the sum of absolute values (Higham, section 3.1) is below (k + 1) u for the sizes here.
    """
    exact, size = x.astype(np.float64) @ w.T.astype(np.float64), np.abs(x).astype(np.float64) @ np.abs(w.T)
    return (np.abs(y - exact) <= (x.shape[1] + 1) * 2.0**-24 * size).all()


def save(path, values: dict, **more):
    """Write values as Tensors, as the command line hands them in."""
    ours.save(path, {name: Tensor(name, value.shape, "", 0, lambda value=value: value)
                     for name, value in values.items()}, **more)


def matmul(w: np.ndarray, nodes=(), **more) -> onnx.ModelProto:
    """Return a model that multiplies x by the rows of w."""
    rows = [numpy_helper.from_array(np.int64([w.shape[0], -1]), "rows")]
    return model([numpy_helper.from_array(w, "w"), *rows], [
        *nodes, helper.make_node("Reshape", ["w", "rows"], ["matrix"]),
        helper.make_node("Transpose", ["matrix"], ["t"]), helper.make_node("MatMul", ["x", "t"], ["y"])], **more)


def outputs(path, x=X):
    made = onnx.load(path)
    onnx.checker.check_model(made, full_check=True)
    made.opset_import[0].version = max(19, made.opset_import[0].version)  # the evaluator's first DequantizeLinear
    return ReferenceEvaluator(made).run(None, {"x": x})[0]


def test_a_model_with_its_own_weights_is_the_same_file(tmp_path):
    tensors = [tensor_of(t, (3, 5), str(t), True, RNG) for t in TYPES]
    tensors += [helper.make_tensor("i", TensorProto.INT64, [3], [-1, 300, 0]),
                helper.make_tensor("s", TensorProto.STRING, [1], ["text"])]
    made = model(tensors)
    helper.set_model_props(made, {"author": "A"})
    path = tmp_path / "a.onnx"
    path.write_bytes(made.SerializeToString() + b"\xf2\x3f\x07unknown")  # a field 1022 that nobody knows
    with ours.open(path) as source:
        ours.save(tmp_path / "b.onnx", source, like=path, metadata=source.metadata)
    assert (tmp_path / "b.onnx").read_bytes() == path.read_bytes() and not ours.is_decoded(tmp_path / "b.onnx")


@pytest.mark.parametrize("raw", [True, False], ids=["raw_data", "typed fields"])
def test_other_weights_are_what_onnx_reads_and_the_rest_of_the_model_stays(tmp_path, raw):
    old = [tensor_of(t, (3, 5), str(t), raw, RNG) for t in TYPES]
    for tensor in old:
        tensor.doc_string = "kept"
    new = [tensor_of(t, (3, 5), str(t), True, RNG) for t in TYPES]
    path, other = saved(tmp_path / "a.onnx", model(old)), saved(tmp_path / "new.onnx", model(new))
    with ours.open(other) as source:
        ours.save(tmp_path / "b.onnx", source, like=path, metadata={"key": "word"}, decoded=True)
    written = onnx.load(tmp_path / "b.onnx")
    onnx.checker.check_model(written)
    for mine, wanted in zip(written.graph.initializer, new, strict=True):
        assert mine.raw_data == wanted.raw_data and (mine.dims, mine.data_type) == (wanted.dims, wanted.data_type)
        assert mine.doc_string == "kept"
        mine.CopyFrom(old[int(mine.name) - 1 - sum(t not in TYPES for t in range(1, int(mine.name)))])
    assert {p.key: p.value for p in written.metadata_props} == {"key": "word", "refcompress": "decoded"}
    del written.metadata_props[:]
    assert written == onnx.load(path) and ours.is_decoded(tmp_path / "b.onnx") and not ours.is_decoded(path)


def test_metadata_of_the_same_key_is_replaced(tmp_path):
    made = model()
    helper.set_model_props(made, {"a": "1", "b": "2"})
    save(tmp_path / "b.onnx", {}, like=saved(tmp_path / "a.onnx", made), metadata={"a": "3"})
    assert {p.key: p.value for p in onnx.load(tmp_path / "b.onnx").metadata_props} == {"b": "2", "a": "3"}


def test_external_weights_go_into_the_model_and_their_files_are_not_needed(tmp_path):
    tensor = numpy_helper.from_array(np.zeros((3, 2), np.float32), "w")
    onnx.external_data_helper.set_external_data(tensor, "gone.bin", 0, 24)
    tensor.ClearField("raw_data")
    path = saved(tmp_path / "a.onnx", model([tensor]))
    w = np.arange(6, dtype=np.float32).reshape(3, 2)
    save(tmp_path / "b.onnx", {"w": w}, like=path)
    (written,) = onnx.load(tmp_path / "b.onnx").graph.initializer
    assert written == numpy_helper.from_array(w, "w")


@pytest.mark.parametrize("number, rounded", [
    (TensorProto.FLOAT16, [1 + 2**-10, -0.0, 2**-23, -65504]), (TensorProto.BFLOAT16, [1, -0.0, 2**-23, -70144]),
    (TensorProto.DOUBLE, [1 + 2**-10 + 2**-20, -0.0, 2**-23, -7e4]),
], ids=["float16", "bfloat16", "float64"])
def test_float32_is_rounded_to_the_type_that_the_model_has(tmp_path, number, rounded):
    path = saved(tmp_path / "a.onnx", model([tensor_of(number, (4,), "w", True, RNG)]))
    save(tmp_path / "b.onnx", {"w": np.float32([1 + 2**-10 + 2**-20, -0.0, 2**-23, -7e4])}, like=path)
    array = numpy_helper.to_array(onnx.load(tmp_path / "b.onnx").graph.initializer[0]).astype(np.float64)
    assert array.tolist() == rounded and np.signbit(array[1])


def test_a_format_that_onnx_does_not_have_is_written_dense(tmp_path):
    w = np.float32([[0, 1], [2, 0]])
    save(tmp_path / "b.onnx", {"w": csr_from_dense(w)},
              like=saved(tmp_path / "a.onnx", model([numpy_helper.from_array(w * 3, "w")])))
    assert same_bits(w, numpy_helper.to_array(onnx.load(tmp_path / "b.onnx").graph.initializer[0]))


def quantized(shape, scale_shape, *, group=None, zero=True, bits=8, dtype=np.int8):
    half = 2 ** (bits - 1)
    scale = RNG.uniform(0.01, 2, scale_shape).astype(np.float32)
    values = (RNG.integers(-half, half, shape) if bits > 1 else RNG.choice([-1, 1], shape)).astype(dtype)
    zero_point = RNG.integers(-half, half, scale_shape).astype(dtype) if zero else np.zeros(scale_shape, dtype)
    q = Quantized(values, scale, zero_point, group)
    return quantize_pack(q, bits=bits) if bits < 8 else q


BIG = 40  # rows: below that integers with nodes and names are not smaller
CASES = {  # the value; the model's opset; the opset after, the type of the integers
    "one scale": (lambda: quantized((BIG, 6), (1, 1)), 21, 21, "INT8"),
    "one scale, opset 10": (lambda: quantized((BIG, 6), (1, 1)), 10, 10, "INT8"),
    "a scale a row raises the opset": (lambda: quantized((BIG, 6), (BIG, 1)), 11, 13, "INT8"),
    "no zero points": (lambda: quantized((BIG, 6), (BIG, 1), zero=False), 13, 13, "INT8"),
    "a scale a row": (lambda: quantized((BIG, 6), (BIG, 1)), 13, 13, "INT8"),
    "a scale a column": (lambda: quantized((BIG, 6), (1, 6)), 17, 17, "INT8"),
    "one axis": (lambda: quantized((240,), (240,), zero=False), 13, 13, None),
    "convolution": (lambda: quantized((BIG, 3, 2, 1), (BIG, 1, 1, 1)), 13, 13, "INT8"),
    "groups": (lambda: quantized((BIG, 6), (BIG, 2), group=3), 21, 21, "INT8"),
    "groups, the last one shorter": (lambda: quantized((BIG, 6), (BIG, 2), group=4, bits=4), 21, 21, "INT4"),
    "groups that all rows share": (lambda: quantized((BIG, 6), (1, 2), group=4), 21, 21, "INT8"),
    "groups before opset 21": (lambda: quantized((BIG, 6), (BIG, 2), group=3), 13, 13, "INT8"),
    "groups of a convolution": (lambda: quantized((BIG, 3, 2, 1), (BIG, 2), group=4, bits=4), 21, 21, "INT4"),
    "groups of a convolution before opset 21": (lambda: quantized((BIG, 3, 2, 1), (BIG, 2), group=3), 14, 14, "INT8"),
    "a group that is a row": (lambda: quantized((BIG, 6), (BIG, 1), group=6, bits=4), 21, 21, "INT4"),
    "int4 raises the opset": (lambda: quantized((BIG, 6), (1, 1), bits=4), 13, 21, "INT4"),
    "a shorter last group raises the opset": (lambda: quantized((BIG, 6), (BIG, 2), group=4), 14, 21, "INT8"),
    "three bits": (lambda: quantized((BIG, 6), (BIG, 1), bits=3), 22, 22, "INT4"),
    "two bits": (lambda: quantized((BIG, 6), (BIG, 1), bits=2), 25, 25, "INT2"),
    "one bit": (lambda: quantized((BIG, 6), (BIG, 1), bits=1, zero=False), 21, 21, "INT4"),
    "five bits": (lambda: quantized((BIG, 6), (BIG, 1), bits=5), 21, 21, "INT8"),
    "int16": (lambda: quantized((BIG, 6), (BIG, 1), dtype=np.int16, bits=12, zero=False), 21, 21, "INT16"),
}


@pytest.mark.parametrize("case", CASES)
def test_integers_with_scales_compute_what_dense_weights_do(tmp_path, case):
    make, opset, after, type = CASES[case]
    q = make()
    made = matmul(np.zeros(q.shape, np.float32), opset=opset, ir_version=8 if opset < 21 else 13)
    path = saved(tmp_path / "a.onnx", made)
    x = X if case != "one axis" else X[:, :1]
    rows = {"rows": np.int64([q.shape[0], -1])}
    save(tmp_path / "dense.onnx", {"w": q.dense(), **rows}, like=path)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        save(tmp_path / "integers.onnx", {"w": q, **rows}, like=path)
    assert np.array_equal(outputs(tmp_path / "dense.onnx", x), outputs(tmp_path / "integers.onnx", x))
    written = onnx.load(tmp_path / "integers.onnx")
    assert written.opset_import[0].version == after
    tensors = every_tensor(written)
    if type is None:
        assert "larger" in str(warned[0].message) and set(tensors) == {"w", "rows"}
        return
    assert not warned and "w" not in tensors
    assert tensors["w_quantized"].data_type == getattr(TensorProto, type)
    assert (tmp_path / "integers.onnx").stat().st_size < (tmp_path / "dense.onnx").stat().st_size
    assert (written.ir_version >= 10) or type == "INT8"


@pytest.mark.parametrize("case, rule", [
    ("two axes", "no such scales"), ("operator", "opset 13"), ("softmax", "opset 12"), ("training", "opset 13"),
    ("input", "input of the graph"), ("old", "opset 9"),
    ("float16", "another type"), ("function", "opset 13"), ("huge", "no such scales"),
])
def test_what_has_no_form_is_written_as_plain_weights_with_a_warning(tmp_path, case, rule):
    shape, opset, ir_version, more = (BIG, 6), 21, 10, {}
    q = quantized(shape, (BIG, 6) if case == "two axes" else (1, 1))
    if case in ("operator", "function", "training"):
        q, opset = quantized(shape, (BIG, 2), group=4), 13
    if case == "softmax":
        q, opset = quantized(shape, (BIG, 1)), 12
    nodes = [helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1])] if case == "operator" else []
    nodes += [helper.make_node("Softmax", ["x"], ["soft"])] if case == "softmax" else []
    if case == "training":
        nodes = [helper.make_node("BatchNormalization", ["x", "a", "a", "a", "a"], list("bcdef"))]
    if case == "function":
        more["functions"] = [helper.make_function("local", "f", ["a"], ["b"], [helper.make_node("Neg", ["a"], ["b"])],
                                                  [helper.make_opsetid("", 13)])]
    if case == "input":
        more["inputs"] = [helper.make_tensor_value_info("w", TensorProto.FLOAT, shape)]
    if case == "huge":
        q = Quantized(q.values, np.full((1, 1), 3e38, np.float32), q.zero_point)
    if case == "old":
        opset, ir_version = 9, 4
    made = matmul(np.zeros(shape, np.float16 if case == "float16" else np.float32), nodes, opset=opset,
                  ir_version=ir_version, **more)
    path = saved(tmp_path / "a.onnx", made)
    with pytest.warns(UserWarning, match=rule):
        save(tmp_path / "b.onnx", {"w": q, "rows": np.int64([BIG, -1])}, like=path)
    written = onnx.load(tmp_path / "b.onnx")
    assert set(every_tensor(written)) == {"w", "rows"} and written.opset_import[0].version == opset
    if case != "float16":
        assert same_bits(q.dense(), numpy_helper.to_array(written.graph.initializer[0]))


def test_batch_normalization_that_does_not_train_lets_the_opset_be_raised(tmp_path):
    ones = np.ones(6, np.float32)
    made = matmul(np.zeros((BIG, 6), np.float32), opset=13, ir_version=7, nodes=[
        helper.make_node("BatchNormalization", ["x", *["ones"] * 4], ["normal"])])
    made.graph.initializer.append(numpy_helper.from_array(ones, "ones"))
    values = {"w": quantized((BIG, 6), (BIG, 2), group=4, bits=4), "rows": np.int64([BIG, -1]), "ones": ones}
    save(tmp_path / "b.onnx", values, like=saved(tmp_path / "a.onnx", made))
    assert onnx.load(tmp_path / "b.onnx").opset_import[0].version == 21


def test_a_graph_may_have_its_tensors_before_its_nodes(tmp_path):
    made = matmul(np.zeros((BIG, 6), np.float32))
    more = numpy_helper.from_array(np.zeros((BIG, 7), np.float32), "more")
    w, rows = made.graph.initializer
    tensors = b"".join(block(5, tensor.SerializeToString()) for tensor in (w, more, rows))
    del made.graph.initializer[:]
    graph = block(7, tensors + made.graph.SerializeToString())
    made.ClearField("graph")
    path = tmp_path / "a.onnx"
    path.write_bytes(made.SerializeToString() + graph)
    q, other = quantized((BIG, 6), (BIG, 1)), quantized((BIG, 7), (BIG, 1))
    save(tmp_path / "b.onnx", {"w": q, "more": other, "rows": np.int64([BIG, -1])}, like=path)
    assert is_product(outputs(tmp_path / "b.onnx"), X, q.dense())
    assert len(onnx.load(tmp_path / "b.onnx").graph.node) == 3 + 2


def test_a_constant_becomes_nodes_in_its_place_and_new_names_are_free(tmp_path):
    q = quantized((BIG, 6), (BIG, 2), group=3, bits=4)
    nodes = [helper.make_node("Neg", ["x"], ["w_quantized"]),
             helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(np.zeros((BIG, 6), np.float32))),
             helper.make_node("Gemm", ["w_quantized", "w"], ["y"], transB=1)]
    path = saved(tmp_path / "a.onnx", model([], nodes))
    save(tmp_path / "dense.onnx", {"w": q.dense()}, like=path)
    save(tmp_path / "b.onnx", {"w": q}, like=path)
    assert np.array_equal(outputs(tmp_path / "dense.onnx"), outputs(tmp_path / "b.onnx"))
    assert "w_quantized_" in every_tensor(onnx.load(tmp_path / "b.onnx"))


def test_a_tensor_of_a_branch_becomes_integers_inside_of_the_branch(tmp_path):
    def branch(name):
        return helper.make_graph([helper.make_node("Gemm", ["x", "w"], ["out"], transB=1)], name, [],
                                 [helper.make_tensor_value_info("out", TensorProto.FLOAT, [None, None])],
                                 [numpy_helper.from_array(np.zeros((BIG, 6), np.float32), "w")])

    nodes = [helper.make_node("If", ["flag"], ["y"], then_branch=branch("then"), else_branch=branch("else"))]
    path = saved(tmp_path / "a.onnx", model([numpy_helper.from_array(np.array(True), "flag")], nodes))
    q, other = quantized((BIG, 6), (BIG, 1)), RNG.standard_normal((BIG, 6)).astype(np.float32)
    for then in (True, False):
        save(tmp_path / "b.onnx", {"w": q, "w#2": other, "flag": np.array(then)}, like=path)
        w = other if then else q.dense()  # the branch else comes first
        assert is_product(outputs(tmp_path / "b.onnx"), X, w)


@pytest.mark.parametrize("values, error, rule", [
    ({}, RefcompressError, "'w' is a tensor of it"),
    ({"w": np.zeros((2, 3), np.float32), "v": X}, RefcompressError, "'v' is no tensor"),
    ({"w": np.zeros((3, 2), np.float32)}, RefcompressError, "shape"),
    ({"w": np.zeros((2, 3), np.int32)}, ArgumentTypeError, "float32"), ([1], ArgumentTypeError, "mapping"),
])
def test_values_that_the_model_does_not_have_are_refused_and_the_old_file_stays(tmp_path, values, error, rule):
    path = saved(tmp_path / "a.onnx", model([numpy_helper.from_array(np.ones((2, 3), np.float32), "w")]))
    (tmp_path / "b.onnx").write_bytes(b"old")
    with pytest.raises(error, match=rule):
        ours.save(tmp_path / "b.onnx", values, like=path)
    with pytest.raises(ArgumentTypeError, match="metadata"):
        ours.save(tmp_path / "b.onnx", {"w": np.ones((2, 3), np.float32)}, like=path, metadata={"key": 1})
    assert (tmp_path / "b.onnx").read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 2


def test_no_model_without_an_original(tmp_path):
    with pytest.raises(RefcompressError, match="--like"):
        save(tmp_path / "b.onnx", {})


def test_a_graph_beyond_two_gigabytes_is_refused_before_it_is_written(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.onnx", model([numpy_helper.from_array(np.ones((2, 3), np.float32), "w")]))
    monkeypatch.setattr(write, "MAX_MODEL", path.stat().st_size - 1)
    with ours.open(path) as source, pytest.raises(LimitError, match="safetensors"):
        ours.save(tmp_path / "b.onnx", source, like=path)
    assert list(tmp_path.iterdir()) == [path]


def test_weights_beyond_two_gigabytes_go_to_a_file_beside_the_model(tmp_path, monkeypatch):
    tensors = [tensor_of(t, (30, 50), str(t), t % 2 == 0, RNG) for t in TYPES]
    made = matmul(np.ones((BIG, 6), np.float32))
    made.graph.initializer.extend(tensors)
    path = saved(tmp_path / "a.onnx", made)
    monkeypatch.setattr(write, "MAX_MODEL", 2**14)
    with ours.open(path) as source:
        save(tmp_path / "b.onnx", {name: tensor.read() for name, tensor in source.items()}, like=path)
        with ours.open(tmp_path / "b.onnx") as back:
            assert [f.rpartition("/")[2] for f in back.files] == ["b.onnx", "b.onnx.data"]
            for name, tensor in every_tensor(onnx.load(tmp_path / "b.onnx")).items():
                assert same_bits(back[name].read(), numpy_helper.to_array(tensor))
                assert same_bits(source[name].read(), numpy_helper.to_array(tensor))
    onnx.checker.check_model(tmp_path / "b.onnx")
    small = onnx.load(tmp_path / "b.onnx", load_external_data=False)
    assert (tmp_path / "b.onnx").stat().st_size < 2**14 and not every_tensor(small)["1"].HasField("raw_data")
    big = saved(tmp_path / "big.onnx", matmul(np.ones((BIG, 500), np.float32)))
    q = quantized((BIG, 500), (BIG, 1))
    save(tmp_path / "c.onnx", {"w": q, "rows": np.int64([BIG, -1])}, like=big)
    x = RNG.standard_normal((2, 500)).astype(np.float32)
    assert (tmp_path / "c.onnx").stat().st_size < 2**11
    assert is_product(outputs(tmp_path / "c.onnx", x), x, q.dense())


def test_the_files_of_the_original_are_not_written_over(tmp_path, monkeypatch):
    tensor = numpy_helper.from_array(np.zeros(1000, np.float32), "w")
    onnx.external_data_helper.set_external_data(tensor, "b.onnx.data", 0, 4000)
    tensor.ClearField("raw_data")
    path = saved(tmp_path / "a.onnx", model([tensor]))
    (tmp_path / "b.onnx.data").write_bytes(bytes(4000))
    monkeypatch.setattr(write, "MAX_MODEL", 2**10)
    with ours.open(path) as source, pytest.raises(RefcompressError, match="another name"):
        ours.save(tmp_path / "b.onnx", source, like=path)
    assert (tmp_path / "b.onnx.data").read_bytes() == bytes(4000) and not (tmp_path / "b.onnx").exists()


def test_what_is_no_model_is_not_decoded(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"not a model")
    assert not ours.is_decoded(tmp_path / "a.onnx") and not ours.is_decoded(tmp_path / "missing.onnx")

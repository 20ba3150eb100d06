"""The tensors of ONNX models: bit for bit what the package onnx reads, each one when it is asked for."""

import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import TYPES, every_tensor, model, same_bits, saved, tensor_of

from refcompress.container import files
from refcompress.errors import CorruptError, LimitError, RefcompressError
from refcompress.formats import ELEMENT_TYPES
from refcompress.models import onnx as ours

RNG = np.random.default_rng(16)


@pytest.mark.parametrize("raw", [True, False], ids=["raw_data", "typed fields"])
def test_every_type_is_what_onnx_reads(tmp_path, raw):
    shapes = [(), (1,), (3,), (2, 3, 5), (0, 4), (257,)]
    tensors = [tensor_of(t, shape, f"{t}{shape}", raw, RNG) for t in TYPES for shape in shapes]
    with ours.open(saved(tmp_path / "a.onnx", model(tensors))) as source:
        assert list(source) == [t.name for t in tensors] and source.kind == "onnx" and not source.left_out
        for theirs in tensors:
            tensor, array = source[theirs.name], numpy_helper.to_array(theirs)
            value = tensor.read()
            assert same_bits(value, array), theirs.name
            bits = ELEMENT_TYPES[tensor.type].bits
            assert tensor.shape == array.shape and tensor.nbytes == -(-array.size * bits // 8)
        assert {tensor.type for tensor in source.values()} == set(ELEMENT_TYPES)


def test_negative_elements_are_sign_extended_in_typed_fields(tmp_path):
    tensors = [helper.make_tensor("i8", TensorProto.INT8, [2], [-128, 127]),
               helper.make_tensor("i16", TensorProto.INT16, [2], [-32768, 32767]),
               helper.make_tensor("i32", TensorProto.INT32, [2], [-2**31, 2**31 - 1]),
               helper.make_tensor("i64", TensorProto.INT64, [2], [-2**63, 2**63 - 1])]
    with ours.open(saved(tmp_path / "a.onnx", model(tensors))) as source:
        for bits in (8, 16, 32, 64):
            assert source[f"i{bits}"].read().tolist() == [-2**(bits - 1), 2**(bits - 1) - 1]


def test_fields_that_are_not_packed_are_read_as_the_packed_ones(tmp_path):
    made = model([helper.make_tensor("f", TensorProto.FLOAT, [3], [1, 2, 3]),
                  helper.make_tensor("i", TensorProto.INT64, [3], [-1, 300, 0])])
    data = made.SerializeToString()
    floats, ints = np.float32([1, 2, 3]).tobytes(), b"\xff" * 9 + b"\1" + b"\xac\2" + b"\0"
    loose = ([b"\x25" + floats[i : i + 4] for i in (0, 4, 8)],
             [b"\x38" + ints[i:j] for i, j in ((0, 10), (10, 12), (12, 13))])
    assert b"\x22\x0c" + floats in data and b"\x3a\x0d" + ints in data
    parsed = onnx.ModelProto.FromString(data)
    for tensor, packed, parts in zip(parsed.graph.initializer, (b"\x22\x0c" + floats, b"\x3a\x0d" + ints), loose):
        bytes_ = tensor.SerializeToString().replace(packed, b"".join(parts))
        assert TensorProto.FromString(bytes_) == tensor
        grown = b"\x2a" + bytes([len(bytes_)]) + bytes_
        path = tmp_path / f"{tensor.name}.onnx"
        path.write_bytes(b"\x3a" + bytes([len(grown)]) + grown)  # a model of a graph of a tensor
        with ours.open(path) as source:
            assert same_bits(source[tensor.name].read(), numpy_helper.to_array(tensor))


def branches(name: str = "w") -> onnx.ModelProto:
    """Return a model with an initialiser and a Constant of the same names in both branches of an If, and a function."""
    def branch(value: float):
        return helper.make_graph(
            [helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.float32([value, 2]))),
             helper.make_node("Add", [name, "c"], ["out"])], "branch", [],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, [None, None])],
            [numpy_helper.from_array(np.float32([value, value]), name)])

    nodes = [helper.make_node("If", ["flag"], ["y"], then_branch=branch(3), else_branch=branch(4))]
    function = helper.make_function(
        "local", "f", ["a"], ["b"],
        [helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.float32(9))),
         helper.make_node("Mul", ["a", "c"], ["b"])], [helper.make_opsetid("", 21)])
    return model([numpy_helper.from_array(np.array(True), "flag")], nodes, functions=[function])


def test_tensors_of_subgraphs_constants_and_functions_are_read_and_a_name_used_before_gets_a_number(tmp_path):
    made = branches()
    onnx.checker.check_model(made)
    with ours.open(saved(tmp_path / "a.onnx", made)) as source:
        read = {name: tensor.read().tolist() for name, tensor in source.items()}
    assert read == {"c": [4, 2], "w": [4, 4], "c#2": [3, 2], "w#2": [3, 3], "flag": True, "c#3": 9.0}


def test_what_is_not_read_is_listed_with_its_reason(tmp_path):
    sparse = helper.make_sparse_tensor(numpy_helper.from_array(np.float32([1]), "sparse"),
                                       numpy_helper.from_array(np.int64([0])), [3])
    segment = numpy_helper.from_array(np.float32([1]), "segment")
    segment.segment.begin, segment.segment.end = 0, 1
    tensors = [helper.make_tensor("s", TensorProto.STRING, [1], ["text"]), segment, helper.make_tensor(
        "c", TensorProto.COMPLEX128, [1], [1j]), numpy_helper.from_array(np.float32([1]), "w")]
    strange = numpy_helper.from_array(np.float32([1]), "t")
    strange.data_type = 99
    made = model([*tensors, strange], sparse_initializer=[sparse])
    with ours.open(saved(tmp_path / "a.onnx", made)) as source:
        assert list(source) == ["w"] and set(source.left_out) == {"s", "segment", "c", "t", "sparse"}
        assert "strings" in source.left_out["s"] and "99" in source.left_out["t"]


def test_a_tensor_is_read_alone_when_it_is_asked_for(tmp_path, monkeypatch):
    tensors = [numpy_helper.from_array(np.full(500_000, i, np.float32), str(i)) for i in range(4)]
    path, counts = saved(tmp_path / "a.onnx", model(tensors)), []
    fill = files.Opened.fill
    monkeypatch.setattr(
        files.Opened, "fill", lambda self, start, view: counts.append(len(view)) or fill(self, start, view))
    with ours.open(path) as source:
        assert sum(counts) < 2**19 and max(counts) <= 2**16
        counts.clear()
        assert source["2"].read()[-1] == 2 and counts == [2_000_000]


def external(folder, **entries):
    """Write a model whose tensors a, b and c lie in w.bin: a and b at the same bytes."""
    tensors = []
    for name, offset in (("a", 8), ("b", 8), ("c", 20)):
        tensor = numpy_helper.from_array(np.zeros(3, np.float32), name)
        onnx.external_data_helper.set_external_data(
            tensor, **{"location": "w.bin", "offset": offset, "length": 12, **entries})
        tensor.ClearField("raw_data")
        tensors.append(tensor)
    (folder / "w.bin").write_bytes(np.arange(8, dtype=np.float32).tobytes())
    return saved(folder / "m.onnx", model(tensors))


def test_external_tensors_are_what_onnx_reads_and_tied_ones_have_one_place(tmp_path):
    path = external(tmp_path)
    loaded = every_tensor(onnx.load(path))
    with ours.open(path) as source:
        assert all(same_bits(source[name].read(), numpy_helper.to_array(loaded[name])) for name in "abc")
        assert source["a"].place == source["b"].place != source["c"].place and source["a"].place is not None
        assert [os.path.basename(name) for name in source.files] == ["m.onnx", "w.bin"]
        (tmp_path / "w.bin").write_bytes(b"short")
        with pytest.raises(CorruptError, match="changed"):
            source["a"].read()


def test_an_offset_and_a_length_that_are_missing_are_0_and_what_the_shape_says(tmp_path):
    with ours.open(external(tmp_path, offset=None, length=None)) as source:
        assert source["c"].read().tolist() == [0, 1, 2]


@pytest.mark.parametrize("entries, rule", [
    ({"location": "../w.bin"}, "folder"), ({"location": "/etc/passwd"}, "folder"), ({"location": ""}, "folder"),
    ({"location": "a/../w.bin"}, "folder"), ({"location": "none.bin"}, "cannot be opened"),
    ({"location": "."}, "cannot be opened"), ({"location": "w\0.bin"}, "folder"), ({"offset": 24}, "has 32"),
    ({"offset": 2**64}, "has 32"), ({"length": 8}, "says 12"), ({"length": 2**63}, "says 12"),
    ({"offset": "-4"}, "no number"), ({"offset": " 8"}, "no number"), ({"length": "1" * 5000}, "no number"),
], ids=str)
def test_external_data_outside_of_its_folder_or_file_is_refused(tmp_path, entries, rule):
    folder = tmp_path / "model"
    folder.mkdir()
    path = folder / "m.onnx"
    external(folder)
    made = onnx.ModelProto.FromString(path.read_bytes())
    for entry in made.graph.initializer[0].external_data:
        if entry.key in entries:
            entry.value = str(entries[entry.key])
    saved(path, made)
    with pytest.raises(RefcompressError, match=rule) as refused:
        ours.open(path)
    assert "'a'" in str(refused.value) and "m.onnx" in str(refused.value)


def test_a_link_inside_of_the_folder_is_followed_and_one_that_leaves_it_is_refused(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    path = external(folder)
    (folder / "w.bin").rename(folder / "there.bin")
    (folder / "w.bin").symlink_to("there.bin")
    with ours.open(path) as source:
        assert source["c"].read()[0] == 5
    (folder / "there.bin").rename(tmp_path / "outside.bin")
    (folder / "w.bin").unlink()
    (folder / "w.bin").symlink_to(tmp_path / "outside.bin")
    with pytest.raises(RefcompressError, match="cp -rL"):
        ours.open(path)


def test_a_tensor_beyond_the_limit_is_refused(tmp_path):
    path = saved(tmp_path / "a.onnx", model([numpy_helper.from_array(np.zeros(100, np.float32), "w")]))
    with ours.open(path, limit=400) as source:
        assert len(source) == 1
    with pytest.raises(LimitError, match="'w' has 400 bytes"):
        ours.open(path, limit=399)


def test_metadata_is_the_models_own(tmp_path):
    made = model()
    helper.set_model_props(made, {"author": "A", "license": "L"})
    with ours.open(saved(tmp_path / "a.onnx", made)) as source:
        assert source.metadata == {"author": "A", "license": "L"} and len(source) == 0

"""ONNX files that lie: the tensors that the package onnx reads too, or one refusal by name; nothing else."""

import tracemalloc

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx_models import every_tensor, model, same_bits, saved, tensor_of

from refcompress.errors import CorruptError, LimitError, RefcompressError
from refcompress.models import onnx as ours
from refcompress.models.onnx import graphs
from refcompress.models.protobuf import block, header, integer, varint

RNG = np.random.default_rng(18)
W = np.float32([[1, 2, 3], [4, 5, 6]])


def sample() -> bytes:
    """Return a small model with all ways in which tensors are stored."""
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.float32([1, 2])))], "branch", [],
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, [2])], [numpy_helper.from_array(np.int8([5]), "v")])
    nodes = [helper.make_node("If", ["flag"], ["y"], then_branch=branch, else_branch=branch)]
    tensors = [numpy_helper.from_array(W, "w"), helper.make_tensor("i", TensorProto.INT64, [2], [-1, 300]),
               *(tensor_of(t, (3,), f"t{t}", raw, RNG) for t, raw in (
                   (TensorProto.INT4, False), (TensorProto.BFLOAT16, False), (TensorProto.FLOAT6E2M3, True),
                   (TensorProto.FLOAT, False)))]
    made = model(tensors, nodes)
    helper.set_model_props(made, {"key": "word"})
    return made.SerializeToString()


SAMPLE = sample()
MUTATIONS = st.lists(st.tuples(st.sampled_from(["flip", "cut", "insert", "copy"]), st.integers(0, len(SAMPLE) - 1),
                               st.integers(1, 255), st.integers(1, 12)), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("onnx")


@given(several=st.lists(MUTATIONS, min_size=4, max_size=4))
def test_a_damaged_model_has_the_tensors_that_onnx_reads_or_is_refused(folder, several):
    for mutations in several:
        data = bytearray(SAMPLE)
        for kind, at, byte, count in mutations:
            at %= len(data)
            if kind == "flip":
                data[at] ^= byte
            elif kind == "cut":
                del data[at : at + count]
            else:
                data[at:at] = bytes([byte] * count) if kind == "insert" else data[at : at + 4 * count]
        read_or_refused(folder / "m.onnx", bytes(data))


def read_or_refused(path, data: bytes):
    path.write_bytes(data)
    try:
        with ours.open(path) as source:
            read = {name: tensor.read() for name, tensor in source.items()}
            ours.save(path.with_name("again.onnx"), source, like=path)
    except RefcompressError:
        return
    with ours.open(path.with_name("again.onnx")) as again:  # what is read can be written, and is the same then
        assert all(same_bits(again[name].read(), np.asarray(value) if isinstance(value, np.ndarray) else value.patterns)
                   for name, value in read.items())
    try:
        wanted = every_tensor(onnx.ModelProto.FromString(data))
        arrays = {name: numpy_helper.to_array(wanted[name]) for name in read if "#" not in name}
    except Exception:  # whatever the package raises for what it does not read
        return
    assert all(same_bits(read[name], array) for name, array in arrays.items())


def graph(*fields: bytes) -> bytes:
    return block(7, b"".join(fields))


def tensor(*, name: bytes = b"w", dims=(2, 3), data_type: int = 1, more: bytes = block(9, W.tobytes())) -> bytes:
    return block(5, b"".join(integer(1, n) for n in dims) + integer(2, data_type) + block(8, name) + more)


def nested(depth: int) -> bytes:
    """Return a graph in a graph, and so on."""
    inside = b""
    for _ in range(depth):
        inside = block(1, block(5, block(6, inside)))
    return inside


LIES = {
    "empty": (b"", "no ONNX model"),
    "two graphs": (graph() + graph(), "2 graphs"),
    "a size that is negative": (graph(tensor(dims=(-2, 3))), "negative size, -2"),
    "sizes whose product overflows": (graph(tensor(dims=(2**62, 2**62))), "2\\*\\*63"),
    "sizes whose product is 0 after an overflow": (graph(tensor(dims=(2**62, 2**62, 0))), "2\\*\\*63"),
    "too many sizes": (graph(tensor(dims=(1,) * 33)), "32 dimensions"),
    "sizes without bytes": (graph(tensor(dims=(2**28,))), "raw_data"),
    "nothing for a shape": (graph(tensor(more=b"")), "too few"),
    "raw_data that is too short": (graph(tensor(more=block(9, W.tobytes()[:-1]))), "23 bytes of raw_data"),
    "raw_data that is too long": (graph(tensor(more=block(9, W.tobytes() + b"\0"))), "25 bytes of raw_data"),
    "raw_data twice": (graph(tensor(more=block(9, W.tobytes()) * 2)), "twice"),
    "elements in two fields": (graph(tensor(more=block(9, W.tobytes()) + block(4, W.tobytes()))), "fields"),
    "elements in another type's field": (graph(tensor(more=block(5, b"\1" * 6))), "fields"),
    "a float that is cut off": (graph(tensor(more=block(4, W.tobytes()[:-2]))), "cut off"),
    "too few varints": (graph(tensor(data_type=7, more=block(7, b"\1" * 5))), "too few"),
    "more bytes than varints": (graph(tensor(data_type=7, more=block(7, b"\1" * 7))), "more than 6"),
    "fewer varints than bytes": (graph(tensor(data_type=7, more=block(7, b"\x80\1" * 5))), "5 elements"),
    "a varint that is cut off": (graph(tensor(data_type=7, more=block(7, b"\1" * 6 + b"\x80"))), "more than 6|cut off"),
    "a varint of eleven bytes": (graph(tensor(data_type=7, more=block(7, b"\1" * 5 + b"\xff" * 10 + b"\1"))),
                                 "64 bits"),
    "a varint of 65 bits": (graph(tensor(data_type=7, more=block(7, b"\1" * 5 + b"\xff" * 9 + b"\2"))), "64 bits"),
    "an int8 of 300": (graph(tensor(data_type=3, more=block(5, b"\1" * 5 + varint(300)))), "300 where 8 bits"),
    "an int8 of -129": (graph(tensor(data_type=3, more=block(5, b"\1" * 5 + varint(2**64 - 129)))), "-129 where 8"),
    "an fp6 of 64": (graph(tensor(data_type=27, more=block(5, b"\1" * 5 + varint(64)))), "64 where 6 bits"),
    "a uint32 of 33 bits": (graph(tensor(data_type=12, more=block(11, b"\1" * 5 + varint(2**32)))), "32 bits"),
    "a name twice": (graph(tensor(), tensor()), "another one"),
    "no name": (graph(tensor(name=b"")), "no name"),
    "a name that is not UTF-8": (graph(tensor(name=b"\xff")), "UTF-8"),
    "a name of a megabyte": (graph(tensor(name=b"n" * 2**20)), "the limit is"),
    "a key of eleven bytes": (b"\xff" * 11, "64 bits"),
    "field number 0": (b"\0\0", "number 0"),
    "a group": (b"\x0b\x0c", "wire type 3"),
    "the end of a group": (b"\x0c", "wire type 4"),
    "wire type 7": (b"\x0f\0", "wire type 7"),
    "a length beyond the file": (header(7, 5) + b"\1", "announces 5 bytes, 1 are left"),
    "a length of 2**64": (b"\x3a" + b"\xff" * 9 + b"\2", "64 bits"),
    "a tensor beyond its graph": (block(7, header(5, 99) + b"\0" * 9) + block(100, b"\0" * 200), "announces 99 bytes"),
    "a number for a graph": (integer(7, 1), "wire type 0"),
    "a number for raw_data": (graph(tensor(more=integer(9, 1))), "wire type 0"),
    "graphs in graphs": (graph(nested(40)), "depth"),
    "a Constant of two tensors": (graph(block(1, block(2, b"c") + block(4, b"Constant") + 2 * block(
        5, block(1, b"value") + block(5, b"")))), "2 tensors"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_refused_by_a_rule_that_names_the_file(tmp_path, lie):
    data, rule = LIES[lie]
    path = tmp_path / "lie.onnx"
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises((CorruptError, LimitError), match=rule) as refused:
        with ours.open(path) as source:
            for tensor in source.values():
                tensor.read()
    assert tracemalloc.get_traced_memory()[1] < 2**22 + 4 * len(data)
    tracemalloc.stop()
    assert "lie.onnx" in str(refused.value)


def test_twenty_thousand_graphs_in_graphs_do_not_reach_the_stack_of_python(tmp_path):
    path, sizes = tmp_path / "deep.onnx", 0
    heads = []
    for _ in range(20_000):  # from the inside out, by lengths alone
        for number in (6, 5, 1):
            heads.append(header(number, sizes))
            sizes += len(heads[-1])
    path.write_bytes(header(7, sizes) + b"".join(reversed(heads)))
    with pytest.raises(LimitError, match="depth"):
        ours.open(path)


def test_a_model_that_shrinks_after_it_was_opened_is_refused(tmp_path):
    path = saved(tmp_path / "m.onnx", model([numpy_helper.from_array(W, "w")]))
    with ours.open(path) as source:
        path.write_bytes(b"")
        with pytest.raises(CorruptError, match="changed"):
            source["w"].read()


def test_more_tensors_than_any_model_has_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(graphs, "MAX_TENSORS", 3)
    path = tmp_path / "m.onnx"
    path.write_bytes(graph(*(tensor(name=name) for name in (b"1", b"2", b"3"))))
    with ours.open(path) as source:
        assert len(source) == 3
    path.write_bytes(graph(*(tensor(name=name) for name in (b"1", b"2", b"3", b"4"))))
    with pytest.raises(LimitError, match="3 tensors"):
        ours.open(path)


def test_a_name_that_many_graphs_have_costs_no_more_than_others(tmp_path):
    tensors = block(1, block(5, block(6, tensor())))
    path = tmp_path / "m.onnx"
    path.write_bytes(graph(tensors * 3000))
    with ours.open(path) as source:
        assert len(source) == 3000 and "w#3000" in source

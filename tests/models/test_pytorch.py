"""Checkpoints of PyTorch: every tensor that a state dict can hold is read; nothing that a pickle asks for is run."""

import os
import struct
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch_bytes import ORDERED, V2, Built, Call, Global, Outside, archive, dumped, steps, storage, tensor

from refcompress import CorruptError, LimitError, Plain, RefcompressError, models
from refcompress.formats import ELEMENT_TYPES
from refcompress.models import pytorch
from refcompress.models.pytorch_views import DTYPES

RNG = np.random.default_rng(0)
A = np.arange(24, dtype=np.float32)


def write(path, value, storages=None, **how):
    pickle = b"\x80\2" + value + b"." if isinstance(value, bytes) else dumped(value)
    path.write_bytes(archive(pickle, {"0": A.tobytes()} if storages is None else storages, **how))
    return path


def test_a_state_dict_is_read_in_its_order_and_tied_tensors_have_one_place(tmp_path):
    held = storage("0", 24)
    state = Built(Call(Global("collections", "OrderedDict"), ()), {"_metadata": {"": {"version": 1}}})
    checkpoint = {"model": {"b.weight": tensor(held, (4, 6)), "tied": tensor(held, (4, 6)),
                            "t": tensor(held, (6, 4), (1, 6)), "every other": tensor(held, (2, 3), (12, 2), 1),
                            "scalar": tensor(held, (), offset=23), "other": tensor(held, (), offset=22),
                            "none": tensor(held, (0, 3)),
                            "expanded": tensor(held, (3, 2), (0, 1))},
                  "buffers": [tensor(held, (24,)), state], "epoch": 3, "lr": 1e-3, "name": "x", "done": None}
    with models.open(write(tmp_path / "a.pt", checkpoint)) as source:
        arrays = {name: each.read() for name, each in source.items()}
        a = A.reshape(4, 6)
        wanted = {"model.b.weight": a, "model.tied": a, "model.t": a.T, "model.every other": A[1:].reshape(-1)[[
            [0, 2, 4], [12, 14, 16]]], "model.scalar": A[23], "model.other": A[22],
            "model.none": np.zeros((0, 3), np.float32),
            "model.expanded": np.broadcast_to(A[:2], (3, 2)), "buffers.0": A}
        assert list(source) == list(wanted) and source.kind == "torch"
        for name, array in arrays.items():
            assert array.flags.c_contiguous and array.dtype == np.float32 and array.shape == source[name].shape
            assert np.array_equal(array, wanted[name]) and source[name].nbytes == array.nbytes
        assert list(source.left_out) == ["epoch", "lr", "name", "done"]
        places = [each.place for each in source.values()]
        assert places[0] == places[1] and len(set(places)) == len(places) - 1


@pytest.mark.parametrize("torch_name", DTYPES)
@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_every_dtype_is_read_from_both_byte_orders(tmp_path, torch_name, byteorder):
    """_rebuild_tensor_v3 names the dtype, and its storage is of bytes."""
    kind = DTYPES[torch_name]
    item = max(1, ELEMENT_TYPES[kind].bits // 8)
    data = RNG.integers(0, 2 if kind == "bool" else 256, (6, item), np.uint8)
    stored = data if byteorder == "little" else data[:, ::-1]
    if kind == "complex64" and byteorder == "big":
        stored = data.reshape(6, 2, 4)[:, :, ::-1]
    held = storage("0", 6 * item, "UntypedStorage")
    call = Call(Global("torch._utils", "_rebuild_tensor_v3"), (held, 0, (3, 2), (1, 3), False, ORDERED,
                                                              Global("torch", torch_name)))
    with models.open(write(tmp_path / "a.bin", {"w": call}, {"0": stored.tobytes()}, byteorder=byteorder)) as source:
        value, ordered = source["w"].read(), np.ascontiguousarray(data.reshape(2, 3, item).transpose(1, 0, 2))
    if kind == "fp4_e2m1":
        patterns = np.stack([ordered & 15, ordered >> 4], axis=-1).reshape(3, 4)
    else:
        patterns = ordered.reshape(-1).view(ELEMENT_TYPES[kind].pattern).reshape(3, 2)
    assert (value if isinstance(value, Plain) else Plain.of(value)) == Plain(patterns, kind)


@pytest.mark.parametrize("kind", pytorch.STORAGES)
def test_every_storage_of_an_element_type_is_read(tmp_path, kind):
    element = ELEMENT_TYPES[pytorch.STORAGES[kind]]
    data = RNG.integers(0, 2, 3 * element.bits // 8, np.uint8).tobytes()
    path = write(tmp_path / "a.pt", [tensor(storage("k", 3, kind), (3,))], {"k": data}, byteorder=None)
    with models.open(path) as source:
        value = source["0"].read()
        assert source["0"].type == element.name
        assert (value.patterns if isinstance(value, Plain) else value).tobytes() == data


def test_parameters_subclasses_of_dict_and_torchscript_are_read(tmp_path):
    held = storage("0", 24)
    module = Call(Global("__torch__.net", "Net"), (), b"\x81")
    parameter = Call(Global("torch._utils", "_rebuild_parameter"), (tensor(held, (24,)), True, ORDERED))
    value = Built(module, {"training": True, "conv": Built(module, {"weight": parameter}),
                           "sizes": Call(Global("torch.jit._pickle", "build_intlist"), ([1, 2],))})
    with models.open(write(tmp_path / "a.jit", value, prefix="net")) as source:
        assert list(source) == ["conv.weight"] and np.array_equal(source["conv.weight"].read(), A)
        assert list(source.left_out) == ["training", "sizes.0", "sizes.1"]
    with models.open(write(tmp_path / "a.pt", tensor(held, (24,)))) as source:
        assert list(source) == ["tensor"]


def test_a_deflated_archive_and_one_without_checksums_are_read_and_a_wrong_checksum_is_refused(tmp_path):
    value = {"w": tensor(storage("0", 24), (4, 6)), "part": tensor(storage("0", 24), (2,), offset=20)}
    path = write(tmp_path / "a.pt", value, method=zipfile.ZIP_DEFLATED)
    with models.open(path) as source:
        assert np.array_equal(source["w"].read(), A.reshape(4, 6)) and np.array_equal(source["part"].read(), A[20:22])
    data = write(path, value).read_bytes()
    for names, good in (([b"archive/data/0"], False), ([b"archive/version"], False),
                        ([b"archive/data.pkl", b"archive/byteorder", b"archive/version", b"archive/data/0"], True)):
        changed = bytearray(data)
        for name in names:  # the checksum stands 30 bytes before the name in the directory
            at = data.rindex(name) - 30
            changed[at : at + 4] = b"none"
        path.write_bytes(changed)
        if good:
            assert np.array_equal(models.load(path)["w"], A.reshape(4, 6))
        else:
            with pytest.raises(CorruptError, match="checksum"):
                models.load(path)


OK = storage("0", 24)
ASKS = {
    "os.system": (Call(Global("os", "system"), ("touch run",)), "asks for 'os.system', which is no tensor"),
    "a function that is only named": (Global("builtins", "eval"), "asks for 'builtins.eval'"),
    "by STACK_GLOBAL": (b"X\2\0\0\0osX\6\0\0\0system\x93", "asks for 'os.system'"),
    "a whole model": (Call(Global("torch.nn", "Linear"), (), b"\x81"), "'torch.nn.Linear'.* state_dict"),
    "a quantized tensor": (Call(Global("torch._utils", "_rebuild_qtensor"), ()), "a quantized tensor"),
    "a sparse tensor": (Call(Global("torch._utils", "_rebuild_sparse_tensor"), ()), "a sparse tensor"),
    "a storage of quantized elements": (tensor(storage("0", 24, "QInt8Storage"), (24,)), "QInt8Storage"),
    "a loader of bytes": (Call(Global("torch.storage", "_load_from_bytes"), ("x",)), "no tensor"),
    "a call of a text": (b"X\1\0\0\0x)R", "calls a str"),
    "a call of a dtype": (Call(Global("torch", "float32"), ()), "no function"),
    "a conjugated view": (tensor(OK, (24,), metadata={"conj": True}), "resolve_conj"),
    "a storage beyond the archive": (tensor(storage("../0", 24), (24,)), "no member 'archive/data/../0'"),
    "a storage of another size": (tensor(storage("0", 23), (23,)), "96 bytes for 23"),
    "a storage of a negative size": (tensor(storage("0", -24), (23,)), "96 bytes for -24"),
    "a storage that is none": (tensor(Outside(("module", 1)), (24,)), "announced as none"),
    "a storage by text": (tensor(Outside("0"), (24,)), "announced as none"),
    "a tensor beyond its storage": (tensor(OK, (25,)), "reaches beyond the 24"),
    "an offset beyond its storage": (tensor(OK, (2,), offset=23), "reaches beyond the 24"),
    "strides beyond its storage": (tensor(OK, (2, 2), (23, 1)), "reaches beyond the 24"),
    "a negative stride": (tensor(OK, (2,), (-1,), 5), "stride"),
    "a negative offset": (tensor(OK, (2,), offset=-1), "offset"),
    "a negative size": (tensor(OK, (-2,)), "does not read"),
    "a shape that overflows": (tensor(OK, (2**62, 4), (0, 0)), "2\\*\\*63"),
    "a shape that repeats one element for ever": (tensor(OK, (2**30,), (0,)), "repeats"),
    "33 dimensions": (tensor(OK, (1,) * 33), "33 sizes"),
    "sizes without strides": (tensor(OK, (2, 2), (1,)), "2 sizes and 1 strides"),
    "a bool for a size": (tensor(OK, (True,)), "bool"),
    "a tensor of too few arguments": (Call(V2, (OK,)), "does not read"),
    "a tensor of no storage": (Call(V2, (None, 0, (1,), (1,), False, ORDERED)), "does not read"),
    "two tensors of one name": ({"x": {"y": tensor(OK, (1,))}, "x.y": tensor(OK, (2,))}, "two .* the name 'x.y'"),
    "a dict with a tuple for a key": (b"})\x85Ns", "key that is a tuple"),
    "a dict in itself": (b"}q\0X\1\0\0\0ah\0s", "without end"),
    "no value": (b"", "no value"), "two values": (b"NN", "behind"), "a mark alone": (b"(", "no value"),
    "no mark": (b"Nt", "no mark"), "a value that was never kept": (b"h\7", "never kept"),
    "a text that is cut off": (b"X\xff\xff\xff\xff" + b"abc", "announces"), "no STOP": (b"X\1\0\0\0", "announces"),
    "items of a number": (b"K\1NNs", "another kind"), "a step of an old protocol": (b"I1\n", "step b'I'"),
    "code of an extension registry": (b"\x82\1", "step"), "a text that is not UTF-8": (b"X\1\0\0\0\xff", "UTF-8"),
    "a key without a value": (b"}(Nu", "without a value"),
}


@pytest.mark.parametrize("kind", ASKS)
def test_whatever_a_pickle_asks_for_but_tensors_is_refused_by_name(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    value, rule = ASKS[kind]
    write(tmp_path / "a.pt", value)
    with pytest.raises(CorruptError, match=rule) as caught:
        models.open("a.pt")
    assert "\n" not in str(caught.value) and os.listdir() == ["a.pt"]


KEPT = steps({f"{i}": tensor(OK, (1,)) for i in range(100)}) + b"q\x07"
LONG = b"}q\0(" + b"".join(b"J" + struct.pack("<i", i) + b"N" for i in range(1000)) + b"u0("
BOMBS = {
    "dicts that double": b"(}" + b"".join(b"r" + struct.pack("<I", i) + b"}(X\1\0\0\0aj" + struct.pack("<I", i)
                                        + b"X\1\0\0\0bj" + struct.pack("<I", i) + b"u" for i in range(60)) + b"l",
    "tuples that double": b"N" + b"2\x86" * 3000,
    "a list in a list in a list": b"]" * 5000 + b"a" * 4999,
    "empty dicts and nothing else": b"(" + b"}" * 20_000 + b"l",
    "copies of one long dict": LONG + b"ccollections\nCounter\nq\1h\0\x85R" + b"h\1h\0\x85R" * 1000 + b"l",
    "objects with one long state": LONG + b"c__torch__.a\nB\nq\1)\x81h\0b" + b"h\1)\x81h\0b" * 1000 + b"l",
    "long names of parts that are shared": steps({"first": KEPT, **{f"{i}".rjust(4000): b"h\x07" for i in range(40)}}),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_pickle_costs_in_proportion_to_its_bytes(tmp_path, kind):
    path = write(tmp_path / "a.pt", BOMBS[kind])
    begun = time.process_time()
    tracemalloc.start()
    try:
        models.open(path).close()
    except CorruptError:
        assert "empty" not in kind
    else:
        assert kind.startswith(("empty", "copies", "objects"))
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 2**20 + 120 * path.stat().st_size  # an empty dict, a byte in the pickle, has 64 and its pointers
    assert time.process_time() - begun < 10


def test_a_checkpoint_without_an_archive_is_refused_with_what_to_type(tmp_path):
    (tmp_path / "old.pth").write_bytes(b"\x80\2\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\2M\xe9\3.")
    with pytest.raises(RefcompressError, match=r"""python -c 'import torch; .*old.pth", .*old.zip.pth"\)'$"""):
        models.open(tmp_path / "old.pth")


@pytest.mark.parametrize("data, rule", [
    (archive(dumped({}), {}, prefix="a/b"), "0 members data.pkl"),
    (archive(dumped({}), {}, byteorder="middle"), "'middle'"),
    (archive(b"\x80\2}." + bytes(2**24), {}), "at most"), (archive(dumped({}), {})[:-9], "directory"),
])
def test_an_archive_that_is_no_checkpoint_is_refused(tmp_path, data, rule):
    (tmp_path / "a.pt").write_bytes(data)
    with pytest.raises(CorruptError, match=rule):
        models.open(tmp_path / "a.pt")


def test_a_sharded_checkpoint_of_pytorch_is_read_by_its_index(tmp_path):
    for shard, name in (("pytorch_model-00001-of-00002.bin", "a"), ("pytorch_model-00002-of-00002.bin", "b")):
        write(tmp_path / shard, {name: tensor(OK, (24,))})
    (tmp_path / "pytorch_model.bin.index.json").write_text(
        '{"weight_map":{"a":"pytorch_model-00001-of-00002.bin","b":"pytorch_model-00002-of-00002.bin"}}')
    with models.open(tmp_path) as source:
        assert list(source) == ["a", "b"] and source.kind == "torch" and source["a"].place != source["b"].place


def test_only_what_is_asked_for_is_read_and_a_limit_is_kept(tmp_path):
    big = np.zeros(2**20, np.float32)
    value = {"w": tensor(storage("0", 2**20), (1024, 1024)), "row": tensor(storage("0", 2**20), (1024,), offset=1024)}
    path = write(tmp_path / "a.pt", value, {"0": big.tobytes()})
    tracemalloc.start()
    with models.open(path) as source:
        assert source["row"].read().nbytes == 4096 and tracemalloc.get_traced_memory()[1] < 300_000
        assert source["w"].read().nbytes == big.nbytes and tracemalloc.get_traced_memory()[1] < 1.2 * big.nbytes
    tracemalloc.stop()
    with pytest.raises(LimitError, match="'w'"):
        models.open(path, limit=big.nbytes - 1)


@given(st.data())
def test_a_changed_checkpoint_has_the_same_elements_or_is_refused_by_name(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("pt") / "a.pt"
    pickle = dumped({"w": tensor(OK, (6, 4), (1, 6)), "n": {"b": tensor(OK, (24,))}, "i": 1})
    good = archive(pickle, {"0": A.tobytes()})
    inside = data.draw(st.booleans())  # a change of the pickle whose checksum is right again
    whole = pickle if inside else good
    at = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(at, min(len(whole), at + 3)))
    changed = whole[:at] + data.draw(st.binary(max_size=3)) + whole[end:]
    path.write_bytes(archive(changed, {"0": A.tobytes()}) if inside else changed)
    try:
        back = models.load(path)
    except RefcompressError:
        return
    if not inside:
        assert all(array.tobytes() in (A.tobytes(), A.reshape(4, 6).T.tobytes()) for array in back.values())

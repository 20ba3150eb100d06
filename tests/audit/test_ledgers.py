"""The ledger of anybody's file: each byte is in one row, in the right one, and no value is read for it."""

import json
import math
import os
import struct
import tracemalloc

import numpy as np
import pytest
import torch_bytes as torch
from model_files import FILES, all_files, size_of

from refcompress import CorruptError, RefcompressError, audit, models
from refcompress.audit.book import Book
from refcompress.audit.kinds import NOT_NUMBERS, WORDS
from refcompress.audit.ledgers.gguf import SCALES, bits_of
from refcompress.audit.stored import Stored
from refcompress.formats import GGML_TYPES

F32 = np.float32
REORDERED = ("f", "state.transposed", "i")  # in another order in the file; integers of ONNX one by one


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return all_files(tmp_path_factory.mktemp("files"))


@pytest.mark.parametrize("name", FILES)
def test_every_byte_is_in_one_row_of_a_kind_that_is_explained(files, name):
    with audit.inspect(files[name]) as found:
        assert found.size == size_of(files[name])
        for path, ledger in found.ledgers:
            assert ledger.size == os.path.getsize(path) == sum(item.bytes for item in ledger.items)
        assert found.by_kind().keys() <= WORDS.keys() and "gaps" not in found.by_kind()
        assert sum(found.by_kind().values()) == found.size
        assert sum(count for kinds in found.by_layer().values() for count in kinds.values()) == found.size


@pytest.mark.parametrize("name", [name for name in FILES if name != "rcz"])
def test_the_tensors_are_those_that_the_reader_gives_and_their_places_hold_their_bytes(files, name):
    with audit.inspect(files[name]) as found, models.open(files[name]) as source:
        assert {(t.name, t.shape, t.nbytes) for t in found.tensors} == {
            (t.name, t.shape, t.nbytes) for t in source.values()}
        cost = found.of_numbers()
        for tensor in found.tensors:
            raw = b"".join(tensor.pieces(7)) if tensor.pieces else None
            if tensor.place is not None:
                assert len(raw) == tensor.nbytes and cost.get(tensor.name, 0) in (0, tensor.nbytes, 50 * 4)
            value = source[tensor.name].read()
            if isinstance(value, np.ndarray) and raw is not None and tensor.name not in REORDERED:
                assert value.tobytes() == raw


def test_the_header_of_safetensors_is_split_to_the_letter(tmp_path):
    text = '{"__metadata__":{"a":"ü"},"ö":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}   '.encode()
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
    with audit.inspect(tmp_path / "a.safetensors") as found:
        assert found.by_kind() == {
            "frame": 8 + len("{,}"), "metadata": len('"__metadata__":{"a":"ü"}'.encode()), "names": len('"ö"'.encode()),
            "shapes": len(':{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'), "padding": 3, "values": 4}


def test_the_header_of_gguf_is_split_to_the_byte(files):
    with audit.inspect(files["gguf"]) as found:
        kinds = found.by_kind()
    words = sum(8 + len(f"tök{i}".encode()) for i in range(20))
    assert kinds["frame"] == 24 and kinds["tokenizer"] == 8 + len("tokenizer.ggml.tokens") + 4 + 12 + words
    assert kinds["metadata"] == 8 + 12 + 4 + 8 + 1 + 8 + 17 + 4 + 4
    assert kinds["names"] == sum(8 + len(tensor.name) for tensor in found.tensors)


@pytest.mark.parametrize("kind", GGML_TYPES)
def test_the_codes_of_blocks_have_the_bits_that_the_name_says(kind):
    block = GGML_TYPES[kind]
    codes = 8 * (block.nbytes - sum(SCALES[kind])) / block.numbers
    assert codes == bits_of(kind) or kind == "TQ1_0" and codes == 8 * 52 / 256
    assert all(bits_of(name) for name in GGML_TYPES)


def test_scales_and_zero_points_are_told_by_the_nodes_that_take_them(files):
    with audit.inspect(files["onnx_file"]) as found:
        roles = {tensor.name: (tensor.role, tensor.weight) for tensor in found.tensors}
        packed = next(tensor for tensor in found.tensors if tensor.name == "b4")
        assert found.by_kind()["unread tensors"] > 0 and "words" in found.notes[0]
    assert roles["s"] == ("scales", "q") and roles["z"] == ("zero points", "q") and roles["b4s"] == ("scales", "b4")
    assert roles["q"] == ("values", "q") and (packed.numbers, packed.bits) == (4 * 30, 4)


def test_packed_codes_are_counted_one_by_one_and_find_their_scales_in_another_shard(files):
    with audit.inspect(files["sharded"]) as found:
        by_name = {tensor.name: tensor for tensor in found.tensors}
    assert by_name["a.scales"].role == "scales" and by_name["a.qzeros"].role == "zero points"
    assert (by_name["a.qweight"].numbers, by_name["a.qweight"].bits) == (4 * 8 * 8, 4)


SCHEMES = {
    "compressed-tensors": ({"l.weight_packed": np.ones((6, 3), np.int32), "l.weight_scale": np.ones((6, 1), np.float16),
                            "l.weight_shape": np.int64([6, 24])}, 6 * 24, 4, "l.weight_packed"),
    "3 bits": ({"l.weight_packed": np.ones((2, 24), np.int32), "l.weight_scale": np.ones((2, 1), np.float16),
                "l.weight_shape": np.int64([2, 256])}, 512, 3, "l.weight_packed"),
    "3 bits, ten in a word": ({"l.weight_packed": np.ones((2, 7), np.int32), "l.weight_scale": np.ones((2, 1), F32),
                               "l.weight_shape": np.int64([2, 70])}, 140, 3, "l.weight_packed"),
    "mxfp4": ({"l.weight_packed": np.ones((4, 32), np.uint8), "l.weight_scale": np.ones((4, 2), np.uint8)}, 256, 4,
              "l.weight_packed"),
    "nvfp4": ({"l.weight_packed": np.ones((4, 32), np.uint8), "l.weight_scale": np.ones((4, 4), np.int8),
               "l.weight_global_scale": np.ones(1, F32)}, 256, 4, "l.weight_packed"),
    "bitsandbytes": ({"l.weight": np.ones((32, 1), np.uint8), "l.weight.absmax": np.ones(1, F32),
                      "l.weight.quant_map": np.ones(16, F32),
                      "l.weight.quant_state.bitsandbytes__nf4": np.ones(70, np.uint8)}, 64, 4, "l.weight"),
    "bitsandbytes, 8 bits": ({"l.weight": np.ones((4, 4), np.int8), "l.SCB": np.ones(4, F32),
                              "l.weight_format": np.uint8(0)}, 16, 8, "l.weight"),
    "AutoGPTQ": ({"l.qweight": np.ones((4, 8), np.int32), "l.qzeros": np.ones((2, 1), np.int32),
                  "l.scales": np.ones((2, 8), np.float16), "l.g_idx": np.zeros(32, np.int32)}, 256, 4, "l.qweight"),
    "fp8": ({"l.weight": np.ones((4, 4), np.int8), "l.weight_scale_inv": np.ones((1, 1), F32)}, 16, 8, "l.weight"),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_names_of_quantizing_tools_are_known(tmp_path, scheme):
    arrays, numbers, bits, name = SCHEMES[scheme]
    models.save(tmp_path / "a.safetensors", arrays)
    with audit.inspect(tmp_path / "a.safetensors") as found:
        assert {tensor.weight for tensor in found.tensors} == {name}
        weight = next(tensor for tensor in found.tensors if tensor.name == name)
        assert (weight.numbers, weight.bits, weight.role) == (numbers, bits, "values")
        assert sum(tensor.role == "values" for tensor in found.tensors) == 1


def test_the_scale_of_a_normalisation_is_a_value(tmp_path):
    models.save(tmp_path / "a.safetensors", {"norm.scale": np.ones(4, F32), "norm.bias": np.ones(4, F32),
                                             "d.weight": np.ones((2, 2), F32), "d.scales": np.ones(2, F32)})
    with audit.inspect(tmp_path / "a.safetensors") as found:
        assert {tensor.role for tensor in found.tensors} == {"values"}


def test_elements_that_no_tensor_shows_and_shared_storages_are_counted_once(files):
    with audit.inspect(files["pytorch"]) as found:
        kinds, by_entry = found.by_kind(), found.of_numbers()
    assert kinds["values"] == 4 * (10 + 12) + 12 and kinds["unused elements"] == 4 * 2 + len(b"unused")
    assert by_entry["state.transposed"] == 48 and by_entry["state.w"] == 40 and "state.tied" not in by_entry
    assert math.prod(next(t for t in found.tensors if t.name == "state.transposed").shape) == 12


def test_a_pickle_that_asks_for_a_class_has_a_ledger_by_members_and_a_damaged_one_has_none(tmp_path):
    path, wrapped = tmp_path / "a.pt", torch.Call(torch.Global("torch._utils", "_rebuild_sparse_tensor"), ())
    path.write_bytes(torch.archive(torch.dumped({"w": wrapped}), {"0": bytes(40)}))
    with audit.inspect(path) as found:
        assert not found.tensors and found.by_kind()["unread tensors"] == 40 and found.size == path.stat().st_size
        assert "_rebuild_sparse_tensor" in found.notes[0]
    path.write_bytes(torch.archive(torch.dumped({"w": torch.tensor(torch.storage("\0", 10), (10,))}), {"0": bytes(40)}))
    with pytest.raises(CorruptError, match="has no member") as refused:
        audit.inspect(path)
    assert str(refused.value).isprintable()


def test_arrays_of_texts_and_of_records_are_counted_and_not_read(tmp_path):
    np.savez(tmp_path / "a.npz", w=np.ones(3, F32), format=np.array(b"csc"), objects=np.array([{}], object),
             records=np.zeros(2, [("day", "M8[D]"), ("price", "f8", (2, 2))]))
    with audit.inspect(tmp_path / "a.npz") as found:
        assert [tensor.name for tensor in found.tensors] == ["w"] and len(found.notes) == 3
        assert found.notes[2] == "array 'records' is of records, not of numbers"
        assert found.size == sum(found.by_kind().values()) and found.by_kind()["unread tensors"] > 3
    with pytest.raises(CorruptError, match="not of numbers"):
        models.open(tmp_path / "a.npz")


def test_no_value_is_read_for_a_ledger(tmp_path):
    path = tmp_path / "a.safetensors"
    models.save(path, {"w": np.zeros((2000, 1000), F32)})
    audit.inspect(path).close()
    tracemalloc.start()
    with audit.inspect(path) as found:
        assert found.size > 8_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000


def test_spans_that_overlap_are_refused_and_what_lies_between_them_is_itemised():
    book = Book("f", 10)
    book.add(0, 4, "a", "values")
    book.add(6, 9, "b", "values")
    assert {(i.entry, i.kind): i.bytes for i in book.ledger().items} == {("a", "values"): 4, ("", "gaps"): 3,
                                                                         ("b", "values"): 3}
    book.add(8, 10, "c", "values")
    with pytest.raises(CorruptError, match="'c' at byte 8, where 'b' ends at byte 9"):
        book.ledger()
    shared = Book("f", 10, shared=True)
    shared.add(0, 8, "a", "values")
    shared.add(0, 10, "b", "values")
    assert {i.entry: i.bytes for i in shared.ledger().items} == {"a": 8, "b": 2}
    beyond = Book("f", 10)
    beyond.elements([Stored("a", (), "float32", 32, 3, 12, place=("f", 0))])
    with pytest.raises(CorruptError, match="has 10 bytes"):
        beyond.ledger()


@pytest.mark.parametrize("data, words", [
    (b"", "is empty"), (b"\x80\2}q\0.", "pickle"), (b"version https://git-lfs", "pointer of Git LFS"),
    (b"\x89HDF\r\n\x1a\n", "Keras"), (b"PK\5\6" + bytes(18), "like a model file")])
def test_what_is_no_model_is_refused_by_what_it_is(tmp_path, data, words):
    (tmp_path / "a.bin").write_bytes(data)
    with pytest.raises(RefcompressError, match=words):
        audit.inspect(tmp_path / "a.bin")


def test_an_index_that_its_shards_contradict_is_refused(files, tmp_path):
    where = json.loads(files["sharded"].read_text())
    where["weight_map"]["more"] = "m-1.safetensors"
    wrong = files["sharded"].parent / "wrong.index.json"
    wrong.write_text(json.dumps(where))
    try:
        with pytest.raises(CorruptError, match="'more': only the index"):
            audit.inspect(wrong)
    finally:
        wrong.unlink()


def test_the_kinds_that_are_no_numbers_are_kinds():
    assert NOT_NUMBERS < WORDS.keys()

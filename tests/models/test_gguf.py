"""GGUF in and out: bit for bit what the package gguf writes; what is written is read by it; the rest is refused."""

import json
import math
import os
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refcompress import (
    ArgumentTypeError,
    CorruptError,
    GGMLBlocks,
    LimitError,
    Plain,
    Quantized,
    RefcompressError,
    container,
    floats_decode,
    floats_encode,
    floats_mx_encode,
    ggml_encode,
    quantize_s8,
)
from refcompress.errors import UnsupportedVersionError
from refcompress.formats import ELEMENT_TYPES, GGML_TYPES
from refcompress.models import gguf
from refcompress.models.gguf_metadata import text_bytes
from refcompress.models.gguf_types import TARGETS, as_type, q8_0_of
from refcompress.models.source import Tensor

F = np.float32
RNG = np.random.default_rng(0)
ARRAYS = {
    "f32": RNG.standard_normal((3, 5)).astype(F), "f16": RNG.standard_normal(7).astype(np.float16),
    "f64": RNG.standard_normal((2, 2, 2)), "i8": np.int8([-1, 5]), "i16": np.int16([[300], [-2]]),
    "i32": np.int32([2**30]), "i64": np.int64([-(2**60), 3]),
    "nan": np.uint32([0x7F800001, 0xFFC12345, 0x80000000]).view(F),
}
BLOCKS = {name: GGMLBlocks(RNG.integers(0, 256, (6, block.nbytes), np.uint8), name, (2, 3 * block.numbers))
          for name, block in GGML_TYPES.items()}
BF16 = Plain(RNG.integers(0, 2**16, (4, 6), np.uint16), "bfloat16")
SCALARS = {"a.uint8": 200, "a.int8": -3, "a.uint16": 60000, "a.int16": -30000, "a.uint32": 2**32 - 1,
           "a.int32": -(2**31), "a.float32": 0.1, "a.uint64": 2**64 - 1, "a.int64": -(2**63), "a.float64": 0.1,
           "a.bool": True}
WORDS = [f"tök{i}" for i in range(200)]


def package():
    return pytest.importorskip("gguf", reason="the package gguf is not installed (extra test)")


def written_by_the_package(path):
    """Write a file with every type of tensor and of metadata; return the path."""
    theirs = package()
    writer = theirs.GGUFWriter(path, "llama")
    for key, value in SCALARS.items():
        getattr(writer, f"add_{key[2:]}")(key, value)
    writer.add_string("a.text", 'two\nlines, "quoted", ü')
    writer.add_array("a.few", [1, -2, 3])
    writer.add_array("a.floats", [0.5, 1.25])
    writer.add_array("a.bools", [True, False])
    writer.add_array("a.words", WORDS[:3])
    writer.add_array("tokenizer.ggml.tokens", WORDS)
    writer.add_array("tokenizer.ggml.scores", [0.5] * 100)
    for name, a in ARRAYS.items():
        writer.add_tensor(name, a)
    for name, q in BLOCKS.items():
        writer.add_tensor(name, q.data.reshape(2, -1), raw_dtype=theirs.GGMLQuantizationType[name])
    writer.add_tensor("bf16", BF16.patterns.view(np.uint8), raw_dtype=theirs.GGMLQuantizationType.BF16)
    writer.add_tensor("empty", np.zeros((0, 4), F))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return written_by_the_package(tmp_path_factory.mktemp("gguf") / "a.gguf")


def values(path, **options):
    with gguf.open(path, **options) as source:
        return {name: tensor.read() for name, tensor in source.items()}


def tensor_of(name, value):
    kind = getattr(value, "type", None) or value.dtype.name
    return Tensor(name, value.shape, kind, value.nbytes, lambda: value)


def tensors_of(values):
    return {name: tensor_of(name, value) for name, value in values.items()}


def same(a, b):
    """Whether two values are of one type and equal bit for bit."""
    if not isinstance(a, np.ndarray):
        return a == b
    return isinstance(b, np.ndarray) and (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


def test_every_tensor_that_the_package_writes_is_read_bit_for_bit(original):
    got = values(original)
    expected = {**ARRAYS, **BLOCKS, "bf16": BF16, "empty": np.zeros((0, 4), F)}
    assert list(got) == list(expected) and all(same(expected[name], got[name]) for name in expected)


@np.errstate(all="ignore")
def test_every_tensor_has_the_numbers_that_the_package_decodes(original):
    theirs = package()
    got = values(original)
    for tensor in theirs.GGUFReader(original).tensors:
        if tensor.tensor_type.name not in ("I8", "I16", "I32", "I64", "F64"):
            expected = theirs.quants.dequantize(tensor.data, tensor.tensor_type)
            dense = np.asarray(got[tensor.name]).astype(F)
            assert dense.shape == expected.shape and np.array_equal(dense, expected, equal_nan=True), tensor.name


def test_a_source_knows_shapes_types_and_bytes_before_a_tensor_is_read(original):
    with gguf.open(original) as source:
        assert source.kind == "gguf" and source.files == [str(original)] and source.nbytes == os.path.getsize(original)
        for name, tensor in source.items():
            value = tensor.read()
            assert (tensor.name, tensor.shape) == (name, value.shape) and tensor.nbytes == value.nbytes
            assert tensor.type == (value.dtype.name if isinstance(value, np.ndarray) else value.type)
            assert not isinstance(value, np.ndarray) or value.dtype.isnative and value.flags.c_contiguous
        assert len({tensor.place for tensor in source.values()}) >= len(source) - 1  # an empty one lies beside another


def test_metadata_come_as_text_that_says_their_type(original):
    with gguf.open(original) as source:
        words = source.metadata
    for key, value in SCALARS.items():
        kind, number = words[key].split(" ")
        assert kind == key[2:] and json.loads(number) == (float(F(value)) if kind == "float32" else value)
    assert words["a.text"] == 'string "two\\nlines, \\"quoted\\", ü"'
    assert words["general.architecture"] == 'string "llama"'
    assert words["a.few"] == "int32[] [1, -2, 3]" and words["a.floats"] == "float32[] [0.5, 1.25]"
    assert words["a.bools"] == "bool[] [true, false]" and words["a.words"] == 'string[] ["tök0", "tök1", "tök2"]'
    assert words["tokenizer.ggml.tokens"] == "string[200]" and words["tokenizer.ggml.scores"] == "float32[100]"


def test_what_is_written_like_the_original_is_the_original(original, tmp_path):
    """Byte for byte: the package pads and orders as we do, and all metadata are kept."""
    with gguf.open(original) as source:
        gguf.save(tmp_path / "b.gguf", source, metadata=source.metadata, like=original)
        before = (tmp_path / "b.gguf").read_bytes()
        assert before == original.read_bytes()
        gguf.save(tmp_path / "b.gguf", source, metadata=source.metadata, like=original, decoded=True)
    assert gguf.is_decoded(tmp_path / "b.gguf") and not gguf.is_decoded(original)
    with gguf.open(tmp_path / "b.gguf") as source:
        gguf.save(tmp_path / "c.gguf", source, like=tmp_path / "b.gguf")
    assert (tmp_path / "c.gguf").read_bytes() == before and not gguf.is_decoded(tmp_path / "c.gguf")


def test_the_package_reads_what_is_written_without_an_original(tmp_path):
    path, words = tmp_path / "b.gguf", {"general.architecture": 'string "x"', "n": "uint32 7", "said": "plain words"}
    everything = {**ARRAYS, **BLOCKS, "bf16": BF16, "scalar": np.array(2.5, F), "none": np.zeros((3, 0), F)}
    gguf.save(path, tensors_of(everything), metadata=words)
    got = values(path)
    assert list(got) == list(everything) and all(same(everything[name], got[name]) for name in everything)
    reader = package().GGUFReader(path)
    assert {t.name: tuple(t.shape.tolist()[::-1]) for t in reader.tensors} == {
        name: value.shape for name, value in everything.items()}
    assert [reader.get_field(key).contents() for key in words] == ["x", 7, "plain words"]
    f32 = next(t for t in reader.tensors if t.name == "f32")
    assert np.array_equal(f32.data, ARRAYS["f32"])


def test_encoded_weights_are_read_by_the_package_as_we_decode_them(tmp_path):
    w = RNG.standard_normal((8, 64)).astype(F)
    blocks = {name: ggml_encode(w, name) for name in ("Q8_0", "Q4_0")}
    gguf.save(tmp_path / "q.gguf", tensors_of(blocks))
    theirs = package()
    for tensor in theirs.GGUFReader(tmp_path / "q.gguf").tensors:
        assert tensor.tensor_type.name == tensor.name
        assert np.array_equal(theirs.quants.dequantize(tensor.data, tensor.tensor_type), blocks[tensor.name].dense())


def test_metadata_that_were_too_long_to_travel_are_refused_without_the_original(original, tmp_path):
    with gguf.open(original) as source, pytest.raises(RefcompressError, match="tokens.*string|tokens.*200.*like"):
        gguf.save(tmp_path / "b.gguf", source, metadata=source.metadata)
    assert os.listdir(tmp_path) == []


@settings(deadline=None)
@given(data=st.data())
def test_a_text_of_metadata_gives_its_value_back(data, tmp_path_factory):
    kinds = {"string": st.text(st.characters(exclude_categories=["Cs"])), "bool": st.booleans(),
             "float32": st.floats(width=32, allow_nan=False), "float64": st.floats(allow_nan=False)}
    for bits in (8, 16, 32, 64):
        kinds[f"int{bits}"] = st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        kinds[f"uint{bits}"] = st.integers(0, 2**bits - 1)
    kind = data.draw(st.sampled_from(list(kinds)))
    value = data.draw(st.one_of(kinds[kind], st.lists(kinds[kind], max_size=5)))
    path = tmp_path_factory.getbasetemp() / "text.gguf"
    path.write_bytes(file([("k", written(kind, value))]))
    with gguf.open(path) as source:
        text = source.metadata["k"]
    assert text_bytes(text, "k") == written(kind, value)


@pytest.mark.parametrize("text", ["uint8 256", "uint8 -1", "int8[] [1, 200]", "uint32 1.5", "uint32 true", "bool 1",
                                  "float32 1e300", "string 5", "uint32 {", "uint32[] 5", "uint32[] [[1]]", "bool[] [1]",
                                  "string \"\\ud800\"", "uint64 1e999", "array[] [1]", "array[3]", "float32[9999]",
                                  "uint32[] " + "[" * 100000])
def test_a_text_that_does_not_hold_what_it_says_is_refused_by_its_key(tmp_path, text):
    with pytest.raises(RefcompressError) as caught:
        gguf.save(tmp_path / "a.gguf", {}, metadata={"key": text})
    assert caught.value.argument == "metadata['key']" and len(str(caught.value)) < 400
    assert os.listdir(tmp_path) == []


# Files made by hand.

NUMBERS = {"uint8": (0, "B"), "int8": (1, "b"), "uint16": (2, "H"), "int16": (3, "h"), "uint32": (4, "I"),
           "int32": (5, "i"), "float32": (6, "f"), "bool": (7, "?"), "uint64": (10, "Q"), "int64": (11, "q"),
           "float64": (12, "d")}


def string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(data)) + data


def written(kind, value):
    """Return the type and the value of metadata, as the format says."""
    number, code = NUMBERS.get(kind, (8, None))
    pack = string if code is None else lambda each: struct.pack("<" + code, each)
    if isinstance(value, list):
        return struct.pack("<IIQ", 9, number, len(value)) + b"".join(map(pack, value))
    return struct.pack("<I", number) + pack(value)


def info(name, shape, number, offset):
    return string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape[::-1], number, offset)


def file(pairs=(), infos=(), data=b"", version=3, counts=None, alignment=32):
    tensors, words = counts or (len(infos), len(pairs))
    header = b"GGUF" + struct.pack("<IQQ", version, tensors, words)
    header += b"".join(string(key) + value for key, value in pairs) + b"".join(infos)
    return header + bytes(-len(header) % alignment) + data if infos or data else header


TWO = [info("a", (2, 4), 0, 0), info("b", (32,), 8, 32)]
DATA = np.arange(8, dtype="<f4").tobytes() + bytes(range(34))


def test_a_file_made_by_hand_is_read_in_both_versions_and_with_other_alignments(tmp_path):
    path = tmp_path / "a.gguf"
    for version, alignment, tail in ((2, 32, 0), (3, 32, 30), (3, 1, 0), (3, 8, 6), (3, 64, 0)):
        pairs = [] if alignment == 32 else [("general.alignment", written("uint32", alignment))]
        data = DATA[:32] + bytes(-32 % alignment) + DATA[32:] + bytes(tail)
        infos = [TWO[0], info("b", (32,), 8, 32 + -32 % alignment)]
        path.write_bytes(file(pairs, infos, data, version, alignment=alignment))
        got = values(path)
        assert same(got["a"], np.arange(8, dtype=F).reshape(2, 4)) and got["b"].data.tobytes() == bytes(range(34))
        with gguf.open(path) as source:
            gguf.save(tmp_path / "b.gguf", source, metadata=source.metadata)
        assert all(same(a, got[name]) for name, a in values(tmp_path / "b.gguf").items())


def test_tensors_may_lie_in_another_order_than_they_are_announced(tmp_path):
    path = tmp_path / "a.gguf"
    path.write_bytes(file(infos=[info("b", (32,), 8, 32), TWO[0]], data=DATA))
    got = values(path)
    assert list(got) == ["b", "a"] and got["a"][1, 3] == 7


HUGE = struct.pack("<Q", 2**62)
DAMAGED = {
    "empty": b"", "short": b"GGUF\3\0\0\0", "other": b"GGML" + bytes(40),
    "tensors": file(counts=(2**62, 0)), "pairs": file(counts=(0, 2**63)), "tensors beyond": file(counts=(1, 0)),
    "key": file([(b"", written("uint8", 1))]), "key twice": file([("k", written("uint8", 1))] * 2),
    "key length": file(counts=(0, 1)) + HUGE + bytes(40), "key bytes": file([(b"\xff", written("uint8", 1))]),
    "value type": file([("k", struct.pack("<I", 13) + bytes(20))]), "value cut": file([("k", struct.pack("<I", 10))]),
    "string": file([("k", struct.pack("<I", 8) + HUGE + bytes(20))]),
    "bytes": file([("k", written("string", b"\xc3"))]),
    "bool": file([("k", struct.pack("<IB", 7, 2))]), "bools": file([("k", struct.pack("<IIQBB", 9, 7, 2, 1, 9))]),
    "array": file([("k", struct.pack("<II", 9, 0) + HUGE)]), "array type": file([("k", struct.pack("<IIQ", 9, 99, 0))]),
    "array of strings": file([("k", struct.pack("<IIQ", 9, 8, 2**40) + bytes(80))]),
    "array of arrays": file([("k", struct.pack("<IIQ", 9, 9, 2**60) + bytes(80))]),
    "nested": file([("k", struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 20 + struct.pack("<IQ", 0, 0))]),
    "alignment": file([("general.alignment", written("uint32", 24))], TWO, DATA),
    "alignment 0": file([("general.alignment", written("uint32", 0))], TWO, DATA),
    "alignment's type": file([("general.alignment", written("int32", 32))], TWO, DATA),
    "alignment's size": file([("general.alignment", written("uint32", 2**31))], TWO, DATA),
    "name": file(infos=[info("", (2,), 0, 0)], data=bytes(8)), "name twice": file(infos=[TWO[0], info(
        "a", (32,), 8, 32)], data=DATA),
    "NUL": file(infos=[info("a\0", (2,), 0, 0)], data=bytes(8)),
    "dimensions": file(infos=[string("a") + struct.pack("<I", 2**32 - 1) + bytes(80)], data=DATA),
    "product": file(infos=[info("a", (2**33, 2**33), 0, 0)], data=DATA),
    "product and zero": file(infos=[info("a", (2**62, 2**62, 0), 0, 0)]),
    "many dimensions": file(infos=[info("a", (1,) * 33, 0, 0)], data=bytes(4)),
    "negative": file(infos=[info("a", (2**64 - 1,), 0, 0)], data=DATA),
    "no multiple": file(infos=[info("a", (34,), 8, 0)], data=DATA), "scalar block": file(infos=[info("a", (), 8, 0)]),
    "unaligned": file(infos=[TWO[0], info("b", (32,), 8, 33)], data=DATA + bytes(1)),
    "overlap": file(infos=[TWO[0], info("b", (32,), 8, 0)], data=DATA[:34]),
    "gap": file(infos=[TWO[0], info("b", (32,), 8, 64)], data=DATA + bytes(32)),
    "late": file(infos=[info("b", (32,), 8, 32)], data=DATA),
    "offset": file(infos=[info("a", (2, 4), 0, 2**64 - 32)], data=DATA),
    "cut": file(infos=TWO, data=DATA[:-1]), "rest": file(infos=TWO, data=DATA + bytes(31)),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_refused_by_name(tmp_path, data):
    path = tmp_path / "a.gguf"
    path.write_bytes(data)
    with pytest.raises((CorruptError, LimitError)) as caught:
        gguf.open(path)
    assert caught.value.argument == "path" and not gguf.is_decoded(path) and len(str(caught.value)) < 500


@pytest.mark.parametrize("data, said", [
    (file(version=1), "version 1"), (file(version=4), "version 4"),
    (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
    (file(infos=[info("w", (256,), 16, 0)], data=bytes(66)), r"'w' is of type 16 \(IQ2_XXS\)"),
    (file(infos=[info("w", (32,), 99, 0)], data=bytes(66)), "'w' is of type 99,"),
])
def test_what_this_release_does_not_read_is_refused_by_its_number(tmp_path, data, said):
    (tmp_path / "a.gguf").write_bytes(data)
    with pytest.raises(UnsupportedVersionError, match=said):
        gguf.open(tmp_path / "a.gguf")


def mutations(rng, data, count):
    """Yield files with a byte flipped or replaced, cut off, cut out, or put in."""
    for _ in range(count):
        at, kind = int(rng.integers(len(data))), rng.integers(5)
        if kind == 0:
            yield data[:at] + bytes([data[at] ^ 1 << int(rng.integers(8))]) + data[at + 1 :]
        elif kind == 1:
            yield data[:at] + bytes([int(rng.choice([0, 1, 127, 128, 255]))]) + data[at + 1 :]
        elif kind == 2:
            yield data[:at]
        elif kind == 3:
            yield data[:at] + data[at + int(rng.integers(1, 9)) :]
        else:
            yield data[:at] + rng.bytes(int(rng.integers(1, 9))) + data[at:]


def test_a_changed_file_gives_tensors_of_the_sizes_that_it_says_or_is_refused(tmp_path):
    """Nothing but a refusal by name comes out, and a read that succeeds has the bytes that are there."""
    path = tmp_path / "a.gguf"
    pairs = [("general.alignment", written("uint32", 32)), ("words", written("string", ["a", "bc"])),
             ("n", written("float64", 2.5)), ("deep", struct.pack("<IIQIQB", 9, 9, 1, 0, 1, 5))]
    data = file(pairs, [*TWO, info("c", (2, 3), 30, 96)], DATA + bytes(30) + bytes(range(12)))
    path.write_bytes(data)
    assert len(values(path)) == 3
    refused = 0
    for changed in mutations(np.random.default_rng(3), data, 400):
        path.write_bytes(changed)
        try:
            for value in values(path).values():
                assert value.nbytes <= len(changed)
        except RefcompressError as error:
            refused += 1
            assert error.argument == "path" and "\n" not in str(error)
    assert 100 < refused < 390


def test_a_file_that_shrinks_after_it_was_opened_is_refused(tmp_path):
    path = tmp_path / "a.gguf"
    path.write_bytes(file(infos=TWO, data=DATA))
    with gguf.open(path) as source:
        os.truncate(path, os.path.getsize(path) - 5)
        assert source["a"].read()[1, 3] == 7
        with pytest.raises(CorruptError, match="changed while it was read"):
            source["b"].read()


def test_a_tensor_beyond_the_limit_and_a_header_beyond_all_use_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.gguf"
    path.write_bytes(file(infos=TWO, data=DATA))
    assert set(values(path, limit=34)) == {"a", "b"}
    with pytest.raises(LimitError, match="tensor 'b' has 34 bytes, the limit is 33"):
        gguf.open(path, limit=33)
    monkeypatch.setattr("refcompress.models.gguf_bytes.MAX_HEADER", 60)
    with pytest.raises(LimitError, match="header"):
        gguf.open(path)


# What cannot be written.

@pytest.mark.parametrize("value, said", [
    (np.array([True]), "type bool"), (np.uint8([1]), "type uint8"), (np.complex64([1]), "type complex64"),
    (Plain(np.uint8([1]), "fp8_e4m3"), "fp8_e4m3"), (np.zeros((1,) * 5, F), "at most 4 dimensions"),
])
def test_a_tensor_that_gguf_cannot_hold_is_refused_by_its_name_and_nothing_is_written(tmp_path, value, said):
    with pytest.raises(RefcompressError, match=said) as caught:
        gguf.save(tmp_path / "a.gguf", {"good": tensor_of("good", np.ones(2, F)), "bad": tensor_of("bad", value)})
    assert caught.value.argument == "tensors['bad']" and os.listdir(tmp_path) == []


def test_arrays_and_formats_are_written_as_they_come(tmp_path):
    w = RNG.standard_normal((4, 8)).astype(F)
    q = quantize_s8(w)
    decoded = Tensor("q", q.shape, "float32", q.nbytes, lambda: q)
    gguf.save(tmp_path / "a.gguf", {"w": w.T, "q": decoded, "b": BF16, "k": BLOCKS["Q4_K"]})
    got = values(tmp_path / "a.gguf")
    assert same(got["w"], np.ascontiguousarray(w.T)) and same(got["q"], q.dense())
    assert got["b"] == BF16 and got["k"] == BLOCKS["Q4_K"]


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("source", ["float32", "float64", "float16", "bfloat16", "Q8_0", "Q4_0", "MX"])
def test_weights_of_any_type_are_written_as_the_type_that_was_asked_for(tmp_path, kind, source):
    w = RNG.standard_normal((4, 64)).astype(F)
    brain = Plain(floats_encode(w, "bfloat16"), "bfloat16")
    value = {"bfloat16": brain, "MX": floats_mx_encode(w, "mxint8")}.get(source)
    if value is None:
        value = w.astype(source) if source in ELEMENT_TYPES else ggml_encode(w, source)
    tensor = Tensor("w", (4, 64), source, value.nbytes, lambda: value)
    gguf.save(tmp_path / "a.gguf", {"w": as_type(tensor, kind)})
    got, dense = values(tmp_path / "a.gguf")["w"], np.asarray(value).astype(F)
    if source == kind:
        assert same(got, value)
    elif kind in GGML_TYPES:
        assert got == ggml_encode(dense, kind)
    else:
        assert np.asarray(got).astype(F).tobytes() == floats_decode(floats_encode(dense, kind), kind).tobytes() \
            if kind != "float32" else same(got, dense)


def test_integers_with_half_precision_scales_become_q8_0_without_loss(tmp_path):
    w = RNG.standard_normal((6, 96)).astype(F)
    scale = (np.abs(w).reshape(6, 3, 32).max(axis=2) / 127).astype(np.float16).astype(F)
    q = quantize_s8(w, group=32, scale=scale)
    assert not q.zero_point.any()
    gguf.save(tmp_path / "a.gguf", {"w": as_type(Tensor("w", q.shape, "float32", q.nbytes, lambda: q), "Q8_0")})
    got = values(tmp_path / "a.gguf")["w"]
    assert got.type == "Q8_0" and same(got.dense(), q.dense())
    for other in (Quantized(q.values, q.scale, q.zero_point + np.int8(1), 32), quantize_s8(w, group=32),
                  quantize_s8(w, group=48), quantize_s8(w), quantize_s8(w[:, :90], group=32),
                  quantize_s8(w, group=32, scale=np.full((6, 3), 2.0**-30, F)),
                  quantize_s8(w.reshape(6, 8, 12), group=32)):
        assert q8_0_of(other) is None


@pytest.mark.parametrize("value, kind, element", [
    (F([1] * 31 + [np.nan]), "Q8_0", "[31]"), (F([np.inf] + [1] * 31), "Q4_0", "[0]"), (F([1, 7e4]), "float16", "[1]"),
    (np.array([1, 1e39]), "float32", "[1]"), (F([3.4e38]), "bfloat16", "[0]"), (np.int32([1]), "float16", ""),
    (F([1] * 31), "Q8_0", ""), (np.complex64([1]), "float32", ""),
])
def test_what_a_type_cannot_hold_is_refused_by_tensor_and_element(tmp_path, value, kind, element):
    with pytest.raises(RefcompressError) as caught:
        gguf.save(tmp_path / "a.gguf", {"w": as_type(tensor_of("w", value), kind)})
    assert caught.value.argument == f"tensors['w']{element}" and os.listdir(tmp_path) == []


@pytest.mark.parametrize("tensors, metadata, error", [
    ([1], None, ArgumentTypeError), ({"a": [1.0]}, None, ArgumentTypeError),
    ({"": tensor_of("", np.ones(2, F))}, None, RefcompressError), ({}, {1: "x"}, ArgumentTypeError),
    ({"a" * 64: tensor_of("a", np.ones(2, F))}, None, RefcompressError), ({}, {"a": 1}, ArgumentTypeError),
    ({}, ["a"], ArgumentTypeError),
    ({"\ud800": tensor_of("a", np.ones(2, F))}, None, RefcompressError), ({}, {"": "x"}, RefcompressError),
    ({1: tensor_of("a", np.ones(2, F))}, None, ArgumentTypeError), ({}, {"\ud800": "x"}, RefcompressError),
    ({}, {"general.alignment": "uint32 7"}, CorruptError), ({}, {"a" * 65536: "x"}, RefcompressError),
])
def test_names_and_metadata_that_gguf_cannot_hold_are_refused(tmp_path, tensors, metadata, error):
    with pytest.raises(error):
        gguf.save(tmp_path / "a.gguf", tensors, metadata=metadata)
    assert os.listdir(tmp_path) == []


def test_a_value_that_is_not_what_was_announced_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.gguf"
    path.write_bytes(b"old")
    for value in (np.ones(3, F), np.ones(2), ggml_encode(np.ones(32, F), "Q8_0")):
        lying = Tensor("a", (2,), "float32", 8, lambda value=value: value)
        with pytest.raises(RefcompressError, match=r"tensors\['a'\].*was announced as of float32 and shape \(2,\)"):
            gguf.save(path, {"a": lying})
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.gguf"]


def test_an_original_that_is_no_gguf_file_is_refused(tmp_path):
    (tmp_path / "o.gguf").write_bytes(b"PK\3\4" + bytes(40))
    with pytest.raises(CorruptError, match="o.gguf"):
        gguf.save(tmp_path / "a.gguf", {}, like=tmp_path / "o.gguf")
    with pytest.raises(FileNotFoundError):
        gguf.save(tmp_path / "a.gguf", {}, like=tmp_path / "none.gguf")


def test_one_tensor_is_in_memory_at_a_time(tmp_path):
    nbytes = 4 * 2**18
    one = {f"t{i}": Tensor(f"t{i}", (2**18,), "float32", nbytes, lambda i=i: np.full(2**18, i, F)) for i in range(4)}
    blocks = {f"q{i}": Tensor(f"q{i}", (2**18,), "Q8_0", 2**13 * 34, lambda: ggml_encode(np.zeros(2**18, F), "Q8_0"))
              for i in range(2)}
    gguf.save(tmp_path / "a.gguf", one | blocks)
    tracemalloc.start()
    try:
        with gguf.open(tmp_path / "a.gguf") as source:
            gguf.save(tmp_path / "b.gguf", source)
            assert nbytes < tracemalloc.get_traced_memory()[1] < 1.8 * nbytes
            tracemalloc.reset_peak()
            assert source["q1"].read().nbytes < tracemalloc.get_traced_memory()[1] < nbytes
    finally:
        tracemalloc.stop()
    assert (tmp_path / "a.gguf").read_bytes() == (tmp_path / "b.gguf").read_bytes()
    assert {name: a[-1] for name, a in values(tmp_path / "b.gguf").items() if name in one} == {
        f"t{i}": i for i in range(4)}


def test_each_type_that_is_written_is_one_that_is_read():
    assert set(gguf.NUMBERS) <= set(ELEMENT_TYPES) | set(GGML_TYPES)
    assert len(set(gguf.NUMBERS.values())) == len(gguf.NUMBERS) and math.prod(gguf.NUMBERS.values()) == 0
    assert container.DEFAULT_LIMIT >= 2**32

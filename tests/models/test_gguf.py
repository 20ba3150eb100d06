"""GGUF in and out: bit for bit what the package gguf writes; what is written is read by it; the rest is refused."""

import json
import os

import numpy as np
import pytest
from gguf_examples import (
    ARRAYS,
    BF16,
    BLOCKS,
    RNG,
    SCALARS,
    F,
    file,
    package,
    same,
    tensors_of,
    values,
    written,
    written_by_the_package,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from refcompress import (
    RefcompressError,
    ggml_encode,
)
from refcompress.models import gguf
from refcompress.models.gguf_metadata import text_bytes


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return written_by_the_package(tmp_path_factory.mktemp("gguf") / "a.gguf")

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

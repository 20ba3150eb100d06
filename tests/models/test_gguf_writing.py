"""What is written as GGUF: every type, and what it cannot hold is refused with nothing written."""

import math
import os
import tracemalloc

import numpy as np
import pytest
from gguf_examples import BF16, BLOCKS, RNG, F, same, tensor_of, values

from refcompress import (
    ArgumentTypeError,
    CorruptError,
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
from refcompress.formats import ELEMENT_TYPES, GGML_TYPES
from refcompress.models import gguf
from refcompress.models.gguf_types import TARGETS, as_type, q8_0_of
from refcompress.models.source import Tensor


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

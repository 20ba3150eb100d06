"""safetensors: all 22 dtypes there and back, equal to what the package reads; whatever breaks the format is refused."""

import json
import os
import tracemalloc

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from refcompress import ArgumentTypeError, CorruptError, LimitError, Plain, RefcompressError, models
from refcompress.formats import ELEMENT_TYPES
from refcompress.models import safetensors as ours
from refcompress.models.elements import packed, unpacked

RNG = np.random.default_rng(0)


def header(entries: dict | str, elements: bytes = b"") -> bytes:
    """A file from a header, which may be a text that is no JSON."""
    text = (entries if isinstance(entries, str) else json.dumps(entries)).encode("utf-8", "surrogatepass")
    return len(text).to_bytes(8, "little") + text + elements


def entry(start: int, end: int, dtype: str = "U8", shape: list | None = None) -> dict:
    return {"dtype": dtype, "shape": [end - start] if shape is None else shape, "data_offsets": [start, end]}


def of_every_type(shape=(4, 6)) -> dict[str, Plain]:
    """A tensor of each type: every pattern of the narrow ones, NaNs with payloads among the wide ones."""
    tensors = {}
    for kind in ours.NAMES:
        element = ELEMENT_TYPES[kind]
        bits = 1 if kind == "bool" else element.bits
        patterns = RNG.integers(0, 1 << bits, shape, np.uint64, endpoint=False) if bits < 64 else RNG.integers(
            0, 2**63, shape, np.uint64) * 2 + 1
        tensors[kind] = Plain(patterns.astype(element.pattern), kind)
    return tensors


def test_every_dtype_comes_back_bit_for_bit(tmp_path):
    tensors = of_every_type()
    ours.save(tmp_path / "a.safetensors", tensors, metadata={"format": "pt"})
    with models.open(tmp_path / "a.safetensors") as source:
        assert list(source) == list(tensors) == list(ours.DTYPES.values()) and len(source) == 22
        assert source.kind == "safetensors" and source.metadata == {"format": "pt"}
        for name, tensor in source.items():
            value = tensor.read()
            assert tensor.type == name and tensor.shape == value.shape == (4, 6) and tensor.place is None
            assert (value if isinstance(value, Plain) else Plain.of(value)) == tensors[name]
            assert isinstance(value, np.ndarray) == (ELEMENT_TYPES[name].numpy is not None)


@pytest.mark.parametrize("bits, width", [(2, 1), (4, 1), (6, 3)])
def test_narrow_elements_lie_side_by_side_low_bits_first(bits, width):
    patterns = RNG.integers(0, 1 << bits, 8 * width // bits * 5, np.uint8)
    number = sum(int(pattern) << bits * i for i, pattern in enumerate(patterns))
    assert packed(patterns, bits).tobytes() == number.to_bytes(5 * width, "little")
    assert np.array_equal(unpacked(packed(patterns, bits), bits), patterns)
    assert len(packed(patterns[:1], bits)) == 1


def test_the_package_reads_what_is_written_here_and_the_other_way_round(tmp_path):
    """Those that its NumPy side can read: not FP8, FP6 and FP4. bfloat16 comes as ml_dtypes' own."""
    tensors = {name: value for name, value in of_every_type().items() if not name.startswith("fp")}
    ours.save(tmp_path / "a.safetensors", tensors)
    with safetensors.safe_open(tmp_path / "a.safetensors", "numpy") as theirs:
        assert set(theirs.keys()) == set(tensors)
        for name, value in tensors.items():
            array = theirs.get_tensor(name)
            assert array.tobytes() == value.patterns.tobytes() and array.shape == value.shape
            assert array.dtype == (ml_dtypes.bfloat16 if name == "bfloat16" else name)
            array = array.view(np.uint16) if name == "bfloat16" else array
            safetensors.numpy.save_file({name: value.dense() if name != "bfloat16" else array.view(ml_dtypes.bfloat16)},
                                        tmp_path / "b.safetensors")
            with models.open(tmp_path / "b.safetensors") as source:
                back = source[name].read()
                assert (back if isinstance(back, Plain) else Plain.of(back)) == value


def test_the_packages_own_writer_agrees_on_fp8(tmp_path):
    """It writes what it cannot read."""
    for dtype, kind in (("float8_e4m3fn", "fp8_e4m3"), ("float8_e5m2", "fp8_e5m2"), ("float8_e8m0fnu", "fp8_e8m0"),
                        ("float8_e4m3fnuz", "fp8_e4m3fnuz"), ("float8_e5m2fnuz", "fp8_e5m2fnuz")):
        patterns = np.arange(256, dtype=np.uint8).reshape(16, 16)
        a = patterns.view(getattr(ml_dtypes, dtype))
        safetensors.numpy.save_file({"w": a}, tmp_path / "a.safetensors")
        with models.open(tmp_path / "a.safetensors") as source:
            value = source["w"].read()
        assert value == Plain(patterns, kind) == models.from_mapping({"w": a})["w"].read()
        assert np.array_equal(value.dense(), a.astype(np.float32), equal_nan=True)


def test_a_file_of_the_package_is_written_again_byte_for_byte(tmp_path):
    arrays = {"b": RNG.standard_normal((3, 5)).astype(np.float32), "a": np.arange(3, dtype=np.uint8),
              "é": np.ones(2, np.int64), "empty": np.zeros((0, 4), np.float16), "scalar": np.array(2.0),
              "t": np.ones(1, bool)}
    safetensors.numpy.save_file(arrays, tmp_path / "a.safetensors", {"format": "np"})
    with models.open(tmp_path / "a.safetensors") as source:
        assert set(source) == set(arrays)
        models.save(tmp_path / "b.safetensors", source, metadata=source.metadata)
    assert (tmp_path / "b.safetensors").read_bytes() == (tmp_path / "a.safetensors").read_bytes()


def test_the_order_of_the_source_is_kept_and_every_tensor_is_aligned(tmp_path):
    arrays = {"z": np.ones(3, bool), "y": np.ones(3), "b": np.ones(1, np.float16), "a": np.ones(5, np.float32)}
    ours.save(tmp_path / "a.safetensors", arrays)
    data = (tmp_path / "a.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    entries = json.loads(data[8 : 8 + length])
    assert list(entries) == list(arrays) == list(models.load(tmp_path / "a.safetensors"))
    assert length % 8 == 0
    assert all(entries[name]["data_offsets"][0] % a.itemsize == 0 for name, a in arrays.items())
    for name, a in safetensors.numpy.load_file(tmp_path / "a.safetensors").items():
        assert np.array_equal(a, arrays[name])


def test_views_are_written_in_the_order_of_the_array(tmp_path):
    """The package (0.8.0) writes the memory behind a view."""
    a = np.arange(24.0).reshape(4, 6)
    arrays = {"t": a.T, "r": a[::-1, ::2], "big": a.astype(">f8"), "scalar": np.float32(3)}
    ours.save(tmp_path / "a.safetensors", arrays)
    back = models.load(tmp_path / "a.safetensors")
    assert all(np.array_equal(back[name], array) for name, array in arrays.items())


def test_types_that_the_format_lacks_become_what_holds_them_exactly_or_are_refused(tmp_path):
    int4 = Plain(np.arange(16, dtype=np.uint8), "int4")
    ours.save(tmp_path / "a.safetensors", {"w": int4})
    back = models.load(tmp_path / "a.safetensors")["w"]
    assert back.dtype == np.int8 and np.array_equal(back, int4.dense())
    for value in (np.ones(2, complex), Plain(np.zeros(3, np.uint8), "fp4_e2m1")):
        with pytest.raises(RefcompressError, match="w"):
            ours.save(tmp_path / "b.safetensors", {"w": value})
    with pytest.raises(RefcompressError, match="metadata"):
        ours.save(tmp_path / "b.safetensors", {"__metadata__": np.ones(1)})
    with pytest.raises(ArgumentTypeError, match="strings"):
        ours.save(tmp_path / "b.safetensors", {}, metadata={"a": 1})
    assert os.listdir(tmp_path) == ["a.safetensors"]


GOOD = {"a": entry(0, 4), "b": entry(4, 8, "F32", [1])}
A, B = json.dumps(GOOD["a"]), json.dumps(GOOD["b"])
BROKEN = {
    "an empty file": (b"", "header"),
    "7 bytes": (bytes(7), "header"),
    "a header beyond the file": (b"\xff" * 8 + b"{}", "header"),
    "a header of 2**63 bytes": ((2**63).to_bytes(8, "little") + b"{}", "header"),
    "no JSON": (header("{'a'"), "must stand"),
    "an empty header": (header(""), "too early"),
    "a list": (header("[]"), "must stand"),
    "a name twice": (header(f'{{"a":{A},"a":{A}}}', bytes(8)), "'a' twice"),
    "a field twice": (header('{"a":{"dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4]}}', bytes(4)), "twice"),
    "an unknown field": (header({"a": {**entry(0, 4), "x": 1}}, bytes(4)), "'a' has a field 'x'"),
    "a missing field": (header({"a": {"dtype": "U8", "shape": [4]}}, bytes(4)), "'a' has no data_offsets"),
    "an unknown dtype": (header({"a": entry(0, 4, "F128")}, bytes(4)), "'a' is of dtype 'F128'"),
    "an overlap": (header({"a": entry(0, 4), "b": entry(3, 7)}, bytes(7)), "'b'.*overlap"),
    "two tensors in one place": (header({"a": entry(0, 4), "b": entry(0, 4)}, bytes(4)), "'b'.*overlap"),
    "a gap": (header({"a": entry(0, 4), "b": entry(5, 8)}, bytes(8)), "'b'.*gap"),
    "a gap before the first": (header({"a": entry(1, 4)}, bytes(4)), "'a'.*gap"),
    "a tail": (header(GOOD, bytes(9)), "the rest belongs to no tensor"),
    "a cut": (header(GOOD, bytes(7)), "cut off"),
    "offsets in the wrong order": (header({"a": {**entry(0, 4), "data_offsets": [4, 0]}}, bytes(4)), "'a'.*offsets"),
    "three offsets": (header({"a": {**entry(0, 4), "data_offsets": [0, 4, 4]}}, bytes(4)), "more than 2"),
    "another shape than bytes": (header({"a": entry(0, 4, "U8", [5])}, bytes(4)), "'a'.*takes 5 bytes"),
    "a shape whose product is 0 modulo 2**64": (header({"a": entry(0, 0, "U8", [2**32, 2**32])}), "'a'.*2\\*\\*63"),
    "a shape that overflows beside a zero": (header({"a": entry(0, 0, "U8", [2**62, 4, 0])}), "'a'.*2\\*\\*63"),
    "33 dimensions": (header({"a": entry(0, 1, "U8", [1] * 33)}, b"1"), "more than 32"),
    "a negative size": (header({"a": entry(0, 4, "U8", [-4])}, bytes(4)), "integer"),
    "a float for an integer": (header({"a": entry(0, 4, "U8", [4.0])}, bytes(4)), "integer"),
    "an exponent for an integer": (header(f'{{"a":{A.replace("[4]", "[4e0]")}}}', bytes(4)), "integer"),
    "true for an integer": (header({"a": entry(0, 1, "U8", [True])}, bytes(1)), "integer"),
    "an integer of 30 digits": (header({"a": entry(0, 4, "U8", [10**30])}, bytes(4)), "integer"),
    "NaN": (header({"a": {**entry(0, 4), "shape": [float("nan")]}}, bytes(4)), "integer"),
    "half a byte of F4": (header({"a": entry(0, 2, "F4", [3])}, bytes(2)), "'a'.*whole bytes"),
    "metadata of numbers": (header({"__metadata__": {"a": 1}}), "must stand"),
    "metadata twice": (header('{"__metadata__":{},"__metadata__":{}}'), "twice"),
    "deep nesting": (header("[" * 100_000), "must stand"),
    "deep nesting within a tensor": (header('{"a":' + '{"dtype":' * 50_000), "must stand"),
    "a surrogate alone": (header('{"\\ud800":' + A + "}", bytes(4)), "surrogate"),
    "no UTF-8": (header(GOOD, bytes(8)).replace(b'"a"', b'"\xff"'), "UTF-8"),
    "something behind the header": (header(json.dumps(GOOD) + "{}", bytes(8)), "behind its end"),
    "NUL behind the header": (header(json.dumps(GOOD) + "\0", bytes(8)), "behind its end"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_breaks_the_format_is_refused_by_name(tmp_path, kind):
    data, rule = BROKEN[kind]
    (tmp_path / "a.safetensors").write_bytes(data)
    with pytest.raises(CorruptError, match=rule) as caught:
        ours.open(tmp_path / "a.safetensors")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize("data", [
    header(GOOD, bytes(8)), header("  \n" + json.dumps(GOOD) + " \n ", bytes(8)), header({}),
    header({"__metadata__": {}}), header('{"__metadata__":null}'), header({"a": entry(0, 0, "F32", [0, 2**40])}),
    header({"a": entry(0, 1, "BOOL", [])}, b"\1"), header({"b": entry(4, 8), "a": entry(0, 4)}, bytes(8)),
    header({"a": entry(0, 0), "b": entry(0, 4), "c": entry(4, 4)}, bytes(4)),
])
def test_what_the_package_takes_is_taken(tmp_path, data):
    (tmp_path / "a.safetensors").write_bytes(data)
    theirs = safetensors.numpy.load(data)
    back = models.load(tmp_path / "a.safetensors")
    assert back.keys() == theirs.keys() and all(np.array_equal(back[name], theirs[name]) for name in back)


def test_a_byte_that_is_neither_false_nor_true_is_refused_when_it_is_read(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(header({"a": entry(0, 3, "BOOL")}, b"\0\1\2"))
    with ours.open(tmp_path / "a.safetensors") as source, pytest.raises(CorruptError, match="'a'.*element 2"):
        source["a"].read()


def test_one_tensor_is_in_memory_at_a_time_and_none_before_it_is_asked_for(tmp_path):
    size = 2**20
    tensors = {f"{i}": np.full(size, i, np.uint8) for i in range(16)} | {
        "bf16": Plain(np.ones(size // 2, np.uint16), "bfloat16")}
    ours.save(tmp_path / "a.safetensors", tensors)
    tracemalloc.start()
    with models.open(tmp_path / "a.safetensors", limit=size) as source:
        assert tracemalloc.get_traced_memory()[1] < size
        for name, tensor in source.items():
            assert (tensor.read() == tensors[name]) is not False
        models.save(tmp_path / "b.safetensors", source)
        peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * size
    assert (tmp_path / "b.safetensors").read_bytes() == (tmp_path / "a.safetensors").read_bytes()
    with pytest.raises(LimitError, match="'0'"):
        models.open(tmp_path / "a.safetensors", limit=size - 1)


def test_a_file_that_shrinks_is_refused_when_the_tensor_is_read(tmp_path):
    ours.save(tmp_path / "a.safetensors", {"a": np.ones(10**5)})
    with models.open(tmp_path / "a.safetensors") as source:
        os.truncate(tmp_path / "a.safetensors", 1000)
        with pytest.raises(CorruptError, match="changed"):
            source["a"].read()


@given(st.data())
def test_a_changed_file_is_refused_by_name_or_read_within_its_bytes(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("st") / "a.safetensors"
    good = header({"__metadata__": {"k": "v"}, **GOOD, "c": entry(8, 10, "F4", [4])}, bytes(range(10)))
    at = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(at, min(len(good), at + 3)))
    path.write_bytes(good[:at] + data.draw(st.binary(max_size=3)) + good[end:])
    try:
        with ours.open(path) as source:
            assert sum(tensor.nbytes for tensor in source.values()) < len(good)
            for tensor in source.values():
                assert tensor.read().shape == tensor.shape
    except RefcompressError:
        pass

"""GGUF files of every type, by their package and by hand: what the tests of GGUF share."""

import struct

import numpy as np
import pytest

from refcompress import (
    GGMLBlocks,
    Plain,
)
from refcompress.formats import GGML_TYPES
from refcompress.models import gguf
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

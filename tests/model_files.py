"""A small file of each format that an inspection reads, with whatever the format can have in it."""

import json
import os
from pathlib import Path

import numpy as np
import onnx
import torch_bytes as torch
from onnx import TensorProto, helper, numpy_helper
from onnx_models import model, tensor_of

from refcompress import GGMLBlocks, Plain, container, models
from refcompress.formats import GGML_TYPES

RNG = np.random.default_rng(20)
F32 = np.float32
W = RNG.standard_normal((4, 6)).astype(F32)


def npz(folder: Path) -> Path:
    path = folder / "a.npz"
    np.savez(path, w=W, f=np.asfortranarray(W), i=np.int8([1, 2, 3]), none=np.zeros((0, 3)))
    return path


def deflated(folder: Path) -> Path:
    path = folder / "deflated.npz"
    np.savez_compressed(path, w=W, zeros=np.zeros(5000, F32))
    return path


def safetensors(folder: Path) -> Path:
    path = folder / "a.safetensors"
    tensors = {"wörd.weight": W, "half": W.astype(np.float16), "four": Plain(RNG.integers(0, 16, (2, 4), np.uint8),
                                                                            "fp4_e2m1"), "none": np.zeros((0, 2))}
    models.save(path, tensors, metadata={"format": "np", "ü": "\\ \" ü"})
    return path


def sharded(folder: Path) -> Path:
    where = folder / "sharded"
    where.mkdir(exist_ok=True)
    shards = {"m-1.safetensors": {"a.qweight": np.ones((4, 8), np.int32), "b": W},
              "m-2.safetensors": {"a.scales": np.ones((2, 8), np.float16), "a.qzeros": np.ones((2, 1), np.int32)}}
    for name, arrays in shards.items():
        models.save(where / name, arrays)
    path = where / "m.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": {name: shard for shard, arrays in shards.items() for name in arrays}}))
    return path


def gguf(folder: Path) -> Path:
    path = folder / "a.gguf"
    blocks = {name: GGMLBlocks(RNG.integers(0, 256, (6, block.nbytes), np.uint8), name, (2, 3 * block.numbers))
              for name, block in GGML_TYPES.items()}
    words = json.dumps([f"tök{i}" for i in range(20)])
    models.save(path, {"blk.0.weight": W, **blocks, "brain": Plain(RNG.integers(0, 2**16, (3, 5), np.uint16),
                                                                    "bfloat16")},
                metadata={"general.name": 'string "a"', "tokenizer.ggml.tokens": f"string[] {words}",
                          "general.alignment": "uint32 64"})
    return path


def onnx_model() -> onnx.ModelProto:
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(F32([1, 2])))], "branch", [],
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, [2])], [numpy_helper.from_array(np.int8([5]), "v")])
    nodes = [helper.make_node("If", ["flag"], ["y"], then_branch=branch, else_branch=branch),
             helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
             helper.make_node("MatMulNBits", ["x", "b4", "b4s"], ["e"], domain="com.microsoft", K=30, N=4, bits=4,
                              block_size=32)]
    tensors = [numpy_helper.from_array(W, "w"), helper.make_tensor("i", TensorProto.INT64, [2], [-1, 300]),
               helper.make_tensor("words", TensorProto.STRING, [2], [b"one", b"two"]),
               numpy_helper.from_array(np.int8([[1, 2], [3, 4]]), "q"), numpy_helper.from_array(F32([0.5]), "s"),
               numpy_helper.from_array(np.int8([3]), "z"),
               numpy_helper.from_array(RNG.integers(0, 256, (4, 1, 16), np.uint8), "b4"),
               numpy_helper.from_array(F32([1, 2, 3, 4]), "b4s"),
               *(tensor_of(t, (3,), f"t{t}", raw, RNG) for t, raw in (
                   (TensorProto.INT4, False), (TensorProto.BFLOAT16, False), (TensorProto.FLOAT6E2M3, True),
                   (TensorProto.FLOAT, False)))]
    made = model(tensors, nodes)
    helper.set_model_props(made, {"key": "word"})
    return made


def onnx_file(folder: Path) -> Path:
    path = folder / "a.onnx"
    path.write_bytes(onnx_model().SerializeToString())
    return path


def external(folder: Path) -> Path:
    where = folder / "external"
    where.mkdir(exist_ok=True)
    path, large = where / "a.onnx", RNG.standard_normal((40, 50)).astype(F32)
    onnx.save(model([numpy_helper.from_array(large, "large"), numpy_helper.from_array(large[1:], "more")]), str(path),
              save_as_external_data=True, location="weights.bin", size_threshold=0)
    return path


def pytorch(folder: Path) -> Path:
    path, data = folder / "a.pt", np.arange(24, dtype=F32)
    held, other = torch.storage("0", 24), torch.storage("1", 6, "HalfStorage")
    path.write_bytes(torch.archive(torch.dumped({
        "state": {"w": torch.tensor(held, (2, 5)), "tied": torch.tensor(held, (2, 5)),
                  "transposed": torch.tensor(held, (3, 4), (1, 3), 12), "h": torch.tensor(other, (6,))},
        "epoch": 3}), {"0": data.tobytes(), "1": np.zeros(6, np.float16).tobytes(), "2": b"unused"}))
    return path


def rcz(folder: Path) -> Path:
    path = folder / "a.rcz"
    container.save(path, {"w": W, "half": W.astype(np.float16)})
    return path


FILES = {each.__name__: each for each in (npz, deflated, safetensors, sharded, gguf, onnx_file, external, pytorch, rcz)}


def all_files(folder: Path) -> dict[str, Path]:
    """Write one file of each format; return their paths."""
    return {name: make(folder) for name, make in FILES.items()}


def size_of(path: Path) -> int:
    """Return the bytes of a model: of its index or of a file with external data those of the whole folder."""
    if path.parent.name in ("sharded", "external"):
        return sum(os.path.getsize(each) for each in path.parent.iterdir())
    return os.path.getsize(path)

"""A sharded checkpoint of bfloat16 numbers, and whether two models are the same, byte for byte."""

import json
import struct
from pathlib import Path

import numpy as np

SHARDS = 8
PIECE = 2**24  # bytes that are compared at a time


def make(folder: Path, matrices: int, size: int) -> Path:
    """Write a checkpoint of square matrices and a few vectors, in shards with an index, and return its folder."""
    folder.mkdir(parents=True)
    rng, where = np.random.default_rng(0), {}
    per = -(-matrices // SHARDS)
    starts = range(0, matrices, per)
    for number, start in enumerate(starts, 1):
        shapes = {f"model.layers.{i}.weight": (size, size) for i in range(start, min(start + per, matrices))}
        shapes[f"model.layers.{start}.norm.weight"] = (size,)
        shard, head, at = f"model-{number:05}-of-{len(starts):05}.safetensors", {}, 0
        for name, shape in shapes.items():
            end = at + 2 * int(np.prod(shape))
            head[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, end]}
            where[name], at = shard, end
        text = json.dumps(head).encode()
        text += b" " * (-len(text) % 8)
        with open(folder / shard, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for shape in shapes.values():
                bits = (rng.standard_normal(shape, dtype=np.float32) * np.float32(0.02)).view(np.uint32)
                file.write((bits + (0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2").data)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return folder


def tensors(path: Path) -> dict[str, tuple[Path, int, int, str, tuple]]:
    """Return what the shards of a folder hold, or one file: name -> (file, first byte, bytes, dtype, shape)."""
    found = {}
    for file in sorted(path.glob("*.safetensors")) if path.is_dir() else [path]:
        with open(file, "rb") as opened:
            length = struct.unpack("<Q", opened.read(8))[0]
            head = json.loads(opened.read(length))
        head.pop("__metadata__", None)
        for name, of in head.items():
            start, end = of["data_offsets"]
            found[name] = file, 8 + length + start, end - start, of["dtype"], tuple(of["shape"])
    return found


def difference(source: Path, copy: Path) -> str:
    """Return in what two models differ; nothing if all tensors are the same, byte for byte."""
    mine, other = tensors(source), tensors(copy)
    if mine.keys() != other.keys():
        return f"tensors of other names: {sorted(mine.keys() ^ other.keys())[:3]}"
    for name, (file, start, size, *kind) in mine.items():
        there, begin, count, *its = other[name]
        if (size, kind) != (count, its):
            return f"{name} is {its}, not {kind}"
        with open(file, "rb") as a, open(there, "rb") as b:
            a.seek(start)
            b.seek(begin)
            while size:
                piece = min(PIECE, size)
                if a.read(piece) != b.read(piece):
                    return f"{name} has other bytes"
                size -= piece
    return ""

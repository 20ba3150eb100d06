"""Compressed files back to the files of others: each entry as the tensor that it stands for."""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from .. import models, reference
from ..container import DEFAULT_LIMIT, files
from ..errors import CorruptError, LimitError, RefcompressError
from ..formats import ELEMENT_TYPES, Packed, Plain, Quantized, QuantizedLayer
from ..formats.arranged import Arranged
from ..models.onnx.write import DECODED
from ..models.source import Tensor, Value
from ..ops import implementation_of
from .networks import load_model
from .reading import Compressed, open_compressed
from .sources import Path
from .weights import decoded, fits, in_type

__all__ = ["completed", "decompress", "is_onnx", "tensors_of", "write_network"]


def tensors_of(file: Compressed, *, implementation: Any = reference, limit: int = DEFAULT_LIMIT,
               integers: bool = False) -> dict[str, Tensor]:
    """Return the tensors that the entries of a compressed file stand for; each is decoded when it is read.

    A layer with a bias stands for two, NAME.weight and NAME.bias; a graph for none. What lost nothing comes back bit
    for bit, in the type that it had. What lost something is float32 numbers: it comes back in the type that it had
    where that type holds all of them exactly (compress noted which these are), and else as float32. So bfloat16 weights
    that became integers with scales are float32.

    implementation : the namespace that decodes. limit : the most bytes that one tensor may have. integers : whether
    integers with scales are read as what they are, Quantized or Packed, for types of file that have such
    """
    operation = partial(_operation, implementation)
    found: dict[str, Tensor] = {}
    for name in file:
        for tensor in _of_entry(file, name, operation, integers):
            if tensor.name in found:
                raise RefcompressError(f"tensor {tensor.name!r}", f"comes twice: entry {name!r} stands for it too")
            if tensor.nbytes > limit:  # a factor of rank 0 is no byte in memory, and any size as an array
                raise LimitError("limit", f"tensor {tensor.name!r} has {tensor.nbytes} bytes, the limit is {limit}")
            found[tensor.name] = tensor
    return found


def _of_entry(file: Compressed, name: str, operation: Callable[[str], Callable], integers: bool) -> Iterator[Tensor]:
    """Yield the tensors that an entry stands for: two of a layer with a bias. Nothing but a layer is decoded for it."""
    outline, read = file.outline(name), partial(file.__getitem__, name)
    kind, size = outline.type, math.prod(outline.shape)
    if kind == "graph":
        return
    if kind is None:
        layer = read()
        bias = layer.bias if isinstance(layer, QuantizedLayer) else None
        yield Tensor(f"{name}.weight", outline.shape, "float32", 4 * size, partial(_value, read, None, name, operation))
        if bias is not None:
            yield Tensor(f"{name}.bias", bias.shape, bias.dtype.name, bias.nbytes, partial(_bias, read))
        return
    nbytes = outline.nbytes
    if kind == "float32" and (said := file.types.get(name)):
        kind, nbytes = said, size * ELEMENT_TYPES[said].bits // 8
    value = partial(_value, read, file.types.get(name), name, operation, integers)
    yield Tensor(name, outline.shape, kind, nbytes, value)


def _operation(implementation: Any, name: str) -> Callable:
    return implementation_of(implementation, name)[0]


def _value(read: Callable, type: str | None, name: str, operation: Callable[[str], Callable],
           integers: bool = False) -> Value:
    layer = read()
    if integers and isinstance(layer, (Quantized, Packed)):
        return layer
    if isinstance(layer, np.ndarray) or isinstance(layer, Plain) or hasattr(layer, "type"):
        return layer
    if isinstance(layer, Arranged):
        dense = layer.arrangement(decoded(layer.layer, operation))
    else:
        dense = decoded(layer, operation)
    if type is None or type == "float32":
        return dense
    if not fits(dense, type):
        raise CorruptError("path", f"entry {name!r} is said to be of {type}, and has numbers that are not")
    return in_type(dense, type)


def _bias(read: Callable) -> np.ndarray:
    return read().bias


def decompress(path: Path, target: Path, *, implementation: Any = reference, limit: int = DEFAULT_LIMIT,
               like: Path | None = None) -> dict[str, Tensor]:
    """Write the tensors of a compressed file to a model of others, whose suffix says the type; return what was written.

    One tensor is in memory at a time. like : of .onnx and .gguf alone, the original file. Without it the network of a
    file that has a graph is written as .onnx, all of it at once.
    """
    with open_compressed(path, implementation=implementation, limit=limit) as file:
        tensors = tensors_of(file, implementation=implementation, limit=limit)
        if like is None and is_onnx(target) and file.graph_name is not None:
            write_network(path, target, implementation=implementation, limit=limit)
        else:
            with completed(file, tensors, like, limit=limit) as whole:
                models.save(target, whole, like=like, decoded=True)
        return tensors


def is_onnx(path: Path) -> bool:
    """Return whether a path names an ONNX model."""
    return os.fsdecode(files.name_of(path)).lower().endswith(".onnx")


def write_network(path: Path, target: Path, *, implementation: Any = reference, limit: int = DEFAULT_LIMIT,
                  integers: bool = False) -> None:
    """Write the network of a compressed file as an ONNX model. integers : whether integers with scales stay such"""
    from ..graph import onnx

    onnx.save(load_model(path, implementation=implementation, limit=limit), target, integers=integers, metadata=DECODED)


@contextmanager
def completed(file: Compressed, tensors: dict[str, Tensor], like: Path | None, *, limit: int
              ) -> Iterator[dict[str, Tensor]]:
    """Give the tensors, and with them those of the original which became attributes of the graph's nodes."""
    graph = file.graph
    if like is None or graph is None or not is_onnx(like):
        yield tensors
        return
    with models.open(like, limit=limit) as original:
        more = {name: each for name, each in original.items() if name not in graph.parameters}
        yield {**more, **{name: each for name, each in tensors.items() if name in original}}

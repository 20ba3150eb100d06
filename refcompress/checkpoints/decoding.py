"""Compressed files back to the files of others: each entry as the tensor that it stands for."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .. import models, reference
from ..container import DEFAULT_LIMIT, Layer
from ..errors import CorruptError, LimitError, RefcompressError
from ..formats import Packed, Plain, Quantized, QuantizedLayer
from ..models.source import Tensor, Value
from ..ops import implementation_of
from .arranged import Arranged
from .reading import Compressed, open_compressed
from .sources import Path
from .weights import decoded, fits, in_type

__all__ = ["decompress", "tensors_of"]

KEPT = 2**26  # bytes of layers that stay in memory between the two times that they are asked for


def tensors_of(file: Compressed, *, implementation: Any = reference, limit: int = DEFAULT_LIMIT,
               integers: bool = False) -> dict[str, Tensor]:
    """Return the tensors that the entries of a compressed file stand for; each is decoded when it is read.

    A layer with a bias stands for two, NAME.weight and NAME.bias. What lost nothing comes back bit for bit, in the type
    that it had. What lost something is float32 numbers: it comes back in the type that it had where that type holds all
    of them exactly (compress noted which these are), and else as float32. So bfloat16 weights that became integers with
    scales are float32.

    implementation : the namespace that decodes. limit : the most bytes that one tensor may have. integers : whether
    integers with scales are read as what they are, Quantized or Packed, for types of file that have such
    """
    operation = partial(_operation, implementation)
    found: dict[str, Tensor] = {}
    kept = 0
    for name in file:
        layer = file[name]
        size = 0 if isinstance(layer, np.ndarray) else getattr(layer, "nbytes", 0)
        kept += size
        read = partial(_itself, layer) if kept <= KEPT and size else partial(file.__getitem__, name)
        decode = read if integers and isinstance(layer, (Quantized, Packed)) else \
            partial(_value, read, file.types.get(name), name, operation)
        if not isinstance(layer, QuantizedLayer):
            parts: dict[str, tuple[Any, Callable]] = {name: (layer, decode)}
        else:
            parts = {f"{name}.weight": (layer, decode)}
            if layer.bias is not None:
                parts[f"{name}.bias"] = layer.bias, partial(_bias, read)
        for part, (value, reader) in parts.items():
            if part in found:
                raise RefcompressError(f"tensor {part!r}", f"comes twice: entry {name!r} stands for it too")
            found[part] = _tensor(part, value, file.types.get(name), reader, limit)
    return found


def _operation(implementation: Any, name: str) -> Callable:
    return implementation_of(implementation, name)[0]


def _itself(layer: Layer) -> Layer:
    return layer


def _tensor(name: str, value: Any, type: str | None, read: Callable, limit: int) -> Tensor:
    """Return a Tensor by the shape and type of what it will read."""
    inner: Any = value.layer if isinstance(value, Arranged) else value
    if isinstance(inner, Plain) or not isinstance(inner, np.ndarray) and hasattr(inner, "type"):
        kind, nbytes = inner.type, inner.nbytes
    else:
        kind = type or (inner.dtype.name if isinstance(inner, np.ndarray) else "float32")
        nbytes = int(np.prod(value.shape, dtype=object)) * (2 if kind == "bfloat16" else np.dtype(kind).itemsize)
    if nbytes > limit:  # a factor of rank 0 is no byte in memory, and any size as an array
        raise LimitError("limit", f"tensor {name!r} has {nbytes} bytes, the limit is {limit}")
    return Tensor(name, tuple(value.shape), kind, nbytes, read)


def _value(read: Callable, type: str | None, name: str, operation: Callable[[str], Callable]) -> Value:
    layer = read()
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

    One tensor is in memory at a time. like : of .onnx alone, the original file.
    """
    with open_compressed(path, implementation=implementation, limit=limit) as file:
        tensors = tensors_of(file, implementation=implementation, limit=limit)
        models.save(target, tensors, like=like, decoded=True)
        return tensors

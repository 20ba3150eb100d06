"""The tensors of a quantized file, one by one: which are quantized, and how each is read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from ...container.files import Opened
from ...formats import GGMLBlocks
from ...models import Source, Tensor, Value
from . import bitsandbytes, compressed_tensors, gguf, onnx, torchao
from .onnx_nodes import nodes_of
from .stored import Site, Stored

__all__ = ["Item", "items_of"]


@dataclass(frozen=True)
class Item:
    """A tensor of a file. read : its readings, as Stored, or its value where it is not quantized."""

    name: str
    read: Callable[[], list[Stored] | Value] = field(repr=False)


def items_of(source: Source) -> Iterator[Item]:
    """Yield the tensors of an open file, none of them read yet; scales and zero points come with their codes."""
    used: set[str] = set()
    for site in _sites(source):
        used.update(site.uses)
        yield Item(site.name, site.read)
    for name, tensor in source.items():
        if name not in used:
            yield Item(name, partial(_of, tensor))


def _sites(source: Source) -> Iterator[Site]:
    """Yield the tensors that several tensors of the file make together."""
    if source.kind == "onnx":
        with Opened(source.files[0]) as file:
            nodes = list(nodes_of(file))
        yield from onnx.sites_of(source, nodes)
    elif source.kind in ("safetensors", "torch"):
        yield from compressed_tensors.sites_of(source)
        yield from torchao.sites_of(source)
        yield from bitsandbytes.sites_of(source)


def _of(tensor: Tensor) -> list[Stored] | Value:
    value = tensor.read()
    stored = gguf.stored_of(tensor.name, value) if isinstance(value, GGMLBlocks) else None
    return value if stored is None else [stored]

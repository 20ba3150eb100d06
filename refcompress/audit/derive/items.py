"""The tensors of a quantized file, one by one: which are quantized, and how each is read."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from os import PathLike

from ... import container, models
from ...checkpoints.reading import Compressed
from ...container.files import Opened
from ...formats import GGMLBlocks, Graph
from ...models import Source, Tensor, Value
from ..limits import limit_of, limit_of_others
from . import bitsandbytes, compressed_tensors, coreml, gguf, gptq, hqq, onnx, own, torchao
from .onnx_nodes import nodes_of
from .stored import Site, Stored, Unread

__all__ = ["File", "Item", "opened"]

STEP = 2**24  # bytes hashed at a time


@dataclass(frozen=True)
class Item:
    """A tensor of a file. read : gives its readings, as Stored, its value where it is not quantized, or why not.

    uses : the names of the file's tensors that make it; none: that of its own name
    """

    name: str
    read: Callable[[], list[Stored] | Value | Unread] = field(repr=False)
    uses: tuple[str, ...] = ()


@dataclass(frozen=True)
class File:
    """A quantized file that is open: its path, what computes its SHA-256, and its tensors, none of them read yet.

    left_out : names of tensors that stand for no weights of a source. beside : tensors that are not quantized. unread :
    name -> why, of what the file has and is no tensor of numbers
    """

    path: str
    sha256: Callable[[], str]
    items: Iterator[Item]
    left_out: tuple[str, ...] = ()
    beside: Mapping[str, Tensor] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def opened(path: str | bytes | PathLike, limit: int | None, implementation: object) -> Iterator[File]:
    """Give a file of any type that is read here, one of ours, which the implementation decodes, or another's."""
    name = os.fsdecode(path)
    if coreml.is_package(name):
        with coreml.Package(name, limit_of_others(limit)) as package:
            yield File(name, package.sha256, (Item(site.name, site.read) for site in package.sites()))
        return
    if os.path.isdir(name) or not _is_own(name):
        with models.open(path, limit=limit_of_others(limit), rest=True) as source:
            yield file_of(source)
    else:
        limit = limit_of(path, limit)
        with Opened(path) as file, container.open(path, implementation=implementation, limit=limit) as layers:
            yield File(file.path, partial(_digest, file), _own_items(layers, limit, implementation))


def _is_own(path: str) -> bool:
    with Opened(path) as file:
        return bytes(file.read(0, min(file.size, len(container.MAGIC)))) == container.MAGIC


def _digest(file: Opened) -> str:
    digest = hashlib.sha256()
    for start in range(0, file.size, STEP):
        digest.update(file.read(start, min(STEP, file.size - start)))
    return digest.hexdigest()


def _own_items(layers: container.File, limit: int, implementation: object) -> Iterator[Item]:
    arrangements = Compressed(layers).arrangements
    for name in layers:
        value = layers[name]
        if not isinstance(value, Graph):
            for each, part in own.parts_of(name, value).items():
                yield Item(each, partial(own.reading_of, each, part, limit, arrangements.get(each), implementation))


def file_of(source: Source) -> File:
    """Return another's file; scales and zero points come with their codes."""
    sites: list[Site] = []
    activations: set[str] = set()
    if source.kind == "onnx":
        with Opened(source.files[0]) as file:
            nodes = list(nodes_of(file))
        sites, activations = list(onnx.sites_of(source, nodes)), onnx.of_activations(source, nodes)
    elif source.kind in ("safetensors", "torch"):
        for room in (compressed_tensors, torchao, bitsandbytes, gptq, hqq):
            sites += room.sites_of(source)
    used = {name for site in sites for name in site.uses}
    left_out = tuple(name for name in source if name in activations - used)
    beside = {name: tensor for name, tensor in source.items() if name not in used}
    return File(source.files[0], source.sha256, _items(source, sites, used | activations), left_out, beside,
                source.left_out if source.kind in ("npz", "onnx") else {})


def _items(source: Source, sites: list[Site], used: set[str]) -> Iterator[Item]:
    for site in sites:
        yield Item(site.name, site.read, site.uses)
    for name, tensor in source.items():
        if name not in used:
            yield Item(name, partial(_of, tensor))
    for name, why in source.left_out.items() if source.kind == "gguf" else ():
        yield Item(name, partial(Unread, f"it {why}, so no rule is known"))


def _of(tensor: Tensor) -> list[Stored] | Value:
    value = tensor.read()
    stored = gguf.stored_of(tensor.name, value) if isinstance(value, GGMLBlocks) else None
    return value if stored is None else [stored]

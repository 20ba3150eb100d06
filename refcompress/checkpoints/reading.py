"""Compressed files and models of others, through the same three functions: open, load, save."""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from .. import container, models, reference
from ..container import DEFAULT_LIMIT, Layer
from ..container.outlines import Outline
from ..errors import ArgumentTypeError, CorruptError
from ..formats import ELEMENT_TYPES, Graph
from ..formats.arranged import Arranged, Arrangement
from .sources import Path

__all__ = ["Compressed", "is_compressed", "load", "open", "save"]


def is_compressed(path: Path) -> bool:
    """Return whether the file at ``path`` begins as a compressed file does."""
    if os.path.isdir(path):
        return False
    with container.files.Opened(path) as file:
        return bytes(file.read(0, min(file.size, len(container.MAGIC)))) == container.MAGIC


class Compressed(Mapping[str, Layer]):
    """An open compressed file: name -> layer, each read when it is asked for, arranged as its tensor was.

    metadata : what the file says about its making. types : name -> the type that a tensor had in the source, where its
    layer does not say it.
    """

    def __init__(self, file: "container.File"):
        self._file = file
        self.metadata: dict[str, str] = dict(file.metadata)
        self.types: dict[str, str] = self._said("refcompress.types")
        self.arrangements = {name: Arrangement(tuple(each["shape"]), tuple(each["axes"]))
                             for name, each in self._said("refcompress.arranged").items()}

    def _said(self, key: str) -> dict[str, Any]:
        """Return the JSON object under a key of the metadata; refuse what compress does not write there."""
        try:
            found = json.loads(self.metadata.get(key, "{}"))
            if not isinstance(found, dict) or not set(found) <= set(self._file):
                raise ValueError("names entries that are not there")
            for value in found.values():
                if key == "refcompress.types":
                    if value not in ELEMENT_TYPES:
                        raise ValueError(f"{value!r} is no element type")
                else:
                    Arrangement(tuple(value["shape"]), tuple(value["axes"]))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise CorruptError("path", f"has metadata {key!r} that does not read: {error}") from None
        return found

    def __getitem__(self, name: str) -> Layer:
        return self.arranged(name, self._file[name])

    def arranged(self, name: str, layer: Layer) -> Layer:
        """Return the layer of an entry, arranged as its tensor was."""
        arrangement = self.arrangements.get(name)
        return layer if arrangement is None or isinstance(layer, Graph) else Arranged(layer, arrangement)

    def outline(self, name: str) -> Outline:
        """Return the shape, the bytes and the type of the tensor that an entry stands for; it is not decoded."""
        found, arrangement = self._file.outline(name), self.arrangements.get(name)
        return found if arrangement is None else found._replace(shape=arrangement.target)

    @property
    def graph_name(self) -> str | None:
        """The name of the entry that is the graph of a network; None where the file has none."""
        return self._file.graph_name

    @property
    def graph(self) -> Graph | None:
        """The graph of a network; None where the file has none."""
        return self._file.graph

    def entry_bytes(self, name: str) -> int:
        """Return how many bytes an entry takes."""
        return self._file.entry_bytes(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._file)

    def __len__(self) -> int:
        return len(self._file)

    def __contains__(self, name: object) -> bool:
        return name in self._file

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "Compressed":
        return self

    def __exit__(self, *error) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Compressed, {len(self)} tensors>"


def open(path: Path, *, implementation: Any = reference, limit: int = DEFAULT_LIMIT) -> Mapping[str, Any]:
    """Return a compressed file as a mapping of names to layers, or a model of others as one of names to Tensors.

    Nothing but the names, shapes and types is read before it is asked for. It is to be closed, or used in a ``with``.

    limit : the most bytes that one tensor may have
    """
    if is_compressed(path):
        return open_compressed(path, implementation=implementation, limit=limit)
    return models.open(path, limit=limit)


def open_compressed(path: Path, *, implementation: Any, limit: int) -> Compressed:
    """Return a compressed file, open."""
    file = container.open(path, implementation=implementation, limit=limit)
    try:
        return Compressed(file)
    except BaseException:
        file.close()
        raise


def load(path: Path, *, implementation: Any = reference, limit: int = DEFAULT_LIMIT) -> dict[str, Any]:
    """Return all layers of a compressed file, or all tensors of a model of others, by name, in the order of the file.

    limit : the most bytes that all of them may have
    """
    if is_compressed(path):
        with open_compressed(path, implementation=implementation, limit=limit) as file:
            layers = container.load(path, implementation=implementation, limit=limit)
            return {name: file.arranged(name, layer) for name, layer in layers.items()}
    return models.load(path, limit=limit)


def save(path: Path, tensors: Mapping[str, Any], *, implementation: Any = reference) -> None:
    """Write tensors by name: to a compressed file if the path ends in .rcz, else to a file of others by its suffix.

    tensors : name -> array, or a format that stands for one. A compressed file holds formats as they are; other files
    hold the arrays that they stand for.
    """
    if not isinstance(tensors, Mapping):
        raise ArgumentTypeError("tensors", f"must be a mapping of names, not {type(tensors).__name__}")
    if os.fsdecode(container.files.name_of(path)).lower().endswith(".rcz"):
        layers, metadata = unarranged(tensors)
        container.save(path, layers, implementation=implementation, metadata=metadata)
        return
    models.save(path, tensors)


def unarranged(tensors: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return tensors as the layers that a file holds, and the metadata that says how their numbers are arranged."""
    arranged = {name: {"shape": list(value.arrangement.shape), "axes": list(value.arrangement.axes)}
                for name, value in tensors.items() if isinstance(value, Arranged)}
    metadata = {"refcompress.arranged": json.dumps(arranged, sort_keys=True)} if arranged else {}
    return {name: value.layer if isinstance(value, Arranged) else value for name, value in tensors.items()}, metadata

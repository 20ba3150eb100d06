"""What is compressed: a file of a model, or a mapping of names to arrays, both as a Source."""

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import models
from ..container import DEFAULT_LIMIT
from ..formats import Graph, Plain
from ..formats.base import Format
from ..models.source import Source, Value
from .source_networks import network_of

if TYPE_CHECKING:
    from ..graph import Model

__all__ = ["Opening", "Path", "raw", "source_of"]

Path = str | bytes | PathLike


@dataclass(frozen=True)
class Opening:
    """How a source is opened: what another process needs to open it too.

    path : of the model, a file or a folder. limit, bfloat16 : as models.open takes them. network : whether tensors are
    asked for that the network has and the file has not.
    """

    path: Path
    limit: int = DEFAULT_LIMIT
    bfloat16: bool = False
    network: bool = False

    def source(self) -> Source:
        source = models.open(self.path, limit=self.limit, bfloat16=self.bfloat16)
        return network_of(source)[0] if self.network else source


def source_of(what: "Path | Source | Model | Mapping[str, Any]", *, limit: int, bfloat16: bool
              ) -> tuple[Source, Opening | None]:
    """Return the source, and how another process opens it: not at all, if it is a mapping in memory."""
    if isinstance(what, Source):
        return what, None
    if isinstance(what, Mapping):
        graphs = [value for value in what.values() if isinstance(value, Graph)]
        if len(graphs) != 1:
            return models.from_mapping(what), None
        source = models.from_mapping({name: value for name, value in what.items() if value is not graphs[0]})
        return source.with_tensors(source, graphs[0]), None
    if not isinstance(what, str | bytes | PathLike):
        from ..graph import Model  # with what knows operations

        if isinstance(what, Model):
            source = models.from_mapping(what.tensors)
            return source.with_tensors(source, what.graph), None
    opening = Opening(what, limit, bfloat16)
    return opening.source(), opening


def raw(value: Value) -> list[np.ndarray]:
    """Return the bytes of a value, in C order: of a format those of each of its arrays."""
    arrays = [value] if isinstance(value, np.ndarray) else [value.patterns] if isinstance(value, Plain) else \
        [part for _, part in value._fields() if isinstance(part, np.ndarray)] if isinstance(value, Format) else []
    return [np.ascontiguousarray(a).reshape(-1).view(np.uint8) for a in arrays]

"""An ONNX file: its graph as the package onnx reads it, its tensors as refcompress.models.onnx does, and their names.

A tensor has one name everywhere: the name under which a compressed file of the same model has it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np

from ...errors import CorruptError, RefcompressError
from ...models import onnx as weights
from ...models.source import Source
from ..use import Weight
from .package import onnx_package

__all__ = ["File", "Names", "OWN", "inner_graphs", "is_constant", "opened"]

OWN = ("", "ai.onnx")  # two names of the domain of ONNX's own operators


@dataclass
class Names:
    """The names of the tensors of one graph. own : name in the graph -> name in the model. inner : those of the graphs
    in attributes of its nodes, in the order of the nodes.
    """

    own: dict[str, str] = field(default_factory=dict)
    inner: list["Names"] = field(default_factory=list)

    def all(self) -> Iterator[str]:
        """Yield the names in the model."""
        yield from self.own.values()
        for each in self.inner:
            yield from each.all()


@dataclass
class File:
    """proto : the ModelProto, functions inlined. opset : the version of ONNX's own operators. names : of its tensors.

    tensor : (name in the model, TensorProto) -> the tensor.
    """

    proto: Any
    opset: int
    names: Names
    tensor: Callable[[str, Any], Weight]


def opened(path: str | bytes | PathLike) -> tuple[File, Source]:
    """Return an ONNX file, and the source of its tensors, which the caller closes.

    Raises CorruptError for what is no ONNX model, and what refcompress.models.onnx.open raises.
    """
    onnx = onnx_package()
    from google.protobuf.message import DecodeError  # onnx brings protobuf

    source = weights.open(path)
    try:
        with open(source.files[0], "rb") as stream:
            data = stream.read()
        try:
            proto = onnx.ModelProto.FromString(data)
        except DecodeError as error:
            raise CorruptError("path", f"{source.files[0]!r} is no ONNX model: {error}") from None
        opset = max((each.version for each in proto.opset_import if each.domain in OWN), default=0)
        used: dict[str, int] = {}
        names = _names(proto.graph, used)
        functions = [_names(each, used) for each in proto.functions]
        named = [name for part in (names, *functions) for name in part.all()]
        if {*named} != {*source, *source.left_out}:
            raise CorruptError("path", f"{source.files[0]!r} has the parts of its graphs in an order that is not read")
        if proto.functions:
            from onnx import inliner

            proto = inliner.inline_local_functions(proto, convert_version=True)
            names = _names(proto.graph, {})
        return File(proto, opset, names, _reader(source)), source
    except BaseException:
        source.close()
        raise


def _reader(source: Source) -> Callable[[str, Any], Weight]:
    def read(name: str, proto: Any) -> Weight:
        if name in source:
            return source[name].read()
        if name in source.left_out:
            raise RefcompressError(f"tensors[{name!r}]", f"is not read here: {source.left_out[name]}")
        return np.asarray(onnx_package().numpy_helper.to_array(proto))  # of a function that was inlined

    return read


def _names(graph: Any, used: dict[str, int]) -> Names:
    """Return the names of the tensors of a graph, or of a function: in the order of the file, "#2" after the second.

    used : name -> the number that was put behind it last; 1 where it stands alone.
    """
    names = Names()

    def add(name: str) -> None:
        own, number = name, used.get(name, 0)
        while name in used:
            number += 1
            name = f"{own}#{number}"
        used[own] = max(number, 1)
        used.setdefault(name, 1)
        names.own[own] = name

    for node in graph.node:
        if is_constant(node):
            add(node.output[0])
        names.inner += [_names(inner, used) for inner in inner_graphs(node)]
    for tensor in getattr(graph, "initializer", ()):
        add(tensor.name)
    for sparse in getattr(graph, "sparse_initializer", ()):
        add(sparse.values.name)
    return names


def is_constant(node: Any) -> bool:
    """Return whether a node is an initialiser in another place: a Constant with a tensor."""
    return (node.op_type == "Constant" and node.domain in OWN and len(node.output) == 1
            and [each.name for each in node.attribute if each.HasField("t")] == ["value"])


def inner_graphs(node: Any) -> list[Any]:
    """Return the graphs in the attributes of a node, in the order in which refcompress.models.onnx walks them."""
    return [inner for attribute in node.attribute
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs)]

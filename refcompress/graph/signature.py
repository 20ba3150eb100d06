"""Element types and shapes of all values of a graph, before it runs; what does not fit is refused by its node."""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from ..errors import RefcompressError
from ..formats import Graph, Node, is_array_format
from ..formats.graph import subgraphs
from .known import Known
from .table import OPERATIONS, REQUIRED
from .use import Weight

__all__ = ["signatures"]


def signatures(graph: Graph, tensors: Mapping[str, Weight]) -> dict[str, Known]:
    """Return what is known of each value of a graph, by name; refuse operations, attributes and shapes by their node.
    """
    unknown = Counter(_unknown(graph))
    if unknown:
        listed = ", ".join(f"{name} ({count})" for name, count in sorted(unknown.items()))
        raise RefcompressError("graph", f"has operations that are not known here: {listed}")
    known = {name: _of_tensor(value) for name, value in tensors.items()}
    known |= {each.name: Known(each.type, each.shape) for each in graph.inputs}
    for node in graph.nodes:
        _complete(node, tensors)
        found = _shape(node, [known[name] if name else None for name in node.inputs])
        known |= {name: value for name, value in zip(node.outputs, found) if name}
    return known


def _unknown(graph: Graph):
    for node in graph.nodes:
        if node.operation not in OPERATIONS:
            yield node.operation
        for inner in subgraphs(node):
            yield from _unknown(inner)


def _of_tensor(value: Weight) -> Known:
    small = isinstance(value, np.ndarray) and value.dtype.kind in "iub" and value.size <= 64
    return Known(value.dtype.name, tuple(value.shape), value if small else None)


def _complete(node: Node, tensors: Mapping[str, Weight]) -> None:
    """Refuse a node with attributes or inputs that its operation does not have, or without those that it must have."""
    row, where = OPERATIONS[node.operation], f"node {node.name!r}"
    given = dict(node.attributes)
    for name in given:
        if name not in row.attributes:
            raise RefcompressError(where, f"{row.name} has no attribute {name!r}")
    for name, default in row.attributes.items():
        if default is REQUIRED and name not in given:
            raise RefcompressError(where, f"{row.name} must have an attribute {name!r}")
    count = len(node.inputs)
    if count < row.least or row.most is not None and count > row.most:
        most = "or more" if row.most is None else f"to {row.most}"
        raise RefcompressError(where, f"{row.name} takes {row.least} {most} inputs, not {count}")
    for i, name in enumerate(node.inputs):
        if name in tensors and is_array_format(tensors[name]) and i != row.weight:
            raise RefcompressError(where, f"takes {name!r} as an array, and it is a {type(tensors[name]).__name__}")
    if row.check is not None:
        try:
            row.check(*(tensors.get(name) for name in node.inputs), **{**row.attributes, **given})
        except RefcompressError as error:
            raise type(error)(where, str(error)) from None


def _shape(node: Node, inputs: list[Known | None]) -> tuple[Known, ...]:
    try:
        found = OPERATIONS[node.operation].shape(*inputs, **dict(node.attributes))
    except RefcompressError as error:
        raise type(error)(f"node {node.name!r}", str(error)) from None
    return found if isinstance(found, tuple) else (found,)

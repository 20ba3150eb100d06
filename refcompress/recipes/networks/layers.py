"""The weights of a network that may be compressed, in the order of the graph, and what a caller's rules say of each."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import numpy as np

from ... import arguments
from ...errors import ArgumentTypeError, RefcompressError
from ...formats import Node, is_array_format
from ...formats.graph import Graph, subgraphs
from ...graph import OPERATIONS, Model
from .matrices import MULTIPLIED

__all__ = ["Layer", "layers_of", "ruled"]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Layer:
    """A weight, and the first node that takes it: ``index`` in the graph; ``others`` the names of those that follow.

    ``why`` : why it is not compressed, "" for one that may be.
    """

    index: int
    node: Node
    weight: str
    value: np.ndarray
    others: tuple[str, ...] = ()
    why: str = ""


def layers_of(model: Model, operations: tuple[str, ...] = MULTIPLIED) -> list[Layer]:
    """Return a layer for each weight of the model, in the order of the graph; each weight once."""
    found: dict[str, Layer] = {}
    for i, node in enumerate(model.graph.nodes):
        name = weight_of(node)
        if name in model.tensors:
            if name in found:
                found[name] = replace(found[name], others=(*found[name].others, node.name))
                continue
            value = weight_array(model, name)
            why = "" if node.operation in operations else f"{node.operation} is not compressed here"
            why = why or ("" if value.dtype == np.float32 else f"its weight is {value.dtype.name}, not float32")
            found[name] = Layer(i, node, name, value, why=why)
        for inner in subgraphs(node):
            for weight, operation in hidden(inner):
                if weight in model.tensors and weight not in found:
                    found[weight] = Layer(i, node, weight, weight_array(model, weight),
                                          why=f"its {operation} is in a branch, which calibration cannot follow")
    return list(found.values())


def weight_of(node: Node) -> str | None:
    """Return the name of the input of a node that may be in a compressed format; None where none may."""
    at = OPERATIONS[node.operation].weight
    return node.inputs[at] if at is not None and at < len(node.inputs) else None


def hidden(graph: Graph):
    """Yield the weights of the nodes of a branch, with their operation."""
    for node in graph.nodes:
        if weight := weight_of(node):
            yield weight, node.operation
        for inner in subgraphs(node):
            yield from hidden(inner)


def weight_array(model: Model, name: str) -> np.ndarray:
    """Return a tensor as an array; what is compressed already is decoded."""
    value = model.tensors[name]
    return value.dense() if is_array_format(value) else np.asarray(value)


def ruled(layers: list[Layer], default: T, rules: Any) -> dict[str, T | None]:
    """Return by the name of each weight its settings: the default, changed by the last rule that matches the name.

    rules : from a name or a pattern as in a shell to a mapping of settings, or to None for a weight that stays.
    """
    if not isinstance(rules, Mapping):
        raise ArgumentTypeError("rules", f"must be a mapping from patterns to settings, not {type(rules).__name__}")
    known = {each.name for each in fields(default)}  # type: ignore[arg-type]
    found: dict[str, T | None] = {layer.weight: default for layer in layers}
    for pattern, changes in rules.items():
        where = f"rules[{pattern!r}]"
        if changes is not None and not isinstance(changes, Mapping):
            raise ArgumentTypeError(where, f"must be a mapping of settings or None, not {type(changes).__name__}")
        for name in changes or {}:
            if name not in known:
                raise RefcompressError(where, f"has a setting {name!r}; there are {', '.join(sorted(known))}")
        matched = [name for name in found if name == pattern or fnmatchcase(name, pattern)]
        if not matched:
            raise RefcompressError(where, f"matches no weight; there are {', '.join(found)}")
        for name in matched:
            found[name] = None if changes is None else replace(default, **changes)  # type: ignore[type-var]
    return found


def finite_value(value: np.ndarray, node: Node) -> np.ndarray:
    """Return what a node gets on the calibration inputs; refuse what is no float32, or not finite."""
    where = f"node {node.name!r}"
    if value.dtype != np.float32:
        raise ArgumentTypeError(where, f"gets {value.dtype.name} on the calibration inputs, not float32")
    return arguments.finite(value, f"{where}, its input on the calibration inputs")

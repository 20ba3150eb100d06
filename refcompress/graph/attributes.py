"""Attributes of nodes by name."""

from collections.abc import Iterable
from typing import Any

from ..formats import Node

__all__ = ["attributes_of", "new_node"]


def attributes_of(node: Node) -> dict[str, Any]:
    """Return the attributes that a node has; those that it leaves out have their defaults."""
    return dict(node.attributes)


def new_node(operation: str, inputs: Iterable[str], outputs: Iterable[str], name: str, attributes: Any = ()) -> Node:
    """Return a node; attributes may be a mapping."""
    return Node(operation, tuple(inputs), tuple(outputs), attributes, name)

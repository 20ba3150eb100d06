"""A chain of multiplications and divisions as its factors: what patterns look for, in whatever order it was written."""

from dataclasses import dataclass, field

from ...formats import Node
from .editing import Editing

__all__ = ["Product", "product_of"]


@dataclass
class Product:
    """number : the product of all constant numbers. factors : the names of the others. nodes : those of the chain."""

    number: float = 1.0
    factors: list[str] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)


def product_of(editing: Editing, name: str) -> Product:
    """Return a value as a product. A node inside of the chain is one that only the chain takes.

    A division counts where it is by a number.
    """
    found = Product()
    _collect(editing, name, found, True)
    return found


def _collect(editing: Editing, name: str, found: Product, is_first: bool) -> None:
    number = editing.number(name)
    node = editing.giver(name, "multiply", "divide")
    if number is not None:
        found.number *= number
    elif node is None or not is_first and editing.only_user(name) is None:
        found.factors.append(name)
    elif node.operation == "multiply":
        found.nodes.append(node)
        for each in node.inputs:
            _collect(editing, each, found, False)
    elif (by := editing.number(node.inputs[1])) is not None and by != 0:
        found.nodes.append(node)
        found.number /= by
        _collect(editing, node.inputs[0], found, False)
    else:
        found.factors.append(name)

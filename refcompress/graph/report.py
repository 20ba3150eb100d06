"""A network as a table: what each node takes and gives, and what it costs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .known import Size
from .signature import all_nodes, signatures
from .sizes import UNKNOWN, added
from .table import OPERATIONS

if TYPE_CHECKING:
    from .model import Model

__all__ = ["Row", "described", "rows"]


@dataclass(frozen=True)
class Row:
    """A node of a network.

    inputs, outputs : shapes; None where the number of sizes is not known. parameters, nbytes : elements of its tensors,
    and the bytes of their arrays in memory; a tensor that several nodes take is counted with the first. stored : how
    its weight is stored. operations : additions and multiplications of its products, a number or, of open sizes, a
    text.
    """

    name: str
    operation: str
    inputs: tuple[tuple[Size, ...] | None, ...]
    outputs: tuple[tuple[Size, ...] | None, ...]
    parameters: int
    nbytes: int
    stored: str
    operations: Size


def rows(model: "Model", sizes: Mapping[str, int]) -> list[Row]:
    """Return a row for each node of the graph; those of graphs in an attribute are counted with their node."""
    known, counted, found = signatures(model.graph, model.tensors, sizes), set[str](), []
    for node in model.graph.nodes:
        row = OPERATIONS[node.operation]
        inputs = [known[name] if name else None for name in node.inputs]
        outputs = [known[name] for name in node.outputs if name]
        cost: Size = 0
        if row.cost is not None:
            padded = inputs + [None] * ((row.most or 0) - len(inputs))
            whole = all(each is None or each.shape is not None for each in (*inputs, outputs[0]))
            cost = row.cost(*padded, known[node.outputs[0]], **{**row.attributes, **dict(node.attributes)}) \
                if whole and node.outputs[0] else UNKNOWN
        names = [name for each in (node, *(inner for _, graph in node.attributes if hasattr(graph, "nodes")
                                           for inner in all_nodes(graph))) for name in each.inputs]
        own = [name for name in dict.fromkeys(names) if name in model.tensors and name not in counted]
        counted.update(own)
        tensors = [model.tensors[name] for name in own]
        weight = next((model.tensors[node.inputs[i]] for i in row.weights
                       if i < len(node.inputs) and node.inputs[i] in model.tensors), None)
        stored = "" if weight is None else weight.describe() if hasattr(weight, "describe") else weight.dtype.name
        found.append(Row(node.name, node.operation, tuple(each.shape for each in inputs if each is not None),
                         tuple(each.shape for each in outputs), sum(math.prod(t.shape) for t in tensors),
                         sum(t.nbytes for t in tensors), stored, cost))
    return found


def described(model: "Model", table: list[Row]) -> str:
    """Return a table as text."""
    head = ("node", "operation", "output", "parameters", "bytes", "operations", "weight")
    lines = [(row.name, row.operation, " ".join(map(_shape, row.outputs)), f"{row.parameters:,}", f"{row.nbytes:,}",
              _count(row.operations), row.stored) for row in table]
    total: Size = 0
    for row in table:
        total = added(total, row.operations)
    lines.append(("sum", f"{len(table)} nodes", "", f"{sum(row.parameters for row in table):,}",
                  f"{sum(row.nbytes for row in table):,}", _count(total), ""))
    width = [min(max(len(line[i]) for line in (head, *lines)), 40) for i in range(len(head))]
    right = (3, 4, 5)
    text = [" ".join(cell[:40].rjust(w) if i in right else cell[:40].ljust(w)
                     for i, (cell, w) in enumerate(zip(line, width))).rstrip() for line in (head, *lines)]
    given = ", ".join(f"{each.name} {each.type} {_shape(each.shape)}" for each in model.graph.inputs)
    return "\n".join([f"inputs: {given}", f"outputs: {', '.join(model.graph.outputs)}", *text])


def _shape(shape: tuple[Size, ...] | None) -> str:
    return "?" if shape is None else "(" + ", ".join(map(str, shape)) + ")"


def _count(number: Size) -> str:
    return f"{number:,}" if isinstance(number, int) else number if len(number) < 24 else "open"

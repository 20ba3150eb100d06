"""Who takes a tensor of a graph, and as what: as a weight, which may be in a compressed format, or as an array."""

from ..formats import Graph, Node
from ..formats.graph import subgraphs
from .table import OPERATIONS

__all__ = ["is_turned", "is_weight", "uses"]


def uses(graph: Graph) -> dict[str, list[tuple[Node, int]]]:
    """Return, by the name of each parameter, the nodes that take it and at which of their inputs; in branches too."""
    found: dict[str, list[tuple[Node, int]]] = {name: [] for name in graph.parameters}
    for node in graph.nodes:
        for i, name in enumerate(node.inputs):
            if name in found:
                found[name].append((node, i))
        for inner in subgraphs(node):
            for name, more in uses(inner).items():
                if name in found:
                    found[name] += more
    return found


def is_weight(use: tuple[Node, int]) -> bool:
    """Return whether a node takes that input in a compressed format."""
    row = OPERATIONS.get(use[0].operation)
    return row is not None and use[1] in row.weights


def is_turned(use: tuple[Node, int]) -> bool:
    """Return whether a node takes a weight whose outputs are its second axis."""
    return is_weight(use) and (dict(use[0].attributes).get("transposed") is True
                               or use[0].operation == "conv_transposed")

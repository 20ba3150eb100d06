"""A network that runs: a graph with its tensors, checked once when it is made."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import arguments, reference
from ..errors import ArgumentTypeError, RefcompressError
from ..formats import Graph, Node, is_array_format
from .known import Known
from .run import run
from .signature import signatures
from .use import Use, Weight

__all__ = ["Model"]


class Model:
    """A graph and what it takes: tensors by name, float32 or integer arrays or compressed formats.

    graph : formats.Graph. tensors : name -> array or format, one for each parameter of the graph and no other.

    Refused by name: an operation that is unknown (all of them, with counts), an attribute or a number of inputs that it
    does not have, a parameter without a tensor, a tensor that nothing uses, a compressed format where an operation
    takes arrays only, shapes that do not fit. A model never changes: ``replaced`` gives another one.
    """

    def __init__(self, graph: Graph, tensors: Mapping[str, Weight]):
        if not isinstance(graph, Graph):
            raise ArgumentTypeError("graph", f"must be a Graph, not {type(graph).__name__}")
        self.graph = graph
        self.tensors: dict[str, Weight] = {}
        for name in graph.parameters:
            if name not in tensors:
                raise RefcompressError("tensors", f"must have an entry {name!r}, which the graph takes")
        for name, value in tensors.items():
            if name not in graph.parameters:
                raise RefcompressError(f"tensors[{name!r}]", "is used by no node of the graph")
            self.tensors[name] = value if is_array_format(value) else arguments.frozen(np.asarray(value))
        self.known: dict[str, Known] = signatures(graph, self.tensors)

    def run(self, inputs: Mapping[str, np.ndarray] | np.ndarray, *, implementation: Any = reference,
            use: Use | None = None) -> dict[str, np.ndarray]:
        """Return the outputs by name, for inputs by name (an array where there is one input).

        use : what records who computed what; by default a new one of ``implementation``.
        """
        return run(self, inputs, use or Use(implementation))

    def __call__(self, *inputs: np.ndarray, implementation: Any = reference) -> np.ndarray | tuple[np.ndarray, ...]:
        """Return the only output, or a tuple of all, for the inputs in their order."""
        names = [each.name for each in self.graph.inputs]
        if len(inputs) != len(names):
            raise RefcompressError("inputs", f"must be {len(names)} arrays ({', '.join(names)}), not {len(inputs)}")
        found = tuple(self.run(dict(zip(names, inputs)), implementation=implementation).values())
        return found[0] if len(found) == 1 else found

    def replaced(self, tensors: Mapping[str, Weight]) -> "Model":
        """Return the model with other tensors under these names."""
        for name in tensors:
            if name not in self.tensors:
                raise RefcompressError(f"tensors[{name!r}]", "is no tensor of the model")
        return Model(self.graph, {**self.tensors, **tensors})

    def weighted(self) -> dict[str, Node]:
        """Return, by the name of its weight, each node whose weight may be in a compressed format."""
        from .table import OPERATIONS

        return {node.inputs[OPERATIONS[node.operation].weight]: node for node in self.graph.nodes
                if OPERATIONS[node.operation].weight is not None
                and node.inputs[OPERATIONS[node.operation].weight] in self.tensors}

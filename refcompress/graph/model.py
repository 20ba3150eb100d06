"""A network that runs: a graph with its tensors, checked once when it is made."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import arguments, reference
from ..errors import ArgumentTypeError, RefcompressError
from ..formats import ELEMENT_TYPES, Graph, Node, is_array_format
from .known import Known
from .report import Row, described, rows
from .run import checked_inputs, run
from .signature import all_nodes, checked_nodes, checked_tensors, signatures
from .table import OPERATIONS
from .use import Use, Weight

__all__ = ["Model"]


class Model:
    """A graph and what it takes: tensors by name, arrays or compressed formats.

    graph : formats.Graph. tensors : name -> array or format, one for each parameter of the graph and no other.

    An operation with a weight multiplies by it as it is stored, where its format allows; every other tensor in a
    compressed format is decoded when it is taken, and the report of a run says so.

    Refused by name: operations that are unknown (all of them, with counts), an attribute or a number of inputs that an
    operation does not have, a parameter without a tensor, a tensor that nothing uses, shapes and types that do not fit.
    A model never changes: ``replaced`` gives another one.
    """

    def __init__(self, graph: Graph, tensors: Mapping[str, Weight]):
        if not isinstance(graph, Graph):
            raise ArgumentTypeError("graph", f"must be a Graph, not {type(graph).__name__}")
        _mapping(tensors)
        checked_nodes(graph)
        self.graph = graph
        self.tensors: dict[str, Weight] = {}
        for name in graph.parameters:
            if name not in tensors:
                raise RefcompressError("tensors", f"must have an entry {name!r}, which the graph takes")
        taken = set(graph.parameters)
        for name, value in tensors.items():
            if name not in taken:
                raise RefcompressError(f"tensors[{name!r}]", "is used by no node of the graph")
            self.tensors[name] = value if is_array_format(value) else _array(value, f"tensors[{name!r}]")
        checked_tensors(graph, self.tensors)
        self.known: dict[str, Known] = signatures(graph, self.tensors)
        self._sure: dict[tuple[tuple[int, ...], ...], set[int]] = {}  # shapes of inputs -> nodes that fit them

    def run(self, inputs: Mapping[str, np.ndarray] | np.ndarray, *, implementation: Any = reference,
            use: Use | None = None, allow_nan: bool = False) -> dict[str, np.ndarray]:
        """Return the outputs by name, for inputs by name (an array where there is one input).

        use : what records who computed what; by default a new one of ``implementation``. allow_nan : by default an
        output with a NaN is refused, with the first node that gave one; outputs may have them where this is True.

        Raises RefcompressError for an input that is missing, of another type or of a shape that does not fit a node.
        """
        checked, sizes = checked_inputs(self.graph, inputs)
        shapes = tuple(a.shape for a in checked.values())
        if shapes not in self._sure:
            sure: set[int] = set()
            signatures(self.graph, self.tensors, sizes, sure)
            if len(self._sure) >= 64:
                self._sure.clear()
            self._sure[shapes] = sure
        use = use or Use(implementation)
        outputs = run(self, checked, use, sure=self._sure[shapes])
        if not allow_nan:
            for name, value in outputs.items():
                if value.dtype.kind == "f" and np.isnan(value).any():
                    self._refuse_nan(name, value, checked)
        return outputs

    def __call__(self, *inputs: np.ndarray, implementation: Any = reference, use: Use | None = None,
                 allow_nan: bool = False) -> np.ndarray | tuple[np.ndarray, ...]:
        """Return the only output, or a tuple of all, for the inputs in their order."""
        names = [each.name for each in self.graph.inputs]
        if len(inputs) != len(names):
            raise RefcompressError("inputs", f"must be {len(names)} arrays ({', '.join(names)}), not {len(inputs)}")
        found = tuple(self.run(dict(zip(names, inputs)), implementation=implementation, use=use,
                               allow_nan=allow_nan).values())
        return found[0] if len(found) == 1 else found

    def replaced(self, tensors: Mapping[str, Weight]) -> "Model":
        """Return the model with other tensors under these names."""
        for name in _mapping(tensors):
            if name not in self.tensors:
                raise RefcompressError(f"tensors[{name!r}]", "is no tensor of the model")
        return Model(self.graph, {**self.tensors, **tensors})

    def weighted(self) -> dict[str, Node]:
        """Return, by the name of its weight, each node whose weight may be in a compressed format.

        The nodes of graphs in attributes are among them; of two nodes with one weight the first.
        """
        found: dict[str, Node] = {}
        for node in all_nodes(self.graph):
            for i in OPERATIONS[node.operation].weights:
                if i < len(node.inputs) and node.inputs[i] in self.tensors:
                    found.setdefault(node.inputs[i], node)
        return found

    def table(self, sizes: Mapping[str, int] | None = None) -> list[Row]:
        """Return a row for each node: operation, shapes, parameters, bytes and operations.

        sizes : numbers for open sizes of the inputs, by name, such as {"batch": 1}.
        """
        given, known = dict(sizes or {}), {size for each in self.graph.inputs for size in each.shape}
        for name, size in given.items():
            if not isinstance(name, str) or name not in known:
                raise RefcompressError(f"sizes[{name!r}]", "is no open size of the inputs")
            given[name] = arguments.integer(size, f"sizes[{name!r}]", 0)
        return rows(self, given)

    def describe(self, sizes: Mapping[str, int] | None = None) -> str:
        """Return the table as text, with sums below it."""
        return described(self, self.table(sizes))

    def __str__(self) -> str:
        return self.describe()

    def _refuse_nan(self, name: str, value: np.ndarray, inputs: Mapping[str, np.ndarray]) -> None:
        """Raise for an output with a NaN: run once more to find the first node that gave one."""
        first: list[Node] = []

        def watch(node: Node, found: tuple[np.ndarray, ...]) -> None:
            if not first and any(a.dtype.kind == "f" and np.isnan(a).any() for a in found):
                first.append(node)

        run(self, inputs, Use(reference), watch=watch)
        of = [each for each, a in inputs.items() if a.dtype.kind == "f" and np.isnan(a).any()]
        cause = f"input {of[0]!r} has one" if of else \
            f"node {first[0].name!r} ({first[0].operation}) is the first that gave one" if first else "a tensor has one"
        where = ", ".join(map(str, np.argwhere(np.isnan(value))[0]))
        raise RefcompressError(f"outputs[{name!r}][{where}]", f"is NaN: {cause}")


def _mapping(tensors: Any) -> Mapping[str, Weight]:
    if not isinstance(tensors, Mapping):
        raise ArgumentTypeError("tensors", f"must be a mapping from names, not {type(tensors).__name__}")
    return tensors


def _array(value: Any, where: str) -> np.ndarray:
    """Return a tensor that nobody can change; refuse what has no element type of ours."""
    a = np.asarray(value)
    if a.dtype.name not in ELEMENT_TYPES:
        raise ArgumentTypeError(where, f"must be an array of a type in ELEMENT_TYPES or a format, not {a.dtype.name}")
    return arguments.frozen(arguments.array(value, where, a.dtype.newbyteorder("=")))

"""Run a graph: each node once, in the order of the graph, by the operations of one implementation."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from .. import arguments
from ..errors import RefcompressError
from ..formats import Graph
from .table import OPERATIONS
from .use import Use, Weight

if TYPE_CHECKING:
    from .model import Model

__all__ = ["checked_inputs", "run", "values_of"]


def run(model: "Model", inputs: Mapping[str, np.ndarray] | np.ndarray, use: Use) -> dict[str, np.ndarray]:
    """Return the outputs of a model by name."""
    return values_of(model.graph, {**model.tensors, **checked_inputs(model.graph, inputs)}, use)


def values_of(graph: Graph, given: Mapping[str, Weight], use: Use,
              see: Callable[[str, np.ndarray], None] | None = None) -> dict[str, np.ndarray]:
    """Return the outputs of a graph by name, for its inputs and parameters, and what stands around it, by name.

    A value is forgotten behind the last node that takes it. see : is called with the name of each value and the value,
    as soon as its node has run.
    """
    values: dict[str, Weight | None] = {**given, "": None}
    for node in graph.nodes:
        use.node = node.name
        found = OPERATIONS[node.operation].compute(*(values[name] for name in node.inputs), use=use,
                                                   **dict(node.attributes))
        for name, value in zip(node.outputs, found if isinstance(found, tuple) else (found,)):
            values[name] = value
            if see is not None and name:
                see(name, value)
    return {name: values[name] for name in graph.outputs}  # type: ignore[misc]


def checked_inputs(graph: Graph, inputs: Mapping[str, np.ndarray] | np.ndarray) -> dict[str, np.ndarray]:
    """Return the inputs by name, checked: dtype, shape, and that sizes of one name are equal; or refuse them."""
    if not isinstance(inputs, Mapping):
        if len(graph.inputs) != 1:
            names = ", ".join(each.name for each in graph.inputs)
            raise RefcompressError("inputs", f"must be a mapping with {names}")
        inputs = {graph.inputs[0].name: inputs}
    for name in inputs:
        if name not in {each.name for each in graph.inputs}:
            raise RefcompressError(f"inputs[{name!r}]", "is no input of the graph")
    checked: dict[str, np.ndarray] = {}
    sizes: dict[str, int] = {}
    for each in graph.inputs:
        if each.name not in inputs:
            raise RefcompressError("inputs", f"must have an entry {each.name!r}")
        where = f"inputs[{each.name!r}]"
        a = arguments.array(inputs[each.name], where, np.dtype(each.type), ndim=len(each.shape))
        for axis, (size, wanted) in enumerate(zip(a.shape, each.shape)):
            known = wanted if isinstance(wanted, int) else sizes.setdefault(wanted, size)
            if size != known:
                raise RefcompressError(where, f"must have a size {known} along axis {axis} ({each.shape}), not {size}")
        checked[each.name] = a
    return checked

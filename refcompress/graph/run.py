"""Run a graph: each node once, in the order of the graph, by the operations of one implementation."""

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import arguments
from ..errors import LimitError, RefcompressError
from ..formats import Graph, Node, is_array_format
from ..formats.graph import subgraphs
from .signature import known_tensor, of_node, shapes_of
from .sizes import UNKNOWN, shape_text
from .table import OPERATIONS
from .use import Use, Weight, as_array

if TYPE_CHECKING:
    from .model import Model

__all__ = ["checked_inputs", "computed", "run", "values_of"]


Watch = Callable[[Node, tuple[np.ndarray, ...]], None]


def run(model: "Model", inputs: Mapping[str, np.ndarray], use: Use, *, sure: Collection[int] | None = None,
        watch: Watch | None = None) -> dict[str, np.ndarray]:
    """Return the outputs of a model by name, for inputs that were checked. sure, watch : as in values_of."""
    return values_of(model.graph, {**model.tensors, **inputs}, use, sure=sure, watch=watch)


def values_of(graph: Graph, given: Mapping[str, Weight], use: Use, *, sure: Collection[int] | None = None,
              watch: Watch | None = None) -> dict[str, np.ndarray]:
    """Return the outputs of a graph by name, for its inputs and parameters, and what stands around it, by name.

    A value is forgotten behind the last node that takes it. sure : the ids of nodes whose inputs were found to fit;
    those of the others are checked when they are there; None where all were. watch : a function that gets each node and
    its values.
    """
    values: dict[str, Weight | None] = {**given, "": None}
    with np.errstate(all="ignore"):  # IEEE arithmetic is the promise, whatever np.seterr says
        for node, forgotten in zip(graph.nodes, graph.forgotten):
            use.node = node.name
            found = computed(node, values, use, sure, watch)
            for name, value in zip(node.outputs, found):
                values[name] = value
            values[""] = None
            if watch is not None:
                watch(node, found)
            for name in forgotten:
                del values[name]
    return {name: _array(values[name], name, use) for name in graph.outputs}


def computed(node: Node, values: Mapping[str, Weight | None], use: Use, sure: Collection[int] | None,
             watch: Watch | None) -> tuple[np.ndarray, ...]:
    """Return the outputs of a node, for the values around it by name; sure, watch : as in values_of."""
    row = OPERATIONS[node.operation]
    inputs = [values[name] for name in node.inputs]
    for i, value in enumerate(inputs):
        if type(value) is not np.ndarray and value is not None and i not in row.weights:
            inputs[i] = _array(value, node.inputs[i], use)
    attributes: dict[str, Any] = dict(node.attributes)
    if subgraphs(node):
        def evaluate(inner: Graph) -> dict[str, np.ndarray]:
            return values_of(inner, values, use, sure=sure, watch=watch)  # type: ignore[arg-type]

        attributes["evaluate"] = evaluate
    elif sure is not None and id(node) not in sure:
        shapes_of(node, [None if value is None else known_tensor(value) for value in inputs])
    try:
        found = row.compute(*inputs, use=use, **attributes)
    except RefcompressError as error:
        raise of_node(error, node) from None
    except MemoryError as error:
        raise no_memory(error, node) from None
    return tuple(map(np.asarray, found)) if isinstance(found, tuple) else (np.asarray(found),)


def no_memory(error: MemoryError, node: Node) -> LimitError:
    """Return the refusal of a node whose values no memory holds."""
    return LimitError(f"node {node.name!r}", f"{node.operation} needs more memory than there is: "
                                             f"{error or 'nothing more is said'}")


def _array(value: Any, name: str, use: Use) -> np.ndarray:
    """Return a value as an array: a compressed format where no operation takes it as it is stored is decoded."""
    array = as_array(value)
    if array is not None or not is_array_format(value):
        return array  # type: ignore[return-value]
    use.say(f"{name} decoded from {type(value).__name__}")
    return use.once(value, "decoded", value.dense)


def checked_inputs(graph: Graph, inputs: Mapping[str, np.ndarray] | np.ndarray) -> tuple[dict[str, np.ndarray],
                                                                                         dict[str, int]]:
    """Return the inputs by name, checked: dtype, shape, and that sizes of one name are equal; and these sizes by name.
    """
    if not isinstance(inputs, Mapping):
        if len(graph.inputs) != 1:
            names = ", ".join(each.name for each in graph.inputs)
            raise RefcompressError("inputs", f"must be a mapping with {names}")
        inputs = {graph.inputs[0].name: inputs}
    known = {each.name for each in graph.inputs}
    for name in inputs:
        if name not in known:
            raise RefcompressError(f"inputs[{name!r}]", f"is no input of the graph, which has {', '.join(known)}")
    checked: dict[str, np.ndarray] = {}
    sizes: dict[str, int] = {}
    for each in graph.inputs:
        if each.name not in inputs:
            raise RefcompressError("inputs", f"must have an entry {each.name!r}")
        where = f"inputs[{each.name!r}]"
        a = arguments.array(inputs[each.name], where, np.dtype(each.type), ndim=len(each.shape))
        for axis, (size, wanted) in enumerate(zip(a.shape, each.shape)):
            if wanted == UNKNOWN:
                continue
            number = wanted if isinstance(wanted, int) else sizes.setdefault(wanted, size)
            if size != number:
                rule = f"must have a size {number} along axis {axis} of {shape_text(each.shape)}, not {size}"
                raise RefcompressError(where, rule)
        checked[each.name] = a
    return checked, sizes

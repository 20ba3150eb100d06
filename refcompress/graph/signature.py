"""Element types and shapes of all values of a graph, before it runs; what does not fit is refused by its node."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import UnionType
from typing import Any, Union, get_args, get_origin

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError
from ..formats import Graph, Node, Plain
from ..formats.graph import subgraphs
from .known import Known, Size
from .sizes import UNKNOWN, elementwise, product
from .table import OPERATIONS, REQUIRED
from .use import Use, Weight, as_array

__all__ = ["all_nodes", "checked_nodes", "checked_tensors", "known_outputs", "known_tensor", "of_node", "shapes_of",
           "signatures"]

SMALL = 64  # elements of a value that is followed
VALUED = {"constant_of_shape": 0, "range": 0, "resize": 1}  # from which input on the values say the shape
MOVED = {"gather", "concat", "slice", "squeeze", "unsqueeze", "reshape", "identity", "expand", "transpose", "split",
         "flatten"}  # which move sizes, whether these are numbers or names
COMPUTED = {"add", "subtract", "multiply", "divide"}  # which sizes.py computes of names too
FOLDED = MOVED | COMPUTED | {
    "cast", "equal", "less", "greater", "not", "both", "either", "where", "minimum", "maximum", "reduce_sum",
    "reduce_product", "reduce_max", "reduce_min", "range", "constant_of_shape", "floor", "ceil", "negative", "absolute"}


def signatures(graph: Graph, tensors: Mapping[str, Weight], sizes: Mapping[str, int] | None = None,
               sure: set[int] | None = None) -> dict[str, Known]:
    """Return what is known of each value of a graph, by name; refuse shapes and types that do not fit by their node.

    sizes : numbers for open sizes of the inputs, by name. sure : gets the id of each node of which all is known that
    its shape depends on, so that a run need not ask again.
    """
    known = {name: known_tensor(value) for name, value in tensors.items()}
    return _values(graph, known, sizes or {}, set() if sure is None else sure)


def _values(graph: Graph, outer: Mapping[str, Known], sizes: Mapping[str, int], sure: set[int]) -> dict[str, Known]:
    known = dict(outer)
    for each in graph.inputs:
        known[each.name] = Known(each.type, tuple(sizes.get(n, n) if isinstance(n, str) else n for n in each.shape))
    for node in graph.nodes:
        inputs = [known[name] if name else None for name in node.inputs]
        found = _shape(node, inputs, known, sure)
        if all(each is None or _is_sure(node, each, i) for i, each in enumerate(inputs)):
            sure.add(id(node))
        for name, value in zip(node.outputs, found):
            if name:
                known[name] = value
    return known


def _is_sure(node: Node, x: Known, i: int) -> bool:
    """Return whether nothing is open of an input: no size, and of integers, which may say a shape, no value."""
    if x.shape is None or not all(isinstance(size, int) for size in x.shape):
        return False
    if i >= VALUED.get(node.operation, len(node.inputs)):
        return x.value is not None
    return x.value is not None or x.type not in ("int64", "int32")


def known_tensor(value: Weight) -> Known:
    """Return what is known of a tensor, or of an array in a run."""
    array = as_array(value)
    if array is not None and array.dtype.kind in "iubf" and array.size <= SMALL:
        return Known(array.dtype.name, tuple(array.shape), array)
    multiplied = "float32" if isinstance(value, Plain) and value.product is not None else None
    return Known(value.dtype.name, tuple(value.shape), product=multiplied)


def known_outputs(node: Node, known: Mapping[str, Known]) -> tuple[Known, ...]:
    """Return what is known of each output of a node, for what is known of its inputs by name; refuse what does not fit.
    """
    _complete(node)
    return _shape(node, [known[name] if name else None for name in node.inputs], known, set())


def checked_nodes(graph: Graph) -> None:
    """Refuse operations that are not known (all of them, with counts), and attributes and inputs that do not fit one.
    """
    unknown = Counter(node.operation for node in all_nodes(graph) if node.operation not in OPERATIONS)
    if unknown:
        listed = ", ".join(f"{name} ({count})" for name, count in sorted(unknown.items()))
        raise RefcompressError("graph", f"has operations that are not known here: {listed}")
    for node in all_nodes(graph):
        _complete(node)


def checked_tensors(graph: Graph, tensors: Mapping[str, Weight]) -> None:
    """Refuse tensors and attributes that break a rule of their node's operation."""
    for node in all_nodes(graph):
        row = OPERATIONS[node.operation]
        if row.check is not None:
            try:
                row.check(*(tensors.get(name) for name in node.inputs), **{**row.attributes, **dict(node.attributes)})
            except RefcompressError as error:
                raise of_node(error, node) from None


def all_nodes(graph: Graph) -> Iterator[Node]:
    """Yield the nodes of a graph, and those of graphs in their attributes."""
    for node in graph.nodes:
        yield node
        for inner in subgraphs(node):
            yield from all_nodes(inner)


def _complete(node: Node) -> None:
    """Refuse a node with attributes or inputs that its operation does not have, or without those that it must have."""
    row, where = OPERATIONS[node.operation], f"node {node.name!r}"
    given = dict(node.attributes)
    for name, value in given.items():
        if name not in row.attributes:
            raise RefcompressError(where, f"{row.name} has no attribute {name!r}")
        if not _is(value, row.types[name]):
            raise ArgumentTypeError(where, f"attribute {name!r} must be of type {_named(row.types[name])}, not "
                                           f"{value!r:.80}")
    for name, default in row.attributes.items():
        if default is REQUIRED and name not in given:
            raise RefcompressError(where, f"{row.name} must have an attribute {name!r}")
    count = len(node.inputs)
    if count < row.least or row.most is not None and count > row.most:
        most = " or more" if row.most is None else f" to {row.most}" if row.most > row.least else ""
        raise RefcompressError(where, f"{row.name} takes {row.least}{most} inputs, not {count}")
    for i, name in enumerate(node.inputs):
        if not name and (i < row.least or row.most is None):
            raise RefcompressError(where, f"{row.name} must have input {i}")
    if row.outputs is not None and len(node.outputs) > row.outputs:
        raise RefcompressError(where, f"{row.name} gives {row.outputs} outputs at most, not {len(node.outputs)}")


def _is(value: Any, kind: Any) -> bool:
    """Return whether an attribute is of the type of an annotation."""
    if get_origin(kind) in (Union, UnionType):
        return any(_is(value, each) for each in get_args(kind))
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_is(each, get_args(kind)[0]) for each in value)
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    return isinstance(value, kind)


def _named(kind: Any) -> str:
    return str(kind).replace(" | None", "") if get_origin(kind) else kind.__name__


def _shape(node: Node, inputs: list[Known | None], known: Mapping[str, Known], sure: set[int]) -> tuple[Known, ...]:
    around = {"evaluate": lambda inner: _outputs(inner, known, sure)} if subgraphs(node) else {}
    found = shapes_of(node, inputs, **around)
    small = not any(isinstance(count, int) and count > SMALL for count in map(_count, found))
    if small and node.operation in FOLDED and all(each is None or each.value is not None for each in inputs):
        try:
            return tuple(Known(each.type, each.shape, value) for each, value in zip(found, _folded(node, inputs)))
        except RefcompressError as error:
            raise of_node(error, node) from None
    return found


def shapes_of(node: Node, inputs: list[Known | None], **around: Any) -> tuple[Known, ...]:
    """Return types and shapes of the outputs of a node; refuse inputs that do not fit by its name."""
    row = OPERATIONS[node.operation]
    inputs = [replace(x, type=x.product) if x is not None and x.product is not None and i in row.weights else x
              for i, x in enumerate(inputs)]
    try:
        found = row.shape(*inputs, **{**row.attributes, **dict(node.attributes), **around})
        found = found if isinstance(found, tuple) else (found,)
        for each in found:
            if each.shape is not None:  # what no memory could hold is refused before it is asked for
                arguments.shape([n for n in each.shape if isinstance(n, int)], "output", np.dtype(each.type).itemsize)
    except RefcompressError as error:
        raise of_node(error, node) from None
    if len(found) < len(node.outputs):
        raise RefcompressError(f"node {node.name!r}", f"names {len(node.outputs)} outputs, and {row.name} gives "
                                                      f"{len(found)}")
    return found


def _count(x: Known) -> Size:
    """Return how many elements a value has."""
    return UNKNOWN if x.shape is None else product(x.shape)


def _outputs(graph: Graph, known: Mapping[str, Known], sure: set[int]) -> tuple[Known, ...]:
    values = _values(graph, known, {}, sure)
    return tuple(values[name] for name in graph.outputs)


def of_node(error: RefcompressError, node: Node) -> RefcompressError:
    """Return a refusal with the node's name in front; that of a graph in it has its own node's name already."""
    inside = "" if error.argument.startswith("node ") else f"{error.argument}: "
    where = error.argument if not inside else f"node {node.name!r}"
    return type(error)(where, f"{inside}{error.rule}")


def _folded(node: Node, inputs: list[Known | None]) -> tuple[np.ndarray | None, ...]:
    """Return the values that a node gives for values that are known; None where names cannot be computed with."""
    values = [None if each is None else each.value for each in inputs]
    named = any(value is not None and value.dtype == object for value in values)
    nothing = (None,) * len(node.outputs)
    if named and node.operation in COMPUTED:
        return (elementwise(node.operation, *values),)  # type: ignore[arg-type]
    if named and node.operation == "cast":
        return (values[0] if dict(node.attributes)["type"] in ("int64", "int32") else None,)
    if named and node.operation not in MOVED or _counts(inputs) > SMALL:
        return nothing
    if named and any(value is not None and value.dtype == object for value in values[1:]) and \
            node.operation != "concat":
        return nothing  # places and shapes are numbers
    found = OPERATIONS[node.operation].compute(*values, use=Use(None), **dict(node.attributes))
    given = tuple(np.asarray(each, object if named else None)  # of a single name NumPy would make a string
                  for each in (found if isinstance(found, tuple) else (found,)))
    return given if all(each.size <= SMALL for each in given) else nothing


def _counts(inputs: list[Known | None]) -> int:
    return max((each.value.size for each in inputs if each is not None and each.value is not None), default=0)

"""The graph of a file for a person: a row a node, with the shapes of what it takes and gives."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import container
from ..checkpoints import Compressed
from ..errors import RefcompressError
from ..formats import ELEMENT_TYPES, Graph, Node
from ..formats.graph import subgraphs
from ..graph.known import Known
from ..graph.signature import checked_nodes, signatures
from ..graph.sizes import shape_text
from .show import paragraph, records

__all__ = ["graph_report"]

SMALL = 64  # elements of an array of integers that may say a shape: it is read


def stand_ins(file: Compressed, graph: Graph) -> dict[str, np.ndarray]:
    """Return by name an array of the type and the shape of each parameter, in no memory; small integers are read."""
    found: dict[str, np.ndarray] = {}
    for name in graph.parameters:
        outline = file.outline(name)
        element = ELEMENT_TYPES.get(outline.type or "float32", ELEMENT_TYPES["float32"])
        if element.dense.kind in "iub" and math.prod(outline.shape) <= SMALL:
            found[name] = np.asarray(file[name])
        else:
            found[name] = np.broadcast_to(np.zeros((), element.dense), outline.shape)
    return found


def graph_report(path: str, implementation: Any, limit: int) -> tuple[dict, str]:
    """Return the graph of the file at ``path`` as data and as a table; what of it does not fit is said."""
    with container.open(path, implementation=implementation, limit=limit) as opened:
        name, graph = opened.graph_name, opened.graph
        assert name is not None and graph is not None
        return _report(Compressed(opened), name, graph)


def _report(file: Compressed, name: str, graph: Graph) -> tuple[dict, str]:
    said, known = "", dict[str, Known]()
    try:
        missing = [each for each in graph.parameters if each not in file]
        if missing:
            raise RefcompressError(f"entry {missing[0]!r}", "is not in the file, and the graph takes it")
        checked_nodes(graph)
        known = signatures(graph, stand_ins(file, graph))
        unused = [each for each in file if each != name and each not in graph.parameters]
        if unused:
            raise RefcompressError(f"entry {unused[0]!r}", "is used by no node of the graph in the file")
    except RefcompressError as error:
        said = f"this network does not run here: {error}"
    tensors = {each: file.outline(each).shape for each in graph.parameters if each in file}
    rows = list(_rows(graph, tensors, known))
    inputs = "; ".join(f"{each.name}, {each.type} {shape_text(each.shape)}" for each in graph.inputs)
    outputs = ", ".join(f"{each} {_known(known.get(each))}" for each in graph.outputs)
    text = [paragraph(f"entry {name!r}: {graph.describe()}; takes {inputs or 'nothing'}; gives {outputs}"),
            records(rows, ["node", "operation", "gives", "weights", "takes", "attributes"], 3)]
    if said:
        text.append(paragraph(said))
    data = {"entry": name, "inputs": [{"name": each.name, "type": each.type, "shape": list(each.shape)}
                                      for each in graph.inputs],
            "outputs": list(graph.outputs), "nodes": [_data(node, known) for node in graph.nodes], "fault": said}
    return data, "\n".join(text)


def _rows(graph: Graph, tensors: Mapping[str, tuple[int, ...]], known: Mapping[str, Known], outer: str = ""):
    """Yield a row for each node, and behind it those of its graphs. What it takes is told where it is not simply what
    the node before it gives.
    """
    before: tuple[str, ...] = ()
    for node in graph.nodes:
        weights = [_shape(tensors[each]) for each in node.inputs if each in tensors]
        takes = [each or "-" for each in node.inputs if each not in tensors]
        said = [f"{key} {_value(value)}" for key, value in node.attributes]
        gives = [_known(known.get(each)) for each in node.outputs if each]
        yield [outer + node.name, node.operation, ", ".join(gives), ", ".join(weights) or "-",
               "the last" if tuple(takes) == before else ", ".join(takes), ", ".join(said)]
        before = tuple(filter(None, node.outputs))
        for inner in subgraphs(node):
            yield from _rows(inner, tensors, known, f"{outer}{node.name} > ")


def _data(node: Node, known: Mapping[str, Known]) -> dict:
    found = [known[each].shape if each in known else None for each in node.outputs]
    shapes = [None if shape is None else list(shape) for shape in found]
    return {"name": node.name, "operation": node.operation, "inputs": list(node.inputs), "outputs": list(node.outputs),
            "attributes": {key: _plain(value) for key, value in node.attributes}, "shapes": shapes}


def _plain(value):
    """Return an attribute for JSON."""
    if isinstance(value, Graph):
        return {"nodes": [_data(node, {}) for node in value.nodes], "outputs": list(value.outputs)}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _value(value) -> str:
    if isinstance(value, Graph):
        return value.describe()
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_value, value)) + ")"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _shape(shape) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _known(known: Known | None) -> str:
    if known is None or known.shape is None:
        return "?"
    return shape_text(known.shape) + ("" if known.type == "float32" else f" {known.type}")

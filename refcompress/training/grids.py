"""Activations that were trained on a grid, as nodes of a graph: what a QuantizedInputs does is stored and runs."""

from collections.abc import Mapping
from dataclasses import replace

from ..errors import ArgumentTypeError, RefcompressError
from ..formats import Graph, Node
from .layers import Dropout, Layer
from .quantized import QuantizedInputs

__all__ = ["grid_nodes", "with_grids"]


def grid_nodes(value: str, layer: QuantizedInputs, where: str) -> list[Node]:
    """Return nodes that give step * rint(clip(value / step, low, high)) under the name "<value>.grid", bit for bit.

    Of 8 bits the grid is that of int8; of fewer bits values are cut to its ends first.
    """
    step = float(layer.parameters["step"][0])
    if step == 0:
        raise RefcompressError(where, "has no step yet: it is set by the first batch in training")
    whole = layer.high - layer.low == 255
    nodes: list[Node] = []
    taken = value
    if not whole:
        ends = ("high", layer.high * step), ("low", layer.low * step)
        nodes.append(Node("clip", (value,), (f"{value}.cut",), ends))
        taken = f"{value}.cut"
    grid = ("scale", step), ("zero_point", -128 - layer.low if whole else 0)
    return [*nodes, Node("quantize", (taken,), (f"{value}.codes",), grid),
            Node("dequantize", (f"{value}.codes",), (f"{value}.grid",), grid)]


def with_grids(graph: Graph, behind: Mapping[str, Layer]) -> Graph:
    """Return the graph with the layers behind its values as nodes: QuantizedInputs; Dropout is nothing in use.

    Raises ArgumentTypeError for a layer of another kind.
    """
    renamed: dict[str, str] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        nodes.append(replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs)))
        for name in node.outputs:
            layer = behind.get(name)
            if isinstance(layer, QuantizedInputs):
                nodes += grid_nodes(name, layer, f"behind[{name!r}]")
                renamed[name] = f"{name}.grid"
            elif layer is not None and not isinstance(layer, Dropout):
                raise ArgumentTypeError(f"behind[{name!r}]", f"must be of a kind that a graph has, not "
                                                             f"{type(layer).__name__}")
    return Graph(graph.inputs, tuple(renamed.get(name, name) for name in graph.outputs), tuple(nodes))

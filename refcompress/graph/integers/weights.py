"""No calibration: integer weights between float32 values, whose rows are rounded as they come, or not at all."""

from collections.abc import Collection

from ...formats import Format, Graph, Node
from ...formats.graph import node_inputs, subgraphs
from ..model import Model
from ..table import OPERATIONS
from ..use import Weight
from .layers import MOST_INPUTS, inputs_of, is_transposed, quantized_weight, rows_first, suits, window
from .report import Became, Integers

__all__ = ["with_integer_weights"]

DYNAMIC = {"linear": "linear_a8", "conv": "conv_a8"}


def with_integer_weights(model: Model, kept: Collection[str], bits: int, group: int | None, dynamic: bool) -> Integers:
    """Return the network with integer weights; ``dynamic``: and with rows that are rounded to int8.

    An embedding's weight is rounded too, a scale a row. Weights that are integers already stay as they are.
    """
    nodes: list[Node] = []
    report: list[Became] = []
    made: dict[tuple[str, bool, int | None, bool], tuple[str, Weight]] = {}
    planned = {node.name: _why_not(model, node, kept, group, dynamic) for node in model.graph.nodes}
    tensors = {name: model.tensors[name] for node in model.graph.nodes for name in node_inputs(node)
               if name in model.tensors and (planned[node.name] or name != _weight_of(node))}
    for node in model.graph.nodes:
        why = planned[node.name]
        became, integer = node.operation, not why
        if integer:
            name, within = _weight_of(node), _group(node, group, dynamic)
            floats = not (dynamic and node.operation in DYNAMIC)
            key = (name, is_transposed(node), within, floats)
            if key not in made:
                weight = rows_first(node, model.tensors[name])
                weight = weight if suits(weight) else quantized_weight(weight, bits, within, floats)
                made[key] = (_free(name, tensors), weight)
                tensors[made[key][0]] = weight
            became = DYNAMIC[node.operation] if dynamic and node.operation in DYNAMIC else node.operation
            inputs = tuple(made[key][0] if each == name and i == 1 else each for i, each in enumerate(node.inputs))
            stored = made[key][1]
            why = stored.describe() if isinstance(stored, Format) else ""
            node = Node(became, inputs, node.outputs, tuple(window(node).items()), node.name)
        nodes.append(node)
        report.append(Became(node.name, model.graph.nodes[len(report)].operation, became, why,
                             integer))
    return Integers(Model(Graph(model.graph.inputs, model.graph.outputs, tuple(nodes)), tensors), tuple(report))


def _weight_of(node: Node) -> str:
    index = OPERATIONS[node.operation].weight
    return "" if index is None else node.inputs[index]


def _why_not(model: Model, node: Node, kept: Collection[str], group: int | None, dynamic: bool) -> str:
    """Return why a node stays as it is, or ""."""
    if node.name in kept:
        return "kept"
    if subgraphs(node):
        return "has graphs of its own, whose nodes stay float32"
    if node.operation not in (*DYNAMIC, "embedding"):
        return "no weight" if _weight_of(node) not in model.tensors else f"{node.operation} takes no integer weight"
    if _weight_of(node) not in model.tensors:
        return "its weight is computed"
    k = inputs_of(node, model.tensors[_weight_of(node)])
    if dynamic and node.operation != "embedding" and k > MOST_INPUTS:
        return f"has {k} inputs an output, and int32 holds the products of {MOST_INPUTS}"
    return ""


def _group(node: Node, group: int | None, dynamic: bool) -> int | None:
    """Return the group of a node's weight: a convolution's sums over integers have one scale an output."""
    return None if node.operation == "conv" and dynamic else group


def _free(name: str, tensors: dict[str, Weight]) -> str:
    while name in tensors:
        name += ".s8"
    return name

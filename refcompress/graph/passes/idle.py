"""Nodes whose outputs nothing takes, and nodes that do nothing."""

from ...formats import Node
from ..attributes import attributes_of, new_node
from ..model import Model
from ..sizes import UNKNOWN
from .editing import Editing, renamed, rewritten

__all__ = ["without_dead_nodes", "without_identities"]

SHAPES = ("reshape", "flatten", "expand", "tile", "squeeze", "unsqueeze")


def without_dead_nodes(model: Model) -> Model:
    """Return the model without the nodes whose outputs are never taken. Its inputs stay."""
    return rewritten(model, dead)


def without_identities(model: Model) -> Model:
    """Return the model without the nodes that hand their input on; one that gives an output by its name stays.

    Such are "identity", and what moves values where nothing moves: a reshape to the shape that x has, a slice of all, a
    cast to x's own type. The outputs are the same bit for bit.
    """
    return rewritten(model, identities)


def dead(editing: Editing) -> None:
    editing.clear(list(editing.nodes.values()))


def identities(editing: Editing) -> None:
    for node in editing.each("identity", *SHAPES, "cast", "slice", "pad", "transpose", "concat"):
        if node.operation == "identity" or _moves_nothing(editing, node):
            forward(editing, node, node.inputs[0])


def _moves_nothing(editing: Editing, node: Node) -> bool:
    attributes, x, y = attributes_of(node), editing.known(node.inputs[0]), editing.known(node.outputs[0])
    if node.operation == "cast":
        return x.type == y.type
    if node.operation == "concat":
        return len(node.inputs) == 1
    if node.operation == "transpose":
        return attributes.get("axes") == tuple(range(len(attributes.get("axes") or (0,))))
    if x.shape is None or x.shape != y.shape or UNKNOWN in x.shape:
        return False
    if node.operation == "slice":  # as long as x, and not backwards
        return len(node.inputs) < 5 and all(step == 1 for step in attributes.get("steps") or ())
    if node.operation == "pad":
        return not any(attributes.get("pads") or (1,))
    return True


def forward(editing: Editing, node: Node, value: str) -> None:
    """Take out a node whose only output is the value ``value``, where that can have the name of the output."""
    (output,) = node.outputs
    if output not in editing.outputs:
        editing.replace([node])
        editing.rename(output, value)
        return
    giver = editing.giver(value)
    if giver is None or value in editing.outputs:  # an input, a tensor, a value from outside, or another output
        editing.replace([node], new_node("identity", (value,), (output,), node.name))
        return
    editing.replace([node])
    editing.rename(value, output)


    giver = editing.nodes[giver.name]  # it may take what was renamed
    editing.replace([giver], renamed(giver, {value: output}))

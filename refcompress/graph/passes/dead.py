"""Nodes whose outputs nothing takes, and nodes that do nothing."""

from ...formats import Node
from ..attributes import new_node
from ..model import Model
from .editing import Editing, renamed, rewritten

__all__ = ["without_dead_nodes", "without_identities"]


def without_dead_nodes(model: Model) -> Model:
    """Return the model without the nodes whose outputs are never taken. Its inputs stay."""
    return rewritten(model, dead)


def without_identities(model: Model) -> Model:
    """Return the model without the nodes that hand their input on; one that gives an output by its name stays."""
    return rewritten(model, identities)


def dead(editing: Editing) -> None:
    editing.clear(list(editing.nodes.values()))


def identities(editing: Editing) -> None:
    for node in editing.each("identity"):
        forward(editing, node, node.inputs[0])


def forward(editing: Editing, node: Node, value: str) -> None:
    """Take out a node whose only output is the value ``value``, where that can have the name of the output."""
    (output,) = node.outputs
    if output not in editing.outputs:
        editing.replace([node])
        editing.rename(output, value)
        return
    giver = editing.giver(value)
    if giver is None or value in editing.outputs:  # an input, a tensor, a value from outside, or another output
        if node.operation != "identity":
            editing.replace([node], new_node("identity", (value,), (output,), node.name))
        return
    editing.replace([node])
    editing.rename(value, output)


    giver = editing.nodes[giver.name]  # it may take what was renamed
    editing.replace([giver], renamed(giver, {value: output}))

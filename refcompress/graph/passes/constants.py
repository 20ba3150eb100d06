"""Constant folding: what does not depend on the inputs of a run is computed once."""

from collections import deque

import numpy as np

from ... import reference
from ...formats import Graph, Node
from ...formats.graph import subgraphs
from ..attributes import new_node
from ..known import Known
from ..model import Model
from ..run import values_of
from ..use import Use
from .editing import Editing, renamed, rewritten
from .idle import dead

__all__ = ["with_folded_constants"]

SMALL = 64  # elements


def with_folded_constants(model: Model) -> Model:
    """Return the model with what is known before a run as tensors, and without branches that are never taken.

    A node is computed by the reference where all that it takes is known: arrays of integers and bools, or of floats of
    at most SMALL elements. Weights stay as they are, under their names: what is made of larger floats is computed in
    each run. A shape is known where the sizes of the inputs are (with_sizes). An "if" whose condition is known becomes
    the nodes of its branch. The outputs are the same, bit for bit, where the reference runs them.
    """
    return rewritten(model, fold)


def fold(editing: Editing) -> None:
    waiting = deque(editing.graph().nodes)
    while waiting:
        node = editing.nodes[waiting.popleft().name]
        editing.learn(node)  # more is known of its inputs than before
        if node.operation == "if":
            waiting.extendleft(reversed(_branch(editing, node)))
        elif not any(name in editing.outputs for name in node.outputs) and (found := _values(editing, node)):
            editing.replace([node])
            editing.tensors.update(found)
    dead(editing)


def _values(editing: Editing, node: Node) -> dict[str, np.ndarray]:
    """Return the outputs of a node that are known, by name."""
    from_shapes = {name: value for name in filter(None, node.outputs)
                   if (value := _numbers(editing.known(name))) is not None}
    if len(from_shapes) == sum(map(bool, node.outputs)):
        return from_shapes
    given = {name: value for name in node.inputs if (value := editing.constant(name)) is not None and _is_small(value)}
    if subgraphs(node) or set(given) != set(filter(None, node.inputs)):
        return {}
    return values_of(Graph((), tuple(filter(None, node.outputs)), (node,)), given, Use(reference))


def _numbers(known: Known) -> np.ndarray | None:
    """Return the value of a Known, if it has no open size in it."""
    if known.value is None:
        return None
    if known.value.dtype == object:
        if any(isinstance(each, str) for each in known.value.reshape(-1)):
            return None
        return known.value.astype(np.dtype(known.type))
    return known.value


def _is_small(value: np.ndarray) -> bool:
    return value.dtype.kind in "iub" or value.size <= SMALL


def _branch(editing: Editing, node: Node) -> list[Node]:
    """Put the nodes of the branch that is taken in the place of an "if" whose condition is known; return them."""
    condition = editing.constant(node.inputs[0])
    if condition is None:
        known = _numbers(editing.known(node.inputs[0]))
        if known is None:
            return []
        condition = known
    inner = node["then_branch" if condition.any() else "else_branch"]
    assert isinstance(inner, Graph)
    inside = {name for each in inner.nodes for name in each.outputs}
    names = {name: output for name, output in zip(inner.outputs, node.outputs) if name in inside}
    for each in inner.nodes:
        for name in filter(None, each.outputs):
            if name not in names:
                names[name] = editing.unique(name)
    new = []
    for each in inner.nodes:
        copy = renamed(each, names)
        new.append(Node(copy.operation, copy.inputs, copy.outputs, copy.attributes, editing.unique(each.name)))
    new += [new_node("identity", (name,), (output,), editing.unique(output))
            for name, output in zip(inner.outputs, node.outputs) if name not in inside]
    editing.replace([node], *new)
    return new

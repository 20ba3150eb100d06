"""Activations that were written out in arithmetic."""

import math

from ...formats import Node
from ..attributes import attributes_of, new_node
from ..model import Model
from .editing import Editing, rewritten
from .factors import Product, product_of

__all__ = ["with_gelus", "with_hard_swishes", "with_silus"]

CLOSE = 1e-4  # relative: constants that exporters round to float32, or to four digits (0.7979, 0.0447)


def with_silus(model: Model) -> Model:
    """Return the model with x sigmoid(x) as "silu", which is rounded once where there were two roundings."""
    return rewritten(model, silu)


def with_hard_swishes(model: Model) -> Model:
    """Return the model with x min(max(x + 3, 0), 6) / 6 and x hard_sigmoid(x) as "hard_swish".

    They differ by the roundings of each step: four of at most half a unit in the last place of its result.
    """
    return rewritten(model, hard_swish)


def with_gelus(model: Model) -> Model:
    """Return the model with x (1 + erf(x / sqrt(2))) / 2 as "gelu", and the form with tanh as "gelu" approximate.

    "gelu" is rounded once, of constants in float64; written out each step is rounded, and each constant.
    """
    return rewritten(model, gelu)


def silu(editing: Editing) -> None:
    for node in editing.each("multiply"):
        for x, y in (node.inputs, node.inputs[::-1]):
            gate = editing.giver(y, "sigmoid")
            if gate is not None and gate.inputs == (x,):
                _fused(editing, [node, gate], node, "silu", x)
                break


def hard_swish(editing: Editing) -> None:
    for node in editing.each("multiply", "divide"):
        product = product_of(editing, node.outputs[0])
        if len(product.factors) != 2:
            continue
        for x, y in (product.factors, product.factors[::-1]):
            if (gate := _hard_gate(editing, x, y, product.number)) is not None:
                _fused(editing, [*product.nodes, *gate], node, "hard_swish", x)
                break


def _hard_gate(editing: Editing, x: str, y: str, number: float) -> list[Node] | None:
    """Return the nodes that make y a hard sigmoid of x, or six of them; None where it is none."""
    gate = editing.giver(y, "clip", "hard_sigmoid")
    if gate is None:
        return None
    attributes = attributes_of(gate)
    if gate.operation == "hard_sigmoid":
        fits = _close(attributes.get("alpha", 0.2), 1 / 6) and attributes.get("beta", 0.5) == 0.5 and number == 1
        return [gate] if fits and gate.inputs == (x,) else None
    moved = editing.giver(gate.inputs[0], "add")
    if (attributes.get("low"), attributes.get("high")) != (0, 6) or not _close(number, 1 / 6) or moved is None:
        return None
    return [gate, moved] if _added(editing, moved, x) == 3 else None


def gelu(editing: Editing) -> None:
    for node in editing.each("multiply", "divide"):
        product = product_of(editing, node.outputs[0])
        if len(product.factors) != 2 or not _close(product.number, 0.5):
            continue
        for x, y in (product.factors, product.factors[::-1]):
            one = editing.giver(y, "add")
            inside = None if one is None else next(
                (name for name in one.inputs if _added(editing, one, name) == 1), None)
            gate = editing.giver(inside, "erf", "tanh") if inside else None
            if one is None or gate is None:
                continue
            nodes = _erf(editing, gate, x) if gate.operation == "erf" else _tanh(editing, gate, x)
            if nodes is not None:
                approximate = {"approximate": True} if gate.operation == "tanh" else {}
                _fused(editing, [*product.nodes, one, gate, *nodes], node, "gelu", x, **approximate)
                break


def _erf(editing: Editing, gate: Node, x: str) -> list[Node] | None:
    scaled = product_of(editing, gate.inputs[0])
    return scaled.nodes if scaled.factors == [x] and _close(scaled.number, math.sqrt(0.5)) else None


def _tanh(editing: Editing, gate: Node, x: str) -> list[Node] | None:
    """Return the nodes of sqrt(2 / pi) (x + 0.044715 x^3), None where it is something else."""
    scaled = product_of(editing, gate.inputs[0])
    if len(scaled.factors) == 1 and _close(scaled.number, math.sqrt(2 / math.pi)):
        total = editing.giver(scaled.factors[0], "add")
        if total is not None and x in total.inputs:
            cubic = total.inputs[1] if total.inputs[0] == x else total.inputs[0]
            found = _cube(editing, cubic, x)
            if found is not None and _close(found.number, 0.044715):
                return [*scaled.nodes, total, *found.nodes]
    return None


def _cube(editing: Editing, name: str, x: str) -> Product | None:
    """Return a number times x to the power of 3 as a product of three factors x; None for all else."""
    found = product_of(editing, name)
    factors: list[str] = []
    for factor in found.factors:
        node = editing.giver(factor, "power")
        exponent = editing.number(node.inputs[1]) if node is not None else None
        if node is None or exponent not in (2, 3):
            factors.append(factor)
            continue
        factors += [node.inputs[0]] * int(exponent)
        found.nodes.append(node)
    return found if factors == [x] * 3 else None


def _added(editing: Editing, node: Node, x: str) -> float | None:
    """Return the number that an addition adds to x; None where it adds something else."""
    others = list(node.inputs)
    if x not in others:
        return None
    others.remove(x)
    return editing.number(others[0])


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= CLOSE * abs(b)


def _fused(editing: Editing, nodes: list[Node], last: Node, operation: str, x: str, **attributes: bool) -> None:
    """Put one node in the place of the last of some; the others go where nothing else takes what they give."""
    editing.replace([last], new_node(operation, (x,), last.outputs, last.name, attributes))
    editing.clear(node for node in nodes if node.name != last.name)

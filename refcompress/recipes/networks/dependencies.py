"""Which axes of which tensors belong together in a network, node by node.

Each parameter has an atom for each index of each axis. A node ties the axes that it multiplies, adds or puts behind
each other, and says which axes its outputs have. What a node needs whole (the axis that a norm averages over, the
graph's inputs and outputs) is fixed. What a node does that is not known here fixes all that it takes.

**Source** the idea of such a graph of dependencies: Fang, Ma, Song, Mi & Wang, DepGraph: Towards Any Structural Pruning
(2023, arXiv 2301.12900).
"""

from dataclasses import dataclass

from ...errors import ArgumentTypeError
from ...formats.graph import node_inputs
from ...graph import Model
from . import products, shapes
from .step import Axes, Step, unknown
from .ties import Ties

__all__ = ["Dependencies", "dependencies"]


@dataclass(eq=False)
class Dependencies:
    """The axes of all tensors and values of a network, by name, and the classes of their atoms."""

    ties: Ties
    axes: dict[str, Axes]


def dependencies(model: Model) -> Dependencies:
    """Return which axes of which tensors belong together in a network."""
    if not isinstance(model, Model):
        raise ArgumentTypeError("model", f"must be a Model, not {type(model).__name__}")
    ties, rules = Ties(), {**products.RULES, **shapes.RULES}
    axes: dict[str, Axes] = {}
    for name, known in model.known.items():
        if name in model.tensors and known.shape is not None:
            axes[name] = [ties.new(size) for size in known.shape]
    for each in model.graph.inputs:
        axes[each.name] = [ties.new(size, f"the input {each.name!r} of the network") for size in each.shape]
    for node in model.graph.nodes:
        rule = rules.get(node.operation, unknown)
        if any(axes.get(name) is None for name in node.inputs if name):
            rule = unknown
        found = rule(Step(ties, node, model, [axes.get(name) if name else None for name in node.inputs]))
        for name, value in zip(node.outputs, found):
            if name:
                axes[name] = value
        if rule is unknown:
            for name in node_inputs(node):
                for axis in axes.get(name) or []:
                    ties.fix(axis, f"node {node.name!r}")
    for name in model.graph.outputs:
        for axis in axes[name] or []:
            ties.fix(axis, f"the output {name!r} of the network")
    return Dependencies(ties, axes)

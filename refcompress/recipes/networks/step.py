"""What a rule of dependencies is told of a node, and what it says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...formats import Node
from ...graph import Model
from ...graph.known import Size
from .ties import Axis, Ties

__all__ = ["Axes", "Rule", "Step", "unknown"]

Axes = list[Axis] | None  # of a tensor or value; None where its number of axes is not known


@dataclass(eq=False)
class Step:
    """What a rule is told: the ties, the node, its model, and the axes of its inputs."""

    ties: Ties
    node: Node
    model: Model
    inputs: list[Any]

    def get(self, name: str, default: Any) -> Any:
        """Return an attribute of the node, or the default."""
        return dict(self.node.attributes).get(name, default)

    def value(self, i: int) -> np.ndarray | None:
        """Return the value of input i, where it depends on no input of a run."""
        return self.model.known[self.node.inputs[i]].value

    def shape(self, i: int) -> tuple[Any, ...]:
        """Return the shape of input i."""
        return self.model.known[self.node.inputs[i]].shape or ()

    def output(self, i: int = 0) -> tuple[Any, ...]:
        """Return the shape of output i."""
        return self.model.known[self.node.outputs[i]].shape or ()

    @property
    def why(self) -> str:
        return f"node {self.node.name!r}"

    def fixed(self, size: Size) -> Axis:
        """Return the axis of an output that is needed whole."""
        return self.ties.new(size, self.why)

    def fix(self, *axes: Axis) -> None:
        for axis in axes:
            self.ties.fix(axis, self.why)

    def tie(self, a: Axis, b: Axis) -> Axis:
        return self.ties.tie_axes(a, b, self.why)


def unknown(step: Step) -> list[Axes]:
    """Fix all axes: what the node does is not known here."""
    shapes = [step.model.known[name].shape if name else () for name in step.node.outputs]
    return [None if shape is None else [step.fixed(size) for size in shape] for shape in shapes]


Rule = Callable[[Step], list[Axes]]

"""Where a scale of a value's channels goes: into the layer before it, or into a node that multiplies."""

from dataclasses import dataclass, replace

import numpy as np

from ...formats import Node, Packed, Quantized
from ...graph import Model
from .lockstep import Lockstep

__all__ = ["Place", "place_of"]

# y(r x) = r y(x) for r > 0, channel by channel: a scale passes through these.
HOMOGENEOUS = ("relu", "identity", "max_pool", "average_pool")
# Nodes whose channels are rows of their weight and entries of their bias, by the operation that takes the value.
BEFORE = {"linear": ("linear", "layer_norm", "rms_norm"), "conv": ("conv", "batch_norm")}


@dataclass(frozen=True, eq=False)
class Place:
    """Where the scale of a value goes. chain : the node that takes it in, and those between it and the value; empty
    where a node has to multiply."""

    value: str
    chain: tuple[Node, ...]

    @property
    def said(self) -> str:
        return f"folded into {self.chain[0].name}" if self.chain else "multiplied by a node of their own"

    def scale(self, lock: Lockstep, r: np.ndarray, ndim: int) -> tuple[str, list[Node]]:
        """Multiply the channels of the value by r in the compressed network; return its name, and nodes to add.

        ndim : of the weights that take it; with 2 the channels lie along the last axis, with more along axis 1.
        """
        if not self.chain:
            tensor, scaled = lock.fresh(f"{self.value}.channel_scale"), lock.fresh(f"{self.value}.scaled", self.value)
            lock.tensors[tensor] = r.reshape(-1, *(1,) * (ndim - 2))
            return scaled, [Node("multiply", (self.value, tensor), (scaled,))]
        names = [node.name for node in self.chain]
        chain = [node for node in lock.nodes if node.name in names]  # as they stand in the compressed network
        for name in chain[0].inputs[1:3]:
            if name:
                lock.tensors[name] = rows_scaled(lock.tensors[name], r)
        lock.again(chain)
        return self.value, []


def place_of(model: Model, value: str, takers: list[Node]) -> Place:
    """Return where a scale of the value goes that these nodes take as their first input, all of one operation."""
    graph, operation = model.graph, takers[0].operation
    chain: list[Node] = []
    users, at = takers, value
    while graph.users(at) == users and at not in graph.outputs:
        node = graph.giver(at)
        if node is None:
            break
        chain.insert(0, node)
        if node.operation in BEFORE[operation]:
            own = [name for name in node.inputs[1:3] if name]
            if own and all(name in model.tensors and graph.users(name) == [node] for name in own):
                return Place(value, tuple(chain))
            break
        if node.operation not in HOMOGENEOUS:
            break
        users, at = [node], node.inputs[0]
    return Place(value, ())


def rows_scaled(tensor, r: np.ndarray):
    """Return a weight or a bias whose rows are multiplied by r: float32, or integers whose scales are."""
    if isinstance(tensor, Quantized | Packed):
        return replace(tensor, scale=tensor.scale * r.reshape(-1, *(1,) * (tensor.scale.ndim - 1)))
    return np.asarray(tensor) * r.reshape(-1, *(1,) * (np.ndim(tensor) - 1))

"""Two networks on the same calibration inputs, node by node: the one that came, and the one that is compressed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ...errors import RefcompressError
from ...formats import Graph, Node
from ...formats.graph import node_inputs
from ...graph import Model
from ...graph.run import values_of
from ...graph.use import Use, Weight
from .calibration import Batch

__all__ = ["Lockstep"]

Values = dict[str, Any]


class Lockstep:
    """The values of both networks for all batches, up to the node that comes next.

    ``tensors`` and ``nodes`` are those of the network that is compressed; whoever compresses changes them. Where both
    networks have the same value, and the same tensors, it is computed once and kept once. A value is forgotten behind
    the last node that takes it, in either network. ``kept`` : more uses, by the name of a value: the index of the node
    up to which it is kept.
    """

    def __init__(self, model: Model, batches: Iterable[Batch], implementation: Any, kept: Mapping[str, int] = {}):
        self.model, self.use = model, Use(implementation)
        self.tensors: dict[str, Weight] = dict(model.tensors)
        self.nodes: list[Node] = []
        self.came: list[Values] = [dict(batch) for batch in batches]
        self.compressed: list[Values] = [dict(values) for values in self.came]
        last = dict(kept)
        for i, node in enumerate(model.graph.nodes):
            for name in node_inputs(node):
                last[name] = max(i, last.get(name, 0))
        self._last = {**last, **{name: len(model.graph.nodes) for name in model.graph.outputs}}

    def fresh(self, name: str, like: str = "") -> str:
        """Return a name that is none of the network's yet, from this one; its value is kept as long as ``like``'s."""
        while name in self.model.known or name in self.tensors or name in self._last:
            name += "'"
        if like:
            self._last[name] = self._last[like]
        return name

    def pairs(self, name: str) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Yield a value in both networks, batch by batch; None for the second where it is the first."""
        for came, compressed in zip(self.came, self.compressed):
            yield came[name], None if compressed[name] is came[name] else compressed[name]

    def step(self, index: int, nodes: Iterable[Node] | None = None) -> None:
        """Compute node ``index`` in both networks; ``nodes`` stand for it in the compressed one, by default itself."""
        node = self.model.graph.nodes[index]
        instead = [node] if nodes is None else list(nodes)
        changed = instead != [node] or any(self.tensors.get(name) is not self.model.tensors[name]
                                           for name in node_inputs(node) if name in self.model.tensors)
        for came, compressed in zip(self.came, self.compressed):
            same = not changed and all(compressed[name] is came[name] for name in node_inputs(node) if name in came)
            came |= self._computed(node, came, self.model.tensors)
            if same:
                compressed |= {name: came[name] for name in node.outputs if name}
            else:
                for each in instead:
                    compressed |= self._computed(each, compressed, self.tensors)
            for values in (came, compressed):
                for name in [name for name in values if self._last.get(name, -1) <= index]:
                    del values[name]
        self.nodes += instead

    def again(self, nodes: Iterable[Node]) -> None:
        """Compute nodes of the compressed network once more, whose tensors were changed."""
        nodes = list(nodes)
        for compressed in self.compressed:
            for node in nodes:
                compressed |= self._computed(node, compressed, self.tensors)

    @np.errstate(invalid="ignore", over="ignore")  # what is not finite is refused at the end
    def error_of(self, node: Node, instead: Iterable[Node], tensors: Mapping[str, Weight]) -> float:
        """Return the squared error of a node's output, over all batches, if these nodes with these tensors stood for
        it."""
        error, instead = 0.0, list(instead)
        for came, compressed in zip(self.came, self.compressed):
            target, values = self._computed(node, came, self.model.tensors), dict(compressed)
            for each in instead:
                values |= self._computed(each, values, tensors)
            error += sum(float(np.sum((values[name].astype(np.float64) - target[name]) ** 2)) for name in target)
        return error

    def outputs_of(self, node: Node) -> int:
        """Return how many places a convolution computes on the first batch, over all examples."""
        found = next(iter(self._computed(node, self.came[0], self.model.tensors).values()))
        return found.size // found.shape[1]

    def nanoseconds(self, node: Node, tensors: Mapping[str, Weight], clock: Callable[[], int]) -> int:
        """Return the least time of three that a node takes on the first batch, with other tensors."""
        best, tensors = 2**62, {**self.model.tensors, **tensors}
        for _ in range(3):
            begin = clock()
            self._computed(node, self.came[0], tensors)
            best = min(best, clock() - begin)
        return best

    def _computed(self, node: Node, values: Values, tensors: Mapping[str, Weight]) -> Values:
        outputs = tuple(filter(None, node.outputs))
        given = {name: values[name] if name in values else tensors[name] for name in node_inputs(node)}
        return values_of(Graph((), outputs, (node,)), given, self.use)

    @np.errstate(invalid="ignore", over="ignore")  # what is not finite is refused at the end
    def relative_error(self) -> float:
        """Return, after the last step, the error of all outputs together: the root of its share of their squares."""
        error = total = 0.0
        for came, compressed in zip(self.came, self.compressed):
            for name in self.model.graph.outputs:
                a, b = came[name].astype(np.float64), compressed[name].astype(np.float64)
                error, total = error + float(np.sum((b - a) ** 2)), total + float(np.sum(a**2))
        if not np.isfinite(error):
            raise RefcompressError("model", "gives outputs on the calibration inputs that are not finite")
        return float(np.sqrt(error / total)) if total else float(error > 0)

"""Through which nodes of a graph gradients pass: from the output to every tensor that is trained."""

from collections import Counter
from collections.abc import Collection, Mapping

from ..errors import ArgumentTypeError, RefcompressError
from ..formats import Node, is_array_format
from ..formats.graph import node_inputs
from ..graph import Model
from .gradients import GRADIENTS, NOTHING

__all__ = ["Paths"]

# What passes codes of integers on: their gradients are floats all the same.
STRAIGHT = frozenset({"quantize", "dequantize", "reshape", "flatten", "squeeze", "unsqueeze", "transpose", "identity"})


class Paths:
    """nodes : those on which the output depends, in their order. wanted : by the name of a node, of which of its inputs
    it must give the gradient. parameters : the names of the tensors that are trained.
    """

    def __init__(self, model: Model, frozen: Collection[str], behind: Mapping):
        graph = model.graph
        needed = set(graph.outputs)
        nodes = []
        for node in reversed(graph.nodes):
            if needed.intersection(node.outputs):
                needed.update(node_inputs(node))
                nodes.append(node)
        self.nodes: tuple[Node, ...] = tuple(reversed(nodes))
        for name in behind:
            if name not in needed or model.graph.giver(name) is None:
                raise RefcompressError(f"behind[{name!r}]", "is no value that a node gives on the way to the output")
        candidates = {name for name, value in model.tensors.items()
                      if name not in frozen and value.dtype.kind == "f" and name in needed}
        moving = self._moving(model, candidates, behind)
        self.wanted: dict[str, tuple[bool, ...]] = {}
        reached, unknown, first = set(graph.outputs), Counter[str](), dict[str, str]()
        for node in nodes:  # from the output on
            through = [False] * len(node.inputs)
            if reached.intersection(node.outputs) and moving.intersection(node.outputs):
                if not _known(model, node, moving):
                    said = f"{node.operation} of integer codes" if node.operation in GRADIENTS else node.operation
                    unknown[said] += 1
                    first[said] = node.name
                    reached.update(moving.intersection(node_inputs(node)))
                else:
                    through = [i in _passing(node) and name in moving for i, name in enumerate(node.inputs)]
                    reached.update(name for name, passes in zip(node.inputs, through) if passes)
            self.wanted[node.name] = tuple(through)
        if unknown:
            listed = ", ".join(f"{name} ({count}, the first is node {first[name]!r})"
                               for name, count in sorted(unknown.items()))
            raise RefcompressError("model", f"has operations without a gradient: {listed}; the tensors before them can "
                                            "only stay as they are (frozen)")
        self.parameters = tuple(name for name in model.tensors if name in candidates and name in reached)
        for name in self.parameters:
            if is_array_format(model.tensors[name]):
                raise ArgumentTypeError(f"model.tensors[{name!r}]", "must be an array to be trained, or frozen, not "
                                        f"{type(model.tensors[name]).__name__}")
        if not self.parameters and not any(layer.parameters for layer in behind.values()):
            raise RefcompressError("model", "has no tensor from which a gradient leads to the output")

    def _moving(self, model: Model, candidates: set[str], behind: Mapping) -> set[str]:
        """Return the names of values that change smoothly with what is trained."""
        moving = set(candidates)
        for node in self.nodes:
            known = _known(model, node, moving)
            from_ = (node.inputs[i] for i in _passing(node)) if known else node_inputs(node)
            moves = node.operation not in NOTHING and moving.intersection(from_)
            for name in filter(None, node.outputs):
                # What is not known is refused later. Codes stay what quantize made of floats.
                smooth = not known or node.operation in STRAIGHT or model.known[name].type.startswith("float")
                if name in behind and behind[name].parameters or moves and smooth:
                    moving.add(name)
        return moving


def _known(model: Model, node: Node, moving: set[str]) -> bool:
    """Return whether the gradient of a node is known; of codes, what quantize gives, it is so for few operations."""
    codes = any(name in moving and not model.known[name].type.startswith("float") for name in node.inputs if name)
    return node.operation in (STRAIGHT if codes else GRADIENTS)


def _passing(node: Node) -> list[int]:
    """Return the indices of the inputs through which the gradient of a node passes."""
    row = GRADIENTS[node.operation]
    return [i for i, name in enumerate(node.inputs) if name and (row.inputs is None or i in row.inputs)]

"""Functions of each value that have attributes."""

from typing import TYPE_CHECKING

import numpy as np

from ....formats import Node
from ...attributes import attributes_of

if TYPE_CHECKING:
    from ..exporting import Export

__all__ = ["EXPORTERS"]


def gelu(export: "Export", node: Node) -> None:
    approximate = "tanh" if attributes_of(node).get("approximate") else "none"
    export.emit("Gelu", node.inputs, node.outputs, node, opset=20, approximate=approximate)


def silu(export: "Export", node: Node) -> None:
    export.emit("Swish", node.inputs, node.outputs, node, opset=24)


def hard_sigmoid(export: "Export", node: Node) -> None:
    given = attributes_of(node)
    export.emit("HardSigmoid", node.inputs, node.outputs, node, alpha=given.get("alpha", 0.2),
                beta=given.get("beta", 0.5))


def leaky_relu(export: "Export", node: Node) -> None:
    export.emit("LeakyRelu", node.inputs, node.outputs, node, alpha=attributes_of(node).get("alpha", 0.01))


def clip(export: "Export", node: Node) -> None:
    """The ends become inputs of x's type."""
    x, *ends = node.inputs
    given = attributes_of(node)
    ends += [""] * (2 - len(ends))
    for i, name in enumerate(("low", "high")):
        if given.get(name) is not None:
            ends[i] = export.numbers(node, name, given[name], np.dtype(export.known(x).type))
    export.emit("Clip", [x, *ends], node.outputs, node)


EXPORTERS = {"gelu": gelu, "silu": silu, "hard_sigmoid": hard_sigmoid, "leaky_relu": leaky_relu, "clip": clip}

"""Norms, softmax and attention."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ....errors import RefcompressError
from ....formats import Node
from ...attributes import attributes_of
from ...sizes import UNKNOWN

if TYPE_CHECKING:
    from ..exporting import Export

__all__ = ["EXPORTERS"]


def batch_norm(export: "Export", node: Node) -> None:
    export.emit("BatchNormalization", node.inputs, node.outputs, node, epsilon=_epsilon(node))


def layer_norm(export: "Export", node: Node) -> None:
    """ONNX's must have a scale: one of ones in the place of none."""
    inputs, axis = list(node.inputs), attributes_of(node).get("axis", -1)
    if len(inputs) == 1 or not inputs[1]:
        shape = export.known(inputs[0]).shape
        sizes = None if shape is None else shape[axis:]
        if sizes is None or not all(isinstance(size, int) for size in sizes):
            raise RefcompressError(f"node {node.name!r}", f"{node.operation} without a weight needs sizes that are "
                                                          f"known, not {sizes}")
        inputs[1:2] = [export.numbers(node, "weight", np.ones(sizes), np.float32)]
    operator, opset = ("RMSNormalization", 23) if node.operation == "rms_norm" else ("LayerNormalization", 17)
    export.emit(operator, inputs, node.outputs, node, opset=opset, axis=axis, epsilon=_epsilon(node))


def group_norm(export: "Export", node: Node) -> None:
    groups = attributes_of(node)["groups"]
    if groups == 0:
        return export.emit("InstanceNormalization", node.inputs, node.outputs, node, epsilon=_epsilon(node))
    export.emit("GroupNormalization", node.inputs, node.outputs, node, opset=21, num_groups=groups,
                epsilon=_epsilon(node))


def softmax(export: "Export", node: Node) -> None:
    export.emit("Softmax", node.inputs, node.outputs, node, axis=attributes_of(node).get("axis", -1))


def attention(export: "Export", node: Node) -> None:
    names = {"heads": "q_num_heads", "kv_heads": "kv_num_heads", "scale": "scale", "softcap": "softcap"}
    given = attributes_of(node)
    found: dict[str, Any] = {names[name]: value for name, value in given.items() if name in names and value}
    if "q_num_heads" in found:
        found.setdefault("kv_num_heads", found["q_num_heads"])
    if given.get("causal"):
        found["is_causal"] = 1
    inputs = list(node.inputs)
    if len(inputs) > 3 and inputs[3]:
        inputs[3] = _repeated(export, node)
    export.emit("Attention", inputs, node.outputs, node, opset=23, **found)


def _repeated(export: "Export", node: Node) -> str:
    """Return the mask, repeated for each query: it broadcasts in the standard, and not in ONNX Runtime 1.32."""
    q, mask = export.known(node.inputs[0]).shape, export.known(node.inputs[3]).shape
    if q is None or mask is None or len(mask) > 1 and mask[-2] == q[-2] != UNKNOWN:
        return node.inputs[3]
    axis = len(q) - 2
    length, sizes, repeated = (export.between(node, part) for part in ("length", "sizes", "mask"))
    export.emit("Shape", [node.inputs[0]], [length], node, part="/Shape", start=axis, end=axis + 1)
    front = [export.numbers(node, "front", [1] * (len(mask) - 2))] if len(mask) > 2 else []
    export.emit("Concat", [*front, length, export.numbers(node, "back", [1])], [sizes], node, part="/Concat", axis=0)
    export.emit("Expand", [node.inputs[3], sizes], [repeated], node, part="/Expand")
    return repeated


def rotary(export: "Export", node: Node) -> None:
    names = {"heads": "num_heads", "dimensions": "rotary_embedding_dim", "interleaved": "interleaved"}
    found: dict[str, Any] = {names[name]: int(value) for name, value in attributes_of(node).items() if value}
    export.emit("RotaryEmbedding", node.inputs, node.outputs, node, opset=23, **found)


def _epsilon(node: Node) -> float:
    return attributes_of(node).get("epsilon", 1e-5)


EXPORTERS = {"batch_norm": batch_norm, "layer_norm": layer_norm, "rms_norm": layer_norm, "group_norm": group_norm,
             "softmax": softmax, "attention": attention, "rotary": rotary}

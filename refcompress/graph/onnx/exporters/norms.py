"""Norms, softmax and attention."""

from typing import TYPE_CHECKING

import numpy as np

from ....errors import RefcompressError
from ....formats import Node

if TYPE_CHECKING:
    from ..exporting import Export

__all__ = ["EXPORTERS"]


def batch_norm(export: "Export", node: Node) -> None:
    export.emit("BatchNormalization", node.inputs, node.outputs, node, epsilon=_epsilon(node))


def layer_norm(export: "Export", node: Node) -> None:
    """ONNX's must have a scale: one of ones in the place of none."""
    inputs, axis = list(node.inputs), dict(node.attributes).get("axis", -1)
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
    groups = dict(node.attributes)["groups"]
    if groups == 0:
        return export.emit("InstanceNormalization", node.inputs, node.outputs, node, epsilon=_epsilon(node))
    export.emit("GroupNormalization", node.inputs, node.outputs, node, opset=21, num_groups=groups,
                epsilon=_epsilon(node))


def softmax(export: "Export", node: Node) -> None:
    export.emit("Softmax", node.inputs, node.outputs, node, axis=dict(node.attributes).get("axis", -1))


def attention(export: "Export", node: Node) -> None:
    names = {"heads": "q_num_heads", "kv_heads": "kv_num_heads", "scale": "scale", "softcap": "softcap"}
    found = {names[name]: value for name, value in node.attributes if name in names and value}
    if "q_num_heads" in found:
        found.setdefault("kv_num_heads", found["q_num_heads"])
    if dict(node.attributes).get("causal"):
        found["is_causal"] = 1
    export.emit("Attention", node.inputs, node.outputs, node, opset=23, **found)


def rotary(export: "Export", node: Node) -> None:
    names = {"heads": "num_heads", "dimensions": "rotary_embedding_dim", "interleaved": "interleaved"}
    found = {names[name]: int(value) for name, value in node.attributes if value}
    export.emit("RotaryEmbedding", node.inputs, node.outputs, node, opset=23, **found)


def _epsilon(node: Node) -> float:
    return dict(node.attributes).get("epsilon", 1e-5)


EXPORTERS = {"batch_norm": batch_norm, "layer_norm": layer_norm, "rms_norm": layer_norm, "group_norm": group_norm,
             "softmax": softmax, "attention": attention, "rotary": rotary}

"""Normalizations, and softmax."""

from typing import Any

from ..operator import Operator

__all__ = ["CONVERTERS"]


def batch_norm(node: Operator) -> None:
    node.only("training_mode", 0, default=0)
    node.only("spatial", 1, default=1)
    node.drop("momentum")
    _only_output(node)
    node.give("batch_norm", *node.inputs, **_attributes(node))


def layer_norm(node: Operator) -> None:
    """The same for LayerNormalization and RMSNormalization."""
    node.only("stash_type", 1, default=1)
    _only_output(node)
    axis = node.attribute("axis", -1)
    node.give("rms_norm" if node.type.startswith("RMS") else "layer_norm", *node.inputs,
              **({} if axis == -1 else {"axis": axis}), **_attributes(node))


def instance_norm(node: Operator) -> None:
    node.give("group_norm", *node.inputs, groups=0, **_attributes(node))


def group_norm(node: Operator) -> None:
    if node.opset < 21:
        raise node.refuse("has a scale for each group, as before opset 21, which is not known here")
    node.only("stash_type", 1, default=1)
    node.give("group_norm", *node.inputs, groups=node.must("num_groups"), **_attributes(node))


def _attributes(node: Operator) -> dict[str, Any]:
    return {"epsilon": node.attribute("epsilon", 1e-5)}


def _only_output(node: Operator) -> None:
    if any(node.proto.output[1:]):
        raise node.refuse("gives more than its first output, which is not known here")


def softmax(node: Operator) -> None:
    """From opset 13 on over one axis; before it over this axis and all behind it, as if they were one."""
    if node.opset >= 13:
        return node.give("softmax", node.input(0), axis=node.attribute("axis", -1))
    axis, rank, x = node.attribute("axis", 1), node.rank(0), node.input(0)
    if axis == -1 or rank is not None and axis % rank == rank - 1:
        return node.give("softmax", x, axis=-1)
    flat = node.step("softmax", node.step("flatten", x, axis=axis), axis=-1)
    node.give("reshape", flat, node.step("shape", x))


CONVERTERS = {
    "BatchNormalization": batch_norm, "LayerNormalization": layer_norm, "RMSNormalization": layer_norm,
    "InstanceNormalization": instance_norm, "GroupNormalization": group_norm, "Softmax": softmax,
}

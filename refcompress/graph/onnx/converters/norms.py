"""Normalizations, and softmax."""

from ..operator import Operator

__all__ = ["CONVERTERS"]


def batch_norm(node: Operator) -> None:
    node.only("training_mode", 0, default=0)
    node.only("spatial", 1, default=1)
    node.drop("momentum")
    _only_output(node)
    node.give("batch_norm", *node.inputs, epsilon=node.attribute("epsilon", 1e-5))


def layer_norm(node: Operator) -> None:
    node.only("stash_type", 1, default=1)
    _only_output(node)
    node.give("layer_norm", *node.inputs, axis=node.attribute("axis", -1), epsilon=node.attribute("epsilon", 1e-5))


def rms_norm(node: Operator) -> None:
    node.only("stash_type", 1, default=1)
    node.give("rms_norm", *node.inputs, axis=node.attribute("axis", -1), epsilon=node.attribute("epsilon", 1e-5))


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


CONVERTERS = {"BatchNormalization": batch_norm, "LayerNormalization": layer_norm, "RMSNormalization": rms_norm,
              "Softmax": softmax}

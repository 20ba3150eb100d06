"""Shapes: what moves values, and what counts them."""

from collections.abc import Callable

import numpy as np

from ..operator import Operator
from ..types import type_name

__all__ = ["CONVERTERS"]


def numbers(node: Operator, **places: int) -> tuple[list[str], dict[str, tuple[int, ...]]]:
    """Return the inputs behind the first, and attributes. places : our name of an attribute -> the input that it is.

    Integers that ONNX has as attributes, or as inputs that are known before a run, are attributes of ours.
    """
    inputs: list[str] = []
    attributes: dict[str, tuple[int, ...]] = {}
    for name, i in places.items():
        value, constant = node.attribute(ONNX_NAMES.get(name, name)), node.constant(i)
        if value is None and constant is not None and constant.ndim <= 1:
            value = constant.reshape(-1).tolist()
        if value is not None:
            attributes[name] = tuple(value)
        inputs.append("" if value is not None else node.input(i))
    return inputs, attributes


ONNX_NAMES = {"sizes": "split"}  # where it differs from ours


def moved(operation: str, **places: int) -> Callable[[Operator], None]:
    """Return the converter of an operator with integers that are attributes or inputs."""
    def convert(node: Operator) -> None:
        inputs, attributes = numbers(node, **places)
        node.give(operation, node.input(0), *inputs, **attributes)
    return convert


def reshape(node: Operator) -> None:
    inputs, attributes = numbers(node, shape=1)
    more = {"zero_is_zero": True} if node.attribute("allowzero", 0) else {}
    node.give("reshape", node.input(0), *inputs, **attributes, **more)


def gather(node: Operator) -> None:
    """Rows of a matrix that is a tensor of the model are an embedding."""
    axis = node.attribute("axis", 0)
    if axis == 0 and node.is_tensor(0) and node.rank(0) == 2 and node.known(0).type == "float32":
        return node.give("embedding", node.input(1), node.input(0))
    node.give("gather", *node.inputs, axis=axis)


def split(node: Operator) -> None:
    inputs, attributes = numbers(node, sizes=1)
    count = node.attribute("num_outputs", len(node.proto.output))
    if count != len(node.proto.output):
        raise node.refuse(f"has num_outputs={count} and {len(node.proto.output)} outputs")
    more = {} if attributes or inputs[0] else {"count": count}
    node.give("split", node.input(0), *inputs, axis=node.attribute("axis", 0), **attributes, **more)


def transpose(node: Operator) -> None:
    axes = node.attribute("perm")
    node.give("transpose", node.input(0), **({} if axes is None else {"axes": axes}))


def pad(node: Operator) -> None:
    """Before opset 11 all is in attributes."""
    mode = node.only("mode", "constant", "reflect", "edge", "wrap", default="constant")
    inputs, attributes = numbers(node, pads=1, axes=3)
    value, constant = node.attribute("value"), node.constant(2)
    if value is None and constant is not None and constant.size == 1:
        value = constant.reshape(()).item()
    filler = "" if value is not None and value == value else node.input(2)
    more = {} if filler or not value else {"value": value}
    node.give("pad", node.input(0), inputs[0], filler, inputs[1], mode=mode, **attributes, **more)


def cast(node: Operator) -> None:
    node.drop("saturate", "round_mode")  # of types of 8 bits
    node.give("cast", node.input(0), type=type_name(node.must("to"), node.where))


def shape(node: Operator) -> None:
    start, end = node.attribute("start", 0), node.attribute("end")
    attributes = {"start": start} if start else {}
    node.give("shape", node.input(0), **attributes, **({} if end is None else {"end": end}))


def constant_of_shape(node: Operator) -> None:
    value = node.attribute("value", np.zeros(1, np.float32))
    node.give("constant_of_shape", node.input(0), value=value.reshape(-1)[0].item(), type=value.dtype.name)


def reduce(operation: str) -> Callable[[Operator], None]:
    """Return the converter of a reduction: its axes are an attribute, or an input in later opsets."""
    def convert(node: Operator) -> None:
        inputs, attributes = numbers(node, axes=1)
        more = {"none_is_none": True} if node.attribute("noop_with_empty_axes", 0) else {}
        node.give(operation, node.input(0), *inputs, keep=bool(node.attribute("keepdims", 1)), **attributes, **more)
    return convert


def arg_max(node: Operator) -> None:
    node.only("select_last_index", 0, default=0)
    node.give("argmax", node.input(0), axis=node.attribute("axis", 0), keep=bool(node.attribute("keepdims", 1)))


def cumulative_sum(node: Operator) -> None:
    node.only("exclusive", 0, default=0)
    node.only("reverse", 0, default=0)
    axis = node.constant(1)
    if axis is None:
        raise node.refuse("has an axis that is not known before a run")
    node.give("cumulative_sum", node.input(0), axis=int(axis.reshape(())))


def flatten(node: Operator) -> None:
    node.give("flatten", node.input(0), axis=node.attribute("axis", 1))


def concat(node: Operator) -> None:
    node.give("concat", *node.inputs, axis=node.must("axis"))


CONVERTERS = {
    "Reshape": reshape, "Flatten": flatten, "Squeeze": moved("squeeze", axes=1),
    "Unsqueeze": moved("unsqueeze", axes=1), "Concat": concat, "Cast": cast, "Shape": shape,
    "Slice": moved("slice", starts=1, ends=2, axes=3, steps=4), "Expand": moved("expand", shape=1),
    "Tile": moved("tile", repeats=1), "Gather": gather, "Split": split, "Pad": pad, "Transpose": transpose,
    "ConstantOfShape": constant_of_shape, "ArgMax": arg_max, "CumSum": cumulative_sum,
    "ReduceMean": reduce("reduce_mean"), "ReduceSum": reduce("reduce_sum"), "ReduceMax": reduce("reduce_max"),
    "ReduceMin": reduce("reduce_min"), "ReduceProd": reduce("reduce_product"),
}

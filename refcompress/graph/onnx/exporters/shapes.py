"""Shapes: integers that are attributes of ours become tensors, where ONNX has inputs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ....formats import Node
from ...attributes import attributes_of
from ..types import type_number

if TYPE_CHECKING:
    from ..exporting import Export

__all__ = ["EXPORTERS"]


def listed(operator: str, *names: str, **kept: str) -> "Callable[[Export, Node], None]":
    """Return the exporter of an operation whose inputs behind the first are attributes ``names`` where they are given.

    kept : our name of an attribute -> ONNX's
    """
    def export_node(export: "Export", node: Node) -> None:
        given = attributes_of(node)
        inputs = list(node.inputs) + [""] * (1 + len(names) - len(node.inputs))
        for i, name in enumerate(names, 1):
            if given.get(name) is not None:
                inputs[i] = export.numbers(node, name, given[name])
        attributes: dict[str, Any] = {theirs: int(given[ours]) for ours, theirs in kept.items() if ours in given}
        export.emit(operator, inputs, node.outputs, node, **attributes)
    return export_node


def transpose(export: "Export", node: Node) -> None:
    axes = attributes_of(node).get("axes")
    attributes: dict[str, Any] = {} if axes is None else {"perm": list(axes)}
    export.emit("Transpose", node.inputs, node.outputs, node, **attributes)


def split(export: "Export", node: Node) -> None:
    given = attributes_of(node)
    axis, inputs = given.get("axis", 0), list(node.inputs)
    if given.get("sizes") is not None:
        inputs[1:] = [export.numbers(node, "sizes", given["sizes"])]
    more: dict[str, Any] = {"num_outputs": given["count"]} if len(inputs) == 1 else {}
    export.emit("Split", inputs, node.outputs, node, axis=axis, **more)


def pad(export: "Export", node: Node) -> None:
    given = attributes_of(node)
    x, pads, value, axes = [*node.inputs, "", "", ""][:4]
    if given.get("pads") is not None:
        pads = export.numbers(node, "pads", given["pads"])
    if given.get("value"):
        value = export.numbers(node, "value", given["value"], np.dtype(export.known(x).type))
    if given.get("axes") is not None:
        axes = export.numbers(node, "axes", given["axes"])
    export.emit("Pad", [x, pads, value, axes], node.outputs, node, mode=given.get("mode", "constant"))


def cast(export: "Export", node: Node) -> None:
    export.emit("Cast", node.inputs, node.outputs, node, to=type_number(attributes_of(node)["type"]))


def shape(export: "Export", node: Node) -> None:
    given = attributes_of(node)
    attributes: dict[str, Any] = {name: given[name] for name in ("start", "end") if name in given}
    export.emit("Shape", node.inputs, node.outputs, node, **attributes)


def constant_of_shape(export: "Export", node: Node) -> None:
    from ..package import onnx_package

    given = attributes_of(node)
    value = np.array([given.get("value", 0.0)], np.dtype(given.get("type", "float32")))
    export.emit("ConstantOfShape", node.inputs, node.outputs, node,
                value=onnx_package().numpy_helper.from_array(value, "value"))


def reduction(operator: str) -> "Callable[[Export, Node], None]":
    """Return the exporter of a reduction, whose axes are an input in opset 20."""
    return listed(operator, "axes", keep="keepdims", none_is_none="noop_with_empty_axes")


def resize(export: "Export", node: Node) -> None:
    given = attributes_of(node)
    x, scales, sizes = [*node.inputs, "", ""][:3]
    if given.get("scales") is not None:
        scales = export.numbers(node, "scales", given["scales"], np.float32)
    if given.get("sizes") is not None:
        sizes = export.numbers(node, "sizes", given["sizes"])
    names = {"mode": "mode", "coordinates": "coordinate_transformation_mode", "rounding": "nearest_mode",
             "cubic": "cubic_coeff_a", "exclude_outside": "exclude_outside", "aspect": "keep_aspect_ratio_policy",
             "axes": "axes"}
    kinds = {tuple: list, bool: int}  # what ONNX has in their place
    attributes = {names[name]: kinds.get(type(value), type(value))(value) for name, value in given.items()
                  if name in names and value is not None}
    export.emit("Resize", [x, "", scales, sizes], node.outputs, node, opset=19, **attributes)


def along(operator: str, **kept: str) -> "Callable[[Export, Node], None]":
    """Return the exporter of an operation with integers that are attributes in ONNX too."""
    return listed(operator, **kept)


def concat(export: "Export", node: Node) -> None:
    export.emit("Concat", node.inputs, node.outputs, node, axis=node["axis"])


def cumulative_sum(export: "Export", node: Node) -> None:
    axis = export.numbers(node, "axis", attributes_of(node).get("axis", 0))
    export.emit("CumSum", [*node.inputs, axis], node.outputs, node)


EXPORTERS = {
    "reshape": listed("Reshape", "shape", zero_is_zero="allowzero"), "squeeze": listed("Squeeze", "axes"),
    "unsqueeze": listed("Unsqueeze", "axes"), "expand": listed("Expand", "shape"), "tile": listed("Tile", "repeats"),
    "slice": listed("Slice", "starts", "ends", "axes", "steps"), "flatten": along("Flatten", axis="axis"),
    "gather": along("Gather", axis="axis"), "argmax": along("ArgMax", axis="axis", keep="keepdims"), "concat": concat,
    "transpose": transpose, "split": split, "pad": pad, "cast": cast, "shape": shape, "resize": resize,
    "constant_of_shape": constant_of_shape, "cumulative_sum": cumulative_sum, "reduce_mean": reduction("ReduceMean"),
    "reduce_sum": reduction("ReduceSum"), "reduce_max": reduction("ReduceMax"), "reduce_min": reduction("ReduceMin"),
    "reduce_product": reduction("ReduceProd"),
}

"""Nodes on integers: the same integers by ONNX's own operators."""

from typing import TYPE_CHECKING

import numpy as np

from ....formats import Node
from ...attributes import attributes_of

if TYPE_CHECKING:
    from ..exporting import Export

__all__ = ["EXPORTERS"]


def quantize(export: "Export", node: Node) -> None:
    export.emit("QuantizeLinear", [*node.inputs, *_grid(export, node)], node.outputs, node)


def dequantize(export: "Export", node: Node) -> None:
    export.emit("DequantizeLinear", [*node.inputs, *_grid(export, node)], node.outputs, node)


def _grid(export: "Export", node: Node) -> list[str]:
    given = attributes_of(node)
    return [export.numbers(node, "scale", given["scale"], np.float32),
            export.numbers(node, "zero_point", given["zero_point"], np.int8)]


EXPORTERS = {"quantize": quantize, "dequantize": dequantize}

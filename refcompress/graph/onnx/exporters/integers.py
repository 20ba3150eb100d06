"""Nodes on integers: the same integers by ONNX's own operators.

A sum is rounded by integer arithmetic of 64 bits, as FORMAT.md says it ("Integer nodes"): QLinearConv and its like
multiply by a float, and differ in a few values. A function of one value is a table of 256.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .... import reference
from ....errors import RefcompressError
from ....formats import Node, Packed, Quantized
from ...attributes import attributes_of
from ...integers.layers import dense
from ...operations.integer_scaled import units
from ...operations.integers import rescale_s8
from ...operations.windows import resolved
from ...use import Use
from .products import window

if TYPE_CHECKING:
    from ..exporting import Export

__all__ = ["EXPORTERS"]

FLOAT, INT8, INT32, INT64, DOUBLE = 1, 3, 6, 7, 11  # TensorProto.DataType
MOST_BITS, MOST_FACTOR, MOST_SHIFT = 31, 2**22, 24  # of a multiplier; of the factors of add_s8, and of their shift


class Steps:
    """The nodes of one node of ours, one after the other: each operator's method gives the name of its output."""

    def __init__(self, export: "Export", node: Node):
        self.export, self.node, self.count = export, node, 0
        self.given = attributes_of(node)

    def __call__(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        self.count += 1
        part = f"/{operator}{self.count}"
        output = output or self.export.between(self.node, f"{operator}{self.count}")
        self.export.emit(operator, inputs, [output], self.node, part=part, **attributes)
        return output

    def number(self, part: str, value: Any, dtype: Any = np.int64) -> str:
        return self.export.numbers(self.node, part, value, dtype)

    def wide(self, name: str, zero_point: int) -> str:
        """Return int8 values less their zero point, int64."""
        return self("Sub", self("Cast", name, to=INT64), self.number("zero", zero_point))

    def rounded(self, p: str, bits: Any) -> None:
        """Give clip(round(p / 2^bits) + y_zero_point, lowest, highest), ties to even, as the output of the node.

        Div cuts off towards 0: what remains is below 0 where the quotient is one too large.
        """
        bits = np.asarray(bits, np.int64)
        if bits.any():
            divisor = self.number("divisor", 2**bits)
            moved = self("Add", p, self.number("half", 2**bits // 2))
            quotient = self("Div", moved, divisor)
            rest = self("Sub", moved, self("Mul", quotient, divisor))
            negative = self("Less", rest, self.number("zero", 0))
            quotient = self("Sub", quotient, self("Cast", negative, to=INT64))
            two = self.number("two", 2)
            odd = self("Sub", quotient, self("Mul", self("Div", quotient, two), two))
            whole = self("Equal", odd, self.number("zero", 0))
            tie = self("And", self("Equal", rest, self.number("zero", 0)), self.number("halved", bits > 0, bool))
            p = self("Sub", quotient, self("Cast", self("And", tie, self("Not", whole)), to=INT64))
        p = self("Add", p, self.number("y_zero", self.given["y_zero_point"]))
        p = self("Clip", p, self.number("lowest", self.given.get("lowest", -128)),
                 self.number("highest", self.given.get("highest", 127)))
        self("Cast", p, to=INT8, output=self.node.outputs[0])

    def scaled(self, sums: str, quotient: Any) -> None:
        """Give int64 sums times a quotient of scales, on the grid of y."""
        multiplier, shift = reference.quantize_multiplier(quotient)
        self.rounded(self("Mul", sums, self.number("multiplier", multiplier)), shift.astype(np.int64) + MOST_BITS)


def quantize(export: "Export", node: Node) -> None:
    export.emit("QuantizeLinear", [*node.inputs, *_grid(export, node)], node.outputs, node)


def dequantize(export: "Export", node: Node) -> None:
    export.emit("DequantizeLinear", [*node.inputs, *_grid(export, node)], node.outputs, node)


def _grid(export: "Export", node: Node) -> list[str]:
    given = attributes_of(node)
    return [export.numbers(node, "scale", given["scale"], np.float32),
            export.numbers(node, "zero_point", given["zero_point"], np.int8)]


def layer(export: "Export", node: Node) -> None:
    """linear_s8 and conv_s8: sums of int32 by MatMulInteger and ConvInteger."""
    steps, given = Steps(export, node), attributes_of(node)
    weight = _weight_of(export, node)
    sums, column = _sums(steps, weight), (-1, *(1,) * (weight.values.ndim - 2))
    if bias := node.inputs[2:]:
        added = steps("Reshape", bias[0], steps.number("shape", column)) if len(column) > 1 else bias[0]
        sums = steps("Add", sums, added)
    scale = np.broadcast_to(weight.scale.reshape(-1), len(weight.values)).astype(np.float64)
    steps.scaled(steps("Cast", sums, to=INT64), (given["x_scale"] * scale / given["y_scale"]).reshape(column))


def scaled_layer(export: "Export", node: Node) -> None:
    """linear_s8_scaled and conv_s8_scaled: the same sums, and behind them float64."""
    steps, given = Steps(export, node), attributes_of(node)
    weight = _weight_of(export, node)
    bias = dense(export.model.tensors[node.inputs[2]]) if node.inputs[2:] else None
    column = (-1, *(1,) * (weight.values.ndim - 2))
    unit, moved, b = (each.reshape(column) for each in units(weight, bias, given["x_scale"], given["x_zero_point"]))
    sums = steps("Add", steps("Cast", _sums(steps, weight), to=DOUBLE), steps.number("moved", moved, np.float64))
    scaled = steps("Mul", sums, steps.number("unit", unit, np.float64))
    steps("Cast", steps("Add", scaled, steps.number("bias", b, np.float64)), to=FLOAT, output=node.outputs[0])


def _weight_of(export: "Export", node: Node) -> Quantized | Packed:
    weight = export.model.tensors[node.inputs[1]]
    if not isinstance(weight, Quantized | Packed):
        raise RefcompressError(f"node {node.name!r}",
                               f"has a weight {node.inputs[1]!r} that is neither Quantized nor Packed")
    return weight


def _sums(steps: Steps, weight: Quantized | Packed) -> str:
    """Return the int32 sums of a layer, of inputs less their zero point."""
    node, zero = steps.node, steps.number("x_zero", steps.given["x_zero_point"], np.int8)
    if weight.values.ndim == 2:
        w = steps.number("weight", np.ascontiguousarray(weight.values.T), np.int8)
        return steps("MatMulInteger", node.inputs[0], w, zero)
    attributes = {key: value for key, value in window(node).items() if value != 1 or key != "group"}
    return steps("ConvInteger", node.inputs[0], steps.number("weight", weight.values, np.int8), zero, **attributes)


def add(export: "Export", node: Node) -> None:
    steps, given = Steps(export, node), attributes_of(node)
    ratios = [given["a_scale"] / given["y_scale"], given["b_scale"] / given["y_scale"]]
    shift = next(s for s in range(MOST_SHIFT, -1, -1) if round(max(ratios) * 2**s) < MOST_FACTOR)
    parts = [steps("Mul", steps.wide(name, given[f"{side}_zero_point"]), steps.number(side, round(ratio * 2**shift)))
             for name, side, ratio in zip(node.inputs, "ab", ratios)]
    steps.rounded(steps("Add", *parts), shift)


def multiply(export: "Export", node: Node) -> None:
    steps, given = Steps(export, node), attributes_of(node)
    product = steps("Mul", *(steps.wide(name, given[f"{side}_zero_point"]) for name, side in zip(node.inputs, "ab")))
    steps.scaled(product, given["a_scale"] * given["b_scale"] / given["y_scale"])


def average_pool(export: "Export", node: Node) -> None:
    """A sum by ConvInteger with ones, or over all places."""
    steps, given = Steps(export, node), attributes_of(node)
    shape, kernel = export.known(node.inputs[0]).shape, given.get("kernel") or ()
    if shape is None or not all(isinstance(size, int) for size in shape[1:]):
        raise RefcompressError(f"node {node.name!r}", f"goes to ONNX where all sizes are known, not {shape}")
    sizes = [int(size) for size in shape[2:]]
    if kernel:
        ones = steps.number("ones", np.ones((shape[1], 1, *kernel)), np.int8)
        zero = steps.number("x_zero", given["x_zero_point"], np.int8)
        attributes = {key: value for key, value in window(node).items() if key in ("strides", "pads", "auto_pad")}
        sums = steps("Cast", steps("ConvInteger", node.inputs[0], ones, zero, group=shape[1], **attributes), to=INT64)
        count = np.prod(kernel) if given.get("count_include_pad") else _counts(sizes, kernel, given)
    else:
        axes = steps.number("axes", range(2, len(shape)))
        sums, count = steps("ReduceSum", steps.wide(node.inputs[0], given["x_zero_point"]), axes), np.prod(sizes)
    steps.scaled(sums, given["x_scale"] / given["y_scale"] / count)


def _counts(sizes: Sequence[int], kernel: Sequence[int], given: dict[str, Any]) -> np.ndarray:
    """Return how many values of an image lie under a kernel at each place."""
    strides, pads, _ = resolved((1, 1, *sizes), kernel, given.get("strides") or (), given.get("pads") or (), ())
    found = np.ones((), np.int64)
    for axis, (size, k, stride) in enumerate(zip(sizes, kernel, strides)):
        begin, end = pads[axis], pads[axis + len(sizes)]
        first = np.arange((size + begin + end - k) // stride + 1) * stride - begin
        found = np.multiply.outer(found, np.minimum(first + k, size) - np.maximum(first, 0))
    return found


def lookup(export: "Export", node: Node) -> None:
    _looked_up(Steps(export, node), node.inputs[0], node.inputs[1])


def rescale(export: "Export", node: Node) -> None:
    """A table of what becomes of each int8."""
    steps = Steps(export, node)
    table = rescale_s8(np.arange(-128, 128).astype(np.int8), use=Use(reference), **attributes_of(node))
    _looked_up(steps, node.inputs[0], steps.number("table", table, np.int8))


def _looked_up(steps: Steps, x: str, table: str) -> None:
    place = steps("Add", steps("Cast", x, to=INT64), steps.number("offset", 128))
    steps("Gather", table, place, output=steps.node.outputs[0], axis=0)


EXPORTERS = {"quantize": quantize, "dequantize": dequantize, "linear_s8": layer, "conv_s8": layer,
             "linear_s8_scaled": scaled_layer, "conv_s8_scaled": scaled_layer, "add_s8": add,
             "multiply_s8": multiply, "average_pool_s8": average_pool, "lookup_s8": lookup, "rescale_s8": rescale}

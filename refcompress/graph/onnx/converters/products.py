"""Conv, ConvTranspose, Gemm, MatMul: what multiplies by a matrix."""

from typing import Any

import numpy as np

from ..operator import Operator
from .windows import window

__all__ = ["CONVERTERS", "conv_attributes"]


def conv(node: Operator) -> None:
    node.give("conv", *node.inputs, **conv_attributes(node))


def conv_attributes(node: Operator) -> dict[str, Any]:
    """Return the attributes of a convolution as ours."""
    return {**window(node, _kernel(node)), **_groups(node)}


def conv_transposed(node: Operator) -> None:
    attributes = {ours: value for name, ours in (("output_padding", "output_pads"), ("output_shape", "output_sizes"))
                  if (value := node.attribute(name)) is not None}
    node.give("conv_transposed", *node.inputs, **window(node, axes := _kernel(node)), **_groups(node),
              **{name: value[-axes:] for name, value in attributes.items()})


def _kernel(node: Operator) -> int:
    """Return the number of axes of the kernel; the attribute must say what the weight has."""
    shape = node.known(1).shape
    if shape is None:
        raise node.refuse("has a weight whose shape is not known")
    if node.attribute("kernel_shape", shape[2:]) != shape[2:]:
        raise node.refuse(f"has a kernel_shape that is not that of its weight, {shape[2:]}")
    return len(shape) - 2


def _groups(node: Operator) -> dict[str, int]:
    groups = node.attribute("group", 1)
    return {"groups": groups} if groups != 1 else {}


def gemm(node: Operator) -> None:
    """y = alpha a b + beta c, where a and b may be transposed."""
    a, b, c = node.input(0), node.input(1), node.input(2)
    alpha, beta = node.attribute("alpha", 1.0), node.attribute("beta", 1.0)
    if node.attribute("transA", 0):
        a = node.step("transpose", a, axes=(1, 0))
    transposed = not node.attribute("transB", 0)
    operation, inputs, attributes = "linear", (a, b), {"transposed": True} if transposed else {}
    if not node.is_tensor(1) or node.known(1).type != "float32":
        operation, inputs, attributes = "matmul", (a, b if transposed else node.step("transpose", b, axes=(1, 0))), {}
    is_bias = c and operation == "linear" and node.known(2).shape == _outputs(node, transposed)
    if alpha == 1.0 and beta == 1.0 and is_bias:
        return node.give(operation, *inputs, c, **attributes)
    if alpha == 1.0 and not c:
        return node.give(operation, *inputs, **attributes)
    y = node.step(operation, *inputs, **attributes)
    if alpha != 1.0:
        factor = node.tensor("alpha", np.float32(alpha))
        if not c:
            return node.give("multiply", y, factor)
        y = node.step("multiply", y, factor)
    if beta != 1.0:
        c = node.step("multiply", c, node.tensor("beta", np.float32(beta)))
    node.give("add", y, c)


def _outputs(node: Operator, transposed: bool):
    shape = node.known(1).shape
    return None if shape is None else shape[1:] if transposed else shape[:1]


def matmul(node: Operator) -> None:
    """A constant matrix on the right is a weight, stored (k, m); or (m, k), and transposed by a node."""
    x, right = node.inputs
    if node.rank(1) == 2 and node.known(1).type == "float32":
        if node.is_tensor(1):
            return node.give("linear", x, right, transposed=True)
        before = node.giver(right)
        if before is not None and before.operation == "transpose" and before.inputs[0] in node.conversion.tensors:
            return node.give("linear", x, before.inputs[0])
    node.give("matmul", x, right)


CONVERTERS = {"Conv": conv, "ConvTranspose": conv_transposed, "Gemm": gemm, "MatMul": matmul}

"""Operators that are a few operations of ours in a row."""

from collections.abc import Callable

import numpy as np

from ..operator import Operator
from .shapes import numbers

__all__ = ["CONVERTERS"]


def or_equal(operation: str) -> Callable[[Operator], None]:
    """Return the converter of <= or >=: what is less or equal, so that NaN is neither."""
    def convert(node: Operator) -> None:
        node.give("either", node.step(operation, *node.inputs), node.step("equal", *node.inputs))
    return convert


def xor(node: Operator) -> None:
    node.give("not", node.step("equal", *node.inputs))


def is_nan(node: Operator) -> None:
    node.give("not", node.step("equal", node.input(0), node.input(0)))


def cast_like(node: Operator) -> None:
    node.drop("saturate", "round_mode")
    node.give("cast", node.input(0), type=node.known(1).type)


def modulo(node: Operator) -> None:
    """The remainder of integers: with the sign of the divisor, or with fmod=1 that of what is divided.

    divide cuts off towards 0, so that a - divide(a, b) b is the latter, r; the former is that of r + b.
    """
    kind, fmod = node.known(0).type, node.attribute("fmod", 0)
    if kind not in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"):
        raise node.refuse(f"of {kind} is not known here; of integers below 64 bits and of int64 it is")
    a, b = (name if kind == "int64" else node.step("cast", name, type="int64") for name in node.inputs)
    rest = _rest(node, a, b)
    rest = rest if fmod else _rest(node, node.step("add", rest, b), b)
    node.give("identity" if kind == "int64" else "cast", rest, **({} if kind == "int64" else {"type": kind}))


def _rest(node: Operator, a: str, b: str) -> str:
    return node.step("subtract", a, node.step("multiply", node.step("divide", a, b), b))


def prelu(node: Operator) -> None:
    """y = x for x >= 0, else slope x."""
    x, slope = node.inputs
    negative = node.step("less", x, node.tensor("zero", np.zeros((), np.dtype(node.known(0).type))))
    node.give("where", negative, node.step("multiply", x, slope), x)


def softsign(node: Operator) -> None:
    """y = x / (1 + |x|)."""
    x = node.input(0)
    node.give("divide", x, node.step("add", node.step("absolute", x), node.tensor("one", np.float32(1))))


def mean(node: Operator) -> None:
    """The mean of any number of values."""
    total = node.input(0)
    for name in node.inputs[1:]:
        total = node.step("add", total, name)
    node.give("divide", total, node.tensor("count", np.float32(len(node.inputs))))


def reduced(of: str) -> Callable[[Operator], None]:
    """Return the converter of a sum of magnitudes or squares, or of the root of it: the norms of L1 and L2."""
    def convert(node: Operator) -> None:
        x = node.input(0)
        inputs, attributes = numbers(node, axes=1)
        inner = node.step("absolute", x) if of == "magnitudes" else node.step("multiply", x, x)
        more = {"none_is_none": True} if node.attribute("noop_with_empty_axes", 0) else {}
        keep = bool(node.attribute("keepdims", 1))
        if of != "root":
            return node.give("reduce_sum", inner, *inputs, keep=keep, **attributes, **more)
        node.give("sqrt", node.step("reduce_sum", inner, *inputs, keep=keep, **attributes, **more))
    return convert


def depth_to_space(node: Operator) -> None:
    """Blocks of channels become blocks of places."""
    block = node.must("blocksize")
    n, c, rows, columns = _sizes(node)
    depth = c // block**2
    if node.only("mode", "DCR", "CRD", default="DCR") == "DCR":
        shape, axes = (-1, block, block, depth, rows, columns), (0, 3, 4, 1, 5, 2)
    else:
        shape, axes = (-1, depth, block, block, rows, columns), (0, 1, 4, 2, 5, 3)
    parts = node.step("transpose", node.step("reshape", node.input(0), shape=shape), axes=axes)
    node.give("reshape", parts, shape=(-1, depth, rows * block, columns * block))


def space_to_depth(node: Operator) -> None:
    """Blocks of places become blocks of channels."""
    block = node.must("blocksize")
    n, c, rows, columns = _sizes(node)
    shape = (-1, c, rows // block, block, columns // block, block)
    parts = node.step("transpose", node.step("reshape", node.input(0), shape=shape), axes=(0, 3, 5, 1, 2, 4))
    node.give("reshape", parts, shape=(-1, c * block**2, rows // block, columns // block))


def _sizes(node: Operator) -> tuple[int | str, int, int, int]:
    shape = node.known(0).shape
    if shape is None or len(shape) != 4 or not all(isinstance(size, int) for size in shape[1:]):
        raise node.refuse(f"needs sizes that are known, not {shape}; fixed= gives them")
    n, *sizes = shape
    return n, *(int(size) for size in sizes)  # type: ignore[return-value]


CONVERTERS = {
    "LessOrEqual": or_equal("less"), "GreaterOrEqual": or_equal("greater"), "Xor": xor, "IsNaN": is_nan,
    "Mod": modulo,
    "CastLike": cast_like, "PRelu": prelu, "Softsign": softsign, "Mean": mean, "ReduceL1": reduced("magnitudes"),
    "ReduceL2": reduced("root"), "ReduceSumSquare": reduced("squares"), "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
}

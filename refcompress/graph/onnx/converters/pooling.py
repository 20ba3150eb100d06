"""Pools: over windows, and over all."""

from ..operator import Operator
from .windows import window

__all__ = ["CONVERTERS"]


def max_pool(node: Operator) -> None:
    if len(node.proto.output) > 1 and node.proto.output[1]:
        raise node.refuse("gives indices, which are not known here")
    node.drop("storage_order")  # of the indices
    _pool(node, "max_pool")


def average_pool(node: Operator) -> None:
    _pool(node, "average_pool", **({"count_include_pad": True} if node.attribute("count_include_pad", 0) else {}))


def _pool(node: Operator, operation: str, **attributes: bool) -> None:
    kernel = node.must("kernel_shape")
    ceil = {"ceil": True} if node.attribute("ceil_mode", 0) else {}
    node.give(operation, node.input(0), kernel=kernel, **window(node, len(kernel)), **ceil, **attributes)


CONVERTERS"]


def max_pool(node: Operator) -> None:
    if len(node.proto.output) > 1 and node.proto.output[1]:
        raise node.refuse("gives indices, which are not known here")
    node.drop("storage_order")  # of the indices
    _pool(node, "max_pool")


def average_pool(node: Operator) -> None:
    _pool(node, "average_pool", **({"count_include_pad": True} if node.attribute("count_include_pad", 0) else {}))


def _pool(node: Operator, operation: str, **attributes: bool) -> None:
    kernel = node.must("kernel_shape")
    count = len(kernel)
    strides, dilations = ints(node, "strides", count, 1), ints(node, "dilations", count, 1)
    node.give(operation, node.input(0), kernel=kernel, strides=strides, pads=pads(node, kernel, strides, dilations),
              dilations=dilations, ceil=bool(node.attribute("ceil_mode", 0)), **attributes)


CONVERTERS = {"MaxPool": max_pool, "AveragePool": average_pool}

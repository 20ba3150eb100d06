"""Pools over windows."""

from typing import Any

from ..operator import Operator
from .windows import window

__all__ = ["CONVERTERS"]


def max_pool(node: Operator) -> None:
    if len(node.proto.output) > 1 and node.proto.output[1]:
        raise node.refuse("gives indices, which are not known here")
    node.drop("storage_order")  # of the indices
    node.give("max_pool", node.input(0), **_attributes(node))


def average_pool(node: Operator) -> None:
    more = {"count_include_pad": True} if node.attribute("count_include_pad", 0) else {}
    node.give("average_pool", node.input(0), **_attributes(node), **more)


def _attributes(node: Operator) -> dict[str, Any]:
    kernel = node.must("kernel_shape")
    ceil = {"ceil": True} if node.attribute("ceil_mode", 0) else {}
    return {"kernel": kernel, **window(node, len(kernel)), **ceil}


CONVERTERS = {"MaxPool": max_pool, "AveragePool": average_pool}

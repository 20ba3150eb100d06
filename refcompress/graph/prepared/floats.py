"""Float nodes as steps that write into memory of their own: a product that is prepared, and NumPy on its result."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...formats import Node, QuantizedLayer
from ...formats.arranged import Arranged
from ..use import Use, Weight

__all__ = ["float_steps"]

Steps = tuple[np.ndarray, list[Callable[[], Any]]]


def float_steps(node: Node, inputs: list[Any], use: Use) -> Steps | None:
    """Return the memory of a node's output, and the steps that fill it from the memory of its inputs.

    None for a node that has no steps here: any but a linear of one row, whose format's product can be prepared, relu,
    and add. The results are those of the node's operation, bit for bit.
    """
    if len(node.outputs) != 1 or node.attributes or not all(isinstance(a, np.ndarray) and a.flags.c_contiguous
                                                            for a in inputs[:1] + inputs[2:]):
        return None
    if node.operation == "linear":
        return _linear(*inputs, use=use)
    if node.operation == "relu":
        y = np.empty_like(inputs[0])
        return y, [partial(np.maximum, inputs[0], y.dtype.type(0), out=y)]
    if node.operation == "add" and isinstance(inputs[1], np.ndarray) and inputs[0].shape == inputs[1].shape:
        y = np.empty_like(inputs[0])
        return y, [partial(np.add, *inputs, y)]
    return None


def _linear(x: np.ndarray, weight: Weight, bias: np.ndarray | None = None, *, use: Use) -> Steps | None:
    if isinstance(weight, Arranged | QuantizedLayer) or x.shape[:-1] != (1,):
        return None
    name, operand = use.operand(weight)
    product = use(name)
    if not hasattr(product, "prepare"):
        return None
    # A single row is a single column: the same memory.
    again = product.prepare(x, operand) if name.startswith("gemm_") else product.prepare(operand, x.reshape(-1, 1))
    y = again().reshape(1, -1)
    return y, [again] if bias is None else [again, partial(np.add, y, bias, y)]

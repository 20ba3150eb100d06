"""QuantizeLinear and DequantizeLinear: values on a grid of integers, and weights that are stored as integers.

Integers are int8 here. A value of uint8 is held less 128, and so is its zero point: scale * (value - zero_point) is the
same. Only nodes that move such values may take them, and DequantizeLinear.
"""

import numpy as np

from ....formats import Plain, Quantized
from ....formats.base import rows_shape
from ..operator import Operator
from ..types import type_name

__all__ = ["CONVERTERS"]

SHIFTS = {"int8": 0, "uint8": 128, "int4": 0, "uint4": 8, "int2": 0, "uint2": 2, "int16": 0}


def quantize(node: Operator) -> None:
    """To int8 or uint8, with one scale."""
    scale, zero_point = node.constant(1), node.constant(2)
    node.drop("axis")  # of one scale
    node.only("block_size", 0, default=0)
    node.only("precision", 0, 1, default=0)
    node.drop("saturate")  # of types of 8 bits that are floats
    output = type_name(number, node.where) if (number := node.attribute("output_dtype", 0)) else None
    kind = output or ("uint8" if not node.input(2) else node.known(2).type)
    if scale is None or scale.size != 1 or zero_point is None and node.input(2) or kind not in ("int8", "uint8"):
        raise node.refuse(f"to {kind}, with scales {None if scale is None else scale.shape}: known here are int8 and "
                          "uint8 with one scale, which is a tensor of the model")
    zero = int(zero_point.reshape(())) if zero_point is not None else 0
    node.give("quantize", node.input(0), scale=float(scale.reshape(())), zero_point=zero - SHIFTS[kind])
    if kind == "uint8":
        node.conversion.shifted.add(node.scope.values[node.proto.output[0]])


def dequantize(node: Operator) -> None:
    """Of a tensor it is a weight that is Quantized, or float32 where that format has no such scales; else a node."""
    scale, zero_point = node.constant(1), _values(node, 2)
    axis, block = node.attribute("axis", 1), node.attribute("block_size", 0)
    node.drop("output_dtype")
    if scale is None or scale.dtype != np.float32 or zero_point is None and node.input(2):
        raise node.refuse("has scales or zero points that are no tensors of the model, or scales that are no float32")
    if node.is_tensor(0):
        return _weight(node, scale, zero_point, axis, block)
    kind = "uint8" if node.input(0) in node.conversion.shifted else node.known(0).type
    if scale.size != 1 or kind not in ("int8", "uint8"):
        raise node.refuse(f"of {kind}, with scales {scale.shape}: known here are int8 and uint8 with one scale, and "
                          "tensors of the model")
    zero = int(zero_point.reshape(())) if zero_point is not None else 0
    node.give("dequantize", node.input(0), scale=float(scale.reshape(())), zero_point=zero - SHIFTS[kind])


def _values(node: Operator, i: int) -> np.ndarray | None:
    """Return a tensor of integers, also of fewer than 8 bits."""
    value = node.conversion.tensors.get(node.input(i))
    return value.dense() if isinstance(value, Plain) else node.constant(i)


def _weight(node: Operator, scale: np.ndarray, zero_point: np.ndarray | None, axis: int, block: int) -> None:
    values, kind = _values(node, 0), node.known(0).type
    if values is None:
        raise node.refuse(f"has a tensor of type {kind}, which is not known here")
    plain = node.conversion.tensors[node.input(0)]
    kind = plain.type if isinstance(plain, Plain) else kind
    if scale.ndim == 1 and scale.size > 1 or block:
        axis = axis % values.ndim
        shape = scale.shape if block else tuple(-1 if i == axis else 1 for i in range(values.ndim))
    else:
        shape = (1,) * values.ndim
    scale = scale.reshape(shape)
    zero = np.zeros(scale.shape, np.int64) if zero_point is None else zero_point.reshape(shape).astype(np.int64)
    group = None
    if block and values.shape[-1] > 0 and axis == values.ndim - 1 and scale.ndim == 2:
        group = block
    output = node.proto.output[0]
    name = node.conversion.unique(output)
    shift = SHIFTS.get(kind)
    wide = np.int16 if kind == "int16" else np.int8
    if shift is not None and (not block or group) and values.ndim and np.all(scale >= 2.0**-126):
        if block and scale.shape[:-1] != rows_shape(values.shape, 2)[:-1]:
            raise node.refuse(f"has scales {scale.shape} for blocks of {block} of {values.shape}")
        made = Quantized((values.astype(np.int64) - shift).astype(wide), scale, (zero - shift).astype(wide), group)
        node.conversion.add_tensor(name, made)
    else:
        each = (np.repeat(a, block, axis).take(range(values.shape[axis]), axis) if block else a for a in (scale, zero))
        s, z = each
        node.conversion.add_tensor(name, (values.astype(np.int64) - z).astype(np.float32) * s)
    node.scope.values[output] = name
    node.scope.own.add(output)


CONVERTERS = {"QuantizeLinear": quantize, "DequantizeLinear": dequantize}

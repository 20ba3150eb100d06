"""Integers with scales as ONNX has them: an integer tensor, its scales, and nodes that make the weights of them.

    y = (x - zero_point) * scale

DequantizeLinear computes the difference in integers and rounds the product once, as Quantized.dense does, so that the
weights are the same bit for bit. It knows three layouts of scales: one for all, one for each index of an axis, and
(from opset 21 on) one for each block along an axis. Blocks along the rows of a matrix are also an axis: a row for each
block.

**Source** ONNX, operators: DequantizeLinear of versions 10, 13, 21 and 25.
"""

from dataclasses import dataclass

import numpy as np

from ...constants import LARGEST
from ...formats import Quantized
from ...formats.base import rows_shape
from .. import protobuf

AXES, NARROW, NARROWEST = 13, 21, 25  # opsets: scales along an axis; int4, int16 and blocks; int2
FIRST = 10  # the opset that DequantizeLinear is new in
INT = 2  # AttributeProto.AttributeType
NAMES = 256  # bytes: names of tensors, nodes


@dataclass(frozen=True)
class Form:
    """A tensor as DequantizeLinear takes it.

    values : int8 or int16, of the shape that the node sees. type : of the elements in the file. scale, zero_point :
    arrays of no dimension, one, or as many as values; None for zero points that are all 0. reshaped : whether the
    weights have another shape than values. opset : the first with such a node.
    """

    values: np.ndarray
    type: str
    scale: np.ndarray
    zero_point: np.ndarray | None
    axis: int | None
    block: int | None
    reshaped: bool
    opset: int


def form(q: Quantized, bits: int, opset: int) -> Form | None:
    """Return the form of a tensor, whose integers have so many bits, in a model of this opset; None where it has none.

    It has none where scales differ along two axes, and where the largest weight is infinite in float32.
    """
    values, scale, zero_point = q.values, q.scale, q.zero_point
    if not values.size or opset < FIRST:
        return None
    furthest = 2 ** (8 * values.itemsize)  # no integer is further from its zero point
    if float(scale.max()) * furthest > LARGEST:
        return None
    type, needed = _integers(bits, opset)
    if q.group is not None and scale.shape[-1] > 1:
        return _blocks(values, type, needed, q, rows_shape(values.shape, scale.ndim), opset)
    axes = [axis for axis, size in enumerate(scale.shape) if size > 1]
    if len(axes) > 1:
        return None
    axis = axes[0] if axes else None
    needed = max(needed, AXES if axes else FIRST)
    each = tuple(scale.shape[axis] for axis in axes)
    return _fits(values, type, scale.reshape(each), zero_point.reshape(each), axis, None, False, needed, opset)


def _integers(bits: int, opset: int) -> tuple[str, int]:
    """Return the narrowest type that the opset has for the integers, and the opset that it needs."""
    if bits > 8:
        return "int16", NARROW
    if bits <= 2 and opset >= NARROWEST:
        return "int2", NARROWEST
    if bits <= 4 and opset >= NARROW:
        return "int4", NARROW
    return "int8", FIRST


def _blocks(values: np.ndarray, type: str, needed: int, q: Quantized, rows: tuple[int, ...],
            opset: int) -> Form | None:
    group, segments = q.group or 1, q.scale.shape[-1]
    scale, zero_point = (np.broadcast_to(a, (*rows[:-1], segments)) for a in (q.scale, q.zero_point))
    if opset >= NARROW:
        return _fits(values.reshape(rows), type, scale, zero_point, len(rows) - 1, group, rows != values.shape, NARROW,
                     opset)
    if rows[-1] % group:
        return None
    return _fits(values.reshape(-1, group), type, scale.reshape(-1), zero_point.reshape(-1), 0, None, True,
                 max(needed, AXES), opset)


def _fits(values: np.ndarray, type: str, scale: np.ndarray, zero_point: np.ndarray, axis: int | None,
          block: int | None, reshaped: bool, needed: int, opset: int) -> Form | None:
    if needed > opset:
        return None
    return Form(values, type, np.ascontiguousarray(scale).reshape(scale.shape),
                np.ascontiguousarray(zero_point).reshape(zero_point.shape) if zero_point.any() else None, axis, block,
                reshaped, max(needed, NARROWEST if type == "int2" else 0))


def nodes(f: Form, name: str, integers: str, scale: str, zero_point: str, between: str, shape: str) -> list[bytes]:
    """Return the nodes, as NodeProto, that make the weights ``name`` of the tensors of the other names."""
    inputs = [integers, scale] + ([zero_point] if f.zero_point is not None else [])
    attributes = {key: value for key, value in (("axis", f.axis), ("block_size", f.block)) if value is not None}
    made = [node("DequantizeLinear", inputs, between if f.reshaped else name, attributes)]
    return made + ([node("Reshape", [between, shape], name, {})] if f.reshaped else [])


def node(operator: str, inputs: list[str], output: str, attributes: dict[str, int]) -> bytes:
    """Return a NodeProto with attributes that are integers."""
    parts = [protobuf.block(1, name.encode()) for name in inputs]
    parts += [protobuf.block(2, output.encode()), protobuf.block(4, operator.encode())]
    for key, value in attributes.items():
        parts.append(protobuf.block(5, protobuf.block(1, key.encode()) + protobuf.integer(3, value)
                                    + protobuf.integer(20, INT)))
    return b"".join(parts)


# The opsets from which on the nodes of an operator mean something else, or nothing: attributes that became inputs
# (axes, axis, ratio), an axis in the place of all from it on, scales a channel in the place of a group, another
# default. All other operators mean the same from opset 11 to 21: so says the converter of versions that comes with
# ONNX. It passes over Hardmax, which changed as Softmax did.
CHANGED = {
    "Dropout": (12,), "Softmax": (13,), "LogSoftmax": (13,), "Hardmax": (13,), "Squeeze": (13,), "Unsqueeze": (13,),
    "ReduceSum": (13,), "Split": (13, 18), "BatchNormalization": (14,), "RoiAlign": (16,), "ReduceL1": (18,),
    "ReduceL2": (18,), "ReduceLogSum": (18,), "ReduceLogSumExp": (18,), "ReduceMax": (18,), "ReduceMean": (18,),
    "ReduceMin": (18,), "ReduceProd": (18,), "ReduceSumSquare": (18,), "DFT": (20,), "GridSample": (20,),
    "GroupNormalization": (21,),
}
OLDEST = 11  # the opset from which on CHANGED is complete


def opsets(own: int, operators: set[tuple[str, int]], has_functions: bool) -> list[int]:
    """Return the opsets that a model may have so that its nodes keep their meaning, of those that matter here.

    own : the one that it has, which comes first. operators : of each node the operator, and how many outputs it has:
    BatchNormalization with one output does not train, and has not changed.
    """
    changes = {change for operator, outputs in operators if operator != "BatchNormalization" or outputs > 1
               for change in CHANGED.get(operator, ())}
    return [own] + [higher for higher in (AXES, NARROW) if OLDEST <= own < higher and not has_functions
                    and not any(own < change <= higher for change in changes)]


def size(f: Form) -> int:
    """Return the bytes that the tensors and nodes of a form take, about."""
    bits = {"int2": 2, "int4": 4, "int8": 8, "int16": 16}[f.type]
    zero_points = 0 if f.zero_point is None else f.zero_point.size
    return (f.values.size + zero_points) * bits // 8 + f.scale.nbytes + NAMES

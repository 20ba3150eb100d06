"""ConvInteger and MatMulInteger: sums of integers, computed by float32 nodes whose every sum is exact.

x less its zero point is at most 255 in magnitude. Where 255 times the magnitudes of an output's weights add up to 2^24
at most, every sum on the way is a whole number that float32 has, in any order. A weight beyond that is cut into parts
of a few binary digits each, whose sums are added as int32.
"""

import numpy as np

from ....formats import Quantized
from ...use import Weight
from ..operator import Operator
from .products import conv_attributes

__all__ = ["CONVERTERS"]

EXACT = 2**24  # whole numbers up to this are float32 numbers
LARGEST = 255  # magnitude of an int8 or a uint8 less its zero point
BITS = 8  # of the magnitude of a weight less its zero point


def conv_integer(node: Operator) -> None:
    attributes = conv_attributes(node)
    parts, bits = _parts(node, 0)
    x = _centred(node)
    _sum(node, [node.step("conv", x, _tensor(node, i, part), **attributes) for i, part in enumerate(parts)], bits)


def matmul_integer(node: Operator) -> None:
    parts, bits = _parts(node, -1)
    x = _centred(node)
    operation, attributes = ("linear", {"transposed": True}) if parts[0].ndim == 2 else ("matmul", {})
    _sum(node, [node.step(operation, x, _tensor(node, i, part), **attributes) for i, part in enumerate(parts)], bits)


def _zero_point(node: Operator, i: int) -> np.ndarray:
    """Return a zero point, int64; 0 where it is left out."""
    value = node.constant(i)
    if value is None and node.input(i):
        raise node.refuse("has a zero point that is no tensor of the model")
    return np.zeros((), np.int64) if value is None else value.astype(np.int64)


def _centred(node: Operator) -> str:
    """Add nodes that give x less its zero point, float32."""
    zero, x = _zero_point(node, 2), node.input(0)
    if zero.size != 1:
        raise node.refuse(f"has zero points of shape {zero.shape} for its first input: known here is one")
    number = int(zero.reshape(()))
    if node.known(0).type == "int8":  # scale 1; a uint8 that is held less 128 has such a zero point too
        shift = 128 if x in node.conversion.shifted else 0
        return node.step("dequantize", x, scale=1.0, zero_point=number - shift)
    x = node.step("cast", x, type="float32")
    return node.step("subtract", x, node.tensor("x_zero_point", np.float32(number))) if number else x


def _parts(node: Operator, axis: int) -> tuple[list[np.ndarray], int]:
    """Return whole numbers whose sum, each times 2^bits more than the one before it, is the weight less zero points.

    axis : that of the outputs; sums run over all others, or of a matrix (axis -1) over the one before it.
    """
    weight = node.constant(1)
    if weight is None or weight.dtype not in (np.int8, np.uint8) or weight.ndim < 2:
        raise node.refuse("has a second input that is no matrix or kernel of int8 or uint8 among the model's tensors")
    zero = _zero_point(node, 3)
    if zero.size not in (1, weight.shape[axis]):
        raise node.refuse(f"has zero points of shape {zero.shape} for {weight.shape[axis]} outputs")
    shape = [1] * weight.ndim
    shape[axis] = zero.size
    values = weight.astype(np.int64) - zero.reshape(shape)
    sign, magnitude = np.sign(values), np.abs(values)
    over = tuple(range(1, weight.ndim)) if axis == 0 else (-2,)
    for bits in range(BITS, 0, -1):
        parts = [magnitude >> first & 2**bits - 1 for first in range(0, BITS, bits)]
        if all(LARGEST * part.sum(axis=over).max(initial=0) <= EXACT for part in parts):
            used = [part for i, part in enumerate(parts) if i == 0 or any(each.any() for each in parts[i:])]
            return [sign * part for part in used], bits
    raise node.refuse(f"has {values.size // max(values.shape[axis], 1)} products to a sum: too many to be exact here")


def _tensor(node: Operator, i: int, values: np.ndarray) -> str:
    """Add a weight of whole numbers: Quantized with the scale 1, a byte each, where they are int8."""
    made: Weight = values.astype(np.float32)
    if -128 <= values.min(initial=0) and values.max(initial=0) <= 127:
        one = (1,) * values.ndim
        made = Quantized(values.astype(np.int8), np.ones(one, np.float32), np.zeros(one, np.int8))
    return node.conversion.add_tensor(node.conversion.unique(f"{node.name}.weight{i}"), made)


def _sum(node: Operator, sums: list[str], bits: int) -> None:
    """Give the sum of float32 sums, each times 2^bits more than the one before it, as int32."""
    if len(sums) == 1:
        return node.give("cast", sums[0], type="int32")
    whole = node.step("cast", sums[0], type="int32")
    for i, each in enumerate(sums[1:], 1):
        factor = node.tensor(f"factor{i}", np.int32(2 ** (bits * i)))
        moved = node.step("multiply", node.step("cast", each, type="int32"), factor)
        if i == len(sums) - 1:
            node.give("add", whole, moved)
        else:
            whole = node.step("add", whole, moved)


CONVERTERS = {"ConvInteger": conv_integer, "MatMulInteger": matmul_integer}

"""The weight, the bias and the tables of integer nodes, from those of float nodes."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import reference
from ...errors import RefcompressError
from ...formats import Node, Packed, Quantized
from ...reference import dequantize_s8, quantize_bias_s32, quantize_pack, quantize_s8, quantize_scale
from ..operations.grids import LARGEST_SUM
from ..operations.integer_layers import UNIT_ROOM
from ..rows import turned_matrix
from ..use import Weight

__all__ = ["MOST_INPUTS", "Grid", "clip_ends", "dense", "inputs_of", "integer_layer", "is_transposed", "lookup_table",
           "quantized_weight", "rows_first", "same", "suits", "window"]

MOST_INPUTS = LARGEST_SUM // UNIT_ROOM  # of a layer on integers


@dataclass(frozen=True)
class Grid:
    """What int8 values stand for, scale * (value - zero_point), and the range low..high that it was made for."""

    scale: float
    zero_point: int
    low: float
    high: float

    @classmethod
    def of(cls, low: float, high: float, symmetric: bool) -> "Grid":
        """Return the grid of a range."""
        scale, zero_point = quantize_scale(low, high, scheme="symmetric" if symmetric else "affine")
        return cls(float(scale), int(zero_point), low, high)

    def attributes(self, value: str) -> dict[str, float | int]:
        """Return the grid as attributes of a node: that of its x, y, ..."""
        return {f"{value}_scale": self.scale, f"{value}_zero_point": self.zero_point}

    def nearest(self, value: float) -> int:
        """Return the integer of a float32 value, clipped."""
        with np.errstate(over="ignore"):
            steps = np.rint(np.float32(value) / np.float32(self.scale))
        return int(np.clip(steps + np.float32(self.zero_point), -128, 127))

    def quantized(self, x: np.ndarray) -> np.ndarray:
        """Return int8 values for float32 ones."""
        flat = np.ascontiguousarray(x).reshape(-1)
        return quantize_s8(flat, scheme="affine", scale=self.scale, zero_point=self.zero_point).values.reshape(x.shape)


def dense(weight: Weight) -> np.ndarray:
    """Return a tensor's float32 numbers."""
    return weight if isinstance(weight, np.ndarray) else weight.dense()


def clip_ends(node: Node) -> tuple[float, float]:
    """Return between which values a relu or a clip leaves its input."""
    if node.operation == "relu":
        return 0.0, np.inf
    given: dict[str, Any] = dict(node.attributes)
    low, high = given.get("low"), given.get("high")
    return -np.inf if low is None else low, np.inf if high is None else high


def is_transposed(node: Node) -> bool:
    """Return whether the weight of a linear or conv is stored (inputs, outputs)."""
    return bool(dict(node.attributes).get("transposed", False))


def window(node: Node) -> dict[str, Any]:
    """Return the attributes that an integer product takes over from its float node: those of a convolution's window."""
    return {name: value for name, value in node.attributes if name != "transposed"}


def inputs_of(node: Node, weight: Weight) -> int:
    """Return how many inputs each output of a linear or conv has."""
    return weight.shape[0] if is_transposed(node) else math.prod(weight.shape[1:])


def rows_first(node: Node, weight: Weight) -> Weight:
    """Return the weight of a node with its outputs along the first axis."""
    if not is_transposed(node):
        return weight
    if isinstance(weight, Quantized | Packed) and weight.group is None:
        return turned_matrix(weight, lambda name: getattr(reference, name))  # type: ignore[return-value]
    return np.ascontiguousarray(dense(weight).T)


def same(a: Weight, b: Weight) -> bool:
    """Return whether two tensors are equal, in type and in every element."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a is b or a.dtype == b.dtype and np.array_equal(a, b)
    return type(a) is type(b) and a == b


def suits(weight: Weight) -> bool:
    """Return whether a weight is integers as a static product takes them: zero points of 0, one scale an output."""
    if not isinstance(weight, Quantized | Packed) or weight.values.dtype != np.int8:
        return False
    alike = weight.scale.size == 1 or weight.scale.size == len(weight.scale) == weight.shape[0]
    return weight.group is None and alike and not weight.zero_point.any()


def quantized_weight(weight: Weight, bits: int, group: int | None, floats: bool) -> Quantized | Packed:
    """Return a weight rounded to nearest, symmetrically: a scale an output, or a group of its inputs.

    floats : whether it multiplies float32; integers of four bits lie two in a byte then, as that product reads them.
    """
    w = np.ascontiguousarray(dense(weight))
    q = quantize_s8(w, bits=bits, axis=0) if group is None else quantize_s8(w, bits=bits, group=group)
    return quantize_pack(q) if bits == 4 and floats else q


def integer_layer(weight: Weight, bias: np.ndarray | None, bits: int, x: Grid, y: Grid | None,
                  ) -> tuple[Quantized | Packed, np.ndarray | None]:
    """Return the weight and the int32 bias of a static layer between values of two grids.

    The scale of an output is that of its largest weight, or larger: such that its bias stays in int32, and that the
    quotient x_scale * scale / y_scale has a multiplier. Weights that are integers already stay as they are. Without a
    grid of y the layer gives float32: its bias stays as it is.
    """
    if y is None:
        return weight if suits(weight) else quantized_weight(weight, bits, None, False), bias  # type: ignore[return-value]
    k = math.prod(weight.shape[1:])
    q: Quantized | Packed
    if suits(weight):
        q = weight  # type: ignore[assignment]
    else:
        w = np.ascontiguousarray(dense(weight))
        q = quantize_s8(w, bits=bits, axis=0)
        least = np.full(len(w), 2.0**-32 * y.scale / x.scale)
        if bias is not None:
            least = np.maximum(least, np.abs(bias.astype(np.float64)) / (x.scale * (LARGEST_SUM - k * UNIT_ROOM)))
        low = (q.scale.reshape(-1) < least) & (least > 0)
        if low.any():
            scale = np.where(low, np.maximum(least * (1 + 2.0**-20), 2.0**-126), q.scale.reshape(-1))
            q = quantize_s8(w, bits=bits, axis=0, scale=scale.astype(np.float32).reshape(q.scale.shape))
    if bias is None:
        return q, None
    scale = np.broadcast_to(q.scale.reshape(-1), len(bias))
    return q, quantize_bias_s32(bias, x.scale, np.ascontiguousarray(scale), inputs=2 * k)


def lookup_table(function: Callable[[np.ndarray], np.ndarray], x: Grid, y: Grid) -> np.ndarray:
    """Return the 256 entries of a function between two grids; where it is not finite, that of the range's nearer end.
    """
    every = np.arange(-128, 128).astype(np.int8)
    values = dequantize_s8(Quantized(every, np.array([x.scale], np.float32), np.array([x.zero_point], np.int8)))
    with np.errstate(all="ignore"):
        found = function(values)
        ends = function(np.clip(values, np.float32(x.low), np.float32(x.high)))
    found = np.where(np.isfinite(found), found, ends).astype(np.float32)
    if not np.isfinite(found).all():
        raise RefcompressError("function", f"is not finite everywhere in its range, {x.low} to {x.high}")
    return y.quantized(found)

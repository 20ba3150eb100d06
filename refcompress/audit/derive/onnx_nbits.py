"""ONNX Runtime's MatMulNBits: the weights of a product, transposed, in blocks of unsigned codes of 2, 4 or 8 bits.

The file has for each column of the source and each block along it the bytes of its codes, the first code in the low
bits, a scale, and the codes of the zero points. The last block of a column is filled up by codes 0.

**Source** ONNX Runtime, docs/ContribOperators.md: com.microsoft.MatMulNBits; core/mlas/lib/q4_dq.cpp.
"""

from functools import partial

import numpy as np

from ...errors import CorruptError
from ...models import Source
from .onnx_nodes import Node
from .stored import Arrays, Integers, Rule, Stored, away_from_zero

__all__ = ["as_dequantize_linear", "fields", "readings"]

f32 = np.float32


def readings(source: Source, node: Node) -> list[Stored]:
    """Return the weights of a MatMulNBits."""
    name = node.inputs[1]
    columns, rows, bits, block = (node.integers.get(key, 0) for key in ("N", "K", "bits", "block_size"))
    bits = bits or 4
    packed, scale = source[name].read(), source[node.inputs[2]].read()
    zero = source[node.inputs[3]].read() if len(node.inputs) > 3 and node.inputs[3] in source else None
    if not isinstance(packed, np.ndarray) or not isinstance(scale, np.ndarray):
        raise CorruptError("path", f"tensor {name!r} or its scales are of a type that MatMulNBits does not take")
    blocks = -(-rows // block) if block > 0 else 0
    if bits not in (2, 4, 8) or packed.dtype != np.uint8 or scale.dtype.kind != "f" or not blocks \
            or columns * blocks * block * bits != packed.size * 8 or scale.size != columns * blocks \
            or not isinstance(zero, np.ndarray | None):
        raise CorruptError("path", f"tensor {name!r} of {packed.size} bytes with {scale.size} scales does not fit N "
                                   f"{columns}, K {rows}, {bits} bits, blocks of {block}")
    codes = fields(packed.reshape(columns, -1), bits)
    scale = scale.reshape(columns, blocks)
    arrays: dict[str, np.ndarray] = {"codes": codes[:, :rows], "scale": scale, "filler": codes[:, rows:]}
    middle = np.full((columns, blocks), 1 << bits - 1, np.uint8)
    if zero is not None:
        if zero.dtype != np.uint8 or zero.size != columns * (-(-blocks * bits // 8)):
            raise CorruptError("path", f"tensor {node.inputs[3]!r} has {zero.size} elements, which are no zero points "
                                       f"of {columns} x {blocks} blocks of {bits} bits")
        points = fields(zero.reshape(columns, -1), bits)
        middle, arrays["zero_point"] = points[:, :blocks], points
    step = np.repeat(scale.astype(np.float64), block, 1)[:, :rows]
    offset = -step * np.repeat(middle, block, 1)[:, :rows]
    rule = Rule(f"MatMulNBits, {bits} bits, {'symmetric' if zero is None else 'with zero points'}", SAYS[zero is None],
                partial(made, bits=bits, block=block, dtype=scale.dtype, has_zero=zero is not None))
    return [Stored(name, f"MatMulNBits, {bits} bits, blocks of {block}", (rows, columns), arrays,
                   arrays["codes"].astype(np.int16), Integers(0, (1 << bits) - 1), step, (rule,), offset,
                   arranged=np.transpose)]


def fields(data: np.ndarray, bits: int) -> np.ndarray:
    """Return the codes in each row of bytes, low bits first."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    return (data[:, :, None] >> shifts & np.uint8((1 << bits) - 1)).reshape(len(data), -1)


SAYS = {True: "scale = m / -2^(bits - 1), m of the largest magnitude, 2^(bits - 1) the zero point; codes w times the "
              "inverse of the stored scale, plus the zero point, halves up",
        False: "scale = (max(w, 0) - min(w, 0)) / (2^bits - 1); codes w times the inverse of the stored scale, plus "
               "the zero point, halves up"}


def made(w: np.ndarray, *, bits: int, block: int, dtype: np.dtype, has_zero: bool) -> Arrays | None:
    """Return what the kernel of ONNX Runtime makes of the weights of a column in each row."""
    if not w.size or not np.isfinite(w).all():
        return None
    columns, rows = w.shape
    scale, inverse, zero = ranges(w, 1, block, (1 << bits) - 1, 0, has_zero, dtype)
    factor, point = (np.repeat(a, block, 1)[:, :rows] for a in (inverse, zero))
    codes = np.clip(away_from_zero(w * factor + point), 0, (1 << bits) - 1).astype(np.uint8)
    blocks = scale.shape[1]
    arrays = {"codes": codes, "scale": scale, "filler": np.zeros((columns, blocks * block - rows), np.uint8)}
    if has_zero:
        each = 8 // bits
        points = np.full((columns, -(-blocks // each) * each), 1 << bits - 1, np.uint8)
        points[:, :blocks] = zero
        arrays["zero_point"] = points
    return arrays


def as_dequantize_linear(w: np.ndarray, *, block: int, dtype: np.dtype, has_zero: bool) -> Arrays | None:
    """Return what the kernel makes of a matrix for DequantizeLinear: int4 without zero points, uint4 with them."""
    if not w.size or not np.isfinite(w).all():
        return None
    low, high = (0, 15) if has_zero else (-8, 7)
    scale, inverse, zero = ranges(w, 0, block, high, low, has_zero, dtype)
    factor, point = (np.repeat(a, block, 0)[: len(w)] for a in (inverse, zero))
    integer = np.uint8 if has_zero else np.int8
    codes = np.clip(away_from_zero(w * factor) + point, low, high).astype(integer)
    return {"codes": codes, "scale": scale} | ({"zero_point": zero.astype(integer)} if has_zero else {})


def ranges(w: np.ndarray, axis: int, block: int, high: int, low: int, has_zero: bool, dtype: np.dtype
           ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the scales of blocks along an axis, their inverses in float32, and the zero points."""
    least, most = (f.reduceat(w, np.arange(0, w.shape[axis], block), axis=axis) for f in (np.minimum, np.maximum))
    half = f32((high - low + 1) // 2)
    zero = np.full(least.shape, f32(low) + half)
    if has_zero:
        least, most = np.minimum(least, 0), np.maximum(most, 0)
        exact = (most - least) / f32(high - low)
        point = np.where(exact != 0, f32(low) - least / exact, least)
        zero = away_from_zero(np.clip(point, low, high)).astype(np.float32)
    else:
        exact = -np.where(np.abs(most) > np.abs(least), most, least) / half
    scale = exact.astype(dtype)
    return scale, np.where(scale == 0, f32(0), f32(1) / scale.astype(np.float32)), zero

"""ONNX: integers with scales and zero points, as the quantizers of ONNX Runtime write them.

    number = (code - zero point) * scale

A scale is that of the tensor, of an index of one axis, or of a block along one axis. MatMulNBits has its own layout
(``onnx_nbits.py``).

**Source** onnxruntime 1.32.0, quantization/quant_utils.py: compute_scale_zp, compute_scale_zp_blocked,
quantize_nparray, compute_scale_zp_float8.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from ...errors import CorruptError
from ...formats import ELEMENT_TYPES, Plain
from ...models import Source, Value
from ...reference import floats_encode
from . import onnx_nbits
from .onnx_nodes import Node
from .stored import Arrays, Integers, Rule, Site, Stored
from .types import levels_of

__all__ = ["NAME", "of_activations", "sites_of"]

NAME = "_quantized"  # what ONNX Runtime puts behind the name of the weights
RANGES = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767), "uint16": (0, 65535), "int4": (-8, 7),
          "uint4": (0, 15), "int2": (-2, 1), "uint2": (0, 3), "int32": (-2**31, 2**31 - 1)}
SYMMETRIC = {"int8": (-127, 127), "int16": (-32767, 32767)}
REDUCED = {"int8": (-64, 64), "uint8": (0, 127), "int16": (-16384, 16384), "uint16": (0, 32767), "int4": (-4, 3),
           "uint4": (0, 7)}
WEIGHT = {"QLinearMatMul": (3, 4, 5), "QLinearConv": (3, 4, 5), "DequantizeLinear": (0, 1, 2), "QGemm": (3, 4, 5)}


def sites_of(source: Source, nodes: list[Node]) -> Iterator[Site]:
    """Yield the places of a model where tensors of the file are integers that stand for weights, each tensor once."""
    seen: set[str] = set()

    def has(*names: str) -> bool:
        return all(name in source for name in names) and names[0] not in seen

    for node in nodes:
        if node.operator == "MatMulNBits" and len(node.inputs) > 2 and has(*node.inputs[1:3]):
            uses = tuple(name for name in node.inputs[1:] if name in source)
            seen.add(node.inputs[1])
            yield Site(node.inputs[1], uses, partial(onnx_nbits.readings, source, node))
        elif node.operator in WEIGHT:
            names = tuple(node.inputs[i] for i in WEIGHT[node.operator] if i < len(node.inputs) and node.inputs[i])
            if len(names) > 1 and has(*names):
                seen.add(names[0])
                yield Site(names[0], names, partial(_readings, source, names, node.integers))
    for name in source:  # of MatMulInteger, Gather and their like the scale is known by its name alone
        base = name.removesuffix(NAME)
        if name.endswith(NAME) and has(name, base + "_scale"):
            names = tuple(each for each in (name, base + "_scale", base + "_zero_point") if each in source)
            yield Site(name, names, partial(_readings, source, names, {}))


def of_activations(source: Source, nodes: list[Node]) -> set[str]:
    """Return the scales and zero points of activations: calibration made them, and no weights of a source."""
    found: set[str] = set()
    for node in nodes:
        if node.operator.startswith(("QLinear", "QuantizeLinear", "DequantizeLinear", "QGemm")):
            found.update(name for name in node.inputs[1:] if name in source)
    return found


def elements(value: Value) -> tuple[str, np.ndarray]:
    """Return the type of a tensor and its numbers as NumPy has them: integers of 4 bits as int8 or uint8."""
    if isinstance(value, Plain):
        return value.type, ELEMENT_TYPES[value.type].values(value.patterns)
    if not isinstance(value, np.ndarray):
        raise CorruptError("path", f"has a {type(value).__name__} where integers or scales must be")
    return value.dtype.name, value


@dataclass(frozen=True)
class Grid:
    """Where the scales of a tensor hold: for all of it, for an index of an axis, or for a block along an axis."""

    axis: int | None = None
    block: int | None = None

    def reduced(self, f: np.ufunc, w: np.ndarray) -> np.ndarray:
        """Return the result of a reduction for each scale, in the shape of the scales."""
        if self.axis is None:
            return np.asarray(f.reduce(w, axis=None))
        if self.block is None:
            return f.reduce(w, axis=tuple(i for i in range(w.ndim) if i != self.axis))
        return f.reduceat(w, np.arange(0, w.shape[self.axis], self.block), axis=self.axis)

    def spread(self, a: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Return the scales in a shape that broadcasts against the tensor's."""
        if self.axis is None:
            return a.reshape([1] * len(shape))
        if self.block is None:
            return a.reshape([-1 if i == self.axis else 1 for i in range(len(shape))])
        return np.repeat(a, self.block, self.axis)[tuple(slice(size) for size in shape)]


def grid_of(name: str, shape: tuple[int, ...], scale: tuple[int, ...], integers: dict[str, int]) -> Grid:
    """Return where the scales of a tensor hold; CorruptError where their shape fits no layout of ONNX."""
    axis, block = integers.get("axis", 1), integers.get("block_size", 0)
    size = 1
    for each in scale:
        size *= each
    if len(scale) <= 1 and size == 1:
        return Grid()
    if not -len(shape) <= axis < len(shape):
        raise CorruptError("path", f"tensor {name!r} of shape {shape} has scales along the axis {axis}")
    axis %= len(shape)
    if block > 0 and scale == tuple(-(-n // block) if i == axis else n for i, n in enumerate(shape)):
        return Grid(axis, block)
    if len(scale) == 1 and "axis" not in integers and shape[axis] != size and size in shape:
        axis = shape.index(size)  # of QLinearConv, and of scales known by their name, the axis is not said
    if len(scale) != 1 or scale[0] != shape[axis]:
        raise CorruptError("path", f"tensor {name!r} of shape {shape} has scales of shape {scale}")
    return Grid(axis)


def _readings(source: Source, names: tuple[str, ...], integers: dict[str, int]) -> list[Stored]:
    kind, codes = elements(source[names[0]].read())
    _, scale = elements(source[names[1]].read())
    zero = elements(source[names[2]].read())[1] if len(names) > 2 else None
    if scale.dtype.kind != "f" or zero is not None and zero.shape != scale.shape:
        raise CorruptError("path", f"tensor {names[1]!r} is no scale of {names[0]!r}, or its zero points have another "
                                   "shape")
    grid = grid_of(names[0], codes.shape, scale.shape, integers)
    step = grid.spread(scale.astype(np.float64), codes.shape)
    arrays: dict[str, np.ndarray] = {"codes": codes, "scale": scale}
    if zero is not None:
        arrays["zero_point"] = zero
    if kind not in RANGES:
        return [_of_fp8(names[0], kind, source, arrays, grid, step)]
    low, high = RANGES[kind]
    offset = np.zeros(1) if zero is None else -step * grid.spread(zero.astype(np.float64), codes.shape)
    where = "" if grid.axis is None else f", a scale an index of axis {grid.axis}" if grid.block is None else \
        f", a scale a block of {grid.block} along axis {grid.axis}"
    return [Stored(names[0], f"ONNX {kind}{where}", codes.shape, arrays, codes.astype(np.int64) - low,
                   Integers(low, high), step, tuple(rules(kind, grid, scale.dtype, zero is not None)), offset)]


def rules(kind: str, grid: Grid, dtype: np.dtype, has_zero: bool) -> Iterator[Rule]:
    """Yield ONNX Runtime's rules for a type of integers, the usual ones first."""
    for said, table, symmetric in (("symmetric", SYMMETRIC, True), ("symmetric", RANGES, True),
                                   ("asymmetric", RANGES, False), ("symmetric, reduced range", REDUCED, True),
                                   ("asymmetric, reduced range", REDUCED, False)):
        if kind not in table or not (has_zero or symmetric and kind[0] != "u"):
            continue
        low, high = table[kind]
        width = "2 max|w|" if symmetric else "max(w, 0) - min(w, 0)"
        yield Rule(f"ONNX Runtime {kind}, {said} {low}...{high}",
                   f"scale = ({width}) / {high - low}; codes w / scale, ties to even, plus the zero point",
                   partial(affine, grid=grid, low=low, high=high, kind=kind, symmetric=symmetric, dtype=dtype,
                           has_zero=has_zero))
    if grid.axis == 0 and grid.block and kind == ("uint4" if has_zero else "int4"):
        yield Rule("MatMul4Bits as DequantizeLinear", NBITS, partial(
            onnx_nbits.as_dequantize_linear, block=grid.block, dtype=dtype, has_zero=has_zero))


NBITS = ("scale = m / -8, m of the largest magnitude, or with zero points (max(w, 0) - min(w, 0)) / 15; codes w times "
         "the inverse of the stored scale, halves away from zero, plus the zero point")
FP8 = "scale = standard deviation of w / that of the finite numbers of the type; codes w / scale, ties to even"


def affine(w: np.ndarray, *, grid: Grid, low: int, high: int, kind: str, symmetric: bool, dtype: np.dtype,
           has_zero: bool) -> Arrays | None:
    """Return codes, scales and zero points of one range; a range without a width has the scale 1."""
    if not w.size or not np.isfinite(w).all():
        return None
    least, most = (grid.reduced(f, w) for f in (np.minimum, np.maximum))
    least, most = np.minimum(least, 0).astype(dtype), np.maximum(most, 0).astype(dtype)
    if symmetric:
        most = np.maximum(np.abs(least), np.abs(most))
        least = -most
    # of blocks the width is rounded to the type of the weights, and the zero point is found by the rounded scale
    width = (most - least).astype(np.float64) if grid.block else most.astype(np.float64) - least.astype(np.float64)
    exact = width / (high - low)
    scale = exact.astype(dtype)
    info = np.finfo(dtype)
    none = (scale < info.smallest_subnormal) if dtype == np.float16 else (exact < info.tiny)
    scale = np.where(none, dtype.type(1), scale)
    divisor = scale.astype(np.float64) if grid.block else exact
    zero = np.full(scale.shape, np.rint((low + high) / 2)) if symmetric else np.rint(low - least / divisor)
    zero = np.where(none & ~(symmetric and grid.block is not None), 0, np.clip(zero, *RANGES[kind]))
    integer = ELEMENT_TYPES[kind].dense
    steps = np.rint(w / grid.spread(scale, w.shape).astype(np.float32)) + grid.spread(zero.astype(np.float32), w.shape)
    arrays = {"codes": np.clip(steps, *RANGES[kind]).astype(integer), "scale": scale}
    return arrays | ({"zero_point": zero.astype(integer)} if has_zero else {})


def _of_fp8(name: str, kind: str, source: Source, arrays: dict[str, np.ndarray], grid: Grid, step: np.ndarray
            ) -> Stored:
    """Return a tensor of FP8 numbers."""
    value = source[name].read()
    if not kind.startswith("fp8") or kind == "fp8_e8m0" or not isinstance(value, Plain):
        raise CorruptError("path", f"tensor {name!r} has scales and is of {kind}")
    levels, ranks = levels_of(kind)
    rules = (Rule(f"ONNX Runtime {kind}", FP8, partial(fp8, kind=kind, dtype=arrays["scale"].dtype)),) \
        if grid.axis is None and kind == "fp8_e4m3" else ()
    return Stored(name, f"ONNX {kind}", value.shape, {"codes": value.patterns, "scale": arrays["scale"]},
                  ranks[value.patterns], levels, step, rules)


def fp8(w: np.ndarray, *, kind: str, dtype: np.dtype) -> Arrays | None:
    """Return codes and the scale of a tensor, as NumPy computes standard deviations in the type of the weights."""
    if not w.size or not np.isfinite(w).all():
        return None
    codes = np.arange(256, dtype=np.uint8)
    finite = ELEMENT_TYPES[kind].values(codes)
    scale = np.asarray(np.std(w.astype(dtype)) / np.std(finite[np.isfinite(finite)]), dtype)
    return {"codes": floats_encode((w / scale.astype(np.float32)).astype(np.float32), kind), "scale": scale}

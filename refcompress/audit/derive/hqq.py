"""The files of HQQ: unsigned integers with a scale and a zero point, which is no integer, for each group.

    x.W_q      the codes; of a matrix of groups, the fields of its bytes or words are rows far apart
    x.scale, x.zero     number = scale * (code - zero); one for each row (axis 1) or column (axis 0) of that matrix
    x.nbits, x.group_size, x.shape, x.axis     one number each, the shape two

Without its search ("optimize") HQQ computes the scale and the zero point from the least and the largest number, and the
file is made again bit for bit. Its search for zero points has powers of 0.7, which differ from machine to machine. Its
codes are the nearest ones to the zero points that it ends with, up to how these are rounded.

**Source** Badri & Shaji, Half-Quadratic Quantization (2023); hqq 0.2.8, core/quantize.py and core/bitpack.py.
"""

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from ...errors import CorruptError
from ...models import Source
from .compressed_tensors import numbers
from .stored import F16, F32, Arrays, Integers, Rule, Site, Stored
from .types import rounding

__all__ = ["sites_of"]

f32 = np.float32
FACTS = ("nbits", "shape", "axis")
NEEDED = ("scale", "zero", *FACTS)
OTHERS = ("group_size", "packing", "unpack_view_dtype", "view_as_float", "quant_scale", "quant_zero", "compute_dtype",
          "offload_meta", "encoded_state_dict", "stores_quant_config", "channel_wise", "optimize", "round_zero")
UNITS = {1: (np.uint8, 8), 2: (np.uint8, 4), 3: (np.int32, 10), 4: (np.uint8, 2), 8: (np.uint8, 1)}  # codes in each
LOSS = {"float32": F32, "float16": F16, "bfloat16": 2.0**-8}
SAYS = ("scale = the inverse of (2^bits - 1) times the inverse of (max - min), at least 1 / 20000; zero point "
        "-min / scale; codes w / scale + zero point by the inverse, ties to even")
WHOLE = "; zero points are rounded to integers first"  # the default of 4 bits


def sites_of(source: Source) -> Iterator[Site]:
    """Yield the layers of a file in the layout of HQQ."""
    for name in source:
        base = name.removesuffix("W_q")
        if name.endswith("W_q") and all(base + end in source for end in NEEDED):
            uses = tuple(base + end for end in ("W_q", *NEEDED, *OTHERS) if base + end in source)
            yield Site(base + "weight", uses, partial(_readings, source, base))


def _readings(source: Source, base: str) -> list[Stored]:
    bits, shape, axis = _facts(source, base)
    kind, scale = numbers(base + "scale", source[base + "scale"].read())
    _, zero = numbers(base + "zero", source[base + "zero"].read())
    words = source[base + "W_q"].read()
    unit, each = UNITS[bits]
    groups, size = scale.size, math.prod(shape)
    if not isinstance(words, np.ndarray) or words.dtype != unit or words.ndim != 2 or zero.shape != scale.shape \
            or not groups or size % groups or scale.shape != ((groups, 1) if axis else (1, groups)):
        raise CorruptError("path", f"tensor {base + 'W_q'!r} must be {unit.__name__} in a matrix, with scales and zero "
                                   f"points for rows (axis 1) or columns (axis 0) of {size} numbers")
    grid = (groups, size // groups) if axis else (size // groups, groups)
    if words.shape != (-(-grid[0] // each), grid[1]):
        raise CorruptError("path", f"tensor {base + 'W_q'!r} of shape {words.shape} has no codes of {bits} bits for "
                                   f"{grid[0]} x {grid[1]} numbers")
    pattern = "u1" if unit is np.uint8 else "u4"
    shifts = bits * np.arange(each - 1, -1, -1, dtype=pattern)
    fields = np.right_shift(words.view(pattern)[None], shifts[:, None, None]) & np.array((1 << bits) - 1, pattern)
    codes = fields.astype(np.uint8).reshape(-1, grid[1])[: grid[0]]
    step = scale.astype(np.float64)
    rules = tuple(
        Rule(f"HQQ, {bits} bits, without its search{', rounded zero points' * rounded}", SAYS + WHOLE * rounded,
             partial(made, bits=bits, axis=axis, kind=kind, rounded=rounded)) for rounded in (False, True))
    return [Stored(base + "weight", f"HQQ, {bits} bits, scales {kind}", shape,
                   {"codes": codes, "scale": scale, "zero_point": zero}, codes.astype(np.int16),
                   Integers(0, (1 << bits) - 1), step, rules, -step * zero, LOSS.get(kind, F32))]


def _facts(source: Source, base: str) -> tuple[int, tuple[int, int], int]:
    """Return the bits, the shape and the axis that a layer says it has."""
    if any(source[base + end].nbytes > 16 for end in FACTS):
        raise CorruptError("path", f"tensor {base + 'W_q'!r} has bits, a shape or an axis of many numbers beside it")
    found = [np.asarray(source[base + end].read()).reshape(-1) for end in FACTS]
    if any(each.dtype.kind not in "iu" for each in found):
        raise CorruptError("path", f"tensor {base + 'W_q'!r} has bits, a shape or an axis that are no integers")
    bits, shape, axis = (each.tolist() for each in found)
    if len(bits) == 1 and axis in ([0], [1]) and bits[0] in UNITS and len(shape) == 2 and min(shape) > 0 \
            and max(shape) < 2**31:
        return bits[0], (shape[0], shape[1]), axis[0]
    raise CorruptError("path", f"tensor {base + 'W_q'!r} says {bits} bits, shape {shape} and axis {axis}; read are 1, "
                               "2, 3, 4 or 8 bits, matrices, and axis 0 or 1")


def made(w: np.ndarray, *, bits: int, axis: int, kind: str, rounded: bool) -> Arrays | None:
    """Return codes, scales and zero points of the matrix of groups."""
    if not w.size or not np.isfinite(w).all():
        return None
    top = f32((1 << bits) - 1)
    least, most = w.min(axis, keepdims=True), w.max(axis, keepdims=True)
    apart = most - least
    inverse = np.minimum(np.where(np.abs(apart) <= f32(1e-4), f32(1), f32(1) / apart * top), f32(2e4))
    zero = np.rint(-least * inverse) if rounded else -least * inverse
    codes = np.clip(np.rint(w * inverse + zero), 0, top).astype(np.uint8)
    to = rounding(kind)
    return {"codes": codes, "scale": to(f32(1) / inverse), "zero_point": to(zero)}

"""Arithmetic in the element type of a source: each result is rounded to float16 or bfloat16 where the source is."""

from collections.abc import Callable

import numpy as np

from ...formats import ELEMENT_TYPES
from ...formats.floats import FLOATS

__all__ = ["EPS", "blocks_of", "levels_of", "reduced", "rounding", "spread"]

EPS = {"float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}  # from 1 to the next larger number


def rounding(kind: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return what rounds float32 numbers to a type, ties to even, and gives them back as float32."""
    if kind == "float16":
        return lambda a: a.astype(np.float16).astype(np.float32)
    if kind == "bfloat16":
        return to_bfloat16
    return lambda a: a.astype(np.float32)


def to_bfloat16(a: np.ndarray) -> np.ndarray:
    word = np.ascontiguousarray(a, np.float32).view(np.uint32)
    near = (word + (np.uint32(0x7FFF) + (word >> 16 & 1))) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(a), a, near.view(np.float32)).astype(np.float32)


def levels_of(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the finite numbers of a float type of at most 8 bits in ascending order, and the rank of each code."""
    count = 1 << ELEMENT_TYPES[kind].bits
    codes = np.arange(count, dtype=np.uint8)
    values = FLOATS[kind].values(codes) if kind in FLOATS else ELEMENT_TYPES[kind].values(codes)
    values = np.where(np.isfinite(values), values, 0).astype(np.float64)
    levels = np.unique(values + 0.0)
    return levels, np.searchsorted(levels, values)


def blocks_of(shape: tuple[int, ...], scale: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the sizes of the blocks for which scales hold; None where scales of that shape fit no even blocks.

    Scales of one element hold for all; those of fewer dimensions for the first ones.
    """
    if all(size == 1 for size in scale):
        return shape
    scale = scale + (1,) * (len(shape) - len(scale))
    if len(scale) != len(shape) or not all(scale) or not all(shape):
        return None
    blocks = tuple(n if s == 1 else n // s if n % s == 0 else 128 for n, s in zip(shape, scale))
    return blocks if all(-(-n // b) == s for n, s, b in zip(shape, scale, blocks)) else None


def spread(a: np.ndarray, blocks: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Return scales so that they broadcast against an array of this shape."""
    a = a.reshape(tuple(-(-n // b) for n, b in zip(shape, blocks)))
    for axis, (n, b) in enumerate(zip(shape, blocks)):
        if a.shape[axis] > 1 and b > 1:
            a = np.repeat(a, b, axis)[tuple(slice(n) if i == axis else slice(None) for i in range(a.ndim))]
    return a


def reduced(f: np.ufunc, a: np.ndarray, blocks: tuple[int, ...]) -> np.ndarray:
    """Return the reduction of each block."""
    for axis, (n, b) in enumerate(zip(a.shape, blocks)):
        a = f.reduceat(a, np.arange(0, n, b), axis=axis)
    return a

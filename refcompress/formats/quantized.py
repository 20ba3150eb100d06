"""Integers with scales."""

from dataclasses import dataclass

import numpy as np

from .. import arguments
from ..constants import LARGEST, SMALLEST_NORMAL
from ..errors import RefcompressError
from .base import Format, block_shape, expand, in_segments, rows_shape


@dataclass(frozen=True, eq=False, repr=False)
class Quantized(Format):
    """Integers with scales: weight = scale * (value - zero_point).

    values : any shape of at least one dimension, int8 or int16. scale : float32, finite, at least 2**-126. zero_point :
    of the shape of scale and the dtype of values. group : int or None.

    Without a group scale has the dimensions of values, each of size 1 (shared along it) or the full size. With one,
    each segment of ``group`` values of a row has a scale, and the last segment may be shorter: the last size of scale
    is ceil(size of a row / group). Rows lie along the last axis. Values of more than two dimensions are a matrix, the
    first axis by all others, and their scale has 2 dimensions. (A scale of as many dimensions as such values has
    segments along the last axis alone: older files hold those.)
    """

    values: np.ndarray
    scale: np.ndarray
    zero_point: np.ndarray
    group: int | None = None

    def __post_init__(self):
        values = arguments.array(self.values, "values", np.int8, np.int16)
        if values.ndim == 0:
            raise RefcompressError("values", "must have at least one dimension")
        self._set("values", values)
        for name, checked in grid(values.shape, values.dtype, self.scale, self.zero_point, self.group).items():
            self._set(name, checked)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of values."""
        return self.values.shape

    @property
    def product(self) -> str | None:
        return "gemm_f32s8" if self.values.dtype == np.int8 else None

    def dense(self) -> np.ndarray:
        """Return float32 scale * (value - zero_point): the difference is exact, the product rounded once.

        A product that would overflow is the largest finite float32: the grid's point next to 3e38 may lie beyond it.
        """
        arguments.shape(self.shape, "values", itemsize=4)  # of sizes whose integers can be counted
        dense = self.values.astype(np.float32, order="C")  # exact, and so are differences
        if self.zero_point.any():
            part, zero_point = in_segments(dense, self.zero_point.astype(np.float32), self.group)
            part -= zero_point
        part, scale = in_segments(dense, self.scale, self.group)
        with np.errstate(over="ignore", under="ignore"):
            part *= scale
        return np.clip(dense, -LARGEST, LARGEST, out=dense)

    def expand(self, a: np.ndarray) -> np.ndarray:
        """Return an array of the shape of scale so that it broadcasts against values."""
        return expand(a, self.values.shape, self.group)

    def describe(self) -> str:
        return f"{bits_of(self.values)} bits, {counted(self.scale)}"


def grid(shape: tuple[int, ...], dtype: np.dtype, scale, zero_point, group) -> dict:
    """Return scale, zero_point and group of values of that shape and dtype by name, or refuse them."""
    scale = arguments.array(scale, "scale", np.float32)
    zero_point = arguments.array(zero_point, "zero_point", dtype)
    if group is not None:
        group = arguments.integer(group, "group", 1)
    arguments.finite(scale, "scale")
    arguments.each(scale, "scale", scale >= SMALLEST_NORMAL, "must be at least 2**-126")
    full = shape if group is None else block_shape(rows_shape(shape, scale.ndim), group)
    fits = scale.ndim == len(full) and all(s in (1, f) for s, f in zip(scale.shape, full))
    if not fits or (group is not None and scale.shape[-1] != full[-1]):
        raise RefcompressError("scale", f"must have a shape of ones and sizes of {full}, not {scale.shape}")
    if zero_point.shape != scale.shape:
        raise RefcompressError("zero_point", f"must have the shape of scale, {scale.shape}, not {zero_point.shape}")
    return {"scale": scale, "zero_point": zero_point, "group": group}


def bits_of(values: np.ndarray) -> int:
    """Return the bits of the narrowest two's complement that holds all of ``values``."""
    return max(int(values.max(initial=0)), -int(values.min(initial=0)) - 1).bit_length() + 1


def counted(scale: np.ndarray) -> str:
    """Return how many scales there are, in words."""
    return described(scale.size)


def described(scales: int) -> str:
    """Return a number of scales in words."""
    return f"{scales:,} scale{'s' * (scales != 1)}"

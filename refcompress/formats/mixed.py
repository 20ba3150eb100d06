"""One matrix in two widths."""

from dataclasses import dataclass

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError
from .base import Format
from .quantized import Quantized


@dataclass(frozen=True, eq=False, repr=False)
class Mixed(Format):
    """A matrix (n, k) of which some rows, or some columns, have integers of 16 bits and the others of 8.

    low : Quantized, 2-D, int8. high : Quantized, 2-D, int16. They are the rows (axis 0) or columns (axis 1) of each
    width, in their order. wide : bool, (n,) for axis 0 and (k,) for axis 1, True where the row or column is one of
    ``high``. axis : 0 or 1.
    """

    low: Quantized
    high: Quantized
    wide: np.ndarray
    axis: int

    def __post_init__(self):
        self._set("axis", arguments.integer(self.axis, "axis", 0, 1))
        for name, dtype in (("low", np.int8), ("high", np.int16)):
            part = getattr(self, name)
            if not isinstance(part, Quantized):
                raise ArgumentTypeError(name, f"must be a Quantized, not {type(part).__name__}")
            if part.values.dtype != dtype:
                raise ArgumentTypeError(name, f"must hold {np.dtype(dtype).name}, not {part.values.dtype.name}")
            if len(part.shape) != 2:
                raise RefcompressError(name, f"must have 2 dimensions, not {len(part.shape)}")
        wide = arguments.array(self.wide, "wide", np.bool_, ndim=1)
        across = 1 - self.axis
        if self.low.shape[across] != self.high.shape[across]:
            rule = f"must have {self.low.shape[across]} {('rows', 'columns')[across]} as low has"
            raise RefcompressError("high", f"{rule}, not {self.high.shape[across]}")
        count = int(np.count_nonzero(wide))
        for name, wanted in (("high", count), ("low", len(wide) - count)):
            size = getattr(self, name).shape[self.axis]
            if size != wanted:
                rule = f"must be {name == 'high'} for each of the {size} of {name}, not for {wanted}"
                raise RefcompressError("wide", rule)
        self._set("wide", wide)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the matrix, (n, k)."""
        n, k = self.low.shape
        return (len(self.wide), k) if self.axis == 0 else (n, len(self.wide))

    def dense(self) -> np.ndarray:
        """Return float32 scale * (value - zero_point), as Quantized gives it, each row or column in its place."""
        return self.merge(self.low.dense(), self.high.dense())

    def merge(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return the rows (axis 0) or columns (axis 1) of two arrays in the places of the two widths."""
        a = np.empty(self.shape, low.dtype)
        for part, where in ((low, ~self.wide), (high, self.wide)):
            a[(slice(None),) * self.axis + (where,)] = part
        return a

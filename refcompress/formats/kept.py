"""What the formats share that hold only the weights that were kept: their values, in one row."""

import numpy as np

from .. import arguments
from ..constants import LARGEST, SMALLEST_NORMAL
from ..errors import LimitError, RefcompressError
from . import quantized
from .base import Format


class Kept(Format):
    """A matrix (m, k) of which some weights are stored. The others are +0.0, and take no part in a product.

    values : what is stored, row by row, columns rising: float32; int8, weight = scale * value; or uint8, weight =
    codebook[value]. scale : of int8 alone, float32, finite, at least 2**-126: (1, 1), (m, 1), or with a group (1 or m,
    ceil(k / group)). group : None, or a multiple of 8: columns that share a scale, the last ones of a row perhaps
    fewer. codebook : of uint8 alone, (c,) float32, finite, 1 to 256 values, the first one +0.0.
    A stored zero is an entry like any other: it multiplies, and 0 * NaN is NaN.
    """

    shape: tuple[int, int]
    values: np.ndarray
    scale: np.ndarray | None
    group: int | None
    codebook: np.ndarray | None

    @property
    def product(self) -> str | None:
        return "sparse_matmul"

    @property
    def kept(self) -> np.ndarray:
        """The (m, k) bool array that is True where a weight is stored."""
        raise NotImplementedError(f"{type(self).__name__} does not say where its weights are")

    @property
    def positions(self) -> np.ndarray:
        """Where the stored weights are in the matrix, row by row, rising."""
        return np.flatnonzero(self.kept)

    @property
    def nnz(self) -> int:
        """How many weights are stored."""
        return len(self.values)

    @property
    def numbers(self) -> np.ndarray:
        """What is stored as float32: values, or those of the codebook; int8 without their scales."""
        return self.values.astype(np.float32) if self.codebook is None else self.codebook[self.values]

    @property
    def segment(self) -> int:
        """The columns that share a scale: all of a row where there are no groups, and at least 1."""
        return max(1, self.shape[1] if self.group is None else min(self.group, self.shape[1]))

    def dense(self) -> np.ndarray:
        """Return the (m, k) float32 array, +0.0 where nothing is stored; scale * value is rounded once."""
        w, numbers, kept = np.zeros(self.shape, np.float32), self.numbers, self.kept
        if self.scale is not None and self.nnz:
            columns = np.minimum(np.arange(self.shape[1]) // self.segment, max(self.scale.shape[1] - 1, 0))
            each = np.broadcast_to(self.scale[:, columns], self.shape)
            with np.errstate(over="ignore", under="ignore"):
                numbers = np.clip(numbers * each[kept], -LARGEST, LARGEST)
        w[kept] = numbers
        return w

    def _described(self, places: str) -> str:
        return described(places, self.shape, self.nnz, self.scale, self.codebook)

    def _check_shape(self) -> None:
        shape = arguments.shape(self.shape, itemsize=4)
        if len(shape) != 2:
            raise RefcompressError("shape", f"must have 2 sizes, not {len(shape)}")
        if shape[1] > 2**31 - 1:
            raise LimitError("shape[1]", f"must be at most 2**31 - 1, not {shape[1]}")
        self._set("shape", shape)

    def _check_values(self) -> None:
        """Check and freeze values, scale, group and codebook; a format knows how many values there must be."""
        values = arguments.array(self.values, "values", np.float32, np.int8, np.uint8, ndim=1)
        self._set("values", values)
        if self.group is not None:
            self._set("group", arguments.integer(self.group, "group", 8))
            if self.group % 8:
                raise RefcompressError("group", f"must be a multiple of 8, not {self.group}")
        for name, dtype in (("scale", np.int8), ("codebook", np.uint8)):
            if (getattr(self, name) is None) != (values.dtype != dtype):
                given = getattr(self, name) is not None
                rule = "must be None unless values are" if given else "must be given with values of"
                raise RefcompressError(name, f"{rule} {np.dtype(dtype).name}; these are {values.dtype.name}")
        if self.scale is None and self.group is not None:
            raise RefcompressError("group", "must be None where there is no scale")
        if self.scale is not None:
            self._set("scale", self._checked_scale())
        if self.codebook is not None:
            self._set("codebook", self._checked_codebook(values, "values"))

    def _checked_scale(self) -> np.ndarray:
        m, k = self.shape
        scale = arguments.finite(arguments.array(self.scale, "scale", np.float32, ndim=2), "scale")
        arguments.each(scale, "scale", scale >= SMALLEST_NORMAL, "must be at least 2**-126")
        columns = 1 if self.group is None else -(-k // self.group)
        if scale.shape[0] not in (1, m) or scale.shape[1] != columns:
            raise RefcompressError("scale", f"must have the shape (1 or {m}, {columns}), not {scale.shape}")
        return scale

    def _checked_codebook(self, values: np.ndarray, argument: str) -> np.ndarray:
        codebook = arguments.finite(arguments.array(self.codebook, "codebook", np.float32, ndim=1), "codebook")
        if not 1 <= len(codebook) <= 256:
            raise RefcompressError("codebook", f"must have 1 to 256 values, not {len(codebook)}")
        if codebook.view(np.uint32)[0] != 0:
            raise RefcompressError("codebook[0]", f"must be +0.0, not {codebook[0]}")
        arguments.each(values, argument, values < len(codebook), f"must be below {len(codebook)}")
        return codebook


def described(places: str, shape: tuple[int, int], count: int, scale: np.ndarray | None,
              codebook: np.ndarray | None) -> str:
    """Return in a few words what a format of kept weights stores."""
    kept = f"{count / max(shape[0] * shape[1], 1):.1%} kept"
    if codebook is not None:
        return f"{places}, {len(codebook) - 1} values and zero, {kept}"
    return f"{places}, {'float32' if scale is None else f'int8, {quantized.described(scale.size)}'}, {kept}"

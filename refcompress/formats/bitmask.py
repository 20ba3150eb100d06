"""Kept weights, and a bit for each place."""

from dataclasses import dataclass

import numpy as np

from .. import arguments
from ..errors import RefcompressError
from .kept import Kept


@dataclass(frozen=True, eq=False, repr=False)
class Bitmask(Kept):
    """A matrix whose kept weights stand in one row, and a bit for each of its places says whether it is one of them.

    shape : (m, k). mask : (m, ceil(k / 8)) uint8: bit p % 8 of byte p // 8, counted from the lowest, is set where
    column p is stored; bits left over are 0. values, scale, group, codebook : as :class:`Kept` says; as many values as
    the mask has bits.
    """

    shape: tuple[int, int]
    mask: np.ndarray
    values: np.ndarray
    scale: np.ndarray | None = None
    group: int | None = None
    codebook: np.ndarray | None = None

    def __post_init__(self):
        self._check_shape()
        m, k = self.shape
        mask = arguments.array(self.mask, "mask", np.uint8, ndim=2)
        if mask.shape != (m, -(-k // 8)):
            raise RefcompressError("mask", f"must have the shape {(m, -(-k // 8))}, not {mask.shape}")
        if k % 8 and m:
            good = np.ones(mask.shape, bool)
            good[:, -1] = mask[:, -1] >> k % 8 == 0
            arguments.each(mask, "mask", good, f"must end in {8 - k % 8} bits of 0")
        self._set("mask", mask)
        self._check_values()
        bits = int(_BITS[mask].sum(dtype=np.int64))
        if len(self.values) != bits:
            raise RefcompressError("values", f"must have {bits} entries, as many as mask has bits, not {self.nnz}")

    @property
    def kept(self) -> np.ndarray:
        return np.unpackbits(self.mask, axis=1, count=self.shape[1], bitorder="little").view(bool)

    @property
    def starts(self) -> np.ndarray:
        """The m + 1 numbers of entries that lie before each row, and in all."""
        return np.concatenate([[0], np.cumsum(_BITS[self.mask].sum(axis=1, dtype=np.int64), dtype=np.int64)])

    def describe(self) -> str:
        return self._described("bitmask")


_BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1, dtype=np.uint8)  # of each byte

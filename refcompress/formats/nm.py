"""N:M sparsity in its compact form: of every m columns n are stored, and where each of them is."""

from dataclasses import dataclass

import numpy as np

from .. import arguments
from ..errors import RefcompressError
from .kept import Kept
from .relative import checked_packed, packed, unpacked


@dataclass(frozen=True, eq=False, repr=False)
class NM(Kept):
    """A matrix of which n of every m columns of a row are stored: their values, and the place of each in its m columns.

    shape : (rows, k), k a multiple of m. n, m : 1 <= n <= m, m 2 to 16. values, scale, group, codebook : as
    :class:`Kept` says, n for each m columns. places : uint8, for each value its column modulo m, in ceil(log2 m) bits:
    number e takes the bits from e * bits on, the lowest bit of the first byte first; bits left over are 0. They rise
    among the n values of m columns.
    """

    shape: tuple[int, int]
    n: int
    m: int
    places: np.ndarray
    values: np.ndarray
    scale: np.ndarray | None = None
    group: int | None = None
    codebook: np.ndarray | None = None

    def __post_init__(self):
        self._check_shape()
        rows, k = self.shape
        self._set("m", arguments.integer(self.m, "m", 2, 16))
        self._set("n", arguments.integer(self.n, "n", 1, self.m))
        if k % self.m:
            raise RefcompressError("shape[1]", f"must be a multiple of m, {self.m}, not {k}")
        self._check_values()
        count = rows * (k // self.m) * self.n
        if self.nnz != count:
            rule = f"must have {count} entries, {self.n} for each {self.m} columns, not {self.nnz}"
            raise RefcompressError("values", rule)
        self._set("places", checked_packed(self.places, "places", count, self.bits))
        each = unpacked(self.places, self.bits, count).reshape(-1, self.n)
        good = each < self.m
        good[:, 1:] &= each[:, 1:] > each[:, :-1]
        arguments.each(each.reshape(-1), "places", good.reshape(-1), f"must rise and be below {self.m}")

    @property
    def bits(self) -> int:
        """The bits of a place."""
        return (self.m - 1).bit_length()

    @property
    def kept(self) -> np.ndarray:
        each = unpacked(self.places, self.bits, self.nnz).reshape(-1, self.n)
        mask = np.zeros((len(each), self.m), bool)
        np.put_along_axis(mask, each, True, axis=1)
        return mask.reshape(self.shape)

    @property
    def mask(self) -> np.ndarray:
        """A bit for each column, as a Bitmask has them."""
        if (self.n, self.m) == (2, 4) and self.shape[1] % 8 == 0:  # four places are a byte, and so are 8 columns
            return _MASKS[self.places].reshape(self.shape[0], self.shape[1] // 8)
        return np.packbits(self.kept, axis=1, bitorder="little").reshape(self.shape[0], -(-self.shape[1] // 8))

    @property
    def starts(self) -> np.ndarray:
        """The numbers of values that lie before each row, and in all."""
        return np.arange(self.shape[0] + 1, dtype=np.int64) * (self.shape[1] // self.m * self.n)

    def describe(self) -> str:
        return self._described(f"{self.n} of {self.m}")


def places_of(kept: np.ndarray, m: int) -> np.ndarray:
    """Return the places that an NM has for the kept weights of a matrix."""
    return packed(np.nonzero(kept)[1] % m, (m - 1).bit_length())


_BYTES = np.arange(256)
_MASKS = (1 << (_BYTES & 3) | 1 << (_BYTES >> 2 & 3) | 16 << (_BYTES >> 4 & 3) | 16 << (_BYTES >> 6)).astype(np.uint8)

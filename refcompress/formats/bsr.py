"""Block compressed rows: kept weights in rectangles of one size."""

from dataclasses import dataclass

import numpy as np

from .. import arguments
from ..errors import RefcompressError
from .kept import Kept


@dataclass(frozen=True, eq=False, repr=False)
class BSR(Kept):
    """A sparse matrix by blocks of r rows and c columns: all weights of a block are stored, and its place once.

    shape : (m, k), m a multiple of r and k of c. indptr : (m / r + 1,) int64: the blocks of block row i are those from
    indptr[i] to indptr[i + 1]. indices : (b,) int32, the column of a block, counted in blocks; they increase within a
    block row. blocks : (b, r, c) float32, r and c at least 1. SciPy's bsr_array has the same three arrays.
    """

    shape: tuple[int, int]
    indptr: np.ndarray
    indices: np.ndarray
    blocks: np.ndarray

    scale = group = codebook = None  # of float32

    def __post_init__(self):
        self._check_shape()
        blocks = arguments.array(self.blocks, "blocks", np.float32, ndim=3)
        indptr = arguments.array(self.indptr, "indptr", np.int64, ndim=1)
        indices = arguments.array(self.indices, "indices", np.int32, ndim=1)
        for axis, (size, of) in enumerate(zip(self.shape, blocks.shape[1:])):
            if of < 1:
                raise RefcompressError("blocks", f"must have blocks of at least 1 x 1, not {_times(blocks.shape[1:])}")
            if size % of:
                raise RefcompressError(f"shape[{axis}]", f"must be a multiple of {of}, as the blocks are "
                                                         f"{_times(blocks.shape[1:])}, not {size}")
        rows, columns = (size // of for size, of in zip(self.shape, blocks.shape[1:]))
        if len(indptr) != rows + 1:
            raise RefcompressError("indptr", f"must have block rows + 1 = {rows + 1} entries, not {len(indptr)}")
        if indptr[0] != 0:
            raise RefcompressError("indptr[0]", f"must be 0, not {indptr[0]}")
        arguments.each(indptr, "indptr", np.append(True, np.diff(indptr) >= 0), "must not decrease")
        for name, count in (("indices", len(indices)), ("blocks", len(blocks))):
            if count != indptr[-1]:
                raise RefcompressError(name, f"must have indptr[{rows}] = {indptr[-1]} entries, not {count}")
        arguments.each(indices, "indices", (indices >= 0) & (indices < columns), f"must be in [0, {columns})")
        rising = np.append(True, np.diff(indices) > 0)[: len(indices)]
        rising[indptr[:-1][indptr[:-1] < len(indices)]] = True  # the first of a block row has none before it
        arguments.each(indices, "indices", rising, "must increase within a block row")
        for name, value in (("indptr", indptr), ("indices", indices), ("blocks", blocks)):
            self._set(name, value)

    @property
    def block(self) -> tuple[int, int]:
        """The rows and columns of a block."""
        return self.blocks.shape[1:]

    @property
    def nnz(self) -> int:
        return self.blocks.size

    @property
    def kept(self) -> np.ndarray:
        return self._spread(np.ones(self.blocks.shape, bool))

    @property
    def values(self) -> np.ndarray:  # type: ignore[override]
        """What is stored, row by row, columns rising: the blocks have another order."""
        return self._spread(self.blocks)[self.kept]

    def dense(self) -> np.ndarray:
        return self._spread(self.blocks)

    def _spread(self, blocks: np.ndarray) -> np.ndarray:
        """Return a matrix with these blocks at the places of the stored ones, and zeros elsewhere."""
        (m, k), (r, c) = self.shape, self.block
        w = np.zeros((m // r, k // c, r, c), blocks.dtype)
        w[np.repeat(np.arange(m // r), np.diff(self.indptr)), self.indices] = blocks
        return w.transpose(0, 2, 1, 3).reshape(m, k)

    def describe(self) -> str:
        return self._described(f"blocks of {_times(self.block)}")


def _times(sizes: tuple[int, ...]) -> str:
    return " x ".join(map(str, sizes))

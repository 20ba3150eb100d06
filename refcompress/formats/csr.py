"""Sparse matrices."""

from dataclasses import dataclass

import numpy as np

from .. import arguments
from ..errors import LimitError, RefcompressError
from .base import Format


@dataclass(frozen=True, eq=False, repr=False)
class CSR(Format):
    """A sparse matrix by compressed rows: row i holds data[p] at column indices[p] for p in indptr[i]:indptr[i + 1].

    shape : (m, k); indptr : (m + 1,) int64; indices : (nnz,) int32; data : (nnz,) float32.
    canonical (the default) promises that the columns of each row strictly increase. Without it they may come in any
    order and more than once (their products add up, in the order in which they are stored).
    A stored zero is an entry like any other: it multiplies, and 0 * NaN is NaN.
    """

    shape: tuple[int, int]
    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray
    canonical: bool = True

    product = "csr_matmul"

    def __post_init__(self):
        shape = arguments.shape(self.shape, itemsize=4)
        canonical = arguments.boolean(self.canonical, "canonical")
        if len(shape) != 2:
            raise RefcompressError("shape", f"must have 2 sizes, not {len(shape)}")
        m, k = shape
        if k > 2**31 - 1:
            raise LimitError("shape[1]", f"must be at most 2**31 - 1 (columns are int32), not {k}")
        # Pointers and columns may come as int32 or int64; columns are narrowed only after they were found in range.
        indptr = arguments.array(self.indptr, "indptr", np.int64, np.int32, ndim=1).astype(np.int64, copy=False)
        indices = arguments.array(self.indices, "indices", np.int32, np.int64, ndim=1)
        data = arguments.array(self.data, "data", np.float32, ndim=1)
        if len(indptr) != m + 1:
            raise RefcompressError("indptr", f"must have rows + 1 = {m + 1} entries, not {len(indptr)}")
        if indptr[0] != 0:
            raise RefcompressError("indptr[0]", f"must be 0, not {indptr[0]}")
        rising = np.ones(m + 1, dtype=bool)
        np.less_equal(indptr[:-1], indptr[1:], out=rising[1:])
        arguments.each(indptr, "indptr", rising, "must not decrease")
        if indptr[-1] != len(indices):
            raise RefcompressError(f"indptr[{m}]", f"must equal len(indices) = {len(indices)}, not {indptr[-1]}")
        if len(data) != len(indices):
            raise RefcompressError("data", f"must have len(indices) = {len(indices)} entries, not {len(data)}")
        arguments.each(indices, "indices", (indices >= 0) & (indices < k), f"must be in [0, {k})")
        if canonical:
            increasing = np.ones(len(indices), dtype=bool)
            np.less(indices[:-1], indices[1:], out=increasing[1:])
            increasing[indptr[:-1][indptr[:-1] < len(indices)]] = True  # the first of a row has no predecessor
            arguments.each(indices, "indices", increasing, "must increase within a row (or pass canonical=False)")
        self._set("shape", shape)
        self._set("indptr", indptr)
        self._set("indices", indices.astype(np.int32, copy=False))
        self._set("data", data)
        self._set("canonical", canonical)

    @property
    def nnz(self) -> int:
        return len(self.data)

    def describe(self) -> str:
        return f"csr, {self.nnz:,} entries"

    def dense(self) -> np.ndarray:
        """Return the (m, k) float32 array; entries that meet at one place add up in storage order."""
        w = np.zeros(self.shape, dtype=np.float32)
        rows = np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))
        if self.canonical:
            w[rows, self.indices] = self.data  # assignment keeps -0.0, which adding to +0.0 would lose
        else:
            with np.errstate(all="ignore"):  # IEEE arithmetic is the promise, whatever np.seterr says
                np.add.at(w, (rows, self.indices), self.data)
        return w

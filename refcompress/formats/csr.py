"""Sparse matrices."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError
from .base import Format
from .plain import Plain

NARROW = ("float16", "bfloat16")


@dataclass(frozen=True, eq=False, repr=False)
class CSR(Format):
    """A sparse matrix by compressed rows: row i holds data[p] at column indices[p] for p in indptr[i]:indptr[i + 1].

    shape : (m, k); indptr : (m + 1,) int64; indices : (nnz,) int32, or int64 where k is 2**31 or more.
    data : (nnz,) float32, or a Plain of float16 or bfloat16 (an array of float16 becomes one). ``values`` has its
    numbers as float32.
    canonical (the default) promises that the columns of each row strictly increase. Without it they may come in any
    order and more than once (their products add up, in the order in which they are stored).
    A stored zero is an entry like any other: it multiplies, and 0 * NaN is NaN.
    """

    shape: tuple[int, int]
    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray | Plain
    canonical: bool = True

    product = "csr_matmul"

    def __post_init__(self):
        shape = arguments.shape(self.shape, itemsize=4)
        canonical = arguments.boolean(self.canonical, "canonical")
        if len(shape) != 2:
            raise RefcompressError("shape", f"must have 2 sizes, not {len(shape)}")
        m, k = shape
        # Pointers and columns may come as int32 or int64; columns are narrowed only after they were found in range.
        indptr = arguments.array(self.indptr, "indptr", np.int64, np.int32, ndim=1).astype(np.int64, copy=False)
        indices = arguments.array(self.indices, "indices", np.int32, np.int64, ndim=1)
        data, count = _stored(self.data)
        if len(indptr) != m + 1:
            raise RefcompressError("indptr", f"must have rows + 1 = {m + 1} entries, not {len(indptr)}")
        if indptr[0] != 0:
            raise RefcompressError("indptr[0]", f"must be 0, not {indptr[0]}")
        rising = np.ones(m + 1, dtype=bool)
        np.less_equal(indptr[:-1], indptr[1:], out=rising[1:])
        arguments.each(indptr, "indptr", rising, "must not decrease")
        if indptr[-1] != len(indices):
            raise RefcompressError(f"indptr[{m}]", f"must equal len(indices) = {len(indices)}, not {indptr[-1]}")
        if count != len(indices):
            raise RefcompressError("data", f"must have len(indices) = {len(indices)} entries, not {count}")
        arguments.each(indices, "indices", (indices >= 0) & (indices < k), f"must be in [0, {k})")
        if canonical:
            rule = "must increase within a row (or pass canonical=False)"
            arguments.each(indices, "indices", _increasing(indptr, indices), rule)
        self._set("shape", shape)
        self._set("indptr", indptr)
        self._set("indices", indices.astype(np.int32 if k < 2**31 else np.int64, copy=False))
        self._set("data", data)
        self._set("canonical", canonical)

    @classmethod
    def made(cls, shape: tuple[int, int], indptr: np.ndarray, indices: np.ndarray, data: np.ndarray) -> "CSR":
        """Return a canonical CSR of arrays that nobody else has, as they were just written from the top to the bottom.

        The constructor's checks would read all of them several times, and copy them.
        """
        self = object.__new__(cls)
        for a in (indptr, indices, data):
            a.flags.writeable = False
        vars(self).update(shape=shape, indptr=indptr, indices=indices, data=data, canonical=True)
        return self

    @classmethod
    def of(cls, matrix: Any, *, freeze: bool = False) -> "CSR":
        """Return the CSR of a sparse matrix of another library: of anything with indptr, indices, data and shape.

        A scipy.sparse.csr_array or csr_matrix is one; other ways of storing (their ``format`` says so) are refused. The
        result is canonical if the columns increase within each row. Arrays that someone could still write are copied.
        freeze=True makes those that own their memory read-only instead, in the matrix too, and shares them: then only
        indptr is copied, where it is int32, and indices that are int64 without need.

        >>> from types import SimpleNamespace
        >>> triple = {"indptr": np.array([0, 1, 2]), "indices": np.array([1, 0]), "data": np.float32([2, 3])}
        >>> CSR.of(SimpleNamespace(shape=(2, 2), **triple)).dense().tolist()
        [[0.0, 2.0], [3.0, 0.0]]
        """
        freeze = arguments.boolean(freeze, "freeze")
        missing = [name for name in ("indptr", "indices", "data", "shape") if not hasattr(matrix, name)]
        if missing:
            raise ArgumentTypeError("matrix", f"must have indptr, indices, data and shape; a {type(matrix).__name__} "
                                              f"has no {missing[0]}")
        stored = getattr(matrix, "format", "csr")
        if not isinstance(stored, str) or stored != "csr":
            rule = f"must be stored by rows (csr), not as {stored!r}: its tocsr() converts it"
            raise RefcompressError("matrix", rule)
        indptr, indices, data = (_frozen(part) if freeze else part
                                 for part in (matrix.indptr, matrix.indices, matrix.data))
        made = cls(matrix.shape, indptr, indices, data, canonical=False)
        if _increasing(made.indptr, made.indices).all():
            made._set("canonical", True)
        return made

    def scipy_arguments(self) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], tuple[int, int]]:
        """Return ((data, indices, indptr), shape): ``scipy.sparse.csr_array(*a.scipy_arguments())`` is the matrix.

        The arrays are this CSR's own, read-only. Of bfloat16, which SciPy does not multiply, the values as float32.
        """
        data = self.data.dense() if isinstance(self.data, Plain) else self.data  # float16 is a type of NumPy's own
        return (data, self.indices, self.indptr), self.shape

    @property
    def nnz(self) -> int:
        return len(self.indices)

    @property
    def values(self) -> np.ndarray:
        """The (nnz,) values as float32, which holds them exactly."""
        return self.data.dense().astype(np.float32) if isinstance(self.data, Plain) else self.data

    def data_at(self, places: np.ndarray) -> "np.ndarray | Plain":
        """Return the values of the entries at these places, in their type."""
        return Plain(self.data.patterns[places], self.data.type) if isinstance(self.data, Plain) else self.data[places]

    def describe(self) -> str:
        return f"csr, {self.nnz:,} entries" + (f" of {self.data.type}" if isinstance(self.data, Plain) else "")

    def dense(self) -> np.ndarray:
        """Return the (m, k) float32 array; entries that meet at one place add up in storage order."""
        w = np.zeros(self.shape, dtype=np.float32)
        rows = np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))
        if self.canonical:
            w[rows, self.indices] = self.values  # assignment keeps -0.0, which adding to +0.0 would lose
        else:
            with np.errstate(all="ignore"):  # IEEE arithmetic is the promise, whatever np.seterr says
                np.add.at(w, (rows, self.indices), self.values)
        return w


def _stored(data: Any) -> tuple[np.ndarray | Plain, int]:
    """Return the values as they are stored, checked, and how many they are."""
    if isinstance(data, np.ndarray) and data.dtype.kind == "f" and data.dtype.itemsize == 2:
        data = Plain.of(data)
    if not isinstance(data, Plain):
        checked = arguments.array(data, "data", np.float32, ndim=1)
        return checked, len(checked)
    if data.type not in NARROW:
        raise ArgumentTypeError("data", f"must be a Plain of {' or '.join(NARROW)}, not of {data.type}")
    if len(data.shape) != 1:
        raise RefcompressError("data", f"must have 1 dimension, not {len(data.shape)}")
    return data, data.shape[0]


def _increasing(indptr: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Return for each entry whether its column is greater than that of the entry before it in its row, if any."""
    increasing = np.ones(len(indices), dtype=bool)
    np.less(indices[:-1], indices[1:], out=increasing[1:])
    increasing[indptr[:-1][indptr[:-1] < len(indices)]] = True  # the first of a row has no predecessor
    return increasing


def _frozen(part: Any) -> Any:
    """Return an array, read-only if its memory is its own."""
    if isinstance(part, np.ndarray) and part.flags.owndata:
        part.flags.writeable = False
    return part

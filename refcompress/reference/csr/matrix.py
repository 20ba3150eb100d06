"""Compressed sparse rows: to and from dense, and the product of a sparse matrix with a dense one.

Letters: a is sparse, m rows by k columns; x is dense, k by n; y = a @ x is m by n.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments
from ...errors import ArgumentTypeError, RefcompressError
from ...formats import CSR
from ...formats.prepared import unprepared

__all__ = ["csr_from_dense", "csr_to_dense", "csr_matmul"]


def csr_from_dense(w: ArrayLike, mask: ArrayLike | None = None) -> CSR:
    """Store the entries of a matrix that a mask keeps, or else those that are not zero.

        indptr[i + 1] - indptr[i] = entries of row i;    indices, data: their columns and values, row by row

    Parameters
    ----------
    w : (m, k) float32
    mask : (m, k) bool, optional
        True where an entry is stored, whatever its value. Without it an entry is stored where w != 0, which holds for
        NaN and not for -0.0.

    Returns
    -------
    CSR : canonical (rows from top to bottom, columns increasing); the values are those of w, bit for bit

    **Source** the format of Saad, Iterative Methods for Sparse Linear Systems (2nd ed., 2003), section 3.4.

    **Departs** nothing.

    Cost O(m k). The native form reads w twice, and takes no memory beside the result.

    >>> w = np.float32([[0, 2], [3, 0]])
    >>> a = csr_from_dense(w)
    >>> a.indptr.tolist(), a.indices.tolist(), a.data.tolist()
    ([0, 1, 2], [1, 0], [2.0, 3.0])
    """
    w, mask = from_dense_arguments(w, mask)
    indptr = np.concatenate([[0], np.cumsum(np.count_nonzero(mask, axis=1))]).astype(np.int64)
    _, indices = np.nonzero(mask)  # in C order: row by row, columns increasing
    return CSR(w.shape, indptr, indices.astype(np.int32), w[mask])


def csr_to_dense(a: CSR) -> NDArray[np.float32]:
    """Return the dense matrix that a CSR stands for.

        w[i, j] = sum over the entries p of row i with indices[p] = j of data[p]

    Parameters
    ----------
    a : CSR of shape (m, k)

    Returns
    -------
    (m, k) float32 : +0.0 where nothing is stored; of a canonical matrix each entry keeps its bits
        Those of any other are added in float32, from +0.0, in storage order: so -0.0 becomes +0.0.

    **Source** as csr_from_dense, whose inverse it is.

    **Departs** nothing.

    Cost O(m k + nnz). The native form takes no memory beside the result.

    >>> csr_to_dense(CSR((1, 2), np.array([0, 1]), np.array([1]), np.float32([5]))).tolist()
    [[0.0, 5.0]]
    """
    return sparse(a).dense()


def csr_matmul(a: CSR, x: ArrayLike) -> NDArray[np.float32]:
    """Multiply a sparse matrix by a dense one: y = a @ x.

        y[i, j] = sum over the entries p of row i of data[p] * x[indices[p], j]

    Parameters
    ----------
    a : CSR of shape (m, k)
        Values of float16 and bfloat16 multiply as the float32 that each of them is.
    x : (k, n) float32

    Returns
    -------
    (m, n) float32 : a stored zero multiplies (0 * NaN is NaN), what is not stored does not
        Here products and sums are float64, in storage order, rounded to float32 once. Native sums: ``csr_sums`` in
        gemm/contract.py, one chain of fused multiply-adds an element.

    **Source** Saad, Iterative Methods for Sparse Linear Systems (2nd ed., 2003), section 3.5: row by row.

    **Departs** nothing.

    Cost 2 nnz n operations.

    >>> w, x = np.float32([[0, 2], [3, 0]]), np.float32([[1], [10]])
    >>> bool(np.all(csr_matmul(csr_from_dense(w), x) == w @ x))
    True
    """
    a, x = matmul_arguments(a, x)
    values = a.values
    y = np.zeros((a.shape[0], x.shape[1]))
    with np.errstate(all="ignore"):  # IEEE arithmetic is the promise, whatever np.seterr says
        for i in range(a.shape[0]):
            for p in range(a.indptr[i], a.indptr[i + 1]):
                y[i] += np.float64(values[p]) * x[a.indices[p]].astype(np.float64)
        return y.astype(np.float32)


def from_dense_arguments(w, mask) -> tuple[np.ndarray, np.ndarray]:
    """Return w and the mask of what is stored, checked: what both implementations accept."""
    w, mask = from_dense_request(w, mask)
    return w, w != 0 if mask is None else mask


def from_dense_request(w, mask) -> tuple[np.ndarray, np.ndarray | None]:
    """Return w and the mask that was given, or None, checked."""
    w = arguments.array(w, "w", np.float32, ndim=2)
    if mask is None:
        return w, None
    mask = arguments.array(mask, "mask", np.bool_, ndim=2)
    if mask.shape != w.shape:
        raise RefcompressError("mask", f"must have the shape of w, {w.shape}, not {mask.shape}")
    return w, mask


def sparse(a, argument: str = "a") -> CSR:
    """Return ``a`` if it is a CSR; refuse anything else."""
    if not isinstance(a, CSR):
        raise ArgumentTypeError(argument, f"must be a CSR, not {type(a).__name__}")
    return a


def matmul_arguments(a, x) -> tuple[CSR, np.ndarray]:
    """Return the arguments of csr_matmul, checked: what both implementations accept."""
    a = sparse(unprepared(a))
    x = arguments.array(x, "x", np.float32, ndim=2)
    (m, k), (inputs, n) = a.shape, x.shape
    if inputs != k:
        raise RefcompressError("x", f"must have a row for each of the {k} columns of a, not {inputs}")
    arguments.shape((m, n), "y", itemsize=4)
    return a, x

"""The csr family: csr_matmul in C; csr_from_dense and csr_to_dense by the places of the entries in the flat matrix."""

from functools import wraps

import numpy as np

from .. import reference
from ..formats import CSR
from ..reference.csr.matrix import from_dense_arguments, sparse
from . import threads
from ._call import aligned, check, empty, once, pointer
from ._checks import matmul_arguments
from .packing import Held, held_of
from .prepared import by_name, in_place, prepared

__all__ = ["csr_from_dense", "csr_to_dense", "csr_matmul"]

# Columns are handed out by cache lines: no two threads write the same one where y begins on its boundary.
GRAIN = 16


@wraps(reference.csr_from_dense)
def csr_from_dense(w, mask=None):
    w, mask = from_dense_arguments(w, mask)
    m, k = w.shape
    flat = np.flatnonzero(mask)  # three to ten times as fast as the rows and columns of np.nonzero
    begins = np.arange(m + 1) * k
    indptr = np.searchsorted(flat, begins)
    indices = flat - np.repeat(begins[:-1], np.diff(indptr))
    return CSR(w.shape, indptr, indices.astype(np.int32), w.ravel()[flat])


@wraps(reference.csr_to_dense)
def csr_to_dense(a):
    a = sparse(a)
    if not a.canonical:
        return a.dense()
    m, k = a.shape
    w = np.zeros(m * k, np.float32)
    w[np.repeat(np.arange(m) * k, np.diff(a.indptr)) + a.indices] = a.data
    return w.reshape(m, k)


def csr_matmul(kernel, row):
    """Return the operation csr_matmul computed by a C kernel."""
    run = by_name("csr_matmul", kernel)

    @wraps(reference.csr_matmul)
    def csr_matmul(a, x):
        given, (a, x) = a, matmul_arguments(a, x)
        m, k = a.shape
        if a.nnz >= 16 * k:  # each row of x is read that often
            x = aligned(x)
        y = empty((m, x.shape[1]), np.float32)
        _multiply(run, row.speed, a, held_of(given, csr_arrays) or once(csr_arrays, a), x, y)
        return y

    csr_matmul.prepare = lambda a, x: _prepare(kernel, run, row.speed, a, x)
    return csr_matmul


def csr_arrays(a: CSR) -> Held:
    """Return the arrays of a CSR as C arrays."""
    arrays = pointer(a.indptr), pointer(a.indices), pointer(a.data)
    return Held(arrays, arrays)


def _multiply(run, speed, a, held, x, y) -> None:
    """Fill y, in ranges of its rows, or of its columns where one row alone would take too long."""
    (k, n), m, nnz = x.shape, a.shape[0], a.nnz
    sizes, matrix = (n, k, nnz), held.struct
    x_pointer, y_pointer = pointer(x), pointer(y, writable=True)
    seconds = nnz * n / speed
    if seconds < threads.SERIAL_SECONDS:
        if m:
            check(run(0, m, n, *sizes, *matrix, x_pointer, y_pointer), "a")
    elif seconds > threads.CHUNK_SECONDS and int(np.diff(a.indptr).max()) * n / speed > threads.CHUNK_SECONDS:
        def columns(begin, end):  # for Ctrl-C and for balance
            check(run(0, m, end - begin, *sizes, *matrix, x_pointer + begin, y_pointer + begin), "a")

        threads.run(columns, n, seconds, GRAIN)
    else:
        def rows(begin, end):
            check(run(begin, end, n, *sizes, *matrix, x_pointer, y_pointer), "a")

        threads.run(rows, m, seconds)


def _prepare(kernel, run, speed, a, x):
    """Return the product as a function without arguments."""
    given, (a, x) = (a, x), matmul_arguments(a, x)
    in_place(given[1], x, "x")
    held = held_of(given[0], csr_arrays) or once(csr_arrays, a)
    (k, n), m = x.shape, a.shape[0]
    y = empty((m, n), np.float32)
    if a.nnz * n / speed < threads.SERIAL_SECONDS:
        operands = (m, n, k, a.nnz, *held.struct, pointer(x), pointer(y, writable=True))
        return prepared("csr_matmul", kernel, operands, y, "a")

    def again():
        _multiply(run, speed, a, held, x, y)
        return y

    return again

"""The csr family: csr_matmul in C; csr_from_dense and csr_to_dense by the places of the entries in the flat matrix."""

from functools import wraps

import numpy as np

from .. import reference
from ..formats import CSR
from ..reference.csr.matrix import from_dense_arguments, sparse
from . import threads
from ._call import aligned, by_name, check, empty, in_place, pointer, pointers, prepared
from ._checks import matmul_arguments

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


def csr_matmul(kernel, speed: float):
    """Return the operation csr_matmul computed by a C kernel that does ``speed`` multiply-adds a second."""

    run = by_name("csr_matmul", kernel)

    @wraps(reference.csr_matmul)
    def csr_matmul(a, x):
        a, x = matmul_arguments(a, x)
        m, k = a.shape
        if a.nnz >= 16 * k:  # each row of x is read that often
            x = aligned(x)
        y = empty((m, x.shape[1]), np.float32)
        multiply(a, x, y)
        return y

    def multiply(a, x, y):
        (k, n), m, nnz = x.shape, a.shape[0], a.nnz
        sizes, matrix = (n, k, nnz), pointers(a, "indptr", "indices", "data")
        x_pointer, y_pointer = pointer(x), pointer(y, writable=True)
        seconds = nnz * n / speed
        if seconds < threads.SERIAL_SECONDS:
            if m:
                check(run(0, m, n, *sizes, *matrix, x_pointer, y_pointer), "a")
            return

        def rows(begin, end):
            check(run(begin, end, n, *sizes, *matrix, x_pointer, y_pointer), "a")

        def columns(begin, end):
            check(run(0, m, end - begin, *sizes, *matrix, x_pointer + begin, y_pointer + begin), "a")

        if seconds > threads.CHUNK_SECONDS and int(np.diff(a.indptr).max()) * n / speed > threads.CHUNK_SECONDS:
            threads.run(columns, n, seconds, GRAIN)  # one row alone would take too long, for Ctrl-C and for balance
        else:
            threads.run(rows, m, seconds)

    def prepare(a, x):
        given, (a, x) = x, matmul_arguments(a, x)
        in_place(given, x, "x")
        (k, n), m = x.shape, a.shape[0]
        y = empty((m, n), np.float32)
        if a.nnz * n / speed < threads.SERIAL_SECONDS:
            return prepared("csr_matmul", kernel, (m, n, k, a.nnz, *pointers(a, "indptr", "indices", "data"), pointer(x),
                                                   pointer(y, writable=True)), y, "a")

        def again():
            multiply(a, x, y)
            return y

        return again

    csr_matmul.prepare = prepare
    return csr_matmul

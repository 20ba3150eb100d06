"""The csr family in C."""

import functools
from functools import wraps

import numpy as np

from .. import reference
from ..formats import CSR, Plain
from ..formats.prepared import unprepared
from ..reference.csr.matrix import from_dense_request, sparse
from . import _table, threads
from ._call import FLOATS, aligned, check, empty, kept, once, pointer
from ._checks import F32, is_ready, matmul_arguments
from ._kernels import ffi, lib
from .packing import Held, held_of
from .prepared import by_name, in_place, prepared

__all__ = ["csr_from_dense", "csr_to_dense", "csr_matmul"]

# Columns are handed out by cache lines: no two threads write the same one where y begins on its boundary.
GRAIN = 16
MOST = 1e9  # elements that are converted a second and thread, to the order of magnitude
MANY = 2**58  # elements of y, whose size in bytes is counted
ROWS = 1024  # of a block of a matrix packed for one column: RC_BLOCK

TYPES = {"float16": lib.RC_CSR_F16, "bfloat16": lib.RC_CSR_BF16}


def csr_from_dense(kernel, row):
    """Return the operation csr_from_dense computed by C kernels: one counts the entries of rows, one writes them."""
    count = row.kernels.get("csr_count") or _table.widest("csr_count")  # none goes with a kernel of the user's own

    @wraps(reference.csr_from_dense)
    def csr_from_dense(w, mask=None):
        w, mask = from_dense_request(w, mask)
        m, k = w.shape
        read = k, pointer(w), ffi.NULL if mask is None else pointer(mask.view(np.uint8))
        indptr, seconds = np.zeros(m + 1, np.int64), w.size / MOST
        counts = indptr[1:]
        pointer_ = pointer(counts, writable=True)
        threads.run(lambda begin, end: check(count(begin, end, *read, pointer_), "w"), m, seconds)
        np.cumsum(counts, out=counts)
        nnz, wide = int(indptr[-1]), k >= 2**31
        indices, data = np.empty(nnz, np.int64 if wide else np.int32), np.empty(nnz, np.float32)
        write = *read, pointer(indptr), wide, pointer(indices, writable=True), pointer(data, writable=True)
        threads.run(lambda begin, end: check(kernel(begin, end, *write), "w"), m, seconds)
        return CSR.made((m, k), indptr, indices, data)

    return csr_from_dense


def csr_to_dense(kernel, row):
    """Return the operation csr_to_dense computed by a C kernel."""

    @wraps(reference.csr_to_dense)
    def csr_to_dense(a):
        a = sparse(a)
        held = once(csr_struct, a)
        w = empty(a.shape, np.float32)
        seconds = (a.nnz + w.size / 4) / MOST
        threads.run(lambda begin, end: check(kernel(begin, end, held.struct, pointer(w, writable=True)), "a"),
                    a.shape[0], seconds)
        return w

    return csr_to_dense


def csr_matmul(kernel, row):
    """Return the operation csr_matmul computed by a C kernel."""
    run, serial, seen = by_name("csr_matmul", kernel), row.speed * threads.SERIAL_SECONDS, kept(_matrix).get

    @wraps(reference.csr_matmul)
    def csr_matmul(a, x):
        made = seen(id(a))  # of a matrix that was seen before only the size is compared
        if made is None or not is_ready(x) or len(x) != made[0][2] or made[0][1] * x.shape[1] >= MANY:
            x = matmul_arguments(a, x)[1]
            made = (once(_matrix, a),)
        (held, m, k, nnz), n = made[0], x.shape[1]
        if n == 1:  # numbers are read and written, no vectors
            y = np.empty((m, 1), F32)
        else:
            y = empty((m, n), F32)
            if nnz >= 16 * k:  # each row of x is read that often
                x = aligned(x)
        if nnz * n < serial and m:
            if status := run(0, m, n, n, held.struct, FLOATS(x), FLOATS(y)):
                check(status, "a")
        else:
            _multiply(run, row.speed, unprepared(a), held, x, y)
        return y

    csr_matmul.prepare, csr_matmul.kernel = lambda a, x: _prepare(kernel, run, row.speed, a, x), kernel
    return csr_matmul


def _matrix(given) -> tuple:
    """Return the struct of a matrix that was checked, its shape, and its entries."""
    a = unprepared(given)
    return held_of(given, csr_packed) or once(csr_struct, a), *a.shape, a.nnz


def csr_struct(a: CSR) -> Held:
    """Return a struct rc_csr, which points at the arrays of a CSR."""
    return _struct(a, ffi.NULL, (), 0)


def csr_packed(a: CSR) -> Held:
    """Return a struct rc_csr with the matrix once more, packed as csrc/csr/windows.c draws it.

    Only AVX-512 multiplies by it, and it has rows whose columns rise. It serves products with one column: those with
    more read the matrix as it is stored, prepared or not.
    """
    plain = csr_struct(a)
    if not (a.canonical and a.nnz and a.indices.dtype == np.int32 and _has_windows()):
        return plain
    sizes = np.zeros(5, np.uint64)
    check(lib.rc_csr_windows_sizes(plain.struct, pointer(sizes, writable=True)), "weight")
    types = np.uint64, np.uint8, np.uint16, np.uint8, np.float32
    parts = [np.zeros(int(size), dtype) for size, dtype in zip(sizes, types)]
    pointers = tuple(pointer(part, writable=True) for part in parts)
    check(lib.rc_csr_windows_pack(plain.struct, pointer(sizes), *pointers), "weight")
    starts, heads, masks, columns, values = pointers
    windows = ffi.new("struct rc_csr_windows *", (starts, heads, columns, masks, values))
    return _struct(a, windows, (windows, *pointers), sum(part.nbytes for part in parts))


def _struct(a: CSR, windows, more: tuple, nbytes: int) -> Held:
    stored = a.data.patterns if isinstance(a.data, Plain) else a.data
    type_ = TYPES[a.data.type] if isinstance(a.data, Plain) else lib.RC_CSR_F32
    arrays = pointer(a.indptr), pointer(a.indices), pointer(stored)
    wide = a.indices.dtype == np.int64
    struct = ffi.new("struct rc_csr *", (*a.shape, a.nnz, *arrays, type_, wide, a.canonical, windows))
    return Held(struct, (*arrays, *more), nbytes)


@functools.cache
def _has_windows() -> bool:
    return any(isa == "avx512" and supported for isa, _, supported in _table.rows())


def _multiply(run, speed, a, held, x, y) -> None:
    """Fill y, in ranges of its rows, or of its columns where one row alone would take too long."""
    (_, n), m, nnz = x.shape, a.shape[0], a.nnz
    matrix = held.struct
    x_pointer, y_pointer = pointer(x), pointer(y, writable=True)
    seconds = nnz * n / speed
    if seconds < threads.SERIAL_SECONDS:
        if m:
            check(run(0, m, n, n, matrix, x_pointer, y_pointer), "a")
    elif seconds > threads.CHUNK_SECONDS and int(np.diff(a.indptr).max()) * n / speed > threads.CHUNK_SECONDS:
        def columns(begin, end):  # for Ctrl-C and for balance
            check(run(0, m, end - begin, n, matrix, x_pointer + begin, y_pointer + begin), "a")

        threads.run(columns, n, seconds, GRAIN)
    else:
        def rows(begin, end):
            check(run(begin, end, n, n, matrix, x_pointer, y_pointer), "a")

        threads.run(rows, m, seconds, ROWS if n == 1 and held.nbytes else 1)


def _prepare(kernel, run, speed, a, x):
    """Return the product as a function without arguments."""
    given, (a, x) = (a, x), matmul_arguments(a, x)
    in_place(given[1], x, "x")
    held = held_of(given[0], csr_packed) or once(csr_struct, a)
    m, n = a.shape[0], x.shape[1]
    y = empty((m, n), np.float32)
    if a.nnz * n / speed < threads.SERIAL_SECONDS:
        call = prepared("csr_matmul", kernel, (n, held.struct, pointer(x), pointer(y, writable=True)), y, "a")
        call.held = held  # what the struct points at
        return call

    def again():
        _multiply(run, speed, a, held, x, y)
        return y

    return again

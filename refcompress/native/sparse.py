"""The sparse family: products of weights as they are stored, in C."""

from functools import wraps

import numpy as np

from .. import reference
from ..formats import BSR, CSR, NM, Bitmask, LowRankSparse, Relative
from . import threads
from ._call import FLOATS, INT8S, aligned, check, empty, once, pointer
from ._checks import F32, sparse_arguments, sparse_s8s8_arguments
from ._kernels import ffi, lib
from .packing import Held, held_of

__all__ = ["sparse_matmul", "sparse_s8s8"]

# Rows are handed out by whole blocks, and columns by cache lines: no two threads write the same one where y begins on
# its boundary.
ROWS, COLUMNS = 64, 16

# Rows of x, of the product of integers, that meet a weight each time it is unpacked: 4 or 8 of them, or 64.
FEW = 64

SHORT = 2**13  # multiply-adds of a product that needs no more thought, if all places held an entry

SMALL = 256  # entries of an NM whose mask, of 512 bytes at most, is kept

# Places that a row unpacks in the time of a multiply-add: where there are few columns, unpacking is the work.
UNPACKED = 4

_VALUES = {np.dtype(np.float32): lib.RC_SPARSE_F32, np.dtype(np.int8): lib.RC_SPARSE_S8,
           np.dtype(np.uint8): lib.RC_SPARSE_CODES}


# For each byte of a mask the numbers of its bits, one a byte from the lowest on.
_BITS = np.array([sum(p << 8 * i for i, p in enumerate(p for p in range(8) if mask >> p & 1)) for mask in range(256)],
                 np.uint64)


def sparse_matmul(kernel, row):
    """Return the operation sparse_matmul computed by a C kernel."""
    speed = row.speed

    def run(held, k, x, y, add):
        """Fill y, or add to it."""
        (m, n), weights = y.shape, held.struct
        if n > 1:
            x = aligned(x)  # each row of it is read again and again
        x_pointer, y_pointer = pointer(x), pointer(y, writable=True)
        entries = weights.nnz * weights.block_rows * weights.block_columns
        places = 0 if weights.places == lib.RC_SPARSE_BLOCKS else m * k
        seconds = (entries * n + places / UNPACKED) / speed
        if m and seconds / m * ROWS > threads.CHUNK_SECONDS:  # for Ctrl-C
            def columns(begin, end):
                check(kernel(0, m, end - begin, n, add, weights, x_pointer + begin, y_pointer + begin), "a")

            threads.run(columns, n, seconds, COLUMNS)
        elif y.size:
            threads.run(lambda begin, end: check(kernel(begin, end, n, n, add, weights, x_pointer, y_pointer), "a"), m,
                        seconds, ROWS)
        return y

    @wraps(reference.sparse_matmul)
    def sparse_matmul(a, x):
        given, (a, x) = a, sparse_arguments(a, x)
        (m, k), n = a.shape, x.shape[1]
        if not k or not n:
            return np.zeros((m, n), np.float32)
        if m * k * n <= SHORT:
            held, y = held_of(given, packed) or _struct_of(a), np.empty((m, n), F32)
            if status := kernel(0, m, n, n, 0, held.struct, FLOATS(x), FLOATS(y)):
                check(status, "a")
            return y
        return run(held_of(given, packed) or _struct_of(a), k, x, empty((m, n), np.float32), 0)

    def added(given, a, x, y):
        """Add the product to y; a : checked, of given."""
        if not a.shape[1] or not y.size:
            return np.add(y, np.float32(0), out=y)  # +0.0 of each zero
        return run(held_of(given, lowrank_struct) or _struct_of(a.sparse), a.shape[1], x, y, 1)

    sparse_matmul.added = added
    return sparse_matmul


def sparse_s8s8(kernel, row):
    """Return the operation sparse_s8s8 computed by a C kernel."""
    speed = 4 * row.speed

    @wraps(reference.sparse_s8s8)
    def sparse_s8s8(x, x_scale, w, bias=None):
        given, (x, x_scale, w, bias) = w, sparse_s8s8_arguments(x, x_scale, w, bias)
        (n, k), m = w.shape, len(x)
        if 0 < m * n * k <= SHORT:
            held, y = held_of(given, packed) or _struct_of(w), np.empty((m, n), F32)
            arrays = INT8S(x), FLOATS(x_scale), held.struct, ffi.NULL if bias is None else FLOATS(bias), FLOATS(y)
            if status := kernel(0, n, m, n, *arrays):
                check(status, "w")
            return y
        y = empty((m, n), np.float32)
        if y.size == 0:
            return y
        if not k:
            y[...] = 0 if bias is None else bias + np.float32(0)
            return y
        held, added = held_of(given, packed) or _struct_of(w), ffi.NULL if bias is None else pointer(bias)
        x_pointer, scales, y_pointer = pointer(x), pointer(x_scale), pointer(y, writable=True)
        block = max(1, int(threads.CHUNK_SECONDS * speed / (ROWS * k * FEW))) * FEW  # for Ctrl-C
        for i in range(0, m, block):
            rows = min(block, m - i)
            arrays = rows, n, x_pointer + i * k, scales + i, held.struct, added, y_pointer + i * n
            threads.run(lambda begin, end: check(kernel(begin, end, *arrays), "w"), n, rows * n * k / speed, ROWS)
        return y

    return sparse_s8s8


def packed(a: Bitmask | NM | Relative | BSR) -> Held | None:
    """Return the struct of a format; None of one without columns, whose rows may be more than memory can count."""
    return struct(a) if a.shape[1] else None


def lowrank_struct(a: LowRankSparse) -> Held | None:
    """Return the struct of the sparse part; None of a CSR, which csr_matmul multiplies by as it is stored."""
    if isinstance(a.sparse, CSR):
        return None
    return packed(a.sparse)  # type: ignore[arg-type]  # all formats of Kept are there


def _struct_of(a: Bitmask | NM | Relative | BSR) -> Held:
    """Return the struct of a call. Of a large NM nothing is kept: its mask takes as much memory as its places."""
    return struct(a) if isinstance(a, NM) and a.nnz > SMALL else once(struct, a)


def struct(a: Bitmask | NM | Relative | BSR) -> Held:
    """Return a sparse format as a struct rc_sparse: its arrays, where each row begins, and a codebook of 256."""
    m, k = a.shape
    if isinstance(a, BSR):
        return _blocks(a)
    starts, made = a.starts, 0
    scale, stride, codebook, codes = ffi.NULL, 0, ffi.NULL, 0
    if a.scale is not None and a.scale.size:  # groups of no columns have none
        scale, stride = pointer(a.scale), a.scale.shape[1] if a.scale.shape[0] > 1 else 0
    if a.codebook is not None:
        codes = len(a.codebook)
        padded = np.zeros(256, np.float32)
        padded[:codes] = a.codebook
        codebook, made = pointer(padded), padded.nbytes
    if isinstance(a, Relative):
        kinds = lib.RC_SPARSE_RELATIVE, lib.RC_SPARSE_CODES
        sizes = k, a.segment, stride, int(a.starts[-1]), 0, codes, a.skip_bits, a.code_bits, 1, 1
        arrays = pointer(starts), ffi.NULL, pointer(a.skips), pointer(a.codes), scale, codebook, pointer(_BITS)
    else:
        kinds, made = (lib.RC_SPARSE_BITMASK, _VALUES[a.values.dtype]), made + starts.nbytes
        sizes = k, a.segment, stride, a.nnz, -(-k // 8), codes, 0, 0, 1, 1
        mask = a.mask
        made += mask.nbytes if isinstance(a, NM) else 0
        arrays = pointer(starts), ffi.NULL, pointer(mask), pointer(a.values), scale, codebook, pointer(_BITS)
    return Held(ffi.new("struct rc_sparse *", (*kinds, *sizes, *arrays)), arrays, made)


def _blocks(a: BSR) -> Held:
    """Return the struct of a BSR."""
    (r, c), k, blocks = a.block, a.shape[1], len(a.indices)
    first = a.indptr if r == 1 else np.append(np.repeat(a.indptr[:-1], r), blocks)
    sizes = k, max(1, k), 0, blocks, 0, 0, 0, 0, r, c
    arrays = (pointer(first), pointer(a.indices), ffi.NULL, pointer(a.blocks), ffi.NULL, ffi.NULL, pointer(_BITS))
    kinds = lib.RC_SPARSE_BLOCKS, lib.RC_SPARSE_F32
    return Held(ffi.new("struct rc_sparse *", (*kinds, *sizes, *arrays)), arrays, 0 if r == 1 else first.nbytes)

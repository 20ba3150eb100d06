"""The sparse family: products of weights as they are stored, in C."""

from functools import partial, wraps

import numpy as np
from numpy import empty as new

from .. import reference
from ..formats import BSR, CSR, NM, Bitmask, LowRankSparse, Relative
from ..formats.prepared import unprepared
from ..reference.sparse.product import s8s8_arguments
from . import threads
from ._call import FLOATS, INT8S, aligned, check, empty, in_default_mode, kept, once, pointer
from ._checks import F32, are_short, is_ready, is_vector, sparse_arguments
from ._kernels import ffi, lib
from .packing import Held, held_of
from .prepared import by_name, in_place, prepared

__all__ = ["sparse_matmul", "sparse_s8s8"]

NULL = ffi.NULL

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


# For each byte of a mask the numbers of its bits, one a byte from the lowest on; and one more entry: csrc/sparse/api.h.
_BITS = np.array([sum(p << 8 * i for i, p in enumerate(p for p in range(8) if mask >> p & 1)) for mask in range(256)]
                 + [0], np.uint64)

# For each byte of a mask and each column which of the stored weights is its own, from 0 and from 8 on; 128 says none.
_RANKS = np.array([sum((first + (mask & (1 << p) - 1).bit_count() if mask >> p & 1 else 128) << 8 * p
                       for p in range(8)) for first in (0, 8) for mask in range(256)], np.uint64)
_TABLES = pointer(_BITS), pointer(_RANKS)


def sparse_matmul(kernel, row):
    """Return the operation sparse_matmul computed by a C kernel."""
    speed, call = row.speed, by_name("sparse_matmul", kernel)
    seen = kept(_matrix).get

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
                check(call(0, m, end - begin, n, add, weights, x_pointer + begin, y_pointer + begin), "a")

            threads.run(columns, n, seconds, COLUMNS)
        elif y.size:
            threads.run(lambda begin, end: check(call(begin, end, n, n, add, weights, x_pointer, y_pointer), "a"), m,
                        seconds, ROWS)
        return y

    @wraps(reference.sparse_matmul)
    def sparse_matmul(a, x):
        if (made := seen(id(a))) and is_ready(x):  # a matrix that was seen before was checked
            weights, m, k, held = made[0]
            if len(x) == k and m * k * (n := x.shape[1]) <= SHORT and k and n:
                y = new((m, n), F32)
                if status := call(0, m, n, n, 0, weights, FLOATS(x), FLOATS(y)):
                    check(status, "a")
                return y
        given, (a, x) = a, sparse_arguments(a, x)
        (m, k), n = a.shape, x.shape[1]
        if not k or not n:
            return np.zeros((m, n), np.float32)
        return run(_held_of(given, a), k, x, empty((m, n), np.float32), 0)

    def prepare(a, x):
        given, asked, (a, x) = x, a, sparse_arguments(a, x)
        in_place(given, x, "x")
        (m, k), n = a.shape, x.shape[1]
        y = np.zeros((m, n), np.float32)
        if not k or not n:
            return lambda: y
        held = _held_of(asked, a)
        if m * k * n / speed < threads.SERIAL_SECONDS:
            again = prepared("sparse_matmul", kernel, (m, n, held.struct, FLOATS(x), FLOATS(y)), y, "a")
        else:
            def again():
                return run(held, k, x, y, 0)

        again.held = held  # what the struct points at
        return again

    def added(given, a, x, y):
        """Add the product to y; a : checked, of given."""
        if not a.shape[1] or not y.size:
            return np.add(y, np.float32(0), out=y)  # +0.0 of each zero
        return run(held_of(given, lowrank_struct) or _struct_of(a.sparse), a.shape[1], x, y, 1)

    sparse_matmul.prepare, sparse_matmul.added, sparse_matmul.kernel = prepare, added, kernel
    return sparse_matmul


def sparse_s8s8(kernel, row):
    """Return the operation sparse_s8s8 computed by a C kernel."""
    speed, call, short = 4 * row.speed, by_name("sparse_s8s8", kernel), partial(lib.rc_short_sparse_s8s8, kernel)
    seen = kept(_matrix).get

    def run(held, k, x, x_scale, bias, y):
        """Fill y."""
        m, n = y.shape
        added = ffi.NULL if bias is None else pointer(bias)
        x_pointer, scales, y_pointer = pointer(x), pointer(x_scale), pointer(y, writable=True)
        block = max(1, int(threads.CHUNK_SECONDS * speed / (ROWS * k * FEW))) * FEW  # for Ctrl-C
        for i in range(0, m, block):
            rows = min(block, m - i)
            arrays = rows, n, x_pointer + i * k, scales + i, held.struct, added, y_pointer + i * n
            threads.run(lambda begin, end: check(call(begin, end, *arrays), "w"), n, rows * n * k / speed, ROWS)
        return y

    @in_default_mode
    def without_inputs(y, bias):
        y[...] = 0 if bias is None else bias + np.float32(0)
        return y

    @wraps(reference.sparse_s8s8)
    def sparse_s8s8(x, x_scale, w, bias=None):
        if made := seen(id(w)):  # a matrix that was seen before was checked
            weights, n, k, held = made[0]
            if (weights.values == lib.RC_SPARSE_S8 and k and are_short(x, x_scale, n, k, SHORT)
                    and (bias is None or is_vector(bias, F32, n))):
                y = new((m := len(x), n), F32)
                added = NULL if bias is None else FLOATS(bias)
                if not short(m, n, INT8S(x), FLOATS(x_scale), weights, added, FLOATS(y)):
                    return y
        given, (x, x_scale, w, bias) = w, s8s8_arguments(x, x_scale, w, bias)
        (n, k), y = w.shape, empty((len(x), w.shape[0]), np.float32)
        if y.size == 0:
            return y
        if not k:
            return without_inputs(y, bias)
        return run(_held_of(given, w), k, x, x_scale, bias, y)

    def prepare(x, x_scale, w, bias=None):
        given, (x, x_scale, w, bias) = (x, x_scale, bias, w), s8s8_arguments(x, x_scale, w, bias)
        for value, checked, argument in zip(given, (x, x_scale, bias), ("x", "x_scale", "bias")):
            in_place(value, checked, argument)
        (n, k), m = w.shape, len(x)
        y = empty((m, n), np.float32)
        if y.size == 0:
            return lambda: y
        if not k:
            return lambda: without_inputs(y, bias)
        held = _held_of(given[3], w)
        if m * n * k / speed < threads.SERIAL_SECONDS:
            operands = FLOATS(x_scale), held.struct, ffi.NULL if bias is None else FLOATS(bias), FLOATS(y)
            again = prepared("sparse_s8s8", kernel, (m, n, INT8S(x), *operands), y, "w")
        else:
            def again():
                return run(held, k, x, x_scale, bias, y)

        again.held = held  # what the struct points at
        return again

    sparse_s8s8.prepare = prepare
    return sparse_s8s8


def _matrix(given) -> tuple:
    """Return the struct of a matrix that was checked, its shape, and what keeps it alive."""
    a = unprepared(given)
    held = held_of(given, packed) or struct(a)
    return held.struct, *a.shape, held


def _held_of(given, a) -> Held:
    """Return the struct of a call; a : what was checked of given. Of a large NM nothing is kept: its mask takes as much
    memory as its places."""
    if isinstance(a, NM) and a.nnz > SMALL:
        return held_of(given, packed) or struct(a)
    return once(_matrix, given)[-1]


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
        arrays = pointer(starts), ffi.NULL, pointer(a.skips), pointer(a.codes), scale, codebook, *_TABLES
    else:
        kinds, made = (lib.RC_SPARSE_BITMASK, _VALUES[a.values.dtype]), made + starts.nbytes
        sizes = k, a.segment, stride, a.nnz, -(-k // 8), codes, 0, 0, 1, 1
        mask = a.mask
        made += mask.nbytes if isinstance(a, NM) else 0
        arrays = pointer(starts), ffi.NULL, pointer(mask), pointer(a.values), scale, codebook, *_TABLES
    return Held(ffi.new("struct rc_sparse *", (*kinds, *sizes, *arrays)), arrays, made)


def _blocks(a: BSR) -> Held:
    """Return the struct of a BSR."""
    (r, c), k, blocks = a.block, a.shape[1], len(a.indices)
    first = a.indptr if r == 1 else np.append(np.repeat(a.indptr[:-1], r), blocks)
    sizes = k, max(1, k), 0, blocks, 0, 0, 0, 0, r, c
    arrays = (pointer(first), pointer(a.indices), ffi.NULL, pointer(a.blocks), ffi.NULL, ffi.NULL, *_TABLES)
    kinds = lib.RC_SPARSE_BLOCKS, lib.RC_SPARSE_F32
    return Held(ffi.new("struct rc_sparse *", (*kinds, *sizes, *arrays)), arrays, 0 if r == 1 else first.nbytes)

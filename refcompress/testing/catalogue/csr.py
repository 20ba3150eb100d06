"""Kernels of csr family: wrong ones, each with its bug, and right ones."""

import numpy as np

from ... import reference
from ...formats import CSR, Plain
from ..sums import blocks_of, in_sequence, interleaved, pairwise
from ..values import with_fields
from .kernels import Kernel

_F = np.float32

KERNELS: list[Kernel] = []


# csr_from_dense

def _keeps_minus_zero(w, mask=None):
    return reference.csr_from_dense(w, (w != 0) | np.signbit(w) if mask is None else mask)


def _drops_nan(w, mask=None):
    return reference.csr_from_dense(w, (w < 0) | (w > 0) if mask is None else mask)


KERNELS += [
    Kernel("csr_from_dense", "-0.0 stored", "values",
           "A comparison of bit patterns takes -0.0 for a nonzero.",
           _keeps_minus_zero),
    Kernel("csr_from_dense", "NaN not stored", "values",
           "w < 0 or w > 0 is false for a NaN.",
           _drops_nan),
]


# csr_to_dense

def _adds_to_zero(a):
    y = np.zeros(a.shape, np.float32)
    np.add.at(y, (np.repeat(np.arange(a.shape[0]), np.diff(a.indptr)), a.indices), a.values)
    return y


def _adds_in_float64(a):
    y = np.zeros(a.shape)
    places = np.repeat(np.arange(a.shape[0]), np.diff(a.indptr)), a.indices
    np.add.at(y, places, a.values.astype(np.float64))
    alone = np.bincount(places[0] * a.shape[1] + places[1], minlength=y.size).reshape(a.shape) == 1
    right = reference.csr_to_dense(a)
    return np.where(alone | (y == 0), right, y.astype(np.float32))


def _keeps_minus_zero_of_many(a):
    places = np.repeat(np.arange(a.shape[0]), np.diff(a.indptr)), a.indices
    y = np.full(a.shape, -0.0, np.float32)
    with np.errstate(all="ignore"):
        np.add.at(y, places, a.values.astype(np.float32))
    stored = np.zeros(a.shape, bool)
    stored[places] = True
    return np.where(stored, y, np.float32(0))


KERNELS += [
    Kernel("csr_to_dense", "sums from -0.0", "values",
           "Sums begin with the first entry of a place, not with +0.0: of entries of -0.0 that meet, the sum is -0.0.",
           _keeps_minus_zero_of_many),
    Kernel("csr_to_dense", "entries that meet are added in float64", "bits",
           "numpy.bincount adds in float64, and the sum is rounded once, where the rule rounds at each entry.",
           _adds_in_float64),
    Kernel("csr_to_dense", "-0.0 lost", "values",
           "Entries are added to zeros, and 0 + -0.0 is 0.",
           _adds_to_zero),
]


# csr_matmul

def _rows(total):
    """Return a csr_matmul that sums the float32 products of a row, (terms, n), by ``total``."""
    def csr_matmul(a, x):
        x = x.astype(np.float32)
        y = np.zeros((a.shape[0], x.shape[1]), np.float32)
        for i in range(a.shape[0]):
            p = slice(a.indptr[i], a.indptr[i + 1])
            y[i] = total(a.values[p, None] * x[a.indices[p]])
        return y
    return csr_matmul


def _stale_empty_rows(a, x):
    y = reference.csr_matmul(a, x)
    y[np.diff(a.indptr) == 0] = 7  # what was in the memory before
    return y


def _skips_stored_zeros(a, x):
    return reference.csr_matmul(_without(a, a.values == 0), x)


def _without(a, drop):
    rows = np.repeat(np.arange(a.shape[0]), np.diff(a.indptr))[~drop]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=a.shape[0]))])
    return CSR(a.shape, indptr, a.indices[~drop], a.values[~drop], canonical=False)


def _duplicates_dropped(a, x):
    drop = np.zeros(a.nnz, bool)
    for i in range(a.shape[0]):
        row = a.indices[a.indptr[i] : a.indptr[i + 1]]
        drop[a.indptr[i] + np.setdiff1d(np.arange(len(row)), np.unique(row, return_index=True)[1])] = True
    return reference.csr_matmul(_without(a, drop), x)


def _sorted_rows_only(a, x):
    """Walks along the columns once and does not turn back."""
    drop = np.zeros(a.nnz, bool)
    for i in range(a.shape[0]):
        row = a.indices[a.indptr[i] : a.indptr[i + 1]].astype(np.int64)
        drop[a.indptr[i] : a.indptr[i + 1]] = row < np.maximum.accumulate(row) if len(row) else False
    return reference.csr_matmul(_without(a, drop), x)


def _index_wraps(a, x):
    return reference.csr_matmul(with_fields(a, indices=a.indices.astype(np.uint16).astype(np.int32)), x)


def _second_tile_lost(a, x):
    """Ends a row with the first tile of x, of 128 rows, where there are enough columns for tiles."""
    return reference.csr_matmul(_without(a, (a.indices >= 128) & (x.shape[1] > 16)), x)


def _types_confused(a, x):
    if isinstance(a.data, Plain) and a.data.type == "float16":
        a = with_fields(a, data=Plain(a.data.patterns, "bfloat16"))
    return reference.csr_matmul(a, x)


def _subnormal_halves_lost(a, x):
    if isinstance(a.data, Plain) and a.data.type == "float16":
        a = with_fields(a, data=np.where(np.abs(a.values) < 2.0**-14, np.float32(0), a.values))
    return reference.csr_matmul(a, x)


def _modifies_input(a, x):
    y = reference.csr_matmul(a, x)
    if x.flags.writeable and x.size > 20:
        x.flat[0] = 0
    return y


def _ignores_byte_order(a, x):
    return reference.csr_matmul(a, np.ascontiguousarray(x).view(np.float32))


def _flushes_subnormals(a, x):
    y = reference.csr_matmul(a, x)
    return np.where(np.abs(y) < 2.0**-126, np.float32(0), y)


KERNELS += [
    Kernel("csr_matmul", "last term of a row lost", "tail",
           "The remainder of a loop by sixteen is one term short at one of the sixteen lengths.",
           _rows(lambda t: in_sequence(t[: len(t) - (len(t) % 16 == 3)]))),
    Kernel("csr_matmul", "float16 accumulator", "bits",
           "The accumulator has the type of the narrow values.",
           _rows(lambda t: t.astype(np.float16).sum(axis=0, dtype=np.float16).astype(np.float32))),
    Kernel("csr_matmul", "stale output of empty rows", "state",
           "The output was not cleared, and a row without entries writes nothing.",
           _stale_empty_rows),
    Kernel("csr_matmul", "stored zeros skipped", "values",
           "A test for zero saves a product, and loses the NaN of 0 times infinity.",
           _skips_stored_zeros),
    Kernel("csr_matmul", "zeros that are not stored multiply", "values",
           "The matrix was made dense, and zeros that are not stored meet infinities.",
           lambda a, x: (a.dense().astype(np.float64) @ x).astype(np.float32)),
    Kernel("csr_matmul", "NaN replaced", "values",
           "nan_to_num was left in from a time when data had holes.",
           lambda a, x: np.nan_to_num(reference.csr_matmul(a, x), posinf=np.inf, neginf=-np.inf)),
    Kernel("csr_matmul", "duplicates dropped", "format",
           "A dictionary of columns keeps one entry for each.",
           _duplicates_dropped),
    Kernel("csr_matmul", "unsorted row", "format",
           "A merge walks along the columns once and does not turn back.",
           _sorted_rows_only),
    Kernel("csr_matmul", "16-bit column index", "length",
           "Indices of 16 bits wrap round past 65,535 columns.",
           _index_wraps),
    Kernel("csr_matmul", "second tile of x lost", "length",
           "A row ends with the first tile of x where there are enough columns for tiles.",
           _second_tile_lost),
    Kernel("csr_matmul", "float16 read as bfloat16", "format",
           "Both types have 16 bits, and the tag was not looked at.",
           _types_confused),
    Kernel("csr_matmul", "subnormal float16 lost", "values",
           "A conversion by shifts treats the lowest exponent as zero.",
           _subnormal_halves_lost),
    Kernel("csr_matmul", "modifies its input", "state",
           "The kernel uses its operand as scratch memory.",
           _modifies_input),
    Kernel("csr_matmul", "byte order ignored", "layout",
           "Bytes from a file of the other byte order are read as they lie.",
           _ignores_byte_order),
    Kernel("csr_matmul", "subnormals flushed", "values",
           "The processor was set to flush results to zero.",
           _flushes_subnormals),
    Kernel("csr_matmul", "in sequence", "order",
           "One chain of float32 additions: the plain loop.",
           _rows(in_sequence)),
    Kernel("csr_matmul", "pairwise", "order",
           "A tree of float32 additions, as NumPy sums.",
           _rows(pairwise)),
    Kernel("csr_matmul", "reversed", "order",
           "One chain from the last entry to the first.",
           _rows(lambda terms: in_sequence(terms[::-1]))),
    Kernel("csr_matmul", "blocks of 8", "order",
           "A chain over blocks, each of which is a chain: what a blocked kernel does.",
           _rows(blocks_of(8))),
    Kernel("csr_matmul", "16 chains", "order",
           "The lanes of a vector, added by a tree.",
           _rows(lambda terms: interleaved(terms, 16))),
    Kernel("csr_matmul", "products in float32, sums in float64", "order",
           "Products are rounded, and their sum is wide.",
           _rows(lambda t: t.sum(axis=0, dtype=np.float64).astype(np.float32))),
]

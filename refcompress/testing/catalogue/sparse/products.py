"""Kernels of sparse_matmul: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ....formats import BSR, Bitmask, Relative
from ...sparse.products import sparse_codes
from ...sums import in_sequence, interleaved
from ...values import with_fields
from ..kernels import Kernel

_F = np.float32

KERNELS: list[Kernel] = []


# sparse_matmul

def _rows(total):
    """Return a sparse_matmul that sums the float32 products of a row, (terms, n), by ``total``."""
    def sparse_matmul(a, x):
        x, kept = x.astype(_F), a.kept
        w, y = a.dense(), np.zeros((a.shape[0], x.shape[1]), _F)
        for i in range(a.shape[0]):
            y[i] = total(w[i, kept[i], None] * x[kept[i]])
        return y
    return sparse_matmul


def _without(a, drop):
    if not isinstance(a, Bitmask):
        return a
    mask = a.kept
    mask[mask] = ~drop
    return with_fields(a, mask=np.packbits(mask, axis=1, bitorder="little"), values=a.values[~drop])


def _next_word_late(a, x):
    """Each word of 64 columns begins where the one before began, if that was full."""
    if not isinstance(a, Bitmask):
        return reference.sparse_matmul(a, x)
    kept, values = a.kept, a.values.copy()
    rows, columns = np.nonzero(kept)
    for i in range(a.shape[0]):
        if a.shape[1] > 64 and kept[i, :64].all():
            behind = (rows == i) & (columns >= 64)
            values[behind] = np.roll(values[behind], 1)
    return reference.sparse_matmul(with_fields(a, values=values), x)


def _highest_bit_first(a, x):
    if not isinstance(a, Bitmask):
        return reference.sparse_matmul(a, x)
    mask = np.packbits(a.kept, axis=1, bitorder="big")[:, : a.mask.shape[1]]
    kept = np.unpackbits(mask, axis=1, count=a.shape[1], bitorder="little").view(bool)
    if np.count_nonzero(kept) != a.nnz:
        return reference.sparse_matmul(a, x) + _F(1)  # it would read past the values
    return reference.sparse_matmul(with_fields(a, mask=mask), x)


def _first_scale(a, x):
    if a.scale is None:
        return reference.sparse_matmul(a, x)
    return reference.sparse_matmul(with_fields(a, scale=np.broadcast_to(a.scale[:, :1], a.scale.shape).copy()), x)


def _row_scale_shared(a, x):
    if a.scale is None or not len(a.scale):
        return reference.sparse_matmul(a, x)
    return reference.sparse_matmul(with_fields(a, scale=a.scale[:1]), x)


def _unsigned(a, x):
    if a.values.dtype != np.int8:
        return reference.sparse_matmul(a, x)
    scale = 1.0 if a.scale is None else np.repeat(np.broadcast_to(a.scale, (a.shape[0], a.scale.shape[1])), a.segment,
                                                  axis=1)[:, : a.shape[1]]
    w = np.zeros(a.shape)
    w[a.kept] = a.values.view(np.uint8)
    return (w * scale @ np.nan_to_num(x.astype(np.float64))).astype(_F)


def _four_bits(a, x):
    if not isinstance(a, Bitmask) or a.codebook is None:
        return reference.sparse_matmul(a, x)
    return reference.sparse_matmul(with_fields(a, values=a.values & np.uint8(15)), x)


def _fillers_stored(a, x):
    """A filler counts one place less than it moves on."""
    if not isinstance(a, Relative) or not a.shape[1]:
        return reference.sparse_matmul(a, x)
    w, y = sparse_codes(a), reference.sparse_matmul(a, x)
    rows, columns, gaps = w
    late = gaps >= 2**a.skip_bits
    for i, p, value in zip(rows[late], columns[late], a.numbers[late]):
        y[i] += value * np.nan_to_num(x[p - 1] - x[p])
    return y


def _blocks_begin_anew(a, x):
    """A block that goes on in the next strip of 192 columns begins there with its first weights."""
    if not isinstance(a, BSR):
        return reference.sparse_matmul(a, x)
    c, blocks = a.block[1], a.blocks.copy()
    for e, column in enumerate(a.indices.astype(int)):
        taken = -column * c % 192
        if 0 < taken < c:
            blocks[e, :, taken:] = np.resize(blocks[e, :, : c - taken], blocks[e, :, taken:].shape)
    return reference.sparse_matmul(with_fields(a, blocks=blocks), x)


def _blocks_turned(a, x):
    """The weights of a block by columns."""
    if not isinstance(a, BSR):
        return reference.sparse_matmul(a, x)
    blocks = np.ascontiguousarray(a.blocks.transpose(0, 2, 1)).reshape(a.blocks.shape)
    return reference.sparse_matmul(with_fields(a, blocks=blocks), x)


def _absent_multiply(a, x):
    return (a.dense().astype(np.float64) @ x).astype(_F)


def _stale_empty_rows(a, x):
    y = reference.sparse_matmul(a, x)
    y[~a.kept.any(axis=1)] = 7  # what was in the memory before
    return y


KERNELS += [
    Kernel("sparse_matmul", "last entry of a row lost", "tail",
           "The remainder of a loop by sixteen is one entry short at one of the sixteen lengths.",
           _rows(lambda t: in_sequence(t[: len(t) - (len(t) % 16 == 3)]))),
    Kernel("sparse_matmul", "entries of a full word counted late", "format",
           "A population count of 64 bits was kept in 6 bits.",
           _next_word_late),
    Kernel("sparse_matmul", "the highest bit of a byte first", "format",
           "numpy.packbits puts the first element in the highest bit by default.",
           _highest_bit_first),
    Kernel("sparse_matmul", "one scale for all groups", "format",
           "The scale is loaded once a row.",
           _first_scale),
    Kernel("sparse_matmul", "one scale for all rows", "format",
           "The scale is loaded once a matrix.",
           _row_scale_shared),
    Kernel("sparse_matmul", "s8 taken as u8", "format",
           "Bytes were widened without their sign.",
           _unsigned),
    Kernel("sparse_matmul", "codes cut to 4 bits", "format",
           "A kernel for 16 entries was given a codebook of 256.",
           _four_bits),
    Kernel("sparse_matmul", "fillers a place too short", "format",
           "A filler moves on by the largest gap; here by one place less.",
           _fillers_stored),
    Kernel("sparse_matmul", "a block in two strips begins anew", "tail",
           "A block that is cut by the edge of a strip begins with its first weights again.",
           _blocks_begin_anew),
    Kernel("sparse_matmul", "the weights of a block by columns", "format",
           "Blocks are stored by rows, and were read by columns.",
           _blocks_turned),
    Kernel("sparse_matmul", "what is not stored multiplies", "values",
           "The matrix was made dense, and zeros that are not stored meet infinities.",
           _absent_multiply),
    Kernel("sparse_matmul", "stored zeros skipped", "values",
           "A test for zero saves a product, and loses the NaN of 0 times infinity.",
           lambda a, x: reference.sparse_matmul(_without(a, a.numbers == 0), x)),
    Kernel("sparse_matmul", "stale output of empty rows", "state",
           "The output was not cleared, and a row without entries writes nothing.",
           _stale_empty_rows),
    Kernel("sparse_matmul", "in sequence", "order",
           "One chain of float32 additions: the plain loop.",
           _rows(in_sequence)),
    Kernel("sparse_matmul", "16 chains", "order",
           "The lanes of a vector, added by a tree.",
           _rows(lambda terms: interleaved(terms, 16))),
]

"""Some rows of a matrix, or the matrix turned, in the format in which it is stored."""

import math
from collections.abc import Callable

import numpy as np

from ..formats import (
    BSR,
    CSR,
    GGML_TYPES,
    MX,
    NF4,
    NVFP4,
    ArrayFormat,
    Bitmask,
    GGMLBlocks,
    LowRank,
    LowRankSparse,
    Mixed,
    Packed,
    Plain,
    Quantized,
    Shared,
)
from ..formats.floats import MX_BLOCK
from ..formats.nvfp4 import NVFP4_BLOCK

__all__ = ["in_rows", "some_rows", "turned_matrix"]

Rows = slice | np.ndarray  # of a matrix: a range, or indices in any order


def some_rows(weight: ArrayFormat, rows: Rows) -> ArrayFormat | None:
    """Return some rows of a matrix; None of a format that has no rows."""
    take = TAKEN.get(type(weight))
    return None if take is None else take(weight, rows)


def _of_each(a: np.ndarray, rows: Rows) -> np.ndarray:
    """Return what belongs to rows of an array that has an entry for each row, or one for all."""
    return a if a.shape[0] == 1 else a[rows]


def _quantized(w: Quantized, rows: Rows) -> Quantized:
    return Quantized(w.values[rows], _of_each(w.scale, rows), _of_each(w.zero_point, rows), w.group)


def _packed(w: Packed, rows: Rows) -> Packed:
    data = w.data[rows]
    return Packed(data, (len(data), w.shape[1]), w.bits, _of_each(w.scale, rows), _of_each(w.zero_point, rows), w.group)


def _shared(w: Shared, rows: Rows) -> Shared:
    return Shared(w.codes[rows], w.codebook if w.codebook.ndim == 1 else w.codebook[rows], w.group)


def _csr(w: CSR, rows: Rows) -> CSR:
    chosen = np.arange(w.shape[0])[rows]
    counts = np.diff(w.indptr)[chosen]
    indptr = np.concatenate([[0], np.cumsum(counts)])
    places = _entries(w.indptr, chosen)
    return CSR((len(chosen), w.shape[1]), indptr, w.indices[places], w.data_at(places), w.canonical)


def _entries(starts: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the places of the entries of some rows; starts : where each row begins, and the end."""
    counts = np.diff(starts)[chosen]
    before = np.cumsum(counts) - counts
    return np.repeat(starts[chosen] - before, counts) + np.arange(counts.sum())


def _bitmask(w: Bitmask, rows: Rows) -> Bitmask:
    chosen = np.arange(w.shape[0])[rows]
    scale = None if w.scale is None else _of_each(w.scale, rows)
    return Bitmask((len(chosen), w.shape[1]), w.mask[rows], w.values[_entries(w.starts, chosen)], scale, w.group,
                   w.codebook)


def _bsr(w: BSR, rows: Rows) -> BSR:
    """Return the rows with blocks of one row each: the rows of a block need not be chosen together."""
    (r, c), chosen = w.block, np.arange(w.shape[0])[rows]
    places, counts = _entries(w.indptr, chosen // r), np.diff(w.indptr)[chosen // r]
    blocks = w.blocks[places, np.repeat(chosen % r, counts)][:, None]
    return BSR((len(chosen), w.shape[1]), np.append(0, np.cumsum(counts)), w.indices[places],
               blocks.reshape(-1, 1, c))


def _sum(w: LowRankSparse, rows: Rows) -> LowRankSparse | None:
    sparse = some_rows(w.sparse, rows)
    return None if sparse is None else LowRankSparse(_low_rank(w.low, rows), sparse)  # type: ignore[arg-type]


def _low_rank(w: LowRank, rows: Rows) -> LowRank:
    return LowRank(w.u[rows], w.s, w.vt)


def _mixed(w: Mixed, rows: Rows) -> Mixed:
    if w.axis == 1:
        return Mixed(_quantized(w.low, rows), _quantized(w.high, rows), w.wide, 1)
    chosen = np.arange(len(w.wide))[rows]
    wide = w.wide[chosen]
    low, high = (_quantized(part, np.cumsum(of)[chosen[of[chosen]]] - 1)
                 for part, of in ((w.low, ~w.wide), (w.high, w.wide)))
    return Mixed(low, high, wide, 0)


def _blocks(w: GGMLBlocks, rows: Rows) -> GGMLBlocks:
    n, k = w.shape
    data = w.data.reshape(n, k // GGML_TYPES[w.type].numbers, -1)[rows]
    return GGMLBlocks(data.reshape(-1, w.data.shape[1]), w.type, (len(data), k))


TAKEN: dict[type, Callable] = {
    Quantized: _quantized, Packed: _packed, Shared: _shared, CSR: _csr, Bitmask: _bitmask, Mixed: _mixed,
    GGMLBlocks: _blocks, BSR: _bsr, LowRank: _low_rank, LowRankSparse: _sum,
    MX: lambda w, rows: MX(w.codes[rows], w.scales[rows], w.format),
    NF4: lambda w, rows: NF4(w.codes[rows], w.scales[rows], w.block),
    NVFP4: lambda w, rows: NVFP4(w.codes[rows], w.scales[rows], w.tensor_scale),
    Plain: lambda w, rows: Plain(w.patterns[rows], w.type),
}


def in_rows(weight: ArrayFormat, matrix: tuple[int, int]) -> ArrayFormat | None:
    """Return a weight of more axes as a matrix of this shape with the same elements in C order, in the same format.

    None where its blocks, groups or scales are not those of the matrix.
    """
    if isinstance(weight, Plain):
        return Plain(weight.patterns.reshape(matrix), weight.type)
    if isinstance(weight, Shared) and weight.codebook.ndim == 1:
        return Shared(weight.codes.reshape(matrix), weight.codebook)
    if isinstance(weight, MX | NF4 | NVFP4):
        size = weight.shape[-1] if weight.scales.ndim == weight.ndim else math.prod(weight.shape[1:])
        block = weight.block if isinstance(weight, NF4) else NVFP4_BLOCK if isinstance(weight, NVFP4) else MX_BLOCK
        if size != matrix[1] and (size % block or matrix[1] % block):
            return None
        codes, scales = weight.codes.reshape(matrix), weight.scales.reshape(matrix[0], -1)
        if isinstance(weight, MX):
            return MX(codes, scales, weight.format)
        return NF4(codes, scales, block) if isinstance(weight, NF4) else NVFP4(codes, scales, weight.tensor_scale)
    return None


def turned_matrix(weight: ArrayFormat, operation: Callable[[str], Callable]) -> ArrayFormat | None:
    """Return a matrix (k, m) as (m, k); None of what must be decoded: its groups or blocks would not lie along rows."""
    if isinstance(weight, Shared) and weight.codebook.ndim == 1:
        return Shared(np.ascontiguousarray(weight.codes.T), weight.codebook)
    if isinstance(weight, Quantized) and weight.group is None:
        parts = weight.values, weight.scale, weight.zero_point
        values, scale, zero_point = (np.ascontiguousarray(part.T) for part in parts)
        return Quantized(values, scale, zero_point)
    if isinstance(weight, Packed) and weight.group is None:
        return operation("quantize_pack")(turned_matrix(operation("quantize_unpack")(weight), operation),
                                          bits=weight.bits)
    if isinstance(weight, Mixed) and weight.low.group is None and weight.high.group is None:
        low, high = (turned_matrix(part, operation) for part in (weight.low, weight.high))
        return Mixed(low, high, weight.wide, 1 - weight.axis)  # type: ignore[arg-type]
    if isinstance(weight, CSR):
        order = np.argsort(weight.indices, kind="stable")  # by columns, and in each by rows
        rows = np.repeat(np.arange(weight.shape[0]), np.diff(weight.indptr))
        indptr = np.concatenate([[0], np.cumsum(np.bincount(weight.indices, minlength=weight.shape[1]))])
        return CSR(weight.shape[::-1], indptr, rows[order], weight.data_at(order), weight.canonical)
    if isinstance(weight, BSR):
        order = np.argsort(weight.indices, kind="stable")  # by block columns, and in each by block rows
        (m, k), (r, c) = weight.shape, weight.block
        rows = np.repeat(np.arange(m // r), np.diff(weight.indptr)).astype(np.int32)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(weight.indices, minlength=k // c))])
        return BSR((k, m), indptr, rows[order], np.ascontiguousarray(weight.blocks[order].transpose(0, 2, 1)))
    if isinstance(weight, LowRankSparse):
        low, sparse = (turned_matrix(part, operation) for part in (weight.low, weight.sparse))
        return None if sparse is None else LowRankSparse(low, sparse)  # type: ignore[arg-type]
    if isinstance(weight, LowRank):
        return LowRank(weight.vt.T, weight.s, weight.u.T)
    if isinstance(weight, Plain) and weight.product is not None:
        return Plain(np.ascontiguousarray(weight.patterns.T), weight.type)
    return None

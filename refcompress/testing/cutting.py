"""Arguments with shorter axes: arrays keep the way they lie, formats stay formats."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from .. import reference
from ..formats import BSR, CSR, Bitmask, Encoded, GGMLBlocks, HuffmanCode, LowRank, LowRankSparse, Mixed, Packed
from ..formats.kept import Kept
from . import memory

BLOCKS = (None, 16, 32)  # of formats whose class knows the size of a block


def sizes_of(value: Any) -> set[int]:
    """Return the lengths of the axes of an argument."""
    if isinstance(value, Encoded):
        return {value.count}
    if isinstance(value, HuffmanCode):
        return {len(value.lengths)}
    if isinstance(value, (bytes, list)):
        return {len(value)}
    shape = getattr(value, "shape", ())
    sizes = {int(size) for size in shape} if isinstance(shape, tuple) else set()
    low = value.low if isinstance(value, LowRankSparse) else value
    return sizes | {low.rank} if isinstance(low, LowRank) else sizes


def cut(value: Any, size: int, new: int, last: bool, axis: int | None = None) -> Iterator[Any]:
    """Yield the argument with every axis of the length ``size`` (or one axis) cut to ``new``; nothing if it has none.

    last : keep the last ones, not the first.
    """
    if size not in sizes_of(value):
        return
    if type(value) is np.ndarray:
        yield _shorter(value, size, new, last, axis)
    elif isinstance(value, (bytes, list)):
        yield value[len(value) - new:] if last else value[:new]
    elif is_dataclass(value):
        try:
            yield from _formats(value, size, new, last)
        except (ValueError, TypeError, IndexError, RuntimeError):  # there is no such matrix
            return


def _shorter(a: np.ndarray, size: int, new: int, last: bool, axis: int | None = None) -> np.ndarray:
    part = slice(size - new, None) if last else slice(new)
    view = a[tuple(part if length == size and axis in (None, i) else slice(None) for i, length in enumerate(a.shape))]
    place = memory.place_of(a)
    strides = None if place.strides is None else _alike(place.strides, a.shape, view.shape, a.itemsize)
    return memory.at(view, strides=strides, offset=place.offset, read_only=place.read_only, guard=place.guard)


def _alike(strides: tuple[int, ...], old: tuple[int, ...], new: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Return strides for a shorter array in the same order of axes, of the same signs, with gaps as wide."""
    order = sorted(range(len(old)), key=lambda axis: (abs(strides[axis]), -axis))
    found, was, step = list(strides), itemsize, itemsize
    for axis in order:
        if strides[axis] == 0:
            continue
        gap = max(1, -(-abs(strides[axis]) // max(was, 1)))
        found[axis] = step * gap * (1 if strides[axis] > 0 else -1)
        was, step = abs(strides[axis]) * old[axis], abs(found[axis]) * max(new[axis], 1)
    return tuple(found)


def _formats(value: Any, size: int, new: int, last: bool) -> Iterator[Any]:
    part = slice(size - new, None) if last else slice(new)
    if isinstance(value, Encoded):
        yield reference.huffman_encode(reference.huffman_decode(value)[part], value.code)
    elif isinstance(value, HuffmanCode):  # of so many symbols, all as frequent
        yield reference.huffman_code(reference.huffman_lengths(np.ones(new, np.int64)))
    elif isinstance(value, Packed):
        for q in _formats(reference.quantize_unpack(value), size, new, last):
            yield reference.quantize_pack(q, bits=value.bits)
    elif isinstance(value, LowRank):
        for rows, rank, columns in _of_products(value, size, part):
            yield _low_rank(value, rows, rank, columns)
    elif isinstance(value, LowRankSparse):
        for rows, rank, columns in _of_products(value.low, size, part):
            for sparse in _sparse(value.sparse, rows, columns):
                yield LowRankSparse(_low_rank(value.low, rows, rank, columns), sparse)
    elif isinstance(value, Mixed):
        yield _mixed(value, size, part)
    elif isinstance(value, GGMLBlocks):
        blocks = value.data.reshape(*value.shape[:-1], -1, value.data.shape[1])
        if len(value.shape) > 1 and value.shape[0] == size:
            shape = (new, *value.shape[1:])
            yield GGMLBlocks(blocks[part].reshape(-1, value.data.shape[1]), value.type, shape)
        else:
            numbers = value.shape[-1] // blocks.shape[-2]
            kept = blocks[..., : new // numbers, :]
            shape = (*value.shape[:-1], new // numbers * numbers)
            yield GGMLBlocks(kept.reshape(-1, value.data.shape[1]), value.type, shape)
    elif isinstance(value, BSR):
        yield _blocks(value, *_parts(value.shape, size, part))
    elif isinstance(value, CSR | Kept):
        yield from _sparse(value, *_parts(value.shape, size, part))
    else:
        yield from _by_fields(value, size, new, part)


def _parts(shape: tuple[int, int], size: int, part: slice) -> tuple[slice, slice]:
    rows, columns = (part if length == size else slice(None) for length in shape)
    return rows, columns


def _of_products(a: LowRank, size: int, part: slice) -> Iterator[tuple[slice, slice, slice]]:
    """Yield parts of rows, ranks and columns: the three may be equal, and one alone may be what matters."""
    long = [length == size for length in (a.shape[0], a.rank, a.shape[1])]
    ways = [[of and chosen for of, chosen in zip(long, way)] for way in _WAYS]
    for way in dict.fromkeys(tuple(way) for way in ways if any(way)):
        rows, rank, columns = (part if chosen else slice(None) for chosen in way)
        yield rows, rank, columns


_WAYS = ((True, True, True), (True, False, True), (True, False, False), (False, False, True), (False, True, False))


def _low_rank(a: LowRank, rows: slice, rank: slice, columns: slice) -> LowRank:
    return LowRank(a.u[rows, rank], a.s[rank], a.vt[rank, columns])


def _by_fields(value: Any, size: int, new: int, part: slice) -> Iterator[Any]:
    """Cut the axes of all fields that are so long; with blocks, the axes that count blocks too."""
    for block in dict.fromkeys((*((value.group,) if getattr(value, "group", None) else ()), *BLOCKS)):
        held = {}
        for field in fields(value):
            item = getattr(value, field.name)
            if isinstance(item, np.ndarray):
                places: list = [part if length == size else slice(None) for length in item.shape]
                if block and item.ndim and item.shape[-1] == -(-size // block) and part.start is None:
                    places[-1] = slice(-(-new // block))
                item = item[tuple(places)]
            elif isinstance(item, tuple):
                item = tuple(new if length == size else length for length in item)
            held[field.name] = item
        try:
            yield type(value)(**held)
        except (ValueError, TypeError, IndexError):  # not the way in which this format is cut
            continue


def _sparse(a: CSR | Kept, rows: slice, columns: slice) -> Iterator[CSR | Kept]:
    if isinstance(a, CSR):
        yield _csr(a, rows, columns)
    elif isinstance(a, Bitmask):
        yield _bitmask(a, rows, columns)
    elif columns == slice(None):  # NM and Relative: the nearest that is not theirs alone
        yield _repacked(a, rows)


def _csr(a: CSR, rows: slice, columns: slice) -> CSR:
    m, k = a.shape
    row = np.repeat(np.arange(m), np.diff(a.indptr))
    left, right, _ = columns.indices(k)
    top, bottom, _ = rows.indices(m)
    kept = (row >= top) & (row < bottom) & (a.indices >= left) & (a.indices < right)
    counts = np.bincount(row[kept] - top, minlength=bottom - top)
    data = a.data[kept] if isinstance(a.data, np.ndarray) else type(a.data)(a.data.patterns[kept], a.data.type)
    return CSR((bottom - top, right - left), np.concatenate([[0], np.cumsum(counts)]), a.indices[kept] - left, data,
               canonical=a.canonical)


def _blocks(a: BSR, rows: slice, columns: slice) -> BSR:
    (r, c), (m, k) = a.block, a.shape
    top, bottom, _ = rows.indices(m)
    left, right, _ = columns.indices(k)
    row = np.repeat(np.arange(m // r), np.diff(a.indptr))
    kept = (row >= top // r) & (row < bottom // r) & (a.indices >= left // c) & (a.indices < right // c)
    counts = np.bincount(row[kept] - top // r, minlength=bottom // r - top // r)
    return BSR((bottom - top, right - left), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
               a.indices[kept] - np.int32(left // c), a.blocks[kept])


def _bitmask(a: Bitmask, rows: slice, columns: slice) -> Bitmask:
    if columns.start:
        raise ValueError("groups begin at the first column")
    kept = a.kept
    inside = np.zeros(a.shape, bool)
    inside[rows, columns] = True
    mask = kept[rows, columns]
    scale = a.scale
    if scale is not None:
        scale = scale[rows] if len(scale) == a.shape[0] and len(scale) > 1 else scale
        scale = scale if a.group is None else scale[:, : -(-mask.shape[1] // a.group)]
    return Bitmask(mask.shape, np.packbits(mask, axis=1, bitorder="little"), a.values[inside[kept]], scale, a.group,
                   a.codebook)


def _repacked(a: Any, rows: slice) -> Any:
    """Return some rows of a matrix of float32 or of shared values, packed again."""
    from ..formats import NM, Relative, Shared

    mask = a.kept[rows]
    if isinstance(a, Relative):
        codes = np.zeros(a.shape, np.uint8)
        codes.reshape(-1)[a.positions] = a.values
        return reference.sparse_relative_pack(Shared(codes[rows], a.codebook), mask, bits=a.skip_bits)
    if isinstance(a, NM) and a.codebook is None and a.scale is None:
        return reference.sparse_nm_pack(a.dense()[rows], mask, n=a.n, m=a.m)
    raise ValueError("no shorter one is known")


def _mixed(a: Mixed, size: int, part: slice) -> Mixed:
    axis = a.axis
    if a.shape[axis] != size or a.shape.count(size) > 1:
        low, high = (next(_by_fields(q, size, part.indices(size)[1] - part.indices(size)[0], part))
                     for q in (a.low, a.high))
        return Mixed(low, high, a.wide, axis)
    wide = a.wide[part]
    places = [(int(np.count_nonzero(of[: part.start or 0])), int(np.count_nonzero(kept)))
              for of, kept in ((~a.wide, ~wide), (a.wide, wide))]
    low, high = (_quantized(q, axis, begin, count) for q, (begin, count) in zip((a.low, a.high), places))
    return Mixed(low, high, wide, axis)


def _quantized(q: Any, axis: int, begin: int, count: int) -> Any:
    length = q.values.shape[axis]
    ix = tuple(slice(begin, begin + count) if i == axis else slice(None) for i in range(2))
    own = [a[ix] if a.shape[axis] == length and length > 1 else a for a in (q.scale, q.zero_point)]
    return type(q)(q.values[ix], *own, q.group)

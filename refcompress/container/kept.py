"""Kind 23: what is stored of a matrix, where, and in which form it was in memory (FORMAT.md)."""

from typing import NamedTuple

import numpy as np

from .. import arguments
from ..errors import UnsupportedVersionError
from ..formats import NM, Bitmask, Relative
from ..formats.kept import Kept
from ..formats.nm import places_of
from . import positions, stream_reading, streams
from .arrays import checked, owned, raw, read_raw
from .codes import read_layout
from .cursor import Coding, Reader, integer_bytes
from .kinds import Kind
from .quantized import fold, unfold

FORMS: dict[type, int] = {Bitmask: 0, Relative: 1, NM: 2}
FLOATS, INTEGERS, CODES = range(3)  # what the values are
_OF_DTYPE = {"float32": FLOATS, "int8": INTEGERS, "uint8": CODES}


def write_kept(a: Kept, coding: Coding) -> bytes:
    m, k = a.shape
    values = _OF_DTYPE[a.values.dtype.name]
    parts: list[bytes | memoryview] = [
        bytes([Kind.KEPT, FORMS[type(a)]]), integer_bytes(m), integer_bytes(k), bytes([values])]
    if isinstance(a, Relative):
        parts[0] = bytes([Kind.KEPT, FORMS[Relative], a.skip_bits, a.code_bits])
    if isinstance(a, NM):
        parts[0] = bytes([Kind.KEPT, FORMS[NM], a.n, a.m])
    if a.scale is not None:
        own = a.scale.shape[0] == m != 1
        parts += [integer_bytes(a.group or 0), bytes([own]), raw(a.scale)]
    if a.codebook is not None:
        parts += [integer_bytes(len(a.codebook)), raw(a.codebook)]
    found = positions.smallest(positions.Given(a.positions), m * k, coding)
    assert found is not None  # nothing was given that it must beat
    parts += [bytes([found.number]), found.tobytes()]
    if values == FLOATS:
        return b"".join([*parts, raw(a.values)])
    return b"".join([*parts, streams.Stream(fold(a.values) if values == INTEGERS else a.values, coding).tobytes()])


def read_kept(reader: Reader, kind: int) -> Kept:
    head = read_head(reader)
    (m, k), values, scale, group, codebook = head.shape, head.values, head.scale, head.group, head.codebook
    layout = read_layout(reader)
    if layout == positions.DENSE:
        raise reader.corrupt("kept weights have no dense layout")
    width = -(-k // 8)
    reader.promise(8 * (m + 1) if head.form == FORMS[Relative] else m * width)
    start = reader.position
    places = positions.read(reader, layout, m * k)
    smaller = positions.smallest(places, m * k, reader.coding, reader.position - start, layout)
    if smaller:
        raise reader.corrupt(f"is of layout {layout} where a writer takes {smaller.number}")
    if values == FLOATS:
        data = read_raw(reader, (places.count,), np.float32, "values")
    else:
        reader.promise(places.count)
        data = stream_reading.read(reader, places.count, 256 if codebook is None else len(codebook), "values")
        data = owned(unfold(data) if values == INTEGERS else data)
    if head.form == FORMS[Relative]:
        from ..reference.sparse.relative import relative  # whose family needs that of the products

        assert codebook is not None  # read_head has seen to it
        reader.bear(32 * places.count)
        where = np.concatenate([*places, np.zeros(0, np.int64)])
        a = checked(reader, relative, (m, k), where // max(k, 1), where % max(k, 1), data, *head.sizes, codebook)
        reader.promise(a.skips.nbytes + a.codes.nbytes)
        if not data.all():
            raise reader.corrupt("code 0 is not stored")
        return a
    if head.form == FORMS[NM]:
        reader.bear(2 * m * k)
        kept = np.zeros(m * k, bool)
        for block in places:
            kept[block] = True
        packed = places_of(kept.reshape(m, k), head.sizes[1])
        found = checked(reader, NM, (m, k), *head.sizes, packed, data, scale, group, codebook)
        if not np.array_equal(found.kept.reshape(-1), kept):
            raise reader.corrupt("not so many of each run of columns are stored")
        return found
    mask = np.zeros(m * width, np.uint8)
    for block in places:
        columns = block % k
        np.bitwise_or.at(mask, block // k * width + columns // 8, np.uint8(1) << (columns % 8).astype(np.uint8))
    return checked(reader, Bitmask, (m, k), owned(mask.reshape(m, width)), data, scale, group, codebook)


class Head(NamedTuple):
    """What stands before the positions. sizes : the bits of a skip and of a code (form 1), or n and m (form 2)."""

    form: int
    shape: tuple[int, int]
    values: int
    scale: np.ndarray | None
    group: int | None
    codebook: np.ndarray | None
    sizes: tuple[int, ...]


def read_head(reader: Reader) -> Head:
    """Return what stands before the positions; refuse a form of a later release."""
    form = reader.byte("header")
    if form not in FORMS.values():
        raise UnsupportedVersionError("data", f"entry {reader.entry!r} is of form {form}; this release reads 0 to "
                                              f"{max(FORMS.values())}")
    sizes = tuple(reader.byte("header") for _ in range(0 if form == FORMS[Bitmask] else 2))
    relative_index = form == FORMS[Relative]
    if relative_index and not all(1 <= each <= 8 for each in sizes):
        raise reader.corrupt(f"skips and codes have 1 to 8 bits, not {sizes[0]} and {sizes[1]}")
    if form == FORMS[NM] and not (1 <= sizes[0] <= sizes[1] and 2 <= sizes[1] <= 16):
        raise reader.corrupt(f"{sizes[0]} of {sizes[1]} columns are no form of sparsity")
    shape = reader.integer("shapes"), reader.integer("shapes")
    m, k = checked(reader, arguments.shape, shape, itemsize=4)
    values = reader.byte("header")
    if values > CODES or relative_index and values != CODES:
        raise reader.corrupt(f"type {values} of values does not stand here")
    scale = group = codebook = None
    if values == INTEGERS:
        group, own = reader.integer("header") or None, reader.byte("header")
        if own > 1 or own and m == 1:
            raise reader.corrupt("whether rows have scales of their own must be 0 or 1, and 0 of a single row")
        scale = read_raw(reader, (m if own else 1, 1 if group is None else -(-k // group)), np.float32, "scales")
    elif values == CODES:
        c = reader.integer("header")
        if not 1 <= c <= 256:
            raise reader.corrupt(f"a codebook of kept weights has 1 to 256 entries, not {c}")
        if relative_index and c > 2 ** sizes[1]:
            raise reader.corrupt(f"codes of {sizes[1]} bits have no codebook of {c}")
        codebook = read_raw(reader, (c,), np.float32, "codebooks")
    return Head(form, (m, k), values, scale, group, codebook, sizes)

"""Kinds 24 and 25: a matrix by blocks, and a matrix of low rank with a sparse one beside it (FORMAT.md)."""

from typing import NamedTuple

import numpy as np

from .. import arguments
from ..formats import BSR, LowRankSparse
from . import positions
from .arrays import checked, raw, read_raw
from .cursor import Coding, Reader, integer_bytes
from .kinds import Kind, listed
from .row_places import pointers_of, read_places

SPARSE = Kind.CSR, Kind.KEPT, Kind.BLOCKS  # what stands beside a matrix of low rank


def write_bsr(a: BSR, coding: Coding) -> bytes:
    (m, k), (r, c) = a.shape, a.block
    across = k // c
    places = np.repeat(np.arange(m // r, dtype=np.int64) * across, np.diff(a.indptr)) + a.indices
    found = positions.smallest(positions.Given(places), m // r * across, coding)
    assert found is not None  # nothing was given that it must beat
    sizes = map(integer_bytes, (m, k, r, c))
    return b"".join([bytes([Kind.BLOCKS]), *sizes, bytes([found.number]), found.tobytes(), raw(a.blocks)])


class Head(NamedTuple):
    """The sizes of the matrix and of a block."""

    shape: tuple[int, int]
    block: tuple[int, int]

    @property
    def grid(self) -> tuple[int, int]:
        """The block rows, and the blocks of each."""
        return self.shape[0] // self.block[0], self.shape[1] // self.block[1]


def read_head(reader: Reader) -> Head:
    """Return what stands before the positions."""
    m, k = checked(reader, arguments.shape, (reader.integer("shapes"), reader.integer("shapes")), itemsize=4)
    r, c = checked(reader, arguments.shape, (reader.integer("shapes"), reader.integer("shapes")), itemsize=4)
    if k >= 2**31:
        raise reader.corrupt(f"a matrix by blocks has fewer than 2**31 columns, not {k}")
    if not (r and c) or m % r or k % c:
        raise reader.corrupt(f"a matrix of {m} x {k} is not cut into blocks of {r} x {c}")
    return Head((m, k), (r, c))


def read_bsr(reader: Reader, kind: int) -> BSR:
    head = read_head(reader)
    rows, across = head.grid
    places = read_places(reader, rows, across, "blocks have")
    blocks = read_raw(reader, (places.count, *head.block), np.float32, "values")
    return checked(reader, BSR, head.shape, *pointers_of(places, rows, across), blocks)


def write_sum(a: LowRankSparse, coding: Coding) -> bytes:
    from .entries import write  # which lists this kind, too

    return b"".join([bytes([Kind.SUM]), write(a.low, coding), write(a.sparse, coding)])


def read_sum(reader: Reader, kind: int) -> LowRankSparse:
    return checked(reader, LowRankSparse, read_part(reader, (Kind.LOW_RANK,)), read_part(reader, SPARSE))


def read_part(reader: Reader, kinds: tuple[Kind, ...]):
    """Return a part of a sum, of one of some kinds."""
    from .entries import read

    kind = reader.byte("header")
    if kind not in kinds:
        allowed = listed(kinds) if len(kinds) > 1 else f"{kinds[0]:d}"
        raise reader.corrupt(f"a part of a sum is of kind {allowed} here, not {kind}")
    return read(reader, kind)

"""The kinds of entry that are products: LowRank, LowRankConv and Tucker2, whose float32 factors stand as they are."""

import numpy as np

from .. import arguments
from ..formats import LowRank, LowRankConv, Tucker2
from .arrays import checked, raw, read_raw
from .cursor import Coding, Reader, integer_bytes
from .kinds import Kind


def write_lowrank(a: LowRank, coding: Coding) -> bytes:
    sizes = *a.shape, a.rank
    arguments.shape(sizes, itemsize=4)
    return _written(Kind.LOW_RANK, sizes, a.u, a.s, a.vt)


def read_lowrank(reader: Reader, kind: int) -> LowRank:
    m, k, r = sizes = _sizes(reader, 3)
    checked(reader, arguments.shape, sizes, itemsize=4)
    return checked(reader, LowRank, *_factors(reader, (m, r), (r,), (r, k)))


def write_lowrank_conv(a: LowRankConv, coding: Coding) -> bytes:
    (r, c, h1, w1), (m, _, h2, w2) = a.first.shape, a.second.shape
    return _written(Kind.LOW_RANK_CONV, (m, c, r, h1, w1, h2, w2), a.first, a.second)


def read_lowrank_conv(reader: Reader, kind: int) -> LowRankConv:
    m, c, r, h1, w1, h2, w2 = _sizes(reader, 7)
    return checked(reader, LowRankConv, *_factors(reader, (r, c, h1, w1), (m, r, h2, w2)))


def write_tucker2(a: Tucker2, coding: Coding) -> bytes:
    m, c, h, w = a.shape
    return _written(Kind.TUCKER2, (m, c, *a.ranks, h, w), a.outputs, a.core, a.inputs)


def read_tucker2(reader: Reader, kind: int) -> Tucker2:
    m, c, p, q, h, w = _sizes(reader, 6)
    return checked(reader, Tucker2, *_factors(reader, (m, p), (p, q, h, w), (c, q)))


def _written(kind: Kind, sizes: tuple[int, ...], *factors: np.ndarray) -> bytes:
    return b"".join([bytes([kind]), *map(integer_bytes, sizes), *map(raw, factors)])


def _sizes(reader: Reader, count: int) -> tuple[int, ...]:
    return tuple(reader.integer("shapes") for _ in range(count))


def _factors(reader: Reader, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Return the factors, of which each has a size that an int64 counts: NumPy multiplies the sizes beside a 0 too."""
    for shape in shapes:
        checked(reader, arguments.shape, shape, itemsize=4)
    return [read_raw(reader, shape, np.float32, "factors") for shape in shapes]

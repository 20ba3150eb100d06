"""The units that pruning keeps or drops whole: N of M consecutive elements, and the blocks of a matrix.

Rows, columns, filters and channels are blocks too: an array is taken as a matrix of axis 0 by all other axes, a unit as
a block of it, ``high`` rows by ``wide`` columns.
"""

import math
from collections.abc import Callable

import numpy as np

from ...errors import RefcompressError
from ...formats.base import matrix_shape

STRUCTURES = ("element", "nm", "block", "row", "column", "filter", "channel")


def n_of_m(scores: np.ndarray, largest: Callable, n: int, m: int, axis: int | None) -> np.ndarray:
    """Return the mask of the n largest of each m consecutive elements; of a last group of r < m, ceil(n r / m).

    Groups run along ``axis``; without one in the rows of the matrix of axis 0 by all others, or along a vector.
    ``largest(rows, n)`` returns the mask of the n largest of each row.
    """
    mask = np.zeros(scores.shape, dtype=bool)
    if axis is None:
        along, marks = (a.reshape(matrix_shape(a.shape)) for a in (scores, mask))
    else:
        along, marks = np.moveaxis(scores, axis, -1), np.moveaxis(mask, axis, -1)
    length = along.shape[-1]
    whole = length - length % m
    for part, width, kept in ((slice(0, whole), m, n), (slice(whole, length), length % m, -(-n * (length % m) // m))):
        if marks[..., part].size:
            groups = along[..., part].reshape(-1, width)
            marks[..., part] = largest(groups, kept).reshape(marks[..., part].shape)
    return mask


def block_sums(scores: np.ndarray, structure: str, high: int, wide: int) -> np.ndarray:
    """Return the sum of the scores in each block: float64, one after the other in C order; of one element, itself."""
    if high == wide == 1:
        return scores
    matrix = scores.reshape(as_matrix(scores.shape))
    sums = np.zeros(block_counts(scores.shape, high, wide))
    block_of_column = np.arange(matrix.shape[1]) // wide
    with np.errstate(over="ignore", invalid="ignore"):
        for i, row in enumerate(matrix):
            np.add.at(sums[i // high], block_of_column, row.astype(np.float64))
    return without_cancelled(sums, structure)


def without_cancelled(sums: np.ndarray, structure: str) -> np.ndarray:
    """Return the sums of blocks; refuse one in which infinities cancelled."""
    if np.isnan(sums).any():
        raise RefcompressError("scores", f"must not hold a {structure} with infinities of both signs: its sum is NaN")
    return sums


def spread(kept: np.ndarray, shape: tuple[int, ...], high: int, wide: int) -> np.ndarray:
    """Return the mask of all elements, given the one of the blocks."""
    if high == wide == 1:
        return kept.reshape(shape)
    rows, columns = as_matrix(shape)
    return np.repeat(np.repeat(kept, high, axis=0)[:rows], wide, axis=1)[:, :columns].reshape(shape)


def block_sides(shape: tuple[int, ...], structure: str, block: tuple[int, int] | None) -> tuple[int, int]:
    """Return how many rows and columns of the matrix a unit of this structure has: at least 1, at most all of them."""
    if structure == "element":
        return 1, 1
    rows, columns = as_matrix(shape)
    high, wide = {"block": block or (1, 1), "row": (1, columns), "filter": (1, columns), "column": (rows, 1),
                  "channel": (rows, math.prod(shape[2:]))}[structure]
    return max(min(high, rows), 1), max(min(wide, columns), 1)


def block_counts(shape: tuple[int, ...], high: int, wide: int) -> tuple[int, ...]:
    """Return how many blocks the matrix has, down and across; of blocks of one element, the shape itself."""
    if high == wide == 1:
        return shape
    rows, columns = as_matrix(shape)
    return -(-rows // high), -(-columns // wide)


def check_dimensions(ndim: int, argument: str, structure: str) -> None:
    """Refuse an array that has no units of this structure."""
    least = {"element": 0, "nm": 1}.get(structure, 2)
    if structure in ("row", "column") and ndim != 2:
        raise RefcompressError(argument, f"must have 2 dimensions for the structure {structure!r}, not {ndim}")
    if ndim < least:
        raise RefcompressError(argument,
                               f"must have {least} or more dimensions for the structure {structure!r}, not {ndim}")


def as_matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the sizes of the matrix of axis 0 by all others."""
    return shape[0], math.prod(shape[1:])

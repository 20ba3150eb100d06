"""The units that pruning keeps or drops whole: N of M consecutive elements, and the blocks of a matrix.

Rows, columns, filters and channels are blocks too: an array is taken as a matrix of axis 0 by all other axes, a unit as
a block of it, ``high`` rows by ``wide`` columns.
"""

import math
from collections.abc import Mapping

import numpy as np

from ... import arguments
from ...errors import RefcompressError
from ...formats.base import matrix_shape

STRUCTURES = ("element", "nm", "block", "row", "column", "filter", "channel")
RUN = 2**18  # elements ranked at once: their order takes eight bytes each


def n_of_m(scores: np.ndarray, n: int, m: int, axis: int | None) -> np.ndarray:
    """Return the mask of the n largest of each m consecutive elements; of a last group of r < m, ceil(n r / m).

    They run along ``axis``; without one in the rows of the matrix of axis 0 by all others, or along a vector.
    """
    mask = np.zeros(scores.shape, dtype=bool)
    if not mask.size:
        return mask
    if axis is None:
        along, marks = (a.reshape(matrix_shape(a.shape)) for a in (scores, mask))
    else:
        along, marks = np.moveaxis(scores, axis, -1), np.moveaxis(mask, axis, -1)
    length = along.shape[-1]
    whole = length - length % m
    if whole:
        groups = np.reshape(along[..., :whole], (-1, m))
        run = max(RUN // m, 1)
        kept = np.concatenate([_largest_of_each(groups[i : i + run], n) for i in range(0, len(groups), run)])
        marks[..., :whole] = kept.reshape(marks[..., :whole].shape)
    if whole < length:
        rest = along[..., whole:].reshape(-1, length - whole)
        marks[..., whole:] = _largest_of_each(rest, -(-n * (length - whole) // m)).reshape(marks[..., whole:].shape)
    return mask


def _largest_of_each(rows: np.ndarray, keep: int) -> np.ndarray:
    """Return the mask of the ``keep`` largest of each row, ties to the lowest index."""
    order = np.argsort(-rows, axis=1, kind="stable")  # stable: of equal scores the first comes first
    mask = np.zeros(rows.shape, dtype=bool)
    np.put_along_axis(mask, order[:, :keep], True, axis=1)
    return mask


def sums(scores: np.ndarray, high: int, wide: int, structure: str) -> np.ndarray:
    """Return the sum of the scores in each block: float64, one after the other in C order; of one element, itself."""
    if high == wide == 1:
        return scores
    matrix = _matrix(scores)
    rows, columns = matrix.shape
    total = np.zeros((-(-rows // high), -(-columns // wide)))
    block_of_column = np.arange(columns) // wide
    with np.errstate(over="ignore", invalid="ignore"):
        for i, row in enumerate(matrix):
            np.add.at(total[i // high], block_of_column, row.astype(np.float64))
    if np.isnan(total).any():
        raise RefcompressError("scores", f"must not hold a {structure} with infinities of both signs: its sum is NaN")
    return total


def spread(kept: np.ndarray, high: int, wide: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return the mask of all elements, given the one of the blocks."""
    if high == wide == 1:
        return kept.reshape(shape)
    rows, columns = _sizes(shape)
    return np.repeat(np.repeat(kept, high, axis=0)[:rows], wide, axis=1)[:, :columns].reshape(shape)


def _matrix(a: np.ndarray) -> np.ndarray:
    return a.reshape(_sizes(a.shape))


def _sizes(shape: tuple[int, ...]) -> tuple[int, int]:
    return shape[0], math.prod(shape[1:])


def sides(arrays: dict, structure: str, *, block, **options) -> dict:
    """Return (high, wide) of the units of each array, for "nm" (n, m, axis) of each; or refuse what does not go with the
    structure or the shapes."""
    structure = arguments.choice(structure, "structure", STRUCTURES)
    meant = {"nm": ("n", "m", "axis"), "block": ("block", "sparsity", "keep")}.get(structure, ("sparsity", "keep"))
    for name, value in {"block": block, **options}.items():
        if value is not None and name not in meant:
            raise RefcompressError(name, f"has no meaning for the structure {structure!r}")
    if structure == "nm":
        m = arguments.integer(options["m"], "m", 1)
        n = arguments.integer(options["n"], "n", 0, m)
    if structure == "block":
        block = arguments.shape(block, "block")
        if len(block) != 2 or 0 in block:
            raise RefcompressError("block", f"must be two sizes of at least 1, not {block}")
    found = {}
    for name, a in arrays.items():
        where = "scores" if name is None else f"scores[{name!r}]"
        least = {"element": 0, "nm": 1}.get(structure, 2)
        if a.ndim < least or (a.ndim > 2 and structure in ("row", "column")):
            count = "2 dimensions" if structure in ("row", "column") else f"{least} or more dimensions"
            raise RefcompressError(where, f"must have {count} for the structure {structure!r}, not {a.ndim}")
        if structure == "nm":
            axis = options["axis"]
            found[name] = n, m, None if axis is None else arguments.integer(axis, "axis", -a.ndim, a.ndim - 1)
        elif least == 2:
            (rows, columns), rest = _sizes(a.shape), math.prod(a.shape[2:])
            high, wide = {"block": block, "row": (1, columns), "filter": (1, columns), "column": (rows, 1),
                          "channel": (rows, rest)}[structure]
            found[name] = max(high, 1), max(wide, 1)
        else:
            found[name] = 1, 1
    return found


def named_arrays(value, argument: str, *dtypes) -> dict:
    """Return the arrays of a dict, or one array under the name None; refuse other dtypes, and NaN by index."""
    named = {name: (f"{argument}[{name!r}]", a) for name, a in value.items()} if isinstance(value, Mapping) else {
        None: (argument, value)}
    return {name: arguments.not_nan(arguments.array(a, where, *dtypes), where) for name, (where, a) in named.items()}

"""What to keep: one selection step for all criteria, of single elements, of N of M, or of whole blocks.

A score is larger for what matters more; the other files of this family compute scores.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ... import arguments
from ...errors import RefcompressError
from .magnitude import count_to_keep, joined, named_arrays, place, split, without_nan
from .structure import STRUCTURES, block_counts, block_sides, block_sums, check_dimensions, n_of_m, spread

__all__ = ["prune_select"]


def prune_select(scores: ArrayLike | Mapping[str, ArrayLike], *, sparsity: float | None = None, keep: int | None = None,
                 structure: str = "element", block: tuple[int, int] | None = None, n: int | None = None,
                 m: int | None = None, axis: int | None = None) -> Any:
    """Choose the elements, groups or units of largest score: the one step that all criteria share.

        a unit's score = the sum of the scores in it;    the ``keep`` units of largest score stay

    Parameters
    ----------
    scores : array of float32 or float64, any shape, or a dict of name to such an array
        The arrays of a dict are ranked together, in its order, each in C order. Scores are compared with their signs.
    sparsity, keep : float in [0, 1], or int in [0, number of units]; exactly one, except for "nm"
        The share to prune, rint(sparsity * units) of them, ties to even; or the number of units to keep.
    structure : what a unit is
        "element"; "block", of ``block`` = (rows, columns), smaller at the lower and right edge where the sizes do not
        divide; "row" or "column" of a matrix; "filter" or "channel": all scores of one index of axis 0 or axis 1, of
        two axes or more. An array of more than two axes has the blocks of the matrix of axis 0 by all other axes.
        "nm": ``n`` of each ``m`` consecutive elements along ``axis`` (-1 is the last one) are kept; of a last group of
        r < m elements ceil(n r / m). Each array of a dict is then pruned by itself. Without ``axis``, groups run along
        the last axis; in an array of more than two axes, such as the kernels of a convolution, along all axes but the
        first.

    Returns
    -------
    mask : array of bool, shape of scores, or a dict of them
        True where a unit is kept; ties go to the lowest index. Sums are taken in float64, one after the other in C
        order, from +0.0. Elements and groups are compared as they are.

    Raises
    ------
    RefcompressError : for a NaN, by its index, and for a unit that holds infinities of both signs: its sum is NaN.

    **Source** N:M: Mishra et al., Accelerating Sparse Deep Neural Networks (2021, arXiv 2104.08378); blocks: Narang,
    Undersander & Diamos, Block-Sparse Recurrent Neural Networks (2017, arXiv 1711.02782); filters: Li, Kadav,
    Durdanovic, Samet & Graf, Pruning Filters for Efficient ConvNets (2017, arXiv 1608.08710), section 3.1.

    **Departs** counts are exact and ties have a rule; Narang et al. rank a block by its largest weight, here its sum
    decides, as Li et al. do with filters.

    Cost O(size log size); O(size log m) for "nm". The native form is O(size), for "nm" with m up to 16 O(size m).
    Beside the masks it takes for elements an eighth of the bytes of the scores at most (and where arrays have two
    types, all of them as float64), for "nm" nothing, for blocks 9 bytes a block and an eighth of that.

    >>> import numpy as np
    >>> scores = np.array([[4, 3, 2, 1, 7], [1, 1, 1, 1, 0]], dtype=np.float32)
    >>> prune_select(scores, structure="nm", n=2, m=4).astype(int)
    array([[1, 1, 0, 0, 1],
           [1, 1, 0, 0, 1]])
    >>> prune_select(scores, keep=1, structure="row").astype(int)
    array([[1, 1, 1, 1, 1],
           [0, 0, 0, 0, 0]])
    """
    arrays, sides, keep = select_arguments(scores, structure, sparsity=sparsity, keep=keep, block=block, n=n, m=m,
                                           axis=axis)
    if structure == "nm":
        masks = {name: n_of_m(a, largest, *sides[name]) for name, a in arrays.items()}
    else:
        sums = {name: block_sums(a, structure, *sides[name]) for name, a in arrays.items()}
        kept = split(largest(joined(sums.values())[None], keep)[0], sums)
        masks = {name: spread(kept[name], a.shape, *sides[name]) for name, a in arrays.items()}
    return masks if isinstance(scores, Mapping) else masks[None]


def largest(rows: np.ndarray, keep: int) -> np.ndarray:
    """Return the mask of the ``keep`` largest scores of each row; ties go to the lowest index."""
    ranking = np.argsort(-rows, axis=1, kind="stable")
    mask = np.zeros(rows.shape, dtype=bool)
    np.put_along_axis(mask, ranking[:, :keep], True, axis=1)
    return mask


def select_arguments(scores, structure, *, sparsity, keep, block, n, m, axis) -> tuple[dict, dict, Any]:
    """Return the arrays by name, (high, wide) of the blocks of each, and how many blocks stay, or refuse the arguments.

    For "nm" (n, m, axis) of each array, and None.
    """
    arrays, sides, keep = select_request(scores, structure, sparsity=sparsity, keep=keep, block=block, n=n, m=m,
                                         axis=axis)
    return without_nan(arrays, "scores"), sides, keep


def select_request(scores, structure, *, sparsity, keep, block, n, m, axis) -> tuple[dict, dict, Any]:
    """Return the same; what the arrays hold is not looked at, for a kernel does so while it reads them."""
    arrays = named_arrays(scores, "scores", np.float32, np.float64)
    structure = arguments.choice(structure, "structure", STRUCTURES)
    meant = {"nm": ("n", "m", "axis"), "block": ("block", "sparsity", "keep")}.get(structure, ("sparsity", "keep"))
    options = {"block": block, "sparsity": sparsity, "keep": keep, "n": n, "m": m, "axis": axis}
    for name, value in options.items():
        if value is not None and name not in meant:
            raise RefcompressError(name, f"has no meaning for the structure {structure!r}")
    if structure == "nm":
        m = arguments.integer(m, "m", 1)
        n = arguments.integer(n, "n", 0, m)
    if structure == "block":
        block = arguments.shape(block, "block")
        if len(block) != 2 or 0 in block:
            raise RefcompressError("block", f"must be two sizes of at least 1, not {block}")
    for name, a in arrays.items():
        check_dimensions(a.ndim, place("scores", name), structure)
    if structure == "nm":
        return arrays, {name: (n, m, axis if axis is None else arguments.integer(axis, "axis", -a.ndim, a.ndim - 1))
                        for name, a in arrays.items()}, None
    sides = {name: block_sides(a.shape, structure, block) for name, a in arrays.items()}
    units = sum(math.prod(block_counts(a.shape, *sides[name])) for name, a in arrays.items())
    return arrays, sides, count_to_keep(units, sparsity=sparsity, keep=keep)

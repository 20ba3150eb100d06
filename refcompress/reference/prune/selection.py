"""What to keep: one selection step for all criteria, and the simplest criterion, magnitude.

A score is larger for what matters more; the other files of this family compute scores. ``prune_select`` makes a mask.
"""

from collections.abc import Mapping

import numpy as np

from ... import arguments
from ...constants import LARGEST64
from . import structure as units

__all__ = ["prune_magnitude", "prune_select", "prune_threshold"]


def prune_magnitude(w, *, sparsity=None, keep=None):
    """Choose the weights of largest magnitude.

        mask[i] = True for the ``keep`` largest |w[i]|; of equal magnitudes at the threshold those of lowest index

    Parameters
    ----------
    w : array of float32, any shape, or a dict of name to such an array
        A dict is ranked as one: its arrays share one threshold, and the index runs through them in the dict's order, in
        C order inside each. Infinities are the largest of all; -0.0 has the magnitude 0.
    sparsity : float in [0, 1]
        The share to prune: rint(sparsity * size) weights, computed in float64, half to even. 0 keeps all, 1 none.
    keep : int in [0, size]
        The number to keep. Exactly one of sparsity and keep must be given.

    Returns
    -------
    mask : array of bool, shape of w, or a dict of them
        True where the weight is kept; exactly ``keep`` are.

    Raises
    ------
    ArgumentTypeError : w is not float32, sparsity or keep not a number of its kind.
    RefcompressError : a NaN (it has no rank; its index is named), a share or count out of range, both or none given.

    **Source** Han, Pool, Tran & Dally, Learning both Weights and Connections for Efficient Neural Networks (2015,
    arXiv 1506.02626), section 3; the share in place of a threshold: Zhu & Gupta, To Prune, or Not to Prune (2017,
    arXiv 1710.01878).

    **Departs** Han et al. cut at a threshold (prune_threshold), so ties go together and the count follows from the
    data; here the count is given and kept exactly, so ties need a rule.

    Cost O(size): one selection, no sorting.

    >>> import numpy as np
    >>> w = np.array([3, -1, 1, -2], dtype=np.float32)
    >>> prune_magnitude(w, keep=3)
    array([ True,  True, False,  True])
    >>> w * prune_magnitude(w, sparsity=0.5) == [3, 0, 0, -2]
    array([ True,  True,  True,  True])
    """
    arrays, keep = magnitude_arguments(w, sparsity=sparsity, keep=keep)
    masks = _select({name: np.abs(a) for name, a in arrays.items()}, keep)
    return masks if isinstance(w, Mapping) else masks[None]


def prune_select(scores, *, sparsity=None, keep=None, structure="element", block=None, n=None, m=None, axis=None):
    """Choose the elements, groups or units of largest score: the one step that all criteria share.

        a unit's score = the sum of the scores in it;    the ``keep`` units of largest score stay, of ties the first

    Parameters
    ----------
    scores : array of float32 or float64, any shape, or a dict of name to such an array
        A dict is ranked as one, in its order, each array in C order. Signs count: this is no magnitude.
    sparsity, keep : float in [0, 1], or int in [0, number of units]; exactly one, except for "nm"
        The share to prune, rint(sparsity * units) of them, half to even; or the number of units to keep.
    structure : what a unit is
        "element"; "block", of ``block`` = (rows, columns), smaller at the lower and right edge where the sizes do not
        divide; "row" or "column" of a matrix; "filter" or "channel", all scores of one index of axis 0 or axis 1, of
        two axes or more. An array of more than two axes has blocks as a matrix of axis 0 by all others.
        "nm": ``n`` of each ``m`` consecutive elements along ``axis`` are kept; of a last group of r < m elements
        ceil(n r / m). Each array for itself. By default they run along the last axis, and in an array of more than two
        axes, such as the kernels of a convolution, along all but the first: inputs x height x width.

    Returns
    -------
    mask : array of bool, shape of scores, or a dict of them
        True where a unit is kept. Sums are taken in float64, one after the other in C order, from +0.0; elements and
        groups are compared as they are.

    Raises
    ------
    ArgumentTypeError, RefcompressError : by name; NaN by index, also a unit whose infinities cancel.

    **Source** N:M: Mishra et al., Accelerating Sparse Deep Neural Networks (2021, arXiv 2104.08378); blocks: Narang,
    Undersander & Diamos, Block-Sparse Recurrent Neural Networks (2017); filters: Li, Kadav, Durdanovic, Samet & Graf,
    Pruning Filters for Efficient ConvNets (2017, arXiv 1608.08710), section 3.1.

    **Departs** counts are exact and ties have a rule; Narang et al. rank a block by its largest weight, here its sum
    decides, as Li et al. do with filters.

    Cost O(size); O(size log m) for "nm".

    >>> import numpy as np
    >>> scores = np.array([[4, 3, 2, 1, 7], [1, 1, 1, 1, 0]], dtype=np.float32)
    >>> prune_select(scores, structure="nm", n=2, m=4).astype(int)
    array([[1, 1, 0, 0, 1],
           [1, 1, 0, 0, 1]])
    >>> prune_select(scores, keep=1, structure="row").astype(int)
    array([[1, 1, 1, 1, 1],
           [0, 0, 0, 0, 0]])
    """
    arrays = units.named_arrays(scores, "scores", np.float32, np.float64)
    sides = units.sides(arrays, structure, sparsity=sparsity, keep=keep, block=block, n=n, m=m, axis=axis)
    if structure == "nm":
        masks = {name: units.n_of_m(a, *sides[name]) for name, a in arrays.items()}
    else:
        sums = {name: units.sums(a, *sides[name], structure) for name, a in arrays.items()}
        kept = _select(sums, count_to_keep(sum(a.size for a in sums.values()), sparsity=sparsity, keep=keep))
        masks = {name: units.spread(kept[name], *sides[name], a.shape) for name, a in arrays.items()}
    return masks if isinstance(scores, Mapping) else masks[None]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def prune_threshold(w, quality):
    """Keep the weights that are not below a multiple of the layer's standard deviation.

        threshold = quality * sqrt(mean((w - mean(w))**2)),    mask = |w| >= threshold

    Parameters
    ----------
    w : array of float32, any shape, finite
    quality : float >= 0, finite

    Returns
    -------
    mask : array of bool, shape of w
        Both means are float64 sums, one weight after the other in C order from +0.0, divided by the size; the threshold
        is float64. Weights that are all equal have the threshold 0 and stay.

    Raises
    ------
    ArgumentTypeError, RefcompressError : by name; NaN and infinities by index.

    **Source** Han, Pool, Tran & Dally, Learning both Weights and Connections for Efficient Neural Networks (2015,
    arXiv 1506.02626), section 4: "a quality parameter multiplied by the standard deviation of a layer's weights".

    **Departs** nothing; the paper leaves open that the threshold itself stays.

    Cost O(size).

    >>> import numpy as np
    >>> prune_threshold(np.array([1, -1, 3, -3], dtype=np.float32), 1.0)
    array([False, False,  True,  True])
    """
    w, quality = threshold_arguments(w, quality)
    size = max(w.size, 1)
    mean = _sum(w, lambda part: part) / size
    deviation = np.sqrt(_sum(w, lambda part: (part - mean) ** 2) / size)
    return np.asarray(np.greater_equal(np.abs(w), quality * deviation, signature="dd->?"))


def _sum(w: np.ndarray, term, run: int = 2**16) -> float:
    """Return the sum of float64 terms of the weights, one after the other (np.sum would take them in pairs)."""
    total, flat = 0.0, w.ravel()
    for i in range(0, len(flat), run):
        total = np.add.accumulate(np.concatenate([[total], term(flat[i : i + run].astype(np.float64))]))[-1]
    return total


def _select(arrays: dict, keep: int) -> dict:
    """Return the masks of the ``keep`` largest of all arrays."""
    flat = [a.ravel() for a in arrays.values()]
    kept = _largest(flat[0] if len(flat) == 1 else np.concatenate(flat or [np.empty(0)]), keep)
    ends = np.cumsum([a.size for a in arrays.values()])[:-1]
    return {name: part.reshape(a.shape) for part, (name, a) in zip(np.split(kept, ends), arrays.items())}


def _largest(scores: np.ndarray, keep: int) -> np.ndarray:
    """Return the mask of the ``keep`` largest scores, ties to the lowest index."""
    if keep == 0:
        return np.zeros(len(scores), dtype=bool)
    below = len(scores) - keep
    threshold = np.partition(scores, below)[below]  # the smallest score that is kept
    kept = scores > threshold
    ties = np.flatnonzero(scores == threshold)
    kept[ties[: keep - np.count_nonzero(kept)]] = True
    return kept


def count_to_keep(size: int, *, sparsity=None, keep=None) -> int:
    """Return how many of ``size`` units stay, or refuse sparsity and keep."""
    if arguments.exactly_one(sparsity=sparsity, keep=keep) == "keep":
        return arguments.integer(keep, "keep", 0, size)
    return size - int(np.rint(arguments.real(sparsity, "sparsity", 0, 1) * size))


def magnitude_arguments(w, *, sparsity=None, keep=None):
    """Return the arrays of ``w`` by name (one array has the name None) and the count to keep, or refuse them."""
    arrays = units.named_arrays(w, "w", np.float32)
    return arrays, count_to_keep(sum(a.size for a in arrays.values()), sparsity=sparsity, keep=keep)


def threshold_arguments(w, quality):
    """Return both, or refuse them."""
    w = arguments.finite(arguments.array(w, "w", np.float32), "w")
    return w, arguments.real(quality, "quality", 0, LARGEST64)

"""Magnitude pruning: keep the largest weights, exactly as many as asked for."""

from collections.abc import Mapping

import numpy as np

from .. import arguments

__all__ = ["prune_magnitude"]


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

    **Source** Han, Pool, Tran & Dally, Learning both Weights and Connections for Efficient Neural Networks (2015),
    section 3; the share in place of a threshold: Zhu & Gupta, To Prune, or Not to Prune (2017), section 3.

    **Departs** Han et al. cut at a threshold, a multiple of the layer's standard deviation, so ties go together and the
    count follows from the data; here the count is given and kept exactly, so ties need a rule.

    Cost O(size): one selection, no sorting.

    >>> import numpy as np
    >>> w = np.array([3, -1, 1, -2], dtype=np.float32)
    >>> prune_magnitude(w, keep=3)
    array([ True,  True, False,  True])
    >>> w * prune_magnitude(w, sparsity=0.5) == [3, 0, 0, -2]
    array([ True,  True,  True,  True])
    """
    arrays, keep = magnitude_arguments(w, sparsity=sparsity, keep=keep)
    magnitudes = np.concatenate([np.abs(a).ravel() for a in arrays.values()] or [np.empty(0, np.float32)])
    kept = _largest(magnitudes, keep)

    ends = np.cumsum([a.size for a in arrays.values()])[:-1]
    masks = [part.reshape(a.shape) for part, a in zip(np.split(kept, ends), arrays.values())]
    return dict(zip(arrays, masks)) if isinstance(w, Mapping) else masks[0]


def _largest(magnitudes: np.ndarray, keep: int) -> np.ndarray:
    """Return the mask of the ``keep`` largest magnitudes, ties to the lowest index."""
    if keep == 0:
        return np.zeros(len(magnitudes), dtype=bool)
    below = len(magnitudes) - keep
    threshold = np.partition(magnitudes, below)[below]  # the smallest magnitude that is kept
    kept = magnitudes > threshold
    ties = np.flatnonzero(magnitudes == threshold)
    kept[ties[: keep - np.count_nonzero(kept)]] = True
    return kept


def magnitude_arguments(w, *, sparsity=None, keep=None):
    """Return the arrays of ``w`` by name (one array has the name None) and the count to keep, or refuse them."""
    given = arguments.exactly_one(sparsity=sparsity, keep=keep)
    named = [(f"w[{name!r}]", name, a) for name, a in w.items()] if isinstance(w, Mapping) else [("w", None, w)]
    arrays = {}
    for argument, name, a in named:
        arrays[name] = arguments.not_nan(arguments.array(a, argument, np.float32), argument)
    size = sum(a.size for a in arrays.values())
    if given == "keep":
        return arrays, arguments.integer(keep, "keep", 0, size)
    return arrays, size - int(np.rint(arguments.real(sparsity, "sparsity", 0, 1) * size))

"""The simplest criterion: weights of small magnitude go. By a count of what stays, or by a threshold."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments
from ...constants import LARGEST64

__all__ = ["prune_magnitude", "prune_threshold"]


def prune_magnitude(w: ArrayLike | Mapping[str, ArrayLike], *, sparsity: float | None = None, keep: int | None = None
                    ) -> Any:
    """Choose the weights of largest magnitude.

        mask[i] = True for the ``keep`` largest |w[i]|; ties go to the lowest index

    Parameters
    ----------
    w : array of float32, any shape, or a dict of name to such an array
        The arrays of a dict are ranked together. The index runs through them in the dict's order, in C order inside
        each. Infinities are the largest of all; -0.0 has the magnitude 0.
    sparsity : float in [0, 1]
        The share to prune: rint(sparsity * size) weights, computed in float64 (np.rint rounds to the nearest integer,
        and to the even one of two: 0.5 to 0, and 1.5 to 2). 0 keeps all, 1 none.
    keep : int in [0, size]
        The number of weights to keep. Exactly one of sparsity and keep must be given.

    Returns
    -------
    mask : array of bool, shape of w, or a dict of them
        True where the weight is kept. Exactly ``keep`` entries are True.

    Raises
    ------
    RefcompressError : for a NaN, which has no rank. Its index is named.

    **Source** Han, Pool, Tran & Dally, Learning both Weights and Connections for Efficient Neural Networks (2015,
    arXiv 1506.02626), section 3; the share in place of a threshold: Zhu & Gupta, To Prune, or Not to Prune (2017,
    arXiv 1710.01878).

    **Departs** Han et al. cut at a least magnitude, a threshold (prune_threshold): ties go together, and the count
    follows from the data. Here the count is given and kept exactly, so ties need a rule.

    Cost O(size log size): one stable sort. The native form is O(size). It reads w once, or where a sample misleads it
    four times more. Beside the masks it takes an eighth of the bytes of w at most.

    >>> import numpy as np
    >>> w = np.array([3, -1, 1, -2], dtype=np.float32)
    >>> prune_magnitude(w, keep=3)
    array([ True,  True, False,  True])
    >>> w * prune_magnitude(w, sparsity=0.5) == [3, 0, 0, -2]
    array([ True,  True,  True,  True])
    """
    arrays, keep = magnitude_arguments(w, sparsity=sparsity, keep=keep)
    magnitude = joined(np.abs(a) for a in arrays.values())
    ranking = np.argsort(-magnitude, kind="stable")  # stable: ties stay in their order
    mask = np.zeros(magnitude.size, dtype=bool)
    mask[ranking[:keep]] = True
    masks = split(mask, arrays)
    return masks if isinstance(w, Mapping) else masks[None]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def prune_threshold(w: ArrayLike, quality: float) -> NDArray[np.bool_]:
    """Choose the weights that are not below a multiple of the layer's standard deviation.

        threshold = quality * sqrt(mean((w - mean(w))**2)),    mask = |w| >= threshold

    Parameters
    ----------
    w : array of float32, any shape, finite
    quality : float >= 0, finite

    Returns
    -------
    mask : array of bool, shape of w
        Both means are sums in float64, one weight after the other in C order from +0.0, divided by the size. The
        threshold is float64. Weights that are all equal have the threshold 0 and stay.

    **Source** Han, Pool, Tran & Dally, Learning both Weights and Connections for Efficient Neural Networks (2015,
    arXiv 1506.02626), section 4: "a quality parameter multiplied by the standard deviation of a layer's weights".

    **Departs** nothing; the paper leaves open that a weight at the threshold stays.

    Cost O(size). The native form takes no memory beside the mask.

    >>> import numpy as np
    >>> prune_threshold(np.array([1, -1, 3, -3], dtype=np.float32), 1.0)
    array([False, False,  True,  True])
    """
    w, quality = threshold_arguments(w, quality)
    wide, size = w.ravel().astype(np.float64), max(w.size, 1)
    mean = np.cumsum(np.append(0.0, wide))[-1] / size  # np.sum would add in pairs
    deviation = np.sqrt(np.cumsum(np.append(0.0, (wide - mean) ** 2))[-1] / size)
    return (np.abs(wide) >= quality * deviation).reshape(w.shape)


def joined(parts: Iterable[np.ndarray]) -> np.ndarray:
    """Return the elements of all arrays in one vector, in C order inside each."""
    return np.concatenate([np.zeros(0, np.float32), *(part.ravel() for part in parts)])


def split(mask: np.ndarray, arrays: dict) -> dict:
    """Return the part of a joined mask that belongs to each array, in its shape."""
    ends = np.cumsum([a.size for a in arrays.values()])[:-1]
    return {name: part.reshape(a.shape) for part, (name, a) in zip(np.split(mask, ends), arrays.items())}


def magnitude_arguments(w, *, sparsity=None, keep=None) -> tuple[dict, int]:
    """Return the arrays of ``w`` by name and the number of weights to keep, or refuse them."""
    arrays, keep = magnitude_request(w, sparsity=sparsity, keep=keep)
    return without_nan(arrays, "w"), keep


def magnitude_request(w, *, sparsity=None, keep=None) -> tuple[dict, int]:
    """Return the same; what the arrays hold is not looked at, for a kernel does so while it reads them."""
    arrays = named_arrays(w, "w", np.float32)
    return arrays, count_to_keep(sum(a.size for a in arrays.values()), sparsity=sparsity, keep=keep)


def threshold_arguments(w, quality) -> tuple[np.ndarray, float]:
    """Return both, or refuse them."""
    w, quality = threshold_request(w, quality)
    return arguments.finite(w, "w"), quality


def threshold_request(w, quality) -> tuple[np.ndarray, float]:
    """Return both, or refuse them; what w holds is not looked at."""
    return arguments.array(w, "w", np.float32), arguments.real(quality, "quality", 0, LARGEST64)


def named_arrays(value, argument: str, *dtypes) -> dict:
    """Return the arrays of a dict, or one array under the name None; refuse other dtypes."""
    if not isinstance(value, Mapping):
        return {None: arguments.array(value, argument, *dtypes)}
    return {name: arguments.array(a, place(argument, name), *dtypes) for name, a in value.items()}


def without_nan(arrays: dict, argument: str) -> dict:
    """Return the arrays; refuse a NaN, by its index."""
    return {name: arguments.not_nan(a, place(argument, name)) for name, a in arrays.items()}


def place(argument: str, name) -> str:
    """Return what an array is called in a message: the argument itself, or an item of it."""
    return argument if name is None else f"{argument}[{name!r}]"


def count_to_keep(size: int, *, sparsity=None, keep=None) -> int:
    """Return how many of ``size`` units stay, or refuse sparsity and keep."""
    if arguments.exactly_one(sparsity=sparsity, keep=keep) == "keep":
        return arguments.integer(keep, "keep", 0, size)
    return size - int(np.rint(arguments.real(sparsity, "sparsity", 0, 1) * size))

"""What a unit matters, by its activations: one float64 score each. prune_select on them gives the mask of the units."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments

__all__ = ["prune_score_apoz", "prune_score_activation"]


def prune_score_apoz(zeros: ArrayLike, count: int) -> NDArray[np.float64]:
    """Score units by the share of samples on which they are active: 1 - APoZ, the average percentage of zeros.

        score = 1 - zeros / count = (count - zeros) / count

    Parameters
    ----------
    zeros : (units,) int64 or float64, whole numbers in [0, count]
        The number of samples on which the unit's activation after ReLU was zero.
    count : int >= 1
        The number of all samples.

    Returns
    -------
    scores : (units,) float64
        An exact difference (below 2**53), and one division.

    Raises
    ------
    RefcompressError : also for a count of 0, an empty calibration set.

    **Source** Hu, Peng, Tai & Tang, Network Trimming (2016, arXiv 1607.03250).

    **Departs** the paper prunes the units of highest APoZ. Its complement to 1 keeps the rule that the largest stay.

    Cost O(units). The native form takes no memory beside the scores.

    >>> import numpy as np
    >>> prune_score_apoz(np.array([0, 3, 4]), 4).tolist()
    [1.0, 0.25, 0.0]
    """
    zeros, count = apoz_arguments(zeros, count)
    return (count - zeros) / count


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def prune_score_activation(sums: ArrayLike, count: int) -> NDArray[np.float64]:
    """Score units by their mean activation.

        score = sum of the activations / count

    Parameters
    ----------
    sums : (units,) float64 or float32, finite
        The sum of the unit's activations over all samples.
    count : int >= 1
        The number of samples.

    Returns
    -------
    scores : (units,) float64
        One division.

    Raises
    ------
    RefcompressError : also for a count of 0, an empty calibration set.

    **Source** Molchanov, Tyree, Karras, Aila & Kautz, Pruning Convolutional Neural Networks for Resource Efficient
    Inference (2017, arXiv 1611.06440), section 2.2, "Activation"; Polyak & Wolf, Channel-Level Acceleration of Deep
    Face Representations (2015).

    **Departs** nothing, after ReLU; activations of both signs cancel.

    Cost O(units). The native form takes no memory beside the scores.

    >>> import numpy as np
    >>> prune_score_activation(np.array([6.0, 0.0]), 4).tolist()
    [1.5, 0.0]
    """
    sums, count = activation_arguments(sums, count)
    return sums / count


def apoz_arguments(zeros, count) -> tuple[np.ndarray, int]:
    """Return the zeros as float64 and the count, or refuse them."""
    zeros, count = units_request(zeros, "zeros", count, np.int64, np.float64)
    whole = (zeros >= 0) & (zeros <= count) & (np.rint(zeros) == zeros)
    return arguments.each(zeros, "zeros", whole, f"must be a whole number in [0, {count}]").astype(np.float64), count


def activation_arguments(sums, count) -> tuple[np.ndarray, int]:
    """Return the sums as float64 and the count, or refuse them."""
    sums, count = units_request(sums, "sums", count, np.float64, np.float32)
    return arguments.finite(sums, "sums").astype(np.float64), count


def units_request(units, argument: str, count, *dtypes) -> tuple[np.ndarray, int]:
    """Return one number a unit and the count, or refuse them; what the array holds is not looked at."""
    count = arguments.integer(count, "count", 1, 2**53)
    return arguments.array(units, argument, *dtypes, ndim=1), count

"""Scores of units from their activations: float64, one each; prune_select on them gives the mask of the units."""

import numpy as np

from ... import arguments

__all__ = ["prune_score_apoz", "prune_score_activation"]


def prune_score_apoz(zeros, count):
    """Score units by how often they are active: one less the average percentage of zeros.

        score = (count - zeros) / count = 1 - APoZ

    Parameters
    ----------
    zeros : (units,) int64 or float64, whole numbers in [0, count]
        Of the samples on which the unit's activation after ReLU was zero.
    count : int >= 1
        Of all samples.

    Returns
    -------
    scores : (units,) float64
        An exact difference (below 2**53), one division.

    Raises
    ------
    ArgumentTypeError, RefcompressError : by name; elements of zeros by index; a count of 0 (an empty calibration set).

    **Source** Hu, Peng, Tai & Tang, Network Trimming (2016, arXiv 1607.03250).

    **Departs** the paper prunes the units of highest APoZ; one less it, so that here too the largest stay.

    Cost O(units).

    >>> import numpy as np
    >>> prune_score_apoz(np.array([0, 3, 4]), 4).tolist()
    [1.0, 0.25, 0.0]
    """
    count = arguments.integer(count, "count", 1, 2**53)
    zeros = arguments.array(zeros, "zeros", np.int64, np.float64, ndim=1)
    whole = (zeros >= 0) & (zeros <= count) & (np.rint(zeros) == zeros)
    arguments.each(zeros, "zeros", whole, f"must be a whole number in [0, {count}]")
    return (count - zeros.astype(np.float64)) / count


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def prune_score_activation(sums, count):
    """Score units by their mean activation.

        score = sum of the activations / count

    Parameters
    ----------
    sums : (units,) float64 or float32, finite
    count : int >= 1
        Of the samples.

    Returns
    -------
    scores : (units,) float64
        One division.

    Raises
    ------
    ArgumentTypeError, RefcompressError : by name; NaN and infinities by index; a count of 0.

    **Source** Molchanov, Tyree, Karras, Aila & Kautz (2017, arXiv 1611.06440), section 2.2, "Activation"; Polyak &
    Wolf, Channel-Level Acceleration of Deep Face Representations (2015).

    **Departs** nothing, after ReLU; activations of both signs cancel.

    Cost O(units).

    >>> import numpy as np
    >>> prune_score_activation(np.array([6.0, 0.0]), 4).tolist()
    [1.5, 0.0]
    """
    count = arguments.integer(count, "count", 1, 2**53)
    sums = arguments.finite(arguments.array(sums, "sums", np.float64, np.float32, ndim=1), "sums")
    return sums.astype(np.float64) / count

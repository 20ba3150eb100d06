"""Scores from gradients and from activations: the first-order criteria and those of what a layer sees.

The larger a score, the more its weight or unit matters; prune_select keeps the largest. A score of weights is float32,
computed in float64 and rounded once (below 2**-150 to zero, beyond float32 to infinity); a score of units is float64.
The statistics come from training.statistics, or from anywhere.
"""

import numpy as np

from .. import arguments
from ..errors import RefcompressError

__all__ = ["prune_score_wanda", "prune_score_taylor", "prune_score_movement", "prune_score_apoz",
           "prune_score_activation"]


def prune_score_wanda(w, norms):
    """Score weights by their size times the norm of the input that they multiply.

        score[i, j] = |w[i, j]| * norms[j],    norms[j] = sqrt(sum over samples of x[j]**2)

    Parameters
    ----------
    w : (n, k) float32, finite
    norms : (k,) float32 or float64, finite, >= 0

    Returns
    -------
    scores : (n, k) float32
        One product in float64, rounded once.

    Raises
    ------
    ArgumentTypeError, RefcompressError : by name; NaN, infinities and negative norms by index.

    **Source** Sun, Liu, Bair & Kolter, A Simple and Effective Pruning Approach for Large Language Models (2023),
    eq. 1. The paper compares within each output: prune_select(..., structure="nm", n=kept, m=k) does so.

    **Departs** nothing.

    Cost O(n k).

    >>> import numpy as np
    >>> prune_score_wanda(np.float32([[1, -2]]), np.array([3.0, 0.5])).tolist()
    [[3.0, 1.0]]
    """
    w = weights(w, ndim=2)
    return product(np.abs(w), not_negative(statistic(norms, "norms", w.shape[1:]), "norms"))


def prune_score_taylor(w, gradient):
    """Score weights by the change of the loss that the first term of its Taylor series foretells.

        score = |w * g|:    loss(w without w[i]) - loss(w) = -w[i] g[i] + terms of second order

    Parameters
    ----------
    w : array of float32, any shape, finite
    gradient : float32 or float64, shape of w, finite
        Of the mean loss.

    Returns
    -------
    scores : array of float32, shape of w
        One product in float64, rounded once.

    Raises
    ------
    ArgumentTypeError, RefcompressError : by name; NaN and infinities by index.

    **Source** Molchanov, Tyree, Karras, Aila & Kautz, Pruning Convolutional Neural Networks for Resource Efficient
    Inference (2017), section 2.2; for single weights: Molchanov, Mallya, Tyree, Frosio & Kautz, Importance Estimation
    for Neural Network Pruning (2019), section 3.

    **Departs** Molchanov et al. 2019 square it, and sum over a filter; |w g| ranks single weights in the same order.

    Cost O(size).

    >>> import numpy as np
    >>> prune_score_taylor(np.float32([1, -2, 3]), np.float32([-4, 1, 0])).tolist()
    [4.0, 2.0, 0.0]
    """
    w = weights(w)
    scores = product(w, statistic(gradient, "gradient", w.shape))
    return np.abs(scores, out=scores)


def prune_score_movement(w, gradient_sum):
    """Score weights by how far training moves them away from zero.

        score = -w * sum over steps of g:    positive where gradient descent makes |w| larger

    Parameters
    ----------
    w : array of float32, any shape, finite
    gradient_sum : float32 or float64, shape of w, finite

    Returns
    -------
    scores : array of float32, shape of w
        One product in float64, rounded once; signed: the largest stay, those that move fastest towards zero go.

    Raises
    ------
    ArgumentTypeError, RefcompressError : by name; NaN and infinities by index.

    **Source** Sanh, Wolf & Rush, Movement Pruning: Adaptive Sparsity by Fine-Tuning (2020), section 3.

    **Departs** the paper sums w * g over the steps of a training in which w changes; here the gradients are summed
    first, which is the same as long as w stands still (a calibration pass).

    Cost O(size).

    >>> import numpy as np
    >>> prune_score_movement(np.float32([1, -2, 3]), np.float32([-4, -1, 2])).tolist()
    [4.0, -2.0, -6.0]
    """
    w = weights(w)
    scores = product(w, statistic(gradient_sum, "gradient_sum", w.shape))
    return np.negative(scores, out=scores)


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

    **Source** Hu, Peng, Tai & Tang, Network Trimming (2016), section 3.1, eq. 1.

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

    **Source** Molchanov, Tyree, Karras, Aila & Kautz (2017, see prune_score_taylor), section 2.2, "Activation"; Polyak &
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


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a * b in float64, rounded once to float32, without a float64 copy of either."""
    scores = np.empty(a.shape, np.float32)
    with np.errstate(over="ignore", under="ignore"):
        return np.multiply(a, b, out=scores, dtype=np.float64, casting="same_kind")


def weights(w, ndim: int | None = None) -> np.ndarray:
    """Return the weights, or refuse them: an infinity times a statistic of zero would have no rank."""
    return arguments.finite(arguments.array(w, "w", np.float32, ndim=ndim), "w")


def statistic(value, argument: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return a float32 or float64 statistic of this shape, or refuse it."""
    a = arguments.array(value, argument, np.float64, np.float32)
    if a.shape != shape:
        raise RefcompressError(argument, f"must have the shape {shape}, as w asks, not {a.shape}")
    return arguments.finite(a, argument)


def not_negative(a: np.ndarray, argument: str) -> np.ndarray:
    """Return ``a``; refuse the first negative element, by its index."""
    return arguments.each(a, argument, a >= 0, "must not be negative")

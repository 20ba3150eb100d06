"""Scores of weights from gradients and from the layer's inputs: the first-order criteria, and Wanda.

The larger a score, the more its weight matters; prune_select keeps the largest. It is float32, computed in float64 and
rounded once (below 2**-150 to zero, beyond float32 to infinity).
"""

import numpy as np

from ... import arguments
from ...errors import RefcompressError

__all__ = ["prune_score_wanda", "prune_score_taylor", "prune_score_movement"]


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

    **Source** Sun, Liu, Bair & Kolter, A Simple and Effective Pruning Approach for Large Language Models (2023, arXiv
    2306.11695). The paper compares within each output: prune_select(..., structure="nm", n=kept, m=k) does so.

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
    Inference (2017, arXiv 1611.06440), section 2.2; for single weights: Molchanov, Mallya, Tyree, Frosio & Kautz,
    Importance Estimation for Neural Network Pruning (2019).

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

    **Source** Sanh, Wolf & Rush, Movement Pruning: Adaptive Sparsity by Fine-Tuning (2020, arXiv 2005.07683), section
    4, eq. 3.

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

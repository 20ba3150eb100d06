"""What a weight matters, by its gradient or by its input: the first-order criteria, and Wanda.

The larger a score, the more its weight matters; prune_select keeps the largest. It is computed in float64 and rounded
once to float32 (below 2**-150 to zero, beyond float32 to infinity).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments
from ...errors import RefcompressError

__all__ = ["prune_score_wanda", "prune_score_taylor", "prune_score_movement"]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def prune_score_wanda(w: ArrayLike, norms: ArrayLike) -> NDArray[np.float32]:
    """Score weights by their magnitude times the norm of the input that they multiply.

        score[i, j] = |w[i, j]| * norms[j],    norms[j] = sqrt(sum over samples of x[j]**2)

    Parameters
    ----------
    w : (n, k) float32, finite
    norms : (k,) float32 or float64, finite, >= 0

    Returns
    -------
    scores : (n, k) float32
        One product in float64, rounded once.

    **Source** Sun, Liu, Bair & Kolter, A Simple and Effective Pruning Approach for Large Language Models (2023, arXiv
    2306.11695). The paper compares within each output, as prune_select(..., structure="nm", n=kept, m=k) does.

    **Departs** nothing.

    Cost O(n k). The native form takes no memory beside the scores.

    >>> import numpy as np
    >>> prune_score_wanda(np.float32([[1, -2]]), np.array([3.0, 0.5])).tolist()
    [[3.0, 1.0]]
    """
    w, norms = wanda_arguments(w, norms)
    return rounded(np.abs(w) * norms)


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def prune_score_taylor(w: ArrayLike, gradient: ArrayLike) -> NDArray[np.float32]:
    """Score weights by the change of the loss that the first term of its Taylor series predicts.

        score = |w * g|:    loss(w without w[i]) - loss(w) = -w[i] g[i] + terms of second order

    Parameters
    ----------
    w : array of float32, any shape, finite
    gradient : float32 or float64, shape of w, finite
        The gradient of the mean loss.

    Returns
    -------
    scores : array of float32, shape of w
        One product in float64, rounded once.

    **Source** Molchanov, Tyree, Karras, Aila & Kautz, Pruning Convolutional Neural Networks for Resource Efficient
    Inference (2017, arXiv 1611.06440), section 2.2; for single weights: Molchanov, Mallya, Tyree, Frosio & Kautz,
    Importance Estimation for Neural Network Pruning (2019, arXiv 1906.10771).

    **Departs** Molchanov et al. 2019 square the product and sum it over a filter; |w g| ranks single weights in the
    same order.

    Cost O(size). The native form takes no memory beside the scores.

    >>> import numpy as np
    >>> prune_score_taylor(np.float32([1, -2, 3]), np.float32([-4, 1, 0])).tolist()
    [4.0, 2.0, 0.0]
    """
    w, gradient = score_arguments(w, gradient, "gradient")
    return rounded(np.abs(w * gradient))


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def prune_score_movement(w: ArrayLike, gradient_sum: ArrayLike) -> NDArray[np.float32]:
    """Score weights by how far training moves them away from zero.

        score = -w * sum over steps of g:    positive where gradient descent makes |w| larger

    Parameters
    ----------
    w : array of float32, any shape, finite
    gradient_sum : float32 or float64, shape of w, finite

    Returns
    -------
    scores : array of float32, shape of w
        One product in float64, rounded once. Scores have signs: the weights that move fastest towards zero go first.

    **Source** Sanh, Wolf & Rush, Movement Pruning: Adaptive Sparsity by Fine-Tuning (2020, arXiv 2005.07683), section
    4, eq. 3.

    **Departs** the paper sums w * g over the steps of a training in which w changes. Here the gradients are summed
    first, which is the same as long as w does not change (a calibration pass).

    Cost O(size). The native form takes no memory beside the scores.

    >>> import numpy as np
    >>> prune_score_movement(np.float32([1, -2, 3]), np.float32([-4, -1, 2])).tolist()
    [4.0, -2.0, -6.0]
    """
    w, gradient_sum = score_arguments(w, gradient_sum, "gradient_sum")
    return rounded(-(w * gradient_sum))


def rounded(scores) -> NDArray[np.float32]:
    """Return float64 scores as float32; an array also where there is only one number."""
    return np.asarray(scores, np.float32)


def wanda_arguments(w, norms) -> tuple[np.ndarray, np.ndarray]:
    """Return both as float64, or refuse them."""
    return as_doubles(*wanda_request(w, norms), "norms", signed=False)


def wanda_request(w, norms) -> tuple[np.ndarray, np.ndarray]:
    """Return both, or refuse them; what they hold is not looked at, for a kernel does so while it reads them."""
    w = arguments.array(w, "w", np.float32, ndim=2)
    return w, statistic(norms, "norms", w.shape[1:])


def score_arguments(w, value, argument: str, *, signed: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights and a statistic of each as float64, or refuse them."""
    return as_doubles(*score_request(w, value, argument), argument, signed=signed)


def score_request(w, value, argument: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights and a statistic of each, or refuse them; what they hold is not looked at."""
    w = arguments.array(w, "w", np.float32)
    return w, statistic(value, argument, w.shape)


def as_doubles(w: np.ndarray, value: np.ndarray, argument: str, *, signed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return both as float64, or refuse what they hold: an infinity times a statistic of zero would have no rank."""
    arguments.finite(w, "w")
    arguments.finite(value, argument)
    if not signed:
        arguments.each(value, argument, value >= 0, "must not be negative")
    return w.astype(np.float64), value.astype(np.float64)


def weights(w, ndim: int | None = None) -> np.ndarray:
    """Return the weights, or refuse them."""
    return arguments.finite(arguments.array(w, "w", np.float32, ndim=ndim), "w")


def statistic(value, argument: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return a statistic of this shape, or refuse it."""
    a = arguments.array(value, argument, np.float64, np.float32)
    if a.shape != shape:
        raise RefcompressError(argument, f"must have the shape {shape}, as w asks, not {a.shape}")
    return a

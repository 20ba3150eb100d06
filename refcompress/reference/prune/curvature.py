"""Scores of weights from second derivatives of the loss: Optimal Brain Damage, and the empirical Fisher information.

Both are the second term of the loss's Taylor series with all but the diagonal of its Hessian left out. Like the other
scores they are computed in float64 and rounded once to float32.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .scores import rounded, score_arguments

__all__ = ["prune_score_obd", "prune_score_fisher"]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def prune_score_obd(w: ArrayLike, diagonal: ArrayLike) -> NDArray[np.float32]:
    """Score weights by the rise of the loss that the diagonal of its Hessian predicts (Optimal Brain Damage).

        score = h w**2 / 2,    h[i] = d2 loss / d w[i]**2

    Parameters
    ----------
    w : array of float32, any shape, finite
    diagonal : float32 or float64, shape of w, finite
        The second derivatives. A negative one gives a negative score: such a weight goes first.

    Returns
    -------
    scores : array of float32, shape of w
        (h w**2) / 2 in float64 (w**2 is exact), rounded once.

    **Source** LeCun, Denker & Solla, Optimal Brain Damage (1990): the saliency s_k = h_kk u_k**2 / 2.

    **Departs** nothing.

    Cost O(size). The native form takes no memory beside the scores.

    >>> import numpy as np
    >>> prune_score_obd(np.float32([1, -2, 3]), np.float32([4, 1, 0])).tolist()
    [2.0, 2.0, 0.0]
    """
    w, h = score_arguments(w, diagonal, "diagonal")
    return rounded(h * w**2 / 2)


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def prune_score_fisher(w: ArrayLike, squared_gradients: ArrayLike) -> NDArray[np.float32]:
    """Score weights by the rise of the loss that the empirical Fisher information predicts.

        score = f w**2 / 2,    f[i] = mean over the examples of (d loss of the example / d w[i])**2

    Parameters
    ----------
    w : array of float32, any shape, finite
    squared_gradients : float32 or float64, shape of w, finite, >= 0
        The mean of the squares, not the square of the mean.

    Returns
    -------
    scores : array of float32, shape of w
        (f w**2) / 2 in float64 (w**2 is exact), rounded once.

    **Source** Theis, Korshunova, Tejani & Huszar, Faster Gaze Prediction with Dense Networks and Fisher Pruning (2018,
    arXiv 1801.05787).

    **Departs** the paper scores whole feature maps, by the gradient of a mask; here each weight, whose term is the
    same.

    Cost O(size). The native form takes no memory beside the scores.

    >>> import numpy as np
    >>> prune_score_fisher(np.float32([1, -2, 3]), np.float32([4, 1, 0])).tolist()
    [2.0, 2.0, 0.0]
    """
    w, f = score_arguments(w, squared_gradients, "squared_gradients", signed=False)
    return rounded(f * w**2 / 2)

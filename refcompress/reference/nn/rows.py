"""Functions of a row: softmax, layer norm and RMS norm over the last axis, with the order of their sums."""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...constants import LARGEST
from ...errors import RefcompressError
from ..exponential import exponential

__all__ = ["chain_sums", "nn_layer_norm", "nn_rms_norm", "nn_softmax", "norm_arguments", "softmax_arguments"]

CHAINS = 16


def chain_sums(a: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of each row, as one column: sixteen chains of float64, and a tree.

    Element p goes to chain p mod 16, in ascending order, from +0.0. Then the upper half of the chains is added to the
    lower, four times. An element that is not there adds +0.0, which changes no chain.
    """
    k = a.shape[-1]
    blocks = np.zeros((*a.shape[:-1], -(-k // CHAINS) * CHAINS))
    blocks[..., :k] = a
    chains = np.zeros((*a.shape[:-1], CHAINS))
    for p in range(0, k, CHAINS):
        chains = chains + blocks[..., p : p + CHAINS]
    for half in (8, 4, 2, 1):
        chains = chains[..., :half] + chains[..., half:]
    return chains


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def nn_softmax(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Make each row positive, with the sum 1.

        y[i] = e^(x[i] - max x) / sum over j of e^(x[j] - max x)

    Parameters
    ----------
    x : (..., k) float32

    Returns
    -------
    float32 of the shape of x
        The same bits on every machine: e^v as for nn_activation, their sum in float64 by sixteen chains
        (chain_sums), the product with its reciprocal rounded once. Each element is off by less than half a unit in the
        last place and (k / 16 + 150) 2^-29 of one, or by half of 2^-149 and so much of it. A row with a NaN, with
        +infinity, or of -infinity alone is NaN.

    **Source** Bridle, Probabilistic Interpretation of Feedforward Classification Network Outputs (1990); the maximum is
    subtracted so that nothing overflows, which changes no quotient. **Departs** nothing.

    Cost O(size).

    >>> import numpy as np
    >>> nn_softmax(np.float32([[0, 0, 0, 0], [1, -np.inf, 1, -np.inf]])).tolist()
    [[0.25, 0.25, 0.25, 0.25], [0.5, 0.0, 0.5, 0.0]]
    """
    v = softmax_arguments(x).astype(np.float64)
    e = exponential(v - v.max(axis=-1, keepdims=True, initial=-np.inf))
    return (e * (1 / chain_sums(e))).astype(np.float32)


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def nn_layer_norm(x: NDArray[np.float32], weight: NDArray[np.float32] | None = None,
                  bias: NDArray[np.float32] | None = None, *, epsilon: float = 1e-5) -> NDArray[np.float32]:
    """Give each row the mean 0 and the variance 1, then a weight and a bias for each place.

        y = (x - mean) / sqrt(variance + epsilon) weight + bias
        mean = sum of x / k,  variance = sum of (x - mean)^2 / k

    Parameters
    ----------
    x : (..., k) float32
    weight, bias : None, or (k,) float32
    epsilon : float, 0 or more

    Returns
    -------
    float32 of the shape of x
        The same bits on every machine: the sums in float64 by sixteen chains (chain_sums), then ((x - mean) r) weight +
        bias in float64 with r = 1 / sqrt(variance + epsilon), rounded once. A row with a NaN or an infinity is NaN; so
        is a row of equal numbers where epsilon is 0.

    **Source** Ba, Kiros, Hinton, Layer Normalization (2016, arXiv 1607.06450), section 3; epsilon as in ONNX,
    LayerNormalization. **Departs** nothing.

    Cost O(size).

    >>> import numpy as np
    >>> nn_layer_norm(np.float32([[1, 3], [5, 5]]), epsilon=0.0).tolist()
    [[-1.0, 1.0], [nan, nan]]
    """
    x, weight, bias, epsilon = norm_arguments(x, weight, bias, epsilon)
    v = x.astype(np.float64)
    d = v - chain_sums(v) / np.float64(x.shape[-1])
    return _scaled(d, weight, bias, epsilon)


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def nn_rms_norm(x: NDArray[np.float32], weight: NDArray[np.float32] | None = None, *,
                epsilon: float = 1e-5) -> NDArray[np.float32]:
    """Give each row the mean square 1, then a weight for each place.

        y = x / sqrt(sum of x^2 / k + epsilon) weight

    Parameters
    ----------
    x : (..., k) float32
    weight : None, or (k,) float32
    epsilon : float, 0 or more

    Returns
    -------
    float32 of the shape of x
        The same bits on every machine, as for :func:`nn_layer_norm`: (x r) weight in float64, rounded once.

    **Source** Zhang and Sennrich, Root Mean Square Layer Normalization (2019, arXiv 1910.07467), equation 4; epsilon as
    in ONNX, RMSNormalization. **Departs** nothing.

    Cost O(size).

    >>> import numpy as np
    >>> nn_rms_norm(np.float32([[3, 3, -3]]), np.float32([1, 2, 4]), epsilon=0.0).tolist()
    [[1.0, 2.0, -4.0]]
    """
    x, weight, _, epsilon = norm_arguments(x, weight, None, epsilon)
    v = x.astype(np.float64)
    return _scaled(v, weight, None, epsilon)


def _scaled(d, weight, bias, epsilon) -> NDArray[np.float32]:
    """Return d over the root of the mean square, with weight and bias."""
    r = 1 / np.sqrt(chain_sums(d * d) / np.float64(d.shape[-1]) + epsilon)
    y = d * r
    if weight is not None:
        y = y * weight
    if bias is not None:
        y = y + bias
    return y.astype(np.float32)


def softmax_arguments(x) -> np.ndarray:
    """Return x, or refuse it."""
    return _rows(x)


def norm_arguments(x, weight, bias, epsilon) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None, float]:
    """Return the arguments of a norm, or refuse them."""
    x = _rows(x)
    weight, bias = (None if a is None else _row(a, name, x.shape[-1]) for a, name in ((weight, "weight"),
                                                                                     (bias, "bias")))
    return x, weight, bias, arguments.real(epsilon, "epsilon", 0, LARGEST)


def _rows(x) -> np.ndarray:
    x = arguments.array(x, "x", np.float32)
    if x.ndim == 0:
        raise RefcompressError("x", "must have at least 1 dimension, not 0")
    return x


def _row(a, argument: str, k: int) -> np.ndarray:
    a = arguments.array(a, argument, np.float32, ndim=1)
    if len(a) != k:
        raise RefcompressError(argument, f"must have {k} elements, one for each place of a row, not {len(a)}")
    return a

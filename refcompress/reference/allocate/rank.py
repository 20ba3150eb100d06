"""The rank of a layer: where the cost of its factors and the error of truncation are least together."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments
from ...errors import RefcompressError

__all__ = ["allocate_rank", "allocate_rank_cost"]

COUNTS = ("parameters", "bytes", "flops")


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def allocate_rank(sigma: ArrayLike, cost: ArrayLike, *, mu: float) -> int:
    """Find the rank that minimises a layer's cost plus the squared error of its truncation.

        r = argmin over r of  cost[r] + mu / 2 * (sum over i >= r of sigma[i]**2)        (i from 0)

    Parameters
    ----------
    sigma : (n,) float64, not negative, not rising
        The singular values of the layer's weights.
    cost : (n + 1,) float64, finite
        The cost of each rank in units of the loss: alpha times what allocate_rank_cost counts.
    mu : float in [0, 1e300]
        The weight of the error.

    Returns
    -------
    r : int in [0, n]
        All ranks are tried. The sums are taken in float64 from the smallest value on; ties go to the lowest rank.

    **Source** Idelbayev & Carreira-Perpinan, Low-rank Compression of Neural Nets: Learning the Rank of Each Layer (CVPR
    2020), the C step.

    **Departs** nothing.

    Cost O(n).

    >>> allocate_rank(np.array([3.0, 1.0, 0.1]), np.arange(4) * 0.4, mu=1.0)
    2
    """
    sigma, cost, mu = rank_arguments(sigma, cost, mu)
    error = np.append(np.cumsum(sigma[::-1] ** 2)[::-1], 0.0)
    return int(np.argmin(cost + mu / 2 * error))


def allocate_rank_cost(shape: Sequence[int], *, count: str = "parameters") -> NDArray[np.float64]:
    """Count what a matrix takes at each rank: its factors, or the matrix itself where it takes no more.

        parameters[r] = min(r (m + k), m k);  bytes[r] = 4 min(r (m + k + 1), m k);  flops[r] = 2 min(r (m + k), m k)

    Parameters
    ----------
    shape : (m, k)
    count : "parameters", "bytes" or "flops"
        Bytes of float32 in a file, the singular values among them; operations of a product with one vector.

    Returns
    -------
    cost : (min(m, k) + 1,) float64
        A rank whose cost is that of the matrix means the matrix itself, dense.

    **Source** Idelbayev & Carreira-Perpinan (CVPR 2020), section 3.

    **Departs** they count the factors at every rank; beyond m k / (m + k) the factors are larger than the matrix.

    Cost O(min(m, k)).

    >>> allocate_rank_cost((4, 6)).tolist()
    [0.0, 10.0, 20.0, 24.0, 24.0]
    """
    (m, k), count = rank_cost_arguments(shape, count)
    each, unit = {"parameters": (m + k, 1), "bytes": (m + k + 1, 4), "flops": (m + k, 2)}[count]
    return unit * np.minimum(each * np.arange(min(m, k) + 1, dtype=np.float64), float(m * k))


def rank_arguments(sigma, cost, mu) -> tuple[np.ndarray, np.ndarray, float]:
    """Return all three, or refuse them."""
    sigma = arguments.finite(arguments.array(sigma, "sigma", np.float64, ndim=1), "sigma")
    arguments.each(sigma, "sigma", sigma >= 0, "must not be negative")
    if len(sigma) > 1:
        arguments.each(sigma, "sigma", np.append(True, sigma[1:] <= sigma[:-1]), "must not be above the one before it")
    cost = arguments.finite(arguments.array(cost, "cost", np.float64, ndim=1), "cost")
    if len(cost) != len(sigma) + 1:
        raise RefcompressError("cost", f"must have an entry for each rank from 0 to {len(sigma)}, not {len(cost)}")
    return sigma, cost, arguments.real(mu, "mu", 0, 1e300)


def rank_cost_arguments(shape, count) -> tuple[tuple[int, ...], str]:
    """Return both, or refuse them."""
    shape = arguments.shape(shape, itemsize=4)
    if len(shape) != 2:
        raise RefcompressError("shape", f"must have 2 sizes, not {len(shape)}")
    return shape, arguments.choice(count, "count", COUNTS)

"""The rank of a layer that a price for its cost asks for."""

import numpy as np

from ... import arguments
from ...errors import RefcompressError

__all__ = ["allocate_rank", "allocate_rank_cost"]

COUNTS = ("parameters", "bytes", "flops")


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def allocate_rank(sigma, cost, *, mu) -> int:
    """Find the rank at which a layer's cost and what truncation takes from its weights are least together.

        r = argmin over r of  cost[r] + mu / 2 * (sum over i >= r of sigma[i]**2)        (i from 0)

    sigma : (n,) float64, not negative, not rising: the singular values; cost : (n + 1,) float64, finite: of each rank, in
    units of the loss (alpha times what :func:`allocate_rank_cost` counts); mu : float in [0, 1e300]. Returns an int in [0, n]:
    all ranks are tried, the sums made in float64 from the smallest value on; of equal sums the lowest rank.

    Raises ArgumentTypeError, RefcompressError by name.

    **Source** Idelbayev and Carreira-Perpinan, Low-rank Compression of Neural Nets: Learning the Rank of Each Layer (CVPR
    2020), the C step. **Departs** nothing. Cost O(n).

    >>> allocate_rank(np.array([3.0, 1.0, 0.1]), np.arange(4) * 0.4, mu=1.0)
    2
    """
    sigma = arguments.finite(arguments.array(sigma, "sigma", np.float64, ndim=1), "sigma")
    arguments.each(sigma, "sigma", sigma >= 0, "must not be negative")
    if len(sigma) > 1:
        arguments.each(sigma, "sigma", np.append(True, sigma[1:] <= sigma[:-1]), "must not be above the one before it")
    cost = arguments.finite(arguments.array(cost, "cost", np.float64, ndim=1), "cost")
    if len(cost) != len(sigma) + 1:
        raise RefcompressError("cost", f"must have an entry for each rank from 0 to {len(sigma)}, not {len(cost)}")
    mu = arguments.real(mu, "mu", 0, 1e300)
    tail = np.append(np.cumsum(sigma[::-1] ** 2)[::-1], 0.0)
    return int(np.argmin(cost + mu / 2 * tail))


def allocate_rank_cost(shape, *, count="parameters") -> np.ndarray:
    """Count what a matrix takes at each rank: its factors, or all of it where they would take no less.

        parameters[r] = min(r (m + k), m k);  bytes[r] = 4 min(r (m + k + 1), m k);  flops[r] = 2 min(r (m + k), m k)

    shape : (m, k); count : "parameters", "bytes" of float32 in a file (with the singular values), or "flops" of a product with
    one vector. Returns (min(m, k) + 1,) float64. A rank whose cost is that of the matrix means the matrix itself, dense.

    Raises ArgumentTypeError, RefcompressError by name.

    **Source** Idelbayev and Carreira-Perpinan (CVPR 2020), the costs of section 3. **Departs** they count the factors at every
    rank; beyond m k / (m + k) those are larger than the matrix. Cost O(min(m, k)).

    >>> allocate_rank_cost((4, 6)).tolist()
    [0.0, 10.0, 20.0, 24.0, 24.0]
    """
    shape = arguments.shape(shape, itemsize=4)
    if len(shape) != 2:
        raise RefcompressError("shape", f"must have 2 sizes, not {len(shape)}")
    m, k = shape
    count = arguments.choice(count, "count", COUNTS)
    one, unit = (m + k + 1, 4) if count == "bytes" else (m + k, 2 if count == "flops" else 1)
    return unit * np.minimum(one * np.arange(min(m, k) + 1, dtype=np.float64), float(m * k))

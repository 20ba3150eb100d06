"""The rank of a layer that a price for its cost asks for."""

import numpy as np

from .. import arguments
from ..errors import RefcompressError

__all__ = ["allocate_rank"]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def allocate_rank(sigma, cost, *, mu) -> int:
    """Find the rank at which a layer's cost and what truncation takes from its weights are least together.

        r = argmin over r of  cost[r] + mu / 2 * (sum over i >= r of sigma[i]**2)        (i from 0)

    sigma : (n,) float64, not negative, not rising: the singular values; cost : (n + 1,) float64, finite: of each rank, in
    units of the loss (alpha times parameters, bytes or multiplications); mu : float in [0, 1e300]. Returns an int in [0, n]:
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

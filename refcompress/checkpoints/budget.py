"""Choosing schemes by measuring: within a budget of bytes, or up to a relative error.

Each candidate was applied and encoded, so its bytes and its error are known, and not estimated.
"""

from collections.abc import Sequence

import numpy as np

from ..ops import implementation_of
from ..reference.allocate import allocate_lagrange

__all__ = ["Measured", "chosen_for_budget", "chosen_for_error"]

MOST_WAYS = 2**20  # ways to choose that are searched exactly: more are left to one price for all bytes
Measured = Sequence[tuple[int, float]]  # (bytes, relative error) of each candidate of a tensor


def chosen_for_error(measured: Sequence[Measured], most: float) -> list[int]:
    """Return for each tensor the candidate of fewest bytes whose relative error is at most ``most``.

    Ties go to the smaller error, then to the first. The first candidate loses nothing, so there is always one.
    """
    return [min((size, error, j) for j, (size, error) in enumerate(each) if error <= most)[2] for each in measured]


def chosen_for_budget(measured: Sequence[Measured], weights: Sequence[int], budget: int, implementation: object,
                      ) -> list[int]:
    """Return a candidate for each tensor, such that all their bytes are at most ``budget`` and little is lost.

        minimise the sum over tensors of weights * error**2        (error is relative to the tensor)

    weights : the numbers of elements. A few tensors get the optimum (allocate_exact), more of them one price a byte
    (allocate_lagrange). A budget below the least is refused.
    """
    size = np.array([[each[0] for each in candidates] for candidates in measured], np.int64)
    error = np.array([[each[1] for each in candidates] for candidates in measured], np.float64)
    cost = np.array(weights, np.float64)[:, None] * error**2
    if size.shape[1] ** min(len(size), 64) <= MOST_WAYS:
        exact, _ = implementation_of(implementation, "allocate_exact")
        return [int(j) for j in exact(cost, size, budget).choice]
    return [int(j) for j in allocate_lagrange(cost, size, budget).choice]

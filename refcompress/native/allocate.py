"""The allocate family, faster: the partial allocations of a layer are arrays, extended and sorted all at once."""

from functools import wraps

import numpy as np

from .. import reference
from ..errors import LimitError
from ..reference.allocate import bits

__all__ = ["allocate_exact", "allocate_front"]


@wraps(reference.allocate_exact)
def allocate_exact(cost, size, budget):
    sizes, costs, steps = _pareto_optimal(*bits.allocate_arguments(cost, size, budget))
    choice = _choices(steps, np.int64([len(sizes) - 1]))[0]
    return bits.Allocation(choice, float(costs[-1]), int(sizes[-1]), float(costs[-1]))


@wraps(reference.allocate_front)
def allocate_front(cost, size, budget=bits.arguments.MAX_SIZE):
    sizes, costs, steps = _pareto_optimal(*bits.allocate_arguments(cost, size, budget))
    return sizes, costs, _choices(steps, np.arange(len(sizes)))


def _pareto_optimal(cost, size, budget):
    """Return the sizes and costs of the Pareto-optimal allocations, and for each layer (parent, choice) of each."""
    rest = sum(size.min(axis=1).tolist()) if len(size) else 0
    sizes, costs, steps = np.zeros(1, np.int64), np.zeros(1), []
    for layer_cost, layer_size in zip(cost, size):
        c = len(layer_cost)
        if len(sizes) * c > bits.MOST_STATES:
            raise LimitError("budget", f"asks for more than {bits.MOST_STATES} partial allocations: use coarser sizes")
        rest -= int(layer_size.min())
        # A partial allocation must leave room for the smallest choices to come; so written, nothing overflows.
        fits = (layer_size <= budget - rest - sizes[:, None]).ravel()
        origin = np.flatnonzero(fits)
        sizes = (sizes[:, None] + layer_size).ravel()[origin]
        costs = (costs[:, None] + layer_cost).ravel()[origin]
        order = np.lexsort((origin % c, costs, sizes))
        best = np.minimum.accumulate(costs[order])
        kept = order[np.append(True, best[1:] < best[:-1])]
        sizes, costs = sizes[kept], costs[kept]
        steps.append((origin[kept] // c, origin[kept] % c))
    return sizes, costs, steps


def _choices(steps, at: np.ndarray) -> np.ndarray:
    """Return the choices, (len(at), l), that led to the allocations of the indices ``at``."""
    choice = np.empty((len(at), len(steps)), np.int64)
    for i in range(len(steps) - 1, -1, -1):
        parent, taken = steps[i]
        choice[:, i], at = taken[at], parent[at]
    return choice

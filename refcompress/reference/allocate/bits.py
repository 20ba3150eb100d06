"""Which part of a model gets how many bits: one choice a layer, the least cost within a budget of bytes.

Any kind of choice will do (bit widths, formats, ranks, densities): it is known by its cost and its bytes alone. How to find
costs is the business of ``allocate_sensitivity.py``.

Letters: l layers, c choices of each.
"""

import math
from dataclasses import dataclass

import numpy as np

from ... import arguments
from ...constants import LARGEST64, U64
from ...errors import LimitError, RefcompressError

__all__ = ["Allocation", "allocate_exact", "allocate_front", "allocate_lagrange"]

MOST_STATES = 2**24  # partial allocations held at once: half a gigabyte of totals, costs and their order


@dataclass(frozen=True, eq=False)
class Allocation:
    """One choice for each layer: ``choice`` (l,) int64, its total ``cost`` and ``size`` in bytes, and a lower ``bound``.

    No allocation within the budget costs less than ``bound``; ``gap`` is what this one costs above it, 0 if it is optimal.
    """

    choice: np.ndarray
    cost: float
    size: int
    bound: float

    @property
    def gap(self) -> float:
        return self.cost - self.bound


def allocate_exact(cost, size, budget) -> Allocation:
    """Choose for each layer so that the sum of costs is least and the sum of bytes within the budget, by dynamic programme.

        minimise sum over i of cost[i, choice[i]]   subject to   sum over i of size[i, choice[i]] <= budget

    Parameters
    ----------
    cost : (l, c) float64, finite; below 0 too (what measured losses may give)
    size : (l, c) int64, bytes, not negative
    budget : int, bytes; at least the sum of each layer's smallest choice

    Returns
    -------
    Allocation, its bound its own cost. Costs are summed in float64 from the first layer on, and the sum so rounded is what
    is least (rounding is monotone, so no better sum is pruned). Of equal costs the fewest bytes; of those still equal, the
    lower choice in the last layer where they differ and the programme could see both.

    Raises
    ------
    ArgumentTypeError, RefcompressError : by name. LimitError where more than 2**24 partial allocations would have to be
    held: then take coarser sizes, or :func:`allocate_lagrange`.

    **Source** Nemhauser and Ullmann, Discrete Dynamic Programming and Capital Allocation (Management Science 15,
    1969): partial allocations, layer by layer, without those that another one undercuts in both cost and bytes; as the
    bits of layers are chosen in HAWQ-V3 (Yao et al. 2021, arXiv 2011.10680), there by an integer linear programme.
    **Departs** nothing. Cost O(l c s log(c s)), s the undercut-free partial allocations, at most budget + 1 and c**l.

    >>> cost, size = np.float64([[9, 1, 0], [5, 3, 0]]), np.int64([[1, 2, 4], [1, 2, 4]])
    >>> best = allocate_exact(cost, size, 5)
    >>> best.choice.tolist(), best.cost, best.size
    ([1, 1], 4.0, 4)
    """
    cost, size, budget = allocate_arguments(cost, size, budget)
    sizes, costs, steps = _front(cost, size, budget)
    choice = _trace(steps, np.int64([len(sizes) - 1]))[0]
    return Allocation(choice, float(costs[-1]), int(sizes[-1]), float(costs[-1]))


def allocate_front(cost, size, budget=arguments.MAX_SIZE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return every allocation that no other one undercuts: the optimum of every budget up to the one given.

    cost, size, budget, sums, errors and source are those of :func:`allocate_exact`.
    Returns (size, cost, choice): (p,) int64 rising, (p,) float64 falling, (p, l) int64. **Departs** nothing.

    >>> size, cost, choice = allocate_front(np.float64([[4, 1], [2, 0]]), np.int64([[1, 2], [1, 3]]))
    >>> size.tolist(), cost.tolist(), choice.tolist()
    ([2, 3, 5], [6.0, 3.0, 1.0], [[0, 0], [1, 0], [1, 1]])
    """
    cost, size, budget = allocate_arguments(cost, size, budget)
    sizes, costs, steps = _front(cost, size, budget)
    return sizes, costs, _trace(steps, np.arange(len(sizes)))


def allocate_lagrange(cost, size, budget) -> Allocation:
    """Choose for each layer by one price of a byte, the lowest price at which the choices fit the budget.

        choice[i] = argmin over j of cost[i, j] + price * size[i, j];      bound = max over prices of
        sum over i of min over j of (cost[i, j] + price * size[i, j]) - price * budget

    Each layer starts at its smallest choice (of equals, the cheapest) and moves along the lower convex hull of its points
    (size, cost); over all layers the step that saves most per byte comes first (of equals, that of the first layer). The
    first step that does not fit ends the walk, and its saving per byte is the price of the bound.

    cost, size, budget and errors are those of :func:`allocate_exact` (but for LimitError).
    Returns an Allocation: optimal among those of its own size or less, and at most ``gap`` above the optimum of the budget.
    The bound is computed in float64, and lowered by what its roundings may have added; if every step fits, the
    allocation is the cheapest of all and the bound its cost.

    **Source** Everett, Generalized Lagrange Multiplier Method (Operations Research 11, 1963): its main theorem, and
    gaps; Shoham and Gersho, Efficient Bit Allocation for an Arbitrary Set of Quantizers (IEEE Trans. ASSP 36, 1988).
    **Departs** nothing. Cost O(l c**2 + l c log(l c)).

    >>> cost, size = np.float64([[9, 1, 0], [5, 3, 0]]), np.int64([[1, 2, 4], [1, 2, 4]])
    >>> a = allocate_lagrange(cost, size, 4)
    >>> a.choice.tolist(), a.cost, a.size, bool(a.bound <= allocate_exact(cost, size, 4).cost)
    ([1, 1], 4.0, 4, True)
    >>> a = allocate_lagrange(cost, size, 5)       # to have both at 4 bytes would cost 8
    >>> a.choice.tolist(), round(a.gap, 9)
    ([1, 1], 1.5)
    """
    cost, size, budget = allocate_arguments(cost, size, budget)
    choice = np.int64([min(range(cost.shape[1]), key=lambda j: (size[i, j], cost[i, j])) for i in range(len(cost))])
    steps = sorted((-saving, i, number, j) for i in range(len(cost))
                   for number, (saving, j) in enumerate(_hull(cost[i], size[i], choice[i])))
    total, price = sum(int(size[i, j]) for i, j in enumerate(choice)), None
    for negative, i, _, j in steps:
        grown = total - int(size[i, choice[i]]) + int(size[i, j])
        if grown > budget:
            price = -negative
            break
        choice[i], total = j, grown
    spent = 0.0
    for i, j in enumerate(choice):
        spent += float(cost[i, j])
    return Allocation(choice, spent, total, spent if price is None else min(spent, _bound(cost, size, budget, price)))


def allocate_arguments(cost, size, budget) -> tuple[np.ndarray, np.ndarray, int]:
    """Return cost, size and budget, or refuse them."""
    cost = arguments.finite(arguments.array(cost, "cost", np.float64, ndim=2), "cost")
    size = arguments.array(size, "size", np.int64, ndim=2)
    if size.shape != cost.shape:
        raise RefcompressError("size", f"must have the shape of cost, {cost.shape}, not {size.shape}")
    if len(cost) and cost.shape[1] == 0:
        raise RefcompressError("cost", "must have at least one choice for each layer")
    arguments.each(size, "size", size >= 0, "must not be negative")
    budget = arguments.integer(budget, "budget", 0)
    if len(cost) and sum(size.max(axis=1).tolist()) > arguments.MAX_SIZE:
        raise LimitError("size", "must sum to at most 2**63 - 1 bytes")
    if math.fsum(np.abs(cost).max(axis=1, initial=0) / 2) > LARGEST64 / 2:
        raise RefcompressError("cost", "must have a finite sum")
    least = sum(size.min(axis=1).tolist()) if len(cost) else 0
    if budget < least:
        raise RefcompressError("budget", f"must be at least {least}, the sum of each layer's smallest choice, not {budget}")
    return cost, size, budget


def _front(cost, size, budget):
    """Return the sizes and costs of all undercut-free allocations, and for each layer (parent, choice) of each of them."""
    rest = sum(size.min(axis=1).tolist()) if len(size) else 0
    sizes, costs, steps = np.zeros(1, np.int64), np.zeros(1), []
    for layer_cost, layer_size in zip(cost, size):
        c = len(layer_cost)
        if len(sizes) * c > MOST_STATES:
            raise LimitError("budget", f"asks for more than {MOST_STATES} partial allocations: use coarser sizes")
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


def _trace(steps, at: np.ndarray) -> np.ndarray:
    """Return the choices, (len(at), l), that led to the allocations of the indices ``at``."""
    choice = np.empty((len(at), len(steps)), np.int64)
    for i in range(len(steps) - 1, -1, -1):
        parent, taken = steps[i]
        choice[:, i], at = taken[at], parent[at]
    return choice


def _hull(cost, size, j):
    """Yield (saving per byte, choice): the steps along the lower convex hull of one layer's points, from choice j on."""
    last = math.inf
    while True:
        ahead = np.flatnonzero((size > size[j]) & (cost < cost[j]))
        if not len(ahead):
            return
        saving = (cost[j] - cost[ahead]) / (size[ahead] - size[j])
        at = np.lexsort((size[ahead], saving))[-1]  # of points on one line the farthest
        last, j = min(last, float(saving[at])), int(ahead[at])  # rounding must not turn the hull's order
        yield last, j


def _bound(cost, size, budget, price: float) -> float:
    """Return the dual value at a price, less the most that its roundings can be: two a term, then one for each sum."""
    terms = (cost + price * size).min(axis=1)
    magnitude = (np.abs(cost) + price * size).max(axis=1).sum() + price * budget
    return float(terms.sum() - price * budget - (len(cost) + 4) * 2 * U64 * magnitude)

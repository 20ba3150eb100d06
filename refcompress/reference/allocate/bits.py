"""Which part of a model gets how many bits: one choice a layer, of least cost within a budget of bytes.

Any kind of choice will do (bit widths, formats, ranks, densities): it is known by its cost and its bytes alone.
``sensitivity.py`` estimates costs.

Letters: l layers, c choices of each.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments
from ...constants import LARGEST64, U64
from ...errors import LimitError, RefcompressError

__all__ = ["Allocation", "allocate_exact", "allocate_front", "allocate_lagrange"]

# Partial allocations held at once: half a gigabyte in native's arrays, five times that in Python's objects.
MOST_STATES = 2**24


@dataclass(frozen=True, eq=False)
class Allocation:
    """One choice for each layer: ``choice`` (l,) int64, its total ``cost`` and ``size`` in bytes, a lower ``bound``.

    No allocation within the budget costs less than ``bound``. ``gap`` is the cost above it, 0 where the optimum is
    known.
    """

    choice: NDArray[np.int64]
    cost: float
    size: int
    bound: float

    @property
    def gap(self) -> float:
        return self.cost - self.bound


class Partial(NamedTuple):
    """An allocation of the first layers: its bytes and cost, the choice of the last of them, and what it extends."""

    size: int
    cost: float
    choice: int
    parent: Any  # a Partial, or None


def allocate_exact(cost: ArrayLike, size: ArrayLike, budget: int) -> Allocation:
    """Choose for each layer such that the sum of costs is least within a budget of bytes, by dynamic programming.

        minimise sum over i of cost[i, choice[i]]   subject to   sum over i of size[i, choice[i]] <= budget

    Parameters
    ----------
    cost : (l, c) float64, finite
        A cost may be negative, as measured losses may be.
    size : (l, c) int64, not negative
        Bytes.
    budget : int
        Bytes; at least the sum of each layer's smallest choice.

    Returns
    -------
    Allocation
        Its bound is its own cost. Costs are summed in float64 from the first layer on, and the sum so rounded is least.
        Of equal costs the allocation of fewest bytes is returned. Ties that are left go to the lower choice in the last
        layer where they differ, among the allocations that were not dominated.

    Raises
    ------
    LimitError : where more than 2**24 partial allocations would have to be held. Take coarser sizes then, or
        allocate_lagrange.

    **Source** Nemhauser & Ullmann, Discrete Dynamic Programming and Capital Allocation (Management Science 15, 1969):
    only Pareto-optimal partial allocations are extended, layer by layer. Bits are chosen for the same problem in
    HAWQ-V3 (Yao et al. 2021, arXiv 2011.10680), there by an integer linear program.

    **Departs** nothing.

    Cost O(l c s log(c s)) for s Pareto-optimal partial allocations, at most budget + 1 and c**l.

    >>> cost, size = np.float64([[9, 1, 0], [5, 3, 0]]), np.int64([[1, 2, 4], [1, 2, 4]])
    >>> best = allocate_exact(cost, size, 5)
    >>> best.choice.tolist(), best.cost, best.size
    ([1, 1], 4.0, 4)
    """
    cost, size, budget = allocate_arguments(cost, size, budget)
    best = _pareto_optimal(cost, size, budget)[-1]
    return Allocation(_choices(best, len(cost)), best.cost, best.size, best.cost)


def allocate_front(cost: ArrayLike, size: ArrayLike, budget: int = arguments.MAX_SIZE,
                   ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return the Pareto front: the optimum of every budget up to the one given.

        the allocations to which no other is better in bytes or cost and as good in the other

    Parameters
    ----------
    cost, size, budget : as of allocate_exact

    Returns
    -------
    size : (p,) int64, rising
    cost : (p,) float64, falling
    choice : (p, l) int64
        Sums and ties as in allocate_exact.

    Raises
    ------
    LimitError : as of allocate_exact.

    **Source** Nemhauser & Ullmann (1969), as allocate_exact.

    **Departs** nothing.

    Cost that of allocate_exact, and O(p l).

    >>> size, cost, choice = allocate_front(np.float64([[4, 1], [2, 0]]), np.int64([[1, 2], [1, 3]]))
    >>> size.tolist(), cost.tolist(), choice.tolist()
    ([2, 3, 5], [6.0, 3.0, 1.0], [[0, 0], [1, 0], [1, 1]])
    """
    cost, size, budget = allocate_arguments(cost, size, budget)
    front = _pareto_optimal(cost, size, budget)
    choice = np.array([_choices(a, len(cost)) for a in front], np.int64)
    return np.array([a.size for a in front], np.int64), np.array([a.cost for a in front]), choice


def _pareto_optimal(cost: np.ndarray, size: np.ndarray, budget: int) -> list[Partial]:
    """Return the Pareto-optimal allocations within the budget, by rising bytes and falling cost."""
    front = [Partial(0, 0.0, 0, None)]
    for i, (costs, sizes) in enumerate(zip(cost.tolist(), size.tolist())):
        if len(front) * len(sizes) > MOST_STATES:
            raise LimitError("budget", f"asks for more than {MOST_STATES} partial allocations: use coarser sizes")
        # The layers to come take at least their smallest choices.
        room = budget - sum(size[i + 1 :].min(axis=1).tolist())
        longer = [Partial(a.size + s, a.cost + c, j, a) for a in front
                  for j, (s, c) in enumerate(zip(sizes, costs)) if a.size + s <= room]
        front, least = [], math.inf
        for a in sorted(longer, key=lambda a: (a.size, a.cost, a.choice)):
            if a.cost < least:  # than all that are no larger
                front.append(a)
                least = a.cost
    return front


def _choices(a: Partial, layers: int) -> NDArray[np.int64]:
    """Return the choice of each layer that led to an allocation, from the last layer back."""
    choice = np.zeros(layers, np.int64)
    for i in reversed(range(layers)):
        choice[i], a = a.choice, a.parent
    return choice


def allocate_lagrange(cost: ArrayLike, size: ArrayLike, budget: int) -> Allocation:
    """Choose for each layer with one Lagrange multiplier, a price per byte: the lowest at which the choices fit.

        choice[i] = argmin over j of cost[i, j] + price * size[i, j];      bound = max over prices of
        sum over i of min over j of (cost[i, j] + price * size[i, j]) - price * budget

    Each layer starts at its smallest choice (the cheapest of equal ones) and moves along the lower convex hull of its
    points (size, cost). The step that saves most per byte comes first, over all layers; ties go to the first layer. The
    first step that does not fit ends the walk, and its saving per byte is the price of the bound.

    Parameters
    ----------
    cost, size, budget : as of allocate_exact

    Returns
    -------
    Allocation
        Optimal among the allocations of at most its own size, and at most ``gap`` above the optimum of the budget. The
        bound is computed in float64 and lowered by what its roundings may have added. Where every step fits, the
        allocation is the cheapest of all, and the bound is its cost.

    **Source** Everett, Generalized Lagrange Multiplier Method (Operations Research 11, 1963): its main theorem, and
    gaps; Shoham & Gersho, Efficient Bit Allocation for an Arbitrary Set of Quantizers (IEEE Trans. ASSP 36, 1988).

    **Departs** nothing.

    Cost O(l c**2 + l c log(l c)).

    >>> cost, size = np.float64([[9, 1, 0], [5, 3, 0]]), np.int64([[1, 2, 4], [1, 2, 4]])
    >>> a = allocate_lagrange(cost, size, 4)
    >>> a.choice.tolist(), a.cost, a.size, bool(a.bound <= allocate_exact(cost, size, 4).cost)
    ([1, 1], 4.0, 4, True)
    >>> a = allocate_lagrange(cost, size, 5)       # to have both at 4 bytes would cost 8
    >>> a.choice.tolist(), round(a.gap, 9)
    ([1, 1], 1.5)
    """
    cost, size, budget = allocate_arguments(cost, size, budget)
    choice = np.array([np.lexsort((cost[i], size[i]))[0] for i in range(len(cost))], np.int64)
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
    for i, j in enumerate(choice):  # one after the other: Python's sum compensates roundings, from 3.12 on
        spent += float(cost[i, j])
    return Allocation(choice, spent, total, spent if price is None else min(spent, _bound(cost, size, budget, price)))


def _hull(cost: np.ndarray, size: np.ndarray, j: int):
    """Yield (saving per byte, choice): the steps from choice j along the lower convex hull of one layer's points."""
    last = math.inf
    while True:
        ahead = np.flatnonzero((size > size[j]) & (cost < cost[j]))
        if not len(ahead):
            return
        saving = (cost[j] - cost[ahead]) / (size[ahead] - size[j])
        at = np.lexsort((size[ahead], saving))[-1]  # of points on one line the farthest
        last, j = min(last, float(saving[at])), int(ahead[at])  # savings fall along a hull, in spite of rounding too
        yield last, j


def _bound(cost: np.ndarray, size: np.ndarray, budget: int, price: float) -> float:
    """Return the dual value at a price, less the most that its roundings can be: two a term, then one for each sum."""
    terms = (cost + price * size).min(axis=1)
    magnitude = (np.abs(cost) + price * size).max(axis=1).sum() + price * budget
    return float(terms.sum() - price * budget - (len(cost) + 4) * 2 * U64 * magnitude)


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
        raise RefcompressError("budget",
                               f"must be at least {least}, the sum of each layer's smallest choice, not {budget}")
    return cost, size, budget

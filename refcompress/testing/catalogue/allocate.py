"""Kernels of allocate family: wrong ones, each with its bug, and right ones."""

import numpy as np

from ... import reference
from ...reference.allocate import Allocation
from .kernels import Kernel

KERNELS: list[Kernel] = []


# allocate_exact

def _by_one_price(cost, size, budget):
    found = reference.allocate_lagrange(cost, size, budget)
    return Allocation(found.choice, found.cost, found.size, found.cost)


def _one_byte_less(operation):
    def wrong(cost, size, budget=2**63 - 1):
        least = int(size.min(axis=1).sum()) if len(size) else 0
        return operation(cost, size, max(budget - 1, least))
    return wrong


def _single_precision(operation):
    def wrong(cost, size, budget=2**63 - 1):
        return operation(cost.astype(np.float32).astype(np.float64), size, budget)
    return wrong


def _last_layer_first(cost, size, budget):
    back = reference.allocate_exact(cost[::-1], size[::-1], budget)
    return Allocation(back.choice[::-1].copy(), back.cost, back.size, back.bound)


def _convex_hull(cost, size, budget=2**63 - 1):
    """The allocations that one price for all layers leads to, and no others."""
    sizes, costs, choices = reference.allocate_front(cost, size, budget)
    on = [i for i, s in enumerate(sizes.tolist()) if reference.allocate_lagrange(cost, size, s).size == s]
    return sizes[on], costs[on], choices[on]


KERNELS += [
    Kernel("allocate_exact", "one price for all layers", "rule",
           "Lagrange's multiplier finds only the convex hull of what is possible.",
           _by_one_price),
    Kernel("allocate_exact", "the budget itself does not fit", "rule",
           "A strict comparison refuses an allocation that uses the budget up.",
           _one_byte_less(reference.allocate_exact)),
    Kernel("allocate_exact", "costs in float32", "bits",
           "A table of costs in float32 makes ties that are none.",
           _single_precision(reference.allocate_exact)),
    Kernel("allocate_exact", "sums from the last layer", "rule",
           "The table is filled from the last layer, so that float64 sums round in another order and ties fall "
           "elsewhere.",
           _last_layer_first),
]


# allocate_front

KERNELS += [
    Kernel("allocate_front", "the convex hull only", "rule",
           "A sweep over prices finds the convex hull, and misses the points behind it.",
           _convex_hull),
    Kernel("allocate_front", "the budget itself does not fit", "rule",
           "A strict comparison drops the last point.",
           _one_byte_less(reference.allocate_front)),
    Kernel("allocate_front", "costs in float32", "bits",
           "A table of costs in float32 merges points that differ.",
           _single_precision(reference.allocate_front)),
]

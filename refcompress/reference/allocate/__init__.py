"""Allocation: which part of a model gets how many bits or which rank, in the order to read.

- ``sensitivity``: by how much a compressed version of a layer raises the loss.
- ``bits``: one choice a layer within a budget of bytes, by dynamic programming or with a Lagrange multiplier.
- ``rank``: the rank of a layer, where cost and error are least together.
- ``within``: two widths within one matrix.
"""

from .bits import Allocation, allocate_exact, allocate_front, allocate_lagrange
from .rank import allocate_rank, allocate_rank_cost
from .sensitivity import Trace, allocate_cost, allocate_fisher, allocate_trace
from .within import allocate_mixed, allocate_outliers

__all__ = [
    "Trace", "allocate_cost", "allocate_trace", "allocate_fisher",
    "Allocation", "allocate_exact", "allocate_front", "allocate_lagrange",
    "allocate_rank", "allocate_rank_cost",
    "allocate_mixed", "allocate_outliers",
]

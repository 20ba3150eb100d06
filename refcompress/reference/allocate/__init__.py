"""The allocate family."""

from .bits import Allocation, allocate_exact, allocate_front, allocate_lagrange
from .rank import allocate_rank, allocate_rank_cost
from .sensitivity import Trace, allocate_cost, allocate_fisher, allocate_trace
from .within import allocate_mixed, allocate_outliers

__all__ = [
    "Allocation", "allocate_exact", "allocate_front", "allocate_lagrange",
    "allocate_rank", "allocate_rank_cost",
    "Trace", "allocate_cost", "allocate_fisher", "allocate_trace",
    "allocate_mixed", "allocate_outliers",
]

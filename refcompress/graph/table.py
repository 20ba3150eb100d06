"""The operations that a node of a graph may be, one row each: what it computes, what it takes, what shape it gives."""

from collections.abc import Mapping

from .operations import ROWS
from .operations.row import REQUIRED, Operation

__all__ = ["OPERATIONS", "REQUIRED", "Operation"]

OPERATIONS: Mapping[str, Operation] = {row.name: row for row in ROWS}

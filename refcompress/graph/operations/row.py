"""A row of the table of operations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["REQUIRED", "Operation"]

REQUIRED: Any = object()  # the default of an attribute that a node must have


@dataclass(frozen=True)
class Operation:
    """What a node may be.

    compute : (*inputs, use, **attributes) -> the output, or a tuple of them; an input that is left out is None. shape :
    (*known inputs, **attributes) -> Known, or a tuple of them; it refuses what does not fit. attributes : name ->
    default, or REQUIRED. least, most : how many inputs a node has; most is None where any number will do. outputs : how
    many it gives. weight : the index of the input that may be in a compressed format, None where none may. check :
    None, or (*tensors, **all attributes) -> None, an input that is no tensor being None; it refuses what is in them.
    """

    name: str
    compute: Callable
    shape: Callable
    attributes: Mapping[str, Any] = field(default_factory=dict)
    least: int = 1
    most: int | None = 1
    outputs: int = 1
    weight: int | None = None
    check: Callable | None = None

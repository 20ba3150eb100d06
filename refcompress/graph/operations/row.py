"""A row of the table of operations."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["REQUIRED", "Operation", "operation"]

REQUIRED: Any = object()  # the default of an attribute that a node must have


@dataclass(frozen=True)
class Operation:
    """What a node may be.

    compute : (*inputs, use, **attributes) -> the output, or a tuple of them; an input that is left out is None. shape :
    (*known inputs, **attributes) -> Known, or a tuple of them; it refuses what does not fit. attributes : name ->
    default, or REQUIRED. types : name -> the annotation of an attribute. least, most : how many inputs a node has; most
    is None where any number will do. outputs : how many it gives at most; None where any number will do. weight : the
    index of the input that may be in a compressed format, None where none may; recurrent : that of a second one. cost :
    (*known inputs, output, **attributes) -> the additions and multiplications of its products; None where it has none.
    check : (*tensors, **attributes) -> None, where an input that is no tensor is None: it refuses tensors and numbers
    that break a rule of the operation; None where there is no such rule.
    """

    name: str
    compute: Callable
    shape: Callable
    attributes: Mapping[str, Any]
    types: Mapping[str, Any]
    least: int = 1
    most: int | None = 1
    outputs: int | None = 1
    weight: int | None = None
    recurrent: int | None = None
    cost: Callable | None = None
    check: Callable | None = None

    @property
    def weights(self) -> tuple[int, ...]:
        """The indices of all inputs that may be in a compressed format."""
        return tuple(i for i in (self.weight, self.recurrent) if i is not None)


INSIDE = ("use", "evaluate")  # keywords that are no attributes: what a run hands in


def operation(compute: Callable, shape: Callable, *, name: str = "", **more: Any) -> Operation:
    """Return the row of a function: its inputs and attributes, and which it must have, are those of its signature."""
    inputs, attributes, types, any_number = [], {}, {}, False
    for each in inspect.signature(compute).parameters.values():
        if each.kind is each.VAR_POSITIONAL:
            any_number = True
        elif each.kind is each.KEYWORD_ONLY and each.name not in INSIDE:
            attributes[each.name] = REQUIRED if each.default is each.empty else each.default
            types[each.name] = each.annotation
        elif each.kind is not each.KEYWORD_ONLY:
            inputs.append(each)
    least = sum(each.default is each.empty for each in inputs)
    more.setdefault("least", least)
    more.setdefault("most", None if any_number else len(inputs))
    return Operation(name or compute.__name__, compute, shape, attributes, types, **more)

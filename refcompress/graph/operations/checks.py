"""Checks that the shapes of operations share: each refuses what does not fit, by the name of the input."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import ArgumentTypeError, RefcompressError
from ...formats import ELEMENT_TYPES
from ..known import Known, Size
from ..sizes import UNKNOWN, broadcast, differ

__all__ = ["axes_of", "axis_of", "broadcast_shape", "float32", "holds", "ints", "of_type", "rank", "same_size",
           "same_types"]


def of_type(x: Known, argument: str, *types: str) -> None:
    """Refuse an input whose elements are of another type."""
    if x.type not in types:
        raise ArgumentTypeError(argument, f"must be of type {' or '.join(types)}, not {x.type}")


def float32(**inputs: Known | None) -> None:
    """Refuse inputs that are not float32; those that are left out are None."""
    for argument, x in inputs.items():
        if x is not None:
            of_type(x, argument, "float32")


def same_types(**inputs: Known | None) -> str:
    """Return the type of the inputs; refuse one that differs from the first."""
    (first, x), *others = [(name, each) for name, each in inputs.items() if each is not None]
    for argument, each in others:
        if each.type != x.type:
            raise ArgumentTypeError(argument, f"must be of type {x.type}, as {first} is, not {each.type}")
    return x.type


def holds(type: str, argument: str, value: float | None) -> None:
    """Refuse a number that an integer type does not have; every float type is taken to have it."""
    kind = np.dtype(ELEMENT_TYPES[type].numpy)
    if value is None or kind.kind not in "iu":
        return
    ends = np.iinfo(kind)
    if not (ends.min <= value <= ends.max and value == int(value)):
        raise RefcompressError(argument, f"must be a number of {type}, not {value}")


def rank(x: Known | None, argument: str, *ranks: int) -> None:
    """Refuse an input with another number of dimensions."""
    if x is not None and x.shape is not None and len(x.shape) not in ranks:
        wanted = " or ".join(map(str, ranks))
        raise RefcompressError(argument, f"must have {wanted} dimension{'s' * (ranks != (1,))}, not {len(x.shape)}")


def same_size(x: Known | None, argument: str, axis: int, size: Size, why: str) -> None:
    """Refuse an input whose size along an axis is another number than ``size``; ``why`` says where that comes from."""
    if x is not None and x.shape is not None and differ(x.shape[axis], size):
        raise RefcompressError(argument, f"must have a size {size} along axis {axis}, {why}, not {x.shape[axis]}")


def axis_of(axis: int, dimensions: int, argument: str = "axis") -> int:
    """Return an axis counted from the front; refuse one that is not there."""
    if not -dimensions <= axis < dimensions:
        raise RefcompressError(argument, f"must be in [{-dimensions}, {dimensions}), not {axis}")
    return axis % dimensions


def axes_of(axes: Sequence[int], dimensions: int) -> tuple[int, ...]:
    """Return axes counted from the front; refuse one that is not there or that is named twice."""
    found = tuple(axis_of(axis, dimensions, f"axes[{i}]") for i, axis in enumerate(axes))
    if len(set(found)) < len(found):
        raise RefcompressError("axes", f"must name each axis once, not {tuple(axes)}")
    return found


def broadcast_shape(**inputs: Known) -> tuple[Size, ...] | None:
    """Return the shape to which inputs are broadcast; refuse sizes that do not fit."""
    try:
        return broadcast(*(x.shape for x in inputs.values()))
    except ValueError as error:
        said = ", ".join(f"{name} {each.shape}" for name, each in inputs.items())
        raise RefcompressError(next(iter(inputs)), f"{said}: {error}") from None


def ints(attribute: Sequence[int] | None, value: Any, argument: str, *, known: bool = False) -> list | None:
    """Return numbers that are an attribute, or else an input: its array in a run, and before it its Known.

    None where they are left out. Before a run (known=True) sizes may be open: a value that is not known is "?" for each
    element, and None where not even their number is known. Refuses a node that has both or of the wrong type.
    """
    if attribute is not None and value is not None:
        raise RefcompressError(argument, "must be an attribute or an input, not both")
    if value is None:
        return None if attribute is None else list(attribute)
    if not known:
        return [int(each) for each in np.atleast_1d(value)]
    of_type(value, argument, "int64", "int32")
    rank(value, argument, 0, 1)
    if value.value is not None:
        return [each if isinstance(each, str) else int(each) for each in np.atleast_1d(value.value)]
    if value.shape is None or value.shape and not isinstance(value.shape[0], int):
        return None
    return [UNKNOWN] * (value.shape[0] if value.shape else 1)

"""Calls with -0.0 where a negative number is refused: it equals 0 and is not negative, whatever its sign bit says."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from .away import options_of
from .cases import Call, Calls
from .expected import accepts
from .judge import arrays_of
from .spread import spread

LOOKED_AT, MANY = 12, 200  # calls that are changed, and elements of one


def of_minus_zeros(op: str, calls: Iterable[Call]) -> Calls:
    """Yield calls in which one operand or option has a -0.0, of those that may be 0 and may not be -1."""
    few = [case for case in calls if 0 < sum(a.size for a in arrays_of(case)) <= MANY]
    options = {name: default for name, default in options_of(op).items() if isinstance(default, float)}
    for args, kwargs in spread(few)[:LOOKED_AT]:
        named: dict[Any, Any] = {**dict(enumerate(args)), **options, **kwargs}
        for name, value in named.items():
            for place in _places(value):
                if not accepts(op, *_with(args, kwargs, name, place(-1.0))):
                    case = _with(args, kwargs, name, place(-0.0))
                    if accepts(op, *case):
                        yield case


def _places(value: Any) -> Iterator[Callable[[float], Any]]:
    """Yield what puts a number into a value: for a number, as the last element, as all of them."""
    if isinstance(value, float):
        yield float
    elif isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size:
        def last(number: float) -> np.ndarray:
            a = value.copy()
            a[(-1,) * a.ndim] = number
            return a
        yield last
        yield lambda number: np.full_like(value, number)


def _with(args: tuple, kwargs: dict, name: Any, value: Any) -> Call:
    if isinstance(name, int):
        return (*args[:name], value, *args[name + 1 :]), kwargs
    return args, {**kwargs, name: value}

"""The inputs that a slow function is judged on when its time is nearly over: one for each length of each axis.

A function that is wrong from some length of one axis on is so on any input that is longer. Kernels count in bytes, in
blocks of a page and in 16 bits: of each axis the input of fewest elements counts that is longer than each of these.
Such inputs are cheap: tall ones are thin.
"""

from collections.abc import Iterable
from typing import Any

from .cases import Call
from .judge import arrays_of

LONGER_THAN = (2**8, 2**12, 2**16)  # what is shorter stands in the sweep, which comes first


def telling(inputs: Iterable[Call]) -> frozenset[int]:
    """Return the numbers of the inputs: of each axis and length the one of fewest elements that is longer.

    >>> import numpy as np
    >>> sorted(telling([((np.ones((9, 9)),), {}), ((np.ones((257, 9)),), {}), ((np.ones((257, 1)),), {})]))
    [2]
    """
    return frozenset(telling_cases(inputs))


def telling_cases(inputs: Iterable[Call]) -> dict[int, Call]:
    """Return them, by their numbers."""
    best: dict[tuple, tuple[int, int, Call]] = {}
    for number, (args, kwargs) in enumerate(inputs):
        elements = sum(a.size for a in arrays_of((args, kwargs)))
        for name, value in (*enumerate(args), *kwargs.items()):
            shape = _shape(value)
            for axis, size in enumerate(shape):
                for length in LONGER_THAN:
                    key = name, axis, len(shape), length
                    if size > length and (key not in best or elements < best[key][0]):
                        best[key] = elements, number, (args, kwargs)
    return {number: case for _, number, case in best.values()}


def _shape(value: Any) -> tuple[int, ...]:
    if isinstance(value, (bytes, list)):
        return (len(value),)
    if isinstance(value, tuple) and value and all(type(size) is int for size in value):
        return value  # a shape, as an option
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return shape
    longest = max((a.size for a in arrays_of(value)), default=0)  # of a format without a shape
    return (longest,)

"""Calls with two wrong elements: the one that comes first in C order is named (GEN-3.5), however the array lies."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from .. import reference
from ..errors import RefcompressError
from .cases import Call, Calls
from .families import CASES

__all__ = ["two_wrong"]

MOST = 60  # calls of the sweep that are looked at for a matrix in each place of an argument


def two_wrong(op: str) -> Calls:
    """Yield calls that the reference refuses for one of two elements: the last of the first row, the first of the last
    row.

    In Fortran's order the other one comes first. In turn the first, then the second lies further off; of an array of
    floats both are NaN too. For each argument, or array of a format, that is refused so.
    """
    done: set[tuple] = set()
    for args, kwargs in islice(CASES[op].sweep(), MOST):
        for place, given in enumerate(args):
            for name, a in _arrays(given):
                if (place, name) not in done and a.ndim == 2 and min(a.shape) > 1 and a.dtype.kind in "fiu":
                    for pair in _pairs(a.dtype):
                        changed = _with_two(given, name, a, pair)
                        call = (*args[:place], changed, *args[place + 1 :]), kwargs
                        if changed is not None and _refused(op, call):
                            done.add((place, name))
                            yield call


def _arrays(given: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Yield what holds an argument's numbers: itself, without a name, or the arrays of a format."""
    if type(given) is np.ndarray:
        yield "", given
    elif is_dataclass(given) and not isinstance(given, type):
        yield from ((f.name, a) for f in fields(given) if type(a := getattr(given, f.name)) is np.ndarray)


def _pairs(dtype: np.dtype) -> Iterator[tuple]:
    if dtype.kind == "f":
        yield np.nan, np.nan
        ends = [(-1, -2), (-2, -1), (np.inf, -np.inf)]
    else:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        ends = [(high // 2, high), (high, high // 2), (low // 2, low), (low, low // 2)]
    yield from ends


def _with_two(given: Any, name: str, a: np.ndarray, pair: tuple) -> Any:
    """Return the argument with two other numbers, or None where its format itself refuses them."""
    b = np.ones_like(a, order="K" if name else "F")
    b[0, -1], b[-1, 0] = pair
    if not name:
        return b
    try:
        return replace(given, **{name: b})
    except RefcompressError:
        return None


def _refused(op: str, call: Call) -> bool:
    args, kwargs = call
    try:
        getattr(reference, op)(*args, **kwargs)
    except RefcompressError:
        return True
    return False

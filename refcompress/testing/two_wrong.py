"""Calls with two wrong elements: the one that comes first in C order is named (GEN-3.5), however the array lies."""

from itertools import islice

import numpy as np

from .. import reference
from ..errors import RefcompressError
from .cases import Call, Calls
from .families import CASES

__all__ = ["two_wrong"]

MOST = 60  # calls of the sweep that are looked at for a matrix in each place of an argument


def two_wrong(op: str) -> Calls:
    """Yield calls that the reference refuses for one of two NaN: the last of the first row, the first of the last row.

    In Fortran's order the other one comes first. One call for each argument that is an array of floats.
    """
    done: set[int] = set()
    for args, kwargs in islice(CASES[op].sweep(), MOST):
        for place, a in enumerate(args):
            if place not in done and type(a) is np.ndarray and a.dtype.kind == "f" and a.ndim == 2 and min(a.shape) > 1:
                call = _with_two(args, kwargs, place)
                if _refused(op, call):
                    done.add(place)
                    yield call


def _with_two(args: tuple, kwargs: dict, place: int) -> Call:
    a = np.ones_like(args[place], order="F")
    a[0, -1] = a[-1, 0] = np.nan
    return (*args[:place], a, *args[place + 1 :]), kwargs


def _refused(op: str, call: Call) -> bool:
    args, kwargs = call
    try:
        getattr(reference, op)(*args, **kwargs)
    except RefcompressError:
        return True
    return False

"""Axes of one element, whose stride means nothing and may be anything: for every array of every operation.

A table, and not a choice by chance: each operand that an operation takes, each of its axes cut to one element, each of
``STRIDES`` for it, beside elements that lie side by side, apart and backwards. The numbers are ordinary ones: among
NaNs and infinities a wrong element does not show.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from . import memory
from .cases import Call, Calls, call_of
from .cutting import cut
from .expected import accepts

STRIDES = (1, 0, -1, 4099)  # elements: as in Fortran order, as of a broadcast array, backwards, far away
STEPS = (2, 1, -1)  # of the other axes: apart with poison between, as in C order, backwards
FEWEST, MOST = 3, 4000  # elements beside the axis; of all arrays
TAME = 2.0**24  # numbers above it, and below its inverse, are replaced
CALLS = 3  # that are cut for one axis of one operand: the options go round


def single(op: str, calls: list[Call]) -> Calls:
    """Yield calls of which one array has one axis of one element, with strides that mean nothing."""
    for name, axis, ndim in _axes(calls):
        having = [case for case in calls if _has(case, name, axis, ndim)]
        turn = 0
        for args, kwargs in sorted(having, key=lambda case: not _shows(_named(case)[name], axis)):
            named = {key: _tame(value) for key, value in _named((args, kwargs)).items()}
            case = next((case for case in _cut(named, name, axis) if accepts(op, *call_of(case, len(args)))), None)
            if case is None:
                continue
            for number, (stride, step) in enumerate((stride, step) for stride in STRIDES for step in STEPS):
                if number % CALLS == turn:
                    yield call_of({**case, name: _placed(case[name], axis, stride, step)}, len(args))
            turn += 1
            if turn == CALLS:
                break


def _axes(calls: list[Call]) -> list[tuple[Any, int, int]]:
    """Return each operand that is an array, by place or name, each of its axes, and how many it has."""
    found: dict[tuple[Any, int, int], None] = {}
    for args, kwargs in calls:
        for name, a in _named((args, kwargs)).items():
            if isinstance(a, np.ndarray):
                found.update(dict.fromkeys((name, axis, a.ndim) for axis in range(a.ndim)))
    return list(found)


def _named(case: Call) -> dict:
    return {**dict(enumerate(case[0])), **case[1]}


def _has(case: Call, name: Any, axis: int, ndim: int) -> bool:
    """Return whether a call, which is not long, has the axis."""
    named = _named(case)
    a = named.get(name)
    size = sum(b.size for b in named.values() if isinstance(b, np.ndarray))
    return isinstance(a, np.ndarray) and a.ndim == ndim and a.shape[axis] > 0 and size <= MOST


def _shows(a: np.ndarray, axis: int) -> bool:
    """Return whether a wrong element would show: there are several beside the axis, which differ."""
    return a.size // a.shape[axis] >= FEWEST and len(np.unique(a.take([0], axis))) > 1


def _tame(a: Any) -> Any:
    """Return an array of floats with small integers in place of what is not ordinary; others as they are."""
    if not isinstance(a, np.ndarray) or a.dtype.kind != "f":
        return a
    with np.errstate(invalid="ignore"):
        size = np.abs(a.astype(np.float64))
    ordinary = (size <= TAME) & ((size >= 1 / TAME) | (size == 0))
    return np.where(ordinary, a, 1 + np.arange(a.size).reshape(a.shape) % 7).astype(a.dtype)


def _cut(named: dict, name: Any, axis: int) -> Iterator[dict]:
    """Yield the call with the axis cut to one element: of this array alone, then of all that have such an axis."""
    a = named[name]
    yield {**named, name: a.take([0], axis)}
    size = a.shape[axis]
    others = {key: next(cut(value, size, 1, False), value) for key, value in named.items()}
    yield others | {name: a.take([0], axis)}
    yield others


def _placed(a: np.ndarray, axis: int, stride: int, step: int) -> np.ndarray:
    strides, apart = [0] * a.ndim, step * a.itemsize
    for i in reversed(range(a.ndim)):
        strides[i] = stride * a.itemsize if i == axis else apart
        apart *= 1 if i == axis else a.shape[i]
    return memory.at(a, strides=tuple(strides))




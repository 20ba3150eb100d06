"""Calls whose arrays have other numbers of axes, or axes of one length: which axis is which then has to be known.

Both are made of calls that there are: arrays of one shape are flattened, stacked, cut in two; and all axes are cut to
the length of the shortest. What the reference refuses is left out.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from typing import Any

import numpy as np

from . import layouts
from .away import away
from .cases import Call, Calls
from .cutting import cut, sizes_of
from .expected import accepts
from .judge import arrays_of
from .spread import spread

FEW, MANY = 6, 2000  # elements of a call that is changed
OF_A_KIND, CHANGED, MOST = 3, 40, 128  # calls of a kind, all that are changed, and what comes of them


def of_other_axes(op: str, calls: Iterable[Call]) -> Calls:
    """Yield calls with other numbers of axes, or with equal lengths: of each number of axes one in every layout."""
    some = [case for case in calls if FEW <= sum(a.size for a in arrays_of(case)) <= MANY]
    seen: set[tuple] = set()
    count = 0
    for args, kwargs in [*away(op, some), *_of_each_kind(some)]:
        for change in (square, other_axes):
            for case in change(args, kwargs):
                if not accepts(op, *case):
                    continue
                count += 1
                yield case
                kind = tuple(np.ndim(a) for a in case[0] if isinstance(a, np.ndarray)), change
                if kind not in seen and change is not square:
                    for layout in layouts.LAYOUTS[1:]:
                        yield layouts.place(case[0], layout), layouts.place(case[1], layout)
                seen.add(kind)
                if count >= MOST:
                    return


def _of_each_kind(calls: list[Call]) -> list[Call]:
    """Return a few calls of each kind: by the options, and by the axes of one element of arrays, in formats too."""
    kinds: dict[tuple, list[Call]] = {}
    for case in spread(calls):
        arrays = tuple(tuple(tuple(n == 1 for n in a.shape) for a in arrays_of(value)) for value in case[0])
        kinds.setdefault((arrays, tuple(sorted(case[1]))), []).append(case)
    return [case for turn in zip_longest(*(some[:OF_A_KIND] for some in kinds.values())) for case in turn
            if case is not None][:CHANGED]


def square(args: tuple, kwargs: dict) -> Iterator[Call]:
    """Yield the call with all axes cut to the length of the shortest one that is longer than 1."""
    named: dict[Any, Any] = {**dict(enumerate(args)), **kwargs}
    sizes = sorted({size for value in named.values() for size in sizes_of(value) if size > 1})
    if len(sizes) > 1:
        for size in sizes[1:]:
            named = {name: next(cut(value, size, sizes[0], False), value) for name, value in named.items()}
        yield tuple(named[i] for i in range(len(args))), {name: named[name] for name in kwargs}


def other_axes(args: tuple, kwargs: dict) -> Iterator[Call]:
    """Yield the call with one array, and with all arrays of its shape, in other numbers of axes."""
    arrays = [i for i, a in enumerate(args) if isinstance(a, np.ndarray) and a.size and a.ndim]
    for i in arrays:
        alike = [j for j in arrays if args[j].shape == args[i].shape]
        for group in ([alike] if alike[0] == i else []) + ([[i]] if len(alike) > 1 else []):
            for change in CHANGES:
                changed = [change(a) if j in group else a for j, a in enumerate(args)]
                if all(a is not None for a in changed):
                    yield tuple(changed), kwargs


def _flat(a: np.ndarray) -> np.ndarray | None:
    return a.reshape(-1) if a.ndim > 1 else None


def _stacked(a: np.ndarray) -> np.ndarray | None:
    """Return the array and another one like it, on a new first axis."""
    return np.stack([a, np.roll(a, 1)]) if a.ndim < 4 else None


def _in_two(a: np.ndarray) -> np.ndarray | None:
    """Return the array with its last axis cut into two axes."""
    n = a.shape[-1]
    side = next((side for side in (2, 3, 5) if n % side == 0 and n > side), None)
    return a.reshape(*a.shape[:-1], side, n // side) if side and a.ndim < 4 else None


def _joined(a: np.ndarray) -> np.ndarray | None:
    """Return the array with its first two axes as one."""
    return a.reshape(-1, *a.shape[2:]) if a.ndim > 2 else None


CHANGES: tuple[Callable[[np.ndarray], np.ndarray | None], ...] = (_flat, _stacked, _in_two, _joined)

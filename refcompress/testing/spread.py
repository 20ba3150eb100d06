"""A few of many calls, of every kind: not each tenth one, for what the calls are like may go round with that step."""

from itertools import zip_longest
from typing import Any

import numpy as np

from .cases import Call
from .judge import arrays_of

GOLDEN = 0.6180339887498949  # its multiples, modulo 1, go round with no step


def spread(calls: list[Call]) -> list[Call]:
    """Return the calls in an order whose beginning has some of each kind, from their beginning to their end.

    Of one kind are calls with the same options, with arguments of the same type and number of axes, and with or without
    an empty array in them.
    """
    kinds: dict[Any, list[Call]] = {}
    for case in calls:
        kinds.setdefault(_kind(case), []).append(case)
    turned = [[case for _, case in sorted(enumerate(same), key=lambda at: at[0] * GOLDEN % 1)]
              for same in sorted(kinds.values(), key=lambda same: _empty(same[0]))]
    return [case for turn in zip_longest(*turned) for case in turn if case is not None]


def _kind(case: Call) -> Any:
    args, kwargs = case
    return (tuple(a.ndim if isinstance(a, np.ndarray) else type(a).__name__ for a in args), tuple(sorted(kwargs)),
            _empty(case))


def _empty(case: Call) -> bool:
    return any(a.size == 0 for a in arrays_of(list(case)))

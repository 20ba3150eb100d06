"""Calls in which an option has another value than its default: of every option that an operation has."""

import inspect
from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import reference
from .cases import Call
from .judge import arrays_of

OTHERS = 150  # calls that are looked at for other values, once each option has one
SMALL = 2  # a number up to it
FEW, MANY = 24, 4096  # elements of a call: fewer show little, and more take long


def options_of(op: str) -> dict[str, Any]:
    """Return the defaults of an operation's options, by name."""
    return {name: option.default for name, option in inspect.signature(getattr(reference, op)).parameters.items()
            if option.default is not inspect.Parameter.empty}


def values_away(op: str, case: Call) -> set[tuple[str, str]]:
    """Return the options of a call that have another value than their default, and which kind of value.

    >>> import numpy as np
    >>> x = np.ones((2, 3), np.float32)
    >>> sorted(values_away("quantize_s8", ((x,), {"bits": 8, "axis": 0, "scheme": "affine"})))
    [('axis', '+small'), ('scheme', 'affine')]
    """
    defaults = options_of(op)
    names = list(inspect.signature(getattr(reference, op)).parameters)
    given = {**dict(zip(names, case[0])), **case[1]}
    found = set()
    for name, value in given.items():
        if name in defaults and not _same(value, defaults[name]):
            found.add((name, _word(value)))
    return found


def _word(value: Any) -> str:
    """Return a word or a truth itself; of a number its sign, and whether it is small; of others nothing."""
    if isinstance(value, (str, bool)):
        return str(value)
    if isinstance(value, (int, float)):
        return ("-" if value < 0 else "+") + ("small" if abs(value) <= SMALL else "large")
    return ""


def away(op: str, calls: Iterable[Call], more: Iterable[Call] = (), *, kinds: bool = True) -> list[Call]:
    """Return calls that have together what options can have: each option away from its default at least once.

    kinds : whether each word that an option can be is among them, and numbers of either sign. more : looked at only as
    long as an option is missing, and a little further. Calls of middle size are preferred.
    """
    defaults = options_of(op)
    if not defaults:
        return []
    best: dict[tuple[str, str], tuple[bool, int, Call]] = {}

    def look(number: int, case: Call) -> None:
        has = {(name, kind if kinds else "") for name, kind in values_away(op, case)}
        if has:
            rank = not FEW <= sum(a.size for a in arrays_of(case)) <= MANY, number
            for key in has:
                if key not in best or rank < best[key][:2]:
                    best[key] = *rank, case

    number = -1
    for number, case in enumerate(calls):
        look(number, case)
    left = OTHERS
    for number, case in enumerate(more, number + 1):
        left -= all(any(key[0] == name and not best[key][0] for key in best) for name in defaults)
        if not left:
            break
        look(number, case)
    chosen = {number: case for _, number, case in best.values()}
    return [chosen[number] for number in sorted(chosen)]


def _same(value: Any, default: Any) -> bool:
    if isinstance(value, np.ndarray):
        return isinstance(default, (bool, int, float)) and value.ndim == 0 and bool(value == default)
    return value is default or type(value) is type(default) and bool(value == default)

"""A function that says which operation it is, and what a test asks of it: nine checks, each with a name.

``conforms`` marks a function; the plugin for pytest (:mod:`refcompress.pytest_plugin`) makes a test of each check of a
marked function. ``conformance`` runs one without pytest. ``check`` asks all of it at once, searches on and makes what
it finds smaller: where a line here is red, it is the next thing to call.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from .. import arguments, reference
from ..agreement import Disagreement, exactly
from ..errors import RefcompressError
from ..ops import OPS
from . import layouts, states
from .clauses import clause
from .contiguous import plain
from .judge import NOT_OFFERED, Outcome, arrays_of, describe, judged, judged_refusal
from .sampling import refusals, swept, wide

__all__ = ["CHECKS", "Conformance", "conformance", "conforms"]

F = TypeVar("F", bound=Callable)
VECTOR = 8  # elements: what is longer and no multiple of it leaves a tail to every vector, of whatever type
FEW = 24  # calls that are made again and again, or from several threads

CHECKS = {
    "sizes": "lengths that are short, or whole vectors",
    "tails": "lengths that no whole vectors fill",
    "layouts": "arrays in any layout, byte order and alignment",
    "values": "zeros with a sign, subnormals, infinities, NaN, the largest numbers of a type",
    "options": "every option that is not its default",
    "state": "the same call again; inputs as they were; memory of its own",
    "threads": "calls from several threads at once",
    "refusals": "what must be refused, about the same argument",
    "bits": "the same bits whatever the layout",
}


@dataclass(frozen=True)
class Conformance:
    """What ``conforms`` says of a function. failures : the reason by the name of a check that is expected to fail."""

    op: str
    failures: Mapping[str, str] = field(default_factory=dict)


def conforms(op: str, *, failures: Mapping[str, str] | None = None) -> Callable[[F], F]:
    """Mark a function as an implementation of ``op``; it stays as it is.

    Parameters
    ----------
    op : str
        A name of OPS.
    failures : dict, optional
        Of checks that are known to fail the reason, by the name of the check (CHECKS). They are expected to fail: one
        that passes is reported.

    >>> @conforms("gemm_s8s8", failures={"refusals": "takes what it gets"})
    ... def mine(x, w, *, x_zero_point=0):
    ...     return (x.astype(np.int32) - x_zero_point) @ w.astype(np.int32).T
    >>> conformance("tails", "gemm_s8s8", mine) > 0
    True
    """
    made = Conformance(arguments.choice(op, "op", OPS), dict(failures or {}))
    for name, reason in made.failures.items():
        arguments.choice(name, "failures", CHECKS)
        if not isinstance(reason, str) or not reason:
            raise RefcompressError("failures", f"must say the reason why {name} fails")

    def mark(function: F) -> F:
        function.__conforms__ = made  # type: ignore[attr-defined]
        return function

    return mark


def conformance(name: str, op: str, function: Callable) -> int:
    """Run one check and return the number of inputs that it tried; raise Disagreement where it fails.

    Where the function says NotImplementedError of every input, so does this: it offers nothing of what is asked.
    """
    check = {"layouts": _layouts, "bits": _bits, "state": _state, "threads": _threads, "refusals": _refusals}.get(
        arguments.choice(name, "name", CHECKS))
    return (check or _values_of(name))(op, function)


def _values_of(name: str) -> Callable[[str, Callable], int]:
    return lambda op, function: _all_agree(op, function, _plain_calls(op, name))


def _layouts(op: str, function: Callable) -> int:
    return _all_agree(op, function, _odd(op))


def _bits(op: str, function: Callable) -> int:
    def same(args: tuple, kwargs: dict) -> None:
        first = function(*plain(args), **plain(kwargs))
        try:
            exactly(first, function(*args, **kwargs))
        except Disagreement as wrong:
            raise Disagreement(f"other bits in this layout than in a plain one: {wrong}") from None

    return _each(op, same, _odd(op))


def _state(op: str, function: Callable) -> int:
    return _by_states(op, function, [check for check in states.CHECKS if check is not states.threads_at_once])


def _threads(op: str, function: Callable) -> int:
    return _by_states(op, function, [states.threads_at_once])


def _by_states(op: str, function: Callable, checks: list[Callable]) -> int:
    calls = _offered(op, function)
    for check in checks:
        try:
            check(op, function, lambda: iter(calls))
        except Disagreement as wrong:
            raise Disagreement(f"{op}: {wrong}\n  {clause(op)}") from wrong.__cause__
    return len(calls)


def _refusals(op: str, function: Callable) -> int:
    return _each(op, lambda args, kwargs: _raise(judged_refusal(op, function, args, kwargs)), refusals(op))


def _all_agree(op: str, function: Callable, calls: Any) -> int:
    rule = OPS[op].rule
    return _each(op, lambda args, kwargs: _raise(judged(op, function, rule, args, kwargs)), calls)


def _raise(outcome: Outcome) -> None:
    if outcome.kind == NOT_OFFERED:
        raise NotImplementedError(outcome.reason)
    if outcome.failed:
        raise Disagreement(outcome.reason) from outcome.cause


def _each(op: str, check: Callable[[tuple, dict], None], calls: Any) -> int:
    """Run a check on every call, and say on which it failed; raise what says that nothing is offered."""
    tried, missing, why = 0, 0, NotImplementedError("there is no input")
    for args, kwargs in calls:
        tried += 1
        try:
            with np.errstate(all="ignore"):
                check(args, kwargs)
        except NotImplementedError as error:
            missing, why = missing + 1, error
        except Disagreement as wrong:
            raise Disagreement(f"{op}: {wrong}\n  {clause(op)}\n  on {describe(args, kwargs)}") from wrong.__cause__
        except Exception as error:
            said = f"{op}: raised {type(error).__name__} on a valid input: {error}"
            raise Disagreement(f"{said}\n  on {describe(args, kwargs)}") from error
    if tried and missing == tried:
        raise why
    return tried - missing


def _cases(op: str) -> Iterator[tuple[tuple, dict]]:
    """Yield the samples, one layout of each."""
    yield from islice(swept(op), 0, None, 2 if layouts.GUARDED else 1)
    yield from wide(op)


def _odd(op: str) -> Iterator[tuple[tuple, dict]]:
    """Yield the samples that do not lie as plain arrays do."""
    return (call for call in _cases(op) if not _is_plain(call))


def _offered(op: str, function: Callable) -> list[tuple[tuple, dict]]:
    """Return a few calls, as plain arrays, that the function offers."""
    calls = [(plain(args), plain(kwargs)) for args, kwargs in islice(swept(op), 0, None, 2)]
    offered, why = [], NotImplementedError("there is no input")
    for args, kwargs in calls[:: max(1, len(calls) // FEW)]:
        try:
            with np.errstate(all="ignore"):
                function(*args, **kwargs)
        except NotImplementedError as error:
            why = error
            continue
        except Exception as error:
            said = f"{op}: raised {type(error).__name__} on a valid input: {error}"
            raise Disagreement(f"{said}\n  on {describe(args, kwargs)}") from error
        offered.append((args, kwargs))
    if not offered:
        raise why
    return offered


def _plain_calls(op: str, name: str) -> Iterator[tuple[tuple, dict]]:
    """Yield the samples of a check by values, as plain arrays."""
    defaults = {key: p.default for key, p in inspect.signature(getattr(reference, op)).parameters.items()}
    for args, kwargs in _cases(op):
        hostile = any(map(_is_hostile, arrays_of((args, kwargs))))
        values = hostile or any(map(_has_ends, arrays_of((args, kwargs))))
        longest = max((n for a in arrays_of((args, kwargs)) for n in a.shape), default=0)
        tails = longest > VECTOR and longest % VECTOR > 0
        optional = any(_differs(value, defaults.get(key, inspect.Parameter.empty)) for key, value in kwargs.items())
        of = {"values": values, "options": optional and not hostile, "tails": tails and not hostile,
              "sizes": not tails and not hostile}
        if of[name]:
            yield plain(args), plain(kwargs)


def _differs(value: Any, default: Any) -> bool:
    return isinstance(value, np.ndarray) or isinstance(default, np.ndarray) or bool(value != default)


def _is_plain(call: tuple[tuple, dict]) -> bool:
    return all(a is b for a, b in zip(arrays_of(call), arrays_of(plain(call)), strict=True))


def _is_hostile(a: np.ndarray) -> bool:
    if a.dtype.kind != "f":
        return False
    size, limits = np.abs(a), np.finfo(a.dtype)
    return bool((~np.isfinite(a) | ((size < limits.tiny) & ((a != 0) | np.signbit(a))) | (size > limits.max / 4)).any())


def _has_ends(a: np.ndarray) -> bool:
    """Return whether an array of integers has the first or the last number of its type: not zero, if that is the first.
    """
    if a.dtype.kind not in "iu":
        return False
    ends = np.iinfo(a.dtype)
    return bool(((a == ends.max) | ((a == ends.min) & (ends.min < 0))).any())

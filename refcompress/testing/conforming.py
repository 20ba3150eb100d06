"""A function that says which operation it is, and what a test asks of it: nine checks, each with a name.

``conforms`` marks a function; the plugin for pytest (:mod:`refcompress.pytest_plugin`) makes a test of each check of a
marked function. ``conformance`` runs one without pytest. ``check`` asks all of it at once, searches on and makes what
it finds smaller: where a line here is red, it is the next thing to call.
"""

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from .. import arguments, reference
from ..agreement import Disagreement, NoBound, exactly
from ..errors import RefcompressError
from ..ops import OPS
from .bounds import assert_agrees
from .judge import arrays_of, describe, judged_refusal
from .plain import plain
from .samples import refusals, samples

__all__ = ["CHECKS", "Conformance", "conformance", "conforms"]

F = TypeVar("F", bound=Callable)
VECTOR = 8  # elements: what is longer and no multiple of it leaves a tail to every vector, of whatever type
THREADS = 4
FEW = 60  # calls that are repeated, or made from several threads

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
    def check(op: str, function: Callable) -> int:
        return _all_agree(op, function, _plain_calls(op, name))

    return check


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
    def twice(args: tuple, kwargs: dict) -> None:
        before = [a.tobytes() for a in arrays_of((args, kwargs))]
        first = function(*args, **kwargs)
        kept = [a.copy() for a in arrays_of(first)]
        again = function(*args, **kwargs)
        if before != [a.tobytes() for a in arrays_of((args, kwargs))]:
            raise Disagreement("an input was modified")
        for a, b in zip(kept, arrays_of(first), strict=True):
            exactly(a, b)
        try:
            exactly(first, again)
        except Disagreement as wrong:
            raise Disagreement(f"the second call differs from the first: {wrong}") from None

    return _each(op, twice, _few(op))


def _threads(op: str, function: Callable) -> int:
    """Each thread makes calls of its own, again and again, and gets what one thread alone gets."""
    calls: list = []
    alone: list = []
    found: list = []
    for args, kwargs in _few(op)[::2]:
        try:
            alone.append(function(*args, **kwargs))
        except NotImplementedError:
            continue
        calls.append((args, kwargs))
    if not calls:
        raise NotImplementedError("of no input that was tried")

    def work(first: int) -> None:
        for turn in range(3):
            for i in range(first, len(calls), THREADS):
                try:
                    exactly(alone[i], function(*calls[i][0], **calls[i][1]))
                except Exception as wrong:
                    found.append((i, wrong))
                    return

    workers = [threading.Thread(target=work, args=(first,)) for first in range(THREADS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if found:
        i, wrong = found[0]
        raise Disagreement(f"{op}: from several threads at once: {wrong}\n  on {describe(*calls[i])}")
    return len(calls)


def _refusals(op: str, function: Callable) -> int:
    def refuses(args: tuple, kwargs: dict) -> None:
        outcome = judged_refusal(op, function, args, kwargs)
        if outcome.failed:
            raise Disagreement(outcome.reason) from outcome.cause

    return _each(op, refuses, list(refusals(op)))


def _all_agree(op: str, function: Callable, calls: Any) -> int:
    def agrees(args: tuple, kwargs: dict) -> None:
        try:
            assert_agrees(op, function(*args, **kwargs), *args, **kwargs)
        except NoBound:
            return  # which is no fault of the function

    return _each(op, agrees, calls)


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
            said = str(wrong).removeprefix(f"{op}: ")
            where = "" if "\n  on " in said else f"\n  on {describe(args, kwargs)}"
            raise Disagreement(f"{op}: {said}{where}") from wrong.__cause__
        except Exception as error:
            said = f"{op}: raised {type(error).__name__} on a valid input: {error}"
            raise Disagreement(f"{said}\n  on {describe(args, kwargs)}") from error
    if tried and missing == tried:
        raise why
    return tried - missing


def _odd(op: str) -> Iterator[tuple[tuple, dict]]:
    """Yield the samples that do not lie as plain arrays do; of each input one layout."""
    return (call for number, call in enumerate(samples(op)) if number % 2 == 0 and not _is_plain(call))


def _few(op: str) -> list:
    calls = [(plain(args), plain(kwargs)) for args, kwargs in samples(op)]
    return calls[:: max(1, len(calls) // FEW)]


def _plain_calls(op: str, name: str) -> Iterator[tuple[tuple, dict]]:
    """Yield the samples of a check by values, as plain arrays: each once."""
    defaults = {key: p.default for key, p in inspect.signature(getattr(reference, op)).parameters.items()}
    for number, (args, kwargs) in enumerate(samples(op)):
        hostile = any(map(_is_hostile, arrays_of((args, kwargs))))
        longest = max((n for a in arrays_of((args, kwargs)) for n in a.shape), default=0)
        tails = longest > VECTOR and longest % VECTOR > 0
        optional = any(_differs(value, defaults.get(key, inspect.Parameter.empty)) for key, value in kwargs.items())
        of = {"values": hostile, "options": optional and not hostile, "tails": tails and not hostile,
              "sizes": not tails and not hostile}
        if of[name] and number % 2 == 0:  # samples come in pairs, of two layouts
            yield plain(args), plain(kwargs)


def _differs(value: Any, default: Any) -> bool:
    return isinstance(value, np.ndarray) or isinstance(default, np.ndarray) or bool(value != default)


def _is_plain(call: tuple[tuple, dict]) -> bool:
    return all(a is b for a, b in zip(arrays_of(call), arrays_of(plain(call)), strict=True))


def _is_hostile(a: np.ndarray) -> bool:
    if not a.size or a.dtype.kind not in "fiu":
        return False
    if a.dtype.kind != "f":
        ends = np.iinfo(a.dtype)
        return bool((a == ends.max).any() or (a == ends.min).any() and ends.min < 0)
    size, limits = np.abs(a), np.finfo(a.dtype)
    return bool((~np.isfinite(a) | ((size < limits.tiny) & ((a != 0) | np.signbit(a))) | (size > limits.max / 4)).any())

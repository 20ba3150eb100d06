"""The verdict on one function: it agrees with the reference, or here is a small input on which it does not."""

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from .. import reference
from ..agreement import Disagreement, NoBound, exactly
from ..errors import MissingExtra, RefcompressError
from ..ops import OPS
from .samples import refusals as refusals_of
from .samples import samples, strategy

SHRINK_SECONDS = 10


@dataclass
class Report:
    """What a check that passed has tried. Of ``without_bound`` inputs some elements could not be judged."""

    op: str
    inputs: int = 0
    without_bound: int = 0
    refused: int = 0


def check(op: str, function: Callable, *, rule: Callable | None = None, refusals: bool = False,
          examples: int | None = None) -> Report:
    """Compare ``function`` with the reference operation ``op``; return what was tried, or raise Disagreement.

    First the fixed samples (every length 0 to 67, odd layouts, guard pages, hostile values), then Hypothesis, which
    shrinks what it finds. Besides the result, by the operation's rule: the second call on the same input gives the same
    bits, the input is not modified, the result shares no memory with it, a valid input is not refused.

    Parameters
    ----------
    op : str
        A name of OPS.
    function : callable
        Called as the operation is.
    rule : callable, optional
        In place of the operation's own rule, for example agreement.same_cost.
    refusals : bool
        Whether ``function`` must also refuse what the reference refuses, with the same class and argument.
    examples : int, optional
        Of Hypothesis; by default its profile's max_examples. 0 leaves Hypothesis out.

    Returns
    -------
    Report
        What was tried.

    Raises
    ------
    Disagreement
        With the input in its message.
    MissingExtra
        Where Hypothesis is wanted and not installed.

    A function that reads outside its arrays is killed by the system (a guard page): ``python -X faulthandler``
    says where.
    """
    if op not in OPS:
        raise RefcompressError("op", f"must be one of {', '.join(OPS)}, not {op!r}")
    report = Report(op)
    rule = rule or OPS[op].rule

    def run(case) -> None:
        _compare(op, function, rule, case, report)

    for case in samples(op):
        run(case)
    if refusals:
        for case in refusals_of(op):
            _compare_refusal(op, function, case)
            report.refused += 1
    if examples != 0:
        _search(op, run, examples)
    if report.without_bound == report.inputs:
        raise NoBound(f"{op}: no input had a bound for all of its elements")
    return report


class _TimeIsUp(BaseException):
    """Ends Hypothesis's search for a smaller input; not an Exception, which it would take for another failure."""


def _search(op: str, run, examples: int | None) -> None:
    try:
        import hypothesis
        from hypothesis.errors import FlakyFailure
    except ImportError:
        cure = "is not installed: pip install 'refcompress[test]', or pass examples=0"
        raise MissingExtra("hypothesis", cure) from None

    profile = hypothesis.settings()
    settings = hypothesis.settings(
        max_examples=examples or profile.max_examples, deadline=None, database=None, report_multiple_bugs=False,
        verbosity=hypothesis.Verbosity.quiet, suppress_health_check=list(hypothesis.HealthCheck))
    found: list[tuple[float, Disagreement]] = []

    def run_in_time(case):
        if found and time.monotonic() > found[0][0] + SHRINK_SECONDS:
            raise _TimeIsUp
        try:
            run(case)
        except Disagreement as wrong:
            found.append((time.monotonic(), wrong))
            raise

    try:
        settings(hypothesis.given(strategy(op))(run_in_time))()
    except _TimeIsUp:
        raise min((wrong for _, wrong in found), key=lambda wrong: len(str(wrong))) from None
    except FlakyFailure as flaky:
        raise Disagreement(f"{op}: the same input agreed once and disagreed another time") from flaky


def _compare(op: str, function, rule, case, report: Report) -> None:
    args, kwargs = case
    report.inputs += 1
    try:
        with np.errstate(all="ignore"):
            expected = getattr(reference, op)(*args, **kwargs)
            before = _snapshot((args, kwargs))
            got = _call(function, args, kwargs)
            _untouched(before, (args, kwargs))
            _own_memory(got, (args, kwargs), "an input")
            first = _snapshot(got)
            second = _call(function, args, kwargs)
            _own_memory(second, got, "the first call's")
            _same_again(first, second, "the second call on the same input")
        try:
            rule(expected, got, args, kwargs)
        except NoBound:
            report.without_bound += 1
    except Disagreement as wrong:
        raise Disagreement(f"{op}: {wrong}\n  on {describe(args, kwargs)}") from wrong.__cause__


def _call(function, args, kwargs):
    try:
        return function(*args, **kwargs)
    except Exception as error:
        raise Disagreement(f"raised {type(error).__name__} on a valid input: {error}") from error


def _same_again(first, second, what: str) -> None:
    try:
        exactly(first, second)
    except Disagreement as wrong:
        raise Disagreement(f"{what} differs from the first: {wrong}") from None


def _untouched(before, after) -> None:
    try:
        exactly(before, after)
    except Disagreement as wrong:
        raise Disagreement(f"the input was modified: {wrong}") from None


def _own_memory(got, others, whose: str) -> None:
    """A result that is a view of the input, or of the result before, changes when that memory is used again.

    A format that is returned may keep what is read-only: nobody can change that.
    """
    for g in arrays_of(got):
        for a in arrays_of(others):
            may = is_dataclass(got) and not a.flags.writeable and not g.flags.writeable
            if not may and np.shares_memory(g, a):
                raise Disagreement(f"the result shares memory with {whose}")


def _compare_refusal(op: str, function, case) -> None:
    """A bad call must raise what the reference raises, about the same argument, and change nothing."""
    args, kwargs = case
    before = _snapshot(case)
    expected = _refusal(getattr(reference, op), args, kwargs)
    if expected is None:
        raise ValueError(f"{op}: the reference accepts {describe(args, kwargs)}")
    got = _refusal(function, args, kwargs)
    if not isinstance(expected, RefcompressError):
        raise expected
    want = f"{type(expected).__name__} about {expected.argument!r}"
    said = "a result" if got is None else f"{type(got).__name__} about {getattr(got, 'argument', None)!r}"
    if want != said:
        raise Disagreement(f"{op}: got {said}, expected {want} ({expected.rule})\n  on {describe(args, kwargs)}")
    _untouched(before, case)


def _refusal(function, args, kwargs) -> Exception | None:
    try:
        function(*args, **kwargs)
    except Exception as error:
        return error
    return None


def arrays_of(value: Any) -> Iterator[np.ndarray]:
    """Yield every array in a value: in tuples, dicts and formats."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from arrays_of(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from arrays_of(item)
    elif is_dataclass(value):
        for field in fields(value):
            yield from arrays_of(getattr(value, field.name))


def _snapshot(value):
    """Return a deep copy.

    The copies of formats hold copies of their arrays, wherever those lie and whatever they hold: what a wrong kernel
    returns would not pass the checks of its own class.
    """
    if isinstance(value, dict):
        return {key: _snapshot(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(_snapshot(item) for item in value)
    if not is_dataclass(value):
        return copy.deepcopy(value)
    same = copy.copy(value)
    for field in fields(value):
        object.__setattr__(same, field.name, _snapshot(getattr(value, field.name)))
    return same


def describe(args: tuple, kwargs: dict) -> str:
    """Return a call's arguments as text, long arrays cut short."""
    with np.printoptions(threshold=100, edgeitems=4, linewidth=110):
        parts = [_text(a) for a in args] + [f"{name}={_text(value)}" for name, value in kwargs.items()]
    return "(" + ",\n      ".join(parts) + ")"


def _text(value) -> str:
    if isinstance(value, np.ndarray):
        odd = "" if value.flags.c_contiguous else f", strides {value.strides}"
        body = np.array2string(value, separator=", ")
        return f"array of {value.dtype}{list(value.shape)}{odd} {body}".replace("\n", "\n        ")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_text(item)}" for key, item in value.items()) + "}"
    if is_dataclass(value):
        inside = ", ".join(f"{field.name}={_text(getattr(value, field.name))}" for field in fields(value))
        return f"{type(value).__name__}({inside})"
    return repr(value)

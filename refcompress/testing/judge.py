"""One input, judged: what the function returned beside what the reference does, and what it did meanwhile."""

import copy
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, fields, is_dataclass
from itertools import combinations
from typing import Any

import numpy as np

from .. import reference
from ..agreement import Disagreement, NoBound, exactly
from ..errors import RefcompressError
from . import memory, modes

RIGHT, NO_BOUND, NOT_OFFERED = "right", "without bound", "not offered"
LEFT_OUT, REFUSED, NOT_TRIED = "left out", "refused by the reference", "not tried"
WRONG, CRASHED, HUNG = "wrong", "crashed", "hung"
FAILED = (WRONG, CRASHED, HUNG)
OTHER_MEMORY = "memory beside the elements of an input was written"


@dataclass
class Outcome:
    """What came of one input: one of the words above, and why; the results where there are any."""

    kind: str = RIGHT
    reason: str = ""
    expected: Any = None
    got: Any = None
    cause: BaseException | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}" if self.reason else self.kind

    @property
    def failed(self) -> bool:
        return self.kind in FAILED


def judged(op: str, function: Callable, rule: Callable, args: tuple, kwargs: dict, *, results: Callable = nullcontext,
           calling: Callable[[int], None] = lambda call: None, twice: bool = True) -> Outcome:
    """Return what comes of calling ``function`` twice on an input, or once.

    It agrees with the reference by the rule. The second call gives the same bits as the first. Neither the input is
    modified nor memory between its elements. The result is plain arrays, and its memory is its own.

    results : a context in which the function is called. calling : is told 1 and 2 before a call, and 0 after it.
    """
    case = args, kwargs
    with np.errstate(all="ignore"):
        try:
            expected = getattr(reference, op)(*args, **kwargs)
        except Exception as error:  # no input, where a smaller one was tried
            return Outcome(REFUSED, f"{type(error).__name__}: {error}")

        def call():
            number[0] += 1
            calling(number[0])
            try:
                with results():
                    return function(*args, **kwargs)
            finally:
                calling(0)

        number, got = [0], None
        before, around = snapshot(case), [(a, a.copy()) for a in map(memory.root, arrays_of(case)) if a is not None]
        try:
            mode = modes.mode()
            got = call()
            if left := modes.changed(mode):
                raise Disagreement(left)
            _untouched(before, case)
            if any(not np.array_equal(whole, copied) for whole, copied in around):
                raise Disagreement(OTHER_MEMORY)
            _plain(got)
            _apart(got)
            _own_memory(got, case, "an input")
            if twice:
                first = snapshot(got)
                again = call()
                if left := modes.changed(mode):
                    raise Disagreement(left)
                _own_memory(again, got, "the first call's")
                _same_again(first, again, "the second call on the same input")
            _by_rule(rule, expected, accepted(expected, got), args, kwargs)
        except NoBound as error:
            return Outcome(NO_BOUND, str(error), expected, got)
        except Disagreement as wrong:
            return Outcome(WRONG, str(wrong), expected, got, wrong.__cause__)
        except NotImplementedError as error:
            return Outcome(NOT_OFFERED, " ".join(str(error).split()) or "NotImplementedError", expected)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: a function that ends the program ends a judge's first
            return Outcome(WRONG, f"raised {type(error).__name__} on a valid input: {error}", expected, got, error)
        return Outcome(RIGHT, "", expected, got)


def judged_refusal(op: str, function: Callable, args: tuple, kwargs: dict,
                   calling: Callable[[int], None] = lambda call: None) -> Outcome:
    """Return whether a bad call raises what the reference raises, about the same argument, and changes nothing."""
    case = args, kwargs
    before = snapshot(case)
    expected = _refusal(getattr(reference, op), args, kwargs)
    if expected is None:
        raise ValueError(f"{op}: the reference accepts {describe(args, kwargs)}")
    if not isinstance(expected, RefcompressError):
        raise expected
    calling(1)
    got = _refusal(function, args, kwargs)
    calling(0)
    want = f"{type(expected).__name__} about {expected.argument!r}"
    said = "a result" if got is None else f"{type(got).__name__} about {getattr(got, 'argument', None)!r}"
    if want != said:
        return Outcome(WRONG, f"got {said}, expected {want} ({expected.rule})", cause=got)
    try:
        _untouched(before, case)
    except Disagreement as wrong:
        return Outcome(WRONG, str(wrong))
    return Outcome(RIGHT)


def accepted(expected: Any, got: Any) -> Any:
    """Return a result in the form of the expected one, where the contract leaves the form open.

    A NumPy scalar stands for an array without axes, and for a number of Python; the keys of a dict have any order.
    """
    if isinstance(expected, np.ndarray):
        return np.asarray(got) if expected.ndim == 0 and isinstance(got, np.generic) else got
    if type(expected) in (bool, int, float) and isinstance(got, np.generic):
        number = got.item()
        return number if type(number) is type(expected) else got
    if type(expected) is type(got) is dict and expected.keys() == got.keys():
        return {key: accepted(value, got[key]) for key, value in expected.items()}
    if type(expected) is type(got) and type(got) in (tuple, list) and len(expected) == len(got):
        return type(got)(accepted(e, g) for e, g in zip(expected, got))
    return got


def _refusal(function, args, kwargs) -> BaseException | None:
    try:
        function(*args, **kwargs)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return error
    return None


def _by_rule(rule, expected, got, args, kwargs) -> None:
    try:
        rule(expected, got, args, kwargs)
    except (Disagreement, NoBound):
        raise
    except Exception as error:
        said = f"the result is not one that can be compared ({type(error).__name__}: {error})"
        raise Disagreement(said) from error


def _plain(got) -> None:
    """A subclass computes in its own way (* of np.matrix is a product); a mask hides elements."""
    for a in arrays_of(got):
        if type(a) is not np.ndarray:
            raise Disagreement(f"result: got a {type(a).__name__}, a subclass of ndarray, expected a plain array")


def _apart(got) -> None:
    """Writing to one array of a result must not change another one: they may lie in one buffer, side by side."""
    arrays = list(arrays_of(got))
    for a, b in combinations(arrays, 2):
        if (a.flags.writeable or b.flags.writeable) and np.may_share_memory(a, b) and np.shares_memory(a, b):
            raise Disagreement("two arrays of the result share elements")


def _same_again(first, second, what: str) -> None:
    try:
        exactly(first, second)
    except Disagreement as wrong:
        raise Disagreement(f"{what} differs from the first: {wrong}") from None


def _untouched(before, after) -> None:
    try:
        exactly(_bare(before), _bare(after))
    except Disagreement as wrong:
        raise Disagreement(f"the input was modified: {wrong}") from None


def _bare(value):
    """Return the arrays of a call as plain ones: a call that is to be refused may have a masked one."""
    if isinstance(value, np.ndarray):
        return value.view(np.ndarray)
    if isinstance(value, dict):
        return {key: _bare(item) for key, item in value.items()}
    return tuple(map(_bare, value)) if isinstance(value, (tuple, list)) else value


def _own_memory(got, others, whose: str) -> None:
    """A result that is a view of the input, or of the result before, changes when that memory is used again.

    A format that is returned may keep what is read-only: nobody can change that.
    """
    theirs, frozen = list(arrays_of(others)), is_dataclass(got)
    for g in arrays_of(got):
        for a in theirs:
            may = np.may_share_memory(g, a) and not (frozen and not a.flags.writeable and not g.flags.writeable)
            if may and np.shares_memory(g, a):
                raise Disagreement(f"the result shares memory with {whose}")


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


def snapshot(value):
    """Return a deep copy.

    The copies of formats hold copies of their arrays, wherever those lie and whatever they hold: what a wrong kernel
    returns would not pass the checks of its own class.
    """
    if isinstance(value, dict):
        return {key: snapshot(item) for key, item in value.items()}
    if type(value) in (tuple, list):
        return type(value)(snapshot(item) for item in value)
    if not is_dataclass(value):
        return copy.deepcopy(value)
    same = copy.copy(value)
    for field in fields(value):
        object.__setattr__(same, field.name, snapshot(getattr(value, field.name)))
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

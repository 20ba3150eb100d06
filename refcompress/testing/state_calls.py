"""What the checks of state are made of: calls that are compared, values that change, clocks that end them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from ..agreement import Disagreement, NoBound, exactly
from ..errors import RefcompressError
from ..ops import OPS
from . import layouts
from .cases import Call
from .expected import expected_of
from .judge import arrays_of
from .own_time import OwnTime

SECONDS = 0.1  # of the processor, what a check may take beside its first few calls
LONGEST = 0.5  # seconds of it, without waiting for a processor, where a call sleeps


def time_over(seconds: float = SECONDS) -> Callable[[], bool]:
    """Return what says whether a check's time is over: of the processor, or more of its own where a call sleeps."""
    own = OwnTime()
    processor, clock = time.process_time() + seconds, own() + LONGEST
    return lambda: time.process_time() > processor or own() > clock


def agree(op: str, call: Callable, args: tuple, kwargs: dict, when: str, rule: Callable | None) -> bool:
    """Compare a call with the reference; False where the reference refuses these values."""
    try:
        expected = expected_of(op, args, kwargs)
    except RefcompressError:
        return False
    compare(op, call, args, kwargs, expected, when, rule)
    return True


def compare(op: str, call: Callable, args: tuple, kwargs: dict, expected, when: str, rule: Callable | None) -> Any:
    """Return the result of a call, which agrees with the expected one."""
    got = result_of(call, args, kwargs)
    try:
        with np.errstate(all="ignore"):
            (rule or OPS[op].rule)(expected, got, args, kwargs)
    except NoBound:
        pass
    except Disagreement as wrong:
        raise Disagreement(f"{when}: {wrong}") from None
    return got


def result_of(call: Callable, args: tuple, kwargs: dict):
    try:
        with np.errstate(all="ignore"):
            return call(*args, **kwargs)
    except NotImplementedError:
        raise
    except Exception as error:
        raise Disagreement(f"raised {type(error).__name__} on a valid input: {error}") from error


def same(first, again, when: str) -> None:
    try:
        exactly(first, again)
    except Disagreement as wrong:
        raise Disagreement(f"{when} the bits are others than before: {wrong}") from None


def writable(value):
    return layouts.place(value, layouts.contiguous)


def other_values(a: np.ndarray, number: int) -> Iterator[np.ndarray]:
    """Yield other values of the kind: one in the middle alone, turned round, moved on by one, each the last one."""
    flat = a.reshape(-1)
    middle = flat.copy()
    at = slice(a.size // 2, a.size // 2 + 1)
    middle[at] = flat[:1] if flat[:1].tobytes() != flat[at].tobytes() else flat[-1:]
    for other in (middle, flat[::-1], np.roll(flat, 1 + number % 3), np.repeat(flat[-1:], a.size)):
        if other.tobytes() != a.tobytes():
            yield other.reshape(a.shape)


def rebuilt(value: Any, turn: int) -> Any:
    """Return a format like this one in its own memory, the numbers in it turned on; others as they are."""
    if not is_dataclass(value) or isinstance(value, type):
        return value
    given = {field.name: getattr(value, field.name) for field in fields(value)}
    for name, item in given.items():
        if isinstance(item, np.ndarray):
            given[name] = item.copy()
            if turn and item.dtype.kind == "f" and item.size > 1:
                given[name] = np.roll(item.reshape(-1), turn).reshape(item.shape)
    try:
        return type(value)(**given)
    except (RefcompressError, TypeError):
        return value


def changed_copies(args: tuple, turn: int) -> tuple:
    """Return the arguments in new memory, each array of float32 with another number in the last place."""
    def other(a: np.ndarray) -> np.ndarray:
        a = a.copy(order="C")
        if a.dtype == np.float32 and a.size and abs(a.flat[-1]) < 2.0**100:
            a.flat[-1] *= np.float32(1 + 2.0**-14 * (turn % 512))
        return a

    return tuple(layouts.place(a, other) for a in args)


def bytes_of(case: Call) -> int:
    return sum(a.nbytes for a in arrays_of(case))

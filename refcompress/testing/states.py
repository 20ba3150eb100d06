"""Checks of what a kernel keeps, shares, changes or leaves behind: what no single call shows.

Each of ``CHECKS`` is called as ``check(op, call, cases, rule)``, with the operation's name, the function under test, a
function that yields (args, kwargs), a few of the operation's own samples, and a rule in place of the operation's own.
It raises Disagreement, or returns None.
"""

import gc
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from itertools import count, islice
from typing import Any

import numpy as np

from .. import reference
from ..agreement import Disagreement, NoBound
from ..errors import RefcompressError
from ..ops import OPS
from . import layouts, modes
from .cases import Call
from .held import held
from .judge import arrays_of
from .own_time import OwnTime
from .spread import spread

__all__ = ["CHECKS", "floating_point_mode", "memory", "operands_in_place", "threads_at_once"]

SECONDS = 0.1  # of the processor, what a check may take beside its first few calls
BATCH_SECONDS = 0.25  # of a few batches that tell whether the memory grows
LONGEST = 0.5  # seconds of it, without waiting for a processor, where a call sleeps
BATCH = 48  # calls between two looks at the memory
FEWEST = 12  # of them, which tell what grows from what comes and goes
MOST = 12  # calls of the operation's own samples that are looked at
THREADS = 4
LOOKED_AT = 300  # samples, of which some are taken
SHORT, LONG = 16, 1 << 15  # of them are short; bytes of a long one
WITHOUT = 4  # of them whose options are left out


def operands_in_place(op: str, call: Callable, cases: Callable[[], Iterable[Call]],
                      rule: Callable | None = None) -> None:
    """Call with the same arrays twice, and change what they hold between: a result that was kept is then a wrong one.

    So is what was made of an operand and is found again by the operand's address. A format cannot change; but one that
    takes the place of another in memory is found by its address too.
    """
    over = _clock()
    for number, (args, kwargs) in enumerate(islice(cases(), MOST)):
        args, kwargs = _writable(args), _writable(kwargs)
        arrays = [a for a in (*args, *kwargs.values()) if isinstance(a, np.ndarray)]
        _agree(op, call, args, kwargs, "before its operands were changed in place", rule)
        if not all(array.flags.writeable for array in arrays):
            raise Disagreement("an operand may not be written any more: the call took it away from its owner")
        for array in arrays:
            before = array.copy()
            agreed = 0
            for other in _others(before, number):
                array[...] = other
                agreed += _agree(op, call, args, kwargs, "after an operand was changed in place", rule)
                if agreed == 2:
                    break
            array[...] = before
        _agree(op, call, args, kwargs, "after its operands were changed in place, and back", rule)
        if over() and number >= 2:
            return


def formats_in_place(op: str, call: Callable, cases: Callable[[], Iterable[Call]],
                     rule: Callable | None = None) -> None:
    """Call with one format after another at the same address: what was kept for the first is not the second's."""
    over = _clock()
    some = [case for case in islice(cases(), 2 * MOST) if any(is_dataclass(a) for a in case[0])]
    by_kind: dict[tuple, list[Call]] = {}
    for args, kwargs in some:
        shapes = tuple(str(getattr(a, "shape", a)) for a in args)
        by_kind.setdefault(shapes, []).append((args, kwargs))
    for group in by_kind.values():
        for args, kwargs in [*group[:3], *group[:1]]:
            fresh = tuple(_rebuilt(a, 0) for a in args)
            _agree(op, call, fresh, kwargs, "with a format that was made a moment ago", rule)
            changed = None
            del fresh
            for turn in (1, 2):
                changed = tuple(_rebuilt(a, turn) for a in args)
                _agree(op, call, changed, kwargs, "with a format in the place of one that is gone", rule)
                del changed
        if over():
            return


def threads_at_once(op: str, call: Callable, cases: Callable[[], Iterable[Call]],
                    rule: Callable | None = None) -> None:
    """Call from several threads at once, by turns each with its own inputs and all with the same arrays.

    What all calls share is then overwritten; and an operand that a call changes and puts back is another one meanwhile.
    """
    by_size = sorted(islice(cases(), 9 * THREADS), key=_size)
    # Most are short: by turns, long ones take long. But C gives way to another thread only where a call is long.
    some = [*by_size[: 2 * THREADS], *by_size[2 * THREADS :][-THREADS:]]
    some = [(_writable(args), _writable(kwargs)) for args, kwargs in some]
    if not some:
        return
    wanted = [_expected(op, *case) for case in some]
    wrong: list[Disagreement] = []
    over, start = _clock(), threading.Barrier(THREADS)

    def work(first: int) -> None:
        start.wait()
        number = first
        for turn in count():
            if wrong or (turn > 1 and over()):
                return
            place = (turn // 16 if turn % 2 else number) % len(some)
            try:
                _judge(op, call, *some[place], wanted[place], f"while {THREADS} threads called it at once", rule)
            except Disagreement as found:
                wrong.append(found)
            number += 1 + first  # each thread goes round in other steps
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        workers = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(THREADS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(before)
    if wrong:
        raise wrong[0]


def floating_point_mode(op: str, call: Callable, cases: Callable[[], Iterable[Call]],
                        rule: Callable | None = None) -> None:
    """Look at the rounding and at the subnormals after a call: what comes next computes in the mode that it leaves."""
    before, over = modes.mode(), _clock()
    for args, kwargs in islice(cases(), MOST):
        if over():
            return
        _result(call, args, kwargs)
        if left := modes.changed(before):
            raise Disagreement(left)


def memory(op: str, call: Callable, cases: Callable[[], Iterable[Call]],
           rule: Callable | None = None) -> None:
    """Call again and again with other values: what grows by every call is never given back.

    Counted are the bytes that the C library has given out and the blocks that Python holds, not the pages of the
    process: these numbers are exact. A kernel may keep what it made for the last few hundred inputs; so the first
    calls do not count.
    """
    smallest = sorted(islice(cases(), 2 * MOST), key=_size)[1:4]
    some = [(case, _accepts(op, _copies(case[0], 1), case[1])) for case in smallest]
    if not some:
        return
    turned = 0

    def batch() -> int:
        nonlocal turned
        done, over = 0, _clock(BATCH_SECONDS)
        while done < BATCH and (not over() or done < 2):
            (args, kwargs), others = some[turned % len(some)]
            _result(call, _copies(args, turned) if others else args, kwargs)
            turned, done = turned + 1, done + 1
        gc.collect()
        return done

    for _ in range(5):
        if batch() < FEWEST:
            return  # too slow to tell what grows from what comes and goes
    grown, calls, before = [], [], held()
    for _ in range(3):
        calls.append(batch())
        now = held()
        grown.append([b - a for a, b in zip(before, now)])
        before = now
    if min(calls) < FEWEST:
        return
    for number, what in enumerate(("bytes of the C library", "objects of Python")):
        each = [g[number] / c for g, c in zip(grown, calls)]
        if min(each) >= (16, 0.5)[number]:
            raise Disagreement(f"holds {min(each):.4g} {what} more after each call: {sum(calls)} calls with small "
                               f"inputs, after {turned - sum(calls)} that did not count")


def inputs(op: str, samples: Iterator[Call]) -> Iterator[Call]:
    """Yield some of the samples, of all kinds, and not the first ones, which hold little; a few without options too.

    Behind ``SHORT`` of them come some long ones, during which C gives way to another thread.
    """
    some = spread(list(islice(samples, 5, 5 + LOOKED_AT)))
    long = sorted((case for case in islice(samples, 3 * LOOKED_AT) if _size(case) <= LONG), key=_size)[-THREADS:]
    for number, (args, kwargs) in enumerate([*some[:SHORT], *long, *some[SHORT:]]):
        yield args, kwargs
        if kwargs and number < WITHOUT and _accepts(op, args, {}):
            yield args, {}


CHECKS: tuple[Callable, ...] = (operands_in_place, formats_in_place, threads_at_once, floating_point_mode, memory)


def _clock(seconds: float = SECONDS) -> Callable[[], bool]:
    """Return what says whether a check's time is over: of the processor, or more of its own where a call sleeps."""
    own = OwnTime()
    processor, clock = time.process_time() + seconds, own() + LONGEST
    return lambda: time.process_time() > processor or own() > clock


def _expected(op: str, args: tuple, kwargs: dict):
    with np.errstate(all="ignore"):
        return getattr(reference, op)(*args, **kwargs)


def _accepts(op: str, args: tuple, kwargs: dict) -> bool:
    try:
        _expected(op, args, kwargs)
    except (RefcompressError, TypeError):  # the latter where an option has no default
        return False
    return True


def _agree(op: str, call: Callable, args: tuple, kwargs: dict, when: str, rule: Callable | None) -> bool:
    """Compare a call with the reference; False where the reference refuses these values."""
    try:
        expected = _expected(op, args, kwargs)
    except RefcompressError:
        return False
    _judge(op, call, args, kwargs, expected, when, rule)
    return True


def _judge(op: str, call: Callable, args: tuple, kwargs: dict, expected, when: str, rule: Callable | None) -> None:
    got = _result(call, args, kwargs)
    try:
        with np.errstate(all="ignore"):
            (rule or OPS[op].rule)(expected, got, args, kwargs)
    except NoBound:
        pass
    except Disagreement as wrong:
        raise Disagreement(f"{when}: {wrong}") from None


def _result(call: Callable, args: tuple, kwargs: dict):
    try:
        with np.errstate(all="ignore"):
            return call(*args, **kwargs)
    except NotImplementedError:
        raise
    except Exception as error:
        raise Disagreement(f"raised {type(error).__name__} on a valid input: {error}") from error


def _writable(value):
    return layouts.place(value, layouts.contiguous)


def _others(a: np.ndarray, number: int) -> Iterator[np.ndarray]:
    """Yield other values of the kind: one in the middle alone, turned round, moved on by one, each the last one."""
    flat = a.reshape(-1)
    middle = flat.copy()
    at = slice(a.size // 2, a.size // 2 + 1)
    middle[at] = flat[:1] if flat[:1].tobytes() != flat[at].tobytes() else flat[-1:]
    for other in (middle, flat[::-1], np.roll(flat, 1 + number % 3), np.repeat(flat[-1:], a.size)):
        if other.tobytes() != a.tobytes():
            yield other.reshape(a.shape)


def _rebuilt(value: Any, turn: int) -> Any:
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


def _copies(args: tuple, turn: int) -> tuple:
    """Return the arguments in new memory, each array of float32 with another number in the last place."""
    def other(a: np.ndarray) -> np.ndarray:
        a = a.copy(order="C")
        if a.dtype == np.float32 and a.size and abs(a.flat[-1]) < 2.0**100:
            a.flat[-1] *= np.float32(1 + 2.0**-14 * (turn % 512))
        return a

    return tuple(layouts.place(a, other) for a in args)


def _size(case: Call) -> int:
    return sum(a.nbytes for a in arrays_of(case))

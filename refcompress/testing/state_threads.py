"""A check of state: calls from several threads at once. What all calls share is then overwritten.

Python takes turns as often as it is told to. The system lets a thread in C run for some milliseconds: on a machine with
other work, a short call is over before another thread of the check runs. So some calls are long.
"""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from itertools import count, islice
from typing import Any

import numpy as np

from ..agreement import Disagreement
from ..errors import RefcompressError
from ..formats import CSR
from .away import away
from .cases import Call
from .expected import expected_of
from .judge import arrays_of, snapshot
from .state_calls import bytes_of, compare, result_of, same, time_over, writable

THREADS = 4
SECONDS = 0.2  # of the processor, for short calls
LONG_SECONDS = 0.2  # and for the long one, beside one of each thread
FIRST_SECONDS, ENOUGH = 0.3, 8  # for first calls; elements of one that comes early
LONG = 0.01  # seconds of a long call: Linux lets a thread run for 3 to 4 ms where others wait
SLOW = 0.02  # seconds of the reference, from which on a call is not made longer: it takes up to four times as long
MOST, MOST_RESULTS = 2**19, 2**23  # elements of its operands, and of what it returns
TRIED = 4  # calls of which the longest is made longer


def threads_at_once(op: str, call: Callable, cases: Callable[[], Iterable[Call]],
                    rule: Callable | None = None) -> None:
    """Call from several threads at once, by turns each with its own inputs and all with the same arrays.

    An operand that a call changes and puts back is another one meanwhile. Then all of them make long calls, every other
    one with other numbers: who writes the same to the same place does no harm.
    """
    all_ = list(islice(cases(), 12 * THREADS))
    by_size = sorted(all_, key=bytes_of)
    # Most are short: by turns, long ones take long. But C gives way to another thread only where a call is long.
    some = [*away(op, all_), *by_size[: 2 * THREADS], *by_size[2 * THREADS :][-THREADS:]]
    some = [(writable(args), writable(kwargs)) for args, kwargs in some]
    if not some:
        return
    when = f"while {THREADS} threads called it at once"
    alone, wanted = [], []
    for args, kwargs in some:
        wanted.append(expected_of(op, args, kwargs))
        alone.append(snapshot(result_of(call, args, kwargs)))

    def by_turns(first: int) -> Iterator[None]:
        number = first
        for turn in count():
            place = (turn // 16 if turn % 2 else number) % len(some)
            got = compare(op, call, *some[place], wanted[place], when, rule)
            same(alone[place], got, f"{when}:")
            number += 1 + first  # each thread goes round in other steps
            yield
    _in_threads(by_turns, SECONDS, 2)

    long = longer(op, call, by_size[-TRIED:])
    if long is None:
        return
    two = long, _turned(op, long)
    begun = time.perf_counter()
    once = [snapshot(result_of(call, *each)) for each in two]
    apart = min(time.perf_counter() - begun, LONG) / THREADS

    # A comparison may take longer than the call, so that they would seldom meet in C.
    meet = threading.Barrier(THREADS)

    def one(first: int) -> Iterator[None]:
        try:
            while True:
                meet.wait()
                time.sleep(first * apart)
                same(once[first % 2], result_of(call, *two[first % 2]), f"{when}:")
                yield
        except threading.BrokenBarrierError:  # another one has ended
            return
        finally:
            meet.abort()
    _in_threads(one, LONG_SECONDS, 1)


def first_calls_at_once(op: str, call: Callable, cases: Callable[[], Iterable[Call]],
                        rule: Callable | None = None) -> None:
    """Make the first calls of all from several threads at once, each option's first one too.

    A table that a first call makes must be whole before another call finds it. It is to be called in a process in which
    the function was not called before.
    """
    # An empty call tells nothing, and is then the first one of its kind.
    all_ = sorted(islice(cases(), 12 * THREADS), key=bytes_of)
    all_.sort(key=lambda case: sum(a.size for a in arrays_of(case)) < ENOUGH)
    over = time_over(FIRST_SECONDS)
    for args, kwargs in [*away(op, all_), *all_]:
        case = writable(args), writable(kwargs)
        wanted = expected_of(op, *case)

        def once(_: int, case: Call = case, wanted: Any = wanted) -> Iterator[None]:
            with contextlib.suppress(NotImplementedError):
                compare(op, call, *case, wanted, f"in a first call, which {THREADS} threads made at once", rule)
            yield
        _in_threads(once, 0, 1)
        if over():
            return


def _in_threads(work: Callable[[int], Iterator[None]], seconds: float, at_least: int) -> None:
    """Go on with the work in all threads at once until its time is over or one of them raises Disagreement."""
    wrong: list[Disagreement] = []
    over, start = time_over(seconds), threading.Barrier(THREADS)

    def run(first: int) -> None:
        start.wait()
        try:
            for turn, _ in enumerate(work(first), 1):
                if wrong or (turn >= at_least and over()):
                    return
        except Disagreement as found:
            wrong.append(found)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        workers = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(THREADS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(before)
    if wrong:
        raise wrong[0]


def _turned(op: str, case: Call) -> Call:
    """Return a long call with its last array of floats or of int8 back to front, where the operation takes that."""
    args, kwargs = case
    for place in reversed(range(len(args))):
        a = args[place]
        if isinstance(a, np.ndarray) and a.ndim and a.dtype in (np.float32, np.float64, np.int8):
            turned = (*args[:place], np.ascontiguousarray(a.reshape(-1)[::-1].reshape(a.shape)), *args[place + 1 :])
            try:
                expected_of(op, turned, kwargs)
            except RefcompressError:
                continue
            return turned, kwargs
    return case


def longer(op: str, call: Callable, cases: list[Call]) -> Call | None:
    """Return a call that takes long, or None: one of these, with its operands repeated until it takes LONG.

    Arrays are repeated along the first axis, and formats by rows, as many of them at once as the operation takes.
    """
    timed = []
    for case in cases:
        case = writable(case[0]), writable(case[1])
        timed.append((_seconds(call, case), case))
    timed.sort(key=lambda pair: pair[0], reverse=True)
    for took, case in timed:  # of some formats the rows cannot be repeated
        made = _made_longer(op, call, took, case)
        if made is not case:
            return made
    return timed[0][1] if timed else None


def _made_longer(op: str, call: Callable, took: float, case: Call) -> Call:
    while took < LONG:
        further = next(_repeated(op, case), None)
        if further is None or _elements(further) > MOST:
            break
        try:
            start = time.process_time()
            size = _elements(result_of(call, *further))
        except NotImplementedError:  # of these sizes
            break
        if size > MOST_RESULTS:
            break
        took, case = time.process_time() - start, further
    return case


def _repeated(op: str, case: Call) -> Iterator[Call]:
    """Yield the call with all its operands twice as long, or with one of them, where the operation takes it soon."""
    args, kwargs = case
    doubled = {i: twice for i, twice in enumerate(map(_twice, args)) if twice is not None}
    for which in (list(doubled), *([i] for i in doubled)):
        further = tuple(doubled[i] if i in which else a for i, a in enumerate(args))
        if _elements(further) <= _elements(args):  # a format whose rows nothing here repeats
            continue
        start = time.process_time()
        try:
            expected_of(op, further, kwargs)
        except (RefcompressError, TypeError):
            continue
        if which and time.process_time() - start < SLOW:
            yield further, kwargs


def _twice(value: Any) -> Any:
    """Return an array or a format with each of its rows twice, or None for what has none."""
    if isinstance(value, np.ndarray):
        return np.concatenate([value, value]) if value.ndim and value.size else None
    shape = getattr(value, "shape", ())
    if not is_dataclass(value) or isinstance(value, type) or not shape or not shape[0]:
        return None
    rows, held = shape[0], {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, CSR):
        held["indptr"] = np.concatenate([value.indptr[:-1], value.indptr + value.indptr[-1]])
        held |= {name: _twice_over(held[name]) for name in ("indices", "data")}
    else:
        held = {name: _twice_over(a) if isinstance(a, np.ndarray) and a.ndim and len(a) == rows else
                _twice(a) if is_dataclass(a) and getattr(a, "shape", (0,))[:1] == (rows,) else a
                for name, a in held.items()}
    held |= {"shape": (2 * rows, *shape[1:])} if "shape" in held else {}
    try:
        return type(value)(**held)
    except (RefcompressError, TypeError):  # a format whose rows are stored otherwise
        return None


def _twice_over(a: Any) -> Any:
    return np.concatenate([a, a]) if isinstance(a, np.ndarray) else replace(
        a, patterns=np.concatenate([a.patterns, a.patterns]))


def _elements(value: Any) -> int:
    return sum(a.size for a in arrays_of(value))


def _seconds(call: Callable, case: Call) -> float:
    start = time.process_time()
    result_of(call, *case)
    return time.process_time() - start

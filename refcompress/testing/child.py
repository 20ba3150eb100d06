"""The process in which a function is called: it answers the judge, and says in shared memory what it is about."""

import builtins
import contextlib
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from . import memory, results
from .here import Here, Judged
from .judge import Outcome
from .own_time import OwnTime
from .task import Task

# What the shared memory says: the input, the call that goes on (0 for none, negative while something is loaded), since
# when, and the seconds that imports have taken in calls.
INDEX, CALL, SINCE, IMPORTED = range(4)


def serve(pipe, state, task: Task, quiet: bool) -> None:
    """Answer what the judge asks, until it asks no more."""
    _alone()
    if quiet:  # what it prints is no part of the verdict
        sys.stdout = sys.stderr = open(os.devnull, "w")
        for stream in (1, 2):  # of C
            os.dup2(sys.stdout.fileno(), stream)
    guards, own = results.available(), OwnTime()

    def clock() -> float:
        return own() - state[IMPORTED]

    def calling(call: int) -> None:
        if call:
            state[SINCE] = clock()
        state[CALL] = call

    def about(i: int) -> None:
        state[INDEX] = i

    def place(i: int | None):  # at the end mostly: that is where kernels go wrong
        return partial(results.at_guards, i // 2 % 4 < 3) if guards and i is not None else contextlib.nullcontext

    judge = Here(task, results=place, calling=calling, about=about, clock=clock)
    calling(-1)
    try:
        task.function
        calling(0)
        _count_imports(state, clock)
        _own_results_end_at_guards(guards)
        while True:
            _answer(pipe, judge, *pickle.loads(pipe.recv_bytes()))
    except (EOFError, OSError):
        return
    except Exception as error:  # of loading the function, or a fault of the judge: raised by who asks
        pipe.send_bytes(pickle.dumps(error))


def _answer(pipe, judge: Here, what: str, asked: Any) -> None:
    if what == "case":
        portable, i, brief = asked
        _send(pipe, judge.case(memory.restored(portable), i), brief)
        return
    if what == "refusal":
        _send(pipe, judge.refusal(memory.restored(asked)), brief=True)
        return
    answers: Iterator[Any] = getattr(judge, what)(asked)
    for answer in answers:
        if isinstance(answer, Judged):
            answer = answer.number, Outcome(answer.outcome.kind, answer.outcome.reason)
        pipe.send_bytes(pickle.dumps(tuple(answer)))
    pipe.send_bytes(pickle.dumps(None))


def _send(pipe, outcome: Outcome, brief: bool) -> None:
    said: tuple = (outcome.kind, outcome.reason, None, None, None)
    if not brief:
        said = outcome.kind, outcome.reason, *(memory.portable(value) if _keeps(value) else repr(value)
                                               for value in (outcome.expected, outcome.got)), None
        if _keeps(outcome.cause):
            said = *said[:-1], outcome.cause
    pipe.send_bytes(pickle.dumps(said))


def _keeps(value: Any) -> bool:
    """Return whether pickle takes a value to another process."""
    try:
        pickle.loads(pickle.dumps(memory.portable(value)))
    except Exception:  # pickle has no one class for what it cannot do
        return False
    return True


def _alone() -> None:
    """Make this process one whose death nobody else notices: no dump, no traceback, no group, no life after ours."""
    import faulthandler

    faulthandler.disable()
    with contextlib.suppress(Exception):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):
        os.setpgid(0, 0)
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


def _count_imports(state, clock: Callable[[], float]) -> None:
    """Count what a call imports apart: the first call of many a function loads a library, which is no hang."""
    plain = builtins.__import__

    def counted(name, globals=None, locals=None, fromlist=(), level=0):
        call, since = state[CALL], state[SINCE]
        if call <= 0 or level or name in sys.modules:
            return plain(name, globals, locals, fromlist, level)
        state[SINCE], state[CALL] = clock(), -1
        try:
            return plain(name, globals, locals, fromlist, level)
        finally:
            state[IMPORTED] += clock() - state[SINCE]
            state[SINCE], state[CALL] = since, call

    builtins.__import__ = counted


def _own_results_end_at_guards(guards: bool) -> None:
    """Take the room before results away that :func:`native._call.empty` leaves for the sake of speed."""
    call = sys.modules.get("refcompress.native._call")
    if guards and call is not None:
        vars(call)["SHORT"] = sys.maxsize

"""The judge that outlives what it judges: the function is called in a process of its own.

A function that crashes, hangs or ends its process costs the judge nothing: the input was known before the call, another
process takes the next one. Operands lie at guard pages as the samples place them, results as :mod:`results` does.

The process is a fork where the system has one that is safe (not macOS, whose libraries do not survive it): then any
function will do, a closure too, and starting takes milliseconds. Elsewhere a fresh interpreter imports the function,
which must have a name that can be imported (pickle says so), and takes half a second.
"""

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

from ..errors import RefcompressError
from . import memory, results, states
from .cases import Call
from .here import Here, Judged
from .judge import CRASHED, HUNG, Outcome
from .task import Task

LOADING = 60  # seconds that loading a function may take
WAIT = 0.25  # seconds between two looks at a process that says nothing
INDEX, CALL, SINCE = range(3)  # what the shared memory says: the input, the call that goes on (or 0), since when


def forks() -> bool:
    """Return whether a process here is a fork of this one."""
    return sys.platform != "darwin" and "fork" in multiprocessing.get_all_start_methods()


def can_isolate(task: Task) -> bool:
    """Return whether the task can be taken to another process."""
    if forks():
        return True
    try:
        pickle.dumps(task)
    except Exception:  # pickle has no one class for what it cannot do
        return False
    return True


class Died(Exception):
    """The process has ended, or was ended, in a call."""

    def __init__(self, kind: str, reason: str, index: int) -> None:
        super().__init__(reason)
        self.kind, self.reason, self.index = kind, reason, index


class Apart:
    """Calls the function in a child process, which is started again when it has died."""

    isolated = True

    def __init__(self, task: Task, limit: float, *, quiet: bool = False) -> None:
        self.task, self.limit, self.quiet = task, limit, quiet
        self.context: Any = multiprocessing.get_context("fork" if forks() else "spawn")
        self.state = self.context.RawArray("d", 3)
        self.process: Any = None
        self.starts = 0

    def samples(self, start: int = 0, limit: float | None = None) -> Iterator[Judged]:
        yield from self._stream("samples", start, limit)

    def refusals(self, start: int = 0) -> Iterator[Judged]:
        yield from self._stream("refusals", start, None)

    def _stream(self, what: str, start: int, limit: float | None) -> Iterator[Judged]:
        """Yield what the process says of each input."""
        while True:
            try:
                self._ask(what, start)
                while (reply := self._reply(limit)) is not None:
                    start = reply[0] + 1
                    yield Judged(*reply)
                return
            except Died as died:
                start = died.index + 1
                yield Judged(died.index, Outcome(died.kind, died.reason))
            finally:
                if self.process is not None and self.busy:
                    self.close()

    def case(self, case: Call, i: int | None = 0, brief: bool = True, limit: float | None = None) -> Outcome:
        """Judge one input. brief : without the results, which cost time on their way. i : None for results that lie
        anywhere."""
        try:
            self._ask("case", (memory.portable(case), i, brief))
            kind, reason, expected, got, cause = self._reply(limit)
        except Died as died:
            return Outcome(died.kind, died.reason)
        return Outcome(kind, reason, memory.restored(expected), memory.restored(got), cause)

    def refusal(self, case: Call) -> Outcome:
        """Judge one call that must be refused."""
        try:
            self._ask("refusal", memory.portable(case))
            kind, reason, *_ = self._reply(None)
        except Died as died:
            return Outcome(died.kind, died.reason)
        return Outcome(kind, reason)

    def states(self) -> Iterator[tuple[str, str]]:
        names = [check.__name__ for check in states.CHECKS]
        try:
            self._ask("states", None)
            while (reply := self._reply(4 * self.limit)) is not None:
                yield reply
        except Died as died:
            yield names[died.index], died.reason
        finally:
            self.close()

    def _ask(self, what: str, about: Any) -> None:
        if self.process is None:
            self._start()
        self.busy = True
        with contextlib.suppress(BrokenPipeError):  # the reply, which does not come, says why
            self.pipe.send_bytes(pickle.dumps((what, about)))

    def _start(self) -> None:
        self.state[:] = [0, 0, 0]
        self.pipe, theirs = self.context.Pipe()
        given = theirs, self.state, self.task, self.quiet
        self.process = self.context.Process(target=_serve, args=given, daemon=True)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # what a fork has of it would be written twice
                stream.flush()
        with warnings.catch_warnings():  # of a fork beside threads: the child holds none of their locks that it needs
            warnings.simplefilter("ignore", DeprecationWarning)
            self.process.start()
        theirs.close()
        self.starts += 1
        self.busy = False

    def _reply(self, limit: float | None) -> Any:
        limit = self.limit if limit is None else limit
        while not self.pipe.poll(min(WAIT, limit)):
            call, since = int(self.state[CALL]), self.state[SINCE]
            most = LOADING if call < 0 else limit
            if call and time.monotonic() - since > most:
                what = "while it was loaded" if call < 0 else f"in {_call(call)}"
                self._end(HUNG, f"no result after {most:g} s {what}")
            if not self.process.is_alive() and not self.pipe.poll():
                break
        try:
            reply = pickle.loads(self.pipe.recv_bytes())
        except (EOFError, OSError):
            self._end(CRASHED, "")
        if isinstance(reply, Exception):
            self.close()
            raise reply
        if reply is None or not isinstance(reply[0], int):
            self.busy = False
        return reply

    def _end(self, kind: str, reason: str) -> None:
        """Raise what became of the process."""
        index, call = int(self.state[INDEX]), int(self.state[CALL])
        process = self.process
        if kind == CRASHED:
            process.join(WAIT)
            where = "while it was loaded" if call < 0 else f"in {_call(call)}" if call else "after a call"
            reason = f"{_ending(process.exitcode)} {where}"
        self.close()
        if call < 0:
            raise RefcompressError("function", reason)
        raise Died(kind, reason, index)

    def close(self) -> None:
        """End the process."""
        process, self.process = self.process, None
        if process is None:
            return
        with contextlib.suppress(OSError, AttributeError):  # with what it has started, where there are such groups
            if os.getpgid(process.pid) == process.pid:
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join()
        process.close()
        self.pipe.close()


def _call(call: int) -> str:
    return "the first call" if call == 1 else "the second call on the same input"


def _ending(code: int | None) -> str:
    if code is None:
        return "the process was lost"
    if code >= 0:
        return f"the function ended its process (exit code {code})"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    said = {"SIGSEGV": ", an access to memory that is not the function's", "SIGKILL": ", perhaps out of memory",
            "SIGBUS": ", an access to memory that is not the function's", "SIGILL": ", an unknown instruction",
            "SIGFPE": ", a division by zero", "SIGABRT": ", its own check or the heap's"}
    return f"the process was killed by {name}{said.get(name, '')}"


def _serve(pipe, state, task: Task, quiet: bool) -> None:
    """Answer what the judge asks, until it asks no more."""
    _alone()
    if quiet:  # what it prints is no part of the verdict
        sys.stdout = sys.stderr = open(os.devnull, "w")
        for stream in (1, 2):  # of C
            os.dup2(sys.stdout.fileno(), stream)
    guards = results.available()

    def calling(call: int) -> None:
        if call:
            state[SINCE] = time.monotonic()
        state[CALL] = call

    def about(i: int) -> None:
        state[INDEX] = i

    def place(i: int | None):  # at the end mostly: that is where kernels go wrong
        return partial(results.at_guards, i // 2 % 4 < 3) if guards and i is not None else contextlib.nullcontext

    judge = Here(task, results=place, calling=calling, about=about)
    calling(-1)
    try:
        task.function
        calling(0)
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
    answers: Iterator[Any] = judge.states() if what == "states" else getattr(judge, what)(asked)
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


def _own_results_end_at_guards(guards: bool) -> None:
    """Take the room before results away that :func:`native._call.empty` leaves for the sake of speed."""
    call = sys.modules.get("refcompress.native._call")
    if guards and call is not None:
        vars(call)["SHORT"] = sys.maxsize

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
from typing import Any

from ..errors import RefcompressError
from . import budget, memory, states
from .cases import Call
from .child import CALL, IMPORTED, INDEX, SINCE, serve
from .here import Judged
from .judge import CRASHED, HUNG, NOT_TRIED, Outcome
from .own_time import OwnTime
from .task import Task

LOADING = 60  # seconds that loading a function may take, or what it imports in a call
WAIT = 0.25  # seconds between two looks at a process that says nothing


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


class Late(Exception):
    """A slow function's call goes on where the check must end: whether it hangs is not known."""


class Apart:
    """Calls the function in a child process, which is started again when it has died."""

    isolated = True

    def __init__(self, task: Task, limit: float, *, quiet: bool = False) -> None:
        self.task, self.limit, self.quiet = task, limit, quiet
        self.context: Any = multiprocessing.get_context("fork" if forks() else "spawn")
        self.state = self.context.RawArray("d", 4)
        self.process: Any = None
        self.child: Any = None  # the time of the process
        self.own, self.gone = OwnTime(), 0.0
        self.beside: float | None = None  # what this process had waited when the child began its work
        self.both = 0.0  # what it has waited while the child was at work
        self.starts = 0

    def clock(self) -> float:
        """Return the seconds of the check since some moment: without waiting for a processor, and without imports."""
        child = self.child.waited() + self.state[IMPORTED] if self.child else 0.0
        # While the child is at work, the two processes may wait at the same time.
        ours = self.own.waited() if self.beside is None else self.beside
        return time.monotonic() - (ours - self.both) - self.gone - child

    def samples(self, start: int = 0, limit: float | None = None) -> Iterator[Judged]:
        yield from self._stream("samples", start, limit)

    def refusals(self, start: int = 0) -> Iterator[Judged]:
        yield from self._stream("refusals", start, None)

    def _stream(self, what: str, start: int, limit: float | None) -> Iterator[Judged]:
        """Yield what the process says of each input."""
        begun = self.clock() if what == "samples" else None
        while True:
            try:
                self._ask(what, start)
                while (reply := self._reply(limit, begun)) is not None:
                    start = reply[0] + 1
                    yield Judged(*reply)
                return
            except Late:
                yield from (Judged(i, Outcome(NOT_TRIED)) for i, _ in enumerate(self.task.inputs()) if i >= start)
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

    def states(self, seconds: float) -> Iterator[tuple[str, str]]:
        names = [check.__name__ for check in states.CHECKS]
        try:
            self._ask("states", seconds)
            while (reply := self._reply(4 * self.limit)) is not None:
                yield reply
        except Died as died:
            yield names[died.index], died.reason
        except GeneratorExit:  # replies that nobody waits for
            self.close()
            raise

    def first_calls(self) -> Iterator[tuple[str, str]]:
        """Ask a process that has not called the function yet."""
        self.close()
        try:
            self._ask("first_calls", None)
            while (reply := self._reply(4 * self.limit)) is not None:
                yield reply
        except Died as died:
            yield "first_calls_at_once", died.reason
        finally:
            self.close()

    def after_refusals(self) -> Iterator[tuple[str, str]]:
        try:
            self._ask("after_refusals", None)
            while (reply := self._reply(budget.HUNG_LIMIT)) is not None:
                yield reply
        except Died:  # nobody has promised what becomes of a bad call, where refusals are not judged
            return
        finally:
            self.close()

    def _ask(self, what: str, about: Any) -> None:
        if self.process is None:
            self._start()
        self.busy = True
        self.beside = self.own.waited()
        with contextlib.suppress(BrokenPipeError):  # the reply, which does not come, says why
            self.pipe.send_bytes(pickle.dumps((what, about)))

    def _start(self) -> None:
        self.state[:] = [0, 0, 0, 0]
        self.pipe, theirs = self.context.Pipe()
        given = theirs, self.state, self.task, self.quiet
        self.process = self.context.Process(target=serve, args=given, daemon=True)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # what a fork has of it would be written twice
                stream.flush()
        with warnings.catch_warnings():  # of a fork beside threads: the child holds none of their locks that it needs
            warnings.simplefilter("ignore", DeprecationWarning)
            self.process.start()
        self.child = OwnTime(self.process.pid)
        theirs.close()
        self.starts += 1
        self.busy = False

    def _reply(self, limit: float | None, begun: float | None = None) -> Any:
        """Return the next reply. begun : of the fixed inputs, when the first of them was judged."""
        limit = self.limit if limit is None else limit
        slow = begun is not None and self.clock() - begun > budget.THIN
        while not self.pipe.poll(min(WAIT, limit)):
            if not self.process.is_alive() and not self.pipe.poll():
                break
            if begun is not None and slow and self.clock() - begun > budget.ENOUGH:
                self.close()
                raise Late
            call, since = int(self.state[CALL]), self.state[SINCE]
            most = LOADING if call < 0 else limit
            if call and self.child() - self.state[IMPORTED] - since > most:
                what = "while it was loaded" if call < 0 else f"in {_call(call)}"
                self._end(HUNG, f"no result after {most:g} s {what}")
        try:
            reply = pickle.loads(self.pipe.recv_bytes())
        except (EOFError, OSError):
            self._end(CRASHED, "")
        if isinstance(reply, Exception):
            self.close()
            raise reply
        if reply is None or not isinstance(reply[0], int):
            self._free()
        return reply

    def _free(self) -> None:
        """The child has done its work: from now on the waiting of this process counts again."""
        self.busy = False
        if self.beside is not None:
            self.both += self.own.waited() - self.beside
            self.beside = None

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
        self._free()
        self.gone += self.child.waited() + self.state[IMPORTED]
        self.child.close()
        self.child = None
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

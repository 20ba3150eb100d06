"""What a solution prints in one call: the check itself throws it away, for it calls a solution many times."""

import contextlib
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import testing
from ..ops import OPS
from ..testing.apart import Apart, can_isolate
from ..testing.cases import Call
from ..testing.here import Here
from ..testing.task import Task

__all__ = ["printed"]

MOST = 2000  # characters that are kept


class Head(io.TextIOBase):
    """A stream that keeps the first characters in a file, at once: what was printed before a crash is there."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path, self.left = path, MOST

    def writable(self) -> bool:
        return True

    def write(self, said: str) -> int:
        if self.left > 0:
            with open(self.path, "a", encoding="utf-8", errors="replace", newline="") as file:
                file.write(said[:self.left])
            self.left -= len(said)
        return len(said)


@dataclass
class Printing:
    """The solution. What its first call prints goes into a file; the check makes a second one.

    where : "file.py:name". It is loaded in the process that calls it.
    """

    op: str
    where: str
    path: str
    called: bool = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        function = testing.loaded(self.op, self.where)
        if self.called:
            return function(*args, **kwargs)
        self.called = True
        with contextlib.redirect_stdout(Head(self.path)):
            return function(*args, **kwargs)


def printed(op: str, where: str, case: Call, limit: float) -> str:
    """Return what a solution prints in one call, in a process of its own; of long output the first characters."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "printed"
        task = Task(op, Printing(op, where, str(path)), OPS[op].rule, testing.samples, testing.refusals)
        judge = Apart(task, limit, quiet=True) if can_isolate(task) else Here(task)
        try:
            judge.case(case)
        finally:
            judge.close()
        return path.read_text(encoding="utf-8") if path.is_file() else ""

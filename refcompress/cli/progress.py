"""Progress on standard error: a bar where rich is installed and a person is watching, else a line a stage."""

import sys
import time

__all__ = ["Progress"]


class Progress:
    """A context manager whose ``step`` is the callback that recipes take: (stage, done, total, loss)."""

    def __init__(self):
        self._bar = self._task = None
        self._stage, self._begun = None, time.monotonic()

    def __enter__(self):
        if sys.stderr.isatty():
            try:
                from rich.console import Console
                from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
            except ImportError:
                return self  # the lines tell the same, without the extra [cli]
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed}/{task.total}"),
                TimeElapsedColumn(),
                TextColumn("{task.fields[note]}"),
                console=Console(stderr=True),
            )
            self._bar.start()
        return self

    def __exit__(self, *error):
        if self._bar:
            self._bar.stop()

    def step(self, stage: str, done: int, total: int, loss: float | None = None) -> None:
        note = "" if loss is None else f"loss {loss:.4f}"
        if self._bar:
            if stage != self._stage:
                self._task = self._bar.add_task(stage, total=total, note=note)
            self._bar.update(self._task, completed=done, note=note)
        elif done == total:
            print(f"{time.monotonic() - self._begun:6.1f} s  {stage}: {done} of {total} done  {note}".rstrip(),
                  file=sys.stderr, flush=True)
        self._stage = stage

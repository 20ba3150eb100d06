"""Progress on standard error, above one second: a bar where rich is installed and a person is watching, else lines."""

import argparse
import sys
import time

from .refusals import say

__all__ = ["Progress", "add_quiet", "mention"]

SECONDS = 1.0  # what ends sooner says nothing
BETWEEN = 5.0  # seconds from a line to the next, within a stage


def add_quiet(command: argparse.ArgumentParser) -> None:
    command.add_argument("--quiet", action="store_true",
                         help="no progress on standard error; the report and warnings stay")


def mention(options: argparse.Namespace, text: str) -> None:
    """Say on standard error what a command does now, unless it is to be quiet."""
    if not options.quiet:
        say(text)


class Progress:
    """A context manager whose ``step`` is the callback that recipes take: (stage, done, total, loss)."""

    def __init__(self, quiet: bool = False):
        self._quiet, self._bar, self._task = quiet, None, None
        self._stage: str | None = None
        self._begun = self._stage_begun = self._said = time.monotonic()

    def __enter__(self):
        if sys.stderr.isatty() and not self._quiet:
            try:
                from rich.console import Console
                from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
            except ImportError:
                return self  # the lines tell the same, without the extra [cli]
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
                console=Console(stderr=True),
                transient=True,
            )
        return self

    def __exit__(self, *error):
        if self._bar:
            self._bar.stop()

    def step(self, stage: str, done: int, total: int, loss: float | None = None) -> None:
        """Say that ``done`` of ``total`` are done of a stage."""
        if self._quiet:
            return
        now, note = time.monotonic(), "" if loss is None else f"loss {loss:.4f}"
        if stage != self._stage:
            self._stage, self._stage_begun = stage, now
            if self._bar:
                self._task = self._bar.add_task(stage, total=total, note=note)
        if self._bar:
            if now - self._begun >= SECONDS:
                self._bar.start()  # which does nothing the second time
            self._bar.update(self._task, completed=done, note=note)
        elif now - self._begun >= SECONDS and (done == total or now - self._said >= BETWEEN):
            words = f"{done:,} of {total:,} done" + ("" if done == total else self._left(now, done, total))
            print(f"{now - self._begun:6.1f} s  {stage}: {words}  {note}".rstrip(), file=sys.stderr, flush=True)
            self._said = now

    def _left(self, now: float, done: int, total: int) -> str:
        """Return how long a stage goes on, if it goes on as it did."""
        seconds = (now - self._stage_begun) * (total - done) / done if done else 0
        return f", {seconds:,.0f} s left at this pace" if seconds >= 1 else ""

"""Hints in stages: for the mistake that the last check found, one more each time that is asked for."""

import os

from . import mistakes
from .folder import Progress, read, save
from .lab import Lab, Mistake

__all__ = ["hint", "mistake_named"]


def hint(folder: str | os.PathLike, *, again: bool = False) -> tuple[Progress, Mistake | None, int]:
    """Return the progress, the mistake of the last check (None: there is none), and how many of its hints to show.

    One more than before is shown, and that is kept in the folder; with ``again`` as many as before.
    """
    progress = read(folder)
    mistake = mistake_named(progress.lab, progress.failed)
    if mistake is None:
        return progress, None, 0
    shown = min(progress.hints.get(mistake.name, 0), len(mistake.hints))
    if not again and shown < len(mistake.hints):
        shown += 1
        progress.hints[mistake.name] = shown
        save(folder, progress)
    return progress, mistake, shown


def mistake_named(lab: Lab, name: str) -> Mistake | None:
    """Return the mistake of that name, the lab's own before those of all labs; None where there is none."""
    known = (*lab.mistakes, *mistakes.FIRST, *mistakes.LAST, mistakes.VALUES)
    return next((mistake for mistake in known if mistake.name == name), None)

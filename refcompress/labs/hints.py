"""Hints in stages: for the mistake that the last check found, one more each time that is asked for."""

import os

from . import mistakes
from .folder import Progress, read, save
from .lab import Lab, Mistake

__all__ = ["hint", "mistake_named"]


def hint(folder: str | os.PathLike, *, again: bool = False) -> tuple[Progress, Mistake | None, int, bool]:
    """Return the progress, the mistake of the last check (None: there is none), how many of its hints were given, and
    whether the last of these is new.

    One more than before is given, and that is kept in the folder. With ``again``, and where all were given, none is.
    """
    progress = read(folder)
    mistake = mistake_named(progress.lab, progress.failed)
    if mistake is None:
        return progress, None, 0, False
    shown = min(progress.hints.get(mistake.name, 0), len(mistake.hints))
    new = not again and shown < len(mistake.hints)
    if new:
        shown += 1
        progress.hints[mistake.name] = shown
        save(folder, progress)
    return progress, mistake, shown, new


def mistake_named(lab: Lab, name: str) -> Mistake | None:
    """Return the mistake of that name, the lab's own before those of all labs; None where there is none."""
    known = (*lab.mistakes, *mistakes.FIRST, *mistakes.LAST, mistakes.VALUES)
    return next((mistake for mistake in known if mistake.name == name), None)

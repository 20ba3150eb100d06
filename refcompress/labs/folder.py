"""A learner's folder: the solution, the text, and the progress. Nothing that is there is ever overwritten but the
progress, which is ours."""

import os
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..container import files
from ..errors import RefcompressError
from . import records
from .exercises import LABS
from .lab import Lab
from .stub import guide, stub, title

__all__ = ["GUIDE", "PROGRESS", "SOLUTION", "Progress", "now", "read", "save", "start"]

SOLUTION, GUIDE, PROGRESS = "solution.py", "LAB.md", "progress.json"
SCHEMA = "refcompress.lab/1"
MOST_BYTES = 2**20  # of the progress
KEPT = 200  # attempts that are remembered one by one
SHAPE = records.fields(
    op=records.one_of(LABS, "a lab"), started=records.text, attempts=records.count, passed=records.named(records.text),
    failed=records.text, hints=records.named(records.count),
    log=records.listed(records.fields(when=records.text, passed=records.listed(records.text), failed=records.text)))


@dataclass
class Progress:
    """How far a learner is.

    started : when, in UTC. attempts : of checks. passed : by the name of a stage, when. failed : the name of the
    mistake that the last check found, or nothing. hints : by the name of a mistake, how many were shown. log : one row
    a check, the last ones.
    """

    op: str
    started: str
    attempts: int = 0
    passed: dict[str, str] = field(default_factory=dict)
    failed: str = ""
    hints: dict[str, int] = field(default_factory=dict)
    log: list[dict[str, Any]] = field(default_factory=list)

    @property
    def lab(self) -> Lab:
        return LABS[self.op]

    @property
    def done(self) -> bool:
        return all(stage.name in self.passed for stage in self.lab.stages)

    def note(self, row: dict[str, Any]) -> None:
        """Remember one check."""
        self.log = [*self.log, row][-KEPT:]


def now() -> str:
    """Return the time as the progress keeps it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def start(op: str, folder: str | os.PathLike) -> list[str]:
    """Make the folder of a lab, or what is missing of it; return the names of the files that were written.

    Raises RefcompressError where the folder is there and is something else.
    """
    if op not in LABS:
        raise RefcompressError("lab", f"must be one of {', '.join(LABS)}, not {op!r}")
    lab, path = LABS[op], Path(folder)
    _check_place(path, lab)
    path.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in ((SOLUTION, stub(lab)), (GUIDE, guide(lab, path.resolve().name)),
                       (PROGRESS, _json(Progress(op, now())))):
        try:
            with open(path / name, "x", encoding="utf-8") as file:  # "x" never opens what is there
                file.write(text)
        except FileExistsError:
            continue
        written.append(name)
    return written


def _check_place(path: Path, lab: Lab) -> None:
    if not path.is_dir() or not any(path.iterdir()):
        return
    with_text = path / GUIDE
    said = with_text.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0] if with_text.is_file() else ""
    if said != title(lab):
        what = f"is the folder of another lab ({said.removeprefix('# Lab: ')})" if said.startswith("# Lab: ") else (
            "is there already, and is no folder of a lab")
        raise RefcompressError("folder", f"{str(path)!r} {what}; give another one")


def read(folder: str | os.PathLike) -> Progress:
    """Return the progress of a folder; CorruptError or RefcompressError, in one line, where there is none."""
    again = "remove it, and `refcompress lab start` in this folder begins a new one; your solution stays"
    try:
        data = records.read(Path(folder) / PROGRESS, SCHEMA, SHAPE, MOST_BYTES, argument="progress", again=again)
    except FileNotFoundError:
        raise RefcompressError("folder", f"{str(folder)!r} has no {PROGRESS}, so it is no folder of a lab; "
                                         "`refcompress lab start OP` makes one") from None
    return Progress(**data)


def save(folder: str | os.PathLike, progress: Progress) -> None:
    """Write the progress; a reader finds the old one or the new one."""
    files.write(Path(folder) / PROGRESS, _json(progress).encode())


def _json(progress: Progress) -> str:
    return records.written(SCHEMA, asdict(progress))

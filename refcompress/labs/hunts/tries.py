"""One try of a hunt: an input is handed in, and either the kernel is wrong on it, which gives points, or it is not."""

import hashlib
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ... import reference, testing
from ...container import files
from ...errors import CorruptError, RefcompressError
from ...testing.catalogue import Kernel
from ...testing.judge import NO_BOUND, NOT_OFFERED, Outcome, describe
from .. import records
from ..folder import now
from . import inputs
from .deal import Hunt
from .guide import begin, guide
from .luck import kernels

__all__ = ["HUNT", "INPUT", "Record", "Try", "attempt", "check_place", "judge", "kernel", "points", "read", "shown",
           "start"]

HUNT, INPUT = "hunt.json", "input.npz"
SCHEMA = "refcompress.hunt/1"
MOST_BYTES = 2**20
SHAPE = records.fields(
    op=records.text, kernel=records.text, par=records.count, seed=records.count, best=records.count,
    tries=records.listed(records.fields(when=records.text, points=records.count, size=records.count)))
LONG = 300  # characters of a result that are printed
BEST, EACH, LEAST = 100, 10, 10  # points at par, for each doubling fewer, and at least


@dataclass
class Record:
    """A hunt in its folder: what is hunted, and what was tried. ``kernel`` is a digest, and gives no name away."""

    op: str
    kernel: str
    par: int
    seed: int
    best: int = 0
    tries: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Try:
    """What came of an input: its points, and why. size : how many numbers it has. got, expected : of a win."""

    points: int
    why: str
    size: int = 0
    got: str = ""
    expected: str = ""


def points(size: int, par: int) -> int:
    """Return the points of an input that wins: 100 at par, 10 fewer each time it is twice as large, 10 at least.

    >>> points(8, 8), points(16, 8), points(4, 8), points(10**6, 8)
    (100, 90, 110, 10)
    """
    return max(LEAST, round(BEST - EACH * math.log2(max(size, 1) / max(par, 1))))


def start(hunt: Hunt, seed: int, folder: str | os.PathLike) -> None:
    """Make the folder of a hunt; RefcompressError where it is there and not empty."""
    check_place(folder)
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    record = Record(hunt.kernel.op, digest(hunt.kernel), hunt.par, seed)
    for name, text in ((HUNT, _json(record)), ("HUNT.md", guide(hunt)), ("begin.py", begin(hunt))):
        with open(path / name, "x", encoding="utf-8") as file:  # "x" never opens what is there
            file.write(text)


def check_place(folder: str | os.PathLike) -> None:
    """Refuse a folder that is there and not empty."""
    path = Path(folder)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RefcompressError("folder", f"{str(path)!r} is there already, and is not empty; give another one")


def digest(kernel: Kernel) -> str:
    """Return what a folder has in place of a kernel's name, which would say too much."""
    return hashlib.sha256(f"{kernel.op}: {kernel.name}".encode()).hexdigest()[:16]


def read(folder: str | os.PathLike) -> Record:
    """Return the hunt of a folder; RefcompressError, in one line, where it is none."""
    try:
        data = records.read(Path(folder) / HUNT, SCHEMA, SHAPE, MOST_BYTES, argument="hunt",
                            again="deal the hunt again into another folder")
    except FileNotFoundError:
        raise RefcompressError("folder", f"{str(folder)!r} has no {HUNT}, so it is no folder of a hunt; "
                                         "`refcompress hunt deal` makes one") from None
    return Record(**data)


def hunted(record: Record) -> Kernel:
    """Return the kernel of a hunt."""
    found = [each for each in kernels() if digest(each) == record.kernel and each.op == record.op]
    if not found:
        raise CorruptError("hunt", "its kernel is not in this version's catalogue; deal the hunt again")
    return found[0]


def kernel(folder: str | os.PathLike = ".") -> Callable:
    """Return the wrong kernel of a hunt, to be called as the operation is. Its source says nothing of the bug."""
    function = hunted(read(folder)).function

    def dealt(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return dealt


def judge(record: Record, path: str | os.PathLike) -> Try:
    """Return what an input is worth."""
    call = inputs.read(record.op, path)
    size, large = inputs.size(call), inputs.too_large(call)
    if large is not None:
        return Try(0, large, size)
    args, kwargs = call
    try:
        getattr(reference, record.op)(*args, **kwargs)
    except RefcompressError as error:
        return Try(0, f"No valid input: the reference refuses it ({error}).", size)
    except (TypeError, ValueError) as error:
        return Try(0, f"No valid call ({error}).", size)
    outcome = testing.outcome(record.op, hunted(record).function, *args, **kwargs)
    if outcome.failed:
        return Try(points(size, record.par), outcome.reason, size, _said(outcome.got), _said(outcome.expected))
    return Try(0, _no_win(outcome), size)


def _no_win(outcome: Outcome) -> str:
    if outcome.kind == NO_BOUND:
        return f"Nobody can say who is right here: {outcome.reason}."
    if outcome.kind == NOT_OFFERED:
        return f"The kernel does not take this input: {outcome.reason}."
    return "The kernel is right on this input."


def shown(value: Any) -> str:
    """Return a result in words, its arrays too; long arrays are cut short."""
    return " ".join(describe((value,), {})[1:-1].split())


def _said(value: Any) -> str:
    if value is None:
        return ""
    said = value if isinstance(value, str) else shown(value)
    return said if len(said) <= LONG else f"{said[:LONG]} ..."


def attempt(folder: str | os.PathLike, path: str | os.PathLike) -> tuple[Record, Try]:
    """Judge an input, and keep what came of it in the hunt's folder."""
    record = read(folder)
    found = judge(record, path)
    record.best = max(record.best, found.points)
    record.tries = [*record.tries, {"when": now(), "points": found.points, "size": found.size}][-200:]
    files.write(Path(folder) / HUNT, _json(record).encode())
    return record, found


def _json(record: Record) -> str:
    return records.written(SCHEMA, asdict(record))

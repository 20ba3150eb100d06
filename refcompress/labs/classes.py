"""A set for a class: for each student a folder with another bug and the same labs, and one table of verdicts.

What is handed out lies in DIR/students/NAME. What each student hunts stands in DIR/class.json, which stays with the
instructor: the names and the stories of the bugs are the answers.
"""

import ast
import csv
import io
import os
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from ..container import files
from ..errors import RefcompressError
from . import checking, folder, records
from .exercises import LABS
from .hunts import inputs, tries
from .hunts.deal import Hunt, dealt

__all__ = ["CLASS", "COLUMNS", "GRADES", "STUDENTS", "grade", "make", "names_of", "write_grades"]

CLASS, STUDENTS, GRADES, HUNT = "class.json", "students", "grades.csv", "hunt"
SCHEMA = "refcompress.class/1"
MOST, MOST_BYTES = 500, 2**22
COLUMNS = ("student", "exercise", "operation", "points", "of", "verdict", "note")
FORBIDDEN = '/\\:*?"<>|'
SHAPE = records.fields(
    seed=records.count, labs=records.listed(records.one_of(LABS, "a lab")),
    hunts=records.listed(records.fields(student=records.text, op=records.text, kernel=records.text, par=records.count,
                                        bug=records.text, story=records.text)))


def names_of(students: str) -> list[str]:
    """Return the names of a class: of a file, one a line; or of a number, student-01 and so on."""
    if students.isdecimal():
        count = int(students)
        if not 1 <= count <= MOST:
            raise RefcompressError("students", f"must be 1 to {MOST}, not {count}")
        return [f"student-{i:0{max(2, len(students))}d}" for i in range(1, count + 1)]
    try:
        text = files.read(students, MOST_BYTES).decode()
    except UnicodeDecodeError:
        raise RefcompressError("students", f"{students!r} must be text, UTF-8, one name a line") from None
    names = [line.strip() for line in text.splitlines() if line.strip()]
    seen: set[str] = set()
    for name in names:
        if name.startswith(".") or name.endswith(".") or not name.isprintable() or set(name) & set(FORBIDDEN):
            raise RefcompressError("students", f"{name!r} cannot be the name of a folder")
        if name.casefold() in seen:
            raise RefcompressError("students", f"{name!r} comes twice")
        seen.add(name.casefold())
    if not 1 <= len(names) <= MOST:
        raise RefcompressError("students", f"must be 1 to {MOST} names, not {len(names)}")
    return names


def make(names: list[str], seed: int, out: str | os.PathLike, labs: tuple[str, ...] = (),
         about: Callable[[str], None] = lambda name: None) -> list[tuple[str, Hunt]]:
    """Write the folders of a class; return who hunts what. No two hunt the same bug while there are others.

    about : is told each name before its hunt is dealt, which takes seconds.
    """
    for op in labs:
        if op not in LABS:
            raise RefcompressError("labs", f"must be of {', '.join(LABS)}, not {op!r}")
    if not 0 <= seed < 2**63:
        raise RefcompressError("seed", f"must be in [0, 2**63), not {seed}")
    path = Path(out)
    tries.check_place(path)
    given, hunts = [], chain.from_iterable(map(dealt, repeat(seed)))  # from the first one again when all are dealt
    for name in names:
        about(name)
        hunt = next(hunts)
        home = path / STUDENTS / name
        tries.start(hunt, seed, home / HUNT)
        for op in labs:
            folder.start(op, home / f"lab-{op}")
        given.append((name, hunt))
    rows = [{"student": name, "op": hunt.kernel.op, "kernel": tries.digest(hunt.kernel), "par": hunt.par,
             "bug": hunt.kernel.name, "story": hunt.kernel.story} for name, hunt in given]
    data = {"seed": seed, "labs": list(labs), "hunts": rows}
    files.write(path / CLASS, records.written(SCHEMA, data).encode())
    return given


def _read(out: str | os.PathLike) -> dict[str, Any]:
    try:
        return records.read(Path(out) / CLASS, SCHEMA, SHAPE, MOST_BYTES, argument="class",
                            again="`refcompress lab class` makes a class anew, in another folder")
    except FileNotFoundError:
        raise RefcompressError("class", f"{str(out)!r} has no {CLASS}, so it is no folder of a class; "
                                        "`refcompress lab class` makes one") from None


def grade(out: str | os.PathLike, about: Callable[[str], None] = lambda name: None) -> Iterator[dict[str, Any]]:
    """Yield a row for each student and exercise, by what lies in the folders now. Solutions of labs are called.

    What is hunted is what class.json says, whatever a student's folder says.
    """
    data = _read(out)
    for row in data["hunts"]:
        about(row["student"])
        home = Path(out) / STUDENTS / row["student"]
        yield _hunt(row, home / HUNT)
        for op in data["labs"]:
            yield _lab(row["student"], op, home / f"lab-{op}")


def _hunt(row: dict[str, Any], home: Path) -> dict[str, Any]:
    said = {"student": row["student"], "exercise": "hunt", "operation": row["op"], "points": 0, "of": tries.BEST,
            "note": ""}
    if not (home / tries.INPUT).exists():
        return {**said, "verdict": f"no {tries.INPUT}"}
    try:
        found = tries.judge(tries.Record(row["op"], row["kernel"], row["par"], 0), home / tries.INPUT)
    except RefcompressError as error:
        return {**said, "verdict": _line(error.rule)}
    note = f"{inputs.counted(found.size)}, par {row['par']}"
    return {**said, "points": found.points, "verdict": _line(found.why), "note": note}


def _lab(student: str, op: str, home: Path) -> dict[str, Any]:
    lab = LABS[op]
    said = {"student": student, "exercise": "lab", "operation": op, "points": 0, "of": len(lab.stages), "note": ""}
    if not (home / folder.SOLUTION).is_file():
        return {**said, "verdict": f"no {folder.SOLUTION}"}
    try:
        found = checking.checked(lab, home / folder.SOLUTION)
    except RefcompressError as error:
        return {**said, "verdict": _line(error.rule)}
    verdict = "right" if found.good else found.mistake.says if found.mistake else "leaves inputs out"
    note = borrowed(op, home / folder.SOLUTION)
    return {**said, "points": len(found.passed), "verdict": _line(verdict), "note": note}


def borrowed(op: str, path: Path) -> str:
    """Return what a solution takes from refcompress beside what its stub may take: perhaps the answer."""
    uses = {alias for line in LABS[op].uses for alias in _taken(ast.parse(line))}
    more = sorted(_taken(ast.parse(path.read_bytes())) - uses)
    return f"imports {', '.join(more)}" if more else ""


def _taken(tree: ast.AST) -> set[str]:
    """Return the names that are imported from this package."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "refcompress":
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "refcompress"}
    return found


def _line(text: str) -> str:
    return " ".join(text.split())[:300]


def write_grades(path: str | os.PathLike, rows: list[dict[str, Any]]) -> None:
    """Write the table. A file that is there is replaced only if it is such a table."""
    target = Path(path)
    if target.exists() and files.read(target, MOST_BYTES)[: len(_head())] != _head():
        raise RefcompressError("grades", f"{str(path)!r} is there already, and is no table of grades; give another one")
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS)
    table.writeheader()
    table.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    files.write(target, text.getvalue().encode())


def _head() -> bytes:
    return ",".join(COLUMNS).encode()


def _cell(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value

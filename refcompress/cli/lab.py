"""The command lab: exercises that judge themselves."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import RefcompressError
from .progress import add_quiet, mention
from .refusals import Refused
from .show import Report, columns, paragraph, printable, table

__all__ = ["Words", "add_commands"]

# Arguments of the library, which nobody typed by these names.
OURS = ("class", "folder", "grades", "hunt", "input", "lab", "labs", "progress", "seed", "solution", "students")


def add_commands(commands) -> None:
    command = commands.add_parser(
        "lab", description="Exercises that judge themselves. A solution is called in a process of its own, as it is: "
                           "check only what you would run.")
    words = Words(command, "lab")
    words.add("list", listed, "list the labs, in the order of the lessons")
    start = words.add("start", started, "make a folder with a stub; nothing that is there is overwritten")
    start.add_argument("lab", metavar="OP", help="a name of `lab list`, such as prune_magnitude")
    start.add_argument("folder", nargs="?", metavar="DIR", help="the folder (default: lab-OP)")
    for name, function, about in (("check", checked, "say whether solution.py is right, or on which input it is not"),
                                  ("hint", hinted, "give a hint for what failed last; each time one more"),
                                  ("status", status, "say how far you are")):
        word = words.add(name, function, about)
        word.add_argument("folder", nargs="?", default=".", metavar="DIR", help="the lab's folder (default: this one)")
        if name == "check":
            word.add_argument("--program", action="store_true", help="also print a program that shows the failure")
        if name == "hint":
            word.add_argument("--all", action="store_true", help="show again all hints that were given for it")
    word = words.add("class", made, "make a set for a class: a folder for each student, with a hunt of its own")
    word.add_argument("--students", required=True, metavar="FILE|N", help="a file with one name a line, or how many")
    word.add_argument("--seed", type=int, default=0, metavar="S", help="the same seed deals the same (default: 0)")
    word.add_argument("--labs", default="", metavar="OPS", help="labs for all, separated by commas (default: none)")
    word.add_argument("-o", "--out", required=True, metavar="DIR", help="the folder; DIR/students is handed out")
    word = words.add("grade", graded, "judge what lies in the folders of a class, into DIR/grades.csv")
    word.add_argument("folder", metavar="DIR", help="the folder that `lab class` made; the solutions in it are run")


class Words:
    """The words that follow a command, each with its own options: lab start, hunt deal.

    Refusals inside are one line that names the command; the library's own names of arguments say nothing to who types.
    """

    def __init__(self, command: argparse.ArgumentParser, name: str) -> None:
        self.name = name
        self.words = command.add_subparsers(dest="word", metavar="WORD", required=True)

    def add(self, name: str, function: Callable[[argparse.Namespace], Report], about: str) -> argparse.ArgumentParser:
        word = self.words.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
        word.add_argument("--json", action="store_true", help="print one JSON document instead of text")
        add_quiet(word)
        word.set_defaults(run=lambda options: self._run(function, options))
        return word

    def _run(self, function: Callable[[argparse.Namespace], Report], options: argparse.Namespace) -> Report:
        try:
            return function(options)
        except RefcompressError as error:
            if isinstance(error, Refused) or error.argument not in OURS:
                raise
            raise Refused(self.name, printable(error.rule)) from error


def listed(options: argparse.Namespace) -> Report:
    from ..labs.exercises import LABS

    labs = sorted(LABS.values(), key=lambda lab: lab.lesson or 99)
    rows = [[lab.op, lab.lesson or "-", len(lab.stages), lab.task] for lab in labs]
    text = "\n".join([table(rows, ["lab", "lesson", "stages", "what to build"]), "",
                      "refcompress lab start OP makes the folder lab-OP to begin in."])
    data = [{"op": lab.op, "lesson": lab.lesson, "stages": [stage.name for stage in lab.stages], "task": lab.task}
            for lab in labs]
    return Report({"schema": "refcompress.labs/1", "labs": data}, text)


def started(options: argparse.Namespace) -> Report:
    from ..labs import folder

    where = options.folder if options.folder is not None else f"lab-{options.lab}"
    written = folder.start(options.lab, where)
    path = printable(str(where))
    kept = [name for name in (folder.SOLUTION, folder.GUIDE, folder.PROGRESS) if name not in written]
    lines = [f"{path}/{name}: written" for name in written]
    lines += [f"{path}/{name}: is there already, and stays as it is" for name in kept]
    lines += ["", f"Read {path}/{folder.GUIDE}, write {path}/{folder.SOLUTION}, and type",
              f"  refcompress lab check {'' if where == '.' else path}".rstrip()]
    return Report({"folder": str(where), "op": options.lab, "written": written, "kept": kept}, "\n".join(lines))


def checked(options: argparse.Namespace) -> Report:
    from ..labs import checking, folder, mistakes, words

    _folder(options)
    begun = folder.read(options.folder)
    stages = [stage.name for stage in begun.lab.stages]
    found = checking.check(options.folder, about=lambda stage: mention(
        options, f"stage {stages.index(stage.name) + 1} of {len(stages)}, {stage.name} ..."))
    lines = words.lines(found, begun, columns(), options.folder)
    if options.program and found.code:
        lines += ["", *found.code.splitlines()]
    data: dict[str, Any] = {
        "op": found.op, "good": found.good, "passed": found.passed, "stage": found.stage and found.stage.name,
        "mistake": found.mistake and found.mistake.name, "says": found.mistake and found.mistake.says,
        "clause": found.mistake and mistakes.clause_of(begun.lab, found.mistake), "pattern": found.pattern,
        "reason": found.failure and found.failure.reason, "left_out": found.left_out, "program": found.code,
        "printed": found.printed}
    return Report({"schema": "refcompress.lab-verdict/1", **data},
                  "\n".join(map(_shown, lines)), found.good)


def hinted(options: argparse.Namespace) -> Report:
    from ..labs import hints, words

    _folder(options)
    progress, mistake, shown, new = hints.hint(options.folder, again=options.all)
    if mistake is None:
        said = "Nothing has failed in the last check." if progress.attempts else (
            "A hint is for what failed last: write something, and type refcompress lab check first.")
        return Report({"op": progress.op, "hints": []}, said)
    if not shown:
        return Report({"op": progress.op, "hints": []}, "No hint was given yet for what failed last.")
    lines = list(words.hint_lines(progress, mistake, shown, columns(), shown if new else 1))
    if shown == len(mistake.hints):
        lines.append("That was the last hint for this." if new else "There are no more hints for this.")
    return Report({"op": progress.op, "mistake": mistake.name, "hints": list(mistake.hints[:shown])},
                  "\n".join(lines))


def status(options: argparse.Namespace) -> Report:
    from ..labs import folder

    _folder(options)
    where = Path(options.folder)
    if (where / folder.PROGRESS).exists():
        places = [where]
    else:
        places = sorted(path.parent for path in where.glob(f"*/{folder.PROGRESS}"))
    if not places:
        raise Refused("lab", f"{printable(str(where))} is no folder of a lab, and has none in it; "
                             "`refcompress lab start OP` makes one")
    rows, data = [], []
    for place in places:
        progress = folder.read(place)
        stages = progress.lab.stages
        passed = [stage.name for stage in stages if stage.name in progress.passed]
        rows.append([progress.op, f"{len(passed)} of {len(stages)}", progress.attempts,
                     sum(progress.hints.values()), progress.failed or ("done" if progress.done else "not checked"
                                                                       if not progress.attempts else "-")])
        data.append({"folder": str(place), "op": progress.op, "passed": progress.passed, "attempts": progress.attempts,
                     "hints": progress.hints, "failed": progress.failed, "done": progress.done})
    text = table(rows, ["lab", "stages passed", "checks", "hints", "what failed last"])
    return Report({"schema": "refcompress.lab-status/1", "labs": data}, text)


def made(options: argparse.Namespace) -> Report:
    from ..labs import classes

    names = classes.names_of(options.students)
    labs = tuple(word for word in options.labs.split(",") if word)
    given = classes.make(names, options.seed, options.out, labs, lambda name: mention(options, f"{name} ..."))
    path = printable(str(options.out))
    bugs = len({(hunt.kernel.op, hunt.kernel.name) for _, hunt in given})
    text = "\n".join([
        paragraph(f"{len(given)} students and {bugs} bugs. Hand out the folders of {path}/{classes.STUDENTS}; keep "
                  f"{path}/{classes.CLASS}, where the answers are."),
        paragraph(f"When they are back in their places: refcompress lab grade {path}")])
    return Report({"schema": classes.SCHEMA, "folder": str(options.out), "students": names, "bugs": bugs}, text)


def graded(options: argparse.Namespace) -> Report:
    from ..labs import classes

    rows = list(classes.grade(options.folder, lambda name: mention(options, f"{name} ...")))
    path = Path(options.folder) / classes.GRADES
    classes.write_grades(path, rows)
    cells = [[row[name] for name in classes.COLUMNS[:6]] for row in rows]
    text = "\n".join([table(cells, list(classes.COLUMNS[:6])), "", f"{printable(str(path))}: written"])
    return Report({"schema": "refcompress.grades/1", "rows": rows}, text)


def _folder(options: argparse.Namespace) -> None:
    if not Path(options.folder).is_dir():
        raise Refused("lab", f"{printable(options.folder)} is no folder")


def _shown(line: str) -> str:
    return printable(line)

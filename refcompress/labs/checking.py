"""One check of a solution: stage by stage, until one is not passed. What was found is explained by :mod:`words`."""

import ast
import inspect
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .. import reference, testing
from ..agreement import Disagreement
from ..errors import MissingExtra, RefcompressError
from ..ops import OPS
from ..testing import features
from ..testing.apart import Apart, can_isolate
from ..testing.here import Here
from ..testing.task import Task
from . import mistakes
from .folder import SOLUTION, now, read, save
from .lab import Failure, Lab, Mistake, Stage, otherwise
from .printed import printed

__all__ = ["Checked", "check", "checked", "diagnosed"]

LIMIT = 5.0  # seconds that a call may take
OTHER_STAGE = "an input of a later stage"


@dataclass
class Checked:
    """What came of a check.

    passed : names of the stages that are passed, in this check. stage : the first one that is not, or None. failure and
    mistake : what is wrong there. pattern : where else. code : a program
    that shows it. printed : what the solution prints there. left_out : by reason, how many inputs the solution does not
    take. inputs : how many it was called with.
    """

    op: str
    passed: list[str] = field(default_factory=list)
    stage: Stage | None = None
    failure: Failure | None = None
    mistake: Mistake | None = None
    pattern: str = ""
    code: str = ""
    printed: str = ""
    left_out: dict[str, int] = field(default_factory=dict)
    inputs: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return self.stage is None


def check(folder: str | os.PathLike, *, about: Callable[[Stage], None] = lambda stage: None,
          examples: int | None = None) -> Checked:
    """Check the solution of a folder, and keep what came of it in the folder's progress.

    The solution is called in a process of its own. about : is told each stage before it begins. examples : of the
    random search of the last stage; 0 leaves it out.

    Raises RefcompressError, in one line, for a solution that cannot be loaded at all.
    """
    progress = read(folder)
    found = checked(progress.lab, Path(folder) / SOLUTION, about=about, examples=examples)
    when = now()
    progress.attempts += 1
    progress.failed = found.mistake.name if found.mistake else ""
    progress.passed |= {name: when for name in found.passed if name not in progress.passed}
    progress.note({"when": when, "passed": found.passed, "failed": progress.failed})
    save(folder, progress)
    return found


def checked(lab: Lab, path: Path, *, about: Callable[[Stage], None] = lambda stage: None,
            examples: int | None = None) -> Checked:
    """Check a solution, and keep nothing."""
    _readable(path, lab.op)
    _loads(lab, path)
    found = Checked(lab.op)
    for stage in lab.stages:
        about(stage)
        if not _passes(found, lab, stage, f"{path}:{lab.op}", examples):
            found.stage = stage
            break
        found.passed.append(stage.name)
    return found


def _readable(path: Path, op: str) -> None:
    """Refuse a solution that no process need be started for: it is not there, no Python, or has no such function."""
    try:
        tree = ast.parse(path.read_bytes(), filename=path.name)
    except OSError as error:
        raise RefcompressError("solution", f"{str(path)!r} cannot be read ({error.strerror}); `refcompress lab start "
                                           f"{op}` in this folder writes the stub again") from None
    except SyntaxError as error:
        where = f"{path.name}, line {error.lineno}" if error.lineno else path.name
        raise RefcompressError("solution", f"{where}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise RefcompressError("solution", f"{path.name} is no Python source: {error}") from None
    names = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names |= {alias.asname or alias.name for node in ast.walk(tree)
              if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names}
    if op not in names:
        raise RefcompressError("solution", f"{path.name} has no function {op}; its name must stay as the stub has it")


def _loads(lab: Lab, path: Path) -> None:
    """Refuse a solution that cannot be loaded: tried once, in a process of its own."""
    task = Task(lab.op, f"{path}:{lab.op}", OPS[lab.op].rule, testing.samples, testing.refusals)
    judge = Apart(task, LIMIT, quiet=True) if can_isolate(task) else Here(task)
    try:
        judge.case(next(task.inputs()))
    except RefcompressError as error:
        if error.argument != "function":
            raise
        rule = error.rule.replace(str(path), path.name)
        raise RefcompressError("solution", rule if path.name in rule else f"{path.name}: {rule}") from None
    finally:
        judge.close()


@dataclass
class Part:
    """The solution in a stage that takes part of the inputs. To the check it is not offered for the others.

    Numbers of NumPy in the place of Python's are for the last stage: who begins should not meet them first.

    where : "file.py:name". It is loaded in the process that calls it.
    """

    op: str
    where: str
    stage: Stage

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = dict(zip(inspect.signature(getattr(reference, self.op)).parameters, args)) | kwargs
        if any(isinstance(value, np.generic) for value in given.values()) or (
                self.stage.without is not None and self.stage.without(given)):
            raise NotImplementedError(OTHER_STAGE)
        return self.function(*args, **kwargs)

    @cached_property
    def function(self) -> Callable:
        return testing.loaded(self.op, self.where)


def _passes(found: Checked, lab: Lab, stage: Stage, where: str, examples: int | None) -> bool:
    options = dict(stage.options)
    if examples is not None and "examples" not in options:
        options["examples"] = examples
    function = where if stage == lab.stages[-1] else Part(lab.op, where, stage)
    try:
        verdict = _verdict(found, lab, function, options)
    except Disagreement as error:
        found.inputs = error.verdict.inputs
        found.pattern, found.code = error.pattern, error.code
        found.failure = _failure(lab.op, error)
        found.mistake = diagnosed(lab, found.failure)
        if error.case is not None and _prints(where):
            found.printed = printed(lab.op, where, error.case, LIMIT)
        return False
    others = (*stage.left_out, OTHER_STAGE)
    found.inputs = verdict.inputs - sum(count for reason, count in verdict.not_offered.items() if reason in others)
    found.left_out = {reason: count for reason, count in verdict.not_offered.items() if reason not in others}
    return not found.left_out


def _prints(where: str) -> bool:
    """Return whether a solution has the word print: most have not, and another call takes time."""
    return b"print" in Path(where.rpartition(":")[0]).read_bytes()


def _verdict(found: Checked, lab: Lab, function: Callable | str, options: dict[str, Any]) -> testing.Verdict:
    try:
        return testing.check(lab.op, function, limit=LIMIT, quiet=True, **options)
    except MissingExtra as error:
        if error.argument != "hypothesis":
            raise
        found.notes.append("The random search was left out: it needs Hypothesis (pip install 'refcompress[test]').")
        return testing.check(lab.op, function, limit=LIMIT, quiet=True, **options | {"examples": 0})


def _failure(op: str, error: Disagreement) -> Failure:
    verdict = error.verdict
    share = verdict.failed / max(verdict.inputs - sum(verdict.not_offered.values()), 1)
    if error.case is None:  # of many inputs, or of what is kept between calls
        return Failure(verdict.kind, verdict.reason, share=share)
    names = features.Names(op)
    args, kwargs = error.case
    with np.errstate(all="ignore"):
        like = features.features_of(names, args, kwargs)
    return Failure(verdict.kind, verdict.reason, names.of(args, kwargs), error.expected, error.got, like, share,
                   error.pattern)


def diagnosed(lab: Lab, failure: Failure) -> Mistake:
    """Return the first mistake that a failure shows; the last of all always does."""
    return next(mistake for mistake in _in_turn(lab) if _shows(mistake, failure))


def _in_turn(lab: Lab) -> Iterator[Mistake]:
    own = {mistake.name for mistake in lab.mistakes}
    rest = [mistake for mistake in lab.mistakes if mistake.when is otherwise]
    for mistake in mistakes.FIRST:  # a lab's own words for one of these come in its place
        yield next((mine for mine in lab.mistakes if mine.name == mistake.name), mistake)
    yield from (mistake for mistake in lab.mistakes if mistake not in rest)
    yield from (mistake for mistake in mistakes.LAST if mistake.name not in own)
    yield from rest
    yield mistakes.VALUES


def _shows(mistake: Mistake, failure: Failure) -> bool:
    """Return whether a failure shows a mistake. What a learner returns may be anything: then it shows none."""
    try:
        with np.errstate(all="ignore"):
            return bool(mistake.when(failure))
    except Exception:  # of comparing what cannot be compared: whatever NumPy raises then
        return False

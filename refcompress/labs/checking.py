"""One check of a solution: stage by stage, until one is not passed. What was found is explained by :mod:`words`."""

import ast
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .. import testing
from ..agreement import Disagreement
from ..errors import MissingExtra, RefcompressError
from ..testing import features
from . import mistakes
from .folder import SOLUTION, now, read, save
from .lab import Failure, Lab, Mistake, Stage, otherwise

__all__ = ["Checked", "check", "diagnosed"]

LIMIT = 5.0  # seconds that a call may take


@dataclass
class Checked:
    """What came of a check.

    passed : names of the stages that are passed, in this check. stage : the first one that is not, or None. failure and
    mistake : what is wrong there. pattern : where else. code : a program
    that shows it. left_out : by reason, how many inputs the solution does not
    take. inputs : how many it was called with.
    """

    op: str
    passed: list[str] = field(default_factory=list)
    stage: Stage | None = None
    failure: Failure | None = None
    mistake: Mistake | None = None
    pattern: str = ""
    code: str = ""
    left_out: dict[str, int] = field(default_factory=dict)
    inputs: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return self.stage is None


def check(folder: str | os.PathLike, *, about: Callable[[Stage], None] = lambda stage: None,
          examples: int | None = None, keep: bool = True) -> Checked:
    """Check the solution of a folder, and keep what came of it in the folder's progress.

    The solution is called in a process of its own. about : is told each stage before it begins. examples : of the
    random search of the last stage; 0 leaves it out. keep : whether the progress is written.

    Raises RefcompressError, in one line, for a solution that cannot be loaded at all.
    """
    progress = read(folder)
    path = Path(folder) / SOLUTION
    function = f"{path}:{progress.op}"
    _readable(path, progress.op)
    checked = Checked(progress.op)
    for stage in progress.lab.stages:
        about(stage)
        if not _passes(checked, progress.lab, stage, function, examples):
            checked.stage = stage
            break
        checked.passed.append(stage.name)
    if keep:
        when = now()
        progress.attempts += 1
        progress.failed = checked.mistake.name if checked.mistake else ""
        progress.passed |= {name: when for name in checked.passed if name not in progress.passed}
        progress.note({"when": when, "passed": checked.passed, "failed": progress.failed})
        save(folder, progress)
    return checked


def _readable(path: Path, op: str) -> None:
    """Refuse a solution that no process need be started for: it is not there, no Python, or has no such function."""
    try:
        tree = ast.parse(path.read_bytes(), filename=path.name)
    except OSError as error:
        raise RefcompressError("solution", f"{str(path)!r} cannot be read ({error.strerror}); `refcompress lab start "
                                           f"{op}` in this folder writes the stub again") from None
    except SyntaxError as error:
        raise RefcompressError("solution", f"{path.name}, line {error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise RefcompressError("solution", f"{path.name} is no Python source: {error}") from None
    names = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names |= {alias.asname or alias.name for node in ast.walk(tree)
              if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names}
    if op not in names:
        raise RefcompressError("solution", f"{path.name} has no function {op}; its name must stay as the stub has it")


def _passes(checked: Checked, lab: Lab, stage: Stage, function: str, examples: int | None) -> bool:
    options = dict(stage.options)
    if examples is not None and "examples" not in options:
        options["examples"] = examples
    try:
        verdict = testing.check(lab.op, function, limit=LIMIT, quiet=True, **options)
    except MissingExtra as error:
        if error.argument != "hypothesis":
            raise
        verdict = testing.check(lab.op, function, limit=LIMIT, quiet=True, **options | {"examples": 0})
        checked.notes.append("The random search was left out: it needs Hypothesis (pip install 'refcompress[test]').")
    except Disagreement as error:
        checked.inputs = error.verdict.inputs
        checked.pattern, checked.code = error.pattern, error.code
        checked.failure = _failure(lab.op, error)
        checked.mistake = diagnosed(lab, checked.failure)
        return False
    except RefcompressError as error:
        if error.argument != "function":
            raise
        raise RefcompressError("solution", error.rule.removeprefix(f"{function.rpartition(':')[0]} ")) from None
    checked.inputs = verdict.inputs
    checked.left_out = {reason: count for reason, count in verdict.not_offered.items() if reason not in stage.left_out}
    return not checked.left_out


def _failure(op: str, error: Disagreement) -> Failure:
    verdict = error.verdict
    share = verdict.failed / max(verdict.inputs - sum(verdict.not_offered.values()), 1)
    if error.case is None:  # of many inputs, or of what is kept between calls
        return Failure(verdict.kind, verdict.reason, share=share)
    names = features.Names(op)
    args, kwargs = error.case
    with np.errstate(all="ignore"):
        like = features.features_of(names, args, kwargs)
    return Failure(verdict.kind, verdict.reason, names.of(args, kwargs), error.expected, error.got, like, share)


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

"""What is made of a wrong input: a smaller one, a program that shows it, the map, and the exception that says all."""

from typing import Any

from ..agreement import Disagreement
from . import budget
from .blame import blamed
from .cases import Call
from .features import Features
from .here import Judged
from .judge import CRASHED, HUNG, NO_BOUND, RIGHT, Outcome, describe
from .pattern import pattern
from .program import program, program_in_order
from .smaller import smallest
from .task import Task
from .verdict import Verdict

# An option that a function does not have is said of it where nothing else is wrong: mostly it was left out on purpose.
UNKNOWN = "unexpected keyword argument"
EMPTY = 6  # an axis of no elements is no easier to read than one of so many


def explained(check: Any, wrong: list[Judged], case: Call | None = None, outcome: Outcome | None = None,
              ) -> Disagreement:
    """Return the exception for the wrong ones of the fixed inputs, or for an input that the search has found."""
    task, judge, verdict = check.task, check.judge, check.verdict
    side, code = 0, ""
    if case is None:
        wrong = [judged for judged in wrong if UNKNOWN not in judged.outcome.reason] or wrong
        first = wrong[0]
        if check.explain:
            said = check.likenesses()
            verdict.pattern = pattern([said[judged.number] for judged in wrong],
                                      [said[i] for i, kind in check.kinds.items() if kind in (RIGHT, NO_BOUND)])
            first = min(wrong, key=lambda judged: _rank(said[judged.number], judged.number))
        case, outcome, side = _input(task, first.number), first.outcome, first.number
    elif check.explain:
        verdict.pattern = (f"right on all {verdict.inputs - verdict.searched} fixed inputs; "
                           f"found by search with seed {verdict.seed}")
    assert outcome is not None
    if check.explain:
        hung = outcome.kind == HUNG
        limit = min(check.limit, budget.HUNG_LIMIT) if hung else check.limit
        took = check.took.get(side, 0.0) if wrong and not hung else 0.0  # as long takes the last look, in full
        seconds = min(budget.HUNG_SMALLER if hung else budget.SMALLER, check.left() - took)
        said = outcome.reason
        case, outcome = smallest(task, lambda trial: judge.case(trial, side, limit=limit), case, outcome, seconds,
                                 judge.clock, took)
        if hung and outcome.reason != said:
            outcome.reason = f"{said} (of a larger input; this one: {outcome.reason})"
        elif outcome.kind == CRASHED:
            outcome.reason += blamed(task, case, limit)
        elif not hung:
            outcome, code = _in_full(check, wrong, case, side, outcome)
    verdict.seconds = judge.clock() - check.begun
    return raised(verdict, task, case, outcome, code)


def raised(verdict: Verdict, task: Task, case: Call | None, outcome: Outcome, code: str = "",
           ) -> Disagreement:
    """Return the exception that says what came of an input (or of many, where there is no one input)."""
    verdict.good, verdict.kind, verdict.reason = False, outcome.kind, outcome.reason
    verdict.failed, verdict.code = max(verdict.failed, 1), code
    text = f"{verdict.op}: {outcome.reason}"
    if case is not None:
        verdict.code = code or program(task, case, outcome)
        text += f"\n  on {describe(*case)}"
    if verdict.pattern:
        text += f"\n  {verdict.pattern}"
    if verdict.code:
        text += "\n\n" + verdict.code
    error = Disagreement(text)
    if case is not None:
        error.args, error.kwargs = case
    error.op, error.case, error.expected, error.got = verdict.op, case, outcome.expected, outcome.got
    error.seed, error.code, error.pattern, error.verdict = verdict.seed, verdict.code, verdict.pattern, verdict
    error.__cause__ = outcome.cause
    return error


def _rank(said: Features, index: int) -> tuple[int, int]:
    """Return what is greater of an input that is harder to read."""
    sizes = sum(size or EMPTY for size in said.sizes.values())
    return sizes + 8 * len(said.layouts) + 4 * len(said.values), index


def _input(task: Task, index: int) -> Call:
    return next(case for i, case in enumerate(task.inputs()) if i == index)


def _in_full(check: Any, wrong: list[Judged], case: Call, side: int, outcome: Outcome) -> tuple[Outcome, str]:
    """Return the outcome with both results, in a new process; or what it says, and a program, if it comes and goes."""
    check.judge.close()
    again = check.judge.case(case, side, brief=False)
    if again.failed:
        return again, ""
    outcome.reason += " (and not each time: in a new process, the same input was right)"
    return outcome, program_in_order(check.task, wrong[0].number, outcome.reason) if wrong else ""

"""What comes of one input, and of the fixed ones in order: what a program that shows a wrong input calls."""

from collections.abc import Callable, Iterable
from typing import Any

from ..ops import OPS
from . import apart, budget
from .apart import Apart
from .blame import END, START
from .here import Here
from .judge import NOT_TRIED, REFUSED, Outcome
from .sampling import refusals, samples
from .task import Task, layouts_named


def outcome(op: str, function: Callable | str, /, *args: Any, **kwargs: Any) -> Outcome:
    """Return what comes of one input, judged as :func:`check` judges: in a process of its own, at guard pages.

    What the reference refuses must be refused in the same way. A call may take 5 seconds. All keywords are the
    operation's own.

    >>> from refcompress import reference
    >>> import numpy as np
    >>> print(outcome("gemm_s8s8", reference.gemm_s8s8, np.int8([[1]]), np.int8([[-128]])))
    right
    """
    task = Task(op, function, OPS[op].rule, samples, refusals)
    judge: Any = Apart(task, budget.LIMIT) if apart.can_isolate(task) else Here(task)
    try:
        ended = judge.case((args, kwargs), END, brief=False)
        if ended.kind == REFUSED:
            return judge.refusal((args, kwargs))
        return ended if ended.failed or not judge.isolated else judge.case((args, kwargs), START, brief=False)
    finally:
        judge.close()


def in_order(op: str, function: Callable | str, *, last: int, layouts: Iterable | None = None) -> Outcome:
    """Judge the fixed inputs from number 0 to ``last``; return what comes of the first wrong one, or of the last.

    What a function returns may depend on the calls before.

    layouts : as :func:`check` has it.

    >>> from refcompress import reference
    >>> print(in_order("gemm_s8s8", reference.gemm_s8s8, last=3))
    right
    """
    task = Task(op, function, OPS[op].rule, samples, refusals, layouts_named(layouts))
    judge: Any = Apart(task, budget.LIMIT) if apart.can_isolate(task) else Here(task)
    outcome = Outcome(NOT_TRIED)
    try:
        for number, outcome in judge.samples():
            if outcome.failed:
                return Outcome(outcome.kind, f"input {number}: {outcome.reason}")
            if number >= last:
                break
    finally:
        judge.close()
    return outcome

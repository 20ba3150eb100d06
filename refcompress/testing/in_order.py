"""The fixed inputs one after the other in one process: what a function returns may depend on the calls before."""

from collections.abc import Callable, Iterable
from typing import Any

from ..ops import OPS
from . import apart, budget
from .apart import Apart
from .here import Here
from .judge import NOT_TRIED, Outcome
from .samples import refusals, samples
from .task import Task, layouts_named


def in_order(op: str, function: Callable | str, *, last: int, layouts: Iterable | None = None) -> Outcome:
    """Judge the fixed inputs from number 0 to ``last``; return what comes of the first wrong one, or of the last.

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

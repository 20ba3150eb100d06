"""The judge in the process of who asks: as fast as can be, and no stronger than the function that it calls."""

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import cached_property
from itertools import count, islice
from typing import NamedTuple

import numpy as np

from ..agreement import Disagreement
from . import budget, states
from .cases import Call
from .judge import LEFT_OUT, NOT_TRIED, Outcome, arrays_of, judged, judged_refusal, snapshot
from .own_time import OwnTime
from .task import Task
from .telling import telling

LONG, TWICE = 2**14, 4  # of inputs with more elements one of so many is given twice: time goes into other inputs
STATE_INPUTS = 48  # so many go to the checks of state


class Judged(NamedTuple):
    """One of the fixed inputs: its number, and what came of it."""

    number: int
    outcome: Outcome


class Here:
    """Calls the function in this process. Apart has the same methods."""

    isolated = False
    _cases = {"inputs": "_state_cases", "long_inputs": "_long_cases", "short_inputs": "_short_cases"}

    def __init__(self, task: Task, *, results: Callable[[int | None], Callable] = lambda i: nullcontext,
                 calling: Callable[[int], None] = lambda call: None, about: Callable[[int], None] = lambda i: None,
                 clock: Callable[[], float] | None = None) -> None:
        self.task, self.results, self.calling, self.about = task, results, calling, about
        self.clock = clock or OwnTime()
        self.late = False  # a function that takes long: the long inputs that are left are given once

    def samples(self, start: int = 0) -> Iterator[Judged]:
        """Judge the fixed inputs from one on; of a function that takes long a few of the later ones."""
        begun = self.clock()
        for i, case in enumerate(self.task.inputs()):
            if i >= start:
                spent = self.clock() - begun
                if spent > budget.END:  # making the others takes time, too
                    yield from (Judged(number, Outcome(NOT_TRIED)) for number in range(i, self._telling[1]))
                    return
                self.late = spent > budget.THIN
                if spent > (budget.THIN if i % 8 else budget.LAST) and i not in self._telling[0]:
                    yield Judged(i, Outcome(NOT_TRIED))
                    continue
                self.about(i)
                word = self.task.left_out(case)
                yield Judged(i, self.case(case, i) if word is None else Outcome(LEFT_OUT, word))

    @cached_property
    def _telling(self) -> tuple[frozenset[int], int]:
        """The numbers of the telling inputs, and how many inputs there are."""
        number = count()
        return telling(case for case in self.task.inputs() if next(number) >= 0), next(number)

    def case(self, case: Call, i: int | None = 0, brief: bool = False, limit: float | None = None) -> Outcome:
        """Judge one input; ``i`` says at which guard page its results lie, where they do."""
        named = case[1].get("shape")  # of a decoder's result
        size = sum(a.size for a in arrays_of(case)) + (math.prod(named) if isinstance(named, tuple) else 0)
        twice = not i or size <= LONG or (i % TWICE == 0 and not self.late)
        return judged(self.task.op, self.task.function, self.task.rule, *case, results=self.results(i),
                      calling=self.calling, twice=twice)

    def refusal(self, case: Call) -> Outcome:
        """Judge one call that must be refused."""
        return judged_refusal(self.task.op, self.task.function, *case, self.calling)

    def refusals(self, start: int = 0) -> Iterator[Judged]:
        """Judge the calls that must be refused."""
        for i, case in enumerate(self.task.refusals(self.task.op)):
            if i >= start:
                self.about(i)
                yield Judged(i, self.refusal(case))

    def states(self, seconds: float) -> Iterator[tuple[str, str]]:
        """Yield the name of each check of state, and what it found or nothing; none begins after so many seconds."""
        begun = self.clock()
        for i, check in enumerate(states.CHECKS):
            if i and self.clock() - begun > seconds:
                return
            self.about(i)
            self.calling(1)
            try:
                some = self._cases[states.INPUTS.get(check.__name__, "inputs")]
                check(self.task.op, self.task.function, lambda some=some: iter(getattr(self, some)), self.task.rule)
            except Disagreement as wrong:
                yield check.__name__, str(wrong)
            except NotImplementedError:  # of other values, which no sample has
                yield check.__name__, ""
            else:
                yield check.__name__, ""
            finally:
                self.calling(0)

    def first_calls(self, _: object = None) -> Iterator[tuple[str, str]]:
        """Yield what the first calls of all showed that this process makes, from several threads at once."""
        some = states.inputs(self.task.op, self.task.inputs())
        yield from self._one(states.first_calls_at_once, [case for case in some if self.task.left_out(case) is None])

    def after_refusals(self, _: object = None) -> Iterator[tuple[str, str]]:
        """Yield what a good call after a refused one showed. A bad call may do anything but where it is refused."""
        yield from self._one(states.after_refusals, self._state_cases)

    def _one(self, check: Callable, cases: list[Call]) -> Iterator[tuple[str, str]]:
        """Yield the name of a check and what it found, if it found something."""
        self.calling(1)
        try:
            check(self.task.op, self.task.function, lambda: iter(cases), self.task.rule)
        except Disagreement as wrong:
            yield check.__name__, str(wrong)
        finally:
            self.calling(0)

    @cached_property
    def _state_cases(self) -> list[Call]:
        """Some of the fixed inputs that the function offers."""
        some = states.inputs(self.task.op, self.task.inputs())
        return list(islice((case for case in some if self.task.left_out(case) is None and self._offers(case)),
                           STATE_INPUTS))

    @cached_property
    def _short_cases(self) -> list[Call]:
        """Some of the fixed inputs that hold little, of those that the function offers."""
        some = states.short_inputs(self.task.op, self.task.inputs())
        return [case for case in some if self.task.left_out(case) is None and self._offers(case)]

    @cached_property
    def _long_cases(self) -> list[Call]:
        """The long ones of the fixed inputs, and a short one."""
        some = [*self._state_cases[:1], *states.long_inputs(self.task.op, self.task.inputs())]
        return [case for case in some if self.task.left_out(case) is None]

    def _offers(self, case: Call) -> bool:
        args, kwargs = snapshot(case)
        try:
            with np.errstate(all="ignore"):
                self.task.function(*args, **kwargs)
        except NotImplementedError:
            return False
        except Exception:  # a check of state says so
            return True
        return True

    def close(self) -> None:
        """There is nothing to end."""

"""The verdict on one function: it agrees with the reference, or here is a small input on which it does not."""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, NoReturn

from ..agreement import Disagreement, NoBound
from ..errors import MissingExtra, RefcompressError
from ..ops import OPS
from . import apart, budget
from .apart import Apart
from .failing import explained, raised
from .features import Features
from .here import Here, Judged
from .judge import CRASHED, HUNG, LEFT_OUT, NO_BOUND, NOT_OFFERED, NOT_TRIED, REFUSED, Outcome
from .program import program, state_program
from .sampling import refusals as refusals_of
from .sampling import samples, strategy
from .states import CHECKS
from .task import Task, layouts_named
from .verdict import Verdict

DEATHS = {CRASHED: 40, HUNG: 2}  # of processes; then the other inputs are left


def check(op: str, function: Callable | str, *, rule: Callable | None = None, layouts: Iterable | None = None,
          limit: float = budget.LIMIT, examples: int | None = None, refusals: bool = False,
          not_offered: Iterable[str] = (), isolate: bool = True, seed: int = 0, states: bool = True,
          explain: bool = True, quiet: bool = False) -> Verdict:
    """Compare ``function`` with the reference operation ``op``; return the verdict, or raise Disagreement.

    First the fixed samples (every length 0 to 67, odd layouts, guard pages, hostile values), then what a function keeps
    between calls, then Hypothesis. Besides the result, by the operation's rule: the second call on the same input gives
    the same bits, the input is not modified, the result shares no memory with it, a valid input is not refused. The
    function is called in a process of its own, with its operands and results at guard pages: a crash, a hang, a read
    or a write outside of an array is a verdict like any other, and names its input.

    A wrong input is made smaller while it stays wrong. Two checks of the same function give the same answer.

    By default a check takes at most 10 seconds, in which a call of a fifth of a second still fits: the fixed inputs end
    after 6.25, the checks of state and the search after 8.5, and smaller inputs after 9, or as much earlier as the
    longest of them took. Of a slow function this leaves inputs out, and the verdict says how many.

    Parameters
    ----------
    op : str
        A name of OPS.
    function : callable or str
        Called as the operation is; or "module:name", "file.py:name", "library.so:symbol", loaded where it is called. It
        raises NotImplementedError for inputs that it does not offer: they are counted.
    rule : callable, optional
        In place of the operation's own rule, for example agreement.same_cost.
    layouts : names or functions of testing.layouts, optional
        The only layouts tried, for example ("contiguous",).
    limit : float
        Seconds that a call may take.
    examples : int, optional
        Of Hypothesis; by default its profile's max_examples. 0 leaves Hypothesis out.
    refusals : bool
        Whether ``function`` must also refuse what the reference refuses, with the same class and argument.
    not_offered : names, optional
        Of options ("axis", "axis=1"), element types and formats ("float16", "Packed") that are not tried.
    isolate : bool
        False calls the function in this process: sooner, and a crash ends it.
    seed : int
        Of the search.
    states : bool
        Whether it is checked what the function keeps from call to call, which takes a second or two.
    explain : bool
        False raises what is found as it was found, at once: no smaller input, no map.
    quiet : bool
        Whether what the function prints is thrown away.

    Returns
    -------
    Verdict
        What was tried. It is true.

    Raises
    ------
    Disagreement
        With op, case, args, kwargs, expected, got, seed, code, pattern and verdict (which is false).
    NoBound
        Where no input had a bound for all elements.
    MissingExtra
        Where Hypothesis is wanted and not installed.
    """
    if op not in OPS:
        raise RefcompressError("op", f"must be one of {', '.join(OPS)}, not {op!r}")
    if not (isinstance(limit, (int, float)) and limit > 0):
        raise RefcompressError("limit", f"must be a positive number of seconds, not {limit!r}")
    words = (not_offered,) if isinstance(not_offered, str) else tuple(not_offered)
    task = Task(op, function, rule or OPS[op].rule, samples, refusals_of, layouts_named(layouts), words)
    if examples != 0:
        _hypothesis()
    check_ = _Check(task, Verdict(op, seed=seed), float(limit), isolate, explain, quiet)
    try:
        return check_.run(examples, refusals, states)
    finally:
        check_.judge.close()


class _Check:
    """One check as it goes on."""

    def __init__(self, task: Task, verdict: Verdict, limit: float, isolate: bool, explain: bool,
                 quiet: bool) -> None:
        self.task, self.verdict, self.limit, self.explain = task, verdict, limit, explain
        self.kinds: dict[int, str] = {}
        self.took: dict[int, float] = {}  # seconds of wrong inputs
        verdict.cover = lambda: self.likenesses().values()
        self.judge: Any = Apart(task, limit, quiet=quiet) if isolate and apart.can_isolate(task) else Here(task)
        verdict.isolated = self.judge.isolated
        self.begun = self.judge.clock()
        if isolate and not verdict.isolated:
            verdict.notes.append("called in this process: this system has no fork, and the function has no name that "
                                 "another process could import")

    def run(self, examples: int | None, refusals: bool, states: bool) -> Verdict:
        self._samples()
        if refusals:
            self._refusals()
        if states and self._in_time("the checks of state"):
            self._states()
        if examples or examples is None and self._in_time("the search"):
            self._search(examples)
        verdict = self.verdict
        verdict.seconds = self.judge.clock() - self.begun
        tried = verdict.inputs - sum(verdict.not_offered.values())
        if verdict.inputs and not tried:
            verdict.reason = "offers nothing: every input is left out, or raises NotImplementedError"
            raise raised(verdict, self.task, None, Outcome("wrong", verdict.reason))
        if verdict.without_bound == tried:
            raise NoBound(f"{verdict.op}: no input had a bound for all of its elements")
        verdict.good = True
        return verdict

    def _samples(self) -> None:
        wrong: list[Judged] = []
        first, deaths, seconds, untried, late = 0.0, Counter[str](), budget.MAP, 0, False
        now = self.judge.clock()
        for judged in self.judge.samples():
            now, before = self.judge.clock(), now
            if judged.outcome.kind == NOT_TRIED:
                untried += 1
                continue
            self._count(judged)
            self.kinds[judged.number] = judged.outcome.kind
            if not judged.outcome.failed:
                continue
            wrong.append(judged)
            self.took[judged.number] = now - before
            deaths[judged.outcome.kind] += 1
            first = first or self.judge.clock()
            if judged.outcome.kind == HUNG:
                seconds = budget.MAP_AFTER_HANG
                self.judge.limit = min(self.judge.limit, budget.HUNG_LIMIT)
            late = self.judge.clock() - first > seconds
            if late or not self.explain or any(deaths[kind] >= most for kind, most in DEATHS.items()):
                break
        if untried:
            self.verdict.notes.append(f"{untried} fixed inputs were not tried, of the long and the odd ones: the "
                                      f"function takes long, and a check ends after {budget.SECONDS:g} s")
        if wrong:
            # Of a map that the clock has ended the first 2**i inputs count, so that the next check has the same one.
            most = 2 ** (len(self.kinds).bit_length() - 1) if late else len(self.kinds)
            self.kinds = dict(list(self.kinds.items())[: most if wrong[0].number < most else None])
            raise explained(self, [judged for judged in wrong if judged.number in self.kinds])

    def likenesses(self) -> dict[int, Features]:
        """Return by its number what each fixed input is like that was judged."""
        last = max(self.kinds, default=-1)
        return {i: self.task.likeness(case) for i, case in enumerate(islice(self.task.inputs(), last + 1))
                if self.kinds.get(i) not in (None, NOT_OFFERED, LEFT_OUT)}

    def _count(self, judged: Judged) -> None:
        verdict, (_, outcome) = self.verdict, judged
        if outcome.kind == REFUSED:
            raise ValueError(f"{verdict.op}: the reference refuses an input of the samples: {outcome.reason}")
        verdict.inputs += 1
        verdict.failed += outcome.failed
        verdict.without_bound += outcome.kind == NO_BOUND
        if outcome.kind in (NOT_OFFERED, LEFT_OUT):
            verdict.not_offered[outcome.reason] += 1

    def _refusals(self) -> None:
        for judged in self.judge.refusals():
            if judged.outcome.failed:
                case = next(case for i, case in enumerate(self.task.refusals(self.task.op)) if i == judged.number)
                self.verdict.seconds = self.judge.clock() - self.begun
                code = program(self.task, case, judged.outcome, refused=True)
                raise raised(self.verdict, self.task, case, judged.outcome, code)
            self.verdict.refused += 1

    def _states(self) -> None:
        last = ""
        for name, wrong in self.judge.states(budget.ENOUGH - self._spent()):
            last = name
            if wrong:
                self._raise_state(name, wrong)
        if last and last != CHECKS[-1].__name__:
            self.verdict.notes.append(f"the checks of state ended by the clock, after that of {last}")
        for short in (self.judge.after_refusals, self.judge.first_calls):  # a slow function has refusals too
            for name, wrong in short() if self.left() > 0 else ():
                self._raise_state(name, wrong)

    def _raise_state(self, name: str, wrong: str) -> NoReturn:
        code = state_program(self.task, name, wrong)
        self.verdict.seconds = self.judge.clock() - self.begun
        raise raised(self.verdict, self.task, None, Outcome("wrong", f"{name}: {wrong}"), code)

    def _spent(self) -> float:
        return self.judge.clock() - self.begun

    def _in_time(self, what: str) -> bool:
        if self._spent() > budget.ENOUGH:
            self.verdict.notes.append(f"{what} did not begin: a check ends after {budget.SECONDS:g} s")
            return False
        return True

    def left(self) -> float:
        """Return the seconds that may be spent on smaller inputs."""
        return budget.SECONDS - budget.TO_SAY - self._spent()

    def _search(self, examples: int | None) -> None:
        hypothesis = _hypothesis()
        settings = hypothesis.settings(
            max_examples=examples or hypothesis.settings().max_examples, deadline=None, database=None,
            verbosity=hypothesis.Verbosity.quiet, suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.generate])

        def draw(case):
            if self.judge.clock() > end and examples is None:
                self.verdict.notes.append(f"the search ended by the clock, after {self.verdict.searched} inputs")
                raise _Enough
            case = self.task.laid(case)
            word = self.task.left_out(case)
            outcome = Outcome(LEFT_OUT, word) if word is not None else self.judge.case(case)
            if outcome.kind == REFUSED:
                raise ValueError(f"{self.task.op}: the reference refuses what the strategy draws: {outcome.reason}")
            self._count(Judged(-1, outcome))
            self.verdict.searched += 1
            if outcome.failed:
                found.append((case, outcome))
                raise _Enough

        found: list = []
        # Some search there is however long all else took, if there is any time.
        end = max(self.begun + budget.SEARCH, self.judge.clock() + budget.LEAST_SEARCH)
        end = min(end, self.begun + budget.ENOUGH)
        try:
            settings(hypothesis.seed(self.verdict.seed)(hypothesis.given(strategy(self.task.op))(draw)))()
        except _Enough:
            pass
        if found:
            raise explained(self, [], *found[0])


class _Enough(BaseException):
    """Ends Hypothesis's search; not an Exception, which it would take for a failure that it should look into."""


def _hypothesis():
    try:
        import hypothesis
    except ImportError:
        cure = "is not installed: pip install 'refcompress[test]', or pass examples=0"
        raise MissingExtra("hypothesis", cure) from None
    return hypothesis


def check_all(namespace: Any, **options: Any) -> list[Verdict]:
    """Check every operation that a namespace has; return the verdicts.

    options : those of :func:`check`. One Disagreement at the end lists all that are wrong, with ``verdicts``.
    """
    verdicts, wrong = [], []
    for op in OPS:
        function = namespace.get(op) if isinstance(namespace, dict) else getattr(namespace, op, None)
        if function is None:
            continue
        try:
            verdicts.append(check(op, function, **options))
        except Disagreement as error:
            verdicts.append(error.verdict)
            wrong.append(error)
    if not verdicts:
        raise RefcompressError("namespace", f"has none of {', '.join(OPS)}")
    if wrong:
        failed = Disagreement(f"{len(wrong)} of {len(verdicts)} operations are wrong\n" + "\n".join(map(str, wrong)))
        failed.verdicts = tuple(verdicts)
        raise failed from wrong[0]
    return verdicts

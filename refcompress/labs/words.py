"""What a check found, in words for people who learn: which inputs, the smallest one, the clause, what to do next."""

import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import reference, testing
from ..testing.clauses import PAGES
from ..testing.judge import describe
from ..testing.program import text
from .checking import Checked
from .exercises import LABS
from .folder import Progress
from .lab import Failure
from .mistakes import clause_of

__all__ = ["call", "clause_text", "hint_lines", "lines"]

WIDTH = 80
LONG = 400  # characters of an argument: a longer one is cut short
LABEL = 14  # columns
PRINTED = 6  # lines of what a solution prints
NO_CONDITION = "; no simple condition"  # what a map says that has found none: no news for who learns
SPEC = Path(__file__).resolve().parents[2] / "spec"  # of a source tree; a wheel has no pages


def lines(checked: Checked, progress: Progress, width: int = WIDTH, folder: str = ".") -> list[str]:
    """Return what to print about a check. folder : as it was typed, for the commands to type next."""
    stages = LABS[checked.op].stages
    said = []
    for number, stage in enumerate(stages, 1):
        if stage.name in checked.passed:
            said += _wrapped(f"Stage {number} of {len(stages)}, {stage.name}: passed.", width)
    if checked.stage is None:
        inputs = f"The last stage alone had {checked.inputs:,} inputs."
        said += ["", *_wrapped(f"{checked.op} is right. {inputs}", width)]
        said += _wrapped("Now read the reference's form, and compare: "
                         f"{inspect.getsourcefile(getattr(reference, checked.op))}", width)
    else:
        number = stages.index(checked.stage) + 1
        said += _wrapped(f"Stage {number} of {len(stages)}, {checked.stage.name} ({checked.stage.says}): not yet.",
                         width)
        said += ["", *(_left_out(checked, width) if checked.failure is None
                       else _wrong(checked, progress, width, folder))]
    return said + [line for note in checked.notes for line in _wrapped(note, width)]


def _left_out(checked: Checked, width: int) -> list[str]:
    """Return the words for a solution that is right in all that it takes."""
    count = sum(checked.left_out.values())
    said = _wrapped(f"Right on all inputs that it takes: {checked.inputs - count:,} of {checked.inputs:,}.", width)
    for reason, times in list(checked.left_out.items())[:6]:
        why = f" ({reason})" if reason != "NotImplementedError" else ""  # raised without words
        said += _labelled("Left out", f"{times:,} inputs, by NotImplementedError{why}", width)
    return said + _wrapped("The stage is passed when none is left out.", width)


def _wrong(checked: Checked, progress: Progress, width: int, folder: str) -> list[str]:
    failure, mistake = checked.failure, checked.mistake
    assert failure is not None and mistake is not None
    said = _labelled("What", mistake.says, width)
    if checked.pattern:
        said += _labelled("Which inputs", f"{checked.pattern.partition(NO_CONDITION)[0]}.", width)
    if failure.given:
        said += _labelled("The smallest", call(checked.op, failure), width)
        for label, value in (("  yours", failure.got), ("  must be", failure.expected)):
            if value is not None and not isinstance(value, str):
                said += _labelled(label, _short(value), width)
    said += _labelled("The check", f"{failure.reason}", width)
    said += _printed(checked.printed, width)
    if number := clause_of(LABS[checked.op], mistake):
        words = clause_text(number)
        said += _labelled("The clause", f"{number} ({page(number)}){f': {words}' if words else ''}", width)
    shown = progress.hints.get(mistake.name, 0)
    left = len(mistake.hints) - shown
    hint = "refcompress lab hint" + f" {folder}" * (folder != ".")
    more = f"{hint} ({left} left for this)" if left else f"{hint} --all shows again the hints for this"
    return [*said, *_labelled("Next", more, width)]


def _printed(text: str, width: int) -> list[str]:
    """Return the first lines that a solution prints for the input that is shown, as they stand."""
    given = text.splitlines()
    room = max(width - LABEL, 4)
    shown = [line if len(line) <= room else f"{line[:room - 4]} ..." for line in given[:PRINTED]]
    more = ["(only these lines are shown)"] if len(given) > PRINTED else []
    return [f"{label:<{LABEL}}{line}".rstrip() for label, line in zip(["It printed", *[""] * PRINTED], shown + more)]


def call(op: str, failure: Failure) -> str:
    """Return a call that shows the failure, as it can be typed; long arguments are cut short."""
    odd = bool(failure.like.layouts - {"contiguous", "at a guard page"})
    parts = []
    for name, value in failure.given.items():
        typed = text(value if odd else _plain(value))
        parts.append(f"{name}={typed}" if len(typed) <= LONG else f"{name}={_short(value)}")
    return f"{op}({', '.join(parts)})"


def _plain(value: Any) -> Any:
    """Return a value whose arrays lie in memory as usual."""
    if type(value) is np.ndarray:
        return testing.plain(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if type(value) in (tuple, list):
        return type(value)(map(_plain, value))
    if is_dataclass(value) and not isinstance(value, type):
        try:
            return type(value)(**{name: _plain(item) for name, item in vars(value).items()})
        except (TypeError, ValueError):  # of a class that computes a field
            return value
    return value


def _short(value: Any) -> str:
    said = " ".join(describe((value,), {})[1:-1].split())
    return said if len(said) <= LONG else f"{said[:LONG]} ..."


def page(number: str) -> str:
    """Return the page of a clause.

    >>> page("HUFFMAN-2.2"), page("GEN-3.1")
    ('spec/huffman.md', 'spec/README.md')
    """
    prefix = number.partition("-")[0]
    return f"spec/{PAGES[prefix][0] if prefix in PAGES else 'README'}.md"


def clause_text(number: str) -> str:
    """Return what a clause says, where the pages of the specification are there; else nothing."""
    path = SPEC / page(number).removeprefix("spec/")
    if not path.is_file():
        return ""
    for paragraph in path.read_text(encoding="utf-8").split("\n\n"):
        if paragraph.startswith(f"**{number}** "):
            return " ".join(paragraph.removeprefix(f"**{number}** ").split())
    return ""


def hint_lines(progress: Progress, mistake, shown: int, width: int = WIDTH, first: int = 1) -> Iterator[str]:
    """Yield the hints for a mistake from number ``first`` to number ``shown``."""
    yield from _wrapped(f"{progress.op}: {mistake.says}", width)
    for number, hint in enumerate(mistake.hints[first - 1:shown], first):
        yield from _labelled(f"Hint {number} of {len(mistake.hints)}", hint, width)


def _wrapped(said: str, width: int) -> list[str]:
    return textwrap.wrap(said, width, break_long_words=False, break_on_hyphens=False)


def _labelled(label: str, said: str, width: int) -> list[str]:
    return textwrap.wrap(said, width, initial_indent=f"{label:<{LABEL}}", subsequent_indent=" " * LABEL,
                         break_long_words=False, break_on_hyphens=False)

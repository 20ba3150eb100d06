"""What a check says in the end: right or wrong, what was tried, and where and on what a wrong function fails."""

import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .features import Features

SCHEMA = "refcompress.verdict/1"
WIDTH = 80


@dataclass
class Coverage:
    """How many inputs there were of each kind."""

    sizes: dict[str, Counter] = field(default_factory=dict)
    layouts: Counter = field(default_factory=Counter)
    options: Counter = field(default_factory=Counter)
    values: Counter = field(default_factory=Counter)
    types: Counter = field(default_factory=Counter)

    def add(self, said: Features) -> None:
        for letter, size in said.sizes.items():
            self.sizes.setdefault(letter, Counter())[size] += 1
        for name in ("layouts", "options", "values", "types"):
            getattr(self, name).update(getattr(said, name))

    def to_json(self) -> dict[str, Any]:
        sizes = {letter: {str(size): count for size, count in sorted(seen.items())}
                 for letter, seen in sorted(self.sizes.items())}
        return {"sizes": sizes, **{name: dict(sorted(getattr(self, name).items()))
                                   for name in ("layouts", "options", "values", "types")}}

    def lines(self) -> Iterable[tuple[str, str]]:
        """Yield each kind and what was tried of it, in words."""
        for letter, seen in sorted(self.sizes.items()):
            yield f"{letter}", _ranges(sorted(seen))
        for name in ("layouts", "values", "types", "options"):
            counts = getattr(self, name)
            if counts:
                most = counts.most_common(12)
                rest = f", and {len(counts) - 12} more" if len(counts) > 12 else ""
                yield name, ", ".join(f"{word} ({count})" for word, count in most) + rest


@dataclass
class Verdict:
    """The answer of a check: true where the function is right. ``str`` is it in words.

    inputs : how many were judged; of ``without_bound`` of them some elements could not be. refused : bad calls that
    were refused as the reference refuses them. not_offered : the reasons of inputs that the function does not offer,
    and how many. searched : how many of them Hypothesis drew. pattern : where it is
    wrong. code : a program that shows a small wrong input. reason : what is wrong on it. kind : "wrong", "crashed" or
    "hung". seed : of the search. isolated : whether the function was called in a process of its own. notes : what else
    must be known, such as what was not tried. ``coverage`` is what the fixed inputs were like.
    """

    op: str
    good: bool = False
    inputs: int = 0
    without_bound: int = 0
    refused: int = 0
    searched: int = 0
    failed: int = 0
    not_offered: Counter = field(default_factory=Counter)
    kind: str = ""
    reason: str = ""
    pattern: str = ""
    code: str = ""
    seed: int = 0
    isolated: bool = True
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    cover: Callable[[], Iterable[Features]] = field(default=tuple, repr=False, compare=False)

    @cached_property
    def coverage(self) -> Coverage:
        """What the fixed inputs were like: counted when it is asked for."""
        coverage = Coverage()
        for said in self.cover():
            coverage.add(said)
        return coverage

    def __bool__(self) -> bool:
        return self.good

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self, width: int = WIDTH) -> list[str]:
        """Return the verdict in lines."""
        searched = f", {self.searched:,} of them by search with seed {self.seed}" if self.searched else ""
        said = [f"{self.op}: {'right' if self.good else self.kind or 'wrong'} ({self.inputs:,} inputs{searched}; "
                f"{self.seconds:.1f} s)"]

        def add(text: str, indent: int = 2) -> None:
            said.extend(textwrap.wrap(text, width, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2),
                                      break_long_words=False, break_on_hyphens=False))

        for text in (self.reason, self.pattern):
            if text:
                for line in text.splitlines():
                    add(line)
        if self.refused:
            add(f"refused as the reference does: {self.refused} bad calls")
        if self.without_bound:
            add(f"not judged in all elements, as no bound holds there: {self.without_bound} inputs")
        for reason, count in self.not_offered.most_common():
            add(f"not offered: {count} inputs ({reason})")
        for note in self.notes:
            add(note)
        if not self.good and self.code:
            return [*said, "", *self.code.splitlines()]
        for name, tried in self.coverage.lines():
            add(f"{name}: {tried}", 4)
        return said

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as what JSON can hold."""
        plain = {name: getattr(self, name) for name in (
            "op", "good", "inputs", "without_bound", "refused", "searched", "failed", "kind", "reason", "pattern",
            "code", "seed", "isolated", "notes")}
        return {"schema": SCHEMA, **plain, "seconds": round(self.seconds, 3), "not_offered": dict(self.not_offered),
                "coverage": self.coverage.to_json()}


def _ranges(numbers: Sequence[int]) -> str:
    """Return rising numbers as ranges.

    >>> _ranges([0, 1, 2, 3, 7, 9, 10])
    '0 to 3, 7, 9, 10'
    """
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    said = [f"{run[0]:,} to {run[-1]:,}" if len(run) > 2 else ", ".join(f"{n:,}" for n in run) for run in parts]
    return ", ".join(said if len(said) <= 12 else [*said[:11], f"... {said[-1]}"])

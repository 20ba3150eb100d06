"""The page of the verdict on ``testing.check``: what it missed and blamed, how long it took, how small inputs are."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from refcompress.testing.catalogue import BUGS, RIGHTS, Kernel

SLOWEST = 5


def page(kernels: Sequence[Kernel], answers: Sequence[Any]) -> str:
    """Return the page, in Markdown; its head is what is printed."""
    rows = list(zip(kernels, answers))
    return "\n".join([*_head(rows), *_classes(rows), *_failures(rows), *_all(rows), ""])


def _head(rows) -> list[str]:
    wrong, right = ([(k, a) for k, a in rows if k.wrong is side] for side in (True, False))
    found = [a for _, a in wrong if a.said == "found"]
    sizes = [a.elements for a in found if a.elements is not None]
    programs = [a.runs for a in found if a.runs is not None]
    slowest = sorted(rows, key=lambda row: -row[1].seconds)[:SLOWEST]
    return [
        "# The verdict on the check", "",
        "Made by `make verdict`: `testing.check` on every kernel of `refcompress/testing/catalogue/`.", "",
        "| | kernels | not run here | answered as they should be | otherwise |", "| --- | ---: | ---: | ---: | ---: |",
        _counted("wrong", wrong, "found", "missed"), _counted("right", right, "passed", "blamed"), "",
        f"- Elements of a wrong input, all its arrays together: median {median(sizes) if sizes else 0:g}, "
        f"most {max(sizes, default=0):,}; {len(found) - len(sizes)} bugs have no single input.",
        f"- Programs that show a wrong input, run as pasted in a fresh interpreter: {sum(programs)} of "
        f"{len(programs)} show it.",
        f"- Inputs judged of right kernels: {sum(a.inputs for _, a in right):,}.",
        f"- Runs: {len(rows) - sum(a.said == 'absent' for _, a in rows)}, one of each kernel that can be run here.",
        "- Slowest checks, without the time in which they waited for a processor: " + ", ".join(
            f"{k.op}, {k.name} ({a.seconds:.1f} s)" for k, a in slowest) + ".", ""]


def _counted(word: str, rows, good: str, bad: str) -> str:
    as_they_should = sum(a.said == good for _, a in rows)
    absent = sum(a.said == "absent" for _, a in rows)
    rest = len(rows) - absent - as_they_should
    return f"| {word} | {len(rows)} | {absent} | {as_they_should} {good} | {rest} {bad} |"


def _classes(rows) -> list[str]:
    lines = ["## By class", "", "| class | what it means | kernels | not as they should be |",
             "| --- | --- | ---: | ---: |"]
    for kind, meaning in (BUGS | RIGHTS).items():
        own = [(k, a) for k, a in rows if k.kind == kind]
        lines.append(f"| {kind} | {meaning} | {len(own)} | {sum(not a.good(k) for k, a in own)} |")
    return [*lines, ""]


def _failures(rows) -> list[str]:
    bad = [f"- {k.op}, {k.name} ({k.kind}): {a.said}. {k.story} {a.reason}".rstrip()
           for k, a in rows if not a.good(k)]
    silent = [f"- {k.op}, {k.name} ({k.kind}). {k.story}" for k, a in rows if a.runs is False]
    return ["## Missed and blamed", "", *(bad or ["None."]), "",
            "## Programs that do not show what was found", "", *(silent or ["None."]), ""]


def _all(rows) -> list[str]:
    lines = ["## All kernels", "", "| operation | class | kernel | check | elements |",
             "| --- | --- | --- | --- | ---: |"]
    return [*lines, *(f"| {k.op} | {k.kind} | {k.name} | {a.said} | {'' if a.elements is None else a.elements} |"
                      for k, a in rows)]

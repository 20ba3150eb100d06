"""The page on luck in bug hunts: of how many kernels plain random inputs show the bug."""

from collections.abc import Sequence
from typing import Any

from refcompress.labs.hunts.luck import KINDS, THROWS

__all__ = ["holds", "page"]


def page(found: Sequence[Any], of: int, seconds: float) -> str:
    """Return the page, in Markdown; ``found`` has the answers of some or all of so many kernels."""
    dealt = [each for each in found if each.dealt]
    some = f"each of the {of} wrong kernels" if len(found) == of else (
        f"{len(found)} wrong kernels, drawn at random from the {of}")
    lines = [
        "# Does luck win a bug hunt?", "",
        "`make hunts` makes this page (`experiments/hunts.py`).", "",
        f"A generic tester threw plain random inputs at {some} that one call with plain arrays can show. It had "
        f"{seconds:g} seconds of one processor for each: time in which it waited does not count. A hunt deals only "
        f"kernels that {THROWS} such inputs, with other random numbers, do not show "
        "(`refcompress/labs/hunts/luck.py`).", "",
        "| kernels | tried | shown by luck | share |", "| --- | ---: | ---: | ---: |"]
    for word, those in (("all", found), ("those that these inputs leave", dealt)):
        won = sum(each.won for each in those)
        lines.append(f"| {word} | {len(those)} | {won} | {100 * won / max(len(those), 1):.0f} % |")
    lines += ["", "By the class of the bug, of those that are left:", "",
              "| class | tried | shown by luck |", "| --- | ---: | ---: |"]
    for kind in KINDS:
        of_kind = [each for each in dealt if each.kernel.kind == kind]
        if of_kind:
            lines.append(f"| {kind} | {len(of_kind)} | {sum(each.won for each in of_kind)} |")
    late = [each for each in dealt if each.won]
    if late:
        lines += ["", "Shown after all:", "", "| operation | bug | inputs | seconds |", "| --- | --- | ---: | ---: |"]
        lines += [f"| `{each.op}` | {each.name} | {each.inputs:,} | {each.seconds:.1f} |" for each in late]
    return "\n".join([*lines, ""])


def holds(found: Sequence[Any]) -> bool:
    """Return whether luck shows at most half of the kernels, and at most half of those that are dealt."""
    parts = [[each.won for each in found], [each.won for each in found if each.dealt]]
    return all(2 * sum(won) <= len(won) for won in parts)

"""Verdicts in words, for a terminal and for a page."""

from collections.abc import Sequence

from ...formats import ELEMENT_TYPES
from .verdict import AMBIGUOUS, BOUNDED, EXACT, NEAREST, NOT_DERIVED, Verdict

__all__ = ["MEANING", "counted", "only_in_source"]

NOUNS = {"codes": "codes", "scale": "scales", "offset": "offsets", "zero_point": "zero points"}
MEANING = {
    EXACT: "Each number is made by the rule, bit for bit.",
    NEAREST: "Each code is the nearest one; ties or scales are another tool's.",
    BOUNDED: "Each weight lies within one step of its number, but some codes are not the nearest ones. GPTQ and AWQ "
             "choose such codes, and an altered code looks the same.",
    AMBIGUOUS: "More than one reading of the bytes explains the source.",
    NOT_DERIVED: "Some weight is further than one step from its number, or no tensor of the source is near.",
}


def counted(verdict: Verdict) -> list[str]:
    """Return what was counted where no rule gives a tensor bit for bit, a phrase each."""
    nouns = NOUNS | ({"codes": "numbers"} if verdict.scheme in ELEMENT_TYPES else {})  # of plain floats and integers
    differing = [f"{count:,} of {verdict.sizes[name]:,} {nouns.get(name, name.replace('_', ' '))}"
                 for name, count in verdict.differing.items() if count]
    found = [f"the rule gives {' and '.join(differing)} otherwise"] if differing else []
    if verdict.first:
        found.append(f"the first at {', '.join(map(str, verdict.first[:3]))}")
    if verdict.not_nearest:
        found.append(f"{verdict.not_nearest:,} not nearest")
    if verdict.clipped:
        found.append(f"{verdict.clipped:,} clipped by more than a step")
    if verdict.farthest:
        found.append(f"farthest {verdict.farthest:.2f} steps")
    return found


def only_in_source(names: Sequence[str], most: int = 40) -> list[str]:
    """Return a sentence on the source's tensors that have no counterpart; none where all have one.

    >>> only_in_source(["a", "b"])
    ['2 tensors are in the source alone, for no tensor here has their name, or is near: a, b.']
    """
    if not names:
        return []
    more = f", and {len(names) - most:,} more" if len(names) > most else ""
    count = "1 tensor is" if len(names) == 1 else f"{len(names):,} tensors are"
    return [f"{count} in the source alone, for no tensor here has {'its' if len(names) == 1 else 'their'} name, or is "
            f"near: {', '.join(names[:most])}{more}."]

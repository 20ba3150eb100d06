"""Verdicts in words, for a terminal and for a page."""

from ...formats import ELEMENT_TYPES
from .verdict import AMBIGUOUS, BOUNDED, EXACT, NEAREST, NOT_DERIVED, Verdict

__all__ = ["MEANING", "counted"]

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

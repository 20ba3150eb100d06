"""The page: facts in words and pictures, put into ``page.html`` by jinja2, an extra."""

import os
from importlib.resources import files

from ... import __version__
from ...errors import MissingExtra
from ..derive import AMBIGUOUS, BOUNDED, EXACT, NEAREST, NOT_DERIVED, ORDER, Verdict
from ..kinds import WORDS
from .facts import Facts, Weight
from .pictures import COLOURS, OTHER, bar, plain, spread

__all__ = ["page"]

ROWS = 150  # weights that have a row each: a page of more is not read to its end, and grows beyond its megabyte
MEANING = {
    EXACT: "Each number is made by the rule, bit for bit.",
    NEAREST: "Each code is the nearest one; ties or scales are another tool's.",
    BOUNDED: "Each weight lies within one step of its number, but some codes are not the nearest ones. GPTQ and AWQ "
             "choose such codes, and an altered code looks the same.",
    AMBIGUOUS: "More than one reading of the bytes explains the source.",
    NOT_DERIVED: "Some weight is further than one step from its number, or no tensor of the source is near.",
}


def page(facts: Facts) -> str:
    """Return the page as the text of an HTML file; MissingExtra without jinja2."""
    try:
        import jinja2
    except ImportError as error:
        rule = "is not installed, and makes the page: pip install 'refcompress[report]'"
        raise MissingExtra("jinja2", rule) from error
    read = lambda name: files(__package__).joinpath(name).read_text("utf-8")  # noqa: E731
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True,
                                     undefined=jinja2.StrictUndefined)
    environment.filters.update(count=count, percent=percent, plain=plain, in_words=in_words)
    costly = sorted(facts.weights, key=lambda weight: -weight.nbytes)
    shown = {weight.name for weight in costly[:ROWS]}
    return environment.from_string(read("page.html")).render(
        facts=facts, name=os.path.basename(facts.path), version=__version__, style=read("page.css"),
        kinds=[(kind, size, COLOURS.get(kind, OTHER), WORDS[kind]) for kind, size in facts.kinds.items()],
        whole=bar(facts.kinds, facts.size, _said(facts.kinds, facts.size)),
        weights=[(weight, bar(weight.kinds, costly[0].nbytes, _said(weight.kinds, weight.nbytes)))
                 for weight in facts.weights if weight.name in shown],
        hidden=len(facts.weights) - len(shown), hidden_bytes=sum(weight.nbytes for weight in costly[ROWS:]),
        spreads=[(weight, spread(weight.distribution, _alternative(weight)))
                 for weight in costly if weight.distribution is not None],
        verdicts=_verdicts(facts), meaning=MEANING, sparse=_sparse(facts))


def count(value: float) -> str:
    """Return a count of bytes or numbers; of bits that share a byte with others to one place."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def percent(part: float, whole: float) -> str:
    """Return a share in percent, of two digits or more.

    >>> percent(1, 3), percent(1, 100000), percent(0, 5), percent(3, 3)
    ('33.3 %', 'below 0.1 %', '0 %', '100 %')
    """
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 0.05:
        return "below 0.1 %"
    return f"{share:.1f}".removesuffix(".0") + " %"


def in_words(verdict: Verdict) -> str:
    """Return what was counted where no rule gives a tensor bit for bit."""
    counts = {"codes" if name == "codes" else f"{name.replace('_', ' ')}s": count
              for name, count in (verdict.differing or {}).items() if count}
    parts = [f"the rule gives other {name} at {count:,} places" for name, count in counts.items()]
    if verdict.not_nearest:
        parts.append(f"codes that are not nearest: {verdict.not_nearest:,} of {verdict.codes:,}")
    if verdict.clipped:
        parts.append(f"weights clipped by more than a step: {verdict.clipped:,}")
    if verdict.farthest:
        parts.append(f"the farthest weight is {verdict.farthest:.2f} steps away")
    return "; ".join(filter(None, [*parts, verdict.why]))


def _said(kinds: dict[str, float], whole: float) -> str:
    """Return the alternative text of a bar."""
    return ", ".join(f"{kind} {percent(size, whole)}"
                     for kind, size in sorted(kinds.items(), key=lambda pair: -pair[1])) or "no bytes"


def _alternative(weight: Weight) -> str:
    of = weight.distribution
    assert of is not None
    if not of.levels:
        return f"Histogram of {weight.name}: numbers from {plain(of.low)} to {plain(of.high)}"
    often = of.levels[max(range(len(of.counts)), key=of.counts.__getitem__)]
    return (f"{weight.name}: how many weights have each of {len(of.levels)} levels from {plain(of.levels[0])} to "
            f"{plain(of.levels[-1])}; most have {plain(often)}, {of.unused} levels have none")


def _verdicts(facts: Facts) -> list[tuple[str, list[tuple[str, str, list[Weight]]]]]:
    """Return the weights by verdict, from the worst on, and by rule: its name, its sentence, and the weights."""
    found: dict[str, dict[tuple[str, str], list[Weight]]] = {name: {} for name in reversed(ORDER)}
    for weight in facts.weights:
        if weight.verdict is not None:
            rule = weight.verdict.rule or "no rule", weight.verdict.says
            found[weight.verdict.verdict].setdefault(rule, []).append(weight)
    return [(name, [(*rule, weights) for rule, weights in rules.items()]) for name, rules in found.items() if rules]


def _sparse(facts: Facts) -> list[Weight]:
    """Return the weights of which a twentieth or more is zero, the largest first."""
    found = [weight for weight in facts.weights if weight.zeros and weight.zeros >= weight.numbers / 20]
    return sorted(found, key=lambda weight: -weight.numbers)[:ROWS]

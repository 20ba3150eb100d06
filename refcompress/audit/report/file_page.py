"""The page on one file: its facts, in words and pictures."""

import os

from ..derive import ORDER
from ..derive.words import MEANING, counted
from ..kinds import WORDS
from .file_facts import Facts, Weight
from .pictures import COLOURS, OTHER, bar, plain, spread
from .template import percent, rendered

__all__ = ["page"]

ROWS = 150  # weights that have a row each: a page of more is not read to its end, and grows beyond its megabyte


def page(facts: Facts) -> str:
    """Return the page on a file as the text of an HTML file; MissingExtra without jinja2."""
    costly = sorted(facts.weights, key=lambda weight: -weight.nbytes)
    shown = {weight.name for weight in costly[:ROWS]}
    return rendered(
        "page.html", facts=facts, counted=counted, name=os.path.basename(facts.path),
        kinds=[(kind, size, COLOURS.get(kind, OTHER), WORDS[kind]) for kind, size in facts.kinds.items()],
        whole=bar(facts.kinds, facts.size, _said(facts.kinds, facts.size)),
        weights=[(weight, bar(weight.kinds, costly[0].nbytes, _said(weight.kinds, weight.nbytes)))
                 for weight in facts.weights if weight.name in shown],
        hidden=len(facts.weights) - len(shown), hidden_bytes=sum(weight.nbytes for weight in costly[ROWS:]),
        spreads=[(weight, spread(weight.distribution, _alternative(weight)))
                 for weight in costly if weight.distribution is not None],
        verdicts=_verdicts(facts), meaning=MEANING, sparse=_sparse(facts))


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
    unused = "1 level has none" if of.unused == 1 else f"{of.unused} levels have none"
    return (f"{weight.name}: how many weights have each of {len(of.levels)} levels from {plain(of.levels[0])} to "
            f"{plain(of.levels[-1])}; most have {plain(often)}, {unused}")


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

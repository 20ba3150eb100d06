"""The map of where a function is wrong: the simplest condition without which it is right.

"wrong only where k mod 4 is 1, 2 or 3: 852 of 860 inputs; right in all 102 others" is a statement about the fixed
inputs and no more: a condition is found by trying, and what it says was counted.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations

from .features import STRANGE, Features

MODULI = (2, 3, 4, 8, 16, 32, 64)
FEW = 8  # wrong inputs: too few to be told from the others by anything but their sizes
OTHERS = 5  # a condition that leaves fewer inputs out than this has no evidence for it
PAIRS = tuple(map(frozenset, (
    ("NaN", "infinity"), ("infinity", "numbers above 2**100"), ("NaN", "infinity", "numbers above 2**100"),
    ("-128", "127"), ("subnormal numbers", "-0.0"))))
SHARE = 0.3  # of the right inputs that a condition must leave out, to say anything


def pattern(wrong: Sequence[Features], right: Sequence[Features]) -> str:
    """Return where the inputs are wrong, in one sentence."""
    if not wrong:
        return ""
    total = len(wrong) + len(right)
    if not right:
        return f"wrong on all {total:,} inputs" if total > 1 else "wrong on the only input"
    if len(wrong) == 1:  # one input has much that no other has
        return f"wrong on 1 of {total:,} inputs"
    best = _best(wrong, right)
    if best is not None:
        text, inside = best
        named = len(wrong) + inside
        whole = "both inputs" if named == 2 else f"all {named:,} inputs"
        count = whole if not inside else f"{len(wrong):,} of {named:,} inputs"
        return f"wrong only {text}: {count}; right in all {len(right) - inside:,} others"
    best = _best(right, wrong)
    if best is not None and best[1] <= len(right):
        return f"wrong on {len(wrong):,} of {total:,} inputs; right only {best[0]}"
    return f"wrong on {len(wrong):,} of {total:,} inputs; no simple condition tells them from the others"


def _best(these: Sequence[Features], others: Sequence[Features]) -> tuple[str, int] | None:
    """Return the best condition that holds for all of these, in words, and for how many of the others it holds."""
    found = []
    for text, holds, simple, least in _conditions(these):
        inside = sum(map(holds, others))
        share = len(these) / (len(these) + inside)
        if len(others) - inside >= max(OTHERS, SHARE * len(others)) and share >= least:
            found.append((round(share, 2), simple, text, inside))
    if not found:
        return None
    _, _, text, inside = max(found, key=lambda row: row[:2])
    return text, inside


def _conditions(wrong: Sequence[Features]) -> Iterator[tuple[str, Callable[..., bool], float, float]]:
    """Yield what all wrong inputs have in common: words for it, whether an input has it, how simple it is, and of the
    inputs that have it the share that must be wrong."""
    for field, says in (("layouts", _lies), ("options", "with {}".format), ("values", "where an input holds {}".format),
                        ("types", "where an input is of type {}".format)):
        common = frozenset.intersection(*(getattr(f, field) for f in wrong))
        for word in sorted(common, key=lambda word: (word != STRANGE, word)):
            yield says(word), partial(_has, field, frozenset([word])), 3.0, 0.3
        for pair in PAIRS if field == "values" else ():
            if not pair & common and all(f.values & pair for f in wrong):
                yield says(_either(sorted(pair))), partial(_has, "values", pair), 2.0, 0.4
        if field == "options" and all(f.options for f in wrong):
            yield from _same_option(wrong)
    yield from _of_sizes(wrong)


def _has(field: str, words: frozenset[str], said: Features) -> bool:
    return not words.isdisjoint(getattr(said, field))


def _lies(word: str) -> str:
    return "where all inputs are contiguous" if word == "contiguous" else f"where an input is {word}"


def _same_option(wrong: Sequence[Features]) -> Iterator[tuple[str, Callable[..., bool], float, float]]:
    """Yield options that all wrong inputs have, though not at the same value; else two, of which all have one."""
    names = [_option_names(f) for f in wrong]
    every = sorted(set.union(*names))
    common = [(name,) for name in every if all(name in those for those in names)]
    pairs = [pair for pair in combinations(every, 2) if all(those & set(pair) for those in names)]
    for chosen in common or pairs:
        said = f"option {chosen[0]}" if len(chosen) == 1 else f"options {_either(chosen)}"
        yield f"with the {said}", partial(_has_option, frozenset(chosen)), 2.5, 0.3


def _option_names(said: Features) -> set[str]:
    return {option.partition("=")[0] for option in said.options}


def _has_option(names: frozenset[str], said: Features) -> bool:
    return not names.isdisjoint(_option_names(said))


def _of_sizes(wrong: Sequence[Features]):
    letters = set.intersection(*(set(f.sizes) for f in wrong))
    for letter in sorted(letters):
        seen = [f.sizes[letter] for f in wrong]
        least, most = min(seen), max(seen)
        for modulus in MODULI:
            rest = sorted({size % modulus for size in seen})
            if len(rest) <= max(1, modulus - 1) and len(rest) < modulus:
                few = len(rest) <= 4 or len(rest) >= modulus - 1
                said = f"is {_either(rest)}" if len(rest) <= 4 else f"is not {_either(_left(rest, modulus))}"
                if few:
                    yield (f"where {letter} mod {modulus} {said}",
                           lambda f, letter=letter, modulus=modulus, rest=frozenset(rest):
                           f.sizes.get(letter, -1) % modulus in rest and letter in f.sizes, 1.0 - modulus / 1000, 0.6)
        values = sorted(set(seen))
        if len(values) <= 3:
            yield (f"where {letter} is {_either(values)}",
                   lambda f, letter=letter, values=frozenset(values): f.sizes.get(letter) in values, 1.5,
                   0.4 if len(wrong) < FEW else 0.8)
        if least > 0:
            yield (f"where {letter} is at least {least}",
                   lambda f, letter=letter, least=least: f.sizes.get(letter, -1) >= least, 0.5, 0.85)
        yield (f"where {letter} is at most {most}",
               lambda f, letter=letter, most=most: 0 <= f.sizes.get(letter, -1) <= most, 0.4, 0.85)


def _left(rest: Sequence[int], modulus: int) -> list[int]:
    return [r for r in range(modulus) if r not in rest]


def _either(words: Sequence) -> str:
    """Return words as a choice.

    >>> _either([1, 2, 3])
    '1, 2 or 3'
    """
    *first, last = [str(word) for word in words]
    return f"{', '.join(first)} or {last}" if first else last

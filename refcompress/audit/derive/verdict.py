"""What a tensor of a quantized file is to its source."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .stored import Arrays, Rule, Stored, bits

__all__ = ["AMBIGUOUS", "BOUNDED", "EXACT", "NEAREST", "NOT_DERIVED", "ORDER", "Verdict", "distance", "verdict_of"]

EXACT, NEAREST, BOUNDED = "exact", "nearest", "within one step"
NOT_DERIVED, AMBIGUOUS = "not derived", "ambiguous"
ORDER = (EXACT, NEAREST, BOUNDED, AMBIGUOUS, NOT_DERIVED)  # from the strictest on
NEAR = 0.75  # mean |weight - number| as a part of mean |weight|: of 1 bit a number it is 0.6, of zeros 1
SAMPLE = 2**14  # numbers by which the distance of two tensors is known
STEP = 2**18  # numbers measured at a time
FEW = 20  # places that are listed


@dataclass(frozen=True)
class Verdict:
    """The verdict on one tensor.

    verdict : a name in ORDER. source : the tensor that it was compared with, None where none is near. rule, says : the
    rule that made it or, where none did, the one that comes nearest. codes : how many there are. differing : of each
    array of the file how many of its elements the rule gives otherwise. first : the places of the first differing codes
    in the weights' order. not_nearest : codes for which a neighbouring level is nearer. clipped : weights further than
    one step beyond the last level. farthest : the largest distance of a weight from its number, in steps. why : in
    words, where no measurement says it.
    """

    name: str
    scheme: str
    verdict: str
    source: str | None = None
    rule: str = ""
    says: str = ""
    codes: int = 0
    differing: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    first: tuple[int, ...] = ()
    not_nearest: int = 0
    clipped: int = 0
    farthest: float = 0.0
    reading: str = ""
    why: str = ""


def verdict_of(stored: Stored, source: str, weights: np.ndarray, kind: str = "float32") -> Verdict:
    """Return the verdict on a tensor whose source is these weights, float32 in its shape; kind : as the source has
    them."""
    w = stored.in_order(weights)
    sizes = {name: a.size for name, a in stored.arrays.items()}
    nearest: tuple[int, int, Rule, dict[str, int], np.ndarray] | None = None
    for rule in stored.rules:
        with np.errstate(all="ignore"):
            given = rule.arrays(w, kind)
        if given is None:
            continue
        masks = {name: _differing(stored.arrays, given, name) for name in stored.arrays}
        counts = {name: int(np.count_nonzero(mask)) for name, mask in masks.items()}
        codes = counts.get("codes", 0)
        others = sum(counts.values()) - codes
        if nearest is None or (others, codes) < nearest[:2]:
            nearest = others, codes, rule, counts, np.flatnonzero(masks.get("codes", ()))[:FEW]
        if not others and not codes:
            return Verdict(stored.name, stored.scheme, EXACT, source, rule.name, rule.says, stored.ranks.size, counts,
                           sizes, reading=stored.reading)
    not_nearest, clipped, within, farthest = _measured(stored, w) if stored.dense is None else (0, 0, False, 0.0)
    far = not within or clipped and not distance(stored, w) < NEAR
    verdict = NOT_DERIVED if far else BOUNDED if not_nearest else NEAREST
    if nearest is None:
        return Verdict(stored.name, stored.scheme, verdict, source, codes=stored.ranks.size, not_nearest=not_nearest,
                       clipped=clipped, farthest=farthest, reading=stored.reading)
    _, _, rule, counts, first = nearest
    return Verdict(stored.name, stored.scheme, verdict, source, rule.name, rule.says, stored.ranks.size, counts, sizes,
                   tuple(first.tolist()), not_nearest, clipped, farthest, stored.reading)


def distance(stored: Stored, w: np.ndarray) -> float:
    """Return the mean distance of weights, in the order of the ranks, from their numbers, as a part of their mean
    magnitude: of a sample."""
    places = np.arange(0, w.size, max(1, w.size // SAMPLE))
    if not places.size:
        return 0.0
    with np.errstate(all="ignore"):
        x = w.reshape(-1)[places].astype(np.float64)
        size, apart = float(np.abs(x).mean()), float(np.abs(stored.numbers(places) - x).mean())
    return apart / size if size else apart


def _differing(have: Arrays, given: Arrays, name: str) -> np.ndarray:
    """Return where an array of the file has other bits than the rule gives."""
    a, b = bits(have[name]), bits(given[name])
    return (a != b) if a.shape == b.shape else np.ones(a.shape, bool)


def _measured(stored: Stored, w: np.ndarray) -> tuple[int, int, bool, float]:
    """Return how many codes are not nearest, how many weights are clipped, whether all lie within a step, and the
    largest distance in steps.

    A tool finds codes by the scale before it is rounded for the file, and its arithmetic is float32. So a number
    that is off by ``loss`` of its size, and a few float32 roundings, may be meant: that much is allowed for.
    """
    step, offset = (np.broadcast_to(a, stored.ranks.shape) for a in (stored.step, stored.offset))
    last = len(stored.levels) - 1  # a table of one level has no neighbours, and its number none but itself
    rows = max(1, STEP // max(1, stored.ranks[:1].size))
    not_nearest, clipped, within, farthest = 0, 0, True, 0.0
    with np.errstate(all="ignore"):
        for begin in range(0, len(w), rows):
            part = slice(begin, begin + rows)
            ranks, x, d, m = stored.ranks[part], w[part].astype(np.float64), step[part], offset[part]
            number = m + d * stored.levels[ranks]
            away = x - number
            toward = np.where((away > 0) == (d > 0), 1, -1)
            beside = ranks + toward
            there = (beside >= 0) & (beside <= last)
            inside = there & (beside >= stored.ends) & (beside <= last - stored.ends)
            other = m + d * stored.levels[np.clip(np.where(there, beside, ranks - toward), 0, last)]
            gap = np.abs(other - number)
            slack = stored.loss * (np.abs(number - m) + np.abs(m)) + 4 * 2.0**-24 * (np.abs(x) + np.abs(m))
            apart = np.abs(away)
            good = apart <= gap / 2 + slack
            near = apart <= gap + slack
            not_nearest += int(np.count_nonzero(there & ~good))
            clipped += int(np.count_nonzero(~inside & ~near))
            within &= bool(np.all(near | ~inside))
            steps = np.where(apart > 0, apart / gap, 0)
            farthest = max(farthest, float(np.max(np.where(np.isnan(steps), np.inf, steps), initial=0)))
    return not_nearest, clipped, within, farthest

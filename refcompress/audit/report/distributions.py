"""How the numbers of a tensor spread, beside the levels that its codes stand for."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..derive.stored import Stored

__all__ = ["Distribution", "of_codes", "of_values", "pieces"]

MOST = 256  # levels with a line each
HUGE = 1e300  # numbers from here on are beyond a picture: the width of an axis would overflow
PIECE = 2**18  # numbers looked at at a time
BINS = 120  # of a histogram: three pixels each in a picture of 360


@dataclass(frozen=True)
class Distribution:
    """What a picture of a distribution shows.

    low, high : the ends of its axis, in units of ``unit`` ("steps", or "" for the numbers themselves). levels : where
    codes lie on the axis, and counts : how many weights have each; both empty for numbers that are no codes. bins : how
    many weights of the source lie in each of the equal parts of the axis, or of the numbers themselves where they are
    no codes; empty where there is no source. outside : how many of them lie beyond the axis.
    """

    low: float
    high: float
    unit: str
    levels: tuple[float, ...]
    counts: tuple[int, ...]
    bins: tuple[int, ...]
    outside: int = 0

    @property
    def unused(self) -> int:
        """How many levels no weight has."""
        return sum(not count for count in self.counts)


def of_codes(stored: Stored, weights: np.ndarray | None) -> Distribution | None:
    """Return how many weights have each level, and where the source's weights lie, in steps of their group.

    weights : float32 of the shape of the stored tensor, or None where there is no source. Of more levels than a picture
    can show, the numbers are returned as they are.
    """
    if stored.dense is not None or len(stored.levels) > MOST:
        return of_values(stored.numbers())
    levels = np.asarray(stored.levels[np.arange(len(stored.levels))])
    counts = np.bincount(stored.ranks.reshape(-1), minlength=len(levels))
    low, high = _with_margin(float(levels[0]), float(levels[-1]))
    bins, outside = np.zeros(0, np.int64), 0
    if weights is not None:
        with np.errstate(all="ignore"):
            places = (stored.in_order(weights).astype(np.float64) - stored.offset) / stored.step
        bins, outside = _histogram(places, low, high)
    return Distribution(low, high, "steps", tuple(levels.tolist()), tuple(counts.tolist()), tuple(bins.tolist()),
                        outside)


def of_values(values: np.ndarray) -> Distribution | None:
    """Return the histogram of numbers; None where none of them is finite."""
    low, high = math.inf, -math.inf
    for piece in pieces(values):
        with np.errstate(all="ignore"):
            finite = piece[np.abs(piece) < HUGE].astype(np.float64)
        low, high = min(low, float(finite.min(initial=math.inf))), max(high, float(finite.max(initial=-math.inf)))
    if low > high:
        return None
    low, high = _with_margin(low, high)
    bins, outside = _histogram(values, low, high)
    return Distribution(low, high, "", (), (), tuple(bins.tolist()), outside)


def _with_margin(low: float, high: float) -> tuple[float, float]:
    least = BINS * float(np.spacing(max(abs(low), abs(high))))  # below it the ends of some bin are the same float64
    margin = max((high - low) / 20, least) if high > low else max(abs(low), 1.0) / 20
    return low - margin, high + margin


def _histogram(values: np.ndarray, low: float, high: float) -> tuple[np.ndarray, int]:
    """Return the counts of equal bins, and how many values are in none: those beyond the ends, and those not finite."""
    bins = np.zeros(BINS, np.int64)
    for piece in pieces(values):
        inside = piece[np.isfinite(piece) & (piece >= low) & (piece <= high)].astype(np.float64)  # as its ends are
        bins += np.histogram(inside, BINS, (low, high))[0]
    return bins, values.size - int(bins.sum())


def pieces(values: np.ndarray) -> Iterator[np.ndarray]:
    """Yield some numbers of an array at a time: what is made of them, in float64, is larger than they are."""
    flat = values.reshape(-1)
    for start in range(0, flat.size, PIECE):
        yield flat[start : start + PIECE]

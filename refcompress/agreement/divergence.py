"""Agreement of ranges that leave the least divergence: by what they lose, not by what they are."""

import math
from typing import Any

import numpy as np

from ..constants import U64
from ..reference.quantize.ranges import clip_range, histogram, kl_arguments, quantize_range_minmax, segments
from .exact import Disagreement, exactly, same_kind


def least_divergence(expected: Any, got: Any, args: tuple, kwargs: dict | None = None) -> None:
    """Raise Disagreement unless ``got`` is a range of quantize_range_kl that loses no more than ``expected``.

    Each range must end, to the bit, where one of the first m bins does. Its divergence may be above that of
    ``expected`` by what sums in float64 leave open (:func:`loss`), once for each of the two ranges.
    """
    given = {"bits": 8, "axis": None, "group": None, "bins": 2048, **(kwargs or {})}
    x, shape, levels, axis, group, bins = kl_arguments(args[0], **given)
    if type(got) is not tuple or len(got) != 2:
        raise Disagreement(f"result: got a {type(got).__name__}, expected low and high")
    for i in range(2):
        same_kind(expected[i], got[i], f"result[{i}]")
    t = np.zeros(shape)
    for index, members in segments(np.abs(x).astype(np.float64), shape, axis, group):
        largest = members.max(initial=0)
        if largest == 0:
            continue
        m, best = (_first_bins(low[index], high[index], largest, bins) for low, high in (got, expected))
        if not levels <= m <= bins:
            raise Disagreement(f"result[{index}]: the range ends after {m} bins, expected {levels} to {bins}")
        t[index] = (m + 0.5) * largest / bins
        counts = histogram(members, largest, bins)
        (lost, more), (least, less) = (loss(counts, int(count), levels) for count in (m, best))
        if not lost <= least + more + less:
            raise Disagreement(f"result[{index}]: the range of {m:g} bins has a divergence of {lost:g}, "
                               f"that of {best:g} one of {least:g}; allowed difference {more + less:g}")
    exactly(clip_range(*quantize_range_minmax(x, axis=axis, group=group), t), got, args, kwargs)


def _first_bins(low: float, high: float, largest: float, bins: int) -> float:
    """Return the m whose threshold (m + 1/2) largest / bins ends the range; it is ``bins`` beyond the largest."""
    end = max(-low, high)
    return float(bins) if end == largest else float(np.rint(end / largest * bins - 0.5))


def loss(counts: np.ndarray, m: int, levels: int) -> tuple[float, float]:
    """Return the divergence of the first m bins, and by how much it may be off as this and another way compute it.

    A term is P log(c occ K / (T n)): c of n elements are in the bin, the last one with what lies beyond; its segment
    holds T in occ bins that are not empty; the m bins hold K. Here c occ and T n are counts, and exact below 2^53.

    Another way may take five logarithms, and add the terms in any order. It has at most 8 roundings in each of m
    terms, and is off by gamma_(m + 8) times the sum of P (log c + log n + log T + log occ + log K) (Higham, Accuracy
    and Stability, sec. 3.1). This way has four in the quotient, which are 4 u in its logarithm; one in the logarithm,
    two in P and one in the product, which are 4 u of a term; and the sum of the terms is rounded once. For gamma of
    products of such terms, 5 u (1 + the sum of the sizes of the terms) is enough.
    """
    kept = counts[:m]
    c, n, whole = kept.copy(), counts.sum(), kept.sum()
    c[-1] += counts[m:].sum()
    segment = np.arange(m) * levels // m
    total, occupied = np.bincount(segment, kept, levels)[segment], np.bincount(segment, kept > 0, levels)[segment]
    if np.any((c > 0) & (kept == 0)):
        return math.inf, 0.0
    some = c > 0
    c, total, occupied = c[some], total[some], occupied[some]
    terms = c / n * np.log(c * occupied / (total * n) * whole)
    logarithms = c / n * (np.log(c) + np.log(total) + np.log(occupied) + np.log(n) + np.log(whole))
    gamma = (m + 8) * U64 / (1 - (m + 8) * U64)
    return math.fsum(terms), gamma * math.fsum(logarithms) + 5 * U64 * (1 + math.fsum(np.abs(terms)))

"""Agreement of ranges that leave the least divergence: by what they lose, not by what they are."""

from typing import Any

import numpy as np

from ..constants import U64
from ..reference.quantize.ranges import clip_range, divergence, histogram, kl_arguments, quantize_range_minmax, segments
from .exact import Disagreement, exactly, same_kind


def least_divergence(expected: Any, got: Any, args: tuple, kwargs: dict | None = None) -> None:
    """Raise Disagreement unless ``got`` is a range of quantize_range_kl that loses no more than ``expected``.

    Each range must end, to the bit, where one of the first m bins does. Its divergence may be above that of
    ``expected`` by what sums in float64 leave open: the sum of P log(P / Q) has at most bins terms, and each is made
    of the logarithms of four counts between 1 and n, the number of elements, times a share P. So the magnitudes add
    up to 4 log n at most, and any order of adding them is off by gamma_(bins + 8) 4 log n (Higham, Accuracy and
    Stability, sec. 3.1; eight roundings of a term). Two sums each by two ways to compute them: four times that.
    """
    given = {"bits": 8, "axis": None, "group": None, "bins": 2048, **(kwargs or {})}
    x, shape, levels, axis, group, bins = kl_arguments(args[0], **given)
    if type(got) is not tuple or len(got) != 2:
        raise Disagreement(f"result: got a {type(got).__name__}, expected low and high")
    for i in range(2):
        same_kind(expected[i], got[i], f"result[{i}]")
    t = np.zeros(shape)
    gamma = (bins + 8) * U64 / (1 - (bins + 8) * U64)
    for index, members in segments(np.abs(x).astype(np.float64), shape, axis, group):
        largest = members.max(initial=0)
        if largest == 0:
            continue
        m, best = (_first_bins(low[index], high[index], largest, bins) for low, high in (got, expected))
        if not levels <= m <= bins:
            raise Disagreement(f"result[{index}]: the range ends after {m} bins, expected {levels} to {bins}")
        t[index] = (m + 0.5) * largest / bins
        counts = histogram(members, largest, bins)
        loss, least = (divergence(counts, int(count), levels) for count in (m, best))
        allowed = 4 * gamma * 4 * np.log(members.size)
        if not loss <= least + allowed:
            raise Disagreement(f"result[{index}]: the range of {m:g} bins has a divergence of {loss:g}, "
                               f"that of {best:g} one of {least:g}; allowed difference {allowed:g}")
    exactly(clip_range(*quantize_range_minmax(x, axis=axis, group=group), t), got, args, kwargs)


def _first_bins(low: float, high: float, largest: float, bins: int) -> float:
    """Return the m whose threshold (m + 1/2) largest / bins ends the range; it is ``bins`` beyond the largest."""
    end = max(-low, high)
    return float(bins) if end == largest else float(np.rint(end / largest * bins - 0.5))

"""Agreement of ranges of least squared error: by what they lose, since the order of the sums is open."""

from typing import Any

import numpy as np

from ..constants import U64
from ..reference.quantize.integers import quantize_s8, quantize_s16
from ..reference.quantize.ranges import clip_range, mse_arguments, quantize_range_minmax, reduce_shared
from ..reference.quantize.scales import quantize_scale
from .exact import Disagreement, same_kind
from .pruned import same_bits


def least_error(expected: Any, got: Any, args: tuple, kwargs: dict | None = None) -> None:
    """Raise Disagreement unless ``got`` is a range of quantize_range_mse that loses no more than ``expected``.

    Each range must be, to the bit, that of one of the steps. The error of a step is a sum of n squares, so it is known
    but for gamma_n of itself (Higham, Accuracy and Stability, sec. 3.1), here and in the other implementation. Where
    all squares are multiples of a power of two and their sum is at most 2**53 of it, no order rounds. The sum is exact
    then, and of equal ones the widest range wins.
    """
    if same_bits(expected, got):
        return
    if type(got) is not tuple or len(got) != 2:
        raise Disagreement(f"result: got a {type(got).__name__}, expected low and high")
    for i in range(2):
        same_kind(expected[i], got[i], f"result[{i}]")
    given = {"bits": 8, "scheme": "symmetric", "axis": None, "group": None, "steps": 100, **(kwargs or {})}
    x, _, bits, scheme, axis, group, steps = mse_arguments(args[0], **given)
    low, high = quantize_range_minmax(x, axis=axis, group=group)
    largest = np.maximum(-low, high)
    least, most, same = [], [], []
    for i in range(steps, 0, -1):
        ends = clip_range(low, high, largest * (i / steps))
        scale, zero_point = quantize_scale(*ends, bits=bits, scheme=scheme)
        shared: dict = {"scale": scale, "zero_point": zero_point, "scheme": scheme, "axis": axis, "group": group}
        q = quantize_s16(x, **shared) if bits == 16 else quantize_s8(x, bits=bits, **shared)
        squares = (q.dense().astype(np.float64) - x) ** 2
        error = reduce_shared(np.add, squares, axis, group)
        unit = reduce_shared(np.minimum, _lowest(squares), axis, group)
        off = np.where(error <= np.ldexp(1.0, 53 + unit), 0, 2 * x.size * U64)
        least.append(error * (1 - off))
        most.append(error * (1 + off))
        same.append(np.all([(a == b) & (np.signbit(a) == np.signbit(b)) for a, b in zip(ends, got)], axis=0))
    good = np.zeros(low.shape, bool)
    for i in range(steps):
        wider, other = np.min(most[:i], axis=0, initial=np.inf) if i else np.inf, np.min(most[i:], axis=0)
        good |= same[i] & (least[i] < wider) & (least[i] <= other)
    if not good.all():
        at = np.unravel_index(int(np.argmin(good)), good.shape)
        (a, b), (c, d) = ((float(low[at]), float(high[at])) for low, high in (got, expected))
        place = ", ".join(str(int(i)) for i in at)
        raise Disagreement(f"result[0][{place}] and result[1][{place}]: got {a:g} to {b:g}, which is no step of least "
                           f"error; expected {c:g} to {d:g}")


def _lowest(a: np.ndarray) -> np.ndarray:
    """Return the exponent of the lowest bit that is set in each number, at most 0."""
    fraction, exponent = np.frexp(a)
    whole = np.ldexp(fraction, 53).astype(np.int64)
    return np.where(whole == 0, 0, np.minimum(exponent - 53 + np.frexp((whole & -whole).astype(np.float64))[1] - 1, 0))

"""The cases of quantize_range_minmax: one large element among small ones, at each place in turn."""

import numpy as np

from ... import reference
from ..cases import Cases
from ..draws import composite
from ..values import FINITE, LENGTHS, ordinary
from .integers import SHARING, quantize_calls, quantize_refusals

CASES: dict[str, Cases] = {}


# quantize_range_minmax

def quantize_range_minmax_sweep():
    rng = np.random.default_rng(34)
    for n in LENGTHS:
        yield (ordinary(rng, n),), {}
        yield (-np.abs(ordinary(rng, n)),), {}
        for kwargs in (SHARING[n % 7], SHARING[(n + 3) % 7]):
            yield (ordinary(rng, (3, n)),), kwargs
            yield (ordinary(rng, (n, 5)),), kwargs
        # One large element among small ones, at each place in turn: a lane that is not looked at shows.
        for sign in (1, -1):
            x = rng.random((2, 67), dtype=np.float32)
            x[1, n % 67] = 9 * sign
            yield (x,), SHARING[(n // 2) % 7]
    for x in (FINITE, np.float32([-0.0, 0.0]), np.float32([-0.0] * 40), np.float32([3e38, -3e38])):
        yield (x,), {}
    for axis in range(3):
        yield (ordinary(rng, (5, 7, 9)),), {"axis": axis}
    for group in (1, 16, 50):
        yield (ordinary(rng, (5, 7, 9)),), {"group": group}
    yield (ordinary(rng, (3, 70_001)),), {}
    yield (ordinary(rng, (1, 70_001)),), {"axis": 0}


def quantize_range_minmax_refusals():
    for args, kwargs in quantize_refusals():
        if set(kwargs) <= {"axis", "group"}:
            yield args, kwargs


@composite
def quantize_range_minmax_strategy(draw):
    args, kwargs = draw(quantize_calls())
    return args, {name: value for name, value in kwargs.items() if name != "scheme"}


def _without_zero(x, *, axis=None, group=None):
    if axis is not None or group is not None or not x.size:
        return reference.quantize_range_minmax(x, axis=axis, group=group)
    return np.full((1,) * x.ndim, x.min(), np.float64), np.full((1,) * x.ndim, x.max(), np.float64)


def _last_group_dropped(x, *, axis=None, group=None):
    low, high = reference.quantize_range_minmax(x, axis=axis, group=group)
    if group is not None and x.shape[-1] % group:
        high[..., -1] = 0
    return low, high


CASES["quantize_range_minmax"] = Cases(
    quantize_range_minmax_sweep, quantize_range_minmax_refusals, quantize_range_minmax_strategy,
    wrong={
        "zero not in the range": _without_zero,
        "last group dropped": _last_group_dropped,
    },
)

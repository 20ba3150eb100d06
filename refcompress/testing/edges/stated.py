"""Inputs on which a few words of a clause decide: widths of a quotient, orders of a sum, what is dropped when."""

from collections.abc import Callable

import numpy as np

from ..cases import Calls

_F = np.float32
EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {}


def _zero_points():
    """QUANT-2.4: ranges beside a tie of the zero point. Not one in a thousand shows in which width it was computed."""
    found, rng = [], np.random.default_rng(24)
    while len(found) < 12:
        low, high = -rng.integers(1, 4000, 20_000) / 8, rng.integers(1, 4000, 20_000) / 8
        wide = (high - low) / 255
        scale = wide.astype(_F)
        right, early = np.rint(-128 - low / scale), np.rint(-128 - low / wide)
        narrow = np.rint(_F(-128) - low.astype(_F) / scale)
        found += [_F([low[i], high[i]]) for i in np.flatnonzero((right != early) | (right != narrow))]
    for x in found:
        yield (x,), {"scheme": "affine"}
    rows = np.stack(found)
    yield (rows,), {"scheme": "affine", "axis": 0}
    yield (rows.reshape(1, -1),), {"scheme": "affine", "group": 2}


def _sums():
    """QUANT-5.3: half a unit of float32, and ones that one chain of float64 loses behind the first magnitude."""
    w = _F([2**54, 2**30] + [1] * 14)
    yield (w,), {}
    yield (np.stack([w, w[::-1]]),), {"axis": 0}
    yield (np.tile(w, 3)[None],), {"group": 16}


def _ternary_sums():
    for args, kwargs in _sums():
        for threshold in (0.0, 2.0**-60):
            yield args, {"threshold": threshold, **kwargs}


def _dominated():
    """ALLOCATE-1.2: a choice that was dominated, until the cost of a later layer rounds the difference away."""
    for tiny in (1e-20, 2.0**-53):
        for first in ((tiny, 0.0), (0.0, tiny), (tiny, tiny)):
            for sizes in ([[1, 1], [1, 1]], [[1, 1], [2, 1]]):
                yield (np.float64([first, (1, 1)]), np.int64(sizes), 3), {}


EDGES["quantize_s8"] = (_zero_points,)
EDGES["quantize_binary"] = (_sums,)
EDGES["quantize_ternary"] = (_ternary_sums,)
EDGES["allocate_exact"] = EDGES["allocate_front"] = (_dominated,)

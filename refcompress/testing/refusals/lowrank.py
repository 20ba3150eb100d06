"""What the operations of the lowrank family must refuse."""

import numpy as np

from ..values import not_arrays, other_dimensions

_F = np.float32
_NAN, _INF = np.float32([1, np.nan, 2]), np.float32([[1, 2], [np.inf, 3]])


def lowrank_svd():
    w = _F([[3, 1, 2], [0, -1, 5]])
    for bad in (*not_arrays(w), *other_dimensions(w), _F([[1, np.nan]]), _INF):
        yield (bad,), {"rank": 1}
    for kwargs in ({}, {"rank": 1, "energy": 0.5}, {"rank": -1}, {"rank": 3}, {"rank": True}, {"rank": 1.0},
                   {"energy": -0.1}, {"energy": 1.1}, {"energy": np.nan}, {"error": -0.1}, {"error": np.nan}):
        yield (w,), kwargs


REFUSALS = {f.__name__: f for f in (lowrank_svd,)}

"""What the operations of the lowrank family must refuse."""

import numpy as np

from ...formats import LowRank
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


def lowrank_matmul():
    a = LowRank(np.ones((4, 2), np.float32), np.ones(2, np.float32), np.ones((2, 3), np.float32))
    x = np.ones((3, 5), np.float32)
    for bad in (*not_arrays(x), *other_dimensions(x), x[:2]):
        yield (a, bad), {}
    for bad in (None, a.dense(), x):
        yield (bad, x), {}


def lowrank_randomized():
    w = _F([[3, 1, 2], [0, -1, 5]])
    for bad in (*not_arrays(w), *other_dimensions(w), _F([[1, np.nan]]), _INF):
        yield (bad,), {"rank": 1}
    for kwargs in ({"rank": -1}, {"rank": 3}, {"rank": True}, {"rank": 1.0}, {"rank": 1, "tolerance": 0}, {"rank": 1, "tolerance": np.nan},
                   {"rank": 1, "failure": 0}, {"rank": 1, "failure": 1}, {"rank": 1, "block": 0}, {"rank": 1, "certify": 1},
                   {"rank": 1, "seed": -1}):
        yield (w,), kwargs


REFUSALS = {f.__name__: f for f in (lowrank_svd, lowrank_matmul, lowrank_randomized)}

"""What the operations of the share family must refuse."""

import numpy as np

from ..values import not_arrays

_F = np.float32
_NAN, _INF = np.float32([1, np.nan, 2]), np.float32([[1, 2], [np.inf, 3]])


def share_kmeans():
    w = _F([3, 1, 2])
    for bad in not_arrays(w):
        yield (bad,), {"bits": 1}
        if bad is not None:
            yield (w,), {"bits": 1, "weights": bad}
    for bad in (_NAN, _INF):
        yield (bad,), {"bits": 1}
    for weights in (_NAN, _F([1, -1, 1]), _F([0, 0, 0]), _F([1, 1])):
        yield (w,), {"bits": 1, "weights": weights}
    for kwargs in ({}, {"bits": 1, "clusters": 2}, {"bits": 0}, {"bits": 17}, {"bits": True}, {"bits": 1.0},
                   {"clusters": 0}, {"clusters": -1}, {"clusters": 65_537}, {"clusters": 4},
                   {"clusters": 1, "pruned": True},
                   {"bits": 1, "pruned": 1}, {"bits": 1, "init": "other"}, {"bits": 1, "init": 3},
                   {"bits": 1, "init": "random", "seed": -1}, {"bits": 1, "init": "random", "seed": 0.5},
                   {"bits": 1, "seed": 0}, {"bits": 1, "init": "linear", "seed": 1}, {"bits": 1, "iterations": -1},
                   {"bits": 1, "iterations": None}):
        yield (w,), kwargs


def share_optimal():
    for args, kwargs in share_kmeans():
        if set(kwargs) <= {"bits", "clusters", "weights", "pruned"}:
            yield args, kwargs


REFUSALS = {f.__name__: f for f in (share_kmeans, share_optimal)}

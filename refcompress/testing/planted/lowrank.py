"""Planted kernels of the lowrank family, but for those of lowrank_svd."""

import numpy as np

from ... import reference
from ...formats import LowRank


def _in_float32(a, x):
    with np.errstate(all="ignore"):
        return (a.u * a.s) @ (a.vt @ x)


def _last_rank_lost(a, x):
    r = max(a.rank - 1, 0)
    return reference.lowrank_matmul(LowRank(a.u[:, :r], a.s[:r], a.vt[:r]), x)


def _scaled_twice(a, x):
    with np.errstate(all="ignore"):
        return ((a.u * a.s).astype(np.float64) @ (a.s[:, None].astype(np.float64) * (a.vt.astype(np.float64) @ x))).astype(np.float32)


def _last_input_lost(a, x):
    k = max(a.shape[1] - 1, 0)
    return reference.lowrank_matmul(LowRank(a.u, a.s, a.vt[:, :k]), x[:k])


WRONG = [
    ("the last rank lost", "lowrank_matmul", _last_rank_lost),
    ("scaled twice", "lowrank_matmul", _scaled_twice),
    ("the last input lost", "lowrank_matmul", _last_input_lost),
]
RIGHT = [("in float32, scaled first", "lowrank_matmul", _in_float32)]

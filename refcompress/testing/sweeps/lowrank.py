"""The sweeps of the lowrank family."""

import numpy as np

from ..values import LENGTHS, ordinary


def lowrank_svd():
    rng = np.random.default_rng(5)
    for length in LENGTHS:
        for shape in ((length, 5), (4, length)):
            w, most = ordinary(rng, shape), min(shape)
            yield (w,), ({"rank": most}, {"rank": most // 2}, {"energy": 0.9}, {"error": 0.3})[length % 4]
    yield (np.zeros((3, 5), np.float32),), {"rank": 2}
    yield (np.eye(5, dtype=np.float32),), {"rank": 5}  # equal singular values
    yield (np.outer(np.arange(5), np.arange(7)).astype(np.float32),), {"rank": 3}  # of rank 1
    for size in (1e-40, 1e-30, 1e30):
        yield ((ordinary(rng, (5, 7)) * size).astype(np.float32),), {"rank": 3}
    yield (ordinary(rng, (129, 67)),), {"rank": 31}


SWEEPS = {f.__name__: f for f in (lowrank_svd,)}

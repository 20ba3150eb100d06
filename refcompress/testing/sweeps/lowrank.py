"""The sweeps of the lowrank family."""

import numpy as np

from ...formats import LowRank
from ..values import HOSTILE, LENGTHS, MIDDLE, ordinary, sizes, whole


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


def lowrank_matmul():
    rng = np.random.default_rng(41)
    for i, (m, k, n) in enumerate(sizes(rng)):
        r = i % 4
        yield (LowRank(whole(rng, (m, r), 3), whole(rng, r, 3), whole(rng, (r, k), 3)), whole(rng, (k, n))), {}
    for r in LENGTHS:
        yield (LowRank(whole(rng, (3, r), 3), whole(rng, r, 3), whole(rng, (r, 4), 3)), whole(rng, (4, 2))), {}
    a = LowRank(ordinary(rng, (5, 3)), np.abs(ordinary(rng, 3)), ordinary(rng, (3, 17)))
    for i in range(len(HOSTILE)):
        yield (a, rng.permutation(HOSTILE)[:, None]), {}
    yield (LowRank(np.ones((5, 0), np.float32), np.ones(0, np.float32), np.ones((0, 17), np.float32)), HOSTILE[:, None].copy()), {}
    for m, k, n in MIDDLE:
        yield (LowRank(ordinary(rng, (m, 9)), np.abs(ordinary(rng, 9)), ordinary(rng, (9, k))), ordinary(rng, (k, n))), {}


def lowrank_randomized():
    rng = np.random.default_rng(44)
    for i, length in enumerate(LENGTHS):
        for shape in ((length, 5), (4, length), (length, 40)):
            yield (ordinary(rng, shape),), {"rank": (0, 1, min(shape) // 2, min(shape))[i % 4] if min(shape) else 0, "seed": i}
    yield (np.zeros((3, 5), np.float32),), {"rank": 2}
    yield (np.eye(50, dtype=np.float32),), {"rank": 9}  # equal singular values
    yield (np.outer(np.arange(60), np.arange(70)).astype(np.float32),), {"rank": 3}  # of rank 1
    for size in (1e-40, 1e-30, 1e30):
        yield ((ordinary(rng, (50, 70)) * size).astype(np.float32),), {"rank": 3}
    for shape in ((129, 67), (67, 300), (512, 256)):
        falling = (0.7 ** np.arange(shape[0]))[:, None]
        yield (ordinary(rng, shape),), {"rank": 17}
        yield ((ordinary(rng, shape) * falling).astype(np.float32),), {"rank": 6, "tolerance": 0.1}
        yield (ordinary(rng, shape),), {"rank": 20, "certify": False, "block": 7}


SWEEPS = {f.__name__: f for f in (lowrank_svd, lowrank_matmul, lowrank_randomized)}

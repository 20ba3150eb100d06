"""The sweeps of the share family."""

import numpy as np

from ..values import FINITE, LENGTHS, ordinary, whole


def share_kmeans():
    rng = np.random.default_rng(2)
    inits = ("cut", "linear", "density", "random")
    for n in LENGTHS:
        init = inits[n % 4]
        yield (whole(rng, n, 9),), {"bits": n % 4 + 1, "init": init}
        w = ordinary(rng, n) * (rng.random(n) < 0.7)
        yield (w.astype(np.float32),), {"bits": 2, "pruned": True, "init": init, "seed": n if init == "random" else None}
        if n:
            importance = rng.integers(0, 3, n).astype(np.float32)
            importance[n // 2] = 1
            yield (ordinary(rng, n),), {"clusters": min(n, 5), "weights": importance, "init": init}
    for iterations in (0, 1, 2):  # 1 is as near to 0 as to 2: the midpoint belongs to the lower code
        yield (np.float32([0, 1, 2, 2, 1, 0]),), {"clusters": 2, "iterations": iterations, "init": "linear"}
    yield (np.float32([0, 0, 0, 0, 10, 0.1]),), {"clusters": 4, "init": "linear"}  # clusters that run empty
    yield (np.zeros((3, 5), np.float32),), {"bits": 3}
    yield (np.zeros(5, np.float32),), {"bits": 3, "pruned": True}
    yield (np.float32([-0.0, 0.0, 1, -0.0]),), {"clusters": 2, "pruned": True}
    yield (FINITE.copy(),), {"clusters": 3}
    yield (FINITE.copy(),), {"clusters": 5, "pruned": True, "init": "density"}
    yield (ordinary(rng, (67, 65)),), {"bits": 5}
    yield (ordinary(rng, 4099),), {"clusters": 300, "init": "density"}  # codes of 16 bits


def share_optimal():
    for args, kwargs in share_kmeans():
        if args[0].size < 4000:
            yield args, {name: value for name, value in kwargs.items() if name in ("bits", "clusters", "weights", "pruned")}


SWEEPS = {f.__name__: f for f in (share_kmeans, share_optimal)}

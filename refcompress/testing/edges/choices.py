"""Edges of choices: allocations whose bytes float64 does not count, and shared values by many clusters."""

from collections.abc import Callable

import numpy as np

from ..cases import Calls
from ..values import ordinary, whole
from .lengths import LONG, all_bits

_F = np.float32
MOST = 2**63 - 1


def _allocations():
    """Many layers, many choices; bytes and budgets next to 2**53, where float64 takes two sizes for one."""
    rng = np.random.default_rng(1)
    for layers, choices in ((129, 2), (257, 2), (1025, 2), (3, 129), (2, 1025), (1, 4097), (1, 65_537)):
        cost, size = whole(rng, (layers, choices), 3, np.float64), rng.integers(0, 3, (layers, choices))
        yield (cost, size, int(size.min(axis=1).sum()) + 9), {}
        cost[:, -1], size[:, -1] = -4, 0  # the best choice is the last one
        yield (cost, size, 9 + layers), {}
    for base in (2**24, 2**31, 2**53, 2**61):
        cost = np.float64([[3, 2, 1], [5, 4, 0]])
        size = np.int64([[0, 1, 2], [0, 1, 2]]) + base // 2 * np.int64([0, 1, 1])
        for more in (-1, 0, 1, 2):
            yield (cost, size, base + more), {}
            yield (cost, size, 2 * (base // 2) + 2 + more), {}
    for costs in ([[0.0, -0.0]], [[-1.0, -2.0]], [[8e307, 1.0]], [[5e-324, 0.0]], [[2.0**53, 2.0**53 + 2]]):
        yield (np.float64(costs), np.int64([[1, 2]]), 2), {}
        yield (np.float64(costs * 2), np.int64([[1, 2]] * 2), 3), {}
        yield (np.float64(costs), np.int64([[2, 1]]), MOST), {}
    for tied in (np.zeros((4, 3)), np.ones((4, 3))):
        for size in (np.ones((4, 3), np.int64), np.int64([[3, 2, 1]] * 4), np.int64([[1, 2, 3]] * 4),
                     np.zeros((4, 3), np.int64)):
            least = int(size.min(axis=1).sum())
            for budget in (least, least + 1, MOST):
                yield (tied, size, budget), {}


def _fronts():
    for i, ((cost, size, budget), _) in enumerate(_allocations()):
        if i % 2 or size.max(initial=0) > 2**20 or len(cost) > 100:
            yield (cost, size, budget), {}
        else:
            yield (cost, size), {"budget": budget} if i % 4 else {}


INITS = ("cut", "linear", "density", "random")


def _seeded(init: str, seed: int) -> dict:
    return {"init": init, **({"seed": seed} if init == "random" else {})}


def _shared():
    """Every beginning with every number of bits; midpoints of all bits; importances; one to three dimensions."""
    rng = np.random.default_rng(2)
    for init in INITS:
        for bits in (1, 2, 3, 4, 5):
            for pruned in (False, True):
                w = ordinary(rng, 60) * (rng.random(60) < 0.8).astype(_F)
                yield (w,), {"bits": bits, "pruned": pruned, **_seeded(init, bits)}
        for iterations in (0, 1, 2, 3):
            for clusters in (2, 3, 7):
                yield (ordinary(rng, 40),), {"clusters": clusters, "iterations": iterations, **_seeded(init, 0)}
                importance = rng.random(40).astype(_F)
                yield (ordinary(rng, 40),), {"clusters": clusters, "iterations": iterations, "weights": importance,
                                             **_seeded(init, MOST // 2**31)}
        for clusters in (3, 5):  # whole clusters whose values weigh nothing
            w = np.sort(ordinary(rng, 24))
            for some in (slice(8, 16), slice(0, 9), slice(15, 24), slice(4, 20), slice(1, 23)):
                importance = np.ones(24, _F)
                importance[some] = 0
                yield (w,), {"clusters": clusters, "weights": importance, **_seeded(init, 4)}
        for shape in ((3, 5), (2, 3, 4), (2, 3, 2, 2), (1,), (0,)):
            yield (ordinary(rng, shape),), {"bits": 1, **_seeded(init, 1)}
        for w in (all_bits(rng, 30), np.ldexp(whole(rng, 30), -149).astype(_F), np.full(9, 3, _F), np.zeros(9, _F),
                  np.ldexp(ordinary(rng, 30), 120).astype(_F), _F([1, 2] * 9)):
            yield (w,), {"clusters": 3, "iterations": 4, **_seeded(init, 2)}
    for seed in (0, 1, 2**31, 2**32, 2**63 - 1):
        yield (ordinary(rng, 40),), {"clusters": 4, "init": "random", "seed": seed}
    # Midpoints: the float32 between two values, and its neighbours
    for scale in (1 / 3, 0.7, 1e-30, 1e30):
        ends = _F([scale, 3 * scale, 7 * scale])
        middles = ((ends[1:].astype(np.float64) + ends[:-1]) / 2).astype(_F)
        w = np.concatenate([ends, middles, np.nextafter(middles, _F(np.inf)), np.nextafter(middles, _F(-np.inf))])
        yield (w,), {"clusters": 2, "iterations": 0, "init": "linear"}
        yield (w,), {"clusters": 3, "iterations": 1, "init": "linear"}
    # A size that is more by one than there are clusters, as many, twice as many
    for clusters in (1, 2, 5):
        for size in (clusters, clusters + 1, 2 * clusters):
            for init in INITS:
                yield (ordinary(rng, size),), {"clusters": clusters, **_seeded(init, 3)}


def _kmeans_long():
    rng = np.random.default_rng(3)
    for i, n in enumerate((*LONG, 65_537)):
        yield (whole(rng, n, 99) if i % 2 else ordinary(rng, n),), {
            "clusters": 1 + i % 5, "iterations": 2, **_seeded(INITS[i % 4], i)}
    for clusters in (255, 256, 257, 1024, 1025, 4096, 4097, 32_768, 65_536):
        yield (rng.permutation(clusters + 7).astype(_F),), {"clusters": clusters, "iterations": 1, "init": "linear"}
        if clusters < 5000:
            yield (ordinary(rng, 2 * clusters),), {"clusters": clusters, "iterations": 1, "init": "density"}
    for bits in (8, 9, 12, 16):
        yield (ordinary(rng, 700),), {"bits": bits, "iterations": 1}


_OPTIMAL = {"bits", "clusters", "weights", "pruned"}


def _optimal():
    for i, (args, how) in enumerate(_shared()):
        if i % 3 == 0:
            yield args, {name: value for name, value in how.items() if name in _OPTIMAL}
    rng = np.random.default_rng(4)
    for n in LONG[:12]:
        yield (ordinary(rng, n),), {"clusters": 3}
    for n in (129, 257, 513):
        yield (ordinary(rng, n),), {"clusters": n // 2}
    yield (ordinary(rng, 300),), {"clusters": 257}
    yield (whole(rng, 65_537, 2),), {"clusters": 3}


EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {
    "allocate_exact": (_allocations,),
    "allocate_front": (_fronts,),
    "share_kmeans": (_shared, _kmeans_long),
    "share_optimal": (_optimal,),
}

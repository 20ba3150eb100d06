"""The cases of the share family: ties between clusters, clusters that become empty, pruned zeros, importance."""

import numpy as np

from .cases import Cases
from .draws import array, composite, either, finite, shapes, st
from .values import FINITE, LENGTHS, WITH_INFINITY, WITH_NAN, not_arrays, ordinary, whole

_F = np.float32

CASES: dict[str, Cases] = {}


# share_kmeans

def share_kmeans_sweep():
    rng = np.random.default_rng(2)
    inits = ("cut", "linear", "density", "random")
    for n in LENGTHS:
        init = inits[n % 4]
        yield (whole(rng, n, 9),), {"bits": n % 4 + 1, "init": init}
        w = ordinary(rng, n) * (rng.random(n) < 0.7)
        seed = n if init == "random" else None
        yield (w.astype(np.float32),), {"bits": 2, "pruned": True, "init": init, "seed": seed}
        if n:
            importance = rng.integers(0, 3, n).astype(np.float32)
            importance[n // 2] = 1
            yield (ordinary(rng, n),), {"clusters": min(n, 5), "weights": importance, "init": init}
    for iterations in (0, 1, 2):  # 1 is as near to 0 as to 2: the midpoint belongs to the lower code
        yield (np.float32([0, 1, 2, 2, 1, 0]),), {"clusters": 2, "iterations": iterations, "init": "linear"}
    yield (np.float32([0, 0, 0, 0, 10, 0.1]),), {"clusters": 4, "init": "linear"}  # clusters that become empty
    yield (np.zeros((3, 5), np.float32),), {"bits": 3}
    yield (np.zeros(5, np.float32),), {"bits": 3, "pruned": True}
    yield (np.float32([-0.0, 0.0, 1, -0.0]),), {"clusters": 2, "pruned": True}
    yield (FINITE.copy(),), {"clusters": 3}
    yield (FINITE.copy(),), {"clusters": 5, "pruned": True, "init": "density"}
    yield (ordinary(rng, (67, 65)),), {"bits": 5}
    yield (ordinary(rng, 4099),), {"clusters": 300, "init": "density"}  # codes of 16 bits


def share_kmeans_refusals():
    w = _F([3, 1, 2])
    for bad in not_arrays(w):
        yield (bad,), {"bits": 1}
        if bad is not None:
            yield (w,), {"bits": 1, "weights": bad}
    for bad in (WITH_NAN, WITH_INFINITY):
        yield (bad,), {"bits": 1}
    for weights in (WITH_NAN, _F([1, -1, 1]), _F([0, 0, 0]), _F([1, 1])):
        yield (w,), {"bits": 1, "weights": weights}
    for kwargs in ({}, {"bits": 1, "clusters": 2}, {"bits": 0}, {"bits": 17}, {"bits": True}, {"bits": 1.0},
                   {"clusters": 0}, {"clusters": -1}, {"clusters": 65_537}, {"clusters": 4},
                   {"clusters": 1, "pruned": True},
                   {"bits": 1, "pruned": 1}, {"bits": 1, "init": "other"}, {"bits": 1, "init": 3},
                   {"bits": 1, "init": "random", "seed": -1}, {"bits": 1, "init": "random", "seed": 0.5},
                   {"bits": 1, "seed": 0}, {"bits": 1, "init": "linear", "seed": 1}, {"bits": 1, "iterations": -1},
                   {"bits": 1, "iterations": None}):
        yield (w,), kwargs


@composite
def share_kmeans_strategy(draw):
    w = draw(array(np.float32, draw(shapes()), draw(either(finite()))))
    kwargs = {"init": draw(st.sampled_from(["cut", "linear", "density", "random"])), "pruned": draw(st.booleans()),
              "iterations": draw(st.integers(0, 9))}
    if kwargs["init"] == "random":
        kwargs["seed"] = draw(st.integers(0, 9))
    if w.size > 1 and draw(st.booleans()):
        kwargs["clusters"] = draw(st.integers(1 + kwargs["pruned"], min(w.size, 20)))
    else:
        kwargs["bits"] = draw(st.integers(1, 4))
    if w.size and draw(st.booleans()):
        weights = draw(array(np.float32, w.shape, st.integers(0, 3).map(float)))
        weights.flat[0] = 1
        kwargs["weights"] = weights
    return (w,), kwargs


CASES["share_kmeans"] = Cases(share_kmeans_sweep, share_kmeans_refusals, share_kmeans_strategy)


# share_optimal

_OPTIONS = {"bits", "clusters", "weights", "pruned"}


def share_optimal_sweep():
    for args, kwargs in share_kmeans_sweep():
        if args[0].size < 4000:
            yield args, {name: value for name, value in kwargs.items() if name in _OPTIONS}
    # A weight without importance lies between two values, as near to one as to the other: it has the lower one.
    yield (_F([0, 1, 2]),), {"clusters": 2, "weights": _F([1, 0, 1])}


def share_optimal_refusals():
    for args, kwargs in share_kmeans_refusals():
        if set(kwargs) <= _OPTIONS:
            yield args, kwargs


@composite
def share_optimal_strategy(draw):
    args, kwargs = draw(share_kmeans_strategy())
    return args, {name: value for name, value in kwargs.items() if name in _OPTIONS}


CASES["share_optimal"] = Cases(share_optimal_sweep, share_optimal_refusals, share_optimal_strategy)

"""The cases of prune_obs: every length of a row and of a layer, ties, dead inputs, samples fewer than inputs."""

from collections.abc import Iterator

import numpy as np

from ..cases import Cases
from ..draws import composite, st
from ..hessians import bad_hessians, hessian
from ..values import LENGTHS, not_arrays, ordinary, other_dimensions, whole

CASES: dict[str, Cases] = {}


def prune_obs_sweep():
    rng = np.random.default_rng(61)
    for length in LENGTHS:
        w, h = ordinary(rng, (2, length)), hessian(rng, length)
        yield (w, h), {"sparsity": (0.25, 0.5, 0.9)[length % 3]}
        w, h = ordinary(rng, (length, 5)), hessian(rng, 5)
        yield (w, h), ({"keep": w.size // 2, "damping": 0}, {"keep": 1 if length else 0}, {"sparsity": 0.7})[length % 3]
    w = ordinary(rng, (4, 9))
    for keep in range(0, 37, 3):
        yield (w, hessian(rng, 9)), {"keep": keep, "damping": 0.0 if keep % 2 else 1.0}
    for samples in (0, 1, 4):  # none: each input is dead; else fewer than inputs
        yield (w, hessian(rng, 9, samples)), {"sparsity": 0.5}
    h = hessian(rng, 9)
    h[[2, 5]], h[:, [2, 5]] = 0, 0
    for damping in (0, 0.01, 1e9):
        for sparsity in (0.1, 0.3, 0.8):
            yield (w, h), {"sparsity": sparsity, "damping": damping}
    for scale in (1e-30, 1e30):  # no result depends on a factor of the Hessian
        yield (w, h * scale), {"sparsity": 0.5}
    yield (whole(rng, (4, 9), 2), np.eye(9)), {"sparsity": 0.5}  # ties
    yield (np.zeros((3, 4), np.float32), hessian(rng, 4)), {"keep": 5}
    yield (ordinary(rng, (3, 4)) * np.float32(1e-40), hessian(rng, 4)), {"keep": 5}
    yield (ordinary(rng, (20, 130)), hessian(rng, 130)), {"sparsity": 0.6}


def prune_obs_refusals() -> Iterator:
    w, h = np.array([[3, 1, 2], [0, -1, 5]], np.float32), np.diag([1.0, 2, 3])
    for bad in (*not_arrays(w), *other_dimensions(w), w[:, :2], np.full_like(w, np.nan), np.full_like(w, np.inf)):
        yield (bad, h), {"keep": 1}
    for bad in bad_hessians(h):
        yield (w, bad), {"keep": 1}
    yield (w, np.ones((3, 3))), {"keep": 1, "damping": 0}  # singular
    yield (w, h * 1e300), {"keep": 1, "damping": 1e300}
    yield (np.full((1, 2), 3e38, np.float32), np.array([[1, 0.9], [0.9, 1]])), {"keep": 1}  # beyond float32
    for damping in (-0.1, np.nan, np.inf, True, "0.1"):
        yield (w, h), {"keep": 1, "damping": damping}
    for kwargs in ({}, {"keep": 1, "sparsity": 0.5}, {"keep": -1}, {"keep": 7}, {"keep": 1.0}, {"keep": True},
                   {"sparsity": -0.1}, {"sparsity": 1.1}, {"sparsity": np.nan}, {"sparsity": True}):
        yield (w, h), kwargs


@composite
def prune_obs_strategy(draw):
    n, k = draw(st.integers(0, 5)), draw(st.integers(0, 9))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    w, samples = ordinary(rng, (n, k)), draw(st.integers(0, 20))
    keep, damping = draw(st.integers(0, w.size)), draw(st.sampled_from([0.01, 1.0]))
    return (w, hessian(rng, k, samples)), {"keep": keep, "damping": damping}


CASES["prune_obs"] = Cases(prune_obs_sweep, prune_obs_refusals, prune_obs_strategy)

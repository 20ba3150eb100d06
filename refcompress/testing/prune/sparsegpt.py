"""The cases of prune_sparsegpt: every length of a row and of a layer, blocks and groups of every size, ties."""

from collections.abc import Iterator

import numpy as np

from ..cases import Cases
from ..draws import composite, st
from ..hessians import bad_hessians, hessian
from ..values import LENGTHS, not_arrays, ordinary, other_dimensions, whole

CASES: dict[str, Cases] = {}

CHOICES: tuple[dict, ...] = (
    {"sparsity": 0.5}, {"sparsity": 0.3, "block": 7}, {"n": 2, "m": 4}, {"sparsity": 0.9, "block": 16},
    {"n": 1, "m": 3, "damping": 0.1}, {"n": 5, "m": 11, "block": 2}, {"sparsity": 0.7, "block": 1},
)


def prune_sparsegpt_sweep():
    rng = np.random.default_rng(81)
    for length in LENGTHS:
        yield (ordinary(rng, (3, length)), hessian(rng, length)), CHOICES[length % 7]
        yield (ordinary(rng, (length, 11)), hessian(rng, 11)), CHOICES[(length + 3) % 7]
    w, h = ordinary(rng, (4, 20)), hessian(rng, 20)
    for kwargs in ({"sparsity": 0}, {"sparsity": 1}, {"n": 0, "m": 2}, {"n": 4, "m": 4}, {"n": 20, "m": 30},
                   {"n": 2, "m": 2**62}):
        yield (w, h), kwargs
    h[[2, 9]], h[:, [2, 9]] = 0, 0  # dead inputs
    for scale in (1, 1e-30, 1e30):  # no result depends on a factor of the Hessian
        yield (w, h * scale), {"sparsity": 0.6, "block": 8}
        yield (w, h * scale), {"n": 2, "m": 4}
    for samples in (0, 1, 6):  # fewer than inputs
        yield (w, hessian(rng, 20, samples)), {"sparsity": 0.5}
    for kwargs in CHOICES:
        yield (whole(rng, (5, 20), 2), np.eye(20)), kwargs  # ties everywhere
        yield (w * np.float32(1e-40), hessian(rng, 20)), kwargs
    for kwargs in CHOICES[:3]:
        yield (ordinary(rng, (150, 70)), hessian(rng, 70)), kwargs  # past a block of columns and eight tiles
    yield (ordinary(rng, (9, 200)), hessian(rng, 200)), {"sparsity": 0.5}


def prune_sparsegpt_refusals() -> Iterator:
    w, h = np.array([[3, 1, 2], [0, -1, 5]], np.float32), np.diag([1.0, 2, 3])
    for bad in (*not_arrays(w), *other_dimensions(w), w[:, :2], np.full_like(w, np.nan), np.full_like(w, np.inf)):
        yield (bad, h), {"sparsity": 0.5}
    for bad in bad_hessians(h):
        yield (w, bad), {"n": 1, "m": 2}
    yield (w, np.ones((3, 3))), {"sparsity": 0.5, "damping": 0}  # singular
    yield (np.full((1, 2), 3e38, np.float32), np.array([[1, 0.9], [0.9, 1]])), {"n": 1, "m": 2}  # beyond float32
    for kwargs in ({}, {"n": 1}, {"m": 2}, {"sparsity": 0.5, "n": 1}, {"sparsity": 0.5, "m": 2}, {"n": 3, "m": 2},
                   {"n": -1, "m": 2}, {"n": 1, "m": 0}, {"n": True, "m": 2}, {"sparsity": -0.1}, {"sparsity": np.nan},
                   {"sparsity": 0.5, "block": 0}, {"sparsity": 0.5, "block": 1.5}, {"sparsity": 0.5, "damping": -1},
                   {"sparsity": 0.5, "damping": True}):
        yield (w, h), kwargs


@composite
def prune_sparsegpt_strategy(draw):
    rows, k = draw(st.integers(0, 20)), draw(st.integers(0, 17))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    w = whole(rng, (rows, k), 3) if draw(st.booleans()) else ordinary(rng, (rows, k))
    if draw(st.booleans()):
        kwargs = {"sparsity": draw(st.floats(0, 1)), "block": draw(st.integers(1, 50))}
    else:
        m = draw(st.integers(1, 12))
        kwargs = {"n": draw(st.integers(0, m)), "m": m}
    return (w, hessian(rng, k, draw(st.integers(0, 50)))), kwargs


CASES["prune_sparsegpt"] = Cases(prune_sparsegpt_sweep, prune_sparsegpt_refusals, prune_sparsegpt_strategy)

"""The cases of quantize_gptq: every length of a row and of a layer, every sharing of scales, zeros, dead inputs."""

from collections.abc import Iterator

import numpy as np

from ..cases import Cases
from ..draws import composite, st
from ..hessians import bad_hessians, hessian
from ..values import FINITE, LENGTHS, not_arrays, other_dimensions, pruned

CASES: dict[str, Cases] = {}

SHARING: tuple[dict, ...] = (
    {}, {"axis": None, "scheme": "affine"}, {"axis": 1}, {"group": 3}, {"group": 8, "scheme": "affine"}, {"group": 12},
    {"group": 1}, {"group": 5, "order": "descending"}, {"order": "descending"},
)


def quantize_gptq_sweep():
    rng = np.random.default_rng(71)
    for length in LENGTHS:
        kwargs = {"bits": 2 + length % 7, **SHARING[length % 9]}
        yield (pruned(rng, (3, length)), hessian(rng, length)), kwargs
        yield (pruned(rng, (length, 11)), hessian(rng, 11)), kwargs
    for sharing in SHARING:
        yield (pruned(rng, (5, 30)), hessian(rng, 30)), sharing
        yield (pruned(rng, (17, 19)), hessian(rng, 19, 6)), {**sharing, "damping": 0.1}  # fewer samples than inputs
    w, h = pruned(rng, (4, 20)), hessian(rng, 20)
    h[[2, 9]], h[:, [2, 9]] = 0, 0  # dead inputs
    yield (w, h), {"bits": 3}
    yield (w, hessian(rng, 20, 0)), {"group": 6}
    for scale in (1e-30, 1e30):  # no value depends on a factor of the Hessian
        yield (w, h * scale), {"group": 6, "scheme": "affine"}
    yield (np.resize(FINITE, (5, 20)), h), {"group": 7, "scheme": "affine"}
    yield (np.resize(FINITE, (5, 20)), h), {"bits": 2}
    yield (w, h), {"scale": 0.25, "bits": 3}  # given scales: much is beyond the grid
    yield (w, h), {"scale": 0.25, "zero_point": -3, "scheme": "affine", "axis": None}
    yield (w, h), {"scale": np.full((4, 4), 0.5, np.float32), "group": 6}
    yield (pruned(rng, (70, 150)), hessian(rng, 150)), {"group": 40}  # past a block of columns and many tiles
    yield (pruned(rng, (40, 200)), hessian(rng, 200)), {"scheme": "affine"}


def quantize_gptq_refusals() -> Iterator:
    w, h = np.array([[3, 1, 2], [0, -1, 5]], np.float32), np.diag([1.0, 2, 3])
    for bad in (*not_arrays(w), *other_dimensions(w), w[:, :2], np.full_like(w, np.nan), np.full_like(w, np.inf)):
        yield (bad, h), {}
    for bad in bad_hessians(h):
        yield (w, bad), {}
    yield (w, np.ones((3, 3))), {"damping": 0}  # singular
    for kwargs in ({"bits": 1}, {"bits": 9}, {"bits": True}, {"scheme": "other"}, {"axis": 2}, {"axis": 1, "group": 2},
                   {"group": 0}, {"group": True}, {"scale": 0.0}, {"scale": np.ones((3, 1), np.float32)},
                   {"zero_point": 0}, {"damping": -0.1}, {"damping": np.nan}, {"damping": True}, {"order": "other"},
                   {"order": None}):
        yield (w, h), kwargs


@composite
def quantize_gptq_strategy(draw):
    m, k = draw(st.integers(0, 20)), draw(st.integers(0, 17))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    kwargs = dict(draw(st.sampled_from(SHARING)))
    if "group" in kwargs:
        kwargs["group"] = draw(st.integers(1, 20))
    h = hessian(rng, k, draw(st.integers(0, 50)))
    return (pruned(rng, (m, k)), h), {**kwargs, "bits": draw(st.integers(2, 8))}


CASES["quantize_gptq"] = Cases(quantize_gptq_sweep, quantize_gptq_refusals, quantize_gptq_strategy)

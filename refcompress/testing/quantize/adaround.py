"""The cases of quantize_adaround: every length of a row and of a layer, every sharing of scales, zeros, dead inputs."""

from collections.abc import Iterator

import numpy as np

from ..cases import Cases
from ..draws import composite, st
from ..hessians import bad_hessians, hessian
from ..values import FINITE, LENGTHS, not_arrays, other_dimensions, pruned

CASES: dict[str, Cases] = {}

SHARING: tuple[dict, ...] = (
    {}, {"axis": None, "scheme": "affine"}, {"axis": 1}, {"group": 3}, {"group": 8, "scheme": "affine"}, {"group": 100},
)


def quantize_adaround_sweep():
    rng = np.random.default_rng(111)
    for length in LENGTHS:
        kwargs = {"bits": 2 + length % 3, "iterations": 3, "learning_rate": 0.5, **SHARING[length % 6]}
        m, k = (length, 3) if length % 5 == 0 else (1 + length % 3, length)  # each element stands for itself
        yield (pruned(rng, (m, k)), hessian(rng, k)), kwargs
    for sharing in SHARING:
        options = {**sharing, "iterations": 20, "learning_rate": 0.2, "bits": 3}
        yield (pruned(rng, (5, 30)), hessian(rng, 30, 9)), options
    w, h = pruned(rng, (4, 20)), hessian(rng, 20)
    h[[2, 9]], h[:, [2, 9]] = 0, 0  # dead inputs
    yield (w, h), {"bits": 3, "iterations": 10, "learning_rate": 1}
    yield (w, hessian(rng, 20, 0)), {"iterations": 2}
    yield (w, h - np.diag(h.diagonal() * 0.9)), {"iterations": 3}  # not positive: elements above the diagonal's
    for scale in (1e-30, 1e30, 1e-300):
        yield (w, h * scale), {"group": 6, "scheme": "affine", "iterations": 4}
    for kwargs in ({"bits": 2}, {"scheme": "affine"}, {"scale": 0.25, "bits": 3}):
        yield (np.resize(FINITE, (5, 20)), h), {"iterations": 3, **kwargs}
        yield (w, h), {"iterations": 12, "learning_rate": 0.3, **kwargs}
    yield (w, h), {"iterations": 0}
    yield (w, h), {"iterations": 5, "learning_rate": 0}
    yield (pruned(rng, (300, 40)), hessian(rng, 40)), {"bits": 3, "iterations": 4, "learning_rate": 0.5}  # more at once


def quantize_adaround_refusals() -> Iterator:
    w, h = np.array([[3, 1, 2], [0, -1, 5]], np.float32), np.diag([1.0, 2, 3])
    for bad in (*not_arrays(w), *other_dimensions(w), w[:, :2], np.full_like(w, np.nan), np.full_like(w, np.inf)):
        yield (bad, h), {}
    for bad in bad_hessians(h):
        yield (w, bad), {}
    for kwargs in ({"bits": 1}, {"bits": 9}, {"bits": True}, {"scheme": "other"}, {"axis": 2}, {"axis": 1, "group": 2},
                   {"group": 0}, {"scale": 0.0}, {"zero_point": 0}, {"iterations": -1}, {"iterations": 1.0},
                   {"iterations": True}, {"learning_rate": -0.1}, {"learning_rate": 1.1}, {"learning_rate": np.nan}):
        yield (w, h), kwargs


@composite
def quantize_adaround_strategy(draw):
    m, k = draw(st.integers(0, 6)), draw(st.integers(0, 17))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    kwargs = dict(draw(st.sampled_from(SHARING)))
    kwargs |= {"bits": draw(st.integers(2, 8)), "iterations": draw(st.integers(0, 9)),
               "learning_rate": draw(st.sampled_from([0.02, 0.5, 1]))}
    return (pruned(rng, (m, k)), hessian(rng, k, draw(st.integers(0, 50)))), kwargs


CASES["quantize_adaround"] = Cases(quantize_adaround_sweep, quantize_adaround_refusals, quantize_adaround_strategy)

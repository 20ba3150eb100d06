"""Layers with calibration inputs, and the grids that they are rounded to, for the tests of post-training methods."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

VALUES = st.one_of(st.floats(-2, 2, width=32), st.sampled_from([0.0, -0.0, 0.5, 1.5, 1e-30, 100.0, -1e4]))
GRIDS = st.fixed_dictionaries({
    "bits": st.integers(2, 8), "scheme": st.sampled_from(["symmetric", "affine"]),
}).flatmap(lambda g: st.sampled_from([{}, {"axis": None}, {"axis": 1}, {"group": 1}, {"group": 3}, {"group": 2**62}])
           .map(lambda sharing: {**g, **sharing}))


@st.composite
def layers(draw):
    """Weights (m, k) and calibration inputs (n, k)."""
    m, n, k = draw(st.integers(0, 4)), draw(st.integers(0, 6)), draw(st.integers(0, 9))
    return draw(hnp.arrays(np.float32, (m, k), elements=VALUES)), draw(hnp.arrays(np.float32, (n, k), elements=VALUES))


def layer(seed, m=6, k=20, n=64):
    """A layer whose inputs go together, some of them louder than others."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, k // 3 + 1)) @ rng.normal(size=(k // 3 + 1, k)) + 0.2 * rng.normal(size=(n, k))
    return rng.normal(size=(m, k)).astype(np.float32), (x * np.exp(rng.normal(size=k))).astype(np.float32)


def weight_of(q):
    return q.expand(q.scale).astype(np.float64) * (q.values.astype(np.int64) - q.expand(q.zero_point))


def error_of(fit, w, x):
    """The squared error of each output."""
    return np.sum((x.astype(np.float64) @ (weight_of(fit.weight) - w).T) ** 2, axis=0)


def exact_layer(seed, m=5, k=12, n=16):
    """A layer of small integers: with a scale that is a power of two every sum is exact."""
    rng = np.random.default_rng(seed)
    return rng.integers(-9, 10, (m, k)).astype(np.float32) / 4, rng.integers(-4, 5, (n, k)).astype(np.float32)

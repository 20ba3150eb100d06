"""The cases of quantize_clip and quantize_awq: every length of a row and of a layer, outliers, ties of errors."""

from collections.abc import Iterator

import numpy as np

from ..cases import Cases
from ..draws import composite, st
from ..hessians import bad_hessians, hessian
from ..values import FINITE, LENGTHS, not_arrays, ordinary, other_dimensions

CASES: dict[str, Cases] = {}

GRIDS: tuple[dict, ...] = ({}, {"group": 3}, {"scheme": "affine"}, {"group": 8, "scheme": "affine"}, {"group": 100})


def _layer(rng, m: int, k: int) -> np.ndarray:
    """Return weights of which some are outliers, so that narrower ranges pay."""
    return ordinary(rng, (m, k)) * np.where(rng.random((m, k)) < 0.1, np.float32(5), np.float32(1))


def _inputs(rng, n: int, k: int) -> np.ndarray:
    """Return inputs that go together, some of them large."""
    return (ordinary(rng, (n, k)) + ordinary(rng, (n, 1))) * np.exp(2 * ordinary(rng, k))


def _weights(rng) -> Iterator[tuple[np.ndarray, dict]]:
    for length in LENGTHS[::3]:  # what has lengths of its own is quantize_s8
        kwargs = {"bits": 2 + length % 3, "steps": 2, **GRIDS[length % 5]}
        yield _layer(rng, 3, length), kwargs
        yield _layer(rng, length, 7), kwargs
    for grid in GRIDS:
        yield _layer(rng, 9, 30), {"bits": 3, "steps": 5, **grid}
        yield np.resize(FINITE, (5, 20)), {"bits": 3, "steps": 4, **grid}
        yield np.zeros((2, 9), np.float32), {"steps": 2, **grid}  # ties everywhere
    yield _layer(rng, 530, 9), {"bits": 3, "steps": 2}  # more than are float64 at once


def quantize_clip_sweep():
    rng = np.random.default_rng(91)
    for w, kwargs in _weights(rng):
        yield (w, hessian(rng, w.shape[1])), kwargs
    w, h = _layer(rng, 4, 20), hessian(rng, 20)
    h[[2, 9]], h[:, [2, 9]] = 0, 0  # dead inputs
    for narrowest in (1e-3, 0.25, 1):
        yield (w, h), {"narrowest": narrowest, "group": 6}


def quantize_awq_sweep():
    rng = np.random.default_rng(92)
    for w, kwargs in _weights(rng):
        yield (w, _inputs(rng, 2 * w.shape[1], w.shape[1])), {"clip": kwargs.get("bits") == 3, **kwargs}
    w, x = _layer(rng, 4, 20), _inputs(rng, 30, 20)
    x[:, 5] = 0  # a dead input
    for kwargs in ({"axis": 1, "clip": False}, {"axis": None, "clip": False, "bits": 3}, {"steps": 1, "clip": False}):
        yield (w, x), kwargs
    yield (w, x[:0]), {}  # no sample


def _bad_layers(w) -> Iterator:
    yield from (*not_arrays(w), *other_dimensions(w), w[:, :2], np.full_like(w, np.nan), np.full_like(w, np.inf))


def _bad_grids() -> Iterator[dict]:
    yield from ({"bits": 1}, {"bits": 9}, {"bits": True}, {"scheme": "other"}, {"group": 0}, {"group": 1.5},
                {"steps": 0}, {"steps": True}, {"steps": 1.5})


def quantize_clip_refusals():
    w, h = np.array([[3, 1, 2], [0, -1, 5]], np.float32), np.diag([1.0, 2, 3])
    for bad in _bad_layers(w):
        yield (bad, h), {}
    for bad in bad_hessians(h):
        yield (w, bad), {}
    for kwargs in (*_bad_grids(), {"narrowest": 0}, {"narrowest": 1.1}, {"narrowest": np.nan}, {"narrowest": True}):
        yield (w, h), kwargs


def quantize_awq_refusals():
    w, x = np.array([[3, 1, 2], [0, -1, 5]], np.float32), np.ones((4, 3), np.float32)
    for bad in _bad_layers(w):
        yield (bad, x), {}
        yield (w, bad if bad is not None and getattr(bad, "shape", None) != w.shape else x[:, :2]), {}
    for kwargs in (*_bad_grids(), {"axis": 1}, {"axis": 2}, {"axis": 1, "group": 2}, {"clip": 1}):
        yield (w, x), kwargs


@composite
def quantize_clip_strategy(draw):
    m, k = draw(st.integers(0, 6)), draw(st.integers(0, 9))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    kwargs = {**draw(st.sampled_from(GRIDS)), "bits": draw(st.integers(2, 8)), "steps": draw(st.integers(1, 3))}
    return (_layer(rng, m, k), hessian(rng, k, draw(st.integers(0, 50)))), kwargs


@composite
def quantize_awq_strategy(draw):
    m, k = draw(st.integers(0, 6)), draw(st.integers(0, 9))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    kwargs = {**draw(st.sampled_from(GRIDS)), "bits": draw(st.integers(2, 8)), "steps": draw(st.integers(1, 3)),
              "clip": draw(st.integers(0, 9)) == 0}
    return (_layer(rng, m, k), _inputs(rng, draw(st.integers(0, 50)), k)), kwargs


CASES["quantize_clip"] = Cases(quantize_clip_sweep, quantize_clip_refusals, quantize_clip_strategy)


CASES["quantize_awq"] = Cases(quantize_awq_sweep, quantize_awq_refusals, quantize_awq_strategy)

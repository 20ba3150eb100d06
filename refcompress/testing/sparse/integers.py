"""The cases of sparse_s8s8: scales of every shape, both ends of int8, sums that leave 16 bits."""

import numpy as np

from ... import reference
from ...formats import Quantized
from ..cases import Cases
from ..draws import array, composite, finite, int8, scales, st
from ..values import MIDDLE, not_arrays, ordinary, other_dimensions, sizes, whole, with_fields
from .matrices import drawn, sparse

_F = np.float32

CASES: dict[str, Cases] = {}


def sparse_s8s8_sweep():
    rng = np.random.default_rng(82)
    for m, k, n in sizes(rng):
        w = sparse(rng, n, k, 1 + (m + k + n) % 4, 0.4 if (m + k) % 3 else 1)
        w = with_fields(w, scale=w.scale * _F(1 / 3))
        x, x_scale = whole(rng, (m, k), 127, np.int8), rng.uniform(0.5, 2, m).astype(_F)
        yield (x, x_scale, w, *([ordinary(rng, n)] if n % 2 else [])), {}
    edges, kept = np.int8([[-128, 127, 0, 1, -1]] * 3), np.ones((3, 5), bool)
    for scale in (2.0**-126, 2.0**-70, 1 / 3, 3e38):
        w = reference.sparse_bitmask_pack(Quantized(edges, np.full((3, 1), scale, _F), np.zeros((3, 1), np.int8)), kept)
        yield (edges, np.full(3, scale, _F), w, _F([0, -0.0, 3e38])), {}
    for m, k, n in MIDDLE:
        x = rng.choice([-128, 127], (m, k)).astype(np.int8)
        w = sparse(rng, n, k, 3 if k < 1000 else 2, 0.6)
        yield (x, rng.uniform(0.5, 2, m).astype(_F), w), {}


def sparse_s8s8_refusals():
    x, x_scale = np.ones((2, 3), np.int8), np.ones(2, _F)
    q = Quantized(np.ones((4, 3), np.int8), _F([[1]]), np.int8([[0]]))
    w = reference.sparse_bitmask_pack(q)
    for bad in (*not_arrays(x), *other_dimensions(x), x[:, :2], x.astype(np.uint8)):
        yield (bad, x_scale, w), {}
    for bad in (None, 1.0, np.ones(2), np.ones(3, _F), np.ones((2, 1), _F), _F([1, 0]), _F([1, np.inf]),
                _F([np.nan, 1]), _F([1, 1e-45])):
        yield (x, bad, w), {}
    for bad in (None, x, q, reference.sparse_bitmask_pack(np.ones((4, 3), _F))):
        yield (x, x_scale, bad), {}
    for bad in (1.0, np.ones(4), np.ones(3, _F), np.ones((1, 4), _F)):
        yield (x, x_scale, w, bad), {}
    wide = reference.sparse_bitmask_pack(Quantized(np.ones((1, 65_794), np.int8), _F([[1]]), np.int8([[0]])))
    yield (np.ones((1, 65_794), np.int8), _F([1]), wide), {}


@composite
def sparse_s8s8_strategy(draw):
    w = draw(drawn(finite(), integers=True))
    (n, k), m = w.shape, draw(st.integers(0, 9))
    x, x_scale = draw(array(np.int8, (m, k), int8())), draw(array(_F, m, scales()))
    return (x, x_scale, w, draw(st.none() | array(_F, n, st.floats(width=32)))), {}


CASES["sparse_s8s8"] = Cases(sparse_s8s8_sweep, sparse_s8s8_refusals, sparse_s8s8_strategy)

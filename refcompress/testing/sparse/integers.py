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


def _as_u8(x, x_scale, w, bias=None):
    """Takes the inputs with 128 added for what they were."""
    reference.sparse_s8s8(x, x_scale, w, bias)
    values = np.zeros(w.shape)
    values[w.kept] = w.values
    scale = np.repeat(np.broadcast_to(w.scale, (len(values), w.scale.shape[1])), w.segment, axis=1)[:, : w.shape[1]]
    y = (x.astype(np.float64) + 128) @ (values * scale).T * x_scale[:, None]
    return (y if bias is None else y + bias).astype(_F)


def _rounded_early(x, x_scale, w, bias=None):
    y = reference.sparse_s8s8(x, x_scale, w)
    return y if bias is None else y + bias


def _sixteen_bit_sums(x, x_scale, w, bias=None):
    """Adds pairs of products in 16 bits, which saturate."""
    reference.sparse_s8s8(x, x_scale, w, bias)
    values = np.zeros(w.shape, np.int64)
    values[w.kept] = w.values
    scale = np.repeat(np.broadcast_to(w.scale, (len(values), w.scale.shape[1])), w.segment, axis=1)[:, : w.shape[1]]
    products = x.astype(np.int64)[:, None] * values
    pairs = products[..., 0 : products.shape[2] // 2 * 2].reshape(*products.shape[:2], -1, 2).sum(axis=3)
    lost = pairs - np.clip(pairs, -(2**15), 2**15 - 1)
    lost = (lost * scale[:, 0 : lost.shape[2] * 2 : 2]).sum(axis=2) * x_scale[:, None]
    return (reference.sparse_s8s8(x, x_scale, w, bias) - lost).astype(_F)


CASES["sparse_s8s8"] = Cases(
    sparse_s8s8_sweep, sparse_s8s8_refusals, sparse_s8s8_strategy,
    wrong={
        "128 left on the inputs": _as_u8,
        "rounded to float32 before the bias": _rounded_early,
        "pairs saturate at 16 bits": _sixteen_bit_sums,
        "one scale for all rows of x": lambda x, x_scale, w, bias=None:
            reference.sparse_s8s8(x, np.resize(x_scale[:1], x_scale.shape), w, bias),
        "one scale for all groups": lambda x, x_scale, w, bias=None: reference.sparse_s8s8(
            x, x_scale, with_fields(w, scale=np.broadcast_to(w.scale[:, :1], w.scale.shape).copy()), bias),
    },
)

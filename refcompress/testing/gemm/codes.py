"""The cases of int8 inputs by weights of 4 bits: every shape of scales and codebooks, and sums that round."""

import numpy as np

from ... import reference
from ...formats import Packed, Quantized, Shared
from ..cases import Cases
from ..draws import array, composite, int8, lengths, st
from ..values import not_arrays, other_dimensions, sizes, whole
from .narrow import FORMS, lut_hostile, lut_weights, s4_hostile, s4_weights

_F = np.float32
_MIDDLE = ((2, 900, 50), (9, 770, 49), (67, 130, 65), (1, 4099, 17))  # (m, k, n): past panels, blocks and tiles

CASES: dict[str, Cases] = {}


def _weights(make, rng, n: int, k: int, form: int):
    """Return weights of a form; a scale for each input, which is refused, becomes a scale for each output."""
    w = make(rng, n, k, form)
    if isinstance(w, Packed) and w.group is None and w.scale.shape[1] != 1:
        return Packed(w.data, w.shape, 4, w.scale[:, :1].copy(), w.zero_point[:, :1].copy())
    return w


def _s4_ordinary(rng, n: int, k: int) -> Packed:
    """Return groups of 30 with scales of all bits: what rounds in another order shows."""
    scale = rng.uniform(0.5, 2, (n, -(-k // 30))).astype(_F)
    values, zero_point = (rng.integers(-8, 8, shape).astype(np.int8) for shape in ((n, k), scale.shape))
    return reference.quantize_pack(Quantized(values, scale, zero_point, 30))


def _lut_ordinary(rng, n: int, k: int) -> Shared:
    codes = rng.integers(0, 16, (n, k)).astype(np.uint8)
    return Shared(codes, rng.standard_normal((n, -(-k // 30), 16)).astype(_F), 30)


def _sweep(make, hostile, ordinary):
    def calls():
        rng = np.random.default_rng(91)
        for i, (m, k, n) in enumerate(sizes(rng)):
            x_scale = rng.uniform(0.5, 2, m).astype(_F)
            yield (whole(rng, (m, k), 127, np.int8), x_scale, _weights(make, rng, n, k, i % FORMS)), {}
        for i, w in enumerate(hostile(rng)):
            x = np.resize(np.int8([-128, 127, 1, 0, -1]), (2, w.shape[1]))
            yield (x, _F([2.0**-126, 3e38][:: 1 - i % 2 * 2]), w), {}
        for m, k, n in _MIDDLE:
            for w in (*(_weights(make, rng, n, k, form) for form in (1, 2, 3)), ordinary(rng, n, k)):
                x = rng.choice([-128, 127, 126], (m, k)).astype(np.int8)
                yield (x, rng.uniform(0.5, 2, m).astype(_F), w), {}

    return calls


def _refusals(good, *others):
    def calls():
        x, x_scale = np.ones((2, 3), np.int8), np.ones(2, _F)
        for bad in (*not_arrays(x), *other_dimensions(x), x[:, :2], x.astype(np.uint8)):
            yield (bad, x_scale, good), {}
        for bad in (None, 1.0, np.ones(2), np.ones(3, _F), np.ones((2, 1), _F), _F([1, 0]), _F([1, np.inf]),
                    _F([np.nan, 1]), _F([1, 1e-45])):
            yield (x, bad, good), {}
        for bad in (None, x, good.dense(), *others):
            yield (x, x_scale, bad), {}

    return calls


def _inputs(draw, k):
    m = draw(st.integers(0, 9))
    scales = st.sampled_from([1.0, 0.5, 2.0**-126, 2.0**100]) | st.floats(2.0**-20, 2.0**20, width=32)
    return draw(array(np.int8, (m, k), int8())), draw(array(_F, m, scales))


def _group(draw, k):
    group = draw(st.none() | st.integers(1, 20))
    return group, 1 if group is None else -(-k // group)


@composite
def gemm_s8s4_strategy(draw):
    n, k = draw(lengths()), draw(lengths())
    group, columns = _group(draw, k)
    four = st.integers(-8, 7)
    shape = (draw(st.sampled_from([1, n])), columns)
    scale = draw(array(_F, shape, st.sampled_from([1.0, 2.0**-126, 2.0**100]) | st.floats(0.5, 2, width=32)))
    zero_point = draw(array(np.int8, shape, draw(st.sampled_from([st.just(0), four]))))
    w = Quantized(draw(array(np.int8, (n, k), four)), scale, zero_point, group)
    return (*_inputs(draw, k), reference.quantize_pack(w)), {}


@composite
def gemm_s8lut4_strategy(draw):
    n, k, c = draw(lengths()), draw(lengths()), draw(st.integers(1, 16))
    group, columns = _group(draw, k)
    books = (c,) if group is None and draw(st.booleans()) else (n, columns, c)
    codebook = draw(array(_F, books, st.floats(-(2.0**20), 2.0**20, width=32) | st.just(0.0)))
    codes = draw(array(np.uint8, (n, k), st.integers(0, c - 1)))
    return (*_inputs(draw, k), Shared(codes, codebook, group)), {}


_ONES = Quantized(np.ones((4, 3), np.int8), np.ones((1, 1), _F), np.zeros((1, 1), np.int8))
_S4 = reference.quantize_pack(_ONES)
_OF_3 = reference.quantize_pack(_ONES, bits=3)
_S4_OF_INPUTS = reference.quantize_pack(Quantized(_ONES.values, np.ones((1, 3), _F), np.zeros((1, 3), np.int8)))
_LUT = Shared(np.zeros((4, 3), np.uint8), np.array([1, 2], _F))

CASES["gemm_s8s4"] = Cases(
    _sweep(s4_weights, s4_hostile, _s4_ordinary),
    _refusals(_S4, _S4_OF_INPUTS, _OF_3, _LUT, Packed(_S4.data[0], (3,), 4, np.ones(1, _F), np.zeros(1, np.int8))),
    gemm_s8s4_strategy)

CASES["gemm_s8lut4"] = Cases(
    _sweep(lut_weights(16), lut_hostile(16), _lut_ordinary),
    _refusals(_LUT, _S4, Shared(np.zeros((4, 3), np.uint8), np.zeros(17, _F)),
              Shared(np.zeros(3, np.uint8), np.ones(1, _F))),
    gemm_s8lut4_strategy)

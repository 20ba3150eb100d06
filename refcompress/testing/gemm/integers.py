"""The cases of the integer products with what follows them: ties, both ends of the grid, every shape of scales."""

import numpy as np

from ...formats import Quantized
from ..cases import Cases
from ..draws import array, composite, int8, lengths, st
from ..quantize.integers import quantized
from ..values import not_arrays, ordinary, other_dimensions, sizes, whole

_F = np.float32
_MIDDLE = ((13, 1030, 65), (7, 130, 129), (3, 8300, 17), (97, 24, 40))  # (m, k, n): past blocks and pieces

CASES: dict[str, Cases] = {}


# gemm_s8s8_requantized

def _layer(rng, n, k, shift=None):
    """Return bias, multiplier and shift, so that some results are clipped and most are not."""
    bias = rng.integers(-500, 501, n).astype(np.int32)
    multiplier = rng.integers(2**30, 2**31, n).astype(np.int32)
    shift = (rng.integers(5, 9, n) if shift is None else np.full(n, shift)).astype(np.int32)
    return bias, multiplier, shift


def gemm_s8s8_requantized_sweep():
    rng = np.random.default_rng(61)
    for m, k, n in sizes(rng):
        x, w = whole(rng, (m, k), 127, np.int8), whole(rng, (n, k), 127, np.int8)
        yield (x, w, *_layer(rng, n, k)), {"zero_point": (m + k + n) % 7 - 3}
        if max(m, k, n) < 10:
            yield (x, w, *_layer(rng, n, k)), {"lowest": -5, "highest": 90}
    for k in (0, 1, 5, 70):  # halves of small integers: every second one is a tie
        x, w = whole(rng, (9, k), 3, np.int8), whole(rng, (33, k), 3, np.int8)
        half = np.full(33, 2**30, np.int32), np.zeros(33, np.int32)
        yield (x, w, rng.integers(-9, 10, 33).astype(np.int32), *half), {"zero_point": k - 5, "lowest": -7}
    edges = np.int32([-(2**31) + 1 + 2**14, 2**31 - 1 - 2**14, 0, 1, -1])
    for shift in (-30, -1, 0, 14, 15, 31):
        for multiplier in (0, 1, 2**30 + 1, 2**31 - 1):
            factors = np.full(5, multiplier, np.int32), np.full(5, shift, np.int32)
            yield (np.int8([[-128], [1], [0]]), np.int8([[-128], [127], [1], [3], [-1]]), edges, *factors), {}
    for shift in (13, 17, 20):  # long sums: in double, and beyond it
        x, w = rng.choice([-128, 127], (5, 600)).astype(np.int8), rng.choice([-128, 127], (6, 600)).astype(np.int8)
        x[0], w[0] = -128, -128
        yield (x, w, *_layer(rng, 6, 600, shift)), {"zero_point": 7, "lowest": 7, "highest": 100}
    for m, k, n in _MIDDLE:
        x, w = rng.integers(-128, 128, (m, k)).astype(np.int8), rng.integers(-128, 128, (n, k)).astype(np.int8)
        yield (x, w, *_layer(rng, n, k, 10)), {"zero_point": -128}


def gemm_s8s8_requantized_refusals():
    x, w = np.ones((2, 3), np.int8), np.ones((4, 3), np.int8)
    layer = np.zeros(4, np.int32), np.full(4, 2**30, np.int32), np.zeros(4, np.int32)
    for bad in (*not_arrays(x), *other_dimensions(x), x[:, :2], x.astype(np.uint8)):
        yield (bad, w, *layer), {}
    for bad in (*not_arrays(w), *other_dimensions(w)):
        yield (x, bad, *layer), {}
    for i, values in enumerate(((2**31 - 3 * 2**14, 3 * 2**14 - 2**31), (-1,), (-31, 32))):
        for bad in (None, "text", 3, np.int64([1] * 4), _F([1] * 4), np.int32([1] * 3), np.int32([[1] * 4]),
                    *(np.int32([0, 0, value, 0]) for value in values)):
            yield (x, w, *layer[:i], bad, *layer[i + 1 :]), {}
    for kwargs in ({"zero_point": 128}, {"zero_point": 0.0}, {"lowest": 1}, {"lowest": -129}, {"highest": 128},
                   {"lowest": 3, "highest": 2, "zero_point": 3}, {"highest": -1}, {"zero_point": None}):
        yield (x, w, *layer), kwargs


@composite
def gemm_s8s8_requantized_strategy(draw):
    m, k, n = draw(lengths()), draw(lengths()), draw(lengths())
    x, w = draw(array(np.int8, (m, k), int8())), draw(array(np.int8, (n, k), int8()))
    bias = draw(array(np.int32, n, st.integers(-(2**30), 2**30) | st.integers(-9, 9)))
    multiplier = draw(array(np.int32, n, st.integers(0, 2**31 - 1) | st.just(2**30)))
    shift = draw(array(np.int32, n, st.integers(-30, 31)))
    lowest = draw(st.integers(-128, 120))
    zero_point = draw(st.integers(lowest, 127))
    return (x, w, bias, multiplier, shift), {"zero_point": zero_point, "lowest": lowest,
                                             "highest": draw(st.integers(zero_point, 127))}


CASES["gemm_s8s8_requantized"] = Cases(
    gemm_s8s8_requantized_sweep, gemm_s8s8_requantized_refusals, gemm_s8s8_requantized_strategy)


# gemm_s8s8_scaled

def gemm_s8s8_scaled_sweep():
    rng = np.random.default_rng(62)
    for m, k, n in sizes(rng):
        x, x_scale = whole(rng, (m, k), 127, np.int8), rng.uniform(0.5, 2, m).astype(_F)
        q = quantized(rng, n, k, (m + k + n) % 4)
        some = Quantized(q.values, q.scale * _F(1 / 3), q.zero_point if k % 3 else 0 * q.zero_point, q.group)
        yield (x, x_scale, some, *([ordinary(rng, n)] if n % 2 else [])), {}
    edges = np.int8([[-128, 127, 0, 1, -1]] * 3)
    for scale in (2.0**-126, 2.0**-70, 1 / 3, 3e38):
        w = Quantized(edges, np.full((3, 1), scale, _F), np.int8([[-128], [0], [127]]))
        yield (edges, np.full(3, scale, _F), w, _F([0, -0.0, 3e38])), {}
    for m, k, n in _MIDDLE:
        group = None if k > 8000 else 32
        values = rng.integers(-8, 8, (n, k)).astype(np.int8)
        scale = rng.uniform(0.5, 2, (n, 1 if group is None else -(-k // 32))).astype(_F)
        w = Quantized(values, scale, np.zeros(scale.shape, np.int8), group)
        x = rng.integers(-128, 128, (m, k)).astype(np.int8)
        yield (x, rng.uniform(0.5, 2, m).astype(_F), w, ordinary(rng, n)), {}


def gemm_s8s8_scaled_refusals():
    x, x_scale = np.ones((2, 3), np.int8), np.ones(2, _F)
    w = Quantized(np.ones((4, 3), np.int8), _F([[1]]), np.int8([[0]]))
    for bad in (*not_arrays(x), *other_dimensions(x), x[:, :2], x.astype(np.uint8)):
        yield (bad, x_scale, w), {}
    for bad in (None, 1.0, np.ones(2), np.ones(3, _F), np.ones((2, 1), _F), _F([1, 0]), _F([1, np.inf]),
                _F([np.nan, 1]), _F([1, 1e-45])):
        yield (x, bad, w), {}
    for bad in (None, x, w.values, Quantized(np.ones(3, np.int8), _F([1]), np.int8([0])),
                Quantized(w.values, np.ones((1, 3), _F), np.zeros((1, 3), np.int8)),
                Quantized(w.values.astype(np.int16), _F([[1]]), np.int16([[0]]))):
        yield (x, x_scale, bad), {}
    for bad in (1.0, np.ones(4), np.ones(3, _F), np.ones((1, 4), _F)):
        yield (x, x_scale, w, bad), {}
    wide = Quantized(np.ones((1, 65_794), np.int8), _F([[1]]), np.int8([[0]]))
    yield (np.ones((1, 65_794), np.int8), _F([1]), wide), {}


@composite
def gemm_s8s8_scaled_strategy(draw):
    m, k, n = draw(st.integers(0, 9)), draw(lengths()), draw(lengths())
    group = draw(st.none() | st.integers(1, 20))
    columns = 1 if group is None else -(-k // group)
    shape = (draw(st.sampled_from([1, n])), columns)
    scales = st.sampled_from([1.0, 0.5, 2.0**-126, 2.0**100]) | st.floats(2.0**-20, 2.0**20, width=32)
    zero = draw(st.sampled_from([st.just(0), int8()]))
    w = Quantized(draw(array(np.int8, (n, k), int8())), draw(array(_F, shape, scales)),
                  draw(array(np.int8, shape, zero)), group)
    x, x_scale = draw(array(np.int8, (m, k), int8())), draw(array(_F, m, scales))
    bias = draw(st.none() | array(_F, n, st.floats(width=32)))
    return (x, x_scale, w, bias), {}


CASES["gemm_s8s8_scaled"] = Cases(gemm_s8s8_scaled_sweep, gemm_s8s8_scaled_refusals, gemm_s8s8_scaled_strategy)

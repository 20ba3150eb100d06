"""The cases of the products: integers whose sums are exact, and floats whose sums round."""

import numpy as np

from ...formats import Quantized
from ..cases import Cases
from ..draws import any_floats, array, composite, either, int8, lengths, st
from ..quantize.integers import quantized, quantized_draw
from ..values import FINITE, HOSTILE, MIDDLE, not_arrays, ordinary, other_dimensions, sizes, whole

_F = np.float32

CASES: dict[str, Cases] = {}


# gemm_s8s8

def gemm_s8s8_sweep(dtype=np.int8, high: int = 127, edge: int = 131_071):
    rng = np.random.default_rng(9)
    low, top = np.iinfo(dtype).min, np.iinfo(dtype).max
    for m, k, n in sizes(rng):
        yield (whole(rng, (m, k), high, dtype), whole(rng, (n, k), 127, np.int8)), {}
        x, w = rng.choice([low, top, top - 1], (m, k)), rng.choice([-128, 127], (n, k))
        yield (x.astype(dtype), w.astype(np.int8)), {}
    for k in range(1, 68):  # the largest sums there are, of one sign
        yield (np.full((1, k), low or top, dtype), np.full((2, k), -128, np.int8)), {}
    for m, k, n in MIDDLE:
        yield (rng.integers(low, top + 1, (m, k)).astype(dtype), rng.integers(-128, 128, (n, k)).astype(np.int8)), {}
    # One term more would not fit an int32.
    yield (np.full((1, edge), low or top, dtype), np.full((1, edge), -128, np.int8)), {}
    # More terms, whose sums fit: above 2**31 on the way.
    x, w = np.full((2, edge + 9), low or top, dtype), np.full((3, edge + 9), -128, np.int8)
    x[:, 9:99] = 0
    w[1, 1000:] = 1
    w[2, edge // 2 :] = 127
    yield (x, w), {}
    # An odd sum above 2**24, which no float32 is.
    yield (np.full((1, 4099), top, dtype), np.full((1, 4099), 127, np.int8)), {}


def gemm_s8s8_refusals(dtype=np.int8, most: int = 131_071):
    x, w = np.ones((2, 3), dtype), np.ones((4, 3), np.int8)
    other_sign = x.astype(np.uint8 if dtype is np.int8 else np.int8)
    for bad in (*not_arrays(x), *other_dimensions(x), x[:, :2], x[:, :2].copy(), other_sign):
        yield (bad, w), {}
    for bad in (*not_arrays(w), *other_dimensions(w), w.astype(np.uint8)):
        yield (x, bad), {}
    low, top = np.iinfo(dtype).min, np.iinfo(dtype).max
    yield (np.full((1, most + 1), low or top, dtype), np.full((1, most + 1), -128, np.int8)), {}  # leaves int32
    yield (np.ones((2**31, 0), dtype), np.ones((2**31, 0), np.int8)), {}  # y would have 2**64 bytes


@composite
def _gemm_draw(draw, dtype):
    k = draw(lengths())
    x = draw(array(dtype, (draw(lengths()), k)))
    return (x, draw(array(np.int8, (draw(lengths()), k), int8()))), {}


CASES["gemm_s8s8"] = Cases(gemm_s8s8_sweep, gemm_s8s8_refusals, lambda: _gemm_draw(np.int8))


# gemm_u8s8

def gemm_u8s8_sweep():
    yield from gemm_s8s8_sweep(np.uint8, 255, 65_793)


def gemm_u8s8_refusals():
    yield from gemm_s8s8_refusals(np.uint8, 65_793)


CASES["gemm_u8s8"] = Cases(gemm_u8s8_sweep, gemm_u8s8_refusals, lambda: _gemm_draw(np.uint8))


# gemm_f32s8

def gemm_f32s8_sweep():
    rng = np.random.default_rng(10)
    for m, k, n in sizes(rng):
        for form in ((m + k + n) % 6, (m + k + n + 3) % 6):
            yield (whole(rng, (m, k)), quantized(rng, n, k, form)), {}
    for i in range(24):
        yield (rng.choice(HOSTILE, (3, 17)), quantized(rng, 5, 17, i % 6)), {}
        yield (rng.choice(FINITE[:-2], (3, 33)), quantized(rng, 5, 33, i % 6)), {}
        x = whole(rng, (3, 19))
        x[1, i % 19] = HOSTILE[-1 - i % 3]  # only the second row may become special; a weight of 0 makes Inf a NaN
        yield (x, Quantized(rng.integers(-1, 2, (5, 19)).astype(np.int8), np.float32([[1]]), np.int8([[0]]))), {}
        yield (ordinary(rng, (3, 67)), quantized(rng, 5, 67, i % 6)), {}
    for scale in (2.0**-126, 2.0**-100, 1 / 3, 2.0**100, 3e38):
        edges, zero_point = np.int8([[-128, 127, 0, 1, -1]] * 3), np.int8([[-128], [0], [127]])
        w = Quantized(edges, np.full((3, 1), scale, np.float32), zero_point)
        yield (whole(rng, (2, 5)), w), {}
        yield (ordinary(rng, (2, 5)), w), {}
    for form, (m, k, n) in enumerate(MIDDLE):
        yield (whole(rng, (m, k), 3), quantized(rng, n, k, form, high=9, steps=0)), {}
        yield (ordinary(rng, (m, k)), quantized(rng, n, k, form)), {}


def gemm_f32s8_refusals():
    x = np.ones((2, 3), np.float32)
    w = Quantized(np.ones((4, 3), np.int8), _F([[1]]), np.int8([[0]]))
    for bad in (*not_arrays(x), *other_dimensions(x), x[:, :2], x[:, :2].copy()):
        yield (bad, w), {}
    for bad in (None, x, w.values, Quantized(np.ones(3, np.int8), _F([1]), np.int8([0]))):
        yield (x, bad), {}
    yield (np.ones((2**60, 0), np.float32), Quantized(np.ones((4, 0), np.int8), _F([[1]]), np.int8([[0]]))), {}


@composite
def gemm_f32s8_strategy(draw):
    k = draw(lengths())
    x = draw(array(np.float32, (draw(st.integers(0, 9)), k), draw(either(any_floats()))))
    return (x, draw(quantized_draw((draw(lengths()), k)))), {}


CASES["gemm_f32s8"] = Cases(gemm_f32s8_sweep, gemm_f32s8_refusals, gemm_f32s8_strategy)


# gemm_f32f32

def gemm_f32f32_sweep():
    rng = np.random.default_rng(43)
    for transposed in (False, True):
        def both(x, w, transposed=transposed):
            return (x, np.ascontiguousarray(w.T) if transposed else w), {"transposed": transposed}

        for m, k, n in sizes(rng):
            yield both(whole(rng, (m, k)), whole(rng, (n, k)))
        for i in range(12):
            yield both(rng.choice(HOSTILE, (3, 17)), rng.choice(FINITE[:-2], (5, 17)))
            yield both(rng.choice(FINITE[:-2], (3, 33)), rng.choice(HOSTILE, (5, 33)))
            x, w = whole(rng, (3, 19)), rng.integers(-1, 2, (5, 19)).astype(np.float32)
            x[1, i % 19] = HOSTILE[-1 - i % 3]  # only the second row may become special; a weight of 0 makes Inf a NaN
            yield both(x, w)
            yield both(ordinary(rng, (3, 67)), ordinary(rng, (5, 67)))
        for m, k, n in (*MIDDLE, (4, 20, 1030)):
            yield both(whole(rng, (m, k), 3), whole(rng, (n, k), 9))
            yield both(ordinary(rng, (m, k)), ordinary(rng, (n, k)))


def gemm_f32f32_refusals():
    x, w = np.ones((2, 3), np.float32), np.ones((4, 3), np.float32)
    for bad in (*not_arrays(x), *other_dimensions(x), x[:, :2], x[:, :2].copy()):
        yield (bad, w), {}
    for bad in (*not_arrays(w), *other_dimensions(w), w[:, :2], w[:, :2].copy(), np.ones((3, 4), np.float32)):
        yield (x, bad), {}
    yield (x, w), {"transposed": True}
    yield (np.ones((2**31, 0), np.float32), np.ones((2**31, 0), np.float32)), {}  # y would have 2**64 bytes
    yield (x, w), {"transposed": 1}
    yield (x, w), {"transposed": None}


@composite
def gemm_f32f32_strategy(draw):
    k, transposed = draw(lengths()), draw(st.booleans())
    x = draw(array(np.float32, (draw(st.integers(0, 9)), k), draw(either(any_floats()))))
    n = draw(lengths())
    w = draw(array(np.float32, (k, n) if transposed else (n, k), draw(either(any_floats()))))
    return (x, w), {"transposed": transposed}


CASES["gemm_f32f32"] = Cases(gemm_f32f32_sweep, gemm_f32f32_refusals, gemm_f32f32_strategy)

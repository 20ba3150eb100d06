"""The sweeps of the gemm family."""

import numpy as np

from ...formats import Mixed, Quantized
from ..values import FINITE, HOSTILE, MIDDLE, ordinary, sizes, whole
from .quantize import quantized


def gemm_s8s8(dtype=np.int8, high: int = 127, edge: int = 131_071):
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
    # An odd sum above 2**24, which no float32 is.
    yield (np.full((1, 4099), top, dtype), np.full((1, 4099), 127, np.int8)), {}


def gemm_u8s8():
    yield from gemm_s8s8(np.uint8, 255, 65_793)


def gemm_f32s8():
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


def wider(rng, q: Quantized, high: int) -> Quantized:
    """Return a Quantized of int16 with the scales of ``q`` and no value equal to its zero point."""
    zero_point = rng.integers(-300, 301, q.scale.shape).astype(np.int16)
    values = rng.integers(-high, high + 1, q.shape).astype(np.int16)
    other = Quantized(values, q.scale, zero_point, q.group)
    return Quantized(np.where(values == other.expand(zero_point), np.int16(999), values), q.scale, zero_point, q.group)


def mixed(rng, n: int, k: int, axis: int, form: int, *, high: int = 2000, steps: int = 3) -> Mixed:
    """Return an (n, k) Mixed, about a third of it wide, its parts with scales of two of the forms of ``quantized``."""
    wide = rng.random((n, k)[axis]) < rng.choice([0, 0.3, 1], p=[0.1, 0.8, 0.1])
    count = int(np.count_nonzero(wide))
    shapes = [(len(wide) - count, k), (count, k)] if axis == 0 else [(n, len(wide) - count), (n, count)]
    low = quantized(rng, *shapes[0], form, high=min(high, 127), steps=steps)
    return Mixed(low, wider(rng, quantized(rng, *shapes[1], (form + 2) % 6, steps=steps), high), wide, axis)


def gemm_f32mixed():
    rng = np.random.default_rng(41)
    for m, k, n in sizes(rng):
        for axis in (0, 1) if (m, n) == (3, 5) else ((m + n) // 2 % 2,):  # every inner length in both
            yield (whole(rng, (m, k), 3), mixed(rng, n, k, axis, (m + k + n) % 6, steps=1)), {}
    for i in range(12):
        yield (rng.choice(HOSTILE, (3, 17)), mixed(rng, 5, 17, i % 2, i % 6)), {}
        yield (rng.choice(FINITE[:-2], (3, 33)), mixed(rng, 5, 33, i % 2, i % 6)), {}
        yield (ordinary(rng, (3, 67)), mixed(rng, 5, 67, i % 2, i % 6)), {}
        x = whole(rng, (3, 19))
        x[1, i % 19] = HOSTILE[-1 - i % 3]  # only the second row may become special; a weight of 0 makes Inf a NaN
        yield (x, mixed(rng, 5, 19, i % 2, i % 6, high=1, steps=0)), {}
    edges, zero_point = np.int16([[-32768, 32767, 0, 1, -1]] * 3), np.int16([[-32768], [0], [32767]])
    for scale in (2.0**-126, 2.0**-100, 1 / 3, 2.0**100):
        high = Quantized(edges, np.full((3, 1), scale, np.float32), zero_point)  # up to 65,535 steps away
        low = Quantized(np.zeros((3, 0), np.int8), np.float32([[1]]), np.int8([[0]]))
        yield (whole(rng, (2, 5)), Mixed(low, high, np.ones(5, bool), 1)), {}
    for form, (m, k, n) in enumerate(MIDDLE):
        for axis in (0, 1):
            yield (whole(rng, (m, k), 3), mixed(rng, n, k, axis, form, high=9, steps=0)), {}
            yield (ordinary(rng, (m, k)), mixed(rng, n, k, axis, form)), {}


def gemm_f32f32():
    rng = np.random.default_rng(43)
    for transposed in (False, True):
        def both(x, w):
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


SWEEPS = {f.__name__: f for f in (gemm_s8s8, gemm_u8s8, gemm_f32s8, gemm_f32mixed, gemm_f32f32)}

"""The cases of gemm_f32mixed: parts of 8 and 16 bits along either axis, either part empty at times."""

import numpy as np

from ... import reference
from ...formats import Mixed, Quantized
from ..cases import Cases
from ..draws import any_floats, array, composite, either, lengths, st
from ..quantize.integers import quantized, quantized_draw
from ..values import FINITE, HOSTILE, MIDDLE, not_arrays, ordinary, other_dimensions, sizes, whole

CASES: dict[str, Cases] = {}


# gemm_f32mixed

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


def gemm_f32mixed_sweep():
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


def gemm_f32mixed_refusals():
    x = np.ones((2, 3), np.float32)
    w = reference.allocate_mixed(np.ones((4, 3), np.float32), np.bool_([True, False, True]), axis=1)
    for bad in (*not_arrays(x), *other_dimensions(x), x[:, :2], x[:, :2].copy()):
        yield (bad, w), {}
    for bad in (None, x, w.low, w.high):
        yield (x, bad), {}


@composite
def gemm_f32mixed_strategy(draw):
    n, k, axis = draw(lengths()), draw(lengths()), draw(st.integers(0, 1))
    wide = draw(array(np.bool_, (n, k)[axis], st.booleans()))
    count = int(np.count_nonzero(wide))
    low = draw(quantized_draw((n - count, k) if axis == 0 else (n, k - count)))
    q = draw(quantized_draw((count, k) if axis == 0 else (n, count)))
    steps = draw(st.sampled_from([1, 255, -256]))  # the values in turn small, and out to both ends of int16
    high = Quantized(q.values.astype(np.int16) * np.int16(steps), q.scale, q.zero_point.astype(np.int16), q.group)
    x = draw(array(np.float32, (draw(st.integers(0, 9)), k), draw(either(any_floats()))))
    return (x, Mixed(low, high, wide, axis)), {}


CASES["gemm_f32mixed"] = Cases(gemm_f32mixed_sweep, gemm_f32mixed_refusals, gemm_f32mixed_strategy)

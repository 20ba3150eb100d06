"""The cases of the products: integers whose sums are exact, and floats whose sums round."""

import numpy as np

from ... import reference
from ...formats import Quantized
from ..cases import Cases
from ..draws import any_floats, array, composite, either, int8, lengths, st
from ..quantize.integers import quantized, quantized_draw
from ..sums import interleaved
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


def _product(a, b) -> np.ndarray:
    return (np.asarray(a).astype(np.int64) @ np.asarray(b).astype(np.int64).T).astype(np.int32)


def _lost_tail_of_3(x, w):
    k = x.shape[1] - (x.shape[1] % 16 == 3)
    return _product(x[:, :k], w[:, :k])


def _lost_tail_of_64(x, w):
    k = x.shape[1] // 64 * 64 or x.shape[1]
    return _product(x[:, :k], w[:, :k])


def _int16_accumulator(x, w):
    return _product(x, w).astype(np.int16).astype(np.int32)


def _float32_accumulator(x, w):
    return (x.astype(np.float32) @ w.astype(np.float32).T).astype(np.int32)


_buffers: dict[tuple[int, int], np.ndarray] = {}


def _one_buffer(x, w):
    y = _buffers.setdefault((len(x), len(w)), np.empty((len(x), len(w)), np.int32))
    y[...] = _product(x, w)
    return y


def _assumes_contiguous(x, w):
    """Takes the address and the shape, and never looks at the strides."""
    memory = x.base if isinstance(x.base, np.ndarray) else x
    return _product(memory.ravel(order="K")[: x.size].reshape(x.shape), w)


_calls: list[None] = []


def _call_count(x, w):
    _calls.append(None)
    return _product(x, w) + np.int32(len(_calls) % 1000 == 0)


CASES["gemm_s8s8"] = Cases(
    gemm_s8s8_sweep, gemm_s8s8_refusals, lambda: _gemm_draw(np.int8),
    wrong={
        "tail lost at k mod 16 = 3": _lost_tail_of_3,
        "tail of k mod 64 lost": _lost_tail_of_64,
        "int16 accumulator": _int16_accumulator,
        "float32 accumulator": _float32_accumulator,
        "-128 taken as -127": lambda x, w: _product(np.maximum(x, -127), w),
        "int64 result": lambda x, w: _product(x, w).astype(np.int64),
        "weights not transposed": lambda x, w: _product(x, w) if len(w) != w.shape[1] else _product(x, w.T),
        "one output buffer for all calls": _one_buffer,
        "assumes contiguous": _assumes_contiguous,
        "depends on the number of calls": _call_count,
    },
    right={
        "in float64 by BLAS": lambda x, w: (x.astype(np.float64) @ w.astype(np.float64).T).astype(np.int32),
    },
)


# gemm_u8s8

def gemm_u8s8_sweep():
    yield from gemm_s8s8_sweep(np.uint8, 255, 65_793)


def gemm_u8s8_refusals():
    yield from gemm_s8s8_refusals(np.uint8, 65_793)


def _saturating_pairs(x, w):  # what the instruction vpmaddubsw does
    k = x.shape[1] // 2 * 2
    pairs = x[:, None, :k].astype(np.int32) * w[None, :, :k]
    pairs = np.clip(pairs[..., 0::2] + pairs[..., 1::2], -32768, 32767)
    return pairs.sum(axis=2, dtype=np.int32) + _product(x[:, k:], w[:, k:])


CASES["gemm_u8s8"] = Cases(
    gemm_u8s8_sweep, gemm_u8s8_refusals, lambda: _gemm_draw(np.uint8),
    wrong={
        "float32 accumulator": _float32_accumulator,
        "saturating pairs": _saturating_pairs,
        "u8 taken as s8": lambda x, w: _product(x.astype(np.int8), w),
    },
)


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


def _scale_first(x, w) -> np.ndarray:
    """gemm_f32s8 in another order: dequantise, round the products, then 16 chains."""
    w, x = w.dense(), x.astype(np.float32)
    y = np.zeros((len(x), len(w)), np.float32)
    for i in range(len(x)):
        y[i] = interleaved((x[i] * w).T, 16)
    return y


def _last_row_lost(x, w):
    y = _scale_first(x, w)
    y[len(x) - len(x) % 4 :] = 0
    return y


def _lost_past_4096(x, w):
    x = x.copy()
    x[:, 4096:] = 0
    return reference.gemm_f32s8(x, w)


def _few_bits(x, w):  # the 10 bits of a TF32 multiplier
    x = x.astype(np.float32)
    return reference.gemm_f32s8((x.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32), w)


def _skips_zeros(x, w):
    q = w.values.astype(np.int32) - w.expand(w.zero_point)
    terms = np.where(q == 0, 0, x.astype(np.float64)[:, None, :] * (q * w.expand(w.scale).astype(np.float64)))
    return terms.sum(axis=2).astype(np.float32)


def _scales_shifted(x, w):
    return reference.gemm_f32s8(x, Quantized(w.values, np.roll(w.scale, 1, axis=0), w.zero_point, w.group))


def _zero_point_ignored(x, w):
    return reference.gemm_f32s8(x, Quantized(w.values, w.scale, np.zeros_like(w.zero_point), w.group))


CASES["gemm_f32s8"] = Cases(
    gemm_f32s8_sweep, gemm_f32s8_refusals, gemm_f32s8_strategy,
    wrong={
        "last rows lost": _last_row_lost,
        "terms past 4096 lost": _lost_past_4096,
        "10 bits of x": _few_bits,
        "zero weights skipped": _skips_zeros,
        "scales shifted by a channel": _scales_shifted,
        "zero point ignored": _zero_point_ignored,
    },
    right={
        "scaled before summing, 16 chains": _scale_first,
    },
)


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


def _always_transposed(x, w, transposed=False):
    return reference.gemm_f32f32(x, w, transposed=transposed or w.shape[0] == w.shape[1] == x.shape[1])


def _column_lost(x, w, transposed=False):
    y = reference.gemm_f32f32(x, w, transposed=transposed)
    if transposed and y.shape[1] % 16:
        y[:, -1] = 0
    return y


def _dense_past_4096(x, w, transposed=False):
    x = x.copy()
    x[:, 4096:] = 0
    return reference.gemm_f32f32(x, w, transposed=transposed)


def _dense_in_chains(x, w, transposed=False):
    """gemm_f32f32 in float32: products rounded, then 8 chains of each dot product, and a tree."""
    x, w = x.astype(np.float32), (w if transposed else w.T).astype(np.float32)
    y = np.zeros((len(x), w.shape[1]), np.float32)
    with np.errstate(all="ignore"):
        for i in range(len(x)):
            y[i] = interleaved(x[i][:, None] * w, 8)
    return y


CASES["gemm_f32f32"] = Cases(
    gemm_f32f32_sweep, gemm_f32f32_refusals, gemm_f32f32_strategy,
    wrong={
        "a square w always transposed": _always_transposed,
        "last column of a short vector lost": _column_lost,
        "terms past 4096 lost": _dense_past_4096,
    },
    right={
        "products rounded, 8 chains": _dense_in_chains,
    },
)

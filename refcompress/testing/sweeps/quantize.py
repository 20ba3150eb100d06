"""The sweeps of the quantize family."""

import numpy as np

from ... import reference
from ...formats import Quantized
from ..values import FINITE, LENGTHS, ordinary


def quantize_8_bits():
    rng = np.random.default_rng(3)
    settings = ({}, {"scheme": "affine"}, {"axis": 0}, {"axis": 1, "scheme": "affine"}, {"axis": -1}, {"group": 4},
                {"group": 16, "scheme": "affine"})
    for n in LENGTHS:
        yield (ordinary(rng, n),), {"scheme": ("symmetric", "affine")[n % 2]}
        for kwargs in (settings[n % 7], settings[(n + 3) % 7]):
            yield (ordinary(rng, (3, n)) * np.float32([[1], [100], [1e-3]]),), kwargs
            yield (ordinary(rng, (n, 5)),), kwargs
    # Halves, at a scale of 1 and of 2: to even, on both sides of zero, and clipped at both ends.
    halves = np.arange(-140, 140, dtype=np.float32) + np.float32(0.5)
    for x in (halves, 2 * halves, FINITE, np.float32([-0.0, 0.0])):
        for scale in (1, 2):
            yield (x,), {"scale": np.float32([scale])}
            yield (x,), {"scheme": "affine", "scale": np.float32([scale]), "zero_point": np.int8([3])}
    for x in (np.zeros(5), np.full(5, -0.0), np.full(5, 7.5), np.full(5, -7.5), FINITE, [1e-45] * 3, [-1e-45, 1e-45],
              [2.0**-126], [3.4e38, -3.4e38], [0, 127], [-127, 63.5], [-128, 127, 0.5, 1.5, 2.5, -0.5],
              [0, 255, 0.5, 1.5]):
        for scheme in ("symmetric", "affine"):
            yield (np.asarray(x, np.float32),), {"scheme": scheme}
    yield (ordinary(rng, (5, 7, 9)),), {"axis": 1}
    for group in (1, 16, 36, 50):  # runs of an output of kernels, over inputs x height x width
        yield (ordinary(rng, (5, 4, 3, 3)),), {"group": group, "scheme": ("symmetric", "affine")[group % 2]}
    yield (ordinary(rng, (129, 257)),), {"axis": 0}
    yield (ordinary(rng, (129, 257)),), {"group": 32, "scheme": "affine"}


def quantized(rng, n: int, k: int, form: int, *, high: int = 127, steps: int = 3) -> Quantized:
    """Return (n, k) integers with power-of-two scales in one of the six forms: for all, an output, groups of 16, groups
    of 3 (with one row of scales for all outputs), an input, both. No value equals its zero point: each is a term that
    counts."""
    forms = (1, 1, None), (n, 1, None), (n, -(-k // 16), 16), (1, -(-k // 3), 3), (1, k, None), (n, k, None)
    rows, columns, group = forms[form]
    scale = np.ldexp(np.float32(1), rng.integers(-steps, steps + 1, (rows, columns)))
    zero_point = rng.integers(-5, 6, (rows, columns)).astype(np.int8)
    values = rng.integers(-high, high + 1, (n, k)).astype(np.int8)
    q = Quantized(values, scale, zero_point, group)
    return Quantized(np.where(values == q.expand(zero_point), np.int8(99), values), scale, zero_point, group)


def dequantize_s8():
    rng = np.random.default_rng(4)
    for length in LENGTHS:
        for n, k in ((3, length), (length, 5)):
            yield (quantized(rng, n, k, length % 6),), {}
        values = rng.integers(-128, 128, length).astype(np.int8)
        yield (Quantized(values, ordinary(rng, 1) ** 2 + 1, np.int8([length])),), {}
    edges = np.int8([-128, -127, -1, 0, 1, 127])
    for scale in (2.0**-126, 1 / 3, 3e38):
        for zero_point in (-128, 0, 127):  # up to 255 steps away: no int8 difference holds that
            yield (Quantized(edges, np.float32([scale]), np.int8([zero_point])),), {}
    yield (quantized(rng, 129, 257, 2),), {}
    values = rng.integers(-128, 128, (5, 4, 3, 3)).astype(np.int8)
    for shape in ((5, 3), (1, 3), (5, 4, 3, 1), (1, 4, 1, 1)):  # groups of 16 of an output, or as older files have them
        scale = np.ldexp(np.float32(1), rng.integers(-3, 4, shape))
        yield (Quantized(values, scale, rng.integers(-5, 6, shape).astype(np.int8), 16),), {}


SHARING = ({}, {"axis": 0}, {"axis": 1}, {"axis": -1}, {"group": 4}, {"group": 16}, {"group": 1})


def quantize_s8():
    rng = np.random.default_rng(31)
    yield from quantize_8_bits()
    for n in LENGTHS:
        kwargs = {"bits": 2 + n % 7, "scheme": ("symmetric", "affine")[n % 2], **SHARING[n % 7]}
        yield (ordinary(rng, (3, n)) * 100,), kwargs
    for bits in range(2, 9):  # halves, and beyond both ends
        halves = np.arange(-(2**bits), 2**bits, dtype=np.float32) / 2
        yield (halves,), {"bits": bits, "scale": 1.0}
        yield (halves,), {"bits": bits, "scale": 1.0, "scheme": "affine", "zero_point": -1}


def quantize_s16():
    rng = np.random.default_rng(32)
    for n in LENGTHS:
        for kwargs in (SHARING[n % 7], SHARING[(n + 3) % 7]):
            yield (ordinary(rng, (3, n)) * np.float32([[1], [100], [1e-3]]),), {"scheme": "affine", **kwargs}
            yield (ordinary(rng, (n, 5)),), kwargs
    halves = np.arange(-7, 7, dtype=np.float32) + np.float32(0.5)
    ends = np.float32([-32768.5, -32768, -32767.5, -32767, 32766.5, 32767, 32767.5, 1e9, -1e9, 3e38, -3e38])
    for x in (halves, ends, FINITE):
        for scheme, zero_point in (("symmetric", 0), ("affine", 0), ("affine", 32767), ("affine", -32768)):
            yield (x,), {"scheme": scheme, "scale": 1.0, "zero_point": zero_point}
            yield (x,), {"scheme": scheme}
    yield (ordinary(rng, (129, 257)),), {"axis": 0}


def dequantize_s16():
    rng = np.random.default_rng(33)
    for (q,), _ in dequantize_s8():  # the same scales, and values over all of int16
        values = rng.integers(-32768, 32768, q.shape).astype(np.int16)
        yield (Quantized(values, q.scale, q.zero_point.astype(np.int16) * np.int16(256), q.group),), {}
    edges = np.int16([-32768, -32767, -1, 0, 1, 32767])
    for scale in (2.0**-126, 1 / 3, 3e38):
        for zero_point in (-32768, 0, 32767):  # up to 65535 steps away: no int16 difference holds that
            yield (Quantized(edges, np.float32([scale]), np.int16([zero_point])),), {}


def quantize_range_minmax():
    rng = np.random.default_rng(34)
    for n in LENGTHS:
        yield (ordinary(rng, n),), {}
        yield (-np.abs(ordinary(rng, n)),), {}
        for kwargs in (SHARING[n % 7], SHARING[(n + 3) % 7]):
            yield (ordinary(rng, (3, n)),), kwargs
            yield (ordinary(rng, (n, 5)),), kwargs
        # One large element among small ones, at each place in turn: a lane that is not looked at shows.
        for sign in (1, -1):
            x = rng.random((2, 67), dtype=np.float32)
            x[1, n % 67] = 9 * sign
            yield (x,), SHARING[(n // 2) % 7]
    for x in (FINITE, np.float32([-0.0, 0.0]), np.float32([-0.0] * 40), np.float32([3e38, -3e38])):
        yield (x,), {}
    for axis in range(3):
        yield (ordinary(rng, (5, 7, 9)),), {"axis": axis}
    for group in (1, 16, 50):
        yield (ordinary(rng, (5, 7, 9)),), {"group": group}
    yield (ordinary(rng, (3, 70_001)),), {}
    yield (ordinary(rng, (1, 70_001)),), {"axis": 0}


def quantize_pack():
    rng = np.random.default_rng(35)
    for n in LENGTHS:
        bits = 1 + n % 7
        low, high = (-1, 2) if bits == 1 else (-(2 ** (bits - 1)), 2 ** (bits - 1))
        for shape in ((3, n), (n, 5), (n,)):
            values = rng.integers(low, high, shape).astype(np.int8)
            one = (1,) * len(shape)
            if bits == 1:
                values[values == 0] = 1
            yield (Quantized(values, np.ones(one, np.float32), np.full(one, -(bits > 1), np.int8)),), {"bits": bits}
            yield (Quantized(values % 8, np.full(one, 0.5, np.float32), np.zeros(one, np.int8)),), {}
    yield (reference.quantize_s8(ordinary(rng, (17, 70)), bits=4, group=32, scheme="affine"),), {}


def quantize_unpack():
    for (q,), kwargs in quantize_pack():
        yield (reference.quantize_pack(q, **kwargs),), {}


def quantize_bias_s32():
    rng = np.random.default_rng(37)
    for n in LENGTHS:
        bias, scale_w = ordinary(rng, n), np.ldexp(np.float32(1), -rng.integers(5, 9, n).astype(np.int32))
        yield (bias, 2.0**-6, 2.0**-7), {}
        yield (bias, np.float32([[1 / 3]]), scale_w), {"inputs": n}
        yield (bias, 1 / 3, scale_w[:, None] / np.float32(3)), {}
    halves = np.arange(-9, 9, dtype=np.float32) + np.float32(0.5)
    yield (halves, 1.0, 1.0), {}
    yield (halves / 4, 0.5, np.float32([0.5])), {"inputs": 131_071}
    yield (np.float32([2**31 - 128, 128 - 2**31, 2**24 + 2, -0.0, 1e-45]), 1.0, 1.0), {}  # no int32 that float32 would round
    yield (np.float32([3e38, -3e38, 1]), 1e20, np.float32([1e10])), {}


def dequantize_bias_s32():
    rng = np.random.default_rng(38)
    for n in LENGTHS:
        values = rng.integers(-(2**31), 2**31, n).astype(np.int32)
        yield (values, 2.0**-6, np.exp(rng.uniform(-9, 9, n)).astype(np.float32)), {}
        yield (values, np.float32([0.1]), np.float32([[0.3]])), {}
    ends = np.int32([-(2**31), 1 - 2**31, -1, 0, 1, 2**31 - 1])
    for scale in (2.0**-126, 1 / 3, 3e38):
        yield (ends, scale, scale), {}
        yield (ends, 1.0, np.full((6, 1), scale, np.float32)), {}


def requantize_s32():
    rng = np.random.default_rng(36)
    roundings = ("half_even", "half_away", "gemmlowp")
    for n in LENGTHS:
        x = rng.integers(-(2**20), 2**20, (3, n)).astype(np.int32)
        multiplier, shift = reference.quantize_multiplier(np.exp(rng.uniform(-12, -9, (1, n))))
        for rounding in roundings:
            yield (x, multiplier, shift), {"rounding": rounding}
            yield (x, 2**30, 12), {"rounding": rounding, "zero_point": n % 16 - 8, "bits": (4, 8, 16)[n % 3]}
    halves = np.arange(-300, 300).astype(np.int32)
    ends = np.int32([-(2**31), -(2**31) + 1, -(2**30), -1, 0, 1, 2**30, 2**31 - 1])
    for rounding in roundings:
        for shift in (0, 1, 2, 30, 31):
            for multiplier in (0, 1, 2**30, 2**30 + 1, 2**31 - 1):
                for x in (halves, ends):
                    yield (x, multiplier, shift), {"rounding": rounding, "scheme": ("symmetric", "affine")[shift % 2]}
        if rounding != "gemmlowp":
            yield (ends, 2**31 - 1, -30), {"rounding": rounding, "bits": 16}
            yield (halves, 2**30, -3), {"rounding": rounding, "bits": 16}


SWEEPS = {f.__name__: f for f in (
    quantize_s8, dequantize_s8, quantize_s16, dequantize_s16, quantize_range_minmax, quantize_pack,
    quantize_unpack, quantize_bias_s32, dequantize_bias_s32, requantize_s32)}

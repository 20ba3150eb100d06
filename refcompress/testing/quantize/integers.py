"""The cases of quantization to 8 and 16 bits and back: ties, both ends of the range, every sharing of scales."""

import numpy as np

from ...formats import Quantized
from ..cases import Cases
from ..draws import array, composite, either, finite, int8, scales, shapes, st
from ..values import FINITE, LENGTHS, WITH_INFINITY, WITH_NAN, not_arrays, ordinary

_F = np.float32

CASES: dict[str, Cases] = {}


# quantize_s8

def quantize_sweep():
    rng = np.random.default_rng(3)
    settings = ({}, {"scheme": "affine"}, {"axis": 0}, {"axis": 1, "scheme": "affine"}, {"axis": -1}, {"group": 4},
                {"group": 16, "scheme": "affine"})
    for n in LENGTHS:
        yield (ordinary(rng, n),), {"scheme": ("symmetric", "affine")[n % 2]}
        for kwargs in (settings[n % 7], settings[(n + 3) % 7]):
            yield (ordinary(rng, (3, n)) * np.float32([[1], [100], [1e-3]]),), kwargs
            yield (ordinary(rng, (n, 5)),), kwargs
    # Ties at a scale of 1 and of 2: to even, on both sides of zero, and clipped at both ends.
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
    for group in (1, 16, 36, 50):  # segments of an output's kernels, over inputs x height x width
        yield (ordinary(rng, (5, 4, 3, 3)),), {"group": group, "scheme": ("symmetric", "affine")[group % 2]}
    yield (ordinary(rng, (129, 257)),), {"axis": 0}
    yield (ordinary(rng, (129, 257)),), {"group": 32, "scheme": "affine"}


SHARING: tuple[dict[str, int], ...] = ({}, {"axis": 0}, {"axis": 1}, {"axis": -1}, {"group": 4}, {"group": 16},
                                       {"group": 1})


def quantize_s8_sweep():
    rng = np.random.default_rng(31)
    yield from quantize_sweep()
    for n in LENGTHS:
        kwargs = {"bits": 2 + n % 7, "scheme": ("symmetric", "affine")[n % 2], **SHARING[n % 7]}
        yield (ordinary(rng, (3, n)) * 100,), kwargs
    for bits in range(2, 9):  # ties, and values beyond both ends
        halves = np.arange(-(2**bits), 2**bits, dtype=np.float32) / 2
        yield (halves,), {"bits": bits, "scale": 1.0}
        yield (halves,), {"bits": bits, "scale": 1.0, "scheme": "affine", "zero_point": -1}


def quantize_refusals():
    x = _F([[3, 1, 2], [0, -1, 5]])
    for bad in not_arrays(x):
        yield (bad,), {}
    for bad in (WITH_NAN, WITH_INFINITY, -WITH_INFINITY, np.float32(3).reshape(())):
        yield (bad,), {}
    for kwargs in ({"scheme": "other"}, {"scheme": None}, {"axis": 2}, {"axis": -3}, {"axis": True}, {"axis": 0.0},
                   {"group": 0}, {"group": -1}, {"group": 1.5}, {"group": True}):
        yield (x,), kwargs
    for scale in (0, -1, np.nan, np.inf, 1e-45):
        yield (x,), {"scale": np.full((1, 1), scale, np.float32)}
    yield (x,), {"axis": 0, "scale": np.ones((3, 1), np.float32)}


def quantize_s8_refusals():
    yield from quantize_refusals()
    x = np.float32([[3, 1, 2], [0, -1, 5]])
    for bits in (0, 1, 9, 16, -1, True, 4.0, None):
        yield (x,), {"bits": bits}
    for bad in (-9, 8):
        yield (x,), {"bits": 4, "scheme": "affine", "scale": 1.0, "zero_point": bad}
        yield (x,), {"bits": 4, "scheme": "affine", "scale": 1.0, "zero_point": np.full((1, 1), bad, np.int8)}
    x[1, 1] = np.nan
    yield (x,), {"scale": 1.0}
    yield (x,), {"axis": 1}


@composite
def quantize_calls(draw):
    x = draw(array(np.float32, draw(shapes()), draw(either(finite()))))
    kwargs = {"scheme": draw(st.sampled_from(["symmetric", "affine"]))}
    kind = draw(st.sampled_from(["whole", "axis", "group"]))
    if kind == "axis":
        kwargs["axis"] = draw(st.integers(-x.ndim, x.ndim - 1))
    elif kind == "group":
        kwargs["group"] = draw(st.integers(1, 20))
    return (x,), kwargs


@composite
def quantize_s8_strategy(draw):
    args, kwargs = draw(quantize_calls())
    return args, {**kwargs, "bits": draw(st.integers(2, 8))}


CASES["quantize_s8"] = Cases(quantize_s8_sweep, quantize_s8_refusals, quantize_s8_strategy)


# dequantize_s8

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


def dequantize_s8_sweep():
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


def dequantize_refusals():
    for bad in (None, np.int8([1]), 3):
        yield (bad,), {}


def dequantize_s8_refusals():
    yield from dequantize_refusals()
    yield (Quantized(np.int16([1]), np.float32([1]), np.int16([0])),), {}


@composite
def quantized_draw(draw, shape):
    """Return a Quantized of this shape with any permitted shape of scales."""
    group = draw(st.none() | st.integers(1, 20))
    full = shape if group is None else (*shape[:-1], -(-shape[-1] // group))
    some = tuple(draw(st.sampled_from([1, n])) for n in full)
    if group is not None:
        some = (*some[:-1], full[-1])
    values = draw(array(np.int8, shape, int8()))
    return Quantized(values, draw(array(np.float32, some, scales())), draw(array(np.int8, some, int8())), group)


@composite
def dequantize_s8_strategy(draw):
    return (draw(quantized_draw(draw(shapes()))),), {}


CASES["dequantize_s8"] = Cases(dequantize_s8_sweep, dequantize_s8_refusals, dequantize_s8_strategy)


# quantize_s16

def quantize_s16_sweep():
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


def quantize_s16_refusals():
    yield from quantize_refusals()
    x = np.float32([[3, 1, 2], [0, -1, 5]])
    yield (x,), {"scheme": "affine", "scale": 1.0, "zero_point": np.zeros((1, 1), np.int8)}
    yield (x,), {"scheme": "affine", "scale": 1.0, "zero_point": 32768}


CASES["quantize_s16"] = Cases(quantize_s16_sweep, quantize_s16_refusals, quantize_calls)


# dequantize_s16

def dequantize_s16_sweep():
    rng = np.random.default_rng(33)
    for (q,), _ in dequantize_s8_sweep():  # the same scales, and values over all of int16
        values = rng.integers(-32768, 32768, q.shape).astype(np.int16)
        yield (Quantized(values, q.scale, q.zero_point.astype(np.int16) * np.int16(256), q.group),), {}
    edges = np.int16([-32768, -32767, -1, 0, 1, 32767])
    for scale in (2.0**-126, 1 / 3, 3e38):
        for zero_point in (-32768, 0, 32767):  # up to 65535 steps away: no int16 difference holds that
            yield (Quantized(edges, np.float32([scale]), np.int16([zero_point])),), {}


def dequantize_s16_refusals():
    yield from dequantize_refusals()
    yield (Quantized(np.int8([1]), np.float32([1]), np.int8([0])),), {}


@composite
def dequantize_s16_strategy(draw):
    (q,), _ = draw(dequantize_s8_strategy())
    values = draw(array(np.int16, q.shape))
    zero_point = q.zero_point.astype(np.int16) * np.int16(draw(st.integers(-255, 256)))
    return (Quantized(values, q.scale, zero_point, q.group),), {}


CASES["dequantize_s16"] = Cases(dequantize_s16_sweep, dequantize_s16_refusals, dequantize_s16_strategy)

"""Edges of the quantizers: quotients next to ties, every width and sharing, long rows, many groups and channels."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ... import reference
from ...formats import Quantized
from ..cases import Call, Calls
from ..quantize.integers import quantized
from ..values import ordinary, whole
from .lengths import MANY, at_lengths

_F = np.float32


# Values next to ties: scales of all bits, quotients at j + 1/2 and the float32 beside it on either side.

def scales(rng, count: int) -> np.ndarray:
    """Return scales of all bits, of every size from the smallest normal to large."""
    mantissas = rng.integers(2**23, 2**24, count)
    return np.ldexp(mantissas.astype(_F), np.linspace(-148, 70, count).astype(int)).astype(_F)


def beside_ties(scale: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return float32 nearest to scale (steps + 1/2), and their neighbours on both sides: a row for each scale."""
    x = (scale[:, None].astype(np.float64) * (steps + 0.5)).astype(_F)
    return np.concatenate([x, np.nextafter(x, _F(np.inf)), np.nextafter(x, _F(-np.inf))], axis=1)


def _ties(bits: int, count: int, more: dict) -> Calls:
    rng = np.random.default_rng(bits)
    highest = 2 ** (bits - 1) - 1
    steps = np.unique(np.append(rng.integers(-highest, highest, 40), [-highest, -2, -1, 0, 1, highest - 1]))
    s = scales(rng, count)
    x = beside_ties(s, steps)
    yield (x,), {**more, "axis": 0, "scale": s[:, None]}
    yield (x,), {**more, "axis": 0, "scale": s[:, None], "scheme": "affine",
                 "zero_point": np.resize(np.asarray([0, 1, -2], np.int8 if bits <= 8 else np.int16), s.shape)[:, None]}
    # The scale that the range gives: the largest element decides it.
    largest = (s.astype(np.float64) * highest).astype(_F)
    own = (largest.astype(np.float64) / highest).astype(_F)
    rows = np.concatenate([largest[:, None], beside_ties(own, steps[:-1])], axis=1)
    rows = np.clip(rows, -largest[:, None], largest[:, None])
    yield (rows,), {**more, "axis": 0}
    yield (rows,), {**more, "group": rows.shape[1]}
    yield (rows[3],), more


def quantize_s8_ties():
    for bits in range(2, 9):
        yield from _ties(bits, 24, {"bits": bits})


def quantize_s16_ties():
    yield from _ties(16, 60, {})


# Options: every width with every sharing and scheme, in one to four dimensions.

SHARING: tuple[dict, ...] = ({}, {"axis": 0}, {"axis": 1}, {"axis": -1}, {"axis": -2}, {"axis": None}, {"group": 1},
                             {"group": 2}, {"group": 6}, {"group": 12}, {"group": 1000})


def options(**more) -> Calls:
    rng = np.random.default_rng(21)
    for sharing in SHARING:
        for shape in ((6,), (5, 6), (2, 3, 6), (2, 3, 2, 6)):
            axis = sharing.get("axis")
            if axis is None or -len(shape) <= axis < len(shape):
                for scheme in ("symmetric", "affine"):
                    yield (ordinary(rng, shape),), {**more, "scheme": scheme, **sharing}
    for x in (np.zeros((2, 5), _F), np.full((2, 5), -0.0, _F), np.full((3, 4), 5, _F), -np.ones((3, 4), _F)):
        for sharing in ({}, {"axis": 0}, {"group": 2}, {"group": 4}):
            for scheme in ("symmetric", "affine"):
                yield (x,), {**more, "scheme": scheme, **sharing}


def _all_bits(kinds: tuple[dict, ...] = ({},)) -> Calls:
    for i in range(2, 9):
        for more in kinds:
            rng = np.random.default_rng(i)
            yield (ordinary(rng, (3, 20)) * _F(10),), {"bits": i, **more}


_KINDS: tuple[dict, ...] = ({}, {"scheme": "affine"}, {"axis": 0}, {"group": 7, "scheme": "affine"})


def without_scheme(calls: Callable[[], Calls]) -> Callable[[], Calls]:
    def without() -> Calls:
        for args, kwargs in calls():
            if kwargs.get("scheme", "symmetric") == "symmetric":
                yield args, {name: value for name, value in kwargs.items() if name != "scheme"}
    return without


def long_rows(rng, i, m, k, **more) -> Call:
    x = ordinary(rng, (m, k)) * _F(10)
    # 2**8 to 2**15 channels and groups; a group as long as the row, and one element less and more
    kinds: tuple[dict, ...] = ({}, {"axis": 0}, {"axis": 1}, {"group": 1}, {"group": 64}, {"group": k}, {"group": 3},
                               {"group": max(1, k - 1)}, {"group": k + 1})
    return (x,), {**more, **kinds[i % len(kinds)]}


def long_schemes(rng, i, m, k, **more) -> Call:
    args, kwargs = long_rows(rng, i, m, k, **more)
    return args, {"scheme": ("symmetric", "affine")[i // 2 % 2], **kwargs}


# Integers back to floats.

def _dequantize(dtype, rng, i, m, k) -> Call:
    q = quantized(rng, m, k, i % 6)
    mantissas = rng.integers(2**23, 2**24, q.scale.shape)
    scale = np.ldexp(mantissas.astype(_F), rng.integers(-140, 80, q.scale.shape)).astype(_F)
    limits = np.iinfo(dtype)
    values = rng.integers(limits.min, limits.max + 1, (m, k)).astype(dtype)
    return (Quantized(values, scale, rng.integers(limits.min, limits.max + 1, scale.shape).astype(dtype), q.group),), {}


def _grouped(rng, i, m, k, bits: int = 4) -> Quantized:
    forms = ((1, 1, None), (m, 1, None), (m, -(-k // 16), 16), (1, k, None), (m, k, 1), (m, 1, k))
    rows, columns, group = forms[i % 6]
    low = -(2 ** (bits - 1))
    values = rng.integers(low, -low, (m, k)).astype(np.int8)
    zero_point = rng.integers(low, -low, (rows, columns)).astype(np.int8)
    if bits == 1:
        values, zero_point = np.where(values < 0, -1, 1).astype(np.int8), np.zeros_like(zero_point)
    return Quantized(values, np.ldexp(_F(1), rng.integers(-9, 9, (rows, columns))), zero_point, group)


def _pack(rng, i, m, k) -> Call:
    bits = 1 + i % 7
    return (_grouped(rng, i // 7, m, k, bits),), {"bits": bits}


def _unpack(rng, i, m, k) -> Call:
    (q,), how = _pack(rng, i, m, k)
    return (reference.quantize_pack(q, **how),), {}


def _pack_options():
    rng = np.random.default_rng(22)
    for bits in range(1, 8):
        for k in (1, 2, 3, 7, 8, 9):
            for i in range(6):
                yield (_grouped(rng, i, 3, k, bits),), {"bits": bits}


def _unpack_options():
    for (q,), how in _pack_options():
        yield (reference.quantize_pack(q, **how),), {}


def _changes(rng, i, m, k) -> Call:
    return (ordinary(rng, (m, k)), ordinary(rng, (m, k))), {}


def _channels(rng, i, m) -> Call:
    return (whole(rng, (m, 2)) * _F(0.3),), {"axis": 0, "scheme": ("symmetric", "affine")[i % 2]}


_CHANNELS = at_lengths(_channels, 3, lengths=MANY)

EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {
    "quantize_s8": (quantize_s8_ties, options, lambda: _all_bits(_KINDS), _CHANNELS, at_lengths(long_schemes, 3, 5)),
    "quantize_s16": (quantize_s16_ties, options, _CHANNELS, at_lengths(long_schemes, 3, 5)),
    "dequantize_s8": (at_lengths(partial(_dequantize, np.int8), 3, 5),),
    "dequantize_s16": (at_lengths(partial(_dequantize, np.int16), 3, 5),),
    "quantize_changes": (at_lengths(_changes, 3, 5),),
    "quantize_pack": (_pack_options, at_lengths(_pack, 3, 5)),
    "quantize_unpack": (_unpack_options, at_lengths(_unpack, 3, 5)),
}

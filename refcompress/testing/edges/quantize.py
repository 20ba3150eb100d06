"""Edges of the quantizers: quotients next to ties, every width and sharing, long rows, many groups and channels."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ... import reference
from ...formats import Quantized
from ..cases import Call, Calls
from ..hessians import hessian
from ..quantize.integers import quantized
from ..values import ordinary, whole
from .lengths import BEYOND, LONG, MANY, at_lengths

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


def _options(**more) -> Calls:
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


def _without_scheme(calls: Callable[[], Calls]) -> Callable[[], Calls]:
    def without() -> Calls:
        for args, kwargs in calls():
            if kwargs.get("scheme", "symmetric") == "symmetric":
                yield args, {name: value for name, value in kwargs.items() if name != "scheme"}
    return without


def _long(rng, i, m, k, **more) -> Call:
    x = ordinary(rng, (m, k)) * _F(10)
    # 2**8 to 2**15 channels and groups; a group as long as the row, and one element less and more
    kinds: tuple[dict, ...] = ({}, {"axis": 0}, {"axis": 1}, {"group": 1}, {"group": 64}, {"group": k}, {"group": 3},
                               {"group": max(1, k - 1)}, {"group": k + 1})
    return (x,), {**more, **kinds[i % len(kinds)]}


def _long_schemes(rng, i, m, k, **more) -> Call:
    args, kwargs = _long(rng, i, m, k, **more)
    return args, {"scheme": ("symmetric", "affine")[i // 2 % 2], **kwargs}


def _percentile(rng, i, m, k) -> Call:
    args, kwargs = _long(rng, i, m, k, percentile=(99.99, 50.0, 100, 99.0, 0.1)[i % 5])
    segments = m * -(-k // kwargs["group"]) if "group" in kwargs else (m, k, 1)[kwargs.get("axis", 2)]
    return args, kwargs if segments < 3000 else {"percentile": kwargs["percentile"]}


def _percentile_edges():
    for n in (1, 2, 3, 99, 100, 101, 200, 1000, 9999, 10_000, 10_001):
        x = np.random.default_rng(n).permutation(np.arange(n)).astype(_F) - _F(n // 2)
        for percentile in (100.0, 99.99, 99.0, 50.0, 1.0, 100 / n, float(np.nextafter(100 / n, 0)), 5e-324):
            yield (x,), {"percentile": min(percentile, 100.0)}


def _range_options(**more) -> Callable[[], Calls]:
    return _without_scheme(partial(_options, **more))


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


# Between layers.

def _bias(rng, i, n) -> Call:
    # Steps next to ties: of a scale that is the exact product of two float32
    scale_x, scale_w = scales(rng, 40)[12 + i % 9], np.ldexp(rng.integers(2**23, 2**24, n).astype(_F), -30)
    unit = scale_w.astype(np.float64) * float(scale_x)
    bias = (unit * (rng.integers(-1000, 1000, n) + 0.5)).astype(_F)
    return (np.nextafter(bias, _F((-np.inf, 0, np.inf)[i % 3])) if i % 4 else bias, float(scale_x), scale_w), {
        "inputs": (0, 1, n)[i % 3]}


def _bias_edges():
    rng = np.random.default_rng(23)
    for i in range(40):
        yield _bias(rng, i, 64)
    for n in (1, 7, 16, 33, 64, 130):  # subnormal numbers, in units that are smaller still
        yield (np.ldexp(rng.integers(-(2**15), 2**15, n), -149).astype(_F), 2.0**-100, 2.0**-62), {}
    unit = 2.0**-10
    for inputs in (0, 1, 131_071):
        most = 2**31 - 1 - inputs * 2**14
        for value in (most // 2**8 * 2**8 - 2**8, -(most // 2**8 * 2**8) + 2**8):
            yield (_F([value * unit]), unit, 1.0), {"inputs": inputs}


def _dequantize_bias_edges():
    """A number whose product with one scale after the other lies on the other side of a tie of float32."""
    yield (np.int32([1_911_837_665]), float.fromhex("0x1.0bdbcap-1"), float.fromhex("0x1.12b8aep+0")), {}


def _dequantize_bias(rng, i, n) -> Call:
    return (rng.integers(-(2**31), 2**31, n).astype(np.int32), float(rng.integers(2**23, 2**24)) * 2.0**-30,
            np.ldexp(rng.integers(2**23, 2**24, n).astype(_F), -28)), {}


def _requantize(rng, i, m, n) -> Call:
    x = rng.integers(-(2**31), 2**31, (m, n)).astype(np.int32)
    shift = rng.integers(20, 32, (1, n)).astype(np.int32)
    return (x, rng.integers(2**30, 2**31, (1, n)).astype(np.int32), shift), {
        "rounding": ("half_even", "half_away", "gemmlowp")[i % 3], "bits": (8, 16)[i % 2]}


def _requantize_edges():
    """Products next to ties, for every number of bits, scheme and rounding; zero points at both ends."""
    rng = np.random.default_rng(24)
    for rounding in ("half_even", "half_away", "gemmlowp"):
        for bits in (2, 3, 4, 5, 6, 7, 8, 16):
            low = -(2 ** (bits - 1))
            for scheme, ends in (("affine", (low, -1, 0, -low - 1)), ("symmetric", (0,))):
                for zero_point in ends:
                    multiplier = int(rng.integers(2**30, 2**31))
                    shift = int(rng.integers(10, 20))
                    steps = (rng.integers(low, -low, 30) + 0.5) * 2.0 ** (31 + shift) / multiplier
                    steps = np.clip(steps, 1 - 2**31, 2**31 - 1)
                    x = np.concatenate([np.floor(steps), np.ceil(steps), np.rint(steps)]).astype(np.int32)
                    yield (x, multiplier, shift), {"rounding": rounding, "bits": bits, "scheme": scheme,
                                                   "zero_point": zero_point}
    for shape in ((), (3,), (2, 3), (2, 3, 4), (2, 1, 3, 2)):
        yield (rng.integers(-1000, 1000, shape).astype(np.int32), 2**30 + 7, 4), {}


# Layers with a Hessian, and searches: short, for the reference takes long.

_GRIDS: tuple[dict, ...] = ({}, {"scheme": "affine"}, {"group": 4}, {"group": 4, "scheme": "affine"}, {"group": 12},
                            {"group": 1}, {"group": 13})


def _layers(op: str, axes: bool = True, **fixed) -> Callable[[], Calls]:
    def calls() -> Calls:
        rng = np.random.default_rng(25)
        w, h = ordinary(rng, (3, 12)), hessian(rng, 12)
        for bits in range(2, 9):
            yield (w, h), {**fixed, "bits": bits, **_GRIDS[bits % 7]}
        of_axes: tuple[dict, ...] = tuple({"axis": axis} for axis in (0, 1, -1, -2, None) if axes)
        for grid in (*_GRIDS, *of_axes):
            yield (w, h), {**fixed, **grid}
            yield (np.zeros_like(w), h), {**fixed, **grid}
        if not axes:
            return
        for i in range(12):  # with scales of all bits, weights next to ties
            s = scales(rng, 40)[10 + i : 13 + i]
            x = np.clip(beside_ties(s, np.arange(-2, 2)), -3e38, 3e38).astype(_F)
            yield (x, np.eye(12)), {**fixed, "bits": 3, "scale": s[:, None]}
        yield (w, h), {**fixed, "scheme": "affine", "scale": 0.25, "zero_point": -8, "axis": None}
        yield (w, h), {**fixed, "scheme": "affine", "scale": 0.25, "zero_point": 7, "axis": None}
    return calls


def _long_layers(op: str, most: int, columns: int, **fixed) -> Callable[[], Calls]:
    def calls() -> Calls:
        rng = np.random.default_rng(26)
        for rows in [n for n in (*LONG, BEYOND) if n <= most]:
            yield (ordinary(rng, (rows, 3)), hessian(rng, 3)), fixed
        for k in [n for n in LONG if n <= columns]:
            yield (ordinary(rng, (2, k)), hessian(rng, k)), {**fixed, "group": (32, 1, k)[k % 3]}
    return calls


def _gptq_options():
    rng = np.random.default_rng(27)
    w, h = ordinary(rng, (3, 12)), hessian(rng, 12)
    for damping in (0.0, 1e-300, 0.01, 1.0, 1e6):
        for order in ("given", "descending"):
            yield (w, h), {"damping": damping, "order": order}
    tied = np.eye(12) * 3
    yield (w, tied), {"order": "descending", "group": 4}


def _clip_options():
    rng = np.random.default_rng(28)
    w, h = ordinary(rng, (3, 12)), hessian(rng, 12)
    for steps in (1, 2, 3, 20):
        for narrowest in (1.0, 0.5, 1e-3):
            yield (w, h), {"steps": steps, "narrowest": narrowest}


def _awq_edges():
    rng = np.random.default_rng(29)
    w, x = ordinary(rng, (3, 12)), ordinary(rng, (20, 12))
    for bits in range(2, 9):
        yield (w, x), {"bits": bits, "steps": 3, **_GRIDS[bits % 7]}
    for grid in (*_GRIDS, {"axis": 1, "clip": False}, {"axis": None, "clip": False}, {"axis": -1, "clip": False}):
        yield (w, x), {"steps": 2, **grid}
    for steps in (1, 2, 7):
        for clip in (True, False):
            yield (w, x), {"steps": steps, "clip": clip}
    yield (np.zeros_like(w), x), {"steps": 2}
    yield (w, np.zeros_like(x)), {"steps": 2}
    for rows in (127, 128, 129, 513, 1025, 4097):
        yield (ordinary(rng, (rows, 3)), ordinary(rng, (4, 3))), {"steps": 1}
    for n in (129, 1025, 4097):
        yield (w, ordinary(rng, (n, 12))), {"steps": 1, "clip": False}
    for k in (127, 128, 129):
        yield (ordinary(rng, (2, k)), ordinary(rng, (5, k))), {"steps": 1, "clip": False, "group": 32}


def _adaround_options():
    rng = np.random.default_rng(30)
    w, h = ordinary(rng, (3, 12)), hessian(rng, 12)
    for iterations in (0, 1, 2, 15):
        for rate in (0, 0.02, 0.5, 1):
            yield (w, h), {"iterations": iterations, "learning_rate": rate}


# Few levels.

def _binary(rng, i, m, k) -> Call:
    return _long(rng, i, m, k)


def _ternary(rng, i, m, k) -> Call:
    return _long(rng, i, m, k, threshold=(0.7, 0.0, 1.3, None)[i % 4 if m * k < 5000 else i % 3])


def _ternary_options():
    rng = np.random.default_rng(31)
    for threshold in (None, 0, 0.7, 1.0, 1e19):
        for (x,), sharing in _without_scheme(_options)():
            if "group" not in sharing or x.ndim < 3:
                yield (x,), {"threshold": threshold, **sharing}
    for n in (1, 2, 3, 4, 7, 64):  # delta itself: the mean times 1 of equal magnitudes
        yield (np.full(n, 1.5, _F) * rng.choice([-1, 1], n).astype(_F),), {"threshold": 1.0}


def _kl(rng, i, m, k) -> Call | None:
    return ((rng.laplace(size=(m, k)).astype(_F),), {"bits": 3, "bins": 64}) if m * k < 40_000 and m < 100 else None


def _kl_options():
    rng = np.random.default_rng(32)
    x = rng.laplace(size=(2, 300)).astype(_F)
    for bits in range(2, 9):
        yield (x,), {"bits": bits, "bins": 2 ** (bits - 1) + 40}
    for sharing in ({}, {"axis": 0}, {"axis": 1}, {"axis": -1}, {"axis": None}, {"group": 100}, {"group": 300}):
        yield (x[:, :100] if sharing.get("axis") in (1, -1) else x,), {"bits": 2, "bins": 30, **sharing}
    yield (np.zeros((2, 9), _F),), {"bits": 2, "bins": 30, "axis": 0}


def _mse(rng, i, m, k) -> Call | None:
    if m * k > 30_000:
        return None
    return _long_schemes(rng, i, m, k, bits=(2, 4, 8, 16)[i % 4], steps=2)


def _mse_options():
    rng = np.random.default_rng(33)
    for bits in (*range(2, 9), 16):
        for steps in (1, 2, 9):
            yield (ordinary(rng, (2, 30)),), {"bits": bits, "steps": steps, "scheme": ("symmetric", "affine")[bits % 2]}
    yield from _options(bits=3, steps=3)


def _channels(rng, i, m) -> Call:
    return (whole(rng, (m, 2)) * _F(0.3),), {"axis": 0, "scheme": ("symmetric", "affine")[i % 2]}


def _changes(rng, i, m, k) -> Call:
    return (ordinary(rng, (m, k)), ordinary(rng, (m, k))), {}


_CHANNELS = at_lengths(_channels, 3, lengths=MANY)

EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {
    "quantize_s8": (quantize_s8_ties, _options, lambda: _all_bits(_KINDS), _CHANNELS, at_lengths(_long_schemes, 3, 5)),
    "quantize_s16": (quantize_s16_ties, _options, _CHANNELS, at_lengths(_long_schemes, 3, 5)),
    "dequantize_s8": (at_lengths(partial(_dequantize, np.int8), 3, 5),),
    "dequantize_s16": (at_lengths(partial(_dequantize, np.int16), 3, 5),),
    "quantize_range_minmax": (_range_options(), at_lengths(_long, 3, 5)),
    "quantize_range_percentile": (_percentile_edges, _range_options(percentile=75.0), at_lengths(_percentile, 3, 5)),
    "quantize_range_mse": (_mse_options, at_lengths(_mse, 2, 3)),
    "quantize_range_kl": (_kl_options, at_lengths(_kl, 1, 5, lengths=LONG[:18], most=2**13)),
    "quantize_gptq": (_layers("quantize_gptq"), _gptq_options, _long_layers("quantize_gptq", 16_385, 257)),
    "quantize_clip": (_layers("quantize_clip", axes=False, steps=2), _clip_options,
                      _long_layers("quantize_clip", 4097, 257, steps=1)),
    "quantize_awq": (_awq_edges,),
    "quantize_adaround": (_layers("quantize_adaround", iterations=3), _adaround_options,
                          _long_layers("quantize_adaround", 4097, 129, iterations=1)),
    "quantize_binary": (_range_options(), at_lengths(_binary, 3, 5)),
    "quantize_ternary": (_ternary_options, at_lengths(_ternary, 3, 5)),
    "quantize_changes": (at_lengths(_changes, 3, 5),),
    "quantize_pack": (_pack_options, at_lengths(_pack, 3, 5)),
    "quantize_unpack": (_unpack_options, at_lengths(_unpack, 3, 5)),
    "quantize_bias_s32": (_bias_edges, at_lengths(_bias, 5)),
    "dequantize_bias_s32": (_dequantize_bias_edges, at_lengths(_dequantize_bias, 5),),
    "requantize_s32": (_requantize_edges, at_lengths(_requantize, 3, 5)),
}

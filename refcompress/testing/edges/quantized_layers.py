"""Edges of what layers are rounded by: biases and sums next to ties between them, and rounding by a Hessian."""

from collections.abc import Callable

import numpy as np

from ..cases import Call, Calls
from ..hessians import hessian
from ..values import ordinary
from .lengths import BEYOND, LONG, at_lengths
from .quantize import beside_ties, scales

_F = np.float32


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
    for inputs in (2**17 - 1, 2**17 - 2):  # the largest number of units, and what rounds to it
        for more in (0, 0.25, 0.4375):
            for sign in (1, -1):
                yield (_F([sign * (2**31 - 1 - inputs * 2**14 + more), 1]), 1.0, 1.0), {"inputs": inputs}


def _dequantize_bias_edges():
    """A number whose product with one scale after the other lies on the other side of a tie of float32."""
    yield (np.int32([1_911_837_665]), float.fromhex("0x1.0bdbcap-1"), float.fromhex("0x1.12b8aep+0")), {}
    values = np.int32([1, -1, 5, -3, 0, 2**31 - 1, -(2**31)])
    for x, w in ((2.0**-100, 2.0**-30), (2.0**-126, 2.0**-20), (1.5 * 2.0**-75, 1.25 * 2.0**-75), (2.0**-126, 0.75)):
        yield (values, x, w), {}  # subnormal results, or 0
        yield (values, x, np.full(7, w, _F)), {}


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
    for k in (129, 160):  # blocks of 128 inputs, and what one moves of the next
        for damping in (0.01, 1.0):
            yield (ordinary(rng, (24, k)), hessian(rng, k, 2 * k + 3)), {"bits": 3, "damping": damping}
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


EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {
    "quantize_bias_s32": (_bias_edges, at_lengths(_bias, 5)),
    "dequantize_bias_s32": (_dequantize_bias_edges, at_lengths(_dequantize_bias, 5),),
    "requantize_s32": (_requantize_edges, at_lengths(_requantize, 3, 5)),
    "quantize_gptq": (_layers("quantize_gptq"), _gptq_options, _long_layers("quantize_gptq", 16_385, 257)),
    "quantize_clip": (_layers("quantize_clip", axes=False, steps=2), _clip_options,
                      _long_layers("quantize_clip", 4097, 257, steps=1)),
    "quantize_awq": (_awq_edges,),
    "quantize_adaround": (_layers("quantize_adaround", iterations=3), _adaround_options,
                          _long_layers("quantize_adaround", 4097, 129, iterations=1)),
}

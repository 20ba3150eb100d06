"""Edges of float formats: every format and block at long lengths, numbers next to every tie, all patterns."""

from collections.abc import Callable

import numpy as np

from ...formats import FLOATS, GGML_TYPES, MX_ELEMENTS, NF4, NVFP4
from ...formats.floats import block_shape
from ..cases import Call, Calls
from ..floats.blocks import _mx
from ..floats.codes import every_code
from ..ggml import blocks_of
from ..values import ordinary
from .lengths import BEYOND, LONG, at_lengths
from .quantize import scales

_F = np.float32


def _codes(rng, i, m, k) -> Call:
    f = list(FLOATS.values())[i % len(FLOATS)]
    scale = np.ldexp(_F(f.maximum), -2 * (i % 7))
    x = (rng.standard_normal((m, k)) * scale).clip(-3e38, 3e38).astype(_F)
    return (x, f.name), {"overflow": ("saturate", "format")[i // 3 % 2]}


def _decode(rng, i, m, k) -> Call:
    f = list(FLOATS.values())[i % len(FLOATS)]
    return (rng.integers(0, 2**f.bits, (m, k)).astype(f.dtype), f.name), {}


def _encode_options():
    rng = np.random.default_rng(1)
    for f in FLOATS.values():
        for overflow in ("saturate", "format"):
            for shape in ((5,), (2, 3), (2, 3, 4), (2, 1, 3, 2)):
                yield (ordinary(rng, shape), f.name), {"overflow": overflow}
            beyond = np.nextafter(_F(f.maximum), _F(np.inf))
            yield (_F([f.maximum, beyond, -beyond, np.inf, -np.inf, 3e38]), f.name), {"overflow": overflow}


def _decode_options():
    for f in FLOATS.values():
        codes = every_code(f)
        yield (codes[: len(codes) // 4 * 4].reshape(2, -1, 2), f.name), {}
        yield (codes[::-1].reshape(1, -1), f.name), {}


def _mx_encode(rng, i, m, k) -> Call:
    name = list(MX_ELEMENTS)[i % len(MX_ELEMENTS)]
    return (np.ldexp(ordinary(rng, (m, k)), rng.integers(-60, 60, (m, 1))).astype(_F), name), {}


def _mx_edges():
    """Each element next to a tie, under scales of every power of two; blocks whose largest decides on a power."""
    for name, element in MX_ELEMENTS.items():
        values = np.arange(0, 128) / 64 if element is None else element.values(
            np.arange(2 ** (element.bits - 1)).astype(np.uint8)).astype(np.float64)
        values = values[np.isfinite(values)]
        middles = (values[1:] + values[:-1]) / 2
        row = np.concatenate([middles, np.nextafter(middles.astype(_F), _F(9e9)), np.nextafter(
            middles.astype(_F), _F(0))]).astype(_F)
        row = np.resize(row, -(-len(row) // 31) * 31).reshape(-1, 31)
        x = np.concatenate([np.full((len(row), 1), values[-1], _F), row], axis=1).reshape(1, -1)
        for exponent in (-126, -60, -1, 0, 7, 60):
            with np.errstate(all="ignore"):
                scaled = np.ldexp(x, exponent).astype(_F)
            yield (scaled[np.isfinite(scaled).all(axis=1)], name), {}
    for name in MX_ELEMENTS:
        largest = _F([2.0**e for e in (-140, -127, -126, -3, 0, 5, 127)])
        around = np.concatenate([np.nextafter(largest, _F(0)), largest, np.nextafter(largest, _F(np.inf))])
        yield (around[:, None], name), {}


def _mx_decode(rng, i, m, k) -> Call:
    return (_mx(rng, (m, k), list(MX_ELEMENTS)[i % len(MX_ELEMENTS)]),), {}


def _nf4_encode(rng, i, m, k) -> Call:
    return (ordinary(rng, (m, k)) * _F(3),), {"block": (64, 1, 32, k, k + 1, 128, max(1, k - 1), 4096)[i % 8]}


def _nf4_edges():
    """Quotients next to the middles of levels, under scales of all bits."""
    rng = np.random.default_rng(2)
    levels = NF4(np.arange(16).astype(np.uint8), np.ones(1, _F)).dense().astype(np.float64)
    middles = (levels[1:] + levels[:-1]) / 2
    s = np.concatenate([scales(rng, 60), np.ldexp(rng.integers(2**23, 2**24, 4).astype(_F), [-149, -149, 104, 103])])
    x = (s[:, None].astype(np.float64) * middles).astype(_F)
    x = np.concatenate([s[:, None], x, np.nextafter(x, _F(np.inf)), np.nextafter(x, _F(-np.inf))], axis=1)
    x = np.clip(x, -s[:, None], s[:, None])
    yield (x,), {"block": x.shape[1]}
    for block in (1, 2, 16, 46, 63, 64, 65, 2**40):
        yield (x[:20],), {"block": block}
    for shape in ((5,), (2, 3, 40), (2, 3, 4, 5)):
        for block in (1, 8, 64):
            yield (ordinary(rng, shape),), {"block": block}


def _nf4_decode(rng, i, m, k) -> Call:
    block = (64, 1, 32, k, 7)[i % 5]
    shape = block_shape((m, k), block)
    scale = np.ldexp(rng.integers(2**23, 2**24, shape).astype(_F), rng.integers(-140, 100, shape)).astype(_F)
    return (NF4(rng.integers(0, 16, (m, k)).astype(np.uint8), scale, block),), {}


def _nvfp4_encode(rng, i, m, k) -> Call:
    return (np.ldexp(ordinary(rng, (m, k)), rng.integers(-9, 9, (m, 1))).astype(_F),), {}


def _nf4_of_many_axes():
    """Blocks run on over the axes behind the first, so one begins in the middle of a line (QUANT-1.1)."""
    rng = np.random.default_rng(8)
    for shape, block in (((1, 2, 3), 2), ((2, 3, 5), 4), ((2, 2, 3, 3), 4), ((3, 5, 7), 16), ((2, 3, 3), 9)):
        scales = np.arange(1, 1 + shape[0] * -(-int(np.prod(shape[1:])) // block), dtype=_F).reshape(shape[0], -1)
        yield (NF4(rng.integers(0, 16, shape).astype(np.uint8), scales, block),), {}


def _nf4_encode_of_many_axes():
    for (q,), _ in _nf4_of_many_axes():
        yield (np.arange(1, 1 + q.codes.size, dtype=_F).reshape(q.codes.shape),), {"block": q.block}


def _nvfp4_edges():
    """Elements next to ties under each of many tensor scales: a product by a reciprocal rounds to the other side."""
    rng = np.random.default_rng(3)
    middles = np.array([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0])
    block_scales = FLOATS["fp8_e4m3"].values(np.arange(1, 127, dtype=np.uint8)).astype(np.float64)
    for scale in np.ldexp(rng.integers(2**23, 2**24, 12).astype(_F), rng.integers(-60, 40, 12)).astype(_F):
        rows = []
        for block in rng.choice(block_scales, 20):
            ties = (middles * block * float(scale)).astype(_F)
            ties = np.concatenate([ties[:7], np.nextafter(ties, _F(np.inf))])
            rows.append(np.concatenate([[_F(6 * block * float(scale))], ties, [_F(0)]]))
        rows.append(np.concatenate([[_F(6 * 448 * float(scale))], np.zeros(15, _F)]))
        yield (np.array(rows, _F),), {}


def _nvfp4_decode(rng, i, m, k) -> Call:
    codes, some = rng.integers(0, 16, (m, k)), rng.integers(0, 127, block_shape((m, k), 16))
    of_all = _F(np.ldexp(rng.uniform(1, 2), rng.integers(-90, 90)))
    return (NVFP4(codes.astype(np.uint8), some.astype(np.uint8), of_all),), {}


# Blocks of ggml.

def _ggml_decode_long():
    """Each type by many blocks: past eight bits, and in one row or as many rows as blocks."""
    rng = np.random.default_rng(5)
    for name, block in GGML_TYPES.items():
        for count in (31, 127, 129, 256, 257, 1025, *((BEYOND,) if block.numbers == 32 and block.nbytes < 18 else ())):
            data = rng.integers(0, 256, (count, block.nbytes), np.uint8)
            yield (blocks_of(data, name, count if count % 2 else 1),), {}


def _ggml_encode(rng, i, m, k) -> Call:
    return (rng.standard_normal((min(m, 2**12), 32 * min(k, 2**12))).astype(_F), ("Q8_0", "Q4_0")[i % 2]), {}


def _ggml_encode_ties():
    """Quotients next to halves, by scales of all bits: a division in place of the product by the inverse differs."""
    rng = np.random.default_rng(4)
    for name, top in (("Q8_0", 127), ("Q4_0", 8)):
        for sign in (1, -1):
            s = np.ldexp(rng.integers(2**23, 2**24, 400).astype(_F), rng.integers(-60, -20, 400)).astype(_F)
            steps = rng.integers(-top + 1, top - 1, (400, 10)) + 0.5
            x = (s[:, None].astype(np.float64) / top * steps).astype(_F)
            x = np.concatenate([sign * s[:, None], x, np.nextafter(x, _F(np.inf)), np.nextafter(x, _F(-np.inf)),
                                -s[:, None] * _F(0.75)], axis=1)
            yield (np.clip(x, -s[:, None], s[:, None]), name), {}


EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {
    "floats_encode": (_encode_options, at_lengths(_codes, 3, 5)),
    "floats_decode": (_decode_options, at_lengths(_decode, 3, 5)),
    "floats_mx_encode": (_mx_edges, at_lengths(_mx_encode, 3, 5)),
    "floats_mx_decode": (at_lengths(_mx_decode, 3, 5),),
    "floats_nf4_encode": (_nf4_edges, _nf4_encode_of_many_axes, at_lengths(_nf4_encode, 3, 5)),
    "floats_nf4_decode": (_nf4_of_many_axes, at_lengths(_nf4_decode, 3, 5),),
    "floats_nvfp4_encode": (_nvfp4_edges, at_lengths(_nvfp4_encode, 3, 5)),
    "floats_nvfp4_decode": (at_lengths(_nvfp4_decode, 3, 5),),
    "ggml_decode": (_ggml_decode_long,),
    "ggml_encode": (_ggml_encode_ties, at_lengths(_ggml_encode, 2, 2, lengths=(*LONG[:15], BEYOND // 16), most=4097)),
}

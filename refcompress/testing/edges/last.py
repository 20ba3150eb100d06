"""The element that decides stands last of many, or late: what counts in 8 or 16 bits does not come to it."""

from collections.abc import Callable
from functools import cache

import numpy as np

from ...formats import MX, NF4, Quantized
from ...formats.floats import block_shape
from ..cases import Call, Calls
from ..nn.integers import integers
from ..values import ordinary, whole
from ..written import written
from .lengths import BEYOND, all_bits

_F, _S8 = np.float32, np.int8
MANY = (257, 4097, 16_385, BEYOND)


def _extreme_last(**more) -> Callable[[], Calls]:
    def calls() -> Calls:
        rng = np.random.default_rng(1)
        for n in MANY:
            for value in (-900.0, 900.0):
                x = ordinary(rng, n)
                x[-1] = value
                yield (x,), more
                yield (np.stack([ordinary(rng, n), x]) if n < BEYOND else x[:, None],), {**more, "axis": 0} if (
                    n < BEYOND) else more
    return calls


def _one_symbol():
    for n in (*MANY, 2 * BEYOND):
        for dtype in (np.uint8, np.uint16):
            symbols = np.full(n, 7, dtype)
            yield (symbols,), {}
            symbols = symbols.copy()
            symbols[-1] = 200
            yield (symbols,), {}


def _coded_rows():
    """Long rows whose last codes are not 0; more rows than 256, whose last ones are not zeros.

    The model tells columns and rows apart by their logarithm, up to 15: the longest ones go beyond 2^14 and 2^15.
    """
    rng = np.random.default_rng(7)
    yield ((rng.random((1, 2**15 + 40)) < 0.02).astype(np.uint8),), {"alphabet": 2}
    for n in (2049, 3001):
        codes = np.zeros((1, n), np.uint8)
        codes[0, -3:] = (1, 3, 2)
        codes[0, 2047] = 1
        yield (codes,), {"alphabet": 4, "lanes": 1 if n > 3000 else 16}
    for rows in (257, 260, 4097):
        for lanes in (1, 16) if rows == 260 else (1,) if rows > 300 else (16,):
            codes = np.zeros((rows, 2 if rows < 300 else 1), np.uint8)
            codes[-1], codes[-2], codes[0, 0] = np.arange(2, 2 + codes.shape[1]), 1, 1
            yield (codes,), {"alphabet": 4, "lanes": lanes}
    yield ((rng.random((2**14 + 40, 1)) < 0.02).astype(np.uint8),), {"alphabet": 2}


@cache
def _written_rows() -> list[Call]:
    return [((written("rangecoder_encode")(codes, **how),), {"shape": codes.shape, **how})
            for (codes,), how in _coded_rows()]


def _read_rows():
    for (data,), how in _written_rows():
        yield (data.copy(),), how


def _many_blocks():
    rng = np.random.default_rng(2)
    for k in (257, 4097, BEYOND + 3):
        scale = np.ldexp(1 + np.arange(k) / k, rng.integers(-9, 9, k)).astype(_F)[None]
        yield (NF4(rng.integers(8, 16, (1, k)).astype(np.uint8), scale, 1),), {}


def _many_blocks_encoded():
    for k in (257, 4097, BEYOND + 3):
        yield (np.arange(1, k + 1, dtype=_F)[None],), {"block": 1}


def _late_scales():
    """Three and four dimensions, with scales that differ from block to block, the more the later."""
    for name in ("mxfp4_e2m1", "mxint8", "mxfp8_e4m3"):
        for shape in ((2, 3, 70), (2, 2, 2, 100), (3, 130), (2, 3, 300), (300, 2, 33)):
            of_blocks = block_shape(shape, 32)
            scales = (100 + np.arange(np.prod(of_blocks)) % 60).astype(np.uint8).reshape(of_blocks)
            codes = np.resize(np.arange(1, 7), shape).astype(_S8 if name == "mxint8" else np.uint8)
            yield (MX(codes, scales, name),), {}


def _nf4_late_scales():
    for shape in ((2, 3, 70), (2, 2, 2, 100), (3, 130), (300, 2, 33)):
        for block in (16, 64):
            of_blocks = block_shape(shape, block)
            scales = (1 + np.arange(np.prod(of_blocks))).astype(_F).reshape(of_blocks)
            yield (NF4(np.resize(np.arange(16), shape).astype(np.uint8), scales, block),), {}


def _many_images(kernel, both: bool) -> Callable[[], Calls]:
    def calls() -> Calls:
        rng = np.random.default_rng(3)
        for images in (129, 130, 257):
            for layout in ("nchw", "nhwc"):
                shape = (images, 2, 3, 3) if layout == "nchw" else (images, 3, 3, 2)
                x = ordinary(rng, shape)
                yield (x, kernel), {"layout": layout}
                if both:
                    yield (integers(rng, *shape), kernel), {"layout": layout}
    return calls


def _infinity_passes():
    """One window holds an infinity, and the later ones do not: a running sum does not lose it."""
    for layout in ("nchw", "nhwc"):
        for value in (np.inf, -np.inf, np.nan):
            for at in ((0, 1), (1, 0), (3, 2)):
                x = np.arange(1, 73, dtype=_F).reshape(1, 2, 6, 6)
                x[0, :, at[0], at[1]] = value
                x = x if layout == "nchw" else np.ascontiguousarray(x.transpose(0, 2, 3, 1))
                for kernel in ((2, 2), (1, 3), (3, 1), (1, 2)):
                    yield (x, kernel), {"layout": layout}


def _depthwise_wide():
    """Wide and high images by one cell of all bits: exact products, whatever the size."""
    rng = np.random.default_rng(4)
    for n in (16, 64, 129, 256, 257, 300, 513, 1025):
        for layout in ("nchw", "nhwc"):
            for h, w in ((1, n), (n, 1), (2, n)):
                shape = (1, 2, h, w) if layout == "nchw" else (1, h, w, 2)
                weight = all_bits(rng, (2, 1, 1, 1))
                yield (rng.choice([-1, 1, 2], shape).astype(_F), weight), {"layout": layout}
                yield (all_bits(rng, shape), np.ldexp(_F(1), rng.integers(-3, 3, (2, 1, 1, 1)))), {"layout": layout}
    for images in (129, 257):
        yield (whole(rng, (images, 1, 2, 2)), whole(rng, (1, 1, 2, 2))), {}


def _depthwise_sums():
    """A row of few cells of the largest values: sums past 16 bits, and results that are not clipped."""
    for cells in (2, 3, 4, 5, 8):
        for h, w in ((1, cells), (cells, 1)):
            for x, weight in ((-128, 127), (-128, -128), (127, -128), (127, 127)):
                for zero in (0, -128, 127):
                    shift = int(np.ceil(np.log2(max(1, abs((x - zero) * weight) * cells) / 100)))
                    layer = (np.full((1, h, w), weight, _S8), np.zeros(1, np.int32), np.full(1, 2**30, np.int32),
                             np.full(1, max(0, shift), np.int32))
                    yield (np.full((1, h, w + 1, 1), x, _S8), *layer), {"x_zero_point": zero}


def _requantize_middle():
    """Multipliers along each axis of three and four dimensions, all different; many of them."""
    rng = np.random.default_rng(5)
    for shape in ((3, 4, 5), (2, 3, 4, 5), (4, 4), (3, 3, 3)):
        x = rng.integers(-(2**20), 2**20, shape).astype(np.int32)
        for axis in range(len(shape)):
            of = tuple(n if i == axis else 1 for i, n in enumerate(shape))
            multiplier = (2**30 + rng.integers(0, 2**30, of)).astype(np.int32)
            yield (x, multiplier, np.int32(13)), {}
            yield (x, multiplier, rng.integers(11, 15, of).astype(np.int32)), {}
            yield (x, 2**30 + 7, rng.integers(11, 15, of).astype(np.int32)), {}
    for n in (257, 513):
        of = (2**30 + 10**6 * np.arange(n)).astype(np.int32)
        yield (np.full((2, n), 100_000, np.int32), of[None], 10 + (np.arange(n) // 100).astype(np.int32)[None]), {}
        yield (np.full((n, 2), 100_000, np.int32), of[:, None], 11), {}


def _select_sums():
    """Sums of a unit that float32 takes for equal: the larger one comes later."""
    for more in (1.0, 2.0**-20):
        base = 2.0**24 if more == 1 else 8.0
        first, second = [base, 0, 0], [base, 0, more]
        for scores in (np.array([first, second]), np.array([first, first, second]), np.array([first, second]) + 0.0):
            yield (scores,), {"structure": "row", "keep": 1}
            yield (scores.T.copy(),), {"structure": "column", "keep": 1}
            yield (scores,), {"structure": "block", "block": (1, 3), "keep": 1}
            yield (scores,), {"structure": "filter", "keep": 1}
    yield (_F([[2**24, 0, 0], [2**24, 1, 0]]),), {"structure": "row", "keep": 1}
    yield (_F([[2**24, 0], [2**24, 1], [2**24, 0]]),), {"structure": "row", "keep": 1}


def _norms_of_more_dimensions():
    rng = np.random.default_rng(6)
    for shape in ((7,), (3, 7), (2, 3, 7), (2, 3, 4, 7), (2, 1, 33)):
        for scale in (1.0, 100.0):
            yield (ordinary(rng, shape) * _F(scale),), {}
            yield (ordinary(rng, shape) * _F(scale),), {"epsilon": 0.5}


def _magnitude_last():
    for n in MANY:
        w = np.ones(n, _F)
        w[-1] = 2
        yield (w,), {"keep": 1}
        yield (w,), {"keep": n}
        w = w.copy()
        w[-1] = 0.5
        yield (w,), {"keep": n - 1}


def _dequantize_many(dtype) -> Callable[[], Calls]:
    def calls() -> Calls:
        for n in (257, 4097, BEYOND):
            scale, zero = (1 + np.arange(n)).astype(_F), (np.arange(n) % 199 - 99).astype(dtype)
            yield (Quantized(np.ones((n, 1), dtype), scale[:, None], zero[:, None], None),), {}
            yield (Quantized(np.ones((1, n), dtype), scale[None], zero[None], 1),), {}
    return calls


EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {
    "quantize_range_minmax": (_extreme_last(),),
    "quantize_s8": (_extreme_last(),),
    "quantize_s16": (_extreme_last(),),
    "quantize_range_percentile": (_extreme_last(percentile=100.0),),
    "huffman_counts": (_one_symbol,),
    "rangecoder_encode": (_coded_rows,),
    "rangecoder_decode": (_read_rows,),
    "floats_nf4_decode": (_many_blocks, _nf4_late_scales),
    "floats_nf4_encode": (_many_blocks_encoded,),
    "floats_mx_decode": (_late_scales,),
    "nn_max_pool": (_many_images((2, 2), True), _infinity_passes),
    "nn_average_pool": (_many_images((2, 2), False), _infinity_passes),
    "nn_patches": (_many_images((2, 2), True),),
    "nn_depthwise_f32": (_depthwise_wide,),
    "nn_depthwise_s8": (_depthwise_sums,),
    "requantize_s32": (_requantize_middle,),
    "prune_select": (_select_sums,),
    "nn_rms_norm": (_norms_of_more_dimensions,),
    "nn_layer_norm": (_norms_of_more_dimensions,),
    "prune_magnitude": (_magnitude_last,),
    "dequantize_s8": (_dequantize_many(np.int8),),
    "dequantize_s16": (_dequantize_many(np.int16),),
}

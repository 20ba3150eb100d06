"""The cases of float32 inputs by narrow weights: for each product its strategy, what it refuses, and wrong kernels."""

import numpy as np

from ... import reference
from ...formats import MX, MX_ELEMENTS, NF4, NVFP4, Packed, Plain, Quantized, Shared
from ..cases import Cases
from ..draws import any_floats, array, composite, either, finite, scales, st
from . import narrow

_F = np.float32


@composite
def _strategy(draw, weights):
    shape = draw(st.integers(0, 3)), draw(st.sampled_from([*range(6), 15, 16, 17, 33]))  # the sweep has gone before
    x = draw(array(_F, (draw(st.integers(0, 2)), shape[1]), draw(either(any_floats()))))
    return (x, draw(weights(shape))), {}


def _of_weights(weights):
    return lambda: _strategy(weights)


@composite
def _s4_draw(draw, shape):
    group = draw(st.none() | st.integers(1, 20))
    full = shape if group is None else (shape[0], -(-shape[1] // group))
    some = draw(st.sampled_from([1, shape[0]])), full[1] if group else draw(st.sampled_from([1, shape[1]]))
    integers = st.integers(-8, 7)
    q = Quantized(draw(array(np.int8, shape, integers)), draw(array(_F, some, scales())),
                  draw(array(np.int8, some, integers)), group)
    return reference.quantize_pack(q)


def _lut_draw(most: int):
    @composite
    def draw_one(draw, shape):
        c, group = draw(st.integers(1, most)), draw(st.none() | st.integers(8, 20))
        of_rows = shape[0], 1 if group is None else -(-shape[1] // group)
        books = of_rows if group or draw(st.booleans()) else ()
        codes = draw(array(np.uint8, shape, st.integers(0, c - 1)))
        return Shared(codes, draw(array(_F, (*books, c), finite())), group)

    return draw_one


def _plain_draw(*types: str):
    @composite
    def draw_one(draw, shape):
        name = draw(st.sampled_from(types))
        dtype = np.uint16 if name in ("float16", "bfloat16") else np.uint8
        return Plain(draw(array(dtype, shape)), name)

    return draw_one


@composite
def _mx_draw(draw, shape):
    name = draw(st.sampled_from(list(MX_ELEMENTS)))
    element = MX_ELEMENTS[name]
    codes = array(np.int8, shape) if element is None else array(np.uint8, shape, st.integers(0, 2**element.bits - 1))
    exponents = st.integers(110, 140) | st.sampled_from([0, 1, 254, 255])
    return MX(draw(codes), draw(array(np.uint8, (shape[0], -(-shape[1] // 32)), exponents)), name)


@composite
def _nf4_draw(draw, shape):
    block = draw(st.integers(1, 70))
    some = array(_F, (shape[0], -(-shape[1] // block)), scales())
    return NF4(draw(array(np.uint8, shape, st.integers(0, 15))), draw(some), block)


@composite
def _nvfp4_draw(draw, shape):
    some = array(np.uint8, (shape[0], -(-shape[1] // 16)), st.integers(0, 126))
    return NVFP4(draw(array(np.uint8, shape, st.integers(0, 15))), draw(some), _F(draw(scales())))


_ONE, _ONES, _CODES = np.ones((1, 1), _F), np.ones((4, 1), _F), np.ones((4, 3), np.uint8)
_Q = Quantized(_CODES.view(np.int8), _ONE, np.zeros((1, 1), np.int8))
_S4, _S3 = (reference.quantize_pack(_Q, bits=bits) for bits in (4, 3))
_LUT, _LUT_17, _LUT_257 = (
    Shared(_CODES.astype(np.uint8 if c < 257 else np.uint16), np.arange(c, dtype=_F)) for c in (2, 17, 257))
_F16, _BF16 = (Plain(_CODES.astype(np.uint16), name) for name in ("float16", "bfloat16"))
_FP8, _INT8 = (Plain(_CODES, name) for name in ("fp8_e4m3", "uint8"))
_MX, _NF4, _NVFP4 = MX(_CODES, _CODES[:, :1], "mxfp4_e2m1"), NF4(_CODES, _ONES), NVFP4(_CODES, _CODES[:, :1], _F(1))
_ROW = {"s4": Packed(_S4.data[0], (3,), 4, _ONE[0], _S4.zero_point[0]), "lut": Shared(_CODES[0], _LUT.codebook),
        "f16": Plain(_F16.patterns[0], "float16"), "bf16": Plain(_BF16.patterns[None], "bfloat16"),
        "fp8": Plain(_CODES[0], "fp8_e5m2"), "mx": MX(_CODES[0], _CODES[0, :1], _MX.format),
        "nf4": NF4(_CODES[0], _ONE[0]), "nvfp4": NVFP4(_CODES[0], _CODES[0, :1], _F(1))}


def _cases(op: str, weights, hostile, draw, good, others) -> Cases:
    return Cases(narrow.sweep(weights, hostile), narrow.refusals(good, *others), _of_weights(draw))


CASES: dict[str, Cases] = {
    "gemm_f32s4": _cases(
        "gemm_f32s4", narrow.s4_weights, narrow.s4_hostile, _s4_draw, _S4, (_S3, _ROW["s4"], _LUT, _Q)),
    "gemm_f32lut4": _cases(
        "gemm_f32lut4", narrow.lut_weights(16), narrow.lut_hostile(16), _lut_draw(6), _LUT,
        (_LUT_17, _LUT_257, _ROW["lut"], _S4)),
    "gemm_f32lut8": _cases(
        "gemm_f32lut8", narrow.lut_weights(256), narrow.lut_hostile(256), _lut_draw(6), _LUT,
        (_LUT_257, _ROW["lut"], _S4)),
    "gemm_f32nf4": _cases(
        "gemm_f32nf4", narrow.nf4_weights, narrow.nf4_hostile, _nf4_draw, _NF4, (_MX, _ROW["nf4"], _NVFP4)),
    "gemm_f32f16": _cases(
        "gemm_f32f16", narrow.plain_weights("float16"), narrow.plain_hostile("float16"), _plain_draw("float16"), _F16,
        (_BF16, _FP8, _ROW["f16"], np.ones((4, 3), np.float16))),
    "gemm_f32bf16": _cases(
        "gemm_f32bf16", narrow.plain_weights("bfloat16"), narrow.plain_hostile("bfloat16"), _plain_draw("bfloat16"),
        _BF16, (_F16, _FP8, _ROW["bf16"], _BF16.patterns)),
    "gemm_f32fp8": _cases(
        "gemm_f32fp8", narrow.plain_weights(*narrow.FP8), narrow.plain_hostile(*narrow.FP8), _plain_draw(*narrow.FP8),
        _FP8, (_F16, _INT8, _ROW["fp8"], _FP8.patterns)),
    "gemm_f32mx": _cases(
        "gemm_f32mx", narrow.mx_weights, narrow.mx_hostile, _mx_draw, _MX, (_NF4, _ROW["mx"], _FP8)),
    "gemm_f32nvfp4": _cases(
        "gemm_f32nvfp4", narrow.nvfp4_weights, narrow.nvfp4_hostile, _nvfp4_draw, _NVFP4, (_MX, _ROW["nvfp4"], _NF4)),
}

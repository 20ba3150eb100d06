"""The cases of float32 inputs by narrow weights: for each product its strategy, what it refuses, and wrong kernels."""

import numpy as np

from ... import reference
from ...formats import MX, MX_ELEMENTS, NF4, NVFP4, Packed, Plain, Quantized, Shared
from ...reference.gemm.narrow import decoded
from ..cases import Cases
from ..draws import any_floats, array, composite, either, finite, scales, st
from . import narrow
from .narrow import halves_swapped, of, scales_of_the_next, tail_lost

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


# Wrong weights.

def _quantized(w: Packed) -> Quantized:
    return reference.quantize_unpack(w)


def _no_sign(w: Packed) -> np.ndarray:
    q = _quantized(w)
    return Quantized(q.values & np.int8(15), q.scale, q.zero_point, q.group).dense()


def _last_zero_point_forgotten(w: Packed) -> np.ndarray:
    zero_point = w.zero_point.copy()
    zero_point[:, -1:] = 0
    return Packed(w.data, w.shape, w.bits, w.scale, zero_point, w.group).dense()


def _next_scale(w: Packed) -> np.ndarray:
    return Packed(w.data, w.shape, w.bits, np.roll(w.scale, -1, axis=1), w.zero_point, w.group).dense()


def _zero_point_of_float(w: Packed) -> np.ndarray:  # rounds twice more than scale * (value - zero point)
    q = _quantized(w)
    with np.errstate(all="ignore"):
        return q.expand(q.scale) * q.values.astype(_F) - q.expand(q.scale * q.zero_point.astype(_F))


def _entry_15_is_0(w: Shared) -> np.ndarray:
    return Shared(np.where(w.codes == 15, np.uint8(0), w.codes), w.codebook, w.group).dense()


def _seven_bits(w: Shared) -> np.ndarray:
    return Shared(w.codes & np.uint8(127), w.codebook, w.group).dense()


def _first_codebook_of_the_row(w: Shared) -> np.ndarray:
    if w.group is None or w.codes.size == 0:
        return w.dense()
    return Shared(w.codes, np.ascontiguousarray(w.codebook[:, :1])).dense()


def _first_codebook(w: Shared) -> np.ndarray:
    return w.dense() if w.codebook.ndim == 1 or w.codes.size == 0 else Shared(w.codes, w.codebook[0, 0]).dense()


def _subnormals_flushed(w: Plain) -> np.ndarray:
    a = decoded(w)
    normal = {"float16": -14, "bfloat16": -126, "fp8_e4m3": -6, "fp8_e5m2": -14, "fp8_e4m3fnuz": -7,
              "fp8_e5m2fnuz": -15}[w.type]
    return np.where(np.abs(a) < 2.0**normal, _F(0), a)


def _special_is_a_number(w: Plain) -> np.ndarray:
    return np.nan_to_num(decoded(w), nan=480, posinf=65536, neginf=-65536)


def _nan_is_infinite(w: Plain) -> np.ndarray:
    a = decoded(w)
    return np.where(np.isnan(a), _F(np.inf), a)


def _all_e4m3(w: Plain) -> np.ndarray:
    return Plain(w.patterns, "fp8_e4m3").dense()


def _zeros_skipped(x, w):
    x, a = x.astype(np.float64), decoded(w).astype(np.float64)
    with np.errstate(all="ignore"):
        return np.where(a == 0, 0, x[:, None, :] * a).sum(axis=2).astype(_F)


def _bias_126(w: MX) -> np.ndarray:
    scales = np.where(w.scales == 255, 255, np.minimum(w.scales.astype(int) + 1, 254)).astype(np.uint8)
    return MX(w.codes, scales, w.format).dense()


def _scale_never_nan(w: MX) -> np.ndarray:
    return MX(w.codes, np.minimum(w.scales, np.uint8(254)), w.format).dense()


def _scale_as_exponent_field(w: MX) -> np.ndarray:  # the byte put where a float32 has its exponent: 0 is zero there
    a = w.dense()
    return np.where(np.repeat(w.scales, 32, axis=1)[:, : w.shape[1]] == 0, _F(0), a)


def _levels_mirrored(w: NF4) -> np.ndarray:
    return -NF4(15 - w.codes, w.scales, w.block).dense()


def _blocks_of_64(w: NF4) -> np.ndarray:
    n, k = w.shape
    each = np.repeat(w.scales, w.block, axis=1)[:, : max(1, k)]
    return NF4(w.codes, each[:, ::64], 64).dense() if k else w.dense()


def _tensor_scale_forgotten(w: NVFP4) -> np.ndarray:
    return NVFP4(w.codes, w.scales, _F(1)).dense()


def _blocks_of_32(w: NVFP4) -> np.ndarray:
    return NVFP4(w.codes, np.repeat(w.scales[:, ::2], 2, axis=1)[:, : w.scales.shape[1]], w.tensor_scale).dense()


def _sign_of_scale_used(w: NVFP4) -> np.ndarray:  # the scale taken for a signed 7-bit number
    a = w.dense()
    return np.where(np.repeat(w.scales, 16, axis=1)[:, : w.shape[1]] >= 64, -a, a)


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


def _cases(op: str, weights, hostile, draw, good, others, **wrong) -> Cases:
    bugs = {name.replace("_", " "): change if change is _zeros_skipped else of(change)
            for name, change in wrong.items()}
    return Cases(narrow.sweep(weights, hostile), narrow.refusals(good, *others), _of_weights(draw), wrong=bugs)


CASES: dict[str, Cases] = {
    "gemm_f32s4": _cases(
        "gemm_f32s4", narrow.s4_weights, narrow.s4_hostile, _s4_draw, _S4, (_S3, _ROW["s4"], _LUT, _Q),
        halves_of_a_byte_swapped=halves_swapped, no_sign=_no_sign, scale_of_the_next_group=_next_scale,
        zero_point_forgotten_in_the_last_group=_last_zero_point_forgotten, zero_point_times_scale=_zero_point_of_float),
    "gemm_f32lut4": _cases(
        "gemm_f32lut4", narrow.lut_weights(16), narrow.lut_hostile(16), _lut_draw(6), _LUT,
        (_LUT_17, _LUT_257, _ROW["lut"], _S4),
        entry_15_read_as_0=_entry_15_is_0, one_codebook_a_row=_first_codebook_of_the_row,
        one_codebook=_first_codebook, halves_of_a_byte_swapped=halves_swapped),
    "gemm_f32lut8": _cases(
        "gemm_f32lut8", narrow.lut_weights(256), narrow.lut_hostile(256), _lut_draw(6), _LUT,
        (_LUT_257, _ROW["lut"], _S4),
        seven_bits_of_a_code=_seven_bits, one_codebook_a_row=_first_codebook_of_the_row, tail_lost=tail_lost),
    "gemm_f32nf4": _cases(
        "gemm_f32nf4", narrow.nf4_weights, narrow.nf4_hostile, _nf4_draw, _NF4, (_MX, _ROW["nf4"], _NVFP4),
        levels_mirrored=_levels_mirrored, blocks_of_64_always=_blocks_of_64,
        scale_of_the_next_block=scales_of_the_next),
    "gemm_f32f16": _cases(
        "gemm_f32f16", narrow.plain_weights("float16"), narrow.plain_hostile("float16"), _plain_draw("float16"), _F16,
        (_BF16, _FP8, _ROW["f16"], np.ones((4, 3), np.float16)),
        subnormals_flushed=_subnormals_flushed, infinity_is_a_number=_special_is_a_number, tail_lost=tail_lost,
        zeros_skipped=_zeros_skipped),
    "gemm_f32bf16": _cases(
        "gemm_f32bf16", narrow.plain_weights("bfloat16"), narrow.plain_hostile("bfloat16"), _plain_draw("bfloat16"),
        _BF16, (_F16, _FP8, _ROW["bf16"], _BF16.patterns),
        subnormals_flushed=_subnormals_flushed, NaN_is_infinite=_nan_is_infinite, tail_lost=tail_lost),
    "gemm_f32fp8": _cases(
        "gemm_f32fp8", narrow.plain_weights(*narrow.FP8), narrow.plain_hostile(*narrow.FP8), _plain_draw(*narrow.FP8),
        _FP8, (_F16, _INT8, _ROW["fp8"], _FP8.patterns),
        subnormals_flushed=_subnormals_flushed, NaN_read_as_a_number=_special_is_a_number,
        NaN_is_infinite=_nan_is_infinite, all_types_read_as_e4m3=_all_e4m3),
    "gemm_f32mx": _cases(
        "gemm_f32mx", narrow.mx_weights, narrow.mx_hostile, _mx_draw, _MX, (_NF4, _ROW["mx"], _FP8),
        bias_of_the_scale_126=_bias_126, scale_never_NaN=_scale_never_nan, scale_of_the_next_block=scales_of_the_next,
        the_smallest_scale_is_zero=_scale_as_exponent_field, tail_lost=tail_lost),
    "gemm_f32nvfp4": _cases(
        "gemm_f32nvfp4", narrow.nvfp4_weights, narrow.nvfp4_hostile, _nvfp4_draw, _NVFP4, (_MX, _ROW["nvfp4"], _NF4),
        tensor_scale_forgotten=_tensor_scale_forgotten, blocks_of_32=_blocks_of_32,
        scale_taken_for_a_signed_number=_sign_of_scale_used, halves_of_a_byte_swapped=halves_swapped),
}

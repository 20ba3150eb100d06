"""Kernels of float32 inputs by narrow weights: a wrong one is the product with other weights."""

from collections.abc import Callable

import numpy as np

from .... import reference
from ....formats import MX, NF4, NVFP4, Packed, Plain, Quantized, Shared
from ....reference.gemm.narrow import decoded
from ..kernels import Kernel

_F = np.float32


def of(change: Callable) -> Callable:
    """Return a wrong kernel: the product with what ``change`` makes of the weights, as float32 numbers."""

    def product(x, w):
        return reference.gemm_f32f32(x, np.ascontiguousarray(change(w), dtype=_F))

    return product


def tail_lost(w) -> np.ndarray:
    """Return the weights without the inputs behind the last whole 16."""
    a, k = decoded(w).copy(), w.shape[1]
    if k > 16:
        a[:, k // 16 * 16 :] = 0
    return a


def halves_swapped(w) -> np.ndarray:
    """Return the weights with both of each byte of two exchanged."""
    a = decoded(w).copy()
    pairs = a.shape[1] // 2 * 2
    a[:, :pairs] = a[:, :pairs].reshape(len(a), -1, 2)[..., ::-1].reshape(len(a), pairs)
    return a


def scales_of_the_next(w) -> np.ndarray:
    """Return the weights, each segment with the scale of the segment after it."""
    return _with(w, scales=np.roll(w.scales, -1, axis=-1)).dense()


def _with(w, **fields):
    """Return the format with other fields, checked."""
    return type(w)(**{**dict(w._fields()), **fields})


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


KERNELS = [
    Kernel("gemm_f32s4", "halves of a byte swapped", "format",
           "The first of two values lies in the low half of a byte.",
           of(halves_swapped)),
    Kernel("gemm_f32s4", "no sign", "format",
           "A mask takes the bits out, and the sign bit is not carried up.",
           of(_no_sign)),
    Kernel("gemm_f32s4", "scale of the next group", "format",
           "The index of the scale moves on before the last product of a group.",
           of(_next_scale)),
    Kernel("gemm_f32s4", "zero point forgotten in the last group", "tail",
           "A peeled last iteration lacks a term of the loop.",
           of(_last_zero_point_forgotten)),
    Kernel("gemm_f32s4", "zero point times scale", "rounding",
           "The zero point is multiplied into a float32 offset, which rounds once more.",
           of(_zero_point_of_float)),
    Kernel("gemm_f32lut4", "entry 15 read as 0", "format",
           "A shuffle with a set high bit gives zero.",
           of(_entry_15_is_0)),
    Kernel("gemm_f32lut4", "one codebook a row", "format",
           "The codebook of the first group is loaded once a row.",
           of(_first_codebook_of_the_row)),
    Kernel("gemm_f32lut4", "one codebook", "format",
           "The codebook is loaded once a matrix.",
           of(_first_codebook)),
    Kernel("gemm_f32lut4", "halves of a byte swapped", "format",
           "The first of two codes lies in the low half of a byte.",
           of(halves_swapped)),
    Kernel("gemm_f32lut8", "seven bits of a code", "format",
           "Two shuffles of 64 entries cover seven bits, and the eighth is not looked at.",
           of(_seven_bits)),
    Kernel("gemm_f32lut8", "one codebook a row", "format",
           "The codebook of the first group is loaded once a row.",
           of(_first_codebook_of_the_row)),
    Kernel("gemm_f32lut8", "tail lost", "tail",
           "The inputs behind the last whole sixteen are not read.",
           of(tail_lost)),
    Kernel("gemm_f32nf4", "levels mirrored", "format",
           "The levels of NF4 are not symmetric, and were taken in the other order.",
           of(_levels_mirrored)),
    Kernel("gemm_f32nf4", "blocks of 64 always", "options",
           "The length of a block is fixed to the usual one.",
           of(_blocks_of_64)),
    Kernel("gemm_f32nf4", "scale of the next block", "format",
           "The index of the scale moves on one block early.",
           of(scales_of_the_next)),
    Kernel("gemm_f32f16", "subnormals flushed", "values",
           "A conversion by shifts treats the lowest exponent as zero.",
           of(_subnormals_flushed)),
    Kernel("gemm_f32f16", "infinity is a number", "values",
           "A conversion by shifts treats the highest exponent as any other.",
           of(_special_is_a_number)),
    Kernel("gemm_f32f16", "tail lost", "tail",
           "The inputs behind the last whole sixteen are not read.",
           of(tail_lost)),
    Kernel("gemm_f32f16", "zeros skipped", "values",
           "A test for zero saves a product, and loses the NaN of 0 times infinity.",
           _zeros_skipped),
    Kernel("gemm_f32bf16", "subnormals flushed", "values",
           "The processor was set to take subnormal operands for zero.",
           of(_subnormals_flushed)),
    Kernel("gemm_f32bf16", "NaN is infinite", "values",
           "A rounding of the weights carries the payload of a NaN into the exponent.",
           of(_nan_is_infinite)),
    Kernel("gemm_f32bf16", "tail lost", "tail",
           "The inputs behind the last whole sixteen are not read.",
           of(tail_lost)),
    Kernel("gemm_f32fp8", "subnormals flushed", "values",
           "A conversion by shifts treats the lowest exponent as zero.",
           of(_subnormals_flushed)),
    Kernel("gemm_f32fp8", "NaN read as a number", "values",
           "A conversion by shifts has no branch for the NaN patterns.",
           of(_special_is_a_number)),
    Kernel("gemm_f32fp8", "NaN is infinite", "values",
           "Patterns of the highest exponent are taken for infinities.",
           of(_nan_is_infinite)),
    Kernel("gemm_f32fp8", "all types read as e4m3", "format",
           "The types of 8-bit floats differ in bias and special codes, and one table stood for all.",
           of(_all_e4m3)),
    Kernel("gemm_f32mx", "bias of the scale 126", "format",
           "The exponent's bias is off by one.",
           of(_bias_126)),
    Kernel("gemm_f32mx", "scale never NaN", "values",
           "The scale byte 255 was clipped.",
           of(_scale_never_nan)),
    Kernel("gemm_f32mx", "scale of the next block", "format",
           "The index of the scale moves on one block early.",
           of(scales_of_the_next)),
    Kernel("gemm_f32mx", "the smallest scale is zero", "values",
           "The byte is put where a float32 has its exponent, and 0 is no power of two there.",
           of(_scale_as_exponent_field)),
    Kernel("gemm_f32mx", "tail lost", "tail",
           "The inputs behind the last whole sixteen are not read.",
           of(tail_lost)),
    Kernel("gemm_f32nvfp4", "tensor scale forgotten", "format",
           "A reader that knows MX has no second scale.",
           of(_tensor_scale_forgotten)),
    Kernel("gemm_f32nvfp4", "blocks of 32", "format",
           "MX has 32 elements a block, NVFP4 has 16.",
           of(_blocks_of_32)),
    Kernel("gemm_f32nvfp4", "scale taken for a signed number", "format",
           "The block scale is an e4m3 of which the sign bit is not used; a signed conversion of 7 bits turns half "
           "of them.",
           of(_sign_of_scale_used)),
    Kernel("gemm_f32nvfp4", "halves of a byte swapped", "format",
           "The first of two values lies in the low half of a byte.",
           of(halves_swapped)),
]

"""MXFP4 and NVFP4 of GGUF: codes of E2M1 with a power of two for 32 numbers, or a number of E4M3 for 16.

A code is the one whose number is nearest, computed in float32; of two equally near ones the lower code. So a tie goes
towards zero, and zero itself is code 0. The exponent of MXFP4 is that of the largest magnitude less two, by a
logarithm that float32 rounds: just below a power of two it may be one too high.

**Source** ggml, the functions quantize_row_mxfp4_ref, quantize_row_nvfp4_ref and ggml_fp32_to_ue4m3 of llama-cpp-python
0.3.36; the package gguf 0.19.0, quants.py.
"""

import numpy as np

from ...formats import GGMLBlocks
from ...formats.ggml.bits import parts, split
from ...formats.ggml.tables import TWICE_E2M1
from .stored import Arrays, Rule, Stored, in_pieces

__all__ = ["FP4_TYPES", "stored_of"]

f32 = np.float32
LEVELS = np.unique(TWICE_E2M1).astype(np.float64)
RANKS = np.searchsorted(LEVELS, TWICE_E2M1)


def stored_of(name: str, blocks: GGMLBlocks) -> Stored:
    fields, factor, rules = FP4_TYPES[blocks.type]
    arrays = fields(blocks.data)
    return Stored(name, f"GGUF {blocks.type}", blocks.shape, arrays, RANKS[arrays["codes"]], LEVELS,
                  factor(arrays["scale"]).astype(np.float64)[..., None], rules)


def of_mx(data: np.ndarray) -> Arrays:
    e, q = parts(data, 1, 16)
    return {"codes": split(q, 4).reshape(-1, 1, 32), "scale": e}


def of_nv(data: np.ndarray) -> Arrays:
    d, q = parts(data, 4, 32)
    return {"codes": split(q.reshape(-1, 4, 8), 4).reshape(-1, 4, 16), "scale": d}


def power(e: np.ndarray) -> np.ndarray:
    """Return 2^(e - 128), the factor of the doubled numbers of E2M1."""
    return np.ldexp(f32(1), e.astype(np.int32) - 128)


def half_e4m3(d: np.ndarray) -> np.ndarray:
    """Return half the number of a scale of E4M3 without a sign; 127 is 0."""
    exponent, fraction = d >> 3 & 15, (d & 7).astype(np.float32)
    one = np.where(exponent > 0, f32(8), f32(0))
    return np.where(d == 0x7F, f32(0), np.ldexp(fraction + one, np.maximum(exponent, 1).astype(np.int32) - 11))


def to_e4m3(x: np.ndarray) -> np.ndarray:
    """Return scales of E4M3: from a normal one on the bit behind the last decides, and 248 to 448 are 448."""
    x = np.minimum(x, f32(448))
    word = x.view(np.uint32)
    exponent, fraction = (word >> 23).astype(np.int32) - 120, (word >> 20 & 7).astype(np.int32)
    normal = (exponent << 3) + fraction + (word >> 19 & 1).astype(np.int32)
    normal = np.where((exponent >= 15) | (normal >= 15 << 3), 0x7E, normal)
    subnormal = np.minimum((x * f32(512) + f32(0.5)).astype(np.int32), 7)
    return np.where(x > 0, np.where(exponent > 0, normal, subnormal), 0).astype(np.uint8)


def nearest(w: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Return the code whose number is nearest, the lowest of equally near ones; 0 where none compares, as for NaN."""
    best, codes = np.abs(TWICE_E2M1[0] * factor - w), np.zeros(w.shape, np.uint8)
    for code in range(1, 16):
        distance = np.abs(TWICE_E2M1[code] * factor - w)
        closer = distance < best
        best, codes = np.where(closer, distance, best), np.where(closer, np.uint8(code), codes)
    return codes


def mx(w: np.ndarray, exponent) -> Arrays:
    largest = np.abs(w).max(-1)
    e = np.where(largest > 0, exponent(largest) - 2 + 127, 0).astype(np.int64).astype(np.uint8)
    return {"codes": nearest(w, power(e)[..., None]), "scale": e}


def by_logarithm(largest: np.ndarray) -> np.ndarray:
    """Return the exponents by a logarithm that is rounded to float32 before its fraction is cut off."""
    return np.floor(np.log2(largest.astype(np.float64)).astype(np.float32))


def by_bits(largest: np.ndarray) -> np.ndarray:
    """Return the exponents as the numbers have them."""
    return np.frexp(largest)[1] - 1


def nv(w: np.ndarray) -> Arrays:
    d = to_e4m3(np.abs(w).max(-1) / f32(6))
    return {"codes": nearest(w, half_e4m3(d)[..., None]), "scale": d}


NEAREST = "the code of E2M1 that is nearest, ties to the lower code"
FP4_TYPES = {
    "MXFP4": (of_mx, power, (
        Rule("ggml MXFP4", f"exponent floor(log2(max|w|)) - 2, the logarithm rounded to float32; {NEAREST}",
             in_pieces(lambda w: mx(w, by_logarithm))),
        Rule("ggml MXFP4, exact exponent", f"exponent floor(log2(max|w|)) - 2; {NEAREST}",
             in_pieces(lambda w: mx(w, by_bits))))),
    "NVFP4": (of_nv, half_e4m3, (
        Rule("ggml NVFP4", f"scale max|w| / 6 of 16 numbers, as ggml rounds to E4M3; {NEAREST}", in_pieces(nv)),)),
}

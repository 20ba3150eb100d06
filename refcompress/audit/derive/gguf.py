"""GGUF: the blocks of ggml, and the rules by which llama.cpp and the package gguf make them.

In each rule d is the scale of a block of 32 in float32. The file has it rounded to float16, and the codes are found by
the inverse of the scale that is not rounded. Whether the product is rounded before the half is added, C leaves to the
compiler: "fused" is the rule where it is not. Builds of llama.cpp for x86-64 round it: what quantizes is compiled for
any such processor.

**Source** ggml, the functions quantize_row_*_ref of llama-cpp-python 0.3.36; the package gguf 0.19.0, quants.py.
"""

from collections.abc import Callable

import numpy as np

from ...formats import GGMLBlocks
from ...formats.ggml.bits import parts, split
from ...reference.gemm.contract import fma
from . import gguf_fp4, gguf_tables, k_quants
from .gguf_fp4 import FP4_TYPES
from .gguf_tables import TABLE_TYPES
from .k_quants import K_TYPES
from .stored import F16, Arrays, Integers, Rule, Stored, away_from_zero, in_pieces

__all__ = ["stored_of"]

f32 = np.float32
ROUNDED = "the product is rounded, and then a half is added"
FUSED = "the product is not rounded before a half is added"
GGUF = "the product is rounded, and then a half is added; the sign of a zero is NumPy's"


def stored_of(name: str, blocks: GGMLBlocks) -> Stored | None:
    """Return a tensor of blocks as fields; None for a type whose rules are not written here."""
    if blocks.type in K_TYPES:
        return k_quants.stored_of(name, blocks)
    if blocks.type in FP4_TYPES:
        return gguf_fp4.stored_of(name, blocks)
    if blocks.type in TABLE_TYPES:
        return gguf_tables.stored_of(name, blocks)
    if blocks.type not in TYPES:
        return None
    fields, bottom, count, rules = TYPES[blocks.type]
    arrays = fields(blocks.data)
    codes = arrays["codes"]
    offset = arrays["offset"].astype(np.float64) if "offset" in arrays else np.zeros(1)
    return Stored(name, f"GGUF {blocks.type}", blocks.shape, arrays, codes.astype(np.int16) - bottom,
                  Integers(bottom, bottom + count - 1), arrays["scale"].astype(np.float64),
                  rules, offset, F16)


# What the bytes of a block are ------------------------------------------------------------------------------------

def of_8(data: np.ndarray) -> Arrays:
    d, q = parts(data, 2, 32)
    return {"codes": q.view(np.int8), "scale": d.view("<f2")}


def of_4(data: np.ndarray) -> Arrays:
    d, q = parts(data, 2, 16)
    return {"codes": _low(q).view(np.int8) - np.int8(8), "scale": d.view("<f2")}


def of_4_and_offset(data: np.ndarray) -> Arrays:
    d, m, q = parts(data, 2, 2, 16)
    return {"codes": _low(q), "scale": d.view("<f2"), "offset": m.view("<f2")}


def of_5(data: np.ndarray) -> Arrays:
    d, high, q = parts(data, 2, 4, 16)
    return {"codes": (_low(q) | _fifth(high)).view(np.int8) - np.int8(16), "scale": d.view("<f2")}


def of_5_and_offset(data: np.ndarray) -> Arrays:
    d, m, high, q = parts(data, 2, 2, 4, 16)
    return {"codes": _low(q) | _fifth(high), "scale": d.view("<f2"), "offset": m.view("<f2")}


def _low(q: np.ndarray) -> np.ndarray:
    """Return the 32 codes of 4 bits in 16 bytes: byte j has number j in its low half, number j + 16 in its high one."""
    return split(q, 4).reshape(len(q), 32)


def _fifth(high: np.ndarray) -> np.ndarray:
    """Return 16 where the fifth bit of a number is 1: (blocks, 4) becomes (blocks, 32)."""
    return np.unpackbits(high, axis=1, bitorder="little") << np.uint8(4)


# The rules --------------------------------------------------------------------------------------------------------

def eight(w: np.ndarray) -> Arrays:
    """d = max|w| / 127, q = w / d, halves away from zero"""
    d = np.abs(w).max(1, keepdims=True) / f32(127)
    return {"codes": away_from_zero(w * inverse(d)).astype(np.int8), "scale": d.astype(np.float16)}


def signed(bits: int, how: str) -> Callable[[np.ndarray], Arrays]:
    """Return the rule of Q4_0 and Q5_0: the number of the largest magnitude gets the lowest code, -8 or -16."""
    half = 1 << bits - 1

    def arrays(w: np.ndarray) -> Arrays:
        largest = np.take_along_axis(w, np.abs(w).argmax(1, keepdims=True), 1)
        if how != GGUF:  # whose scale of a block of zeros has a sign that depends on that of the first one
            largest = largest + f32(0)
        d = largest / f32(-half)
        codes = truncated(w, inverse(d), f32(half + .5), how, 2 * half - 1)
        return {"codes": codes.astype(np.int8) - np.int8(half), "scale": d.astype(np.float16)}

    return arrays


def offset(bits: int, how: str) -> Callable[[np.ndarray], Arrays]:
    """Return the rule of Q4_1 and Q5_1: code 0 is the least number, and the highest code the largest."""
    top = (1 << bits) - 1

    def arrays(w: np.ndarray) -> Arrays:
        # of zeros of both signs ggml takes the first one, and NumPy's minimum some of them
        if how == GGUF:
            least, most = w.min(1, keepdims=True), w.max(1, keepdims=True)
        else:
            least, most = (np.take_along_axis(w, f(w, 1, keepdims=True), 1) for f in (np.argmin, np.argmax))
        d = (most - least) / f32(top)
        codes = truncated(w - least, inverse(d), f32(.5), how, top)
        return {"codes": codes.astype(np.uint8), "scale": d.astype(np.float16), "offset": least.astype(np.float16)}

    return arrays


def inverse(d: np.ndarray) -> np.ndarray:
    """Return 1 / d in float32; 0 where d is 0."""
    return np.where(d == 0, f32(0), f32(1) / d)


def truncated(w: np.ndarray, factor: np.ndarray, half: np.float32, how: str, top: int) -> np.ndarray:
    """Return w * factor + half without its fraction, at most ``top``."""
    return np.minimum(np.trunc(fma(w, factor, half) if how == FUSED else w * factor + half), top)


def _three(name: str, says: str, rule: Callable[[int, str], Callable], bits: int) -> tuple[Rule, ...]:
    return tuple(Rule(name + end, f"{says}; {how}", in_pieces(rule(bits, how)))
                 for end, how in (("", ROUNDED), (" of gguf-py", GGUF), (", fused", FUSED)))


SIGNED = "d = m / -{}, m the number of the largest magnitude; codes w / d by the inverse of d"
OFFSET = "d = (max - min) / {}, offset min; codes (w - min) / d by the inverse of d"
TYPES: dict[str, tuple[Callable[[np.ndarray], Arrays], int, int, tuple[Rule, ...]]] = {
    "Q8_0": (of_8, -128, 256, (Rule("Q8_0", "d = max|w| / 127; codes w / d by the inverse of d, halves away from zero",
                                    in_pieces(eight)),)),
    "Q4_0": (of_4, -8, 16, _three("Q4_0", SIGNED.format(8), signed, 4)),
    "Q5_0": (of_5, -16, 32, _three("Q5_0", SIGNED.format(16), signed, 5)),
    "Q4_1": (of_4_and_offset, 0, 16, _three("Q4_1", OFFSET.format(15), offset, 4)),
    "Q5_1": (of_5_and_offset, 0, 32, _three("Q5_1", OFFSET.format(31), offset, 5)),
}

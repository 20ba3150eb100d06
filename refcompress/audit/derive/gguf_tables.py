"""IQ4_NL, IQ4_XS, TQ1_0 and TQ2_0 of GGUF: codes of a table of 16 numbers, found by a search, and of -1, 0, 1.

The search tries 15 scales for a run of 32 numbers besides the first one. Each number's error counts by its square. With
an importance matrix llama.cpp weighs errors otherwise; then the codes are near, and no rule gives them.

**Source** ggml, the functions quantize_row_iq4_nl_impl and quantize_row_tq1_0_ref of llama-cpp-python 0.3.36.
"""

import numpy as np

from ...formats import GGMLBlocks
from ...formats.ggml.bits import interleaved, parts, split
from ...formats.ggml.tables import NL
from ...formats.ggml.ternary import digits_of
from .stored import F16, Arrays, Integers, Rule, Stored, away_from_zero, in_pieces

__all__ = ["TABLE_TYPES", "stored_of"]

f32 = np.float32
TRIES = 7  # scales on each side of the first one
TINY = f32(1e-15)  # a run of smaller numbers has the scale 0


def stored_of(name: str, blocks: GGMLBlocks) -> Stored:
    fields, rule = TABLE_TYPES[blocks.type]
    arrays = fields(blocks.data)
    codes, scale = arrays["codes"], arrays["scale"].astype(np.float64)
    if blocks.type in ("TQ1_0", "TQ2_0"):
        return Stored(name, f"GGUF {blocks.type}", blocks.shape, arrays, codes.astype(np.int16) + 1, Integers(-1, 2),
                      scale, (rule,), loss=F16)
    shape = (len(codes), -1, 32)
    step = (scale * arrays["run scales"] if "run scales" in arrays else scale)[..., None]
    return Stored(name, f"GGUF {blocks.type}", blocks.shape, arrays, codes.reshape(shape).astype(np.int16),
                  NL.astype(np.float64), step, (rule,), loss=F16)


# What the bytes of a block are ------------------------------------------------------------------------------------

def of_nl(data: np.ndarray) -> Arrays:
    d, q = parts(data, 2, 16)
    return {"codes": split(q, 4).reshape(-1, 32), "scale": d.view("<f2")}


def of_xs(data: np.ndarray) -> Arrays:
    d, high, low, q = parts(data, 2, 2, 4, 128)
    scale = interleaved(low, 4) | interleaved(high, 2) << 4
    return {"codes": split(q.reshape(-1, 8, 16), 4).reshape(-1, 256), "scale": d.view("<f2"),
            "run scales": scale.view(np.int8) - np.int8(32)}


def of_five(data: np.ndarray) -> Arrays:
    *bytes_of, d = parts(data, 32, 16, 4, 2)
    digits = np.concatenate([digits_of(q, count) for q, count in zip(bytes_of, (5, 5, 4))], axis=1)
    return {"codes": digits.astype(np.int8) - np.int8(1), "scale": d.view("<f2"),
            "bytes": np.concatenate(bytes_of, axis=1)}  # 13 of 256 bytes stand for the digits of another one


def of_two(data: np.ndarray) -> Arrays:
    q, d = parts(data, 64, 2)
    return {"codes": split(q.reshape(-1, 2, 32), 2).reshape(-1, 256).view(np.int8) - np.int8(1), "scale": d.view("<f2")}


# The rules --------------------------------------------------------------------------------------------------------

def nearest(x: np.ndarray) -> np.ndarray:
    """Return the codes of the table's numbers that are nearest, of equally near ones the higher."""
    above = np.clip(np.searchsorted(NL, x.reshape(-1), side="right").reshape(x.shape), 1, 15)
    return np.where(x - NL[above - 1] < NL[above] - x, above - 1, above)


def total(a: np.ndarray) -> np.ndarray:
    """Return the sum of each row in float32, from the first number to the last."""
    return np.cumsum(a, axis=-1, dtype=np.float32)[..., -1:]


def scales_of(x: np.ndarray) -> np.ndarray:
    """Return the scale of each run: the one of the tries whose table comes nearest."""
    largest = np.take_along_axis(x, np.abs(x).argmax(-1, keepdims=True), -1)
    weights = x * x

    def tried(inverse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        q = NL[nearest(inverse * x)]
        return total(weights * q * x), total(weights * q * q)

    product, square = tried(f32(1) / (-largest / NL[0]))
    scale = np.where(square > 0, product / square, f32(0))
    best = scale * product
    for i in range(-TRIES, TRIES + 1):
        product, square = tried((f32(i) + NL[0]) / largest)
        better = (square > 0) & (product * product > best * square)
        scale = np.where(better, product / square, scale)
        best = np.where(better, scale * product, best)
    return np.where(np.abs(largest) < TINY, f32(0), scale)


def inverse(a: np.ndarray) -> np.ndarray:
    return np.where(a == 0, f32(0), f32(1) / a)


def nl(w: np.ndarray) -> Arrays:
    x = w.reshape(len(w), 32)
    scale = scales_of(x)
    return {"codes": nearest(inverse(scale) * x).astype(np.uint8), "scale": scale.astype(np.float16)}


def xs(w: np.ndarray) -> Arrays:
    x = w.reshape(len(w), 8, 32)
    scale = scales_of(x)[..., 0]
    d = -np.take_along_axis(scale, np.abs(scale).argmax(1, keepdims=True), 1) / f32(32)
    runs = np.clip(np.rint(inverse(d) * scale), -32, 31)
    codes = nearest(inverse(d * runs)[..., None] * x)
    return {"codes": codes.astype(np.uint8).reshape(len(w), 256), "scale": d.astype(np.float16),
            "run scales": runs.astype(np.int8)}


def ternary(w: np.ndarray) -> Arrays:
    """d = max|w|, codes -1, 0, 1"""
    d = np.abs(w).max(1, keepdims=True)
    return {"codes": away_from_zero(w * inverse(d)).astype(np.int8), "scale": d.astype(np.float16)}


def in_bytes(w: np.ndarray) -> Arrays:
    """The same with five codes in a byte: the digits of a number of base 3, times 256 / 243, rounded up."""
    given = dict(ternary(w))
    found = []
    for part, count in zip(np.split((given["codes"] + 1).astype(np.int32), (160, 240), axis=1), (5, 5, 4)):
        powers = 3 ** np.arange(4, 4 - count, -1)[:, None]
        found.append((part.reshape(len(w), count, -1) * powers).sum(1))
    return given | {"bytes": ((np.concatenate(found, axis=1) * 256 + 242) // 243).astype(np.uint8)}


SEARCH = "a search by least squares for the scale of each 32 numbers; the code whose number is nearest"
TERNARY = "d = max|w|; codes w / d by the inverse of d, halves away from zero"
TABLE_TYPES = {
    "IQ4_NL": (of_nl, Rule("llama.cpp IQ4_NL", SEARCH, in_pieces(nl))),
    "IQ4_XS": (of_xs, Rule("llama.cpp IQ4_XS", SEARCH, in_pieces(xs))),
    "TQ1_0": (of_five, Rule("TQ1_0", TERNARY, in_pieces(in_bytes))),
    "TQ2_0": (of_two, Rule("TQ2_0", TERNARY, in_pieces(ternary))),
}

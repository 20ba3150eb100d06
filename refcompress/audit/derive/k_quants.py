"""The K types of GGUF: blocks of 256, whose runs of 16 or 32 numbers have scales that are quantized again.

llama.cpp finds the scale of a run by a search: it rounds the run by some twenty scales near the obvious one, solves
least squares for each, and keeps what has the smallest error. Then it quantizes the scales, and finds the codes anew by
the scales that the file has. All of it is float32, and each sum goes from the first number to the last, so the result
is one where no product is fused with a sum: on x86-64, without weights of importance (an "imatrix").

**Source** ggml, the functions make_qkx2_quants, make_qx_quants, make_q3_quants and quantize_row_*_K_ref of
llama-cpp-python 0.3.36.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from ...formats import GGML_TYPES, GGMLBlocks
from ...formats.ggml.bits import parts, split
from ...formats.ggml.nested import scales_and_offsets
from .stored import Arrays, Integers, Rule, Stored, in_pieces

__all__ = ["K_TYPES", "stored_of"]

f32 = np.float32
SAID = "a search by least squares for the scale of each run, then quantized; codes w / (d * scale) of what is stored"


def stored_of(name: str, blocks: GGMLBlocks) -> Stored:
    """Return a tensor of a K type: codes, the scales of the runs, and the scales of these."""
    fields, low, high, made = K_TYPES[blocks.type]
    arrays = fields(blocks.data)
    codes, runs = arrays["codes"], arrays["run scales"].shape[1]
    shape = (len(codes), runs, 256 // runs)
    step = arrays["scale"].astype(np.float64) * arrays["run scales"]
    offset = np.zeros(1)
    if "run offsets" in arrays:
        offset = -(arrays["offset"].astype(np.float64) * arrays["run offsets"])[:, :, None]
    rule = Rule(f"llama.cpp {blocks.type}", SAID, in_pieces(made))
    assert GGML_TYPES[blocks.type].numbers == 256
    return Stored(name, f"GGUF {blocks.type}", blocks.shape, arrays, codes.astype(np.int16).reshape(shape) - low,
                  Integers(low, high), step[:, :, None], (rule,), offset)


# What the bytes of a block are ------------------------------------------------------------------------------------

def of_q2(data: np.ndarray) -> Arrays:
    scales, q, d, m = parts(data, 16, 64, 2, 2)
    return {"codes": split(q.reshape(-1, 2, 32), 2).reshape(-1, 256), "scale": d.view("<f2"), "offset": m.view("<f2"),
            "run scales": scales & 15, "run offsets": scales >> 4}


def of_q3(data: np.ndarray) -> Arrays:
    qh, ql, low, high, d = parts(data, 32, 64, 8, 4, 2)
    scale = split(low, 4).reshape(-1, 16) | split(high, 2).reshape(-1, 16) << 4
    codes = split(ql.reshape(-1, 2, 32), 2).reshape(-1, 256) | split(qh, 1).reshape(-1, 256) << 2
    return {"codes": codes.view(np.int8) - np.int8(4), "scale": d.view("<f2"),
            "run scales": scale.view(np.int8) - np.int8(32)}


def of_q4(data: np.ndarray) -> Arrays:
    d, m, scales, q = parts(data, 2, 2, 12, 128)
    scale, offset = scales_and_offsets(scales)
    return {"codes": split(q.reshape(-1, 4, 32), 4).reshape(-1, 256), "scale": d.view("<f2"), "offset": m.view("<f2"),
            "run scales": scale, "run offsets": offset}


def of_q5(data: np.ndarray) -> Arrays:
    d, m, scales, qh, ql = parts(data, 2, 2, 12, 32, 128)
    scale, offset = scales_and_offsets(scales)
    codes = split(ql.reshape(-1, 4, 32), 4).reshape(-1, 256) | split(qh, 1).reshape(-1, 256) << 4
    return {"codes": codes, "scale": d.view("<f2"), "offset": m.view("<f2"), "run scales": scale, "run offsets": offset}


def of_q6(data: np.ndarray) -> Arrays:
    ql, qh, scales, d = parts(data, 128, 64, 16, 2)
    codes = split(ql.reshape(-1, 2, 64), 4).reshape(-1, 256) | split(qh.reshape(-1, 2, 32), 2).reshape(-1, 256) << 4
    return {"codes": codes.view(np.int8) - np.int8(32), "scale": d.view("<f2"), "run scales": scales.view(np.int8)}


# The searches -----------------------------------------------------------------------------------------------------

def total(a: np.ndarray) -> np.ndarray:
    """Return the sum of each row in float32, from the first number to the last."""
    return np.cumsum(a, axis=-1, dtype=np.float32)[..., -1:]


def with_offset(x: np.ndarray, weights: np.ndarray, top: int, first: float, steps: int, absolute: bool
                ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the scales, offsets and codes of rows: 0...top, each number near scale * code - offset.

    Tried are the scales (max - min) / (top + first + 0.1 i) for i to steps; absolute : whether the error is the sum of
    |difference|, not of squares.
    """
    def error(codes, scale, least):
        difference = scale * codes + least - x
        return total(weights * (np.abs(difference) if absolute else difference * difference))

    def rounded(inverse, least):
        return np.clip(np.rint(inverse * (x - least)), 0, top)

    sum_w, sum_x = total(weights), total(weights * x)
    least, most = np.minimum(x.min(-1, keepdims=True), 0), x.max(-1, keepdims=True)
    flat = most == least
    inverse = f32(top) / (most - least)
    scale, codes = f32(1) / inverse, rounded(inverse, least)
    best = error(codes, scale, least)
    for i in range(steps + 1):  # a better offset is at once that of the tries that follow
        tried = rounded((f32(first) + f32(0.1) * f32(i) + f32(top)) / (most - least), least)
        weighted = weights * tried
        sum_l, sum_l2, sum_xl = total(weighted), total(weighted * tried), total(weighted * x)
        determinant = sum_w * sum_l2 - sum_l * sum_l
        this_scale = (sum_w * sum_xl - sum_x * sum_l) / determinant
        this_least = (sum_l2 * sum_x - sum_l * sum_xl) / determinant
        above = this_least > 0
        this_scale = np.where(above, sum_xl / sum_l2, this_scale)
        this_least = np.where(above, f32(0), this_least)
        now = error(tried, this_scale, this_least)
        better = ~flat & (determinant > 0) & (now < best)
        best, scale = np.where(better, now, best), np.where(better, this_scale, scale)
        least, codes = np.where(better, this_least, least), np.where(better, tried, codes)
    return np.where(flat, f32(0), scale), -least, np.where(flat, 0, codes)


def signed_scale(x: np.ndarray, half: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the scales and codes of rows: codes -half...half - 1, weighted by the squares of the numbers."""
    largest = np.take_along_axis(x, np.abs(x).argmax(-1, keepdims=True), -1)
    none = np.abs(largest) < f32(1e-15)
    w = x * x

    def tried(inverse):
        codes = np.clip(np.rint(inverse * x), -half, half - 1)
        return codes, total(w * x * codes), total(w * codes * codes)

    codes, product, square = tried(f32(-half) / largest)
    scale = np.where(square != 0, product / square, f32(0))
    best = scale * product
    for i in (*range(-9, 0), *range(1, 10)):
        now, product, square = tried(-(f32(half) + f32(0.1) * f32(i)) / largest)
        better = (square > 0) & (product * product > best * square)
        scale = np.where(better, product / square, scale)
        codes, best = np.where(better, now, codes), np.where(better, scale * product, best)
    return np.where(none, f32(0), scale), np.where(none, f32(-half), codes)


def one_by_one(x: np.ndarray, half: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the scales and codes of rows as Q3_K finds them: each code in turn is moved if that fits better."""
    largest = np.take_along_axis(x, np.abs(x).argmax(-1, keepdims=True), -1)
    none = np.abs(largest) < f32(1e-15)
    codes, w = np.clip(np.rint(f32(-half) / largest * x), -half, half - 1), x * x
    product, square = total(w * x * codes), total(w * codes * codes)
    moving = np.ones_like(product, bool)
    for _ in range(5):
        changed = np.zeros_like(moving)
        for i in range(x.shape[-1]):
            at, each, weight = (slice(None),) * (x.ndim - 1) + (slice(i, i + 1),), x[..., i : i + 1], w[..., i : i + 1]
            old = codes[at]
            less, fewer = product - weight * each * old, square - weight * old * old
            new = np.clip(np.rint(each * fewer / less), -half, half - 1)
            product_, square_ = less + weight * each * new, fewer + weight * new * new
            better = (moving & (less > 0) & (new != old) & (square_ > 0)
                      & (product_ * product_ * square > product * product * square_))
            codes[at] = np.where(better, new, old)
            product, square = np.where(better, product_, product), np.where(better, square_, square)
            changed |= better
        moving &= changed
    scale = np.where(square > 0, product / square, f32(0))
    return np.where(none, f32(0), scale), np.where(none, f32(-half), codes)


# The rules --------------------------------------------------------------------------------------------------------

def offset_type(w: np.ndarray, *, bits: int, first: float, steps: int, top: int, absolute: bool = False) -> Arrays:
    """Return a block of Q2_K, Q4_K or Q5_K; top : of the scales' codes."""
    if absolute:
        weights = np.abs(w)
    else:
        weights = np.sqrt(total(w * w) / f32(w.shape[-1])) + np.abs(w)
    scale, offset, codes = with_offset(w, weights, (1 << bits) - 1, first, steps, absolute)
    d, run_scales = _of_runs(scale[..., 0], top)
    m, run_offsets = _of_runs(offset[..., 0], top)
    step = (d.astype(np.float32) * run_scales)[..., None]
    least = (m.astype(np.float32) * run_offsets)[..., None]
    found = np.clip(np.rint((w + least) / step), 0, (1 << bits) - 1)
    return {"codes": np.where(step == 0, codes, found).astype(np.uint8).reshape(len(w), 256), "scale": d, "offset": m,
            "run scales": run_scales, "run offsets": run_offsets}


def _of_runs(a: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the scale of the scales of a block, and their codes; a negative one counts as 0 for the largest."""
    largest = np.maximum(a.max(1, keepdims=True), 0)
    inverse = np.where(largest > 0, f32(top) / largest, f32(0))
    codes = np.rint(inverse * a).astype(np.int32)
    codes = np.minimum(codes.astype(np.uint8), top) if top == 63 else codes.astype(np.uint8) & np.uint8(15)
    return (largest / f32(top)).astype(np.float16), codes.astype(np.uint8)


def q6(w: np.ndarray) -> Arrays:
    """Return a block of Q6_K."""
    scale, codes = signed_scale(w, 32)
    return _signed_runs(w, scale[..., 0], codes, 32, 128, f32(1e-15))


def q3(w: np.ndarray) -> Arrays:
    """Return a block of Q3_K."""
    scale, codes = one_by_one(w, 4)
    return _signed_runs(w, scale[..., 0], codes, 4, 32, f32(0))


def _signed_runs(w: np.ndarray, scale: np.ndarray, codes: np.ndarray, half: int, top: int, tiny: np.float32) -> Arrays:
    """Return a block whose scales have a sign: the largest one gets the lowest code, -top."""
    largest = np.take_along_axis(scale, np.abs(scale).argmax(1, keepdims=True), 1)
    none = np.abs(largest) < tiny if tiny else largest == 0
    inverse = f32(-top) / largest
    d = np.where(none, f32(0), f32(1) / inverse).astype(np.float16)
    run_scales = np.where(none, -32 if top == 32 else 0, np.clip(np.rint(inverse * scale), -top, top - 1)
                          ).astype(np.int8)
    step = (d.astype(np.float32) * run_scales)[..., None]
    found = np.where(step == 0, codes, np.clip(np.rint(w / step), -half, half - 1))
    if top == 128:
        found = np.where(none[..., None], f32(-half), found)
    return {"codes": found.astype(np.int8).reshape(len(w), 256), "scale": d, "run scales": run_scales}


K_TYPES: dict[str, tuple[Callable[[np.ndarray], Arrays], int, int, Callable[[np.ndarray], Arrays]]] = {
    "Q2_K": (of_q2, 0, 3, partial(offset_type, bits=2, first=-0.5, steps=15, top=15, absolute=True)),
    "Q3_K": (of_q3, -4, 3, q3),
    "Q4_K": (of_q4, 0, 15, partial(offset_type, bits=4, first=-1.0, steps=20, top=63)),
    "Q5_K": (of_q5, 0, 31, partial(offset_type, bits=5, first=-0.5, steps=15, top=63)),
    "Q6_K": (of_q6, -32, 31, q6),
}

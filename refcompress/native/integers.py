"""The quantize family in NumPy, by other algorithms than the reference's: ranges, packing, integers alone.

Nothing here knows an instruction set: words of 64 bits, sums of prefixes and blocks that fit into a cache do what
time allows.
"""

import math
from functools import wraps

import numpy as np

from .. import reference
from ..formats import Packed, Quantized
from ..formats.base import matrix_shape
from ..reference.quantize.integers import limits, scale_and_zero_point
from ..reference.quantize.packing import pack_arguments, packed
from ..reference.quantize.ranges import (
    clipped,
    histogram,
    kl_arguments,
    mse_arguments,
    percentile_arguments,
    reduced,
    segments,
)
from ..reference.quantize.requantization import requantize_arguments
from . import threads

WORD = np.dtype("<u8")  # eight bytes, of which the first is the lowest
BLOCK = 2**15  # elements at once: with their int64 copies they stay in a cache of 1 MiB
REQUANTIZED = 2e8  # elements a second and thread, to the order of magnitude
RANKED = 1e8


# Ranges.

@wraps(reference.quantize_range_percentile)
def quantize_range_percentile(x, *, percentile=99.99, axis=None, group=None):
    x, shape, axis, group, share = percentile_arguments(x, percentile, axis, group)
    low = np.minimum(reduced(np.minimum, x, axis, group), 0)
    high = np.maximum(reduced(np.maximum, x, axis, group), 0)
    t = np.zeros(shape)
    if x.size:
        for place, members in _equal_segments(np.abs(x), axis, group):
            k = math.ceil(share * members.shape[-1]) - 1
            t[place] = np.partition(members, k, axis=-1)[..., k].reshape(t[place].shape)
    return clipped(low.astype(np.float64), high.astype(np.float64), t)


def _equal_segments(x, axis, group):
    """Yield places in the scale, and their segments, of one length, along the last axis: the last of a row apart."""
    if group is None:
        yield ..., x.reshape(1, -1) if axis is None else np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)
        return
    *rows, size = matrix_shape(x.shape)
    x, group = x.reshape(*rows, size), min(group, size)
    whole = size // group
    yield (..., slice(whole)), x[..., : whole * group].reshape(*rows, whole, group)
    if size % group:
        yield (..., slice(whole, None)), x[..., whole * group :].reshape(*rows, 1, size % group)


def quantize_range_mse(quantize_s8, dequantize_s8, quantize_s16, dequantize_s16, quantize_range_minmax):
    """Return the operation quantize_range_mse made with these kernels: its errors have the reference's bits."""

    @wraps(reference.quantize_range_mse)
    def quantize_range_mse(x, *, bits=8, scheme="symmetric", axis=None, group=None, steps=100):
        x, bits, scheme, axis, group, steps = mse_arguments(x, bits, scheme, axis, group, steps)
        low, high = quantize_range_minmax(x, axis=axis, group=group)
        largest, ends = np.maximum(-low, high), limits(bits, scheme)
        sharing = {"scheme": scheme, "axis": axis, "group": group}
        best, least, error = largest, np.full(low.shape, np.inf), np.empty(x.shape)
        for i in range(steps, 0, -1):
            t = largest * (i / steps)
            scale, zero_point = scale_and_zero_point(*clipped(low, high, t), *ends)
            options = {"scale": scale, "zero_point": zero_point, **sharing}
            q = quantize_s16(x, **options) if bits == 16 else quantize_s8(x, bits=bits, **options)
            np.subtract(dequantize_s16(q) if bits == 16 else dequantize_s8(q), x, out=error, dtype=np.float64)
            np.square(error, out=error)
            total = reduced(np.add, error, axis, group)
            best = np.where(total < least, t, best)
            least = np.minimum(total, least)
        return clipped(low, high, best)

    return quantize_range_mse


@wraps(reference.quantize_range_kl)
def quantize_range_kl(x, *, bits=8, axis=None, group=None, bins=2048):
    x, shape, levels, axis, group, bins = kl_arguments(x, bits, axis, group, bins)
    low, high, t = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    height = max(1, BLOCK // levels)
    items = list(segments(x, shape, axis, group))

    def some(begin, end):
        for index, members in items[begin:end]:
            if members.size:
                low[index], high[index] = min(members.min(), 0), max(members.max(), 0)
            largest = max(-low[index], high[index])
            if largest > 0:
                counts = histogram(np.abs(members).astype(np.float64), largest, bins)
                d = np.concatenate([_divergences(counts, np.arange(m, min(m + height, bins + 1)), levels)
                                    for m in range(levels, bins + 1, height)])
                t[index] = (bins - np.argmin(d[::-1]) + 0.5) * largest / bins  # the first from the end: the largest m

    threads.run(some, len(items), len(items) * bins * levels / RANKED)
    return clipped(low, high, t)


def _divergences(counts: np.ndarray, m: np.ndarray, levels: int) -> np.ndarray:
    """Return the sum of P log(P / Q) for each m, from prefix sums: in O(levels), where the reference takes O(bins).

    With n the sum of all counts, K that of the first m, p the counts of P, and s the sum and o the number of occupied
    bins of a segment, its Q is s / o / K, so that n times the sum is sum(p log p) - n log n - sum(log(s / o) p) + n
    log K.
    """
    starts = -(-np.arange(levels + 1) * m[:, None] // levels)  # of the segments, and the end of the last one
    before, occupied, entropy = (np.append(0, np.cumsum(a)) for a in (counts, counts > 0, _xlogx(counts)))
    n, kept = before[-1], before[m]
    last = counts[m - 1] + n - kept  # what lies beyond is in the last bin
    s = np.diff(before[starts])
    log = np.log(np.where(s > 0, s, 1) / np.maximum(np.diff(occupied[starts]), 1))
    crossed = np.sum(s * log, axis=1) + (n - kept) * log[:, -1]
    d = (entropy[m - 1] + _xlogx(last) - crossed) / n + np.log(np.maximum(kept, 1)) - np.log(n)
    return np.where((last > 0) & (counts[m - 1] == 0), np.inf, d)


def _xlogx(a: np.ndarray) -> np.ndarray:
    return a * np.log(np.maximum(a, 1))  # counts: none is between 0 and 1


# Packing: eight values of one byte each, in a word, move together in three steps; and back.

@wraps(reference.quantize_pack)
def quantize_pack(q, *, bits=4):
    q, bits = pack_arguments(q, bits)
    *rows, size = matrix_shape(q.shape)
    count = -(-size // 8)
    eights = np.zeros((*rows, count * 8), np.uint8)
    codes = q.values > 0 if bits == 1 else q.values.view(np.uint8) & (2**bits - 1)
    eights[..., :size] = codes.reshape(*rows, size)
    words = eights.view(WORD)
    for width, mask in _STEPS:  # of two neighbours that are ``width`` apart the upper one moves down
        words = words & mask | (words & ~mask) >> np.uint64((8 - bits) * width // 8)
    data = words.view(np.uint8).reshape(*rows, count, 8)[..., :bits].reshape(*rows, count * bits)
    data = np.ascontiguousarray(data[..., : -(-size * bits // 8)])
    return Packed(data, q.shape, bits, q.scale, q.zero_point, q.group)


@wraps(reference.quantize_unpack)
def quantize_unpack(p):
    p = packed(p)
    bits = p.bits
    *rows, size = matrix_shape(p.shape)
    count = -(-size // 8)
    filled = np.zeros((*rows, count * bits), np.uint8)
    filled[..., : p.data.shape[-1]] = p.data
    eights = np.zeros((*rows, count, 8), np.uint8)
    eights[..., :bits] = filled.reshape(*rows, count, bits)
    words = eights.reshape(*rows, count * 8).view(WORD)
    for width, mask in _STEPS[::-1]:
        low = np.uint64((1 << width * bits // 8) - 1) * (mask // np.uint64((1 << width) - 1))
        words = words & low | (words & ~low) << np.uint64((8 - bits) * width // 8)
    codes = words.view(np.int8)[..., :size].reshape(p.shape)
    half = np.int8(1 << bits - 1)
    values = 2 * codes - np.int8(1) if bits == 1 else (codes ^ half) - half
    values.flags.writeable = False  # nobody else has them: the format keeps them without a copy
    return Quantized(values, p.scale, p.zero_point, p.group)


# A width in bits, and every other lane of that width in a word.
_STEPS = [(8, np.uint64(0x00FF00FF00FF00FF)), (16, np.uint64(0x0000FFFF0000FFFF)), (32, np.uint64(0x00000000FFFFFFFF))]


# Integers alone.

@wraps(reference.requantize_s32)
def requantize_s32(x, multiplier, shift, *, zero_point=0, bits=8, scheme="affine", rounding="half_even"):
    x, multiplier, shift, zero_point, lowest, highest, dtype = requantize_arguments(
        x, multiplier, shift, zero_point, bits, scheme, rounding)
    y = np.empty(x.shape, dtype)
    flat, out = (x, y) if x.ndim else (x.reshape(1), y.reshape(1))
    height = max(1, BLOCK * len(flat) // max(x.size, 1))

    def part(a, begin, end):
        return a[begin:end] if a.ndim and len(a) > 1 else a

    def some(start, stop):
        for begin in range(start, stop, height):
            end = min(begin + height, stop)
            some_shift = part(shift, begin, end)
            p = np.multiply(flat[begin:end], part(multiplier, begin, end), dtype=np.int64)
            if rounding == "gemmlowp":
                p += 2**30
                p >>= 31
                _divide(p, some_shift, "half_away")
            else:
                _divide(p, some_shift + 31, rounding)
            p += zero_point
            np.clip(p, lowest, highest, out=p)
            out[begin:end] = p

    threads.run(some, len(flat), x.size / REQUANTIZED)
    return y


def _divide(p: np.ndarray, shift: np.ndarray, rounding: str) -> None:
    """Divide p by 2^shift in place: the floor of p and almost a half, or a half where a tie goes up."""
    half = np.int64(1) << shift >> 1
    if rounding == "half_even":
        odd = p >> shift
        odd &= 1
        p += odd
        p += half - 1  # a shift of 31 and less is at least 1
    else:
        p += half
        p -= (p < half) & (shift > 0)  # below 0 before: there a tie goes down
    p >>= shift

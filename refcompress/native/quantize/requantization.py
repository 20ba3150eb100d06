"""Integers alone: a product, an addition that rounds and a shift, in blocks that stay in a cache."""

from functools import wraps

import numpy as np

from ... import reference
from ...reference.quantize.requantization import requantize_arguments
from .. import threads

BLOCK = 2**15  # elements at once: with their int64 copies they stay in a cache of 1 MiB
SPEED = 2e8  # elements a second and thread, to the order of magnitude


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
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

    threads.run(some, len(flat), x.size / SPEED)
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

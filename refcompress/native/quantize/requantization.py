"""From int32 sums to integers of few bits, in C."""

from functools import wraps

import numpy as np

from ... import reference
from ...reference.quantize.requantization import ROUNDINGS, requantize_arguments
from .. import threads
from .._call import check, empty, pointer
from ..to_s8 import to_s8

MOST = 2e9  # sums a second and thread, to the order of magnitude


def requantize_s32(kernel, row):
    """Return the operation requantize_s32 computed by a C kernel."""
    speed = min(row.speed, MOST)

    @wraps(reference.requantize_s32)
    def requantize_s32(x, multiplier, shift, *, zero_point=0, bits=8, scheme="affine", rounding="half_even"):
        x, multiplier, shift, zero_point, lowest, highest, dtype = requantize_arguments(
            x, multiplier, shift, zero_point, bits, scheme, rounding)
        y = empty(x.shape, dtype)
        columns = _columns(x.shape, multiplier.shape, shift.shape)
        factors = [np.ascontiguousarray(np.broadcast_to(a, columns).reshape(-1), np.int32) for a in (multiplier, shift)]
        how = to_s8(None, *factors, zero_point, lowest, highest)
        operands = (len(factors[0]), ROUNDINGS.index(rounding), int(dtype == np.int16), pointer(x), how.struct,
                    pointer(y.reshape(-1).view(np.int8), writable=True))
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "x"), x.size, x.size / speed, 64)
        return y

    return requantize_s32


def _columns(shape, *factors) -> tuple[int, ...]:
    """Return the shape of as many multipliers and shifts as come round again and again, in the order of x."""
    if all(n == 1 for factor in factors for n in factor):
        return (1,) * max(len(shape), 1)
    if all(n == 1 for factor in factors for n in factor[:-1]):
        return (*(1,) * (len(shape) - 1), shape[-1])
    return shape

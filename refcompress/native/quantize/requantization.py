"""A layer by integers alone, in C: its bias in units of its sums, and from its sums to integers of few bits."""

from functools import wraps

import numpy as np

from ... import reference
from ...reference.quantize.requantization import (
    ROUNDINGS,
    bias_request,
    bias_rule,
    requantize_arguments,
    stored_bias_arguments,
    unit_of,
)
from .. import threads
from .._call import check, empty, lib, pointer
from ..to_s8 import to_s8

OUTPUTS = 4096  # whose units are in memory at once
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


def quantize_bias_s32(kernel, row):
    """Return the operation quantize_bias_s32 computed by a C kernel."""

    @wraps(reference.quantize_bias_s32)
    def quantize_bias_s32(bias, scale_x, scale_w, *, inputs=0):
        bias, scales, most = bias_request(bias, scale_x, scale_w, inputs)
        values = np.empty(bias.shape, np.int32)
        for some in _parts(len(bias)):
            status = kernel(0, some.stop - some.start, float(most), pointer(bias[some]), pointer(unit_of(scales, some)),
                            pointer(values[some], writable=True))
            if status == lib.RC_BAD_VALUE:
                bias_rule(bias, unit_of(scales, slice(len(bias))), most)  # says which
            check(status, "bias")
        return values

    return quantize_bias_s32


def dequantize_bias_s32(kernel, row):
    """Return the operation dequantize_bias_s32 computed by a C kernel."""

    @wraps(reference.dequantize_bias_s32)
    def dequantize_bias_s32(values, scale_x, scale_w):
        values, scales = stored_bias_arguments(values, scale_x, scale_w)
        bias = np.empty(values.shape, np.float32)
        for some in _parts(len(values)):
            check(kernel(0, some.stop - some.start, pointer(values[some]), pointer(unit_of(scales, some)),
                         pointer(bias[some], writable=True)), "values")
        return bias

    return dequantize_bias_s32


def _parts(size):
    return (slice(begin, min(begin + OUTPUTS, size)) for begin in range(0, size, OUTPUTS))


def _columns(shape, *factors) -> tuple[int, ...]:
    """Return the shape of as many multipliers and shifts as come round again and again, in the order of x."""
    if all(n == 1 for factor in factors for n in factor):
        return (1,) * max(len(shape), 1)
    if all(n == 1 for factor in factors for n in factor[:-1]):
        return (*(1,) * (len(shape) - 1), shape[-1])
    return shape

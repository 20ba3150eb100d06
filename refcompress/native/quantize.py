"""The quantize family in C: quantize_s8, dequantize_s8. Scales and zero points are chosen by the reference's code."""

import math
from functools import wraps

import numpy as np

from .. import reference
from ..formats import Quantized
from ..reference.quantize import LOWEST, quantize_arguments, quantized
from . import threads
from ._call import check, pointer


def quantize_s8(kernel, speed: float):
    """Return the operation quantize_s8 computed by a C kernel that does ``speed`` elements a second."""

    @wraps(reference.quantize_s8)
    def quantize_s8(x, *, scheme="symmetric", axis=None, group=None, scale=None, zero_point=None):
        x, scale, zero_point = quantize_arguments(x, scheme, axis, group, scale, zero_point)
        values = np.empty(x.shape, dtype=np.int8)
        if x.size:
            *layout, scales, zero_points = _layout(x.shape, scale, zero_point, group)
            operands = (*layout, LOWEST[scheme], pointer(x), pointer(scales), pointer(zero_points),
                        pointer(values, writable=True))
            threads.run(lambda begin, end: check(kernel(begin, end, *operands), "x"), x.size, x.size / speed)
        values.flags.writeable = False  # nobody else has it: the format keeps it without a copy
        return Quantized(values, scale, zero_point, group)

    return quantize_s8


def dequantize_s8(kernel, speed: float):
    """Return the operation dequantize_s8 computed by a C kernel that does ``speed`` elements a second."""

    @wraps(reference.dequantize_s8)
    def dequantize_s8(q):
        q = quantized(q)
        x = np.empty(q.shape, dtype=np.float32)
        if x.size:
            *layout, scales, zero_points = _layout(q.shape, q.scale, q.zero_point, q.group)
            operands = (*layout, pointer(q.values), pointer(scales), pointer(zero_points), pointer(x, writable=True))
            threads.run(lambda begin, end: check(kernel(begin, end, *operands), "q"), x.size, x.size / speed)
        return x

    return dequantize_s8


def _layout(shape, scale, zero_point, group):
    """Return k, group, stride, scale and zero_point as the kernels take them: rows of k, of which the groups share."""
    inner = len(shape) - 1  # the first of the axes that make a row
    if group is None and (scale.shape[-1] == 1 or shape[-1] == 1):
        while inner > 0 and scale.shape[inner - 1] == 1:
            inner -= 1  # nothing changes the scale along these axes either
    k = math.prod(shape[inner:])
    entries = math.prod(scale.shape[inner:])
    if group is None:
        group = 1 if entries > 1 else k
    outer = shape[:inner]
    if math.prod(scale.shape[:inner]) == 1:
        outer, stride = scale.shape[:inner], 0
    else:
        stride = entries
    spread = [np.ascontiguousarray(np.broadcast_to(a, outer + a.shape[inner:])) for a in (scale, zero_point)]
    return k, min(group, k), stride, *spread

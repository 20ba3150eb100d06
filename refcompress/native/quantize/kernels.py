"""Quantization to 8 and 16 bits and back, and the range of what shares a scale, in C.

Segments that lie in one piece and have a scale each (groups, channels of the first axis) take one kernel that finds a
segment's range, computes its scale and makes its values. Otherwise ranges come first, then scales, by the reference's
code, then values.
"""

import math
from functools import wraps
from typing import NamedTuple

import numpy as np

from ... import arguments, reference
from ...formats import Quantized
from ...formats.base import matrix_shape, rows_shape
from ...reference.quantize.integers import grid_arguments, limits, quantized, scale_and_zero_point, sharing_arguments
from .. import threads
from .._call import check, empty, lib, pointer
from ..prepared import with_prepare


class Rows(NamedTuple):
    """What a prepared quantize_s8 of rows gives, each with a scale: the fields of a Quantized, whose memory changes."""

    values: np.ndarray
    scale: np.ndarray
    zero_point: np.ndarray


MOST = 2e9  # elements a second and thread, to the order of magnitude: memory sets it, whatever the instruction set

# The range of all of an array is found piece by piece, so that threads share the work.
PIECE = 2**16


def quantize_s8(kernel, row):
    """Return the operation quantize_s8 computed by a C kernel, and where possible by one that finds the scales too."""
    both = row.kernels.get("quantize_runs_s8")  # none goes with a kernel of the user's own

    @wraps(reference.quantize_s8)
    def quantize_s8(x, *, bits=8, scheme="symmetric", axis=None, group=None, scale=None, zero_point=None):
        return _quantize(kernel, both, row, x, np.int8, bits, scheme, axis, group, scale, zero_point)

    def ready(x, *, empty=empty):
        given, x = x, arguments.array(x, "x", np.float32, ndim=2)
        rows = Rows(empty(x.shape, np.int8), empty((len(x), 1), np.float32), empty((len(x), 1), np.int8))
        operands = (max(x.shape[1], 1), max(x.shape[1], 1), *limits(8, "symmetric"), pointer(x),
                    *(pointer(a, writable=True) for a in (rows.scale, rows.zero_point, rows.values)))
        seconds = x.size / min(row.speed, MOST)

        def call():
            threads.run(lambda begin, end: _check(both(begin, end, *operands), x), len(x), seconds)
            return rows

        return call, ((given, x, "x"),)

    return with_prepare(quantize_s8, ready) if both is not None else quantize_s8


def quantize_s16(kernel, row):
    """Return the operation quantize_s16 computed by a C kernel, and where possible by one that finds the scales too."""
    both = row.kernels.get("quantize_runs_s16")  # none goes with a kernel of the user's own

    @wraps(reference.quantize_s16)
    def quantize_s16(x, *, scheme="symmetric", axis=None, group=None, scale=None, zero_point=None):
        return _quantize(kernel, both, row, x, np.int16, 16, scheme, axis, group, scale, zero_point)

    return quantize_s16


def dequantize_s8(kernel, row):
    """Return the operation dequantize_s8 computed by a C kernel."""

    @wraps(reference.dequantize_s8)
    def dequantize_s8(q):
        return _dequantize(kernel, row.speed, quantized(q, np.int8))

    return dequantize_s8


def dequantize_s16(kernel, row):
    """Return the operation dequantize_s16 computed by a C kernel."""

    @wraps(reference.dequantize_s16)
    def dequantize_s16(q):
        return _dequantize(kernel, row.speed, quantized(q, np.int16))

    return dequantize_s16


def quantize_range_minmax(kernel, row):
    """Return the operation quantize_range_minmax computed by a C kernel."""

    @wraps(reference.quantize_range_minmax)
    def quantize_range_minmax(x, *, axis=None, group=None):
        x, shape, _, group = sharing_arguments(x, axis, group)
        return _range(kernel, row.speed, x, shape, group)

    return quantize_range_minmax


def _quantize(kernel, both, row, x, dtype, bits, scheme, axis, group, scale, zero_point):
    given = scale, zero_point
    x, shape, *ends, axis, group, scale, zero_point = grid_arguments(
        x, dtype, bits, scheme, axis, group, scale, zero_point)
    values = np.empty(x.shape, dtype=dtype)
    rows, seconds = _rows_of(x.shape, group), x.size / min(row.speed, MOST)
    runs = _runs(rows, shape, group)
    if scale is None and runs and both is not None:
        scale, zero_point = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=dtype)
        operands = (*runs, *ends, pointer(x),
                    *(pointer(a, writable=True) for a in (scale, zero_point, values)))
        threads.run(lambda begin, end: _check(both(begin, end, *operands), x), scale.size, seconds)
    else:
        if scale is None or zero_point is None:
            ranges = row.kernels["quantize_range_minmax"]
            scale, zero_point = scale_and_zero_point(*_range(ranges, row.speed, x, shape, group), *ends, scale)
        if x.size:
            *layout, scales, zero_points = _layout(rows, scale, zero_point, group)
            operands = (*layout, *ends, pointer(x), pointer(scales), pointer(zero_points),
                        pointer(values, writable=True))
            threads.run(lambda begin, end: _check(kernel(begin, end, *operands), x), x.size, seconds)
    for a in (values, scale, zero_point):
        if a is not given[0] and a is not given[1]:  # the caller may write on what is his: the format copies it
            a.flags.writeable = False  # nobody else has it: the format keeps it without a copy
    return Quantized(values, scale, zero_point, group)


def _rows_of(shape, group):
    """Return the shape of the rows that groups cut into segments; without groups that of the array itself."""
    return shape if group is None else matrix_shape(shape)


def _runs(of, shape, group):
    """Return k and group of rows of runs that have a scale each, in the scale's order, or None where it is not so."""
    inner = _inner(of, shape, group)
    k = math.prod(of[inner:])
    if 0 in of or math.prod(shape) < 2:
        return None  # there is nothing, or one run for all, whose range threads have to share
    if group is not None:
        return k, min(group, k)
    return (k, k) if of[:inner] == shape[:inner] and math.prod(shape[inner:]) == 1 else None


def _dequantize(kernel, speed, q):
    x = empty(arguments.shape(q.shape, "values", itemsize=4), np.float32)
    if x.size:
        *layout, scales, zero_points = _layout(rows_shape(q.shape, q.scale.ndim), q.scale, q.zero_point, q.group)
        operands = (*layout, pointer(q.values), pointer(scales), pointer(zero_points), pointer(x, writable=True))
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "q"), x.size, x.size / min(speed, MOST))
    return x


def _check(status: int, x: np.ndarray) -> None:
    if status == lib.RC_NOT_FINITE:
        arguments.finite(x, "x")  # says which
    check(status, "x")


def _range(kernel, speed, x, shape, group):
    """Return min(x, 0) and max(x, 0) of all that shares a scale, as float64 in the shape of the scale."""
    if x.size == 0:
        return np.zeros(shape), np.zeros(shape)
    of = _rows_of(x.shape, group)
    inner = _inner(of, shape, group)
    k = math.prod(of[inner:])
    rows, grain = x.size // k, 1
    if group is not None:
        run = min(group, k)
    elif math.prod(shape[inner:]) > 1:
        run, grain = 0, 64  # each column: to the kernel a group of 0; in whole vectors
    else:
        run = k if rows > 1 else min(k, PIECE)
    ends = np.empty((2, rows * -(-k // run) if run else k), dtype=np.float32)
    operands = rows, k, run, pointer(x), pointer(ends[0], writable=True), pointer(ends[1], writable=True)
    seconds = x.size / min(speed, MOST)
    threads.run(lambda begin, end: _check(kernel(begin, end, *operands), x), ends.shape[1], seconds, grain)
    low, high = ends.astype(np.float64) + 0.0  # so that no zero is -0.0
    if group is None and run:  # pieces of one row, or rows of which some share a scale
        shared = (*(i for i in range(inner) if shape[i] == 1), inner)
        low = low.reshape(*x.shape[:inner], -1).min(axis=shared)
        high = high.reshape(*x.shape[:inner], -1).max(axis=shared)
    return low.reshape(shape), high.reshape(shape)


def _inner(shape, scale_shape, group) -> int:
    """Return the first of the axes that make a row: along the others, and in groups along the last, scales change."""
    inner = len(shape) - 1
    if group is None and (scale_shape[-1] == 1 or shape[-1] == 1):
        while inner > 0 and scale_shape[inner - 1] == 1:
            inner -= 1  # nothing changes the scale along these axes either
    return inner


def _layout(shape, scale, zero_point, group):
    """Return k, group, stride, scale and zero_point as the kernels take them: rows of k, of which the groups share."""
    inner = _inner(shape, scale.shape, group)
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

"""Products of int8 with what follows them, in C: gemm_s8s8_requantized and gemm_s8s8_scaled.

The weights are packed for the kernels, in each call or once (``native.prepare``).
"""

from functools import wraps

import numpy as np

from .. import reference
from ..formats import Quantized
from ..reference.gemm.integers import requantized_arguments, scaled_arguments
from . import threads
from ._call import check, empty, pointer
from ._kernels import ffi
from .packing import Held, held_of
from .prepared import with_prepare
from .to_s8 import to_s8

__all__ = ["gemm_s8s8_requantized", "gemm_s8s8_scaled"]

LANES = 16  # outputs of a packed block
ROWS, OUTPUTS = 48, 64  # by which rows of x, or outputs, are handed out: whole tiles


def gemm_s8s8_requantized(kernel, row):
    """Return the operation gemm_s8s8_requantized computed by a C kernel."""

    def ready(x, w, bias, multiplier, shift, *, zero_point=0, lowest=-128, highest=127, empty=empty):
        given, weight = x, held_of(w, packed)
        x, w, bias, multiplier, shift, *ends = requantized_arguments(
            x, w, bias, multiplier, shift, zero_point, lowest, highest)
        y = empty((len(x), len(w)), np.int8)
        weight, how = weight or packed(w), to_s8(bias, multiplier, shift, *ends)
        operands = pointer(x), weight.struct, how.struct, pointer(y, writable=True)
        seconds = y.size * x.shape[1] / (4 * row.speed)

        def call():
            by_rows_or_outputs(kernel, operands, *y.shape, seconds)
            return y

        call.held = weight, how  # what the structs point at
        return call, ((given, x, "x"),)

    @wraps(reference.gemm_s8s8_requantized)
    def gemm_s8s8_requantized(x, w, bias, multiplier, shift, *, zero_point=0, lowest=-128, highest=127):
        return ready(x, w, bias, multiplier, shift, zero_point=zero_point, lowest=lowest, highest=highest)[0]()

    return with_prepare(gemm_s8s8_requantized, ready)


def gemm_s8s8_scaled(kernel, row):
    """Return the operation gemm_s8s8_scaled computed by a C kernel."""

    def ready(x, x_scale, w, bias=None, *, empty=empty):
        given, weight = (x, x_scale), held_of(w, packed_quantized)
        x, x_scale, w, bias, _ = scaled_arguments(x, x_scale, w, bias)
        y = empty((len(x), w.shape[0]), np.float32)
        weight = weight or packed_quantized(w)
        operands = (pointer(x), pointer(x_scale), *weight.struct, ffi.NULL if bias is None else pointer(bias),
                    pointer(y, writable=True))
        seconds = y.size * x.shape[1] / (4 * row.speed)

        def call():
            by_rows_or_outputs(kernel, operands, *y.shape, seconds)
            return y

        call.held = weight  # what the struct points at
        return call, ((given[0], x, "x"), (given[1], x_scale, "x_scale"))

    @wraps(reference.gemm_s8s8_scaled)
    def gemm_s8s8_scaled(x, x_scale, w, bias=None):
        return ready(x, x_scale, w, bias)[0]()

    return with_prepare(gemm_s8s8_scaled, ready)


def packed(w: np.ndarray) -> Held:
    """Return weights (n, k) as a struct rc_packed_s8 of one group."""
    return pack(w, max(w.shape[1], 1), None)


def packed_quantized(w: Quantized) -> Held:
    """Return weights as a struct rc_packed_s8 and their scales.

    Zero points are taken off beforehand, where all differences are int8 (those of 4 bits are).
    """
    n, k = w.shape
    group = max(1, min(k if w.group is None else w.group, k))
    shape = n, -(-k // group)
    zero_point = w.zero_point
    steps = w.values
    if zero_point.any():
        steps = w.values.astype(np.int16) - w.expand(zero_point)
        if np.abs(2 * steps + 1).max(initial=0) <= 255:
            steps, zero_point = steps.astype(np.int8), np.zeros_like(zero_point)
        else:
            steps = w.values
    some = np.ascontiguousarray(np.broadcast_to(zero_point, shape)) if zero_point.any() else None
    held, scales = pack(steps, group, some), np.ascontiguousarray(np.broadcast_to(w.scale, shape))
    own = 0 if scales is w.scale else scales.nbytes
    return Held((held.struct, pointer(scales)), held.arrays, held.nbytes + own)


def pack(w: np.ndarray, group: int, zero_point: np.ndarray | None) -> Held:
    """Return a struct rc_packed_s8, laid out as csrc/gemm/api.h writes it."""
    n, k = w.shape
    groups, quads, blocks = -(-k // group), -(-group // 4), -(-n // LANES)
    rows = np.zeros((n, groups * group), np.int8)
    rows[:, :k] = w
    whole = np.zeros((blocks * LANES, groups, quads * 4), np.int8)
    whole[:n, :, :group] = rows.reshape(n, groups, group)
    laid = empty((blocks, groups, quads, LANES, 4), np.int8)
    laid[...] = whole.reshape(blocks, LANES, groups, quads, 4).transpose(0, 2, 3, 1, 4)
    sums = whole[:n].sum(axis=2, dtype=np.int32)
    arrays = pointer(laid), pointer(sums), ffi.NULL if zero_point is None else pointer(zero_point)
    own = laid.nbytes + sums.nbytes + (0 if zero_point is None else zero_point.nbytes)
    return Held(ffi.new("struct rc_packed_s8 *", (n, k, group, *arrays)), arrays, own)


def by_rows_or_outputs(kernel, operands, m: int, n: int, seconds: float) -> None:
    """Call a kernel for all of m rows and n outputs, its rows among the threads, or where they are few its outputs."""
    if m * n == 0:
        return
    if m >= 4 * ROWS or m >= n:
        threads.run(lambda begin, end: check(kernel(begin, end, 0, n, *operands), "x"), m, seconds, ROWS)
    else:
        threads.run(lambda begin, end: check(kernel(0, m, begin, end, *operands), "x"), n, seconds, OUTPUTS)

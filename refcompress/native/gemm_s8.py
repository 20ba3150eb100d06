"""Products of int8 with what follows them, in C: gemm_s8s8_requantized and gemm_s8s8_scaled.

The weights are packed for the kernels, in each call or once (``native.prepare``).
"""

from functools import wraps

import numpy as np

from .. import reference
from ..formats import Quantized
from . import threads
from ._call import check, empty, pointer
from ._checks import requantized_arguments, scaled_arguments
from ._kernels import ffi
from ._table import widest
from .packing import Held, held_of
from .prepared import prepared, with_prepare
from .to_s8 import to_s8

__all__ = ["gemm_s8s8_requantized", "gemm_s8s8_scaled"]

LANES = 16  # outputs of a packed block
ROWS, OUTPUTS = 128, 48  # by which rows of x, or outputs, are handed out: whole blocks, whole tiles
SPEED = 8  # times as many multiply-adds a second as Row.speed says


def gemm_s8s8_requantized(kernel, row):
    """Return the operation gemm_s8s8_requantized computed by a C kernel."""

    def ready(x, w, bias, multiplier, shift, *, zero_point=0, lowest=-128, highest=127, empty=empty):
        given, weight = x, held_of(w, packed)
        x, w, bias, multiplier, shift, *ends = requantized_arguments(
            x, w, bias, multiplier, shift, zero_point, lowest, highest)
        y = empty((len(x), len(w)), np.int8)
        weight, how = weight or packed(w), to_s8(bias, multiplier, shift, *ends)
        operands = weight.struct, how.struct, pointer(y, writable=True)
        if is_short(row.speed, x, y.shape):
            call = prepared("gemm_s8s8_requantized", kernel, (*x.shape, pointer(x), *operands), y, "x")
        else:
            def call():
                multiply_packed(kernel, row.speed, x, operands, y.shape)
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
        operands = (pointer(x_scale), *weight.struct, ffi.NULL if bias is None else pointer(bias),
                    pointer(y, writable=True))
        if is_short(row.speed, x, y.shape):
            call = prepared("gemm_s8s8_scaled", kernel, (*x.shape, pointer(x), *operands), y, "x")
        else:
            def call():
                multiply_packed(kernel, row.speed, x, operands, y.shape)
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


def packed_for_u8(w: np.ndarray) -> Held:
    """Return weights (n, k) as a struct rc_packed_s8 for unsigned inputs."""
    return pack(w, max(w.shape[1], 1), None, flip=0)


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


def pack(w: np.ndarray, group: int, zero_point: np.ndarray | None, *, flip: int = 128) -> Held:
    """Return a struct rc_packed_s8, laid out as csrc/gemm/api.h writes it."""
    n, k = w.shape
    laid = packed_bytes(w, group, flip)
    arrays = pointer(laid), ffi.NULL if zero_point is None else pointer(zero_point)
    own = laid.nbytes + (0 if zero_point is None else zero_point.nbytes)
    return Held(ffi.new("struct rc_packed_s8 *", (n, k, group, *arrays)), arrays, own)


def packed_bytes(w: np.ndarray, group: int, flip: int = 128) -> np.ndarray:
    """Return weights, with these bits turned over, laid out: with 128, weights + 128."""
    n, k = w.shape
    groups, quads, blocks = -(-k // group), -(-group // 4), -(-n // LANES)
    laid = empty((blocks, groups, quads, LANES, 4), np.uint8)
    if w.size:
        kernel, w = widest("gemm_s8_pack"), np.ascontiguousarray(w)
        operands = n, k, group, pointer(w), flip, pointer(laid, writable=True)
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "w"), blocks, w.nbytes / 1e9)
    return laid


def multiply_packed(kernel, speed: float, x: np.ndarray, operands, shape: tuple[int, int]) -> None:
    """Call a kernel of packed weights, unless there is nothing to do; operands : what follows x."""
    if shape[0] * shape[1]:
        call_packed(kernel, speed, apart(x), operands, shape)


def call_packed(kernel, speed: float, x: np.ndarray, operands, shape: tuple[int, int]) -> None:
    """Call a kernel for all rows and outputs: outputs among the threads, or rows where they are more.

    The other side is cut too, where a call would have more than bounded work.
    """
    m, n = shape
    ldx, inputs = x.shape[1], pointer(x)
    a_second = SPEED * speed / max(ldx, 1)  # elements of y
    grain, other = (ROWS, OUTPUTS) if m > n else (OUTPUTS, ROWS)
    step = max(1, int(threads.CHUNK_SECONDS * a_second / (grain * other))) * other
    for first in range(0, min(m, n), step):
        last = min(first + step, min(m, n))

        def call(begin, end, first=first, last=last):
            of = (begin, end, first, last) if m > n else (first, last, begin, end)
            check(kernel(*of, ldx, inputs, *operands), "x")

        threads.run(call, max(m, n), max(m, n) * (last - first) / a_second, grain)


def is_short(speed: float, x: np.ndarray, shape: tuple[int, int]) -> bool:
    """Return whether one call does a product of packed weights, there is any, and x is read as it lies."""
    (m, k), size = x.shape, shape[0] * shape[1]
    return size > 0 and size * k < threads.SERIAL_SECONDS * SPEED * speed and spread_width(m, k) == k


def apart(x: np.ndarray) -> np.ndarray:
    """Return x, or a copy with more columns where its rows lie badly."""
    m, k = x.shape
    width = spread_width(m, k)
    if width == k:
        return x
    wide = empty((m, width), x.dtype)
    wide[:, :k] = x
    return wide


def spread_width(m: int, k: int) -> int:
    """Return by how many bytes m rows of k should be apart: by some more where that is a multiple of 2 KiB.

    The rows of a tile would meet in one or two sets of the first-level cache, and push each other out.
    """
    return k if k == 0 or k % 2048 or m <= 2 else k + 64

"""Products of int8 with what follows them, in C: gemm_s8s8_requantized and gemm_s8s8_scaled.

The weights are packed for the kernels: once (``native.prepare``), or in each call, for few rows of x some outputs at a
time.
"""

from functools import partial, wraps

import numpy as np

from .. import reference
from ..formats import Prepared, Quantized
from ..formats.prepared import unprepared
from . import threads
from ._call import FLOATS, INT8S, INT32S, check, empty, in_default_mode, kept, once, pointer
from ._checks import F32, S8, are_short, are_short_layers, is_vector, requantized_arguments, scaled_arguments
from ._kernels import ffi, lib
from ._table import widest
from .packing import Held, held_of
from .prepared import prepared, with_prepare
from .to_s8 import to_s8

__all__ = ["gemm_s8s8_requantized", "gemm_s8s8_scaled"]

NULL = ffi.NULL
LANES = 16  # outputs of a packed block
ROWS, OUTPUTS = 128, 48  # by which rows of x, or outputs, are handed out: whole blocks, whole tiles
SPEED = 8  # times as many multiply-adds a second as Row.speed says
ROOM = 2**18  # bytes of packed weights that stay in the second-level cache
SHORT = 2**13  # multiply-adds of a product, at most, that reads its weights as they lie
FEW, PACKING = 256, 8  # rows of x for which packing some outputs at a time pays, and those that packing counts as
AS_THEY_LIE = 12  # rows of x, at most, that multiply weights of one group without packing: FEW_ROWS of the kernels


def gemm_s8s8_requantized(kernel, row):
    """Return the operation gemm_s8s8_requantized computed by a C kernel."""
    own, short = row.kernels.get("gemm_s8s8_requantized") == kernel, lib.rc_short_s8s8_requantized  # not a caller's
    product = row.kernels.get("gemm_s8s8")

    def ready(x, w, bias, multiplier, shift, *, zero_point=0, lowest=-128, highest=127, empty=empty, one_call=False):
        given, weight = x, held_of(w, packed)
        x, w, bias, multiplier, shift, *ends = requantized_arguments(
            x, w, bias, multiplier, shift, zero_point, lowest, highest)
        m, (n, k) = len(x), w.shape
        if one_call and own and m * n * k <= SHORT >= k:
            y = np.empty((m, n), S8)
            arrays = INT8S(x), INT8S(w), INT32S(bias), INT32S(multiplier), INT32S(shift)
            check(short(product, m, n, k, *arrays, *ends, INT8S(y)), "bias")
            return lambda: y, ()
        y, how = empty((m, n), np.int8), to_s8(bias, multiplier, shift, *ends)
        if one_call and weight is None and is_plain(row.speed, x, y.shape):
            struct, to = struct_of(w.shape, w.shape[1]).struct, pointer(y, writable=True)
            if own and m <= AS_THEY_LIE:
                multiply_few(lib.rc_few_s8s8_requantized, product, pointer(w), row.speed, x, (struct, how.struct, to),
                             y.shape)
                return lambda: y, ()
            multiply_plain(lib.rc_plain_s8s8_requantized, (widest("gemm_s8_pack"), pointer(w)), kernel, row.speed,
                           x, (struct, how.struct, to), y.shape, packed_bytes_of(w.shape[1], w.shape[1]))
            return lambda: y, ()
        weight = weight or packed(w)
        operands = weight.struct, how.struct, pointer(y, writable=True)
        if is_short(row.speed, x, y.shape):
            call = prepared("gemm_s8s8_requantized", kernel, (*x.shape, pointer(x), *operands), y, "x")
        else:
            def call():
                multiply_packed(kernel, row.speed, x, operands, y.shape)
                return y

        call.held = weight, how  # what the structs point at
        return call, ((given, x, "x"),)

    one_call = in_default_mode(partial(ready, one_call=True))

    @wraps(reference.gemm_s8s8_requantized)
    def gemm_s8s8_requantized(x, w, bias, multiplier, shift, *, zero_point=0, lowest=-128, highest=127):
        taken = w.taken if type(w) is Prepared else w
        if (own and are_short_layers(x, taken, bias, multiplier, shift, SHORT)
                and type(zero_point) is type(lowest) is type(highest) is int
                and -128 <= lowest <= zero_point <= highest <= 127):
            m, (n, k) = len(x), taken.shape
            y = np.empty((m, n), S8)
            try:  # which the gate refuses unless they are contiguous
                arrays = INT8S(x), INT8S(taken), INT32S(bias), INT32S(multiplier), INT32S(shift)
            except ValueError:
                arrays = ()
            if arrays and not short(product, m, n, k, *arrays, zero_point, lowest, highest, INT8S(y)):
                return y
        how = {"zero_point": zero_point, "lowest": lowest, "highest": highest}
        return one_call(x, w, bias, multiplier, shift, **how)[0]()

    return with_prepare(gemm_s8s8_requantized, ready)


def gemm_s8s8_scaled(kernel, row):
    """Return the operation gemm_s8s8_scaled computed by a C kernel."""
    own = row.kernels.get("gemm_s8s8_scaled") == kernel  # and not a caller's
    seen, short, product = kept(_lying).get, lib.rc_short_s8s8_scaled, row.kernels.get("gemm_s8s8")

    def ready(x, x_scale, w, bias=None, *, empty=empty, one_call=False):
        given, weight, asked = (x, x_scale), held_of(w, packed_quantized), w
        x, x_scale, w, bias, _ = scaled_arguments(x, x_scale, w, bias)
        if one_call and own and x.size * w.shape[0] <= SHORT:
            y = np.empty((len(x), w.shape[0]), F32)
            operands = once(_lying, asked)[0], ffi.NULL if bias is None else FLOATS(bias), FLOATS(y)
            check(short(*y.shape, INT8S(x), FLOATS(x_scale), *operands), "x_scale")
            return lambda: y, ()
        y = empty((len(x), w.shape[0]), np.float32)
        ends = ffi.NULL if bias is None else pointer(bias), pointer(y, writable=True)
        if one_call and weight is None and is_plain(row.speed, x, y.shape):
            steps, group, zero_point, scales = quantized_parts(w)
            struct = struct_of(steps.shape, group, None, zero_point).struct
            if own and len(x) <= AS_THEY_LIE and group == steps.shape[1] and zero_point is None:
                multiply_few(lib.rc_few_s8s8_scaled, product, pointer(steps), row.speed, x,
                             (pointer(x_scale), struct, pointer(scales), *ends), y.shape)
                return lambda: y, ()
            multiply_plain(lib.rc_plain_s8s8_scaled, (widest("gemm_s8_pack"), pointer(steps)), kernel, row.speed, x,
                           (pointer(x_scale), struct, pointer(scales), *ends), y.shape,
                           packed_bytes_of(steps.shape[1], group))
            return lambda: y, ()
        weight = weight or packed_quantized(w)
        operands = pointer(x_scale), *weight.struct, *ends
        if is_short(row.speed, x, y.shape):
            call = prepared("gemm_s8s8_scaled", kernel, (*x.shape, pointer(x), *operands), y, "x")
        else:
            def call():
                multiply_packed(kernel, row.speed, x, operands, y.shape)
                return y

        call.held = weight  # what the struct points at
        return call, ((given[0], x, "x"), (given[1], x_scale, "x_scale"))

    one_call = in_default_mode(partial(ready, one_call=True))

    @wraps(reference.gemm_s8s8_scaled)
    def gemm_s8s8_scaled(x, x_scale, w, bias=None):
        if own and (made := seen(id(w))):  # a weight that was seen before was checked
            struct, n, k, _ = made[0]
            if are_short(x, x_scale, n, k, SHORT) and (bias is None or is_vector(bias, F32, n)):
                y = np.empty((m := len(x), n), F32)
                added = NULL if bias is None else FLOATS(bias)
                if not short(m, n, INT8S(x), FLOATS(x_scale), struct, added, FLOATS(y)):
                    return y
        return one_call(x, x_scale, w, bias)[0]()

    return with_prepare(gemm_s8s8_scaled, ready)


def _lying(w) -> tuple:
    """Return a struct rc_quantized of a weight that was checked, its shape, and what keeps it alive."""
    held = quantized_struct(w := unprepared(w))
    return held.struct, *w.shape, held


def packed(w: np.ndarray) -> Held:
    """Return weights (n, k) as a struct rc_packed_s8 of one group."""
    return pack(w, max(w.shape[1], 1), None)


def packed_for_u8(w: np.ndarray) -> Held:
    """Return weights (n, k) as a struct rc_packed_s8 for unsigned inputs."""
    return pack(w, max(w.shape[1], 1), None, flip=0)


def packed_quantized(w: Quantized) -> Held:
    """Return weights as a struct rc_packed_s8 and their scales."""
    steps, group, zero_point, scales = quantized_parts(w)
    held, own = pack(steps, group, zero_point), 0 if scales is w.scale else scales.nbytes
    return Held((held.struct, pointer(scales)), held.arrays, held.nbytes + own)


def quantized_parts(w: Quantized) -> tuple[np.ndarray, int, np.ndarray | None, np.ndarray]:
    """Return values, the inputs of a group, and zero points and scales for each output and group.

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
    return np.ascontiguousarray(steps), group, some, np.ascontiguousarray(np.broadcast_to(w.scale, shape))


def pack(w: np.ndarray, group: int, zero_point: np.ndarray | None, *, flip: int = 128) -> Held:
    """Return a struct rc_packed_s8, laid out as csrc/gemm/api.h writes it."""
    return struct_of(w.shape, group, packed_bytes(w, group, flip), zero_point)


def struct_of(shape: tuple[int, int], group: int, laid: np.ndarray | None = None,
              zero_point: np.ndarray | None = None) -> Held:
    """Return a struct rc_packed_s8 of what was laid out, or of nothing yet."""
    arrays = tuple(ffi.NULL if a is None else pointer(a) for a in (laid, zero_point))
    own = sum(a.nbytes for a in (laid, zero_point) if a is not None)
    return Held(ffi.new("struct rc_packed_s8 *", (*shape, group, *arrays)), arrays, own)


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


def packed_bytes_of(k: int, group: int) -> int:
    """Return how many bytes the k weights of an output take when they are packed."""
    return -(-k // group) * -(-group // 4) * 4


def is_plain(speed: float, x: np.ndarray, shape: tuple[int, int]) -> bool:
    """Return whether weights should be packed some outputs at a time, a call of which has bounded work."""
    (m, k), n = x.shape, shape[1]
    return 0 < m <= FEW and n * k > 0 and (m + PACKING) * OUTPUTS * k <= threads.CHUNK_SECONDS * SPEED * speed


def multiply_plain(run, of_pack, kernel, speed: float, x: np.ndarray, operands, shape: tuple[int, int],
                   bytes_of_output: int) -> None:
    """Call ``run``, which packs some outputs at a time by the kernel and operands of_pack, for all outputs."""
    m, n = shape
    at_once = max(OUTPUTS, ROOM // bytes_of_output // OUTPUTS * OUTPUTS)
    x = apart(x)
    ldx, inputs = x.shape[1], pointer(x)

    def call(begin, end):
        outputs = min(at_once, -(-(end - begin) // LANES) * LANES)
        room = empty((outputs * bytes_of_output,), np.uint8)
        check(run(*of_pack, outputs, pointer(room, writable=True), kernel, begin, end, m, ldx, inputs, *operands), "x")

    threads.run(call, n, (m + PACKING) * n * ldx / (SPEED * speed), OUTPUTS)


def multiply_few(run, product, weights, speed: float, x: np.ndarray, operands, shape: tuple[int, int]) -> None:
    """Call ``run``, which takes the sums of some outputs at a time from the kernel ``product``, for all outputs."""
    m, n = shape
    most = max(OUTPUTS, ROOM // (4 * m) // OUTPUTS * OUTPUTS)

    def call(begin, end):
        outputs = min(most, end - begin)
        room = empty((outputs * m,), np.int32)
        check(run(product, weights, outputs, pointer(room, writable=True), begin, end, m, pointer(x), *operands), "x")

    threads.run(call, n, m * n * x.shape[1] / (SPEED * speed), OUTPUTS)


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


def quantized_struct(w: Quantized) -> Held:
    """Return the weights as a struct rc_quantized, which points at their own arrays."""
    k = w.shape[1]
    # A scale of shape (.., k) without groups is one per input: groups of one. One of a single column spans the row.
    group = w.group if w.group is not None else 1 if w.scale.shape[1] > 1 else k
    stride = w.scale.shape[1] if w.scale.shape[0] > 1 else 0
    arrays = pointer(w.values), pointer(w.scale), pointer(w.zero_point)
    return Held(ffi.new("struct rc_quantized *", (k, max(1, min(group, k)), stride, *arrays)), arrays)

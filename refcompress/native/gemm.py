"""The gemm family in C: gemm_s8s8, gemm_u8s8, gemm_f32mixed, gemm_f32f32; those of gemm_s8.py."""

from functools import partial, wraps

import numpy as np
from numpy import empty as new

from .. import reference
from ..formats import Quantized
from ..formats.prepared import unprepared
from ..reference.gemm.mixed import f32mixed_arguments
from ..reference.gemm.products import MAX_K_S8S8, MAX_K_U8S8, in_int32, input_zero_point
from . import gemm_s8, threads
from ._call import FLOATS, INT8S, INT32S, UINT8S, aligned, check, empty, in_default_mode, kept, once, pointer
from ._checks import F32, S32, f32f32_arguments, is_ready, s8s8_arguments, u8s8_arguments
from ._kernels import ffi, lib
from .gemm_s8 import gemm_s8s8_requantized, gemm_s8s8_scaled, quantized_struct
from .packing import held_of
from .prepared import by_name, in_place, prepared, with_prepare

__all__ = ["gemm_s8s8", "gemm_u8s8", "gemm_f32mixed", "gemm_f32f32", "gemm_s8s8_requantized",
           "gemm_s8s8_scaled"]

# Rows of w are handed out by twelves: the kernels' tiles have 6 or 4 of them, and what does not fill a tile is wasted.
GRAIN = 12

# Rows of an integer w are handed out by as many as a tile has, and a product of so few multiply-adds is not packed.
OUTPUTS, SHORT = gemm_s8.OUTPUTS, 2**16

# Rows and columns of a weight of two widths, of which a struct is kept; multiply-adds of its products in one call.
KEPT, SHORT_MIXED = 256, 2**13

# Columns of a transposed w are handed out by two cache lines of each row and more.
STRIP = 128

# Rows of x in one call, at most: a call of bounded work then has many rows of w to use each row of x for.
BLOCK = 256


def _integer_product(op: str, packed: str, arguments, pack, most: int, inputs):
    """Return the binder of a product of two integer matrices, which ``arguments`` checks.

    packed, pack : the kernel for weights that were packed, and what packs them. most : inputs, whose sums are sure to
    fit an int32. inputs : what makes a pointer of x.
    """

    def bind(kernel, row):
        run, speed = by_name(op, kernel), gemm_s8.SPEED * row.speed
        of_packed = row.kernels.get(packed)  # a caller's own kernel has none beside it

        def held(w, m, n, k):
            """Return the packing of a prepared weight, but for a product so short that packing brings nothing."""
            return held_of(w, pack) if of_packed is not None and m * n * k > SHORT else None

        def without_zero_point(x, w, x_zero_point):
            """Return the product of x less its zero point: in pieces of k, whose sums are added in int64."""
            x, w = arguments(x, w)
            zero_point, sums = input_zero_point(x_zero_point, x.dtype), np.zeros((len(x), len(w)), np.int64)
            for first in range(0, w.shape[1], most):
                some, part = x[:, first : first + most], w[:, first : first + most]
                sums += product(some, part)
                if zero_point:
                    sums -= zero_point * product(np.ones((1, part.shape[1]), x.dtype), part).astype(np.int64)
            return in_int32(sums)

        @wraps(getattr(reference, op))
        def product(x, w, *, x_zero_point=0):
            if type(x_zero_point) is not int or x_zero_point:
                return without_zero_point(x, w, x_zero_point)
            given, (x, w) = w, arguments(x, w)
            m, (n, k) = len(x), w.shape
            if m * n * k <= SHORT >= k:
                y = new((m, n), S32)
                if status := run(0, n, m, n, k, inputs(x), INT8S(w), INT32S(y)):
                    check(status, "w")
                return y
            if k > most:
                return without_zero_point(x, w, 0)
            if given is not w and (ready := held(given, len(x), n, k)):
                y = empty((len(x), n), np.int32)
                gemm_s8.multiply_packed(of_packed, row.speed, x, (ready.struct, pointer(y, writable=True)), y.shape)
                return y
            return _product(run, speed, x, (n, k), np.int32, (k,), pointer(w), OUTPUTS)

        def prepare(x, w, *, x_zero_point=0):
            given, (x, w) = (x, w), arguments(x, w)
            zero_point = input_zero_point(x_zero_point, x.dtype)
            in_place(given[0], x, "x")
            in_place(unprepared(given[1]), w, "w")
            n, k = w.shape
            if k > most or zero_point:
                y = empty((len(x), n), np.int32)

                def in_pieces():
                    y[...] = without_zero_point(x, w, zero_point)
                    return y

                return in_pieces
            ready = held(given[1], len(x), n, k)
            if ready is None:
                return _prepared(op, kernel, speed, x, (n, k), np.int32, (k,), pointer(w), OUTPUTS)
            y = empty((len(x), n), np.int32)
            operands = ready.struct, pointer(y, writable=True)

            def again():
                gemm_s8.multiply_packed(of_packed, row.speed, x, operands, y.shape)
                return y

            again.held = ready  # type: ignore[attr-defined]  # what the struct points at
            return again

        product.prepare = prepare
        return product

    bind.__doc__ = f"Return the operation {op} computed by a C kernel."
    return bind


gemm_s8s8 = _integer_product("gemm_s8s8", "gemm_s8s8_packed", s8s8_arguments, gemm_s8.packed, MAX_K_S8S8, INT8S)
gemm_u8s8 = _integer_product("gemm_u8s8", "gemm_u8s8_packed", u8s8_arguments, gemm_s8.packed_for_u8, MAX_K_U8S8, UINT8S)


def gemm_f32mixed(kernel, row):
    """Return the operation gemm_f32mixed computed by a C kernel."""
    speed = row.speed
    short, seen = partial(lib.rc_short_gemm_f32mixed, kernel), kept(_mixed).get

    @wraps(reference.gemm_f32mixed)
    def gemm_f32mixed(x, w):
        if (made := seen(id(w))) and is_ready(x):  # a weight that was seen before was checked
            struct, n, k, _ = made[0]
            if x.shape[1] == k and (m := len(x)) * n * k <= SHORT_MIXED:
                y = new((m, n), F32)
                if status := short(m, struct, FLOATS(x), FLOATS(y)):
                    check(status, "w")
                return y
        given, (x, w) = w, f32mixed_arguments(x, w)
        if sum(w.shape) <= KEPT:
            once(_mixed, given)
        y = empty((len(x), w.shape[0]), F32)
        multiply(x, w, y)
        return y

    def multiply(x, w, y):
        """Fill y."""
        if y.size == 0:
            return
        low, high = (~w.wide).nonzero()[0], w.wide.nonzero()[0]
        if w.axis == 1:  # all rows have both widths, their inputs one width after the other
            x = x.take(np.concatenate((low, high)), 1)
            _mixed_rows(kernel, speed, x, w.low, w.high, np.arange(w.shape[0]), y)
        else:  # some rows have the one and no inputs of the other, and the others the reverse
            _mixed_rows(kernel, speed, x, w.low, NOTHING[np.int16], low, y)
            _mixed_rows(kernel, speed, x, NOTHING[np.int8], w.high, high, y)

    def prepare(x, w):
        given, asked, (x, w) = x, w, f32mixed_arguments(x, w)
        in_place(given, x, "x")
        m, (n, k) = len(x), w.shape
        y = empty((m, n), F32)
        if n + k <= KEPT and m * n * k <= SHORT_MIXED:
            struct, _, _, held = once(_mixed, asked)
            again = prepared("gemm_f32mixed", kernel, (m, struct, FLOATS(x), FLOATS(y)), y, "w")
            again.held = struct, held
            return again

        def again_long():
            multiply(x, w, y)
            return y

        return again_long

    gemm_f32mixed.prepare = prepare
    return gemm_f32mixed


def _mixed(given) -> tuple:
    """Return a struct rc_mixed of a weight that was checked, its shape, and what keeps it alive."""
    w, none = unprepared(given), [quantized_struct(NOTHING[dtype]) for dtype in (np.int8, np.int16)]
    low, high = (~w.wide).nonzero()[0], w.wide.nonzero()[0]
    order, outputs = np.concatenate((low, high)).astype(np.int64), np.arange(w.shape[0], dtype=np.int64)
    parts, arrays = [quantized_struct(part) for part in (w.low, w.high)], (pointer(order), pointer(outputs))
    structs = [held.struct for held in (*parts, *none)]
    struct = ffi.new("struct rc_mixed *", (*w.shape, len(low), w.axis, *structs, *arrays))
    return struct, *w.shape, (parts, none, arrays)


def gemm_f32f32(kernel, row):
    """Return the operation gemm_f32f32 computed by a C kernel."""
    speed, run = 4 * row.speed, lib.rc_run_gemm_f32f32  # nothing is unpacked or looked up on the way

    @wraps(reference.gemm_f32f32)
    def gemm_f32f32(x, w, *, transposed=False):
        x, w, transposed = f32f32_arguments(x, w, transposed)
        (m, k), n = x.shape, w.shape[1] if transposed else len(w)
        if m * n * k > SHORT:
            return _f32f32(kernel, speed, x, w, transposed)
        y = new((m, n), F32)
        if status := run(kernel, 0, n, m, n, k, k, n, transposed, FLOATS(x), FLOATS(w), FLOATS(y)):
            check(status, "w")
        return y

    def prepare(x, w, *, transposed=False):
        given, (x, w, transposed) = (x, unprepared(w)), f32f32_arguments(x, w, transposed)
        in_place(given[0], x, "x")
        in_place(given[1], w, "w")
        (m, k), n = x.shape, w.shape[1] if transposed else len(w)
        y = empty((m, n), F32)
        if m * n * k <= SHORT:
            return prepared("gemm_f32f32", kernel, (m, n, k, transposed, FLOATS(x), FLOATS(w), FLOATS(y)), y, "w")

        def again():
            y[...] = _f32f32(kernel, speed, x, w, transposed)
            return y

        return again

    gemm_f32f32.prepare, gemm_f32f32.kernel = prepare, kernel

    def ready(x, w, *, empty=empty):
        (b, m, k), n = x.shape, w.shape[2]
        y = empty((b, m, n), np.float32)
        operands = m, n, k, pointer(x), pointer(w), pointer(y, writable=True)
        seconds = b * m * n * k / speed

        def call():
            if y.size:
                threads.run(lambda begin, end: check(lib.rc_batch_gemm_f32f32(kernel, begin, end, *operands), "w"), b,
                            seconds)
            return y

        return call, ()

    def batched(x, w):
        """Return x[i] @ w[i] of (b, m, k) and (b, k, n), C-contiguous float32: the bits of gemm_f32f32, transposed."""
        return ready(x, w)[0]()

    with_prepare(batched, ready)
    gemm_f32f32.batched = in_default_mode(batched)
    return gemm_f32f32


def _f32f32(kernel, speed: float, x, w, transposed: bool) -> np.ndarray:
    """Return the product gemm_f32f32, with as many rows of x in a call as bounded work allows."""
    (m, k), n = x.shape, w.shape[1 if transposed else 0]
    x = _spread(x) if n >= 64 else x
    y = _apart(m, n) if transposed and k >= 256 else empty((m, n), F32)  # sums that come back often
    ldx, ldy = x.shape[1], y.shape[1]
    x_pointer, w_pointer, y_pointer = pointer(x), pointer(w), pointer(y, True)
    block, grain = _block(k, speed), STRIP if transposed else GRAIN
    for i in range(0, m, block):
        rows = min(block, m - i)
        operands = (rows, n, k, ldx, ldy, transposed, x_pointer + i * ldx, w_pointer, y_pointer + i * ldy)
        threads.run(lambda begin, end: check(lib.rc_run_gemm_f32f32(kernel, begin, end, *operands), "w"), n,
                    rows * n * k / speed, grain)
    return y if ldy == n else np.ascontiguousarray(y[:, :n])


def _apart(m: int, n: int) -> np.ndarray:
    """Return an array for m rows of n float32, with 16 more columns where rows begin at multiples of a KiB.

    Such rows meet in a few sets of the caches. With more than a few rows, all needed again and again, they would push
    each other out.
    """
    return empty((m, n if n % 256 or m <= 4 else n + 16), np.float32)


def _spread(x: np.ndarray) -> np.ndarray:
    """Return x, aligned, or a copy of it in such an array."""
    wide = _apart(*x.shape)
    if wide.shape == x.shape:
        return aligned(x)
    wide[:, : x.shape[1]] = x
    return wide


# Weights of no inputs; their one scale is shared, so it serves any number of rows.
NOTHING = {dtype: Quantized(np.zeros((0, 0), dtype), np.ones((1, 1), np.float32), np.zeros((1, 1), dtype))
           for dtype in (np.int8, np.int16)}


def _mixed_rows(kernel, speed, x, low, high, outputs, y):
    """Fill the columns ``outputs`` of y by a kernel whose rows have the inputs of low and then those of high."""
    x, outputs, run = aligned(x), outputs.astype(np.int64, copy=False), lib.rc_run_gemm_f32mixed
    (m, k), n = x.shape, len(outputs)
    x_pointer, y_pointer = pointer(x), pointer(y, writable=True)
    widths = once(quantized_struct, low).struct, once(quantized_struct, high).struct
    outputs_pointer = pointer(outputs)
    if m * n * k <= SHORT:
        check(run(kernel, 0, n, m, y.shape[1], x_pointer, *widths, outputs_pointer, y_pointer), "w")
        return
    block = _block(k, speed)
    for i in range(0, m, block):
        rows = min(block, m - i)
        operands = (rows, y.shape[1], x_pointer + i * k, *widths, outputs_pointer, y_pointer + i * y.shape[1])
        threads.run(lambda begin, end: check(run(kernel, begin, end, *operands), "w"), n, rows * n * k / speed, GRAIN)


def _block(k: int, speed: float) -> int:
    """Return how many rows of x make a call of bounded work."""
    return max(1, min(BLOCK, int(threads.CHUNK_SECONDS * speed / (GRAIN * max(k, 1)))))


def _product(run, speed, x, shape, dtype, sizes, w, grain=GRAIN):
    """Return y = x @ w.T by a kernel, called by name, that takes ranges of the rows of w.

    shape : that of w; sizes, w : what says of w where the kernel finds it.
    """
    m, (n, k) = len(x), shape
    y = empty((m, n), dtype)
    if m * n and m * n * k / speed < threads.SERIAL_SECONDS:
        if status := run(0, n, m, n, *sizes, pointer(x), w, pointer(y, True)):
            check(status, "w")
        return y
    if n >= 64:  # every sixth output reads all of x
        x = aligned(x)
    _multiply(run, speed, x, shape, y, sizes, w, grain)
    return y


def _multiply(run, speed, x, shape, y, sizes, w, grain=GRAIN) -> None:
    """Fill y, with as many rows of x in a call as bounded work allows."""
    m, (n, k) = len(x), shape
    if m * n == 0:
        return
    x_pointer, y_pointer = pointer(x), pointer(y, writable=True)
    if m * n * k / speed < threads.SERIAL_SECONDS:
        check(run(0, n, m, n, *sizes, x_pointer, w, y_pointer), "w")
        return
    block = _block(k, speed)
    for i in range(0, m, block):
        rows = min(block, m - i)
        operands = (rows, n, *sizes, x_pointer + i * k, w, y_pointer + i * n)
        threads.run(lambda begin, end: check(run(begin, end, *operands), "w"), n, rows * n * k / speed, grain)


def _prepared(op, kernel, speed, x, shape, dtype, sizes, w, grain=GRAIN):
    """Return the product as a function without arguments."""
    m, (n, k) = len(x), shape
    y = empty((m, n), dtype)
    if m * n * k / speed < threads.SERIAL_SECONDS:
        return prepared(op, kernel, (m, n, *sizes, pointer(x), w, pointer(y, writable=True)), y, "w")

    run = by_name(op, kernel)

    def again():
        _multiply(run, speed, x, shape, y, sizes, w, grain)
        return y

    return again

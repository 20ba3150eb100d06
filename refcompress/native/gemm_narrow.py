"""The products of float32 inputs by narrow weights in C: gemm_f32s8, gemm_f32s4, gemm_f32f16 and so on."""

from collections.abc import Callable
from functools import partial, wraps

import numpy as np
from numpy import empty as new

from .. import reference
from ..constants import LARGEST
from ..formats import MX, NF4, NVFP4, Packed, Plain, Quantized, Shared
from ..formats.floats import MX_BLOCK, NF4_LEVELS
from ..formats.nvfp4 import NVFP4_BLOCK
from ..formats.prepared import unprepared
from ..reference.gemm.narrow import ACCEPTED, narrow_arguments
from ..reference.gemm.products import f32s8_arguments
from . import threads
from ._call import FLOATS, aligned, check, empty, kept, once, pointer
from ._checks import F32, is_ready
from ._kernels import ffi, lib
from ._table import SPEED
from .packing import Held, held_of
from .prepared import in_place, prepared

__all__ = ["gemm_f32s8", *ACCEPTED]

# Rows of w are handed out by 36s: the kernels have blocks of 3 tiles of 6 or 4, and what does not fill one is slower.
GRAIN = 36

# Multiply-adds that every kernel does in threads.SERIAL_SECONDS, the portable one too.
SHORT = int(SPEED["portable"] * threads.SERIAL_SECONDS)

# Rows of x in one call, at most: a call of bounded work then has many rows of w to use each row of x for.
BLOCK = 256

TYPES = {"fp8_e4m3": lib.RC_NARROW_E4M3, "fp8_e5m2": lib.RC_NARROW_E5M2, "fp8_e4m3fnuz": lib.RC_NARROW_E4M3FNUZ,
         "fp8_e5m2fnuz": lib.RC_NARROW_E5M2FNUZ, "mxfp8_e4m3": lib.RC_NARROW_E4M3, "mxfp8_e5m2": lib.RC_NARROW_E5M2,
         "mxfp6_e2m3": lib.RC_NARROW_E2M3, "mxfp6_e3m2": lib.RC_NARROW_E3M2, "mxfp4_e2m1": lib.RC_NARROW_E2M1,
         "mxint8": lib.RC_NARROW_S8}


def _product(op: str, arguments):
    """Return the binder of a product by narrow weights, whose arguments ``arguments`` checks."""

    def operand(w):
        """Return what kernels read of a weight that was checked, and its shape."""
        held = held_of(w, packed) or narrow_struct(unprepared(w))
        return held.struct, *w.shape, held

    seen = kept(operand).get

    def bind(kernel, row):
        speed, run = row.speed, lib.rc_run_gemm_f32narrow

        @wraps(getattr(reference, op))
        def product(x, w):
            made = seen(id(w))  # of a weight that was seen before only the size is compared
            if made is None or not is_ready(x) or x.shape[1] != made[0][2]:
                x, made = arguments(x, w)[0], (once(operand, w),)
            m, (struct, n, k, _) = len(x), made[0]
            if m * n * k <= SHORT:
                y = new((m, n), F32)
                if status := run(kernel, 0, n, m, k, n, FLOATS(x), struct, FLOATS(y)):
                    check(status, "w")
            else:
                y = empty((m, n), F32)
                _multiply(kernel, speed, _spread(x) if m > 4 and n >= 64 else aligned(x), struct, y)
            return y

        def prepare(x, w):
            given, x = x, arguments(x, w)[0]
            _, n, k, held = once(operand, w)
            in_place(given, x, "x")
            m = len(x)
            y = empty((m, n), np.float32)
            if m * n * k / speed < threads.SERIAL_SECONDS:
                operands = n, m, k, n, pointer(x), held.struct, pointer(y, writable=True)
                again = prepared("gemm_f32narrow", kernel, operands, y, "w")
            else:
                def again():
                    _multiply(kernel, speed, _spread(x) if m > 4 and n >= 64 else x, held.struct, y)
                    return y

            again.held = held  # what the struct points at
            return again

        product.prepare = prepare
        return product

    bind.__doc__ = f"Return the operation {op} computed by a C kernel."
    return bind


gemm_f32s8 = _product("gemm_f32s8", f32s8_arguments)
globals().update({op: _product(op, partial(narrow_arguments, op)) for op in ACCEPTED})


def _multiply(kernel, speed: float, x, w, y) -> None:
    """Fill y, with as many rows of x in a call as bounded work allows; ``w`` is a struct rc_narrow."""
    (m, n), k = y.shape, w.k
    if m * n == 0:
        return
    ldx, x_pointer, y_pointer = x.shape[1], pointer(x), pointer(y, writable=True)
    if m * n * k / speed < threads.SERIAL_SECONDS:
        check(lib.rc_run_gemm_f32narrow(kernel, 0, n, m, ldx, n, x_pointer, w, y_pointer), "w")
        return
    block = max(1, min(BLOCK, int(threads.CHUNK_SECONDS * speed / (GRAIN * max(k, 1)))))
    for i in range(0, m, block):
        rows = min(block, m - i)
        operands = (rows, ldx, n, x_pointer + i * ldx, w, y_pointer + i * n)
        threads.run(lambda begin, end: check(lib.rc_run_gemm_f32narrow(kernel, begin, end, *operands), "w"), n,
                    rows * n * k / speed, GRAIN)


def _spread(x: np.ndarray) -> np.ndarray:
    """Return x, aligned, or a copy with 16 more columns where rows begin at multiples of a KiB.

    Such rows meet in a few sets of the caches, and push each other out.
    """
    m, k = x.shape
    if k % 256:
        return aligned(x)
    wide = empty((m, k + 16), np.float32)
    wide[:, :k] = x
    return wide


def narrow_struct(w) -> Held:
    """Return the weights as a struct rc_narrow, which points at their own arrays."""
    fields, arrays = _FIELDS[type(w)](w, w.shape[1])
    return Held(_struct(w, fields), tuple(arrays))


def packed(w) -> Held:
    """Return the weights as a struct rc_narrow, with codes of 4 bits two in a byte, also where they lie a byte each."""
    four = (type(w) is Shared and w.codebook.shape[-1] <= 16 or type(w) in (NF4, NVFP4)
            or type(w) is MX and w.format == "mxfp4_e2m1")
    if not four:
        return narrow_struct(w)
    n, k = w.shape
    halves = np.zeros((n, -(-k // 2)), np.uint8)
    halves |= w.codes[:, 0::2]
    halves[:, : k // 2] |= w.codes[:, 1::2] << 4
    fields, arrays = _FIELDS[type(w)](w, k)
    codes = _arrays(codes=halves)
    fields = {**fields, **codes, "row": halves.shape[1], "nibbles": 1}
    return Held(_struct(w, fields), (*arrays, *codes.values()), halves.nbytes)


def _struct(w, fields):
    k = w.shape[1]
    return ffi.new("struct rc_narrow *", {"k": k, "group": max(1, k), **fields})


def _arrays(**arrays):
    """Return pointers to arrays of any type, by their fields."""
    return {name: ffi.from_buffer("char[]", a) for name, a in arrays.items()}


def _scaled(w, k: int, highest: int):
    """Return the fields of scales and zero points of integers up to ``highest``, and the arrays."""
    rows, columns = w.scale.shape
    # A scale of shape (.., k) without groups is one per input: groups of one. One of a single column spans the row.
    group = w.group if w.group is not None else 1 if columns > 1 else k
    scale, zero = _arrays(scale=w.scale, zero=w.zero_point).values()
    # Of float32, the product that is rounded is below 2**128 unless scale * steps is.
    overflows = w.scale.size > 0 and float(w.scale.max()) * highest > LARGEST
    fields = {"group": max(1, min(group, k)), "stride": columns if rows > 1 else 0, "scale": scale,
              "zero_point": ffi.cast("int8_t *", zero), "zeros": int(not w.zero_point.any()), "clipped": int(overflows)}
    return fields, [scale, zero]


def _quantized(w: Quantized, k: int):
    fields, keep = _scaled(w, k, 255)
    codes = _arrays(codes=w.values)
    return {**fields, **codes, "row": k}, [*keep, *codes.values()]


def _packed(w: Packed, k: int):
    fields, keep = _scaled(w, k, 15)
    codes = _arrays(codes=w.data)
    return {**fields, **codes, "row": w.data.shape[1], "nibbles": 1}, [*keep, *codes.values()]


def _plain(w: Plain, k: int):
    codes = _arrays(codes=w.patterns)
    fields = {**codes, "row": k * w.patterns.itemsize, "type": TYPES.get(w.type, 0)}
    return fields, list(codes.values())


def _shared(w: Shared, k: int):
    arrays = _arrays(codes=w.codes, codebook=w.codebook)
    groups = w.codebook.shape[1] if w.codebook.ndim == 3 else 0
    entries = w.codebook.shape[-1] if w.codebook.size else 0  # without rows or inputs there may be no codebook to read
    fields = {"codes": arrays["codes"], "codebook": ffi.cast("float *", arrays["codebook"]), "row": k,
              "entries": entries, "stride": groups, "group": max(1, min(w.group or k, k))}
    return fields, list(arrays.values())


def _mx(w: MX, k: int):
    arrays = _arrays(codes=w.codes, scale=w.scales)
    fields = {**arrays, "row": k, "type": TYPES[w.format], "group": max(1, min(MX_BLOCK, k)),
              "stride": w.scales.shape[1]}
    return fields, list(arrays.values())


def _nf4(w: NF4, k: int):
    arrays = _arrays(codes=w.codes, scale=w.scales)
    levels = pointer(NF4_LEVELS)
    fields = {**arrays, "codebook": levels, "entries": 16, "row": k, "group": max(1, min(w.block, k)),
              "stride": w.scales.shape[1]}
    return fields, [*arrays.values(), levels]


def _nvfp4(w: NVFP4, k: int):
    arrays = _arrays(codes=w.codes, scale=w.scales)
    fields = {**arrays, "row": k, "factor": float(w.tensor_scale), "type": lib.RC_NARROW_E2M1,
              "group": max(1, min(NVFP4_BLOCK, k)), "stride": w.scales.shape[1]}
    return fields, list(arrays.values())


_FIELDS: dict[type, Callable] = {
    Quantized: _quantized, Packed: _packed, Plain: _plain, Shared: _shared, MX: _mx, NF4: _nf4, NVFP4: _nvfp4,
}

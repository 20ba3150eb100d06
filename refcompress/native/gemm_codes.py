"""Products of int8 inputs by weights of 4 bits, in C: gemm_s8s4 and gemm_s8lut4.

The weights are packed for the kernels: once (``native.prepare``), or in each call, for few rows of x some outputs at a
time.
"""

from collections.abc import Callable
from functools import partial, wraps

import numpy as np

from .. import reference
from ..formats import Packed, Shared
from ..formats.prepared import unprepared
from ..reference.gemm.codes import (
    lut4_weight,
    quantized_codebook,
    quantized_values,
    s4_weight,
    s8lut4_arguments,
    s8s4_arguments,
)
from . import gemm_s8, threads
from ._call import FLOATS, INT8S, check, empty, in_default_mode, kept, once, pointer
from ._checks import F32, are_short
from ._kernels import ffi, lib
from ._table import widest
from .gemm_narrow import narrow_struct
from .packing import Held, held_of
from .prepared import prepared, with_prepare

__all__ = ["gemm_s8s4", "gemm_s8lut4"]

LANES = gemm_s8.LANES
MOST_VALUES = 1024  # of codebooks that are kept as int8 for short products
NO_ZEROS = np.zeros((1, 1), np.int8)

_SIGNED = pointer(np.array([*range(8), *range(-8, 0)], np.int8))  # what codes in two's complement stand for


def _coded_product(op: str, arguments, pack, parts_of, as_it_lies):
    """Return the binder of a product, which ``arguments`` checks and whose weights ``pack`` packs.

    as_it_lies : the struct of a weight, and the integers of its codes, for products so short that packing would take
    longer; None of a weight that has none.
    """

    def lying(w):
        """Return the same of a weight that was checked, and its shape."""
        held = as_it_lies(w := unprepared(w))
        return None if held is None else (*held.struct, *w.shape, held)

    seen, short = kept(lying).get, lib.rc_short_s8s4

    def bind(kernel, row):
        own = row.kernels.get(op) == kernel  # and not a caller's

        def ready(x, x_scale, w, *, empty=empty, one_call=False):
            given, weight, asked = (x, x_scale), held_of(w, pack), w
            x, x_scale, w, group = arguments(x, x_scale, w)
            if one_call and own and x.size * w.shape[0] <= gemm_s8.SHORT and (lies := once(lying, asked)):
                y = np.empty((len(x), w.shape[0]), F32)
                check(short(*y.shape, INT8S(x), FLOATS(x_scale), *lies[:2], FLOATS(y)), "x_scale")
                return lambda: y, ()
            y = empty((len(x), w.shape[0]), np.float32)
            laid, sums, lay, of_lay = laying(x, group)
            parts = parts_of(w) if one_call and weight is None and gemm_s8.is_plain(row.speed, x, y.shape) else None
            if parts is not None:
                lay(0, len(x), *of_lay)
                codes, bits, flip = parts[:3]
                weight = _held(*w.shape, group, 4, None, *parts[3:])
                of_pack = widest("gemm_coded_pack"), bits, pointer(codes), codes.shape[1], flip
                operands = pointer(sums), pointer(x_scale), weight.struct, pointer(y, writable=True)
                gemm_s8.multiply_plain(lib.rc_plain_s8s4, of_pack, kernel, row.speed, laid, operands, y.shape,
                                       _bytes_of_output(w.shape[1], group))
                return lambda: y, ()
            weight = weight or pack(w)
            operands = pointer(x_scale), weight.struct, pointer(y, writable=True)
            if y.size and y.size * x.shape[1] < threads.SERIAL_SECONDS * gemm_s8.SPEED * row.speed:
                of_x = len(x), x.shape[1], laid.shape[1], pointer(x), *of_lay[-2:], *operands
                call = prepared("gemm_s8s4", kernel, (lay, *of_x), y, "x")
                call.held = weight, laid, sums  # what the struct points at
                return call, ((given[0], x, "x"), (given[1], x_scale, "x_scale"))

            def call():
                if y.size:
                    threads.run(lambda begin, end: check(lay(begin, end, *of_lay), "x"), len(x), x.nbytes / 4e9)
                    gemm_s8.call_packed(kernel, row.speed, laid, (pointer(sums), *operands), y.shape)
                return y

            call.held = weight
            return call, ((given[0], x, "x"), (given[1], x_scale, "x_scale"))

        one_call = in_default_mode(partial(ready, one_call=True))

        @wraps(getattr(reference, op))
        def product(x, x_scale, w):
            if own and (made := seen(id(w))) and (lies := made[0]):  # a weight that was seen before was checked
                struct, table, n, k, _ = lies
                if are_short(x, x_scale, n, k, gemm_s8.SHORT):
                    y = np.empty((m := len(x), n), F32)
                    if not short(m, n, INT8S(x), FLOATS(x_scale), struct, table, FLOATS(y)):
                        return y
            return one_call(x, x_scale, w)[0]()

        return with_prepare(product, ready)

    bind.__doc__ = f"Return the operation {op} computed by a C kernel."
    return bind


def packed_s4(w: Packed) -> Held:
    """Return weights as a struct rc_coded: the codes are the values + 8."""
    return _packed(w, _parts_s4(w))


def _parts_s4(w: Packed) -> tuple:
    """Return codes, their bits, which of them are turned over, the values of the codes, scales, and zeros less 8."""
    return w.data, 4, 8, np.arange(16, dtype=np.uint8), w.scale, w.zero_point, 8


def packed_lut4(w: Shared) -> Held:
    """Return weights as a struct rc_coded: of one codebook its values + 128 are the table; of more there is none."""
    if (parts := _parts_lut4(w)) is not None:
        return _packed(w, parts)
    (n, k), group = w.shape, _group(w)
    steps, scale = quantized_codebook(w)
    laid = gemm_s8.packed_bytes(steps, group)
    return _held(n, k, group, 8, laid, np.zeros(16, np.uint8), scale, NO_ZEROS, 128)


def _s4_as_it_lies(w: Packed) -> Held:
    """Return a struct rc_narrow, and the values of the codes."""
    held = narrow_struct(s4_weight(w))
    return Held((held.struct, _SIGNED), held.arrays)


def _lut4_as_it_lies(w: Shared) -> Held | None:
    """Return a struct rc_narrow with the scales of the quantized codebooks, and the values of their codes: of each
    codebook as many as it has."""
    n, k = lut4_weight(w).shape
    if not n * k or w.codebook.size > MOST_VALUES:
        return None
    values, scale = quantized_values(w)
    own, groups = w.codebook.ndim == 3, w.codebook.shape[1] if w.codebook.ndim == 3 else 0
    table = np.zeros(values.size + 16, np.int8)
    table[: values.size] = values.reshape(-1)
    codes, scales = ffi.from_buffer("char[]", w.codes), ffi.from_buffer("char[]", scale)
    struct = ffi.new("struct rc_narrow *", {"k": k, "group": _group(w), "stride": groups, "row": k, "codes": codes,
                                            "scale": scales, "entries": w.codebook.shape[-1] if own else 0})
    return Held((struct, pointer(table)), (codes, scales))


def _parts_lut4(w: Shared) -> tuple | None:
    """Return the parts of weights with one codebook, as _parts_s4 does."""
    if w.codebook.ndim != 1:
        return None
    values, scale = quantized_values(w)
    table = np.full(16, 128, np.uint8)
    table[: values.size] = values[0].view(np.uint8) ^ 128
    return w.codes, 8, 0, table, scale, NO_ZEROS, 128


def _packed(w: Packed | Shared, parts: tuple) -> Held:
    codes, bits, flip, *others = parts
    (n, k), group = w.shape, _group(w)
    return _held(n, k, group, 4, _packed_codes(codes, n, k, group, bits=bits, flip=flip), *others)


def _group(w: Packed | Shared) -> int:
    k = w.shape[1]
    return max(1, min(k if w.group is None else w.group, k))


def _bytes_of_output(k: int, group: int) -> int:
    """Return how many bytes the k packed codes of an output take."""
    return -(-k // group) * ((-(-group // 4) + 1) // 2) * 4


def _packed_codes(codes: np.ndarray, n: int, k: int, group: int, *, bits: int, flip: int) -> np.ndarray:
    """Return codes of 4 bits, laid out as csrc/gemm/api.h writes it."""
    blocks, groups, lines = -(-n // LANES), -(-k // group), (-(-group // 4) + 1) // 2
    laid = empty((blocks, groups, lines, 4 * LANES), np.uint8)
    if laid.size:
        kernel = widest("gemm_coded_pack")
        operands = n, k, group, bits, pointer(codes), codes.shape[1], flip, pointer(laid, writable=True)
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "w"), blocks, n * k / 1e9)
    return laid


def _held(n, k, group, bits, codes, table, scale, zero, more) -> Held:
    """Return a struct rc_coded; zero, more : what is taken off a code, as their sum."""
    groups = -(-k // group)
    scales = _by_lanes(scale, n, groups)
    lowest = int(zero.min()) if zero.size else 0
    if zero.size == 0 or lowest == zero.max():
        zeros, of_all = None, lowest + more
    else:
        zeros, of_all = _by_lanes(zero.astype(np.int32) + more, n, groups), 0
    arrays = tuple(ffi.NULL if a is None else pointer(a) for a in (codes, scales, zeros))
    identity = int((table == np.arange(16)).all())
    struct = ffi.new("struct rc_coded *", (n, k, group, bits, arrays[0], table.tolist(), identity, *arrays[1:], of_all))
    return Held(struct, arrays, sum(a.nbytes for a in (codes, scales, zeros) if a is not None))


def _by_lanes(a: np.ndarray, n: int, groups: int) -> np.ndarray:
    """Return what is there for each output and group as (blocks, groups, lanes), with zeros past the last output."""
    blocks, a = -(-n // LANES), np.broadcast_to(a, (n, groups))
    laid, whole = empty((blocks, groups, LANES), a.dtype), n // LANES
    laid[:whole] = a[: whole * LANES].reshape(whole, LANES, groups).transpose(0, 2, 1)
    laid[whole:] = 0
    laid[whole:, :, : n % LANES] = a[whole * LANES :].T
    return laid


def laying(x: np.ndarray, group: int) -> tuple[np.ndarray, np.ndarray, Callable, tuple]:
    """Return x with zeros after each group up to a multiple of 4 inputs, the groups' sums, and what fills both.

    The latter is a kernel, and what follows the range of rows in its call.
    """
    m, k = x.shape
    groups, padded = -(-k // group), (group + 3) // 4 * 4
    width = gemm_s8.spread_width(m, groups * padded)
    laid = x if width == k else empty((m, width), np.int8)
    sums = empty((m, groups), np.int32)
    to = ffi.NULL if laid is x else pointer(laid, writable=True)
    return laid, sums, widest("gemm_s8_lay"), (k, group, k, pointer(x), width, to, pointer(sums, writable=True))


gemm_s8s4 = _coded_product("gemm_s8s4", s8s4_arguments, packed_s4, _parts_s4, _s4_as_it_lies)
gemm_s8lut4 = _coded_product("gemm_s8lut4", s8lut4_arguments, packed_lut4, _parts_lut4, _lut4_as_it_lies)

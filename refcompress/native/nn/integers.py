"""What stands between the products of an integer network, in C."""

from functools import wraps

import numpy as np

from ... import reference
from ...reference.nn.integer_images import average_arguments, depthwise_arguments, output_shape
from ...reference.nn.integers import add_arguments, lookup_arguments, multiply_arguments
from .. import threads
from .._call import check, empty, pointer
from .._kernels import ffi
from ..packing import Held, held_of
from ..prepared import with_prepare
from ..to_s8 import to_s8

MOST = 4e9  # elements a second and thread, to the order of magnitude: memory sets it


def nn_depthwise_s8(kernel, row):
    """Return the operation nn_depthwise_s8 computed by a C kernel."""

    def ready(x, weight, bias, multiplier, shift, *, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1),
              x_zero_point=0, zero_point=0, lowest=-128, highest=127, empty=empty):
        given, held = x, held_of(weight, channels_last)
        x, weight, bias, multiplier, shift, window, fill, *ends = depthwise_arguments(
            x, weight, bias, multiplier, shift, strides, pads, dilations, x_zero_point, zero_point, lowest, highest)
        sides = weight.shape[1:]
        y = empty(output_shape(x.shape, sides, window), np.int8)
        of, how = windows(x.shape, sides, window, y.shape, fill), to_s8(bias, multiplier, shift, *ends)
        held = held or channels_last(weight)
        operands = of, pointer(x), held.struct, how.struct, pointer(y, writable=True)
        call = by_rows(kernel, operands, y, 4 * y.size * sides[0] * sides[1] / row.speed)
        call.held = held, how
        return call, ((given, x, "x"),)

    @wraps(reference.nn_depthwise_s8)
    def nn_depthwise_s8(x, weight, bias, multiplier, shift, *, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1),
                        x_zero_point=0, zero_point=0, lowest=-128, highest=127):
        return ready(x, weight, bias, multiplier, shift, strides=strides, pads=pads, dilations=dilations,
                     x_zero_point=x_zero_point, zero_point=zero_point, lowest=lowest, highest=highest)[0]()

    return with_prepare(nn_depthwise_s8, ready)


def nn_average_pool_s8(kernel, row):
    """Return the operation nn_average_pool_s8 computed by a C kernel."""
    run = kernel

    def ready(x, x_scale, y_scale, *, kernel, strides=(1, 1), pads=(0, 0, 0, 0), count_include_pad=False,
              x_zero_point=0, zero_point=0, lowest=-128, highest=127, empty=empty):
        given, (x, sides, window, multiplier, shift, fill, *ends) = x, average_arguments(
            x, x_scale, y_scale, kernel, strides, pads, count_include_pad, x_zero_point, zero_point, lowest, highest)
        y = empty(output_shape(x.shape, sides, window), np.int8)
        of, how = windows(x.shape, sides, window, y.shape, fill), to_s8(None, multiplier, shift, *ends)
        operands = of, pointer(x), how.struct, pointer(y, writable=True)
        call = by_rows(run, operands, y, 4 * y.size * sides[0] * sides[1] / row.speed)
        call.held = how
        return call, ((given, x, "x"),)

    @wraps(reference.nn_average_pool_s8)
    def nn_average_pool_s8(x, x_scale, y_scale, *, kernel, strides=(1, 1), pads=(0, 0, 0, 0), count_include_pad=False,
                           x_zero_point=0, zero_point=0, lowest=-128, highest=127):
        return ready(x, x_scale, y_scale, kernel=kernel, strides=strides, pads=pads, x_zero_point=x_zero_point,
                     count_include_pad=count_include_pad, zero_point=zero_point, lowest=lowest, highest=highest)[0]()

    return with_prepare(nn_average_pool_s8, ready)


def nn_add_s8(kernel, row):
    """Return the operation nn_add_s8 computed by a C kernel."""

    def ready(a, b, a_scale, b_scale, y_scale, *, a_zero_point=0, b_zero_point=0, zero_point=0, lowest=-128,
              highest=127, empty=empty):
        given = a, b
        a, b, factors, a_zero, b_zero, *ends = add_arguments(
            a, b, a_scale, b_scale, y_scale, a_zero_point, b_zero_point, zero_point, lowest, highest)
        how = ffi.new("struct rc_sum_s8 *", (a_zero, b_zero, *factors, *ends))
        call, read = by_elements(kernel, row, (how,), empty, a, b)
        return call, tuple(zip(given, read, "ab"))

    @wraps(reference.nn_add_s8)
    def nn_add_s8(a, b, a_scale, b_scale, y_scale, *, a_zero_point=0, b_zero_point=0, zero_point=0, lowest=-128,
                  highest=127):
        return ready(a, b, a_scale, b_scale, y_scale, a_zero_point=a_zero_point, b_zero_point=b_zero_point,
                     zero_point=zero_point, lowest=lowest, highest=highest)[0]()

    return with_prepare(nn_add_s8, ready)


def nn_multiply_s8(kernel, row):
    """Return the operation nn_multiply_s8 computed by a C kernel."""

    def ready(a, b, a_scale, b_scale, y_scale, *, a_zero_point=0, b_zero_point=0, zero_point=0, lowest=-128,
              highest=127, empty=empty):
        given = a, b
        a, b, multiplier, shift, a_zero, b_zero, *ends = multiply_arguments(
            a, b, a_scale, b_scale, y_scale, a_zero_point, b_zero_point, zero_point, lowest, highest)
        how = to_s8(None, np.int32([multiplier]), np.int32([shift]), *ends)
        call, read = by_elements(kernel, row, (a_zero, b_zero, how.struct), empty, a, b)
        call.held = how
        return call, tuple(zip(given, read, "ab"))

    @wraps(reference.nn_multiply_s8)
    def nn_multiply_s8(a, b, a_scale, b_scale, y_scale, *, a_zero_point=0, b_zero_point=0, zero_point=0, lowest=-128,
                       highest=127):
        return ready(a, b, a_scale, b_scale, y_scale, a_zero_point=a_zero_point, b_zero_point=b_zero_point,
                     zero_point=zero_point, lowest=lowest, highest=highest)[0]()

    return with_prepare(nn_multiply_s8, ready)


def nn_lookup_s8(kernel, row):
    """Return the operation nn_lookup_s8 computed by a C kernel."""

    def ready(x, table, *, empty=empty):
        given, (x, table) = x, lookup_arguments(x, table)
        call, _ = by_elements(kernel, row, (pointer(table),), empty, x)
        return call, ((given, x, "x"),)

    @wraps(reference.nn_lookup_s8)
    def nn_lookup_s8(x, table):
        return ready(x, table)[0]()

    return with_prepare(nn_lookup_s8, ready)


def windows(shape, kernel, window, out, fill: int):
    """Return a struct rc_windows."""
    strides, pads, dilations = window
    return ffi.new("struct rc_windows *", (*shape[1:], *kernel, *strides, *dilations, *pads[:2], *out[1:3], fill))


def by_rows(kernel, operands, y: np.ndarray, seconds: float):
    """Return a call of a kernel for all rows of all images."""
    rows = y.shape[0] * y.shape[1] if y.size else 0

    def call():
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "x"), rows, seconds)
        return y

    return call


def by_elements(kernel, row, first, empty, *inputs: np.ndarray):
    """Return a call of a kernel for all elements of arrays that broadcast, and what it reads of these."""
    if len(inputs) > 1 and inputs[0].shape != inputs[1].shape:
        inputs = tuple(np.ascontiguousarray(a) for a in np.broadcast_arrays(*inputs))
    y = empty(inputs[0].shape, np.int8)
    operands = (*first, *(pointer(a) for a in inputs), pointer(y, writable=True))
    seconds = y.size / min(row.speed, MOST)

    def call():
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "x"), y.size, seconds, 64)
        return y

    return call, inputs


def channels_last(weight: np.ndarray) -> Held:
    """Return the kernels (c, h, w) as (h, w, c)."""
    laid = np.ascontiguousarray(weight.transpose(1, 2, 0))
    return Held(pointer(laid), (), laid.nbytes)

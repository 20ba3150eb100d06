"""Patches, pools and the depthwise convolution in C, in both layouts."""

import math
from functools import wraps

import numpy as np

from ... import reference
from ...reference.nn.depthwise import depthwise_arguments
from ...reference.nn.windows import Window, average_pool_arguments, max_pool_arguments, patches_arguments
from .. import threads
from .._call import check, empty, pointer
from .._kernels import ffi
from ..prepared import with_prepare

__all__ = ["nn_average_pool", "nn_depthwise_f32", "nn_max_pool", "nn_patches"]

def nn_patches(c_kernel, row):
    """Return the operation nn_patches computed by a C kernel."""

    def ready(x, kernel, *, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), fill=0, layout="nchw", empty=empty):
        given, (x, window, fill, layout) = x, patches_arguments(x, kernel, strides, pads, dilations, fill, layout)
        c = _channels(x, layout)
        y = empty((len(x) * math.prod(window.places), c * math.prod(window.kernel)), x.dtype)
        filled, rows = np.array([fill], x.dtype), len(x) * window.places[0]
        operands = (_struct(window, x, layout), x.itemsize, pointer(filled), pointer(x), pointer(y, writable=True))

        def call():
            _by_rows(c_kernel, operands, y, rows, y.size / row.speed)
            return y

        return call, ((given, x, "x"),)

    @wraps(reference.nn_patches)
    def nn_patches(x, kernel, *, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), fill=0,
                   layout="nchw"):
        return ready(x, kernel, strides=strides, pads=pads, dilations=dilations, fill=fill, layout=layout)[0]()

    return with_prepare(nn_patches, ready)


def nn_max_pool(c_kernel, row):
    """Return the operation nn_max_pool computed by a C kernel."""

    @wraps(reference.nn_max_pool)
    def nn_max_pool(x, kernel, *, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), ceil=False,
                    layout="nchw"):
        x, window, layout = max_pool_arguments(x, kernel, strides, pads, dilations, ceil, layout)
        y = _empty_pool(x, window, layout, _channels(x, layout))
        operands = (_struct(window, x, layout), x.itemsize, pointer(x), pointer(y, writable=True))
        _by_rows(c_kernel, operands, y, _rows(x, window, layout), y.size * math.prod(window.kernel) / row.speed)
        return y

    return nn_max_pool


def nn_average_pool(c_kernel, row):
    """Return the operation nn_average_pool computed by a C kernel."""

    @wraps(reference.nn_average_pool)
    def nn_average_pool(x, kernel, *, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1),
                        ceil=False, count_include_pad=False, layout="nchw"):
        x, window, count_include_pad, layout = average_pool_arguments(
            x, kernel, strides, pads, dilations, ceil, count_include_pad, layout)
        y = _empty_pool(x, window, layout, _channels(x, layout))
        operands = (_struct(window, x, layout, count_include_pad), pointer(x), pointer(y, writable=True))
        _by_rows(c_kernel, operands, y, _rows(x, window, layout), y.size * math.prod(window.kernel) / row.speed)
        return y

    return nn_average_pool


def nn_depthwise_f32(c_kernel, row):
    """Return the operation nn_depthwise_f32 computed by a C kernel."""

    @wraps(reference.nn_depthwise_f32)
    def nn_depthwise_f32(x, weight, bias=None, *, strides=(1, 1), pads=(0, 0, 0, 0),
                         dilations=(1, 1), layout="nchw"):
        x, weight, bias, window, layout = depthwise_arguments(x, weight, bias, strides, pads, dilations, layout)
        c = len(weight)
        if c != _channels(x, layout):  # each channel has several kernels
            x = np.repeat(x, c // _channels(x, layout), axis=1 if layout == "nchw" else 3)
        y = _empty_pool(x, window, layout, c)
        cells = np.ascontiguousarray(weight.reshape(c, math.prod(window.kernel)).T) if layout == "nhwc" else weight
        operands = (_struct(window, x, layout), pointer(x), pointer(cells), ffi.NULL if bias is None else pointer(bias),
                    pointer(y, writable=True))
        _by_rows(c_kernel, operands, y, _rows(x, window, layout), y.size * math.prod(window.kernel) / row.speed)
        return y

    return nn_depthwise_f32


def _by_rows(kernel, operands, y: np.ndarray, rows: int, seconds: float) -> None:
    if y.size:
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "x"), rows, seconds)


def _channels(x: np.ndarray, layout: str) -> int:
    return x.shape[1 if layout == "nchw" else 3]


def _rows(x: np.ndarray, window: Window, layout: str) -> int:
    """Return how many rows of output the kernels of pools divide among threads."""
    return len(x) * window.places[0] * (x.shape[1] if layout == "nchw" else 1)


def _empty_pool(x: np.ndarray, window: Window, layout: str, c: int) -> np.ndarray:
    return empty((len(x), c, *window.places) if layout == "nchw" else (len(x), *window.places, c), x.dtype)


def _struct(window: Window, x: np.ndarray, layout: str, count_pads: bool = False):
    """Return the window over x as C sees it."""
    top, left, bottom, right = window.pads
    return ffi.new("struct rc_window *", {
        "n": len(x), "c": _channels(x, layout), "rows": window.size[0], "columns": window.size[1],
        "out_rows": window.places[0], "out_columns": window.places[1], "h": window.kernel[0], "w": window.kernel[1],
        "row_stride": window.strides[0], "column_stride": window.strides[1],
        "top": top, "left": left, "bottom": bottom, "right": right,
        "row_dilation": window.dilations[0], "column_dilation": window.dilations[1],
        "channels_last": layout == "nhwc", "count_pads": count_pads,
    })

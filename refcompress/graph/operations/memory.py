"""How int8 images lie in memory.

An image of a graph is (n, c, rows, columns). The kernels of integers want the channels side by side. So what they give
is a view: its shape is that of the graph, and its memory has the channels last. The next layer finds them so, and
copies nothing.
"""

from collections.abc import Callable

import numpy as np

from ..use import Use
from .windows import resolved

__all__ = ["channels_first", "channels_last", "side_by_side", "two_axes"]


def channels_last(x: np.ndarray, use: Use) -> np.ndarray:
    """Return images (n, c, rows, columns), or (n, c, columns), as (n, rows, columns, c) in C order."""
    if x.ndim == 3:
        x = x[:, :, None]
    return use.contiguous(np.moveaxis(x, 1, -1))


def channels_first(y: np.ndarray, spatial: int) -> np.ndarray:
    """Return (n, rows, columns, c) as a view (n, c, rows, columns), or (n, c, columns) of a single row."""
    y = np.moveaxis(y, -1, 1)
    return y if spatial == 2 else y[:, :, 0]


def side_by_side(*arrays: np.ndarray) -> tuple[list[np.ndarray], Callable[[np.ndarray], np.ndarray]]:
    """Return arrays with their axes in an order in which all are in C order, if there is one; and its inverse.

    Elementwise operations on them, and the inverse of what they give, are those of the arrays.
    """
    first = arrays[0]
    if first.ndim < 3 or any(each.ndim != first.ndim for each in arrays) or first.flags.c_contiguous:
        return list(arrays), lambda y: y
    return [np.moveaxis(each, 1, -1) for each in arrays], lambda y: np.moveaxis(y, -1, 1)


def two_axes(shape, kernel, strides, pads, dilations) -> tuple[tuple, tuple[tuple, tuple, tuple]]:
    """Return the kernel, and strides, pads and dilations, of two axes: a single axis is that of columns."""
    strides, pads, dilations = resolved(shape, kernel, strides, pads, dilations)
    if len(kernel) == 2:
        return tuple(kernel), (strides, pads, dilations)
    return (1, *kernel), ((1, *strides), (0, pads[0], 0, pads[1]), (1, *dilations))

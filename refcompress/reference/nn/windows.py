"""Where a kernel lies on an image: patches (im2col), and the pools."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import ArgumentTypeError, RefcompressError

__all__ = [
    "Window", "average_pool_arguments", "cells", "image_argument", "images", "in_layout", "max_pool_arguments",
    "nn_average_pool", "nn_max_pool", "nn_patches", "patches_arguments", "window_argument",
]

LAYOUTS = ("nchw", "nhwc")


@dataclass(frozen=True)
class Window:
    """Where a kernel lies on images of size rows and columns: at places rows and columns of the output."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]  # rows above, columns on the left, rows below, columns on the right
    dilations: tuple[int, int]
    size: tuple[int, int]
    places: tuple[int, int]

    def under(self, axis: int, cell: int) -> np.ndarray:
        """Return the row (axis 0) or column (1) of the image under a cell of the kernel, for each place."""
        return np.arange(self.places[axis]) * self.strides[axis] + (cell * self.dilations[axis] - self.pads[axis])


def nn_patches(x: NDArray[np.float32] | NDArray[np.int8], kernel: tuple[int, int], *,
               strides: tuple[int, int] = (1, 1), pads: tuple[int, int, int, int] = (0, 0, 0, 0),
               dilations: tuple[int, int] = (1, 1), fill: float = 0,
               layout: str = "nchw") -> NDArray[np.float32] | NDArray[np.int8]:
    """Return the patches of images under each place of a kernel, as rows (im2col): a convolution becomes a product.

        y[(image, row, column), (channel, i, j)] =
            x[image, channel, row strides[0] + i dilations[0] - pads[0], column strides[1] + j dilations[1] - pads[1]]

    Parameters
    ----------
    x : (n, c, rows, columns) float32 or int8; with the layout "nhwc" (n, rows, columns, c)
    kernel : (h, w), 1 or more
    strides, dilations : two int, 1 or more
    pads : four int, 0 or more
        Rows above, columns on the left, rows below, columns on the right.
    fill : number
        What stands in the pads: a number of x's type, for quantized images their zero point.
    layout : "nchw" or "nhwc"
        The order of the axes of x, and of the columns of y.

    Returns
    -------
    (n out_rows out_columns, c h w) of x's type
        The columns in the order of a weight (m, c, h, w), so that y @ weight.reshape(m, -1).T is the convolution; with
        "nhwc" in the order (h, w, c). out_rows = floor((rows + pads[0] + pads[2] - dilations[0] (h - 1) - 1) /
        strides[0]) + 1, and so for the columns.

    **Source** Chellapilla, Puri, Simard, High Performance Convolutional Neural Networks for Document Processing (2006),
    section 3.1; the attributes are those of ONNX, Conv. **Departs** nothing.

    Cost O(size of y).

    >>> import numpy as np
    >>> x = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    >>> nn_patches(x, (2, 2)).tolist()
    [[0.0, 1.0, 3.0, 4.0], [1.0, 2.0, 4.0, 5.0], [3.0, 4.0, 6.0, 7.0], [4.0, 5.0, 7.0, 8.0]]
    """
    x, window, fill, layout = patches_arguments(x, kernel, strides, pads, dilations, fill, layout)
    image = images(x, layout)
    n, c = image.shape[:2]
    y = np.empty((n, *window.places, c, *window.kernel), x.dtype)
    for i, j, values in cells(image, window, fill):
        y[..., i, j] = values.transpose(0, 2, 3, 1)
    if layout == "nhwc":
        y = y.transpose(0, 1, 2, 4, 5, 3)
    return y.reshape(n * window.places[0] * window.places[1], c * window.kernel[0] * window.kernel[1])


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def nn_max_pool(x: NDArray[np.float32] | NDArray[np.int8], kernel: tuple[int, int], *,
                strides: tuple[int, int] = (1, 1), pads: tuple[int, int, int, int] = (0, 0, 0, 0),
                dilations: tuple[int, int] = (1, 1), ceil: bool = False,
                layout: str = "nchw") -> NDArray[np.float32] | NDArray[np.int8]:
    """Return the largest number under each place of a kernel, for each channel.

        y[image, channel, row, column] = max over i, j of the patch's cells that lie on the image

    Parameters
    ----------
    x, kernel, strides, pads, dilations, layout : as for :func:`nn_patches`
        At each place some cell of the kernel must lie on the image.
    ceil : bool
        Whether out_rows and out_columns are rounded up: a last place may then reach beyond the pads. It must begin on
        the image or in the pads before it.

    Returns
    -------
    (n, c, out_rows, out_columns) of x's type, axes in the layout of x
        NaN if one of the numbers is. Of zeros with both signs, the first in row-major order.

    **Source** ONNX, MaxPool; for ceil as PyTorch, MaxPool2d. **Departs** a place beside the image is refused.

    Cost O(size of y times h w).

    >>> import numpy as np
    >>> nn_max_pool(np.float32([[[[1, 5, 2], [3, 0, 4]]]]), (2, 2)).tolist()
    [[[[5.0, 5.0]]]]
    """
    x, window, layout = max_pool_arguments(x, kernel, strides, pads, dilations, ceil, layout)
    least = -np.inf if x.dtype == np.float32 else -128
    patches = cells(images(x, layout), window, least)
    _, _, best = next(patches)
    for _, _, values in patches:
        best = np.where((values > best) | (values != values), values, best)
    return in_layout(best, layout)


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def nn_average_pool(x: NDArray[np.float32], kernel: tuple[int, int], *,
                    strides: tuple[int, int] = (1, 1), pads: tuple[int, int, int, int] = (0, 0, 0, 0),
                    dilations: tuple[int, int] = (1, 1), ceil: bool = False, count_include_pad: bool = False,
                    layout: str = "nchw") -> NDArray[np.float32]:
    """Return the mean of the numbers under each place of a kernel, for each channel.

        y[image, channel, row, column] = sum over i, j of the patch's cells that lie on the image / count

    Parameters
    ----------
    x : float32, else as for :func:`nn_patches`
    kernel, strides, pads, dilations, ceil, layout : as for :func:`nn_max_pool`
    count_include_pad : bool
        Whether count has the cells that lie in the pads too; never those beyond the pads.

    Returns
    -------
    (n, c, out_rows, out_columns) float32, axes in the layout of x
        The same bits on every machine: the sum in float64 in row-major order from +0.0, one division, rounded once.

    **Source** ONNX, AveragePool; for ceil as PyTorch, AvgPool2d. **Departs** a place beside the image is refused.

    Cost O(size of y times h w).

    >>> import numpy as np
    >>> x = np.float32([[[[1, 5, 3], [3, 1, 4]]]])
    >>> nn_average_pool(x, (2, 2)).tolist()
    [[[[2.5, 3.25]]]]
    >>> nn_average_pool(x, (2, 3), strides=(2, 2), pads=(0, 1, 0, 0), count_include_pad=True).tolist()
    [[[[1.6666666269302368]]]]
    """
    x, window, count_include_pad, layout = average_pool_arguments(
        x, kernel, strides, pads, dilations, ceil, count_include_pad, layout)
    total = _sums(images(x, layout).astype(np.float64), window)
    counted = window
    if count_include_pad:  # an image of ones that has the pads
        top, left, bottom, right = window.pads
        counted = replace(window, pads=(0,) * 4, size=(window.size[0] + top + bottom, window.size[1] + left + right))
    count = _sums(np.ones((1, 1, *counted.size)), counted)
    return in_layout((total / count).astype(np.float32), layout)


def _sums(x: np.ndarray, window: Window) -> np.ndarray:
    """Return the sum of the cells that lie on the image, at all places."""
    total = np.zeros((*x.shape[:2], *window.places))
    for _, _, values in cells(x, window, 0.0):
        total += values
    return total


def images(x: np.ndarray, layout: str) -> np.ndarray:
    """Return x with its axes in the order (n, c, rows, columns)."""
    return x if layout == "nchw" else x.transpose(0, 3, 1, 2)


def in_layout(y: np.ndarray, layout: str) -> np.ndarray:
    """Return y, whose axes are (n, c, rows, columns), with its axes in the layout."""
    return np.ascontiguousarray(y if layout == "nchw" else y.transpose(0, 2, 3, 1))


def cells(x: np.ndarray, window: Window, fill) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield for each cell (i, j) of the kernel, row by row, what lies under it at all places: (n, c, *places).

    fill : what stands beside the image.
    """
    for i in range(window.kernel[0]):
        for j in range(window.kernel[1]):
            rows, columns = window.under(0, i)[:, None], window.under(1, j)
            inside = (rows >= 0) & (rows < window.size[0]) & (columns >= 0) & (columns < window.size[1])
            values = x[:, :, rows.clip(0, window.size[0] - 1), columns.clip(0, window.size[1] - 1)]
            yield i, j, np.where(inside, values, x.dtype.type(fill))


def window_argument(x: np.ndarray, layout: str, kernel, strides, pads, dilations, ceil=False, covered=False) -> Window:
    """Return the window over x (four axes in the layout), or refuse it.

    covered : whether at each place some cell of the kernel must lie on the image.
    """
    size = x.shape[2:] if layout == "nchw" else x.shape[1:3]
    if 0 in size:
        raise RefcompressError("x", f"must have images of at least one row and one column, not {size}")
    kernel, strides, dilations = (_numbers(value, name, 2, 1) for value, name in
                                  ((kernel, "kernel"), (strides, "strides"), (dilations, "dilations")))
    pads = _numbers(pads, "pads", 4, 0)
    places = []
    for axis, side in enumerate(("rows", "columns")):
        room = size[axis] + pads[axis] + pads[axis + 2] - dilations[axis] * (kernel[axis] - 1) - 1
        steps = -(-room // strides[axis]) if ceil else room // strides[axis]
        if steps < 0:
            raise RefcompressError("kernel", f"must fit the {size[axis]} {side} with their pads: it needs {-room} more")
        # A last place beyond the image would lie in its pads, or beyond them.
        places.append(steps + (not ceil or steps * strides[axis] < size[axis] + pads[axis]))
    window = Window(kernel, strides, pads, dilations, size, (places[0], places[1]))
    n, c = (x.shape[0], x.shape[1] if layout == "nchw" else x.shape[3])
    arguments.shape((n, *places, c), "y", 8)
    if covered:
        _covered(window)
    return window


def _covered(window: Window) -> None:
    """Refuse a window that lies beside the image at some place."""
    for axis, side in enumerate(("row", "column")):
        first = window.under(axis, 0)
        cell = -(np.minimum(first, 0) // window.dilations[axis])  # the first one that does not lie before the image
        on = (cell < window.kernel[axis]) & (first + cell * window.dilations[axis] < window.size[axis])
        if not on.all():
            raise RefcompressError("pads", f"must leave a {side} of the image under the kernel at each place, "
                                           f"not none at place {int(np.argmin(on))}")


def _numbers(value, argument: str, count: int, least: int) -> tuple:
    try:
        items = tuple(value)
    except TypeError:
        raise ArgumentTypeError(argument, f"must be {count} integers, not {type(value).__name__}") from None
    if len(items) != count:
        raise RefcompressError(argument, f"must be {count} integers, not {len(items)}")
    return tuple(arguments.integer(item, f"{argument}[{i}]", least, 2**31 - 1) for i, item in enumerate(items))


def image_argument(x, layout, *dtypes) -> tuple[np.ndarray, str]:
    """Return images and their layout, or refuse them."""
    return arguments.array(x, "x", *dtypes, ndim=4), arguments.choice(layout, "layout", LAYOUTS)


def patches_arguments(x, kernel, strides, pads, dilations, fill, layout):
    """Return x, the window, fill and the layout, or refuse the arguments."""
    x, layout = image_argument(x, layout, np.float32, np.int8)
    window = window_argument(x, layout, kernel, strides, pads, dilations)
    arguments.shape((x.shape[0], *window.places, x.size // (x.shape[0] * window.size[0] * window.size[1] or 1),
                     *window.kernel), "y", x.itemsize)
    if x.dtype == np.int8:
        return x, window, arguments.integer(fill, "fill", -128, 127), layout
    return x, window, arguments.real(fill, "fill", -np.inf, np.inf), layout


def max_pool_arguments(x, kernel, strides, pads, dilations, ceil, layout):
    """Return x, the window and the layout, or refuse the arguments."""
    x, layout = image_argument(x, layout, np.float32, np.int8)
    ceil = arguments.boolean(ceil, "ceil")
    return x, window_argument(x, layout, kernel, strides, pads, dilations, ceil, covered=True), layout


def average_pool_arguments(x, kernel, strides, pads, dilations, ceil, count_include_pad, layout):
    """Return x, the window, count_include_pad and the layout, or refuse the arguments."""
    x, layout = image_argument(x, layout, np.float32)
    ceil = arguments.boolean(ceil, "ceil")
    count_include_pad = arguments.boolean(count_include_pad, "count_include_pad")
    window = window_argument(x, layout, kernel, strides, pads, dilations, ceil, covered=True)
    return x, window, count_include_pad, layout

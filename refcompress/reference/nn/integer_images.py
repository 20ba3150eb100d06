"""Integer images: convolution of each channel with its own kernel, and averages over windows.

Images are (n, rows, columns, c): the channels lie side by side, as the rows of a product have its outputs.
"""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import RefcompressError
from ...formats.prepared import unprepared
from ..gemm.integers import grid_ends, layer_arguments, rounded_to_s8
from ..quantize.requantization import quantize_multiplier
from .integers import s8_argument, scale_argument

__all__ = ["nn_average_pool_s8", "nn_depthwise_s8"]

LARGEST_KERNEL = 2**16  # elements: fewer than gemm_s8s8 may add up
LARGEST_SIDE = 2**20  # of a kernel, a stride, a pad


def nn_depthwise_s8(x: NDArray[np.int8], weight: NDArray[np.int8], bias: NDArray[np.int32],
                    multiplier: NDArray[np.int32], shift: NDArray[np.int32], *, strides: tuple[int, int] = (1, 1),
                    pads: tuple[int, int, int, int] = (0, 0, 0, 0), dilations: tuple[int, int] = (1, 1),
                    x_zero_point: int = 0, zero_point: int = 0, lowest: int = -128,
                    highest: int = 127) -> NDArray[np.int8]:
    """Convolve each channel of int8 images with its own kernel, and scale the sums to int8.

        acc[i, r, s, c] = sum over u, v of x[i, r s0 + u d0 - p0, s s1 + v d1 - p1, c] * weight[c, u, v] + bias[c]
        y = clip(round(acc * multiplier[c] / 2^(31 + shift[c])) + zero_point, lowest, highest)

    Parameters
    ----------
    x : (n, rows, columns, c) int8
    weight : (c, h, w) int8, h * w at most 2**16
    bias : (c,) int32, at most 2**31 - 1 - h * w * 2**14 in magnitude
        The bias of the layer less x_zero_point * (sum of the channel's weights).
    multiplier, shift, zero_point, lowest, highest : as for :func:`gemm_s8s8_requantized`
    strides, dilations : two int, 1 and more
    pads : four int, 0 and more: before the rows, before the columns, behind the rows, behind the columns
    x_zero_point : int, -128 to 127
        What stands where x has no element: the real 0.

    Returns
    -------
    (n, (rows + p0 + p2 - (h - 1) d0 - 1) // s0 + 1, (columns + p1 + p3 - (w - 1) d1 - 1) // s1 + 1, c) int8

    **Source** Howard et al., MobileNets (2017, arXiv 1704.04861), section 3.1; Jacob et al. (2018, arXiv 1712.05877),
    section 2.4, for the sums. **Departs** the sum is rounded once.

    Cost 2 h w operations an element of y.

    >>> x = np.int8([[[[1], [2], [3]]]])  # an image of one row, three columns and one channel
    >>> half, w = (np.int32([2**30]), np.int32([0])), np.int8([[[1, 1, 2]]])
    >>> nn_depthwise_s8(x, w, np.int32([1]), *half, pads=(0, 1, 0, 1))[0, 0, :, 0].tolist()
    [3, 5, 3]
    """
    x, weight, bias, multiplier, shift, window, x_zero_point, *ends = depthwise_arguments(
        x, weight, bias, multiplier, shift, strides, pads, dilations, x_zero_point, zero_point, lowest, highest)
    kernel = weight.shape[1:]
    acc = np.zeros(output_shape(x.shape, kernel, window), np.int64)
    for (u, v), part in windows(x, kernel, window, x_zero_point):
        acc += part.astype(np.int64) * weight[:, u, v]
    return rounded_to_s8(acc + bias, multiplier, shift, *ends)


def nn_average_pool_s8(x: NDArray[np.int8], x_scale: float, y_scale: float, *, kernel: tuple[int, int],
                       strides: tuple[int, int] = (1, 1), pads: tuple[int, int, int, int] = (0, 0, 0, 0),
                       count_include_pad: bool = False, x_zero_point: int = 0, zero_point: int = 0,
                       lowest: int = -128, highest: int = 127) -> NDArray[np.int8]:
    """Average int8 images over windows, by sums of integers, to int8 of another scale.

        acc = sum over the elements of x in the window of (x - x_zero_point)
        y   = clip(round(acc * multiplier / 2^(31 + shift)) + zero_point, lowest, highest)
        multiplier, shift = quantize_multiplier((x_scale / y_scale) / count), count the elements in the window

    Parameters
    ----------
    x : (n, rows, columns, c) int8
    x_scale, y_scale : float, 2**-126 and above
        (x_scale / y_scale) / count, two quotients in float64, must be 2**-32 to below 2**30.
    kernel, strides : two int, 1 and more; kernel at most 2**16 elements
    pads : four int, each less than the kernel: before the rows, before the columns, behind the rows, behind the columns
    count_include_pad : bool
        Whether padding counts: then count is the size of the kernel everywhere.
    x_zero_point, zero_point, lowest, highest : as for :func:`nn_depthwise_s8`

    Returns
    -------
    (n, (rows + p0 + p2 - h) // s0 + 1, (columns + p1 + p3 - w) // s1 + 1, c) int8

    **Source** ONNX, AveragePool; Jacob et al. (2018, arXiv 1712.05877), section 2.2, eq. 6, for the scale. **Departs**
    nothing.

    Cost h w additions an element of y.

    >>> x = np.int8([[[[1], [2], [6]]]])
    >>> nn_average_pool_s8(x, 1.0, 1.0, kernel=(1, 2), pads=(0, 1, 0, 0))[0, 0, :, 0].tolist()
    [1, 2, 4]
    """
    x, kernel, window, multiplier, shift, x_zero_point, *ends = average_arguments(
        x, x_scale, y_scale, kernel, strides, pads, count_include_pad, x_zero_point, zero_point, lowest, highest)
    acc = np.zeros(output_shape(x.shape, kernel, window), np.int64)
    for _, part in windows(x, kernel, window, x_zero_point):
        acc += part.astype(np.int64) - x_zero_point
    return rounded_to_s8(acc, multiplier[:, :, None], shift[:, :, None], *ends)


Window = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]  # strides, pads, dilations


def windows(x: np.ndarray, kernel: tuple[int, ...], window: Window, fill: int):
    """Yield each place of the kernel, and what the windows of all outputs have there: ``fill`` outside of the images.
    """
    strides, pads, dilations = window
    n, rows, columns, c = x.shape
    padded = np.full((n, rows + pads[0] + pads[2], columns + pads[1] + pads[3], c), fill, np.int8)
    padded[:, pads[0] : pads[0] + rows, pads[1] : pads[1] + columns] = x
    _, out_rows, out_columns, _ = output_shape(x.shape, kernel, window)
    for u, v in np.ndindex(*kernel):
        top, left = u * dilations[0], v * dilations[1]
        yield (u, v), padded[:, top : top + (out_rows - 1) * strides[0] + 1 : strides[0],
                             left : left + (out_columns - 1) * strides[1] + 1 : strides[1]]


def output_shape(shape: tuple[int, ...], kernel: tuple[int, ...], window: Window) -> tuple[int, ...]:
    """Return the shape of what windows of a kernel give, or refuse images that are smaller than a window."""
    strides, pads, dilations = window
    sizes = []
    for axis, (size, k) in enumerate(zip(shape[1:3], kernel)):
        room = size + pads[axis] + pads[axis + 2] - (k - 1) * dilations[axis] - 1
        if room < 0:
            name = ("rows", "columns")[axis]
            raise RefcompressError("x", f"must have {-room} more {name}: a window has no place in it")
        sizes.append(room // strides[axis] + 1)
    return shape[0], *sizes, shape[3]


def depthwise_arguments(x, weight, bias, multiplier, shift, strides, pads, dilations, x_zero_point, zero_point, lowest,
                        highest):
    """Return the arguments of nn_depthwise_s8, checked, strides, pads and dilations as one."""
    x = arguments.array(x, "x", np.int8, ndim=4)
    weight = arguments.array(unprepared(weight), "weight", np.int8, ndim=3)
    c, h, w = weight.shape
    if x.shape[3] != c:
        raise RefcompressError("x", f"must have a channel for each of the {c} kernels, not {x.shape[3]}")
    _whole_kernel("weight", h, w)
    layer = layer_arguments(c, h * w, bias, multiplier, shift)
    window = (_counts(strides, "strides", 2, 1), _counts(pads, "pads", 4, 0), _counts(dilations, "dilations", 2, 1))
    arguments.shape(output_shape(x.shape, (h, w), window), "y")
    return x, weight, *layer, window, s8_argument(x_zero_point, "x_zero_point"), *grid_ends(zero_point, lowest, highest)


def average_arguments(x, x_scale, y_scale, kernel, strides, pads, count_include_pad, x_zero_point, zero_point, lowest,
                      highest):
    """Return the arguments of nn_average_pool_s8, checked; the scales as multipliers and shifts, one a position."""
    x = arguments.array(x, "x", np.int8, ndim=4)
    kernel = _counts(kernel, "kernel", 2, 1)
    _whole_kernel("kernel", *kernel)
    window = _counts(strides, "strides", 2, 1), _counts(pads, "pads", 4, 0), (1, 1)
    for axis, pad in enumerate(window[1]):
        if pad >= kernel[axis % 2]:
            raise RefcompressError(f"pads[{axis}]", f"must be less than the kernel, {kernel[axis % 2]}, not {pad}")
    ratio = scale_argument(x_scale, "x_scale") / scale_argument(y_scale, "y_scale")
    include = arguments.boolean(count_include_pad, "count_include_pad")
    shape = arguments.shape(output_shape(x.shape, kernel, window), "y")
    counts = _counted(x.shape, shape, kernel, window)
    scale = ratio / (np.full(shape[1:3], kernel[0] * kernel[1], np.int64) if include else counts)
    for value in (scale.min(initial=1.0), scale.max(initial=1.0)):
        if not 2.0**-32 <= value < 2.0**30:
            rule = f"must leave x_scale / y_scale / count in 2**-32 to 2**30, not {value:g}"
            raise RefcompressError("y_scale", rule)
    multiplier, shift = quantize_multiplier(scale)
    return (x, kernel, window, multiplier, shift, s8_argument(x_zero_point, "x_zero_point"),
            *grid_ends(zero_point, lowest, highest))


def _counted(shape, out, kernel, window: Window) -> np.ndarray:
    """Return how many elements of the images lie in the window of each position."""
    strides, pads, _ = window
    along = []
    for axis in range(2):
        first = np.arange(out[1 + axis]) * strides[axis] - pads[axis]
        along.append(np.minimum(first + kernel[axis], shape[1 + axis]) - np.maximum(first, 0))
    return np.multiply.outer(*along)


def _whole_kernel(argument: str, h: int, w: int) -> None:
    if not 0 < h * w <= LARGEST_KERNEL:
        raise RefcompressError(argument, f"must have 1 to 2**16 elements a kernel, not {h * w}")


def _counts(value, argument: str, count: int, low: int) -> tuple[int, ...]:
    sizes = arguments.shape(value, argument)
    if len(sizes) != count:
        raise RefcompressError(argument, f"must be {count} integers, not {len(sizes)}")
    return tuple(arguments.integer(s, f"{argument}[{i}]", low, LARGEST_SIDE) for i, s in enumerate(sizes))

"""A convolution of each channel by itself."""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import RefcompressError
from ...formats.prepared import unprepared
from .windows import Window, cells, image_argument, images, in_layout, window_argument

__all__ = ["depthwise_arguments", "nn_depthwise_f32"]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def nn_depthwise_f32(x: NDArray[np.float32], weight: NDArray[np.float32], bias: NDArray[np.float32] | None = None, *,
                     strides: tuple[int, int] = (1, 1), pads: tuple[int, int, int, int] = (0, 0, 0, 0),
                     dilations: tuple[int, int] = (1, 1), layout: str = "nchw") -> NDArray[np.float32]:
    """Convolve each channel with kernels of its own.

        y[image, o, row, column] = sum over i, j of weight[o, 0, i, j] patch[o // m, i, j] + bias[o]

    with the patch of :func:`nn_patches` at the place (row, column), where 0 stands in the pads.

    Parameters
    ----------
    x : (n, c, rows, columns) float32; with the layout "nhwc" (n, rows, columns, c)
    weight : (c m, 1, h, w) float32, for both layouts; m is 1 or more
    bias : None, or (c m,) float32
    strides, pads, dilations, layout : as for :func:`nn_patches`

    Returns
    -------
    (n, c m, out_rows, out_columns) float32, axes in the layout of x
        Here the sum is in float64, rounded once. A native result is one chain in float32 over the cells of the kernel
        in row-major order: acc = fma(weight, patch, acc) from +0.0; then acc + bias. That has the same bits for every
        instruction set, layout and number of threads, and differs from this one within the bound of its h w products
        and its bias.

    **Source** Howard et al., MobileNets (2017, arXiv 1704.04861), section 3.1, equation 3; the attributes are those of
    ONNX, Conv, with as many groups as channels. **Departs** nothing.

    Cost O(size of y times h w).

    >>> import numpy as np
    >>> x = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    >>> nn_depthwise_f32(x, np.float32([[[[1, 0], [0, 10]]]]), np.float32([0.5])).tolist()
    [[[[40.5, 51.5], [73.5, 84.5]]]]
    """
    x, weight, bias, window, layout = depthwise_arguments(x, weight, bias, strides, pads, dilations, layout)
    image = images(x, layout).astype(np.float64)
    if image.shape[1]:
        image = np.repeat(image, len(weight) // image.shape[1], axis=1)
    y = np.zeros((len(image), len(weight), *window.places))
    for i, j, values in cells(image, window, 0.0):
        y += weight[:, 0, i, j].astype(np.float64)[:, None, None] * values
    if bias is not None:
        y += bias[:, None, None]
    return in_layout(y.astype(np.float32), layout)


def depthwise_arguments(x, weight, bias, strides, pads, dilations, layout) -> tuple[
        np.ndarray, np.ndarray, np.ndarray | None, Window, str]:
    """Return x, weight, bias, the window and the layout, or refuse the arguments."""
    x, layout = image_argument(x, layout, np.float32)
    weight = arguments.array(unprepared(weight), "weight", np.float32, ndim=4)
    c = x.shape[1 if layout == "nchw" else 3]
    if weight.shape[1] != 1 or (len(weight) % c if c else len(weight)):
        raise RefcompressError("weight", f"must have the shape (a multiple of {c}, 1, h, w), not {weight.shape}")
    if c and not len(weight):
        raise RefcompressError("weight", f"must have a kernel for each of {c} channels, not none")
    if bias is not None:
        bias = arguments.array(bias, "bias", np.float32, ndim=1)
        if len(bias) != len(weight):
            raise RefcompressError("bias", f"must have {len(weight)} elements, one for each kernel, not {len(bias)}")
    kernel = weight.shape[2:]
    if 0 in kernel:
        raise RefcompressError("weight", f"must have kernels of at least one cell, not {kernel}")
    window = window_argument(x, layout, kernel, strides, pads, dilations)
    arguments.shape((len(x), len(weight), *window.places), "y", 8)
    return x, weight, bias, window, layout

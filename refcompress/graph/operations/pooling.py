"""The largest and the mean of the values under a window."""

import math

import numpy as np

from ...errors import RefcompressError
from ..known import Known
from ..use import Use
from .checks import float32, of_type, rank
from .row import operation
from .windows import Pads, checked_window, output_sizes, resolved, two_axes

__all__ = ["ROWS"]

Numbers = tuple[int, ...]


def max_pool(x: np.ndarray, *, use: Use, kernel: Numbers, strides: Numbers = (), pads: Pads = (),
             dilations: Numbers = (), ceil: bool = False) -> np.ndarray:
    """Return the largest value under each place of a window; pads count as less than every value. NaN where one is.

    x : (n, c, *sizes) float32 or int8, with 1, 2 or 3 sizes. strides, pads, dilations : as for conv. ceil : a last
    place that reaches beyond the pads counts too, if it begins on x or in the pads in front of it.

    **Source** ONNX, MaxPool (22). **Departs** nothing; before opset 22 a last place could lie in the pads alone.
    """
    strides, numbers, dilations = resolved(x.shape, kernel, strides, pads, dilations)
    pool = use("nn_max_pool")
    if x.ndim == 3:
        image, kernel, strides, numbers, dilations = two_axes(x, kernel, strides, numbers, dilations)
        return pool(image, kernel, strides=strides, pads=numbers, dilations=dilations, ceil=ceil)[:, :, 0]
    if x.ndim == 4:
        return pool(x, kernel, strides=strides, pads=numbers, dilations=dilations, ceil=ceil)
    return _by_axes(x, kernel, strides, numbers, dilations, lambda image, kernel, **window: pool(
        image, kernel, ceil=ceil, **window))


def average_pool(x: np.ndarray, *, use: Use, kernel: Numbers, strides: Numbers = (), pads: Pads = (),
                 dilations: Numbers = (), ceil: bool = False, count_include_pad: bool = False) -> np.ndarray:
    """Return the mean of the values under each place of a window.

    x : (n, c, *sizes) float32. count_include_pad : the zeros of the pads count too. The rest as for max_pool.

    The sum is in float64, divided and rounded once; of three sizes twice, for the first is done behind the others.

    **Source** ONNX, AveragePool (22). **Departs** nothing.
    """
    strides, numbers, dilations = resolved(x.shape, kernel, strides, pads, dilations)
    pool, more = use("nn_average_pool"), {"ceil": ceil, "count_include_pad": count_include_pad}
    if x.ndim == 3:
        image, kernel, strides, numbers, dilations = two_axes(x, kernel, strides, numbers, dilations)
        return pool(image, kernel, strides=strides, pads=numbers, dilations=dilations, **more)[:, :, 0]
    if x.ndim == 4:
        return pool(x, kernel, strides=strides, pads=numbers, dilations=dilations, **more)
    return _by_axes(x, kernel, strides, numbers, dilations, lambda image, kernel, **window: pool(
        image, kernel, **window, **more))


def _by_axes(x, kernel, strides, pads, dilations, pool) -> np.ndarray:
    """Pool three axes: the last two, then the first, whose window is as wide at every place of these."""
    n, c, depth = x.shape[:3]
    (front, *begins), (back, *ends) = pads[:3], pads[3:]
    y = pool(np.ascontiguousarray(x).reshape(n, c * depth, *x.shape[3:]), kernel[1:], strides=strides[1:],
             pads=(*begins, *ends), dilations=dilations[1:])
    sizes = y.shape[2:]
    y = pool(y.reshape(n, c, depth, math.prod(sizes)), (kernel[0], 1), strides=(strides[0], 1),
             pads=(front, 0, back, 0), dilations=(dilations[0], 1))
    return y.reshape(n, c, y.shape[2], *sizes)


def pool_shape(x: Known, *, kernel: Numbers, strides: Numbers, pads: Pads, dilations: Numbers, ceil: bool,
               **more) -> Known:
    rank(x, "x", 3, 4, 5)
    checked_window(kernel, strides, pads, dilations)
    for i, each in enumerate(() if isinstance(pads, str) else pads):
        width = (dilations[i % len(kernel)] if dilations else 1) * (kernel[i % len(kernel)] - 1) + 1
        if each >= width:
            raise RefcompressError(f"pads[{i}]", f"must leave a value of x under each window: be below {width}, not "
                                                 f"{each}")
    if x.shape is None:
        return Known(x.type, None)
    if len(kernel) != len(x.shape) - 2:
        raise RefcompressError("kernel", f"must have {len(x.shape) - 2} numbers, one an axis of the image, not "
                                         f"{len(kernel)}")
    return Known(x.type, (*x.shape[:2], *output_sizes(x.shape[2:], kernel, strides, pads, dilations, ceil)))


def max_pool_shape(x: Known, **window) -> Known:
    of_type(x, "x", "float32", "int8")
    return pool_shape(x, **window)


def average_pool_shape(x: Known, **window) -> Known:
    float32(x=x)
    return pool_shape(x, **window)


def global_average_pool(x: np.ndarray, *, use: Use) -> np.ndarray:
    """Return the mean of each channel, (n, c, 1, ...): the sum in float64, divided and rounded once.

    **Source** ONNX, GlobalAveragePool; Lin, Chen and Yan, Network In Network (2013, arXiv 1312.4400).
    **Departs** nothing.
    """
    count = math.prod(x.shape[2:])
    total = np.sum(np.ascontiguousarray(x).reshape(*x.shape[:2], count), -1, dtype=np.float64)
    with np.errstate(all="ignore"):
        return (total / count).astype(np.float32).reshape(*x.shape[:2], *(1,) * (x.ndim - 2))


def global_max_pool(x: np.ndarray, *, use: Use) -> np.ndarray:
    """Return the largest value of each channel, (n, c, 1, ...). **Source** ONNX, GlobalMaxPool. **Departs** nothing."""
    return np.max(x, tuple(range(2, x.ndim)), keepdims=True, initial=-np.inf)


def global_shape(x: Known) -> Known:
    float32(x=x)
    if x.shape is None:
        return Known("float32", None)
    if len(x.shape) < 3:
        raise RefcompressError("x", f"must have at least 3 dimensions, not {len(x.shape)}")
    return Known("float32", (*x.shape[:2], *(1,) * (len(x.shape) - 2)))


ROWS = (
    operation(max_pool, max_pool_shape), operation(average_pool, average_pool_shape),
    operation(global_average_pool, global_shape), operation(global_max_pool, global_shape),
)

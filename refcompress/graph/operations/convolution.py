"""Convolutions: a weight's product with every patch of an image, from the form in which the weight is stored."""

import math
from typing import Any

import numpy as np

from ...formats import LowRankConv, Tucker2
from ..known import Known
from ..sizes import multiplied, product
from ..use import Use, Weight
from ..weights import as_matrix, decoded, row_block
from .checks import same_size
from .row import operation
from .tiles import patches_of, tiles
from .windows import Pads, checked_groups, checked_kernel, output_sizes, resolved

__all__ = ["ROWS"]

Numbers = tuple[int, ...]


def conv(x: np.ndarray, weight: Weight, bias: np.ndarray | None = None, *, use: Use, strides: Numbers = (),
         pads: Pads = (), dilations: Numbers = (), groups: int = 1) -> np.ndarray:
    """Convolve images with kernels, group by group.

        y[i, o, r, s] = bias[o] + sum over c, a, b of
            weight[o, c, a, b] x[i, g c' + c, r strides[0] + a dilations[0] - pads[0], s strides[1] + ... - pads[1]]

    with g = the group of output o, c' the channels of a group, and x = 0 in the pads.

    Parameters
    ----------
    x : (n, c, *sizes) float32, with 1, 2 or 3 sizes
    weight : (m, c / groups, *kernel), float32 or a compressed format
        It is multiplied as its matrix (m, c / groups * kernel). LowRankConv and Tucker2 are two and three convolutions
        in a row. What cannot be multiplied as it is stored is decoded, and use.said says so.
    bias : None or (m,) float32
    strides, dilations : a number an axis, by default 1
    pads : the numbers of zeros at the beginning of each axis, then at the end of each, by default 0; or "same_upper" or
        "same_lower": so many that the output has ceil(size / stride) values
    groups : 1 or more; with as many as channels ("depthwise") nn_depthwise_f32 computes all of them

    Returns
    -------
    (n, m, *sizes) float32 : the products as the format's operation sums them, then one addition of the bias in float32;
        depthwise the sum and the bias as nn_depthwise_f32 adds them

    **Source** ONNX, Conv; as a product of patches: Chellapilla, Puri and Simard 2006. **Departs** nothing.
    """
    kernel = weight.shape[2:]
    strides, numbers, dilations = resolved(x.shape, kernel, strides, pads, dilations)
    if x.ndim == 3:
        begin, end = numbers
        one = decoded(weight, use)[:, :, None] if isinstance(weight, LowRankConv | Tucker2) else weight
        y = _planes(x[:, :, None], one, (1, *kernel), bias, use, (1, *strides), (0, begin, 0, end), (1, *dilations),
                    groups)
        return y[:, :, 0]
    if x.ndim == 5:
        return _volumes(x, decoded(weight, use), bias, use, strides, numbers, dilations, groups)
    return _planes(x, weight, kernel, bias, use, strides, numbers, dilations, groups)


def _planes(x, weight, kernel, bias, use, strides, pads, dilations, groups) -> np.ndarray:
    """Return the convolution of images with two axes; the weight may be any whose matrix is that of the kernel."""
    m = weight.shape[0]
    if isinstance(weight, LowRankConv) and groups == 1:
        y = _two(x, weight, use, strides, pads, dilations)
    elif isinstance(weight, Tucker2) and groups == 1:
        y = _three(x, weight, use, strides, pads, dilations)
    elif groups == x.shape[1] and weight.shape[1] == 1 and groups > 1:
        dense = np.ascontiguousarray(decoded(weight, use).reshape(m, 1, *kernel))
        return use("nn_depthwise_f32")(x, dense, bias, strides=strides, pads=pads, dilations=dilations)
    else:
        matrix = use.once(weight, "matrix", lambda: as_matrix(weight, use))
        y = np.empty((len(x), m, *output_sizes(x.shape[2:], kernel, strides, pads, dilations)), np.float32)
        c, rows = x.shape[1] // groups, m // groups
        for g in range(groups):
            part = use.once(weight, f"group {g}", lambda: row_block(matrix, g * rows, (g + 1) * rows, use))
            _group(x[:, g * c : (g + 1) * c], part, kernel, use, strides, pads, dilations,
                   y[:, g * rows : (g + 1) * rows])
    if bias is not None:
        y += bias[:, None, None]
    return y


def _group(x, matrix: Weight, kernel, use, strides, pads, dilations, y: np.ndarray) -> None:
    """Fill y with the product of a matrix and every patch, tile by tile."""
    c, places = x.shape[1], y.shape[2:]
    if not y.size:
        return
    if c * math.prod(kernel) == 0:
        y[...] = 0
        return
    if math.prod(kernel) == math.prod(strides) == 1 and not any(pads):
        for i in range(len(x)):
            y[i] = use.columns(matrix, np.ascontiguousarray(x[i]).reshape(c, -1)).reshape(-1, *places)
        return
    for tile in tiles(len(x), places, 4 * c * math.prod(kernel)):
        found = use.columns_of(matrix, patches_of(x, tile, kernel, strides, pads, dilations, use))
        y[tile.images, :, tile.rows, tile.columns] = found.reshape(-1, *tile.shape).swapaxes(0, 1)


def _two(x, weight: LowRankConv, use, strides, pads, dilations) -> np.ndarray:
    """Return the two convolutions of a LowRankConv: an axis along which the second is 1 wide is done in the first.

    Else the first pads, and the second strides.
    """
    once = [size == 1 for size in weight.second.shape[2:]]
    first = tuple(s if done else 1 for s, done in zip(strides, once))
    second = tuple(1 if done else s for s, done in zip(strides, once))
    use.say("two convolutions")
    y = _planes(x, weight.first, weight.first.shape[2:], None, use, first, pads, dilations, 1)
    return _planes(y, weight.second, weight.second.shape[2:], None, use, second, (0,) * 4, dilations, 1)


def _three(x, weight: Tucker2, use, strides, pads, dilations) -> np.ndarray:
    """Return the three convolutions of a Tucker2."""
    use.say("three convolutions")
    one, none = (1, 1), (0,) * 4
    inputs = use.once(weight, "inputs", lambda: np.ascontiguousarray(weight.inputs.T)[:, :, None, None])
    y = _planes(x, inputs, one, None, use, one, none, one, 1)
    y = _planes(y, weight.core, weight.core.shape[2:], None, use, strides, pads, dilations, 1)
    return _planes(y, weight.outputs[:, :, None, None], one, None, use, one, none, one, 1)


def _volumes(x, weight, bias, use, strides, pads, dilations, groups) -> np.ndarray:
    """Return the convolution of images with three axes: the sum over the first of the kernel's of plane convolutions.

    The sums are in float64, from the first on, rounded once.
    """
    (front, *begins), (back, *ends) = pads[:3], pads[3:]
    x = np.pad(x, [(0, 0), (0, 0), (front, back), (0, 0), (0, 0)])
    depth = (x.shape[2] - dilations[0] * (weight.shape[2] - 1) - 1) // strides[0] + 1
    total: Any = 0.0
    for d in range(weight.shape[2]):
        slab = x[:, :, d * dilations[0] :: strides[0]][:, :, :depth].swapaxes(1, 2)
        flat = np.ascontiguousarray(slab).reshape(-1, x.shape[1], *x.shape[3:])
        kernel = np.ascontiguousarray(weight[:, :, d])
        total = total + _planes(flat, kernel, kernel.shape[2:], None, use, strides[1:], (*begins, *ends),
                                dilations[1:], groups).astype(np.float64)
    y = total.reshape(len(x), depth, *total.shape[1:]).swapaxes(1, 2)
    if bias is not None:
        y = y + bias[:, None, None, None]
    return np.ascontiguousarray(y.astype(np.float32))


def conv_shape(x: Known, weight: Known, bias: Known | None = None, *, strides: Numbers, pads: Pads, dilations: Numbers,
               groups: int) -> Known:
    kernel = checked_kernel(x, weight, bias, strides, pads, dilations)
    if kernel is None:
        return Known("float32", None)
    m, c = weight.sizes[:2]
    checked_groups(groups, m, "weight", "outputs")
    same_size(bias, "bias", 0, m, "as the weight has outputs")
    if x.shape is None:
        return Known("float32", None)
    same_size(x, "x", 1, multiplied(c, groups), f"{groups} times the channels of the weight")
    return Known("float32", (x.shape[0], m, *output_sizes(x.shape[2:], kernel, strides, pads, dilations)))


def conv_cost(x: Known, weight: Known, bias: Known | None, y: Known, **attributes):
    return product((2, *y.sizes, *weight.sizes[1:]))


ROWS = (operation(conv, conv_shape, weight=1, cost=conv_cost),)

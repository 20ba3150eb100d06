"""Convolutions in training, forward and back: products of patches, in the dtype of what comes.

A patch has its channels last, as in memory (windows.py), and the matrix of a kernel is in that order.

Letters: n images, c channels in, m out; weight (m, c / groups, *kernel), of a transposed one (c, m / groups, *kernel).
"""

import math

import numpy as np

from ...graph.operations.transposed import transposed_sizes
from ...graph.operations.windows import output_sizes, resolved
from ..layers import product
from .row import Gradient
from .windows import filled, images, offsets, padded, rows, spread, windows

__all__ = ["ROWS", "patches"]


def conv(x, weight, bias=None, *, strides, pads, dilations, groups):
    """Return the product of every patch and the kernels of its group."""
    kernel = weight.shape[2:]
    strides, pads, dilations = resolved(x.shape, kernel, strides, pads, dilations)
    places = output_sizes(x.shape[2:], kernel, strides, pads, dilations)
    whole = padded(x, kernel, places, strides, pads, dilations)
    m = len(weight) // groups
    if weight.shape[1] == 1 and groups > 1:
        y, factors = filled((len(x), groups * m, *places), 0, x.dtype), weight.reshape(groups, m, *kernel)
        grouped = y.reshape(len(x), groups, m, *places)
        for o, at in offsets(kernel, places, strides, dilations):
            grouped += whole[at][:, :, None] * factors[(..., *o)].reshape(groups, m, *(1,) * len(places))
    else:
        parts = [images(product(part, matrix_of(weight[g * m : (g + 1) * m]).T), len(x), places)
                 for g, part in enumerate(patches(whole, kernel, places, strides, dilations, groups))]
        y = parts[0] if groups == 1 else np.concatenate(parts, 1)
    if bias is not None:
        y += bias.reshape(-1, *(1,) * len(places))
    return y


def matrix_of(weight):
    """Return a kernel (m, c, *kernel) as (m, kernel c), in the order of a patch."""
    return np.moveaxis(weight, 1, -1).reshape(len(weight), -1)


def conv_gradient(dy, y, x, weight, bias=None, *, wanted, strides, pads, dilations, groups):
    """Of each patch p: dp = dy W;  dW = sum of dyᵀ p;  db = sum of dy. Each pixel gets the dp of all its patches."""
    kernel, places = weight.shape[2:], dy.shape[2:]
    strides, pads, dilations = resolved(x.shape, kernel, strides, pads, dilations)
    whole = padded(x, kernel, places, strides, pads, dilations)
    db = _bias(dy, wanted)
    if weight.shape[1] == 1 and groups > 1:
        dx, dw = _depthwise(dy, x, whole, weight, wanted, strides, pads, dilations)
        return dx, dw, db
    n, c, m = len(x), x.shape[1] // groups, len(weight) // groups
    dw, back = np.empty_like(weight), []
    for g, part in enumerate(patches(whole, kernel, places, strides, dilations, groups)):
        flat = rows(dy, groups, g)
        if wanted[1]:
            dw[g * m : (g + 1) * m] = np.moveaxis(product(flat.T, part).reshape(m, *kernel, c), -1, 1)
        if wanted[0]:
            back.append(product(flat, matrix_of(weight[g * m : (g + 1) * m])).reshape(n, *places, *kernel, c))
    if not wanted[0]:
        return None, dw, db
    pairs = _places(back, kernel, places, strides, dilations)
    return spread(pairs, whole.shape, x.shape, pads, dy.dtype), dw, db


def _places(back, kernel, places, strides, dilations):
    """Yield for each offset of a kernel the slice of the images that it meets, and what is added there."""
    every = back[0] if len(back) == 1 else np.concatenate(back, axis=-1)
    for o, at in offsets(kernel, places, strides, dilations):
        yield at, np.moveaxis(every[(slice(None), *(slice(None),) * len(places), *o)], -1, 1)


def patches(whole, kernel, places, strides, dilations, groups):
    """Yield the patches of the channels of each group as rows: (n places, kernel c / groups)."""
    seen, c = windows(whole, kernel, places, strides, dilations), whole.shape[1] // groups
    for g in range(groups):
        part = np.moveaxis(seen[:, g * c : (g + 1) * c], 1, -1)
        yield part.reshape(len(whole) * math.prod(places), math.prod(kernel) * c)


def _depthwise(dy, x, whole, weight, wanted, strides, pads, dilations):
    """Where each output has one input channel there is no product: a multiplication at each offset of the kernel."""
    kernel, places, channels = weight.shape[2:], dy.shape[2:], x.shape[1]
    per = len(weight) // channels
    grouped, w = dy.reshape(len(dy), channels, per, *places), weight.reshape(channels, per, *kernel)
    dw = np.empty_like(w)
    if wanted[1]:
        for o, at in offsets(kernel, places, strides, dilations):
            dw[(..., *o)] = (grouped * whole[at][:, :, None]).sum(axis=(0, *range(3, grouped.ndim)))
    if not wanted[0]:
        return None, dw.reshape(weight.shape)
    ones = (1,) * len(places)
    pairs = ((at, (grouped * w[(..., *o)].reshape(channels, per, *ones)).sum(axis=2))
             for o, at in offsets(kernel, places, strides, dilations))
    return spread(pairs, whole.shape, x.shape, pads, dy.dtype), dw.reshape(weight.shape)


def _transposed_window(x, weight, strides, pads, dilations, output_pads, output_sizes):
    """Return strides, pads and dilations of the convolution whose gradient this is, and the sizes of its images."""
    kernel, sizes = weight.shape[2:], x.shape[2:]
    strides, dilations = tuple(strides) or (1,) * len(kernel), tuple(dilations) or (1,) * len(kernel)
    begins, target = transposed_sizes(sizes, kernel, strides, pads, dilations, output_pads, output_sizes)
    return strides, (*begins, *(0,) * len(kernel)), dilations, tuple(target)


def conv_transposed(x, weight, bias=None, *, strides, pads, dilations, groups, output_pads, output_sizes):
    """Return each value times the kernels of its channel, added up where they overlap."""
    kernel, places, (c, m) = weight.shape[2:], x.shape[2:], weight.shape[:2]
    strides, pads, dilations, sizes = _transposed_window(x, weight, strides, pads, dilations, output_pads, output_sizes)
    c //= groups
    back = [product(rows(x, groups, g), matrix_of(weight[g * c : (g + 1) * c])).reshape(len(x), *places, *kernel, m)
            for g in range(groups)]
    pairs = _places(back, kernel, places, strides, dilations)
    shape = (len(x), groups * m, *sizes)
    room = padded(np.zeros((1, 1, *sizes), x.dtype), kernel, places, strides, pads, dilations).shape[2:]
    y = spread(pairs, (*shape[:2], *room), shape, pads, x.dtype)
    if bias is not None:
        y += bias.reshape(-1, *(1,) * len(places))
    return y


def conv_transposed_gradient(dy, y, x, weight, bias=None, *, wanted, strides, pads, dilations, groups, output_pads,
                             output_sizes):
    """Forward spreads patches, so backward takes them: dx = patches of dy times Wᵀ;  dW = xᵀ times these."""
    kernel, places, c, m = weight.shape[2:], x.shape[2:], len(weight) // groups, weight.shape[1]
    strides, pads, dilations, _ = _transposed_window(x, weight, strides, pads, dilations, output_pads, output_sizes)
    whole, dw, back = padded(dy, kernel, places, strides, pads, dilations), np.empty_like(weight), []
    for g, part in enumerate(patches(whole, kernel, places, strides, dilations, groups)):
        if wanted[0]:
            back.append(images(product(part, matrix_of(weight[g * c : (g + 1) * c]).T), len(x), places))
        if wanted[1]:
            found = product(rows(x, groups, g).T, part).reshape(c, *kernel, m)
            dw[g * c : (g + 1) * c] = np.moveaxis(found, -1, 1)
    return np.concatenate(back, axis=1) if wanted[0] else None, dw, _bias(dy, wanted)


def _bias(dy, wanted):
    return dy.sum(axis=(0, *range(2, dy.ndim))) if len(wanted) > 2 and wanted[2] else None


ROWS = (Gradient("conv", conv_gradient, forward=conv),
        Gradient("conv_transposed", conv_transposed_gradient, forward=conv_transposed))

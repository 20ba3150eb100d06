"""Pooling in training, forward and back: the largest of a window takes all, a mean shares out."""

import numpy as np

from ...graph.operations.windows import output_sizes, resolved
from .row import Gradient
from .windows import offsets, padded, spread, windows

__all__ = ["ROWS"]


def _window(x, kernel, strides, pads, dilations, ceil):
    """Return how often a window fits along each axis, and its strides, pads and dilations."""
    strides, pads, dilations = resolved(x.shape, kernel, strides, pads, dilations)
    return output_sizes(x.shape[2:], kernel, strides, pads, dilations, ceil), strides, pads, dilations


def max_pool(x, *, kernel, strides, pads, dilations, ceil):
    places, strides, pads, dilations = _window(x, kernel, strides, pads, dilations, ceil)
    whole = padded(x, kernel, places, strides, pads, dilations, -np.inf)
    y = None
    for _, at in offsets(kernel, places, strides, dilations):
        y = whole[at].copy(order="K") if y is None else np.maximum(y, whole[at], out=y)
    return y


def max_pool_gradient(dy, y, x, *, wanted, kernel, strides, pads, dilations, ceil):
    """The gradient goes to the largest of each window, of equals to the first in C order."""
    places, strides, pads, dilations = _window(x, kernel, strides, pads, dilations, ceil)
    whole, free, pairs = padded(x, kernel, places, strides, pads, dilations, -np.inf), np.ones_like(y, bool), []
    for _, at in offsets(kernel, places, strides, dilations):
        hit = free & (whole[at] == y)
        pairs.append((at, dy * hit))
        free &= ~hit
    return (spread(iter(pairs), whole.shape, x.shape, pads, dy.dtype),)


def average_pool(x, *, kernel, strides, pads, dilations, ceil, count_include_pad):
    places, strides, pads, dilations = _window(x, kernel, strides, pads, dilations, ceil)
    whole = padded(x, kernel, places, strides, pads, dilations)
    total = sum(whole[at] for _, at in offsets(kernel, places, strides, dilations))
    return total / _counted(x, kernel, places, strides, pads, dilations, count_include_pad)


def average_pool_gradient(dy, y, x, *, wanted, kernel, strides, pads, dilations, ceil, count_include_pad):
    """Each value of a window gets the same share of the gradient."""
    places, strides, pads, dilations = _window(x, kernel, strides, pads, dilations, ceil)
    share = dy / _counted(x, kernel, places, strides, pads, dilations, count_include_pad)
    whole = padded(x, kernel, places, strides, pads, dilations).shape
    pairs = ((at, share) for _, at in offsets(kernel, places, strides, dilations))
    return (spread(pairs, whole, x.shape, pads, dy.dtype),)


def _counted(x, kernel, places, strides, pads, dilations, count_include_pad):
    """Return how many values a window has at each place; those of the pads count too, if asked, but none beyond."""
    count, ones = len(kernel), np.ones((1, 1, *x.shape[2:]), x.dtype)
    if count_include_pad:
        ones = np.pad(ones, [(0, 0), (0, 0), *zip(pads[:count], pads[count:])], constant_values=1)
        pads = (0,) * (2 * count)
    whole = padded(ones, kernel, places, strides, pads, dilations)
    return windows(whole, kernel, places, strides, dilations).sum(axis=tuple(range(-count, 0)))


def global_average_pool(x):
    return x.mean(axis=tuple(range(2, x.ndim)), keepdims=True)


def global_average_pool_gradient(dy, y, x, *, wanted):
    return (np.broadcast_to(dy / dy.dtype.type(x[0, 0].size), x.shape),)


def global_max_pool(dy, y, x, *, wanted):
    flat = x.reshape(*x.shape[:2], -1)
    dx = np.zeros_like(flat)
    np.put_along_axis(dx, flat.argmax(axis=-1)[..., None], dy.reshape(*x.shape[:2], 1), axis=-1)
    return (dx.reshape(x.shape),)


ROWS = (Gradient("max_pool", max_pool_gradient, forward=max_pool),
        Gradient("average_pool", average_pool_gradient, forward=average_pool),
        Gradient("global_average_pool", global_average_pool_gradient, forward=global_average_pool),
        Gradient("global_max_pool", global_max_pool))

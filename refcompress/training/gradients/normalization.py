"""Norms in training, forward and back. With z = (x - mean) / deviation, y = z weight + bias and g = dy weight:

    dx = (g - mean(g) - z mean(g z)) / deviation

over the values that share a mean; without mean(g) where no mean is taken off (RMS norm), and dx = g / deviation where
mean and deviation are constants (batch norm in use).
"""

import numpy as np

from .row import Gradient, summed_to

__all__ = ["ROWS", "batch_normalized", "batch_normalized_gradient"]


def layer_norm(dy, y, x, weight=None, bias=None, *, wanted, axis, epsilon):
    return _through(dy, x, weight, bias, tuple(range(axis % x.ndim, x.ndim)), epsilon)[: len(wanted)]


def rms_norm(dy, y, x, weight=None, *, wanted, axis, epsilon):
    return _through(dy, x, weight, None, tuple(range(axis % x.ndim, x.ndim)), epsilon, centred=False)[: len(wanted)]


def group_norm(dy, y, x, weight, bias, *, wanted, groups, epsilon):
    """The groups of one image are rows of their own; weight and bias are the channels'."""
    rows = (len(x) * (groups or x.shape[1]), -1)
    w = _of_channels(weight, x)
    dx, _, _ = _through((dy * w).reshape(rows), x.reshape(rows), None, None, (1,), epsilon)
    z = _normal(x.reshape(rows), (1,), epsilon)[0].reshape(x.shape)
    return dx.reshape(x.shape), summed_to(dy * z, w).reshape(-1), summed_to(dy, w).reshape(-1)


def batch_norm(x, weight, bias, mean, variance, *, epsilon):
    """Return a batch norm in use: with constants for mean and variance it is a factor and a summand a channel."""
    deviation = np.sqrt(variance + x.dtype.type(epsilon))
    return x * _of_channels(weight / deviation, x) + _of_channels(bias - mean * weight / deviation, x)


def batch_norm_gradient(dy, y, x, weight, bias, mean, variance, *, wanted, epsilon):
    w, m, v = (_of_channels(a, x) for a in (weight, mean, variance))
    deviation = np.sqrt(v + x.dtype.type(epsilon))
    dw = summed_to(dy * ((x - m) / deviation), w).reshape(-1)
    return dy * w / deviation, dw, summed_to(dy, w).reshape(-1), None, None


def batch_normalized(x, weight, bias, *, epsilon):
    """Return a batch norm in training, by the mean and variance of the batch; and these two, a number a channel each.

    **Source** Ioffe and Szegedy 2015 (arXiv 1502.03167), algorithm 1. **Departs** nothing.
    """
    axes = (0, *range(2, x.ndim))
    z, mean, variance = _normal(x, axes, epsilon)
    return z * _of_channels(weight, x) + _of_channels(bias, x), mean.reshape(-1), variance.reshape(-1)


def batch_normalized_gradient(dy, y, x, weight, bias, mean, variance, *, wanted, epsilon):
    """Return the gradients of ``batch_normalized``: mean and variance are the batch's, so they pass it on as well."""
    axes = (0, *range(2, x.ndim))
    dx, dw, db = _through(dy, x, _of_channels(weight, x), _of_channels(bias, x), axes, epsilon)
    return dx, dw.reshape(-1), db.reshape(-1), None, None


def _normal(x, axes, epsilon, *, centred: bool = True):
    """Return the normalized values, the mean and the variance; without centring the mean is 0."""
    mean = x.mean(axis=axes, keepdims=True) if centred else np.zeros((), x.dtype)
    variance = np.square(x - mean).mean(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + x.dtype.type(epsilon)), mean, variance


def _through(dy, x, weight, bias, axes, epsilon, *, centred: bool = True):
    """Return the gradients of x, weight and bias; the last two broadcast to x."""
    z, _, variance = _normal(x, axes, epsilon, centred=centred)
    g = dy if weight is None else dy * weight
    dx = g - z * (g * z).mean(axis=axes, keepdims=True)
    if centred:
        dx -= g.mean(axis=axes, keepdims=True)
    dx /= np.sqrt(variance + x.dtype.type(epsilon))
    return dx, None if weight is None else summed_to(dy * z, weight), None if bias is None else summed_to(dy, bias)


def _of_channels(a, x):
    """Return a number a channel as what broadcasts to x, (n, c, ...)."""
    return a.reshape(-1, *(1,) * (x.ndim - 2))


ROWS = (Gradient("layer_norm", layer_norm), Gradient("rms_norm", rms_norm), Gradient("group_norm", group_norm),
        Gradient("batch_norm", batch_norm_gradient, frozenset({0, 1, 2}), batch_norm))

"""Gradients of sums, means and extremes along axes."""

import math

import numpy as np

from .row import Gradient

__all__ = ["ROWS"]


def _along(x, of, axes, none_is_none) -> tuple[int, ...]:
    """Return the axes that are reduced: the attribute or the second input, and where neither says one all or none."""
    found = axes if of is None else [int(axis) for axis in np.atleast_1d(of)]
    return tuple(axis % x.ndim for axis in found) if found else () if none_is_none else tuple(range(x.ndim))


def _kept(a, along, keep):
    return a if keep else np.expand_dims(a, along)


def reduce_sum(dy, y, x, of=None, *, wanted, axes, keep, none_is_none):
    dy = _kept(dy, _along(x, of, axes, none_is_none), keep)
    return np.broadcast_to(dy, x.shape), None


def reduce_mean(dy, y, x, of=None, *, wanted, axes, keep, none_is_none):
    along = _along(x, of, axes, none_is_none)
    count = math.prod(x.shape[axis] for axis in along)
    return np.broadcast_to(_kept(dy, along, keep) / x.dtype.type(count), x.shape), None


def reduce_extreme(dy, y, x, of=None, *, wanted, axes, keep, none_is_none):
    """The gradient goes to the largest, or smallest; of equals to the first in C order."""
    along = _along(x, of, axes, none_is_none)
    others = [axis for axis in range(x.ndim) if axis not in along]
    order = (*others, *along)
    values, best = x.transpose(order), _kept(y, along, keep).transpose(order)
    shape = values.shape[: len(others)]
    hit = (values == best).reshape(*shape, -1)
    first = (np.arange(hit.shape[-1]) == hit.argmax(axis=-1)[..., None]).reshape(values.shape)
    return (first * _kept(dy, along, keep).transpose(order)).transpose(np.argsort(order)), None


def reduce_product(dy, y, x, of=None, *, wanted, axes, keep, none_is_none):
    """The gradient of a factor is the product of the others: of those in front of it times those behind it."""
    along = _along(x, of, axes, none_is_none)
    order = (*(axis for axis in range(x.ndim) if axis not in along), *along)
    turned = x.transpose(order)
    flat = turned.reshape(*turned.shape[: x.ndim - len(along)], -1)
    ones = np.ones_like(flat[..., :1])
    front = np.cumprod(np.concatenate([ones, flat[..., :-1]], axis=-1), axis=-1)
    behind = np.flip(np.cumprod(np.concatenate([ones, np.flip(flat, -1)[..., :-1]], axis=-1), axis=-1), -1)
    others = (front * behind).reshape(turned.shape).transpose(np.argsort(order))
    return others * _kept(dy, along, keep), None


def cumulative_sum(dy, y, x, *, wanted, axis):
    return (np.flip(np.cumsum(np.flip(dy, axis), axis), axis),)


ROWS = (Gradient("reduce_sum", reduce_sum, frozenset({0})), Gradient("reduce_mean", reduce_mean, frozenset({0})),
        Gradient("reduce_max", reduce_extreme, frozenset({0})), Gradient("reduce_min", reduce_extreme, frozenset({0})),
        Gradient("reduce_product", reduce_product, frozenset({0})), Gradient("cumulative_sum", cumulative_sum))

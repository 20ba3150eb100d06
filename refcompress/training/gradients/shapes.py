"""Gradients of what moves values about: each goes back where it came from."""

from collections.abc import Callable

import numpy as np

from ...graph import OPERATIONS
from ...graph.operations.resize import resize_steps, resized_along
from ..layers import product
from .row import Gradient, summed_to

__all__ = ["ROWS"]


def reshaped(dy, y, x, *others, wanted, **attributes):
    return dy.reshape(x.shape), *(None for _ in others)


def transpose(dy, y, x, *, wanted, axes):
    return (dy.transpose(None if axes is None else np.argsort(axes)),)


def expand(dy, y, x, *others, wanted, **attributes):
    return summed_to(dy, x), *(None for _ in others)


def concat(dy, y, *values, wanted, axis):
    ends = np.cumsum([x.shape[axis] for x in values])
    return np.split(dy, ends[:-1], axis)


def cast(dy, y, x, *, wanted, type):
    return (dy.astype(x.dtype),)


def moving(name: str) -> Callable:
    """Return the gradient of an operation that gives some of the values that it takes, each as often as it likes.

    The operation itself says where each came from, when it is given the number of each in place of its value. What it
    adds of its own, an edge of constants, has the number -1.
    """
    def backward(dy, y, x, *others, wanted, **attributes):
        if name == "pad":  # the constant is the third input, or an attribute
            others, attributes = (*others[:1], None, *others[2:]), attributes | {"value": -1}
        numbers = np.arange(x.size).reshape(x.shape)
        found = OPERATIONS[name].compute(numbers, *others, use=None, **attributes)
        from_ = np.concatenate([each.ravel() for each in (found if isinstance(found, tuple) else (found,))])
        sent = np.concatenate([each.ravel() for each in (dy if isinstance(dy, tuple) else (dy,))])
        dx = np.bincount(from_ + 1, weights=sent, minlength=x.size + 1)[1:]
        return dx.astype(x.dtype).reshape(x.shape), *(None for _ in others)

    return backward


def resize(dy, y, x, factors=None, sizes_wanted=None, *, wanted, scales, sizes, axes, aspect, mode, coordinates,
           rounding, cubic, exclude_outside):
    """Along an axis resizing is a product with a matrix: what it makes of the unit vectors. Back with its transpose."""
    how = mode, coordinates, rounding, cubic, exclude_outside
    for axis, *step in reversed(resize_steps(x.shape, factors, sizes_wanted, scales, sizes, axes, aspect)):
        matrix = resized_along(np.eye(x.shape[axis], dtype=x.dtype), 0, *step, *how).astype(x.dtype)
        back = np.moveaxis(dy, axis, -1)
        flat = product(back.reshape(-1, back.shape[-1]), matrix)
        dy = np.moveaxis(flat.reshape(*back.shape[:-1], -1), -1, axis)
    return dy, None, None


ROWS = (
    *(Gradient(name, reshaped, frozenset({0})) for name in ("identity", "reshape", "flatten", "squeeze", "unsqueeze")),
    Gradient("transpose", transpose), Gradient("expand", expand, frozenset({0})), Gradient("concat", concat),
    Gradient("cast", cast), Gradient("resize", resize, frozenset({0})),
    *(Gradient(name, moving(name), frozenset({0})) for name in ("slice", "gather", "split", "pad", "tile")),
)

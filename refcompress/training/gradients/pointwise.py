"""Gradients of operations on the values of two or three arrays, which NumPy's rules bring to one shape."""

import numpy as np

from .row import Gradient, summed_to

__all__ = ["ROWS"]


def _each(gradients, inputs, wanted):
    return tuple(summed_to(g(), x) if w else None for g, x, w in zip(gradients, inputs, wanted))


def add(dy, y, a, b, *, wanted):
    return _each((lambda: dy, lambda: dy), (a, b), wanted)


def subtract(dy, y, a, b, *, wanted):
    return _each((lambda: dy, lambda: -dy), (a, b), wanted)


def multiply(dy, y, a, b, *, wanted):
    return _each((lambda: dy * b, lambda: dy * a), (a, b), wanted)


def divide(dy, y, a, b, *, wanted):
    """d(a / b) / db = -y / b."""
    return _each((lambda: dy / b, lambda: -dy * y / b), (a, b), wanted)


def maximum(dy, y, *values, wanted):
    """The gradient goes to the largest; of equals to the first."""
    return _chosen(dy, y, values, wanted)


def minimum(dy, y, *values, wanted):
    return _chosen(dy, y, values, wanted)


def _chosen(dy, y, values, wanted):
    free, gradients = np.ones(y.shape, bool), []
    for x, want in zip(values, wanted):
        hit = free & (x == y)
        gradients.append(summed_to(dy * hit, x) if want else None)
        free &= ~hit
    return gradients


def where(dy, y, condition, a, b, *, wanted):
    return None, *_each((lambda: np.where(condition, dy, 0), lambda: np.where(condition, 0, dy)), (a, b), wanted[1:])


ROWS = (Gradient("add", add), Gradient("subtract", subtract), Gradient("multiply", multiply),
        Gradient("divide", divide), Gradient("maximum", maximum), Gradient("minimum", minimum),
        Gradient("where", where, frozenset({1, 2})))

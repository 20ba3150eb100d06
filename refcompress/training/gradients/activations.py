"""Gradients of functions of one value: dx = dy f'(x), by the output y where f' is simplest in it.

At a kink the gradient is the one of the side on which the function is constant: relu at 0, clip at its ends.
"""

import math

import numpy as np

from ..arithmetic import sigmoid
from .row import Gradient

__all__ = ["ROWS"]


def _of(derivative):
    """Return the backward function for a derivative of (x, y, **attributes)."""
    def backward(dy, y, x, *constants, wanted, **attributes):
        return (dy * derivative(x, y, *constants, **attributes), *(None for _ in constants))
    return backward


def gelu(x, y, *, approximate):
    """d/dx x Phi(x) = Phi(x) + x phi(x); of the tanh form, by the product and the chain rule."""
    if approximate:
        c = x.dtype.type(math.sqrt(2 / math.pi))
        t = np.tanh(c * (x + x.dtype.type(0.044715) * (x * x * x)))
        return (1 + t) / 2 + x / 2 * (1 - t * t) * c * (1 + x.dtype.type(3 * 0.044715) * x * x)
    # Phi(x) = y / x, which loses nothing but at x = 0, where it is 1/2 and x phi(x) is 0.
    with np.errstate(invalid="ignore", divide="ignore"):
        phi = np.where(x == 0, x.dtype.type(0.5), y / x)
    return phi + x * np.exp(-x * x / 2) * x.dtype.type(1 / math.sqrt(2 * math.pi))


def silu(x, y):
    s = sigmoid(x)
    return s * (1 + x * (1 - s))


def leaky_relu(x, y, *, alpha):
    return np.where(x < 0, x.dtype.type(np.float32(alpha)), x.dtype.type(1))


def hard_sigmoid(x, y, *, alpha, beta):
    return np.where((y > 0) & (y < 1), x.dtype.type(np.float32(alpha)), x.dtype.type(0))


def hard_swish(x, y):
    a = x.dtype.type(np.float32(1 / 6))  # as forward has it
    gate = x * a + x.dtype.type(0.5)
    return np.where((gate > 0) & (gate < 1), x * a + gate, (gate >= 1).astype(x.dtype))


def erf(x, y):
    return x.dtype.type(2 / math.sqrt(math.pi)) * np.exp(-x * x)


def sqrt(x, y):
    return x.dtype.type(0.5) / y


def power(x, y, exponent):
    return exponent * np.power(x, exponent - 1)


def clip(x, y, lowest=None, highest=None, *, low, high):
    bottom, top = (lowest if low is None else low), (highest if high is None else high)
    inside = np.ones(x.shape, bool)
    if bottom is not None:
        inside &= x > bottom
    if top is not None:
        inside &= x < top
    return inside


ROWS = tuple(Gradient(name, _of(derivative), frozenset({0})) for name, derivative in (
    ("relu", lambda x, y: y > 0), ("leaky_relu", leaky_relu), ("clip", clip), ("gelu", gelu), ("silu", silu),
    ("tanh", lambda x, y: 1 - y * y), ("sigmoid", lambda x, y: y * (1 - y)), ("hard_sigmoid", hard_sigmoid),
    ("hard_swish", hard_swish), ("erf", erf), ("exp", lambda x, y: y), ("sqrt", sqrt),
    ("reciprocal", lambda x, y: -y * y), ("power", power), ("negative", lambda x, y: x.dtype.type(-1)),
    ("absolute", lambda x, y: np.sign(x)),
))

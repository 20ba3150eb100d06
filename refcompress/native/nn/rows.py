"""Functions of a number and of a row, in C."""

from functools import wraps

import numpy as np

from ... import reference
from ...reference.nn.activation import activation_arguments
from ...reference.nn.rows import norm_arguments, softmax_arguments
from .. import threads
from .._call import LINE, check, empty, pointer
from .._kernels import ffi, lib

__all__ = ["nn_activation", "nn_layer_norm", "nn_rms_norm", "nn_softmax"]

FUNCTION, NORM = 16, 4  # multiply-adds that take as long as an element of a function with e^v, or of a norm


def nn_activation(kernel, row):
    """Return the operation nn_activation computed by a C kernel."""

    @wraps(reference.nn_activation)
    def nn_activation(x, function):
        x, function = activation_arguments(x, function)
        y = empty(x.shape, np.float32)
        operands = (getattr(lib, f"RC_NN_{function.upper()}"), pointer(x), pointer(y, writable=True))
        seconds = FUNCTION * x.size / row.speed
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "x"), x.size, seconds, LINE)
        return y

    return nn_activation


def nn_softmax(kernel, row):
    """Return the operation nn_softmax computed by a C kernel."""

    @wraps(reference.nn_softmax)
    def nn_softmax(x):
        return _by_rows(kernel, softmax_arguments(x), (), FUNCTION / row.speed)

    return nn_softmax


def nn_layer_norm(kernel, row):
    """Return the operation nn_layer_norm computed by a C kernel."""

    @wraps(reference.nn_layer_norm)
    def nn_layer_norm(x, weight=None, bias=None, *, epsilon=1e-5):
        x, weight, bias, epsilon = norm_arguments(x, weight, bias, epsilon)
        return _by_rows(kernel, x, (weight, bias), NORM / row.speed, epsilon)

    return nn_layer_norm


def nn_rms_norm(kernel, row):
    """Return the operation nn_rms_norm computed by a C kernel."""

    @wraps(reference.nn_rms_norm)
    def nn_rms_norm(x, weight=None, *, epsilon=1e-5):
        x, weight, _, epsilon = norm_arguments(x, weight, None, epsilon)
        return _by_rows(kernel, x, (weight,), NORM / row.speed, epsilon)

    return nn_rms_norm


def _by_rows(kernel, x, vectors, seconds: float, *numbers):
    """Return what the kernel makes of the rows of x; ``seconds`` are those of an element."""
    y = empty(x.shape, np.float32)
    if not x.size:
        return y
    n = x.shape[-1]
    others = [ffi.NULL if a is None else pointer(a) for a in vectors]
    operands = (n, *numbers, pointer(x), *others, pointer(y, writable=True))
    threads.run(lambda begin, end: check(kernel(begin, end, *operands), "x"), x.size // n, seconds * x.size)
    return y

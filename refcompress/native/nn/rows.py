"""Functions of a number and of a row, in C."""

from functools import wraps

import numpy as np

from ... import reference
from ...reference.nn.activation import activation_arguments
from ...reference.nn.rows import norm_arguments, softmax_arguments
from .. import threads
from .._call import LINE, check, empty, pointer
from .._kernels import ffi, lib
from ..prepared import with_prepare

__all__ = ["nn_activation", "nn_layer_norm", "nn_rms_norm", "nn_softmax"]

FUNCTION, NORM = 16, 4  # multiply-adds that take as long as an element of a function with e^v, or of a norm


def nn_activation(kernel, row):
    """Return the operation nn_activation computed by a C kernel."""

    def ready(x, function, *, empty=empty):
        given, (x, function) = x, activation_arguments(x, function)
        y = empty(x.shape, np.float32)
        operands = (getattr(lib, f"RC_NN_{function.upper()}"), pointer(x), pointer(y, writable=True))
        seconds = FUNCTION * x.size / row.speed

        def call():
            threads.run(lambda begin, end: check(kernel(begin, end, *operands), "x"), x.size, seconds, LINE)
            return y

        return call, ((given, x, "x"),)

    @wraps(reference.nn_activation)
    def nn_activation(x, function):
        return ready(x, function)[0]()

    return with_prepare(nn_activation, ready)


def nn_softmax(kernel, row):
    """Return the operation nn_softmax computed by a C kernel."""

    def ready(x, *, empty=empty):
        given, x = x, softmax_arguments(x)
        return _by_rows(kernel, x, (), FUNCTION / row.speed, empty), ((given, x, "x"),)

    @wraps(reference.nn_softmax)
    def nn_softmax(x):
        return ready(x)[0]()

    return with_prepare(nn_softmax, ready)


def nn_layer_norm(kernel, row):
    """Return the operation nn_layer_norm computed by a C kernel."""

    def ready(x, weight=None, bias=None, *, epsilon=1e-5, empty=empty):
        given, (x, weight, bias, epsilon) = x, norm_arguments(x, weight, bias, epsilon)
        return _by_rows(kernel, x, (weight, bias), NORM / row.speed, empty, epsilon), ((given, x, "x"),)

    @wraps(reference.nn_layer_norm)
    def nn_layer_norm(x, weight=None, bias=None, *, epsilon=1e-5):
        return ready(x, weight, bias, epsilon=epsilon)[0]()

    return with_prepare(nn_layer_norm, ready)


def nn_rms_norm(kernel, row):
    """Return the operation nn_rms_norm computed by a C kernel."""

    def ready(x, weight=None, *, epsilon=1e-5, empty=empty):
        given, (x, weight, _, epsilon) = x, norm_arguments(x, weight, None, epsilon)
        return _by_rows(kernel, x, (weight,), NORM / row.speed, empty, epsilon), ((given, x, "x"),)

    @wraps(reference.nn_rms_norm)
    def nn_rms_norm(x, weight=None, *, epsilon=1e-5):
        return ready(x, weight, epsilon=epsilon)[0]()

    return with_prepare(nn_rms_norm, ready)


def _by_rows(kernel, x, vectors, seconds: float, empty, *numbers):
    """Return a call of a kernel for all rows of x; ``seconds`` are those of an element."""
    y, n = empty(x.shape, np.float32), x.shape[-1]
    others = [ffi.NULL if a is None else pointer(a) for a in vectors]
    operands = (n, *numbers, pointer(x), *others, pointer(y, writable=True))

    def call():
        if x.size:
            threads.run(lambda begin, end: check(kernel(begin, end, *operands), "x"), x.size // n, seconds * x.size)
        return y

    return call

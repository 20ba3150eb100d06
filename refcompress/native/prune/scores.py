"""The scores, in C: what the reference refuses, the kernels find while they read it."""

from functools import wraps

import numpy as np

from ... import reference
from ...reference.prune.scores import as_doubles, score_request, wanda_request
from ...reference.prune.units import activation_arguments, apoz_arguments, units_request
from .. import threads
from .._call import check, empty, lib, pointer

SPEED = 1e9  # scores a second and thread, to the order of magnitude: memory sets it
GRAIN = 64  # scores: whole cache lines


def prune_score_wanda(kernel, row):
    """Return the operation prune_score_wanda computed by a C kernel."""

    @wraps(reference.prune_score_wanda)
    def prune_score_wanda(w, norms):
        w, norms = wanda_request(w, norms)
        if not len(w):
            as_doubles(w, norms, "norms", signed=False)  # no row reads the norms
        scores = empty(w.shape, np.float32)
        operands = w.shape[1], norms.dtype == np.float64, pointer(w), pointer(norms), pointer(scores, writable=True)

        def rows(begin, end):
            _check(kernel(begin, end, *operands), as_doubles, w, norms, "norms", signed=False)

        threads.run(rows, len(w), w.size / SPEED)
        return scores

    return prune_score_wanda


def prune_score_taylor(kernel, row):
    """Return the operation prune_score_taylor computed by a C kernel."""

    @wraps(reference.prune_score_taylor)
    def prune_score_taylor(w, gradient):
        return _score(kernel, w, gradient, "gradient")

    return prune_score_taylor


def prune_score_movement(kernel, row):
    """Return the operation prune_score_movement computed by a C kernel."""

    @wraps(reference.prune_score_movement)
    def prune_score_movement(w, gradient_sum):
        return _score(kernel, w, gradient_sum, "gradient_sum")

    return prune_score_movement


def prune_score_obd(kernel, row):
    """Return the operation prune_score_obd computed by a C kernel."""

    @wraps(reference.prune_score_obd)
    def prune_score_obd(w, diagonal):
        return _score(kernel, w, diagonal, "diagonal")

    return prune_score_obd


def prune_score_fisher(kernel, row):
    """Return the operation prune_score_fisher computed by a C kernel."""

    @wraps(reference.prune_score_fisher)
    def prune_score_fisher(w, squared_gradients):
        return _score(kernel, w, squared_gradients, "squared_gradients", signed=False)

    return prune_score_fisher


def prune_score_apoz(kernel, row):
    """Return the operation prune_score_apoz computed by a C kernel."""

    @wraps(reference.prune_score_apoz)
    def prune_score_apoz(zeros, count):
        zeros, count = units_request(zeros, "zeros", count, np.int64, np.float64)
        return _units(kernel, zeros, zeros.dtype == np.int64, count, apoz_arguments)

    return prune_score_apoz


def prune_score_activation(kernel, row):
    """Return the operation prune_score_activation computed by a C kernel."""

    @wraps(reference.prune_score_activation)
    def prune_score_activation(sums, count):
        sums, count = units_request(sums, "sums", count, np.float64, np.float32)
        return _units(kernel, sums, sums.dtype == np.float64, count, activation_arguments)

    return prune_score_activation


def _score(kernel, w, statistic, argument, signed=True):
    w, statistic = score_request(w, statistic, argument)
    scores = empty(w.shape, np.float32)
    operands = statistic.dtype == np.float64, pointer(w), pointer(statistic), pointer(scores, writable=True)

    def some(begin, end):
        _check(kernel(begin, end, *operands), as_doubles, w, statistic, argument, signed=signed)

    threads.run(some, w.size, w.size / SPEED, GRAIN)
    return scores


def _units(kernel, units, first_type, count, refuse):
    scores = np.empty(len(units))
    operands = first_type, pointer(units), count, pointer(scores, writable=True)
    threads.run(lambda begin, end: _check(kernel(begin, end, *operands), refuse, units, count), len(units),
                len(units) / SPEED, GRAIN)
    return scores


def _check(status: int, refuse, *args, **kwargs) -> None:
    if status == lib.RC_NOT_FINITE:
        refuse(*args, **kwargs)  # says which
    check(status, "w")

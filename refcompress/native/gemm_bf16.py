"""The product of bfloat16 by bfloat16 in C."""

from functools import wraps

import numpy as np
from numpy import empty as new

from .. import reference
from ..formats import Plain
from ..formats.prepared import unprepared
from ._call import FLOATS, UINT16S, check, pointer
from ._checks import F32, bf16_arguments
from .gemm import SHORT, _prepared, _product
from .prepared import by_name, in_place

__all__ = ["gemm_bf16bf16"]


def gemm_bf16bf16(kernel, row):
    """Return the operation gemm_bf16bf16 computed by a C kernel."""
    run, speed = by_name("gemm_bf16bf16", kernel), 4 * row.speed  # nothing is unpacked on the way

    @wraps(reference.gemm_bf16bf16)
    def gemm_bf16bf16(x, w):
        x, w = bf16_arguments(x, w)
        m, (n, k) = len(x), w.shape
        if m * n * k > SHORT:
            return _product(run, speed, x, w.shape, np.float32, w.shape[1:], pointer(w))
        y = new((m, n), F32)
        if status := run(0, n, m, n, k, UINT16S(x), UINT16S(w), FLOATS(y)):
            check(status, "w")
        return y

    def prepare(x, w):
        given, (x, w) = (x, w), bf16_arguments(x, w)
        for value, checked, argument in ((given[0], x, "x"), (given[1], w, "w")):
            if not isinstance(value := unprepared(value), Plain):  # whose patterns nobody changes
                in_place(value, checked, argument)
        return _prepared("gemm_bf16bf16", kernel, speed, x, w.shape, np.float32, w.shape[1:], pointer(w))

    gemm_bf16bf16.prepare = prepare
    return gemm_bf16bf16

"""The product of bfloat16 by bfloat16 in C."""

from functools import wraps

import numpy as np
from numpy import empty as new

from .. import reference
from ..formats import Plain
from ..formats.prepared import unprepared
from . import threads
from ._call import FLOATS, UINT16S, aligned, check, empty, pointer
from ._checks import F32, bf16_arguments
from .gemm import GRAIN, SHORT, _block
from .prepared import by_name, in_place, prepared

__all__ = ["gemm_bf16bf16"]


def gemm_bf16bf16(kernel, row):
    """Return the operation gemm_bf16bf16 computed by a C kernel."""
    run, speed = by_name("gemm_bf16bf16", kernel), 4 * row.speed  # nothing is unpacked on the way

    @wraps(reference.gemm_bf16bf16)
    def gemm_bf16bf16(x, w):
        x, w = bf16_arguments(x, w)
        m, (n, k) = len(x), w.shape
        if m * n * k > SHORT:
            y = empty((m, n), F32)
            _multiply(run, speed, x, w, y)
            return y
        y = new((m, n), F32)
        if status := run(0, n, m, n, k, k, UINT16S(x), UINT16S(w), FLOATS(y)):
            check(status, "w")
        return y

    def prepare(x, w):
        given, (x, w) = (x, w), bf16_arguments(x, w)
        for value, checked, argument in ((given[0], x, "x"), (given[1], w, "w")):
            if not isinstance(value := unprepared(value), Plain):  # whose patterns nobody changes
                in_place(value, checked, argument)
        m, (n, k) = len(x), w.shape
        y = empty((m, n), F32)
        if m * n * k <= SHORT:
            return prepared("gemm_bf16bf16", kernel, (m, n, k, k, UINT16S(x), UINT16S(w), FLOATS(y)), y, "w")

        def again():
            _multiply(run, speed, x, w, y)
            return y

        return again

    gemm_bf16bf16.prepare = prepare
    return gemm_bf16bf16


def _multiply(run, speed: float, x: np.ndarray, w: np.ndarray, y: np.ndarray) -> None:
    """Fill y, with as many rows of x in a call as bounded work allows."""
    (m, n), k = y.shape, w.shape[1]
    if m * n == 0:
        return
    x = _spread(x) if m > 4 and n >= 64 else x
    ldx, block = x.shape[1], _block(k, speed)
    x_pointer, w_pointer, y_pointer = pointer(x), pointer(w), pointer(y, writable=True)
    for i in range(0, m, block):
        rows = min(block, m - i)
        operands = (rows, n, k, ldx, x_pointer + i * ldx, w_pointer, y_pointer + i * n)
        threads.run(lambda begin, end: check(run(begin, end, *operands), "w"), n, rows * n * k / speed, GRAIN)


def _spread(x: np.ndarray) -> np.ndarray:
    """Return x, aligned, or a copy with 32 more columns where rows begin at multiples of a KiB.

    Such rows meet in a few sets of the caches, and push each other out.
    """
    m, k = x.shape
    if k % 512:
        return aligned(x)
    wide = empty((m, k + 32), np.uint16)
    wide[:, :k] = x
    return wide

"""The gemm family in C: gemm_s8s8, gemm_u8s8, gemm_f32s8."""

from functools import wraps

import numpy as np

from .. import reference
from ..reference.gemm import f32s8_arguments, s8s8_arguments, u8s8_arguments
from . import threads
from ._call import aligned, check, empty, pointer

# Rows of w are handed out by twelves: the kernels' tiles have 6 or 4 of them, and what does not fill a tile is wasted.
GRAIN = 12

# Rows of x in one call, at most: a call of bounded work then has many rows of w to use each row of x for.
BLOCK = 256


def gemm_s8s8(kernel, speed: float):
    """Return the operation gemm_s8s8 computed by a C kernel that does ``speed`` multiply-adds a second."""

    @wraps(reference.gemm_s8s8)
    def gemm_s8s8(x, w):
        x, w = s8s8_arguments(x, w)
        return _product(kernel, speed, x, w, np.int32)

    return gemm_s8s8


def gemm_u8s8(kernel, speed: float):
    """Return the operation gemm_u8s8 computed by a C kernel that does ``speed`` multiply-adds a second."""

    @wraps(reference.gemm_u8s8)
    def gemm_u8s8(x, w):
        x, w = u8s8_arguments(x, w)
        return _product(kernel, speed, x, w, np.int32)

    return gemm_u8s8


def gemm_f32s8(kernel, speed: float):
    """Return the operation gemm_f32s8 computed by a C kernel that does ``speed`` multiply-adds a second."""

    @wraps(reference.gemm_f32s8)
    def gemm_f32s8(x, w):
        x, w = f32s8_arguments(x, w)
        k = w.shape[1]
        # A scale of shape (.., k) without groups is one per input: groups of one. One of a single column spans the row.
        group = w.group if w.group is not None else 1 if w.scale.shape[1] > 1 else k
        group = max(1, min(group, k))
        stride = w.scale.shape[1] if w.scale.shape[0] > 1 else 0
        return _product(kernel, speed, x, w.values, np.float32, (group, stride),
                        (pointer(w.scale), pointer(w.zero_point)))

    return gemm_f32s8


def _product(kernel, speed, x, w, dtype, sizes=(), scales=()):
    """Return y = x @ w.T by a kernel that takes ranges of the rows of w, and as many rows of x as bounded work allows."""
    (m, k), n = x.shape, w.shape[0]
    y = empty((m, n), dtype)
    if y.size == 0:
        return y
    if n >= 64:  # every sixth output reads all of x
        x = aligned(x)
    x_pointer, w_pointer, y_pointer = pointer(x), pointer(w), pointer(y, writable=True)
    block = max(1, min(BLOCK, int(threads.CHUNK_SECONDS * speed / (GRAIN * max(k, 1)))))
    for i in range(0, m, block):
        rows = min(block, m - i)
        operands = (rows, n, k, *sizes, x_pointer + i * k, w_pointer, *scales, y_pointer + i * n)
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "w"), n, rows * n * k / speed, GRAIN)
    return y

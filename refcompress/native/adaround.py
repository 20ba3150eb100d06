"""AdaRound: the steps of the descent in C, the products by gemm_s8s8."""

from functools import wraps

import numpy as np

from .. import reference
from ..reference.quantize.adaround import adaround_arguments, push_of, rounded, schedule, whole_hessian
from ..reference.quantize.integers import limits
from . import gemm, threads
from ._call import check, empty, pointer
from ._kernels import ffi
from .packers import prepare

__all__ = ["quantize_adaround"]

SPEED = 1e8  # elements a second and thread, to the order of magnitude
GRAIN = 64  # elements: a chunk begins on a cache line


def quantize_adaround(kernel, row):
    """Return the operation quantize_adaround, whose steps are a C kernel's.

    An integer of 14 bits is 128 times one of 8 bits and one of 7 bits with a sign. So its exact products are four of
    gemm_s8s8: of both halves of the errors, one above the other, with both halves of the Hessian.
    """
    product = gemm.gemm_s8s8(row.kernels["gemm_s8s8"], row)

    @wraps(reference.quantize_adaround)
    @np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
    def quantize_adaround(w, hessian, *, bits=4, scheme="symmetric", axis=0, group=None, scale=None, zero_point=None,
                          iterations=1000, learning_rate=0.02):
        w, h, nearest, iterations, learning_rate = adaround_arguments(
            w, hessian, bits, scheme, axis, group, scale, zero_point, iterations, learning_rate)
        whole = whole_hessian(h)
        high = (whole + 64) >> 7
        halves = [prepare(half.astype(np.int8), product="gemm_s8s8") for half in (high, whole - 128 * high)]

        def solve(problem):
            return _descent(kernel, product, problem, halves, iterations, learning_rate)

        return rounded(w, h, nearest, limits(int(bits), scheme), solve)

    return quantize_adaround


def _descent(kernel, product, problem, halves, iterations, learning_rate):
    """Return v after the steps."""
    v, shape = problem.v, problem.v.shape
    if not v.size:
        return v
    mean, square, x = np.zeros(shape), np.zeros(shape), empty((2 * len(v), shape[1]), np.int8)
    by = ffi.new("struct rc_adaround *")
    for name in ("down", "steps", "low", "high", "unit", "slope"):
        setattr(by, name, pointer(getattr(problem, name)))
    operands = v.size, by, *(pointer(a, writable=True) for a in (v, mean, square, x))
    sums: list[np.ndarray] = []  # what the struct points at

    def step():
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "w"), v.size, v.size / SPEED, GRAIN)

    step()
    for by.rate, by.power in schedule(iterations, learning_rate):
        by.regularizer = push_of(by.power)
        sums[:] = (product(x, half) for half in halves)
        by.by_high, by.by_low = map(pointer, sums)
        step()
    return v

"""AdaRound: the steps of the descent in C, the exact products by gemm_s8s8 or by BLAS."""

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

    An integer of 14 bits is 128 times one of 8 bits and one of 7 bits with a sign. So its exact products are three of
    gemm_s8s8: of the high halves, of the low halves, and of their sums, which have 8 bits too (Karatsuba). Where no
    instruction multiplies int8, exact products by BLAS in float64 take less time.
    """
    product = gemm.gemm_s8s8(row.kernels["gemm_s8s8"], row) if row.isa == "avx512" else None

    @wraps(reference.quantize_adaround)
    @np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
    def quantize_adaround(w, hessian, *, bits=4, scheme="symmetric", axis=0, group=None, scale=None, zero_point=None,
                          iterations=1000, learning_rate=0.02):
        w, h, nearest, iterations, learning_rate = adaround_arguments(
            w, hessian, bits, scheme, axis, group, scale, zero_point, iterations, learning_rate)
        whole = whole_hessian(h)
        sums = _by_blas(whole.astype(np.float64)) if product is None else _by_bytes(product, whole)
        return rounded(w, h, nearest, limits(int(bits), scheme),
                       lambda problem: _descent(kernel, sums, problem, iterations, learning_rate))

    return quantize_adaround


def _by_bytes(product, whole: np.ndarray):
    """Return the function that writes the sums of both halves of x, one above the other, to what a step reads."""
    high = (whole + 64) >> 7
    low = whole - 128 * high
    parts = [prepare(part.astype(np.int8), product="gemm_s8s8") for part in (high, low, high + low)]

    def sums(x: np.ndarray, by_high: np.ndarray, by_low: np.ndarray) -> None:
        m = len(x) // 2
        by_high[:m], by_low[m:] = product(x[:m], parts[0]), product(x[m:], parts[1])
        crossed = product(x[:m] + x[m:], parts[2])
        crossed -= by_high[:m]
        np.subtract(crossed, by_low[m:], out=by_high[m:])

    return sums


def _by_blas(whole: np.ndarray):
    """Return the same function with one product in float64, whose sums are cut at their fourteenth bit."""
    def sums(x: np.ndarray, by_high: np.ndarray, by_low: np.ndarray) -> None:
        m = len(x) // 2
        total = (128.0 * x[:m] + x[m:]) @ whole
        high = np.floor(total * 2.0**-14)
        total -= high * 2.0**14
        by_high[:m], by_low[m:] = high, total

    return sums


def _descent(kernel, sums, problem, iterations, learning_rate):
    """Return v after the steps."""
    v, shape = problem.v, problem.v.shape
    if not v.size:
        return v
    mean, square, x = np.zeros(shape), np.zeros(shape), empty((2 * len(v), shape[1]), np.int8)
    by_high, by_low = np.zeros((2, *x.shape), np.int32)
    by = ffi.new("struct rc_adaround *")
    for name in ("down", "steps", "low", "high", "unit", "slope"):
        setattr(by, name, pointer(getattr(problem, name)))
    operands = v.size, by, *(pointer(a, writable=True) for a in (v, mean, square, x))

    def step():
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "w"), v.size, v.size / SPEED, GRAIN)

    step()
    by.by_high, by.by_low = pointer(by_high), pointer(by_low)
    for by.rate, by.power in schedule(iterations, learning_rate):
        by.regularizer = push_of(by.power)
        sums(x, by_high, by_low)
        step()
    return v

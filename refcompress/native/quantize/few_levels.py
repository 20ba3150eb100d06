"""quantize_binary and quantize_ternary in C: values are written while their sum is found; for ternary ones a sum of all
that shares a scale comes before.

Where one scale is for all weights, threads share its sums, piece by piece of NumPy's tree.
"""

import math
from functools import wraps

import numpy as np

from ... import arguments, reference
from ...constants import SMALLEST_NORMAL
from ...formats import Quantized
from ...reference.quantize.few_levels import ternary_request
from ...reference.quantize.integers import sharing_arguments
from .. import _table, threads
from .._call import check, empty, freeze, pointer
from .._kernels import ffi, lib
from ..share import sorted_keys
from . import ranges
from .ranges import in_pieces

__all__ = []

MOST = 2e9  # elements a second and thread, to the order of magnitude: memory sets it
SLAB = 2**13  # elements of segments that are copied at least, where they do not lie in one piece
PIECE = 2**18  # elements whose sum is one call: 1 MiB, which a call of some microseconds costs nothing
LONG = 2**16  # of more elements magnitudes are sorted by counting, and looked at a part at a time


def quantize_binary(kernel, row):
    """Return the operation quantize_binary computed by a C kernel."""
    add = _adder(row)

    @wraps(reference.quantize_binary)
    def quantize_binary(w, *, axis=None, group=None):
        w, shape, axis, group = sharing_arguments(w, axis, group, "w")

        def some(x, group, scale, values):
            operands = x.shape[1], group, pointer(x), *(pointer(a, writable=True) for a in (scale, values))
            threads.run(lambda begin, end: _check(kernel(begin, end, *operands), w), scale.size, x.size / MOST)

        def of_all(x, values):
            return add(x, -1.0, w, values)[0] / x.size

        return _few(w, shape, axis, group, float(SMALLEST_NORMAL), some, of_all)

    return quantize_binary


def quantize_ternary(kernel, row):
    """Return the operation quantize_ternary computed by a C kernel; for the best delta magnitudes are sorted."""
    add = _adder(row)

    @wraps(reference.quantize_ternary)
    def quantize_ternary(w, *, threshold=0.7, axis=None, group=None):
        w, shape, axis, group, threshold = ternary_request(w, threshold, axis, group)
        if threshold is None:
            arguments.finite(w, "w")

        def some(x, group, scale, values):
            deltas = None if threshold is not None else _best_deltas(x, group)
            operands = (x.shape[1], group, threshold or 0.0, ffi.NULL if deltas is None else pointer(deltas),
                        pointer(x), *(pointer(a, writable=True) for a in (scale, values)))
            threads.run(lambda begin, end: _check(kernel(begin, end, *operands), w), scale.size, x.size / MOST)

        def of_all(x, values):
            delta = _best_delta(x) if threshold is None else threshold * add(x, -1.0, w)[0] / x.size
            total, count = add(x, delta, w, values)
            return total / count if count else 1.0

        return _few(w, shape, axis, group, 1.0, some, of_all)

    return quantize_ternary


def _few(w, shape, axis, group, of_nothing, some, of_all):
    """Return the Quantized: ``some`` writes the scales and values of runs, ``of_all`` returns the one scale of all."""
    values, scale = empty(w.shape, np.int8), np.full(shape, of_nothing, np.float32)
    if w.size and math.prod(shape) == 1:
        scale[...] = np.maximum(np.float32(of_all(w.reshape(-1), values.reshape(-1))), SMALLEST_NORMAL)
    else:
        for x, run, place in in_pieces(w, shape, axis, group, max(SLAB, w.size // 32)):
            if place is ...:
                some(x, run, scale, values)
                continue
            own, scales = np.empty(x.shape, np.int8), np.empty(len(x), np.float32)
            some(x, run, scales, own)
            moved = np.moveaxis(values, axis, 0)[place[axis]]
            moved[...] = own.reshape(moved.shape)
            scale[place] = scales.reshape(scale[place].shape)
    zero_point = np.zeros(shape, np.int8)
    freeze(values, scale, zero_point)
    return Quantized(values, scale, zero_point, group)


def _adder(row):
    """Return the function that adds what is above a delta, and counts it, of one long run; it may write the values."""
    kernel = row.kernels.get("quantize_few_sum") or _table.widest("quantize_few_sum")  # none with a user's kernel

    def add(x, delta, w, values=None):
        pieces = list(ranges.leaves(0, x.size, PIECE))
        if values is None:  # what reads the weights next, from their begin, finds those in the caches
            pieces.reverse()
        sums, counts = np.empty(len(pieces)), np.empty(len(pieces), np.uint64)
        operands = pointer(x), *(pointer(a, writable=True) for a in (sums, counts)), (
            ffi.NULL if values is None else pointer(values, writable=True))

        def some(begin, end):
            source, total, count, target = operands
            for i in range(begin, end):
                at, size = pieces[i]
                _check(kernel(at, at + size, delta, source, total + i, count + i, target), w)

        threads.run(some, len(pieces), x.size / MOST)
        ordered = sums[::-1] if values is None else sums
        return float(ranges.tree(x.size, iter(ordered), PIECE)), int(counts.sum())

    return add


def _check(status: int, w: np.ndarray) -> None:
    if status == lib.RC_NOT_FINITE:
        arguments.finite(w, "w")  # says which
    check(status, "w")


def _best_deltas(x: np.ndarray, group: int) -> np.ndarray:
    """Return the best delta of each run of ``group`` of the rows of x."""
    k = x.shape[1]
    deltas = np.empty((len(x), -(-k // group)))
    if group > LONG:
        for i, begin in np.ndindex(deltas.shape):
            deltas[i, begin] = _best_delta(np.ascontiguousarray(x[i, begin * group : (begin + 1) * group]))
        return deltas
    step = max(1, ranges.SLAB // k)
    whole = k // group

    def some(begin, end):
        for i in range(begin * step, min(end * step, len(x)), step):
            rows = slice(i, min(i + step, len(x)))
            for runs, own in ((x[rows, : whole * group].reshape(-1, group), deltas[rows, :whole]),
                              (x[rows, whole * group :], deltas[rows, whole:])):
                if runs.size:
                    ascending, found = np.sort(np.abs(runs), axis=1), np.empty(len(runs))
                    check(lib.rc_quantize_best_deltas(0, len(runs), runs.shape[1], pointer(ascending),
                                                      pointer(found, writable=True)), "w")
                    own[...] = found.reshape(own.shape)

    threads.run(some, -(-len(x) // step), x.size / 1e8)
    return deltas


def _best_delta(x: np.ndarray) -> float:
    """Return the best delta of one long run."""
    keys, _, _ = sorted_keys(np.abs(x), None, False)
    ascending = (keys ^ np.uint32(1 << 31)).view(np.float32)  # of what is not negative the keys are the bits, and one
    search = ffi.new("struct rc_few_search *")
    for end in range(len(x), 0, -LONG):
        check(lib.rc_quantize_best_delta(max(end - LONG, 0), end, len(x), pointer(ascending), search), "w")
    return search.delta

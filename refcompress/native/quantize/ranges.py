"""Ranges in C: a magnitude by its rank, the errors of all grids in one reading, histograms and their divergences."""

import math
import threading
from collections.abc import Iterator
from functools import wraps

import numpy as np

from ... import reference
from ...reference.quantize.integers import limits, scale_and_zero_point
from ...reference.quantize.ranges import (
    clip_range,
    kl_request,
    mse_request,
    percentile_request,
    reduce_shared,
)
from .. import _table, threads
from .._call import check, pointer
from .._kernels import ffi, lib
from ..prune.largest import BLOCK, SHARE, SMALL, is_callers, magnitude_number
from . import kernels

FEW = 512  # elements that are put into bins one by one: the histogram kernel begins by emptying its bins
SEGMENTS = 2e8  # segments a second and thread whose divergence is added, to the order of magnitude
ELEMENTS = 1e8  # elements a second and thread whose rank is found
GRIDS = 5e8  # elements a second and thread that are rounded to a grid
PIECE = 2**15  # elements whose errors by all grids are found at a time
SLAB = 2**16  # elements of segments that are copied where they do not lie in one piece


def quantize_range_percentile(kernel, row):
    """Return the operation quantize_range_percentile computed by C kernels: one for all of x, one for runs."""
    ranks = row.kernels.get("quantize_range_ranks") or _table.widest("quantize_range_ranks")  # none with the user's
    minmax = row.kernels["quantize_range_minmax"]
    least = SHARE if is_callers(row, "quantize_range_percentile", kernel) else SMALL

    @wraps(reference.quantize_range_percentile)
    def quantize_range_percentile(x, *, percentile=99.99, axis=None, group=None):
        x, shape, axis, group, share = percentile_request(x, percentile, axis, group)
        if math.prod(shape) == 1 and x.size >= least:
            return tuple(end.reshape(shape) for end in _of_all(kernel, x, math.ceil(share * x.size) - 1))
        low, high = kernels._range(minmax, row.speed, x, shape, group)
        k = kernels._rows_of(x.shape, group)[-1]
        sizes = (x.size // max(math.prod(shape), 1),) if group is None else (min(group, k), k % group)
        if all(math.ceil(share * size) >= size for size in sizes):
            return low, high  # nothing is left out

        def some(x, group, low, high):
            k = x.shape[-1]
            numbers = (math.ceil(share * size) - 1 if size else 0 for size in (group, k % group))
            operands = k, group, *numbers, pointer(x), pointer(low, writable=True), pointer(high, writable=True)
            threads.run(lambda begin, end: check(ranks(begin, end, *operands), "x"), low.size, x.size / ELEMENTS)

        for rows, group, place in in_pieces(x, shape, axis, group):
            own = np.ascontiguousarray(low[place]), np.ascontiguousarray(high[place])
            some(rows, group, *own)
            low[place], high[place] = own
        return low, high

    return quantize_range_percentile


def _of_all(kernel, x: np.ndarray, rank: int):
    """Return the range up to number ``rank`` of the magnitudes of all x, the smallest being number 0."""
    ends = np.zeros((-(-x.size // BLOCK), 2), np.float32)

    def run(part, begin, end, low, high, open_):
        status = kernel(begin, end, x.size, pointer(part.scores), low, high, open_, pointer(part.result, writable=True))
        kernels._check(status, x)

    t = magnitude_number(run, x.reshape(-1), ends, x.size - 1 - rank)
    low, high = ends[:, 0].min(keepdims=True), ends[:, 1].max(keepdims=True)
    return clip_range(low.astype(np.float64), high.astype(np.float64), np.full(1, t))


def in_pieces(x, shape, axis, group, slab=SLAB) -> Iterator[tuple]:
    """Yield rows, how many of their elements share a scale, and the places of these scales: together all of x.

    Segments that do not lie in one piece are copied, ``slab`` elements at a time.
    """
    if not x.size:
        return
    runs = kernels._runs(kernels._rows_of(x.shape, group), shape, group)
    if math.prod(shape) == 1:
        yield x.reshape(1, -1), x.size, ...
    elif runs is not None:
        k, group = runs
        yield x.reshape(-1, k), group, ...
    else:
        moved, count = np.moveaxis(x, axis, 0), x.shape[axis]
        size = x.size // count
        step = max(1, slab // size)
        for begin in range(0, count, step):
            rows = np.ascontiguousarray(moved[begin : begin + step]).reshape(-1, size)
            yield rows, size, tuple(slice(begin, begin + step) if i == axis else slice(None) for i in range(x.ndim))


def quantize_range_mse(kernel, row):
    """Return the operation quantize_range_mse computed by C kernels: its errors have the reference's bits."""
    errors = row.kernels.get("quantize_errors") or _table.widest("quantize_errors")  # none goes with a user's kernel
    minmax = row.kernels["quantize_range_minmax"]
    by_bits = {bits: (getattr(kernels, f"quantize_s{bits}")(row.kernels[f"quantize_s{bits}"], row),
                      getattr(kernels, f"dequantize_s{bits}")(row.kernels[f"dequantize_s{bits}"], row))
               for bits in (8, 16)}

    @np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
    @wraps(reference.quantize_range_mse)
    def quantize_range_mse(x, *, bits=8, scheme="symmetric", axis=None, group=None, steps=100):
        x, shape, bits, scheme, axis, group, steps = mse_request(x, bits, scheme, axis, group, steps)
        low, high = kernels._range(minmax, row.speed, x, shape, group)
        ends = limits(bits, scheme)
        runs = kernels._runs(kernels._rows_of(x.shape, group), shape, group)
        if not x.size:
            return low, high
        if runs is not None:
            operands = (*runs, steps, group is not None, *ends, pointer(x), pointer(low, writable=True),
                        pointer(high, writable=True))
            threads.run(lambda begin, end: check(kernel(begin, end, *operands), "x"), low.size, x.size * steps / GRIDS)
            return low, high
        largest = np.maximum(-low, high)
        if math.prod(shape) == 1:
            t = largest.item() * (np.arange(steps, 0, -1) / steps)
            total = _errors_of_all(errors, x, *scale_and_zero_point(*clip_range(low.item(), high.item(), t), *ends),
                                   ends, begun=group is not None)
            return clip_range(low, high, t[np.argmin(total)])  # the first of the least: the widest
        quantize, dequantize = by_bits[16 if bits == 16 else 8]
        given = {"scheme": scheme, "axis": axis, "group": group} | ({} if bits == 16 else {"bits": bits})
        best, least, error = largest, np.full(low.shape, np.inf), np.empty(x.shape)
        for i in range(steps, 0, -1):
            t = largest * (i / steps)
            scale, zero_point = scale_and_zero_point(*clip_range(low, high, t), *ends)
            np.subtract(dequantize(quantize(x, scale=scale, zero_point=zero_point, **given)), x, out=error,
                        dtype=np.float64)
            total = reduce_shared(np.add, np.square(error, out=error), axis, group)
            best = np.where(total < least, t, best)
            least = np.minimum(total, least)
        return clip_range(low, high, best)

    return quantize_range_mse


def _errors_of_all(kernel, x, scale, zero_point, ends, *, begun: bool) -> np.ndarray:
    """Return the error of all x by each grid: pieces of NumPy's tree of sums by several threads, then the tree."""
    first = int(begun)
    pieces = list(leaves(first, x.size - first)) if x.size > first else []
    if begun:
        pieces = [(0, 1), *pieces]
    sums = np.empty((len(pieces), len(scale)))
    zero_point = zero_point.astype(np.int32)
    grids = len(scale), *ends, pointer(x), pointer(scale), pointer(zero_point)

    def some(begin, end):
        for i in range(begin, end):
            at, size = pieces[i]
            check(kernel(at, at + size, *grids, pointer(sums[i], writable=True)), "x")

    threads.run(some, len(pieces), x.size * len(scale) / GRIDS)
    own = iter(sums)
    total = next(own) if begun else np.zeros(len(scale))
    return total + tree(x.size - first, own) if x.size > first else total


def leaves(begin: int, size: int, longest: int = PIECE) -> Iterator[tuple[int, int]]:
    """Yield the pieces, where they begin and how long they are, that NumPy's tree cuts ``size`` terms into."""
    if size <= longest:
        yield begin, size
        return
    half = size // 2 - size // 2 % 8
    yield from leaves(begin, half, longest)
    yield from leaves(begin + half, size - half, longest)


def tree(size: int, sums: Iterator[np.ndarray], longest: int = PIECE) -> np.ndarray:
    """Return the sums of pieces added in the order of NumPy's tree."""
    if size <= longest:
        return next(sums)
    half = size // 2 - size // 2 % 8
    first = tree(half, sums, longest)
    return first + tree(size - half, sums, longest)


def quantize_range_kl(kernel, row):
    """Return the operation quantize_range_kl computed by C: a kernel for histograms, one form of their divergences."""
    minmax = row.kernels["quantize_range_minmax"]
    few = 0 if is_callers(row, "quantize_range_kl", kernel) else FEW

    @wraps(reference.quantize_range_kl)
    def quantize_range_kl(x, *, bits=8, axis=None, group=None, bins=2048):
        x, shape, levels, axis, group, bins = kl_request(x, bits, axis, group, bins)
        low, high = kernels._range(minmax, row.speed, x, shape, group)
        if math.prod(shape) == 1 and x.size:
            largest = max(-low.item(), high.item())
            if largest == 0:
                return low, high
            room, _arrays = _room(bins, _histogram(kernel, x.reshape(-1), largest, bins))
            m = lib.rc_quantize_kl_least(bins, levels, room)
            return clip_range(low, high, np.full(shape, (m + 0.5) * largest / bins))

        def some(x, group, low, high):
            operands = x.shape[-1], group, levels, bins, few, pointer(x)
            ends = pointer(low, writable=True), pointer(high, writable=True)

            def runs(begin, end):
                room, _arrays = _room(bins, np.empty(bins, np.uint64))
                check(lib.rc_quantize_kl_runs(kernel, begin, end, *operands, room, *ends), "x")

            tried = min(bins, group)
            threads.run(runs, low.size, low.size * (bins + tried * min(tried, levels)) / SEGMENTS)

        for rows, group, place in in_pieces(x, shape, axis, group):
            own = np.ascontiguousarray(low[place]).reshape(-1), np.ascontiguousarray(high[place]).reshape(-1)
            some(rows, group, *own)
            low[place], high[place] = (end.reshape(low[place].shape) for end in own)
        return low, high

    return quantize_range_kl


def _room(bins: int, counts: np.ndarray):
    """Return struct rc_kl_room (csrc/quantize/api.h) with these counts, and what keeps its arrays alive."""
    sizes = {np.uint64: (bins // 64 + 1, bins + 1), np.uint32: (bins + 1, bins + 1, bins + 1),
             np.float64: (bins + 1, lib.RC_KL_LOGS)}
    arrays = [counts, *(np.empty(size, dtype) for dtype, own in sizes.items() for size in own)]
    return ffi.new("struct rc_kl_room *", [pointer(a, writable=True) for a in arrays]), arrays


def _histogram(kernel, members: np.ndarray, largest: float, bins: int) -> np.ndarray:
    """Return how many magnitudes lie in each bin; counted by several threads."""
    counts, lock = np.zeros(bins, np.uint64), threading.Lock()

    def some(begin, end):
        own = np.zeros(bins, np.uint64)
        check(kernel(begin, end, bins, pointer(members), largest, pointer(own, writable=True)), "x")
        with lock:
            counts[...] += own

    threads.run(some, len(members), len(members) / ELEMENTS)
    return counts

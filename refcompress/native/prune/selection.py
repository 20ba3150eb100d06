"""prune_magnitude, prune_project_l0 and prune_select: the largest of all, the largest of each group, and sums."""

import math
from collections.abc import Mapping
from functools import wraps

import numpy as np

from ... import arguments, reference
from ...formats.base import matrix_shape
from ...reference.prune.magnitude import magnitude_request, without_nan
from ...reference.prune.projection import keep_argument
from ...reference.prune.selection import select_request
from ...reference.prune.structure import as_matrix, block_counts, without_cancelled
from .. import _table, threads
from .._call import check, empty, pointer
from .._kernels import lib
from .largest import SPEED, Part, is_callers, keep_largest

COPIED = 512  # scores of a group that are ranked or counted in the nearest cache, at most: csrc/prune/nm.h
LONG = 2**19  # scores of a group that are selected as an array of their own, in calls that each end soon


def prune_magnitude(kernel, row):
    """Return the operation prune_magnitude computed by a C kernel."""
    callers = is_callers(row, "prune_magnitude", kernel)

    @wraps(reference.prune_magnitude)
    def prune_magnitude(w, *, sparsity=None, keep=None):
        arrays, keep = magnitude_request(w, sparsity=sparsity, keep=keep)

        def run(part, begin, end, low, high, open_):
            status = kernel(begin, end, len(part.scores), pointer(part.scores), low, high, open_,
                            pointer(part.result, writable=True))
            _check(status, arrays, "w")

        masks = {name: empty(a.shape, np.uint8) for name, a in arrays.items()}
        keep_largest(run, _parts(arrays, masks), keep, magnitude=True, callers=callers)
        return _of(w, masks)

    return prune_magnitude


def prune_project_l0(kernel, row):
    """Return the operation prune_project_l0 computed by a C kernel."""
    callers = is_callers(row, "prune_project_l0", kernel)

    @wraps(reference.prune_project_l0)
    def prune_project_l0(w, *, keep):
        w, keep = keep_argument(w, keep)

        def run(part, begin, end, low, high, open_):
            status = kernel(begin, end, len(part.scores), pointer(part.scores), low, high, open_,
                            pointer(part.result, writable=True))
            if status == lib.RC_NOT_FINITE:
                arguments.finite(w, "w")  # says which
            check(status, "w")

        v = empty(w.shape, np.float32)
        keep_largest(run, _parts({None: w}, {None: v}), keep, magnitude=True, callers=callers)
        return v

    return prune_project_l0


def prune_select(kernel, row):
    """Return the operation prune_select computed by C kernels: one that selects, one for groups."""
    groups, add, spread = (row.kernels.get(name) or _table.widest(name)  # none goes with a kernel of the user's own
                           for name in ("prune_nm", "prune_sums", "prune_spread"))
    callers = is_callers(row, "prune_select", kernel)

    @wraps(reference.prune_select)
    def prune_select(scores, *, sparsity=None, keep=None, structure="element", block=None, n=None, m=None, axis=None):
        arrays, sides, keep = select_request(scores, structure, sparsity=sparsity, keep=keep, block=block, n=n, m=m,
                                             axis=axis)
        masks = {name: empty(a.shape, np.uint8) for name, a in arrays.items()}
        if structure == "nm":
            for name, a in arrays.items():
                _n_of_m(groups, kernel, a, masks[name], *sides[name], arrays)
            return _of(scores, masks)
        if structure != "element":
            sums = {name: _sums(add, a, *sides[name]) for name, a in arrays.items()}
            kept = {name: empty(a.shape, np.uint8) for name, a in sums.items()}

            def refuse():
                without_nan(arrays, "scores")
                for own in sums.values():
                    without_cancelled(own, structure)

            keep_largest(_run(kernel, refuse), _parts(sums, kept), keep, magnitude=False, callers=callers)
            for name, mask in masks.items():
                _spread(spread, mask, kept[name], *sides[name])
            return _of(scores, masks)
        keep_largest(_run(kernel, lambda: without_nan(arrays, "scores")), _parts(arrays, masks), keep, magnitude=False,
                     callers=callers)
        return _of(scores, masks)

    return prune_select


def _run(kernel, refuse):
    """Return the pass of prune_select over a part (largest.py); ``refuse()`` says where a score is NaN."""
    def run(part, begin, end, low, high, open_):
        scores = part.scores
        status = kernel(begin, end, len(scores), scores.dtype == np.float64, pointer(scores), low, high, open_,
                        pointer(part.result, writable=True))
        if status == lib.RC_NOT_FINITE:
            refuse()
        check(status, "scores")

    return run


def _n_of_m(kernel, select, scores, mask, n, m, axis, arrays):
    """Write the mask of the n largest of each m, as reference/prune/structure.py has it."""
    if not scores.size:
        return
    along = matrix_shape(scores.shape) if axis is None else scores.shape
    axis = (len(along) - 1 if axis is None else axis) % len(along)
    length, inner = along[axis], math.prod(along[axis + 1 :])
    outer = scores.size // (length * inner)
    if m > length:
        n, m = -(-n * length // m), length  # one short group: C multiplies n by its length, in 64 bits
    if m >= LONG:
        _long_groups(select, scores.reshape(outer, length, inner), mask.reshape(outer, length, inner), n, m, arrays)
        return
    if inner == 1 and length % m == 0:
        outer, length = 1, outer * length  # no group is short: one row
    operands = length, inner, n, m, scores.dtype == np.float64, pointer(scores.reshape(-1)), pointer(
        mask.reshape(-1), writable=True)
    speed = SPEED / (8 if m <= COPIED else 32 if inner == 1 else 64)  # to the order of magnitude, as measured
    threads.run(lambda begin, end: _check(kernel(begin, end, *operands), arrays, "scores"), outer * -(-length // m),
                scores.size / speed)


def _long_groups(kernel, scores, mask, n, m, arrays):
    """Write the mask of the n largest of each m along the middle axis, one group after the other."""
    run = _run(kernel, lambda: without_nan(arrays, "scores"))
    for outer, inner in np.ndindex(len(scores), scores.shape[2]):
        for begin in range(0, scores.shape[1], m):
            place = outer, slice(begin, begin + m), inner
            own = np.ascontiguousarray(scores[place])
            kept = np.empty(len(own), np.uint8)
            keep_largest(run, [Part(own, kept)], -(-n * len(own) // m), magnitude=False)
            mask[place] = kept


def _sums(kernel, scores, high, wide):
    """Return the sum of the scores in each block; of blocks of one element the scores."""
    if high == wide == 1:
        return scores
    (rows, columns), (down, across) = as_matrix(scores.shape), block_counts(scores.shape, high, wide)
    sums = empty((down, across), np.float64)
    operands = rows, columns, high, wide, scores.dtype == np.float64, pointer(scores), pointer(sums, writable=True)
    seconds = scores.size / (SPEED / 2)
    if down > 1:
        threads.run(lambda begin, end: check(kernel(begin, end, 0, across, *operands), "scores"), down, seconds)
    else:
        threads.run(lambda begin, end: check(kernel(0, down, begin, end, *operands), "scores"), across, seconds, 64)
    return sums


def _spread(kernel, mask, kept, high, wide):
    """Write the mask of all elements, given the one of the blocks."""
    if not mask.size:
        return
    if high == wide == 1:
        mask[...] = kept.reshape(mask.shape)
        return
    rows, columns = as_matrix(mask.shape)
    operands = columns, high, wide, pointer(kept), pointer(mask, writable=True)
    threads.run(lambda begin, end: check(kernel(begin, end, *operands), "scores"), rows, mask.size / SPEED)


def _parts(arrays: dict, results: dict) -> list[Part]:
    """Return the arrays, all of one type, beside what is written of them."""
    wide = any(a.dtype == np.float64 for a in arrays.values())
    return [Part(a.reshape(-1).astype(np.float64, copy=False) if wide else a.reshape(-1), results[name].reshape(-1))
            for name, a in arrays.items()]


def _check(status: int, arrays: dict, argument: str) -> None:
    if status == lib.RC_NOT_FINITE:
        without_nan(arrays, argument)  # says which
    check(status, argument)


def _of(given, masks: dict):
    """Return the masks as they were asked for: of a dict a dict, of one array its mask."""
    masks = {name: mask.view(np.bool_) for name, mask in masks.items()}
    return masks if isinstance(given, Mapping) else masks[None]

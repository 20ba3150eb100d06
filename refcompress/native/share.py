"""The share family: share_kmeans in C; share_optimal in C too, sorted and coded by the parts of share_kmeans.

Prefix sums and three of the four starts are the reference's own (NumPy sums at C speed). The kernel does the steps. The
sorting before, rc_share_best_cut, which the start "cut" asks for, rc_share_best_begins, the dynamic program of
share_optimal, and rc_share_codes, which finds the codes, are no operations of their own.
"""

from functools import wraps

import numpy as np

from .. import reference
from ..formats import Shared
from ..reference.share.kmeans import boundaries, kmeans_arguments
from ..reference.share.optimal import segments, sums
from ..reference.share.starts import cut_start, distinct, initial_centroids
from . import threads
from ._call import check, pointer
from ._kernels import ffi, lib

__all__ = ["share_kmeans", "share_optimal"]

SORTED_AT_A_TIME = 2**20  # weights: some milliseconds
SEARCH_SECONDS = 1e-8  # of one halving in a search through memory, to the order of magnitude
COST_SECONDS = 3e-9  # of the cost of one segment, likewise


def share_kmeans(kernel, row):
    """Return the operation share_kmeans computed by a C kernel."""

    @wraps(reference.share_kmeans)
    def share_kmeans(w, *, bits=None, clusters=None, init="cut", weights=None, pruned=False, seed=None, iterations=100):
        w, clusters, init, weights, pruned, seed, iterations = kmeans_arguments(
            w, bits, clusters, init, weights, pruned, seed, iterations)
        x, weights = _sorted_values(w, weights, pruned)
        c = _start(x, weights, min(clusters - pruned, len(x)), init, seed)
        if len(c):
            c = _steps(kernel, x, weights, c, iterations)
        return _nearest(w, x, c, pruned)

    return share_kmeans


@wraps(reference.share_optimal)
def share_optimal(w, *, bits=None, clusters=None, weights=None, pruned=False):
    w, clusters, _, weights, pruned, *_ = kmeans_arguments(w, bits, clusters, "cut", weights, pruned, None, 0)
    x, weights = _sorted_values(w, weights, pruned)
    c = best_means(*distinct(x, weights), min(clusters - pruned, len(x)))
    return _nearest(w, x, c, pruned)


def best_means(x: np.ndarray, omega: np.ndarray, k: int) -> np.ndarray:
    """Return the means of the best k segments of the distinct ascending values x, in O(k d log d).

    The recurrence is the reference's. A row D[j] is made level by level: the best t rises with i (Gronlund et al.,
    2017, arXiv 1701.07204), so the t of a place lies between those of its neighbours, and the distance between solved
    places is halved until all are.
    """
    n = len(x)
    if n <= k:
        return x
    cost, mean = segments(x, omega)
    _, sums_of_segments = sums(x, omega)
    D, begin = np.empty((2, n + 1)), np.empty((k + 1, n + 1), np.uint64)
    D[1] = cost(np.zeros(n + 1, np.intp), np.arange(n + 1))
    levels = n.bit_length()
    operands = (levels, n, *map(pointer, sums_of_segments), pointer(D, writable=True), pointer(begin, writable=True))
    few = max(1, int(threads.CHUNK_SECONDS / (COST_SECONDS * 2 * n)))  # a level has at most 2 n costs
    for first in range(0, (k - 1) * levels, few):
        check(lib.rc_share_best_begins(first, min(first + few, (k - 1) * levels), *operands), "w")
    ends = [n]
    for j in range(k, 1, -1):
        ends.append(int(begin[j, ends[-1]]))
    ends.append(0)
    return mean(np.array(ends[:0:-1]), np.array(ends[-2::-1]))


def _sorted_values(w, weights, pruned):
    """Return the values to be fitted, ascending, and their weights (or None), both float64, as the reference does.

    By counting, from the lowest digit to the highest, a part at a time: NumPy sorts 16 million weights in one call,
    which takes a second (four where it must say the order), and Ctrl-C waits for it.
    """
    def parts(size):
        return ((begin, min(begin + SORTED_AT_A_TIME, size)) for begin in range(0, size, SORTED_AT_A_TIME))

    keys, kept = np.empty(w.size, np.uint32), ffi.new("uint64_t *")
    counts = np.zeros((3, lib.RC_SHARE_DIGITS), np.uint64)
    carried = None if weights is None else np.empty(w.size, np.float32)
    for begin, end in parts(w.size):
        check(lib.rc_share_keys(begin, end, pruned, pointer(w), _or_null(weights), kept, pointer(keys, writable=True),
                                _or_null(carried, writable=True), pointer(counts, writable=True)), "w")
    keys = keys[: kept[0]]
    carried = None if weights is None else carried[: kept[0]]
    for digit in range(3):
        places = np.cumsum(counts[digit]) - counts[digit]
        ordered, ordered_weights = np.empty_like(keys), None if carried is None else np.empty_like(carried)
        for begin, end in parts(len(keys)):
            check(lib.rc_share_order(begin, end, digit, len(keys), pointer(keys), _or_null(carried),
                                     pointer(places, writable=True), pointer(ordered, writable=True),
                                     _or_null(ordered_weights, writable=True)), "w")
        keys, carried = ordered, ordered_weights
    x = np.empty(len(keys))
    for begin, end in parts(len(keys)):
        check(lib.rc_share_values(begin, end, pointer(keys), pointer(x, writable=True)), "w")
    return x, None if carried is None else carried.astype(np.float64)


def _or_null(a, **how):
    return ffi.NULL if a is None else pointer(a, **how)


def _start(x, weights, k, init, seed):
    """Return the reference's first centroids, the best cuts found by C."""
    if init != "cut":
        return initial_centroids(x, weights, k, init, seed)
    values, omega = distinct(x, weights)
    return values if len(values) <= k else cut_start(values, omega, k, _best_cut)


def _best_cut(x, omega):
    """Return by how much the best cut of a segment lowers its squared error, where it is, and the segment's mean."""
    gain, cut, mean = ffi.new("double *"), ffi.new("uint64_t *"), ffi.new("double *")
    check(lib.rc_share_best_cut(len(x), pointer(x), pointer(omega), gain, cut, mean), "w")
    return gain[0], cut[0], mean[0]


def _steps(kernel, x, weights, c, iterations):
    """Return the centroids after at most ``iterations`` steps, a few at a time: Ctrl-C is answered between them."""
    c = c.copy()
    ends = np.full(len(c), np.iinfo(np.uint64).max, dtype=np.uint64)  # of no step: the first one always moves them
    settled = ffi.new("int32_t *")
    omega = np.ones(len(x)) if weights is None else weights
    S, W = (np.concatenate([[0.0], np.cumsum(terms)]) for terms in (omega * x, omega))
    operands = (len(x), len(c), pointer(x), pointer(S), pointer(W), pointer(c, writable=True),
                pointer(ends, writable=True), settled)
    seconds = SEARCH_SECONDS * len(c) * len(x).bit_length()
    few = max(1, int(threads.CHUNK_SECONDS / seconds))
    for begin in range(0, iterations, few):
        check(kernel(begin, min(begin + few, iterations), *operands), "w")
        if settled[0]:
            break
    return c


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def _nearest(w, x, c, pruned):
    """Return w with each weight at the nearest of the centroids c of its sorted values x, as the reference does."""
    book = np.unique(c.astype(np.float32) + np.float32(0))
    ends = np.concatenate([[0], np.searchsorted(x, boundaries(book), side="right"), [len(x)]])
    book = book[ends[:-1] < ends[1:]] if len(book) else book  # values that are nearest to some x
    code_of, codebook = np.arange(len(book)), book
    if pruned:
        code_of, codebook = np.cumsum(book != 0) * (book != 0), np.append(np.float32(0), book[book != 0])
    return Shared(_codes(w, boundaries(book), code_of, pruned, len(codebook) > 256), codebook)


def _codes(w, ends, code_of, pruned, wide):
    codes = np.empty(w.shape, dtype=np.uint16 if wide else np.uint8)
    # Where all is pruned there are no fitted values; the entry is for a weight that another thread changes meanwhile.
    code_of = (code_of if len(code_of) else np.zeros(1)).astype(np.uint16)
    operands = (len(ends), pointer(ends), pointer(code_of), pruned, wide, pointer(w), pointer(codes, writable=True))
    seconds = SEARCH_SECONDS * w.size * len(code_of).bit_length()
    threads.run(lambda begin, end: check(lib.rc_share_codes(begin, end, *operands), "w"), w.size, seconds)
    codes.flags.writeable = False  # nobody else has it: the format keeps it without a copy
    return codes

"""The share family in C: share_kmeans.

Prefix sums and the choice of the first centroids are the reference's own (NumPy sums at C speed). The kernel does the steps;
the sorting before, rc_share_best_cut, which the first centroids ask for, and rc_share_codes, which finds the codes, are no
operations of their own.
"""

from functools import wraps

import numpy as np

from .. import reference
from ..formats import Shared
from ..reference.share.kmeans import final_values, kmeans_arguments, numbered, running_sums
from ..reference.share.starts import initial_centroids
from . import threads
from ._call import check, pointer
from ._kernels import ffi, lib

__all__ = ["share_kmeans"]

SORTED_AT_A_TIME = 2**20  # weights: some milliseconds
SEARCH_SECONDS = 1e-8  # of one halving in a search through memory, to the order of magnitude


def share_kmeans(kernel, row):
    """Return the operation share_kmeans computed by a C kernel."""

    @wraps(reference.share_kmeans)
    def share_kmeans(w, *, bits=None, clusters=None, init="cut", weights=None, pruned=False, seed=None, iterations=100):
        w, clusters, init, weights, pruned, seed, iterations = kmeans_arguments(w, bits, clusters, init, weights, pruned, seed,
                                                                                iterations)
        x, weights = _sorted_values(w, weights, pruned)
        c = initial_centroids(x, weights, min(clusters - pruned, len(x)), init, seed, _best_cut)
        if len(c):
            c = _steps(kernel, x, weights, c, iterations)
        book, ends = final_values(x, c)
        codebook, code_of = numbered(book, pruned)
        return Shared(_codes(w, ends, code_of, pruned, len(codebook) > 256), codebook)

    return share_kmeans


def _sorted_values(w, weights, pruned):
    """Return the values to be fitted, ascending, and their weights (or None), both float64, as the reference does.

    By counting, from the lowest digit to the highest, a part at a time: NumPy sorts 16 million weights in one call, which takes
    a second (four where it must say the order), and Ctrl-C waits for it.
    """
    def parts(size):
        return ((begin, min(begin + SORTED_AT_A_TIME, size)) for begin in range(0, size, SORTED_AT_A_TIME))

    keys, kept, counts = np.empty(w.size, np.uint32), ffi.new("uint64_t *"), np.zeros((3, lib.RC_SHARE_DIGITS), np.uint64)
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
            check(lib.rc_share_order(begin, end, digit, len(keys), pointer(keys), _or_null(carried), pointer(places, writable=True),
                                     pointer(ordered, writable=True), _or_null(ordered_weights, writable=True)), "w")
        keys, carried = ordered, ordered_weights
    x = np.empty(len(keys))
    for begin, end in parts(len(keys)):
        check(lib.rc_share_values(begin, end, pointer(keys), pointer(x, writable=True)), "w")
    return x, None if carried is None else carried.astype(np.float64)


def _or_null(a, **how):
    return ffi.NULL if a is None else pointer(a, **how)


def _best_cut(x, omega):
    """Return by how much the best cut of a run lowers its squared error, where it is, and the run's mean."""
    gain, cut, mean = ffi.new("double *"), ffi.new("uint64_t *"), ffi.new("double *")
    check(lib.rc_share_best_cut(len(x), pointer(x), pointer(omega), gain, cut, mean), "w")
    return gain[0], cut[0], mean[0]


def _steps(kernel, x, weights, c, iterations):
    """Return the centroids after at most ``iterations`` steps, a few at a time: Ctrl-C is answered between them."""
    c = c.copy()
    ends = np.full(len(c), np.iinfo(np.uint64).max, dtype=np.uint64)  # of no step: the first one always moves them
    settled = ffi.new("int32_t *")
    S, W = running_sums(x, weights)
    operands = (len(x), len(c), pointer(x), pointer(S), pointer(W), pointer(c, writable=True),
                pointer(ends, writable=True), settled)
    seconds = SEARCH_SECONDS * len(c) * len(x).bit_length()
    few = max(1, int(threads.CHUNK_SECONDS / seconds))
    for begin in range(0, iterations, few):
        check(kernel(begin, min(begin + few, iterations), *operands), "w")
        if settled[0]:
            break
    return c


def _codes(w, ends, code_of, pruned, wide):
    codes = np.empty(w.shape, dtype=np.uint16 if wide else np.uint8)
    # Where all is pruned there are no fitted values; the entry is for a weight that another thread changes meanwhile.
    code_of = (code_of if len(code_of) else np.zeros(1)).astype(np.uint16)
    operands = (len(ends), pointer(ends), pointer(code_of), pruned, wide, pointer(w), pointer(codes, writable=True))
    seconds = SEARCH_SECONDS * w.size * len(code_of).bit_length()
    threads.run(lambda begin, end: check(lib.rc_share_codes(begin, end, *operands), "w"), w.size, seconds)
    codes.flags.writeable = False  # nobody else has it: the format keeps it without a copy
    return codes

"""The share family: share_kmeans in C; share_optimal in C too, sorted and coded by the parts of share_kmeans.

Three of the four starts are the reference's own. The kernel does the steps. The sorting and the sums before,
rc_share_best_cut, which the start "cut" asks for, the walks of share_optimal (paths.py), and rc_share_codes, which
finds the codes, are no operations of their own.
"""

from functools import wraps

import numpy as np

from .. import reference
from ..formats import Shared
from ..reference.share.kmeans import boundaries, float32_below, kmeans_arguments
from ..reference.share.starts import cut_start, initial_centroids
from . import paths, threads
from ._call import check, pointer
from ._kernels import ffi, lib
from ._table import widest

__all__ = ["share_kmeans", "share_optimal"]

SORTED_AT_A_TIME = 2**20  # weights: some milliseconds
CODE_SECONDS = 1e-9  # of one halving in a search among few ends, to the order of magnitude
SEARCH_SECONDS = 1e-8  # of one halving in a search through memory, to the order of magnitude


def share_kmeans(kernel, row):
    """Return the operation share_kmeans computed by a C kernel."""

    @wraps(reference.share_kmeans)
    def share_kmeans(w, *, bits=None, clusters=None, init="cut", weights=None, pruned=False, seed=None, iterations=100):
        w, clusters, init, weights, pruned, seed, iterations = kmeans_arguments(
            w, bits, clusters, init, weights, pruned, seed, iterations)
        # One piece of memory for all: the system would take back and clear several after each call, which took as long
        # as the sorting.
        room = np.empty(2 * w.size + 4 * (w.size + 1), np.uint32)
        keys, weights, spare = sorted_keys(w, weights, pruned, room[: 2 * w.size])
        x, sums = _sums(keys, weights, spare.view(np.float32), room[2 * w.size :].view(np.float64))
        c = _start(x, weights, sums, min(clusters - pruned, len(x)), init, seed)
        if len(c):
            c = _steps(kernel, x, sums, c, iterations)
        return _nearest(codes, w, x, c, pruned)

    codes = share_kmeans.codes = row.kernels.get("share_codes") or widest("share_codes")  # none with a user's
    return share_kmeans


def share_optimal(share_kmeans):
    """Return the operation share_optimal, whose codes are found as those of share_kmeans."""

    @wraps(reference.share_optimal)
    def share_optimal(w, *, bits=None, clusters=None, weights=None, pruned=False):
        w, clusters, _, weights, pruned, *_ = kmeans_arguments(w, bits, clusters, "cut", weights, pruned, None, 0)
        keys, weights, _ = sorted_keys(w, weights, pruned)
        c, x = best_means(keys, weights, min(clusters - pruned, len(keys)))
        return _nearest(share_kmeans.codes, w, x, c, pruned)

    return share_optimal


def best_means(keys: np.ndarray, weights: np.ndarray | None, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the means of the best k segments of the values of ascending keys, and the distinct ones of the values."""
    points, values, middle = running_sums(keys, weights)
    if len(values) <= k:
        return values.astype(np.float64), values
    places = paths.best_ends(points, k)
    s, w = np.diff(points[places, 1:3], axis=0).T
    first, last = (values[at].astype(np.float64) for at in (places[:-1], places[1:] - 1))
    mean = np.where(w > 0, middle + np.divide(s, w, out=np.zeros(len(w)), where=w > 0), first)
    return np.minimum(np.maximum(mean, first), last), values


def running_sums(keys: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, float]:
    """Return rc_share_points's points, the distinct values, and the value in the middle, which is taken off them.

    That makes the squares small, and so their rounding.
    """
    n = len(keys)
    values, points = np.empty(n, np.float32), np.zeros((n + 1, 4))
    middle = float(_sums(keys[n // 2 : n // 2 + 1], None, values, np.empty(4))[0].sum())
    sums = ffi.new("struct rc_share_tally *")
    operands = (pointer(keys), _or_null(weights), middle, sums, pointer(values, writable=True),
                pointer(points, writable=True))
    for begin, end in _parts(n):
        check(lib.rc_share_points(begin, end, *operands), "w")
    return points[: sums.count + 1], values[: sums.count], middle


def _parts(size):
    return ((begin, min(begin + SORTED_AT_A_TIME, size)) for begin in range(0, size, SORTED_AT_A_TIME))


def sorted_keys(w, weights, pruned, room=None):
    """Return the ascending keys of the values to be fitted, their weights or None, and memory for as many keys.

    By counting, from the lowest digit to the highest, a part at a time: NumPy sorts 16 million weights in one call,
    which takes a second (four where it must say the order), and Ctrl-C waits for it.
    """
    room = np.empty(2 * w.size, np.uint32) if room is None else room
    keys, ordered, kept = room[: w.size], room[w.size :], ffi.new("uint64_t *")
    counts = np.zeros((3, lib.RC_SHARE_DIGITS), np.uint64)
    carried = None if weights is None else np.empty(w.size, np.float32)
    for begin, end in _parts(w.size):
        check(lib.rc_share_keys(begin, end, pruned, pointer(w), _or_null(weights), kept, pointer(keys, writable=True),
                                _or_null(carried, writable=True), pointer(counts, writable=True)), "w")
    keys, ordered = keys[: kept[0]], ordered[: kept[0]]
    carried = None if weights is None else carried[: kept[0]]
    ordered_weights = None if carried is None else np.empty_like(carried)
    for digit in range(3):
        places = np.cumsum(counts[digit]) - counts[digit]
        for begin, end in _parts(len(keys)):
            check(lib.rc_share_order(begin, end, digit, len(keys), pointer(keys), _or_null(carried),
                                     pointer(places, writable=True), pointer(ordered, writable=True),
                                     _or_null(ordered_weights, writable=True)), "w")
        keys, carried, ordered, ordered_weights = ordered, ordered_weights, keys, carried
    return keys, carried, ordered


def _sums(keys, weights, x, room):
    """Return the values of ascending keys in x, and the reference's sums: high, low, and of the weights or None.

    room : memory for 2 (len(keys) + 1) doubles
    """
    n = len(keys)
    x, high, low = x[:n], room[: n + 1], room[n + 1 : 2 * n + 2]
    totals = None if weights is None else np.zeros(n + 1)
    high[0] = low[0] = 0
    operands = (pointer(keys), _or_null(weights), *(pointer(a, writable=True) for a in (x, high, low)),
                _or_null(totals, writable=True))
    for begin, end in _parts(n):
        check(lib.rc_share_sums(begin, end, *operands), "w")
    return x, (high, low, totals)


def _or_null(a, **how):
    return ffi.NULL if a is None else pointer(a, **how)


def _start(x, weights, sums, k, init, seed):
    """Return the reference's first centroids, the best cuts found by C."""
    if init != "cut":
        return initial_centroids(x.astype(np.float64), None if weights is None else weights.astype(np.float64), k, init,
                                 seed)
    new = np.append(np.ones(min(1, len(x)), bool), x[1:] != x[:-1])
    if np.count_nonzero(new) <= k:
        return x[new].astype(np.float64)
    gain, cut, mean = ffi.new("double *"), ffi.new("uint64_t *"), ffi.new("double *")
    operands = pointer(x), *map(_or_null, sums), gain, cut, mean

    def best_cut(a, b):
        check(lib.rc_share_best_cut(a, b, *operands), "w")
        return gain[0], cut[0], mean[0]

    return cut_start(len(x), k, best_cut)


def _steps(kernel, x, sums, c, iterations):
    """Return the centroids after at most ``iterations`` steps, a few at a time: Ctrl-C is answered between them."""
    c = c.copy()
    ends = np.full(len(c), np.iinfo(np.uint64).max, dtype=np.uint64)  # of no step: the first one always moves them
    settled = ffi.new("int32_t *")
    operands = (len(x), len(c), pointer(x), *map(_or_null, sums), pointer(c, writable=True),
                pointer(ends, writable=True), settled)
    seconds = SEARCH_SECONDS * len(c) * len(x).bit_length()
    few = max(1, int(threads.CHUNK_SECONDS / seconds))
    for begin in range(0, iterations, few):
        check(kernel(begin, min(begin + few, iterations), *operands), "w")
        if settled[0]:
            break
    return c


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def _nearest(kernel, w, x, c, pruned):
    """Return w with each weight at the nearest of the centroids c of its sorted values x, as the reference does."""
    book = np.unique(c.astype(np.float32) + np.float32(0))
    ends = np.concatenate([[0], np.searchsorted(x, float32_below(boundaries(book)), side="right"), [len(x)]])
    book = book[ends[:-1] < ends[1:]] if len(book) else book  # values that are nearest to some x
    code_of, codebook = np.arange(len(book)), book
    if pruned:
        code_of, codebook = np.cumsum(book != 0) * (book != 0), np.append(np.float32(0), book[book != 0])
    return Shared(_codes(kernel, w, float32_below(boundaries(book)), code_of, pruned, len(codebook) > 256), codebook)


def _codes(kernel, w, ends, code_of, pruned, wide):
    codes = np.empty(w.shape, dtype=np.uint16 if wide else np.uint8)
    # Where all is pruned there are no fitted values; the entry is for a weight that another thread changes meanwhile.
    code_of = (code_of if len(code_of) else np.zeros(1)).astype(np.uint16)
    halvings = max(4, (len(code_of) - 1).bit_length())
    missing = 2**halvings - len(code_of)
    ends, code_of = np.pad(ends, (0, missing), constant_values=np.inf), np.pad(code_of, (0, missing), "edge")
    operands = (halvings, pointer(ends), pointer(code_of), pruned, wide, pointer(w), pointer(codes, writable=True))
    seconds = CODE_SECONDS * w.size * (halvings + 1)
    threads.run(lambda begin, end: check(kernel(begin, end, *operands), "w"), w.size, seconds)
    codes.flags.writeable = False  # nobody else has it: the format keeps it without a copy
    return codes

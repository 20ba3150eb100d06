"""Sharing few values at the size of real layers: the best k-means of all weights, or of their means in narrow bins.

share_optimal takes O(k d log d) operations and O(k d) memory for d distinct values: gigabytes for ten million weights.
Beyond ``MOST`` distinct values it is asked for the best clusters of ``2 BINS`` bins, each its mean and its number of
weights, and each weight then goes to the nearest of the values found. Half of the bins hold equally many weights, half
are equally wide, so that neither a dense middle nor a long tail is coarse. A boundary between two clusters can only be
misplaced within one bin: on weights of LeNet and MiniLM the squared error is within 0.1 % of the least one.
"""

from collections.abc import Callable

import numpy as np

from ..formats import Shared
from ..reference.share.kmeans import boundaries

__all__ = ["share_best"]

MOST = 2**13  # distinct values that are clustered as they are
BINS = 2**11
STEP = 2**18  # weights looked up at a time: their indices take 8 bytes each


def share_best(w: np.ndarray, bits: int, zeros: bool, operation: Callable[[str], Callable]) -> Shared:
    """Return weights that share 2**bits values, such that the squared error is the least, or close to it.

    zeros : whether one of the values is zero, for the weights that are.
    """
    if w.size <= MOST:
        return operation("share_optimal")(w, bits=bits, pruned=zeros)
    x = np.sort(w.reshape(-1))
    if zeros:
        x = np.concatenate([x[: np.searchsorted(x, 0, "left")], x[np.searchsorted(x, 0, "right") :]])
    mean, count = bins(x)
    del x
    clusters = max(1, 2**bits - zeros)
    if len(mean) <= clusters:
        book = mean
    else:
        weights = count.astype(np.float32)
        book = operation("share_optimal")(mean, clusters=clusters, weights=weights).codebook
    return nearest(w, np.unique(book), zeros)


def bins(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean, rounded to float32, and the number of the values in each bin of the ascending ``x``.

    Equal values are in one bin. With at most MOST distinct values each is a bin of its own.
    """
    if not len(x):
        return np.zeros(0, np.float32), np.zeros(0, np.int64)
    new = np.flatnonzero(x[1:] != x[:-1]) + 1  # where another value begins
    starts = np.concatenate([[0], new])
    if len(starts) > MOST:
        edges = np.linspace(x[0], x[-1], BINS + 1, dtype=np.float64)[:-1]
        wanted = np.union1d(np.linspace(0, len(x), BINS, endpoint=False).astype(np.int64),
                            np.searchsorted(x, edges.astype(np.float32)))
        starts = np.unique(starts[np.searchsorted(starts, wanted, "right") - 1])
    count = np.diff(np.append(starts, len(x)))
    means = np.empty(len(starts), np.float32)
    total, at = 0.0, 0  # of the values before, and the first bin that begins after them
    sums = np.empty(len(starts) + 1)
    ends = np.append(starts, len(x))
    for begin in range(0, len(x), STEP):  # one after the other, in float64: the same on every machine
        running = np.cumsum(np.append(total, x[begin : begin + STEP].astype(np.float64)))
        last = int(np.searchsorted(ends, begin + STEP if begin + STEP < len(x) else len(x) + 1, "left"))
        sums[at:last] = running[ends[at:last] - begin]
        total, at = float(running[-1]), last
    means[:] = np.diff(sums) / count
    # A mean is clamped to its bin, because a difference of running sums cancels.
    return np.clip(means, x[starts], x[ends[1:] - 1]), count


def nearest(w: np.ndarray, book: np.ndarray, zeros: bool) -> Shared:
    """Return the weights, each at the nearest value of an ascending codebook; ties go to the lower value.

    With ``zeros`` code 0 is +0.0, for the weights that are zero and for those that are nearest to a zero in the book.
    """
    middles = float32_below(boundaries(book))  # w <= a middle in float64 where it is at most the float32 below it
    code_of: np.ndarray = np.arange(len(book))
    codebook = book
    if zeros:
        code_of, codebook = np.cumsum(book != 0) * (book != 0), np.append(np.float32(0), book[book != 0])
    code_of = code_of.astype(np.uint8 if len(codebook) <= 256 else np.uint16)
    codes = np.empty(w.size, code_of.dtype)
    flat = w.reshape(-1)
    used = np.zeros(len(codebook), bool)
    for begin in range(0, w.size, STEP):
        part = flat[begin : begin + STEP]
        found = code_of[np.searchsorted(middles, part)]
        if zeros:
            found[part == 0] = 0
        codes[begin : begin + STEP] = found
        used[found] = True
    if zeros:
        used[0] = True
    if not used.all():  # a value that is nearest to no weight is dropped
        renumbered = (np.cumsum(used) - 1).astype(np.uint8 if used.sum() <= 256 else np.uint16)
        codes, codebook = renumbered[codes], codebook[used]
    return Shared(codes.reshape(w.shape), codebook)


def float32_below(a: np.ndarray) -> np.ndarray:
    """Return the largest float32 that is at most each float64."""
    b = a.astype(np.float32)
    return np.where(b > a, np.nextafter(b, np.float32(-np.inf)), b)

"""Sharing few values at the size of real layers: the best k-means of all weights, or of their means in narrow bins.

Up to 4096 weights, or distinct ones, the clusters are the best ones. share_optimal finds these for any number, but here
both implementations must write the same file in a time that a user has: the reference takes O(k d**2) operations for d
distinct values, and the native form about 0.2 microseconds a weight, twice as long as all other steps of a file
together. So more weights are first counted in bins, and share_optimal is asked for the best clusters of the bins'
means. Each weight then goes to the nearest of the values found, exactly. There are sixteen bins for each value that
hold equally many weights, and sixteen that are equally wide, so that neither a dense middle nor a long tail
is coarse. A boundary between two clusters can only be misplaced within one bin: on layers of MiniLM the squared error
is less than 0.3 % above the least one at 5 bits (tests/checkpoints/test_sharing.py has the bound that is checked).
"""

from collections.abc import Callable, Iterator

import numpy as np

from ..formats import Shared
from ..reference.share.kmeans import boundaries, float32_below

__all__ = ["share_best"]

FEW = 2**12  # weights, or distinct values, that are clustered as they are
STEP = 2**16  # weights looked at a time: what is computed for each of them takes 8 bytes
COMPARED = 33  # values at most, to which weights are compared one after the other
DROPPED = 15  # low bits of a pattern that its bin does not have: a bin spans 1/256 of the power of two below it
BINS = 1 << 32 - DROPPED


def share_best(w: np.ndarray, bits: int, zeros: bool, operation: Callable[[str], Callable]) -> Shared:
    """Return weights that share 2**bits values, such that the squared error is the least, or close to it.

    zeros : whether one of the values is zero, for the weights that are.
    """
    flat = w.reshape(-1)
    if flat.size <= FEW:
        return operation("share_optimal")(w, bits=bits, pruned=zeros)
    if zeros:
        flat = flat[flat != 0]
        if not flat.size:
            return nearest(w, flat, zeros)
    sample = flat[:: max(1, flat.size // FEW)]
    if len(np.unique(sample)) < len(sample) / 2:  # perhaps there are few values: then nothing need be lost
        x, count = np.unique(flat, return_counts=True)
        if len(x) > FEW:
            x, count = means(flat, 2**bits)
    else:
        x, count = means(flat, 2**bits)
    clusters = max(1, 2**bits - zeros)
    if len(x) > clusters:
        x = operation("share_optimal")(x, clusters=clusters, weights=count.astype(np.float32)).codebook
    return nearest(w, np.unique(x), zeros)


def keys(part: np.ndarray) -> np.ndarray:
    """Return the bit patterns of float32 so that they have the order of the numbers."""
    patterns = part.view(np.uint32)
    return np.where(patterns >> 31, ~patterns, patterns | np.uint32(1 << 31))


def bins(flat: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield where a part of the weights begins, the part, and the bin of each of its weights in the order of patterns.

    Tables of bins are turned to the order of the numbers, and not each weight.
    """
    for begin in range(0, flat.size, STEP):
        part = flat[begin : begin + STEP]
        yield begin, part, (part.view(np.uint32) >> np.uint32(DROPPED)).astype(np.intp)


def ascending(table: np.ndarray) -> np.ndarray:
    """Return a table of bins in the order of patterns in that of the numbers: negative ones come first, reversed."""
    return np.concatenate([table[: BINS // 2 - 1 : -1], table[: BINS // 2]])


def as_patterns(table: np.ndarray) -> np.ndarray:
    """Return the table of which :func:`ascending` made this one."""
    return np.concatenate([table[BINS // 2 :], table[BINS // 2 - 1 :: -1]])


def means(flat: np.ndarray, values: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean, rounded to float32, and the number of the weights in each bin; zeros are a bin of their own.

    Neighbours among the narrow bins of patterns are one bin here, unless a part of all weights, or of their range, ends
    between them. There are sixteen parts for each of the ``values`` to be found.
    """
    count, total = np.zeros(BINS, np.int64), np.zeros(BINS)
    for _, part, at in bins(flat):
        count += np.bincount(at, minlength=BINS)
        total += np.bincount(at, part, minlength=BINS)
    zeros = flat.size - int(np.count_nonzero(flat)) if count[0] else 0  # the bin of +0.0 has the smallest numbers too
    count[0] -= zeros
    count, total = ascending(count), ascending(total)
    used = np.flatnonzero(count)
    count, total = count[used], total[used]
    mean = total / count
    parts = 16 * values
    by_count = (np.cumsum(count) - count) * parts // max(int(count.sum()), 1)
    span = float(mean[-1] - mean[0]) if len(mean) else 0.0
    by_range = np.floor((mean - mean[0]) * (parts / span)) if span else np.zeros(len(mean))
    starts = np.flatnonzero(np.append(True, (np.diff(by_count) != 0) | (np.diff(by_range) != 0)))[: len(mean)]
    count, total = np.add.reduceat(count, starts), np.add.reduceat(total, starts)
    mean = (total / count).astype(np.float32)
    if zeros:
        mean, count = np.append(mean, np.float32(0)), np.append(count, zeros)
    return mean, count


def nearest(w: np.ndarray, book: np.ndarray, zeros: bool) -> Shared:
    """Return the weights, each at the nearest value of an ascending codebook; ties go to the lower value.

    With ``zeros`` code 0 is +0.0, for the weights that are zero and for those that are nearest to a zero in the book.
    """
    limits = float32_below(boundaries(book))  # at most a boundary in float64 is at most the float32 below it
    code_of: np.ndarray = np.arange(len(book))
    codebook = book
    if zeros:
        code_of, codebook = np.cumsum(book != 0) * (book != 0), np.append(np.float32(0), book[book != 0])
    code_of = code_of.astype(np.min_scalar_type(len(codebook)))
    codes = np.empty(w.size, np.uint8 if len(codebook) <= 256 else np.uint16)
    used = np.zeros(len(codebook), bool)
    place_of = by_comparison if len(book) <= COMPARED else by_bins
    for begin, part, found in place_of(w.reshape(-1), limits, code_of):
        if zeros:
            found *= part != 0  # code 0
        codes[begin : begin + STEP] = found
        if not used.all():
            used[found] = True
    used[:1] |= zeros
    if not used.all():  # a value that is nearest to no weight is dropped
        narrow = np.uint8 if np.count_nonzero(used) <= 256 else np.uint16
        codes, codebook = (np.cumsum(used) - 1).astype(narrow)[codes], codebook[used]
    return Shared(codes.reshape(w.shape), codebook)


def by_comparison(flat: np.ndarray, limits: np.ndarray, code_of: np.ndarray) -> Iterator[tuple]:
    """Yield where a part of the weights begins, the part, and its codes: the number of limits below each weight."""
    plain = np.array_equal(code_of, np.arange(len(code_of)))
    for begin in range(0, flat.size, STEP):
        part = flat[begin : begin + STEP]
        found = np.zeros(part.size, np.uint8)
        for limit in limits:
            found += part > limit
        yield begin, part, found if plain else code_of[found]


def by_bins(flat: np.ndarray, limits: np.ndarray, code_of: np.ndarray) -> Iterator[tuple]:
    """Yield what :func:`by_comparison` does. Most bins lie between two limits, and a table has their code."""
    unknown = code_of.dtype.type(int(code_of.max(initial=0)) + 1)  # no code: of a bin that a limit cuts
    ordered = keys(limits)
    cut = ordered >> np.uint32(DROPPED)
    inside = np.bincount(cut, minlength=BINS)
    first = np.cumsum(inside) - inside  # how many limits lie below each bin
    last = np.uint32((1 << DROPPED) - 1)  # of the patterns of a bin: a limit there cuts nothing off
    open = np.zeros(BINS, bool)
    open[cut[ordered & last != last]] = True
    table = as_patterns(np.where(open, unknown, code_of[first]))
    for begin, part, at in bins(flat):
        found = table[at]
        searched = np.flatnonzero(found == unknown)
        found[searched] = code_of[np.searchsorted(limits, part[searched], "left")]
        yield begin, part, found

"""Kernels of share family: wrong ones, each with its bug, and right ones."""

import numpy as np

from ... import reference
from ...formats import Shared
from ..values import with_fields
from .kernels import Kernel

_F = np.float32

KERNELS: list[Kernel] = []


# share_kmeans

def _midpoint_to_upper(w, **kwargs):
    shared = reference.share_kmeans(w, **kwargs)
    book = shared.codebook.astype(np.float64)
    if kwargs.get("pruned") or len(book) < 2:
        return shared
    upper = np.searchsorted(0.5 * (book[1:] + book[:-1]), w.astype(np.float64), side="right")
    return Shared(upper.astype(shared.codes.dtype), shared.codebook)


def _empty_clusters(value: float):
    def share_kmeans(w, **kwargs):
        shared = reference.share_kmeans(w, **kwargs)
        missing = (kwargs.get("clusters") or 2 ** kwargs["bits"]) - len(shared.codebook)
        return with_fields(shared, codebook=np.append(shared.codebook, np.full(missing, value, np.float32)))
    return share_kmeans


def _zero_moves(w, *, pruned=False, **kwargs):
    return reference.share_kmeans(w, **kwargs)


KERNELS += [
    Kernel("share_kmeans", "midpoint to the upper code", "rounding",
           "A search for the nearest centroid puts a value in the middle to the right neighbour, not to the left "
           "one.",
           _midpoint_to_upper),
    Kernel("share_kmeans", "empty cluster is NaN", "values",
           "The mean of no members is 0 / 0, and nothing drops the cluster.",
           _empty_clusters(np.nan)),
    Kernel("share_kmeans", "empty cluster is 0", "values",
           "A guard against 0 / 0 left a centroid of zero that no weight uses.",
           _empty_clusters(0.0)),
    Kernel("share_kmeans", "pruned zeros move", "options",
           "The option that keeps pruned weights at zero is passed by.",
           _zero_moves),
]


# share_optimal

def _local_minimum(w, **kwargs):
    return reference.share_kmeans(w, **kwargs)


def _one_cluster_less(w, *, bits=None, clusters=None, **kwargs):
    clusters = min(2**bits, max(w.size, 1)) if clusters is None else clusters
    lowest = 2 if kwargs.get("pruned") else 1
    if w.size == 0 or clusters - 1 < lowest:
        return reference.share_optimal(w, bits=bits, clusters=None if bits else clusters, **kwargs)
    return reference.share_optimal(w, clusters=clusters - 1, **kwargs)


def _nothing_for_zero(w, **kwargs):
    shared = reference.share_optimal(w, **kwargs)
    if kwargs.get("pruned") and w.size and w.all():
        return Shared(shared.codes - shared.codes.dtype.type(1), shared.codebook[1:])
    return shared


def _filled_up(w, **kwargs):
    shared = reference.share_optimal(w, **kwargs)
    missing = (kwargs.get("clusters") or 2 ** kwargs["bits"]) - len(shared.codebook)
    if not 0 < missing <= 256 - len(shared.codebook) or not len(shared.codebook) > bool(kwargs.get("pruned")):
        return shared
    more, last = [], shared.codebook[-1]
    for _ in range(missing):
        more.append(last := np.nextafter(last, _F(np.inf)))
    return Shared(shared.codes, np.append(shared.codebook, _F(more)))


def _tie_to_the_upper_value(w, **kwargs):
    shared = reference.share_optimal(w, **kwargs)
    book = shared.codebook.astype(np.float64)
    if kwargs.get("pruned") or len(book) < 2:
        return shared
    return Shared(np.searchsorted(0.5 * (book[1:] + book[:-1]), w, side="right").astype(shared.codes.dtype), _F(book))


KERNELS += [
    Kernel("share_optimal", "no code for zero where there is none", "promise",
           "The zero of a pruned matrix gets its code when the first zero is met, and none was met.",
           _nothing_for_zero),
    Kernel("share_optimal", "codebook filled up", "promise",
           "The codebook has the size that was asked for, and values that no weight has fill it up.",
           _filled_up),
    Kernel("share_optimal", "midpoint to the upper value", "rounding",
           "The cost is the same, but of two values that are equally near the lower one is promised.",
           _tie_to_the_upper_value),
    Kernel("share_optimal", "a local minimum", "rule",
           "Lloyd's iteration stops at the first minimum; the operation promises the global one.",
           _local_minimum),
    Kernel("share_optimal", "one value less", "options",
           "The number of clusters was taken for the number of boundaries.",
           _one_cluster_less),
]

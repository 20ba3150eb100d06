"""Planted kernels of the share family, but for those of share_kmeans."""

from ... import reference


def _local_minimum(w, **kwargs):
    return reference.share_kmeans(w, **kwargs)


def _one_cluster_less(w, *, bits=None, clusters=None, **kwargs):
    clusters = min(2**bits, max(w.size, 1)) if clusters is None else clusters
    lowest = 2 if kwargs.get("pruned") else 1
    if w.size == 0 or clusters - 1 < lowest:
        return reference.share_optimal(w, bits=bits, clusters=None if bits else clusters, **kwargs)
    return reference.share_optimal(w, clusters=clusters - 1, **kwargs)


WRONG = [
    ("a local minimum", "share_optimal", _local_minimum),
    ("one value less", "share_optimal", _one_cluster_less),
]

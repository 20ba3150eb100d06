"""What the adapters of k-means share: clusters of the values of an array, checked by their cost."""

import numpy as np

from . import Peer

MOST = 2**30  # weights times clusters: the peers take minutes beyond it


def peer(label: str, prepare) -> Peer:
    """Return a peer of share_optimal: ``prepare(values: float64 vector, clusters)`` returns a function that gives
    centroids.

    An exact method must be as good as ours; Lloyd's method ends in some local optimum, so no more can be asked of it
    than to be no better than the best.
    """
    def given(w, bits):
        if w.size * 2**bits > MOST:
            raise ValueError(f"{w.size:,} weights in {2**bits} clusters take minutes")
        return prepare(w.ravel().astype(np.float64), 2**bits)

    def check(expected, got, args, kwargs):
        values, best = args[0].ravel().astype(np.float64), cost(args[0].ravel().astype(np.float64), expected.codebook)
        found = cost(values, got)
        assert found >= best * (1 - 1e-6), f"{label} found {found}, below the optimum of {best}: ours is not optimal"

    return Peer(label, given, check)


def cost(values, centroids) -> float:
    """Return the sum of squared distances to the nearest centroid."""
    centroids = np.sort(np.asarray(centroids, np.float64).ravel())
    middle = (centroids[1:] + centroids[:-1]) / 2
    return float(np.sum((values - centroids[np.searchsorted(middle, values)]) ** 2))

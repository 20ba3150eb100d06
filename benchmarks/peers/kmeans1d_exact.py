"""kmeans1d: the exact optimum of one dimension."""

import kmeans1d

from .clusters import peer

PEERS = {
    "share_optimal": peer(
        "kmeans1d, exact", lambda values, clusters: lambda: kmeans1d.cluster(values, clusters).centroids
    )
}

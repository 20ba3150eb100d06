"""scikit-learn's KMeans (Lloyd), one start."""

from sklearn.cluster import KMeans

from .clusters import peer

PEERS = {"share_optimal": peer("scikit-learn, Lloyd", lambda values, clusters: lambda: KMeans(
    clusters, n_init=1, random_state=0).fit(values[:, None]).cluster_centers_)}

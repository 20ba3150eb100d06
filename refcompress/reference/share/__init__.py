"""Weights that share few values, in the order to read:

- ``kmeans.py``: k-means in one dimension: Lloyd's steps on sorted values, and the codes of the weights.
- ``starts.py``: where these steps begin: four starts, for those who ask.
- ``optimal.py``: the best values of all, by dynamic programming over the sorted values.
"""

from .kmeans import share_kmeans
from .optimal import share_optimal

__all__ = [
    "share_kmeans",
    "share_optimal",
]

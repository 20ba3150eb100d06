"""The share family."""

from .kmeans import share_kmeans
from .optimal import share_optimal

__all__ = [
    "share_kmeans",
    "share_optimal",
]

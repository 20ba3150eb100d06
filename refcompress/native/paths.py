"""The cheapest way to cut sorted values into k segments: exact k-means in one dimension for any number of clusters.

A way with m segments is a path of m links. If each link costs a penalty more, the cheapest path of all is found in one
walk over the values, in O(n log n) at worst and O(n) where one segment follows the other smoothly: a later beginning
that once is the better one stays so (the costs of segments have Monge's property). The larger the penalty, the fewer
links. The least cost is convex in the number of links, so each number is that of a cheapest path for some penalty.

**Source** Gronlund et al., Fast Exact k-Means, k-Medians and Bregman Divergence Clustering in 1D (2017, arXiv
1701.07204); the paths of k links: Schieber, Computing a Minimum Weight k-Link Path in Graphs with the Concave Monge
Property (Journal of Algorithms 29, 1998).
"""

import math
from dataclasses import dataclass

import numpy as np

from . import threads
from ._call import check, pointer
from ._kernels import ffi, lib

__all__ = ["best_ends"]

WALK_SECONDS = 1e-7  # of one value, to the order of magnitude
COARSE = 2**13  # places, and 32 a link, that are enough to tell the penalty within a few links


@dataclass(frozen=True)
class Path:
    """Where segments begin and end (k + 1 places for k links), their squared error, and the penalty that led here."""

    places: np.ndarray
    cost: float
    penalty: float

    @property
    def links(self) -> int:
        return len(self.places) - 1


def best_ends(points: np.ndarray, k: int) -> np.ndarray:
    """Return the k + 1 places (0 and n with them) that cut n values into k segments of the least squared error.

    points : n + 1 rows of running sums, as rc_share_points makes them. There are fewer segments only where these cost
    nothing more. The penalty is found with cuts at few places, then at eight times as many, and so on.
    """
    n, penalty = len(points) - 1, 0.0
    if k == 1:
        return np.array([0, n])
    stride = 1
    while n > 8 * stride * max(COARSE, 32 * k):
        stride *= 8
    while stride > 1:
        few = Walk(np.concatenate([points[:-1:stride], points[-1:]]))
        if not penalty:  # between those of one link more and of one less
            fewer = few.best(k - 1, penalty)
            penalty = (fewer.cost - few.best(k + 1, fewer.penalty).cost) / 2
        penalty = few.best(k, penalty).penalty
        stride //= 8
    return Walk(points).best(k, penalty).places


class Walk:
    """Cheapest paths over the same points."""

    def __init__(self, points: np.ndarray):
        self.points, self.n = points, len(points) - 1
        self.begins, self.waiting, self.first = (np.empty(self.n + 1, np.uint32) for _ in range(3))

    def path(self, places: np.ndarray, penalty: float) -> Path:
        """Return the path through these places."""
        q, s, w = np.diff(self.points[places, :3], axis=0).T
        cost = np.maximum(q - np.divide(s * s, w, out=np.zeros(len(w)), where=w > 0), 0)
        return Path(places, float(np.sum(cost)), penalty)

    def cheapest(self, penalty: float) -> Path:
        """Return the cheapest path if each link costs a penalty more."""
        operands = (self.n, penalty, *(pointer(a, writable=True) for a in (self.points, self.begins, self.waiting,
                                                                           self.first)),
                    ffi.new("struct rc_share_queue *"))
        few = max(1, int(threads.CHUNK_SECONDS / WALK_SECONDS))
        for begin in range(0, self.n + 1, few):
            check(lib.rc_share_path(begin, min(begin + few, self.n + 1), *operands), "w")
        places = [self.n]
        while places[-1]:
            places.append(int(self.begins[places[-1]]))
        return self.path(np.array(places[::-1]), penalty)

    def rounding(self, links: int, cost: float) -> float:
        """Return the bound on the error of the cost of a path that the reference's optimal.py states.

        The values range at most twice as far as the first or the last one lies from the middle.
        """
        s, w = self.points[:, 1], self.points[:, 2]
        ends = [abs(float((s[j + 1] - s[j]) / step)) for j in (0, self.n - 1) if (step := w[j + 1] - w[j]) > 0]
        largest = max(float(s.max()), -float(s.min()))
        return 2.0**-53 * (8 * float(self.points[-1, 0]) + 8 * max(ends, default=0.0) * largest + links * cost)

    def best(self, k: int, penalty: float) -> Path:
        """Return the cheapest path of k links, or of fewer that cost no more; ``penalty`` is where the search begins.

        A chord joins the best known paths of fewer and of more links in the plane of links and costs. With its slope as
        penalty either a path below it is found, or all from one end to the other lie on it.
        """
        fewer, more = self.path(np.array([0, self.n]), math.inf), None
        if k == 1:
            return fewer
        rounding = self.rounding(k, fewer.cost)
        if not 0 < penalty < math.inf:
            penalty = 2 * fewer.cost / k**3
        on_chord = False
        while True:
            path = self.cheapest(penalty)
            if path.links == k or (path.links < k and not penalty):
                return path
            new = fewer.links < path.links < (more.links if more else self.n + 1)
            if on_chord:
                assert more is not None
                below = path.cost + penalty * path.links < fewer.cost + penalty * fewer.links - rounding
                if not (new and below):
                    return self.path(joined(fewer.places, more.places, k), penalty)
            if new and path.links < k:
                fewer = path
            elif new:
                more = path
            on_chord = more is not None and not (new and more.penalty)  # no power leads from a penalty of 0
            if more is None:  # squared errors fall about as 1 / k**2, their slope as 1 / k**3
                penalty *= (path.links / k) ** 3 / 2
                if not penalty > fewer.cost * 2.0**-200:
                    penalty = 0.0
            elif on_chord:
                penalty = (fewer.cost - more.cost) / (more.links - fewer.links)
            elif fewer.penalty == math.inf:
                penalty = more.penalty * (more.links / k) ** 3
            else:  # between the two, with the penalty a power of the links
                power = math.log(fewer.penalty / more.penalty) / math.log(fewer.links / more.links)
                penalty = more.penalty * (k / more.links) ** power


def joined(fewer: np.ndarray, more: np.ndarray, k: int) -> np.ndarray:
    """Return a path of k links, made of two that are cheapest for the same penalty: it is cheapest too.

    A link (u, v) of the first that holds a link (s, t) of the second is exchanged: to s as the second path goes, on to
    v, and then as the first. By Monge's property the two exchanged links, (u, t) and (s, v), cost no more. Such a link
    is there so that k are counted, because at first the second path is ahead, and in the end behind.
    """
    ahead = k - (len(fewer) - 1)
    j = int(np.argmax(more[ahead + 1 : ahead + len(fewer)] <= fewer[1:]))
    return np.concatenate([more[: ahead + j + 1], fewer[j + 1 :]])

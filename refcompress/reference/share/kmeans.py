"""Weight sharing by k-means in one dimension: few values, and for each weight the code of its value.

In one dimension a cluster is a segment of the sorted values. So a step of Lloyd's algorithm needs only two things: the
ends of the segments, by a binary search for each midpoint, and their means, which are differences of running sums.
"""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import RefcompressError
from ...formats import Shared
from .starts import INITS, initial_centroids, sums

__all__ = ["share_kmeans"]


def share_kmeans(w: NDArray[np.float32], *, bits: int | None = None, clusters: int | None = None, init: str = "cut",
                 weights: NDArray[np.float32] | None = None, pruned: bool = False, seed: int | None = None,
                 iterations: int = 100) -> Shared:
    """Let the weights share few values, placed by k-means.

        minimise the sum over i of weights[i] * (w[i] - codebook[codes[i]])**2        (a local minimum, from ``init``)

    Parameters
    ----------
    w : array of float32, any shape, finite
        -0.0 counts as +0.0.
    bits : int in [1, 16], or clusters : int in [1, 65536], at most w.size
        The number of values, 2**bits or clusters; exactly one must be given. A small array uses no more values than it
        has elements, whatever bits says.
    init : "cut", "linear", "density" or "random"
        Where the centroids start; ``starts.py`` has each. "cut" leaves no cluster empty, whatever outliers there are.
    weights : array of float32 of the shape of w, finite, >= 0, not all zero
        The importance of each weight, for the start and for the steps; by default 1.
    pruned : bool
        Reserve code 0 for the value +0.0, which stands for all zeros of w (even if there are none). The other clusters,
        at least one, are fitted to the nonzeros. A nonzero goes to the nearest fitted value, even where 0 is nearer. A
        fitted value that is zero has code 0 itself.
    seed : int in [0, 2**63), by default 0
        For "random"; refused for the other starts, which draw nothing.
    iterations : int >= 0
        The most steps of Lloyd's algorithm; 0 leaves the centroids where ``init`` put them.

    Returns
    -------
    Shared : codes of the shape of w, uint8 or (more than 256 values) uint16; codebook float32, ascending after the zero
        Each weight has the fitted value nearest to it, exactly, in real numbers; ties go to the lower value. Each
        fitted value is used, and no value comes twice. So there are fewer values than asked for when a cluster is empty
        or two centroids coincide. A w with no more distinct values than clusters keeps them all, and nothing is lost.
        An empty w has an empty codebook ([0.0] if pruned).

    Raises
    ------
    RefcompressError : also NaN and infinities, by their index.

    **Source** Han, Mao & Dally, Deep Compression (2016, arXiv 1510.00149), section 3.1 (eq. 2) and 3.2
    (initialisation); the importance: Choi, El-Khamy & Lee, Towards the Limit of Network Quantization (2017, arXiv
    1612.01543), section 4 (Hessian-weighted k-means).

    **Departs** the papers say nothing of ties, empty clusters, rounding and the stop rule; here all are fixed. Deep
    Compression recommends the start "linear", whose clusters are empty where outliers stretch the range.

    Cost O(n log n) for sorting, O(k log n) a step, O(n log k) for the codes; the start "cut" O(n log k) where cuts are
    balanced, and O(n k) at worst. Memory: the native form takes 24 bytes a weight beside w and the codes (40 with
    weights).

    >>> import numpy as np
    >>> w = np.array([[0, 1, 1.5], [2, 9, 11]], dtype=np.float32)
    >>> shared = share_kmeans(w, bits=1)
    >>> shared.codebook, shared.dense().sum(axis=0)
    (array([ 1.125, 10.   ], dtype=float32), array([ 2.25 , 11.125, 11.125], dtype=float32))
    >>> share_kmeans(w, clusters=3, pruned=True).codes
    array([[0, 1, 1],
           [1, 2, 2]], dtype=uint8)
    """
    w, clusters, init, weights, pruned, seed, iterations = kmeans_arguments(
        w, bits, clusters, init, weights, pruned, seed, iterations)
    fitted = w != 0 if pruned else np.full(w.shape, True)
    order = np.argsort(w[fitted], kind="stable")
    x = w[fitted][order].astype(np.float64)
    weights = None if weights is None else weights[fitted][order].astype(np.float64)
    c = initial_centroids(x, weights, min(clusters - pruned, len(x)), init, seed)
    return nearest(w, x, lloyd(x, weights, c, iterations), pruned)


# The arithmetic of lloyd is stated to the last bit, so every implementation has the same centroids. All of it is in
# float64. x is sorted, equal values by their index. The sums are those of starts.py, of twice the digits; W is summed
# from the left. A value at a midpoint belongs to the lower segment. A mean is clamped to its segment, because a
# difference of running sums is rounded. A segment that is empty, or whose weight is not above 0, keeps its centroid.
# The steps end when the segments are those of the step before. Nothing overflows: sums of products of float32 stay
# below 2**320.


def lloyd(x: NDArray, weights: NDArray | None, c: NDArray, iterations: int) -> NDArray:
    """Return the centroids after at most ``iterations`` steps of Lloyd's algorithm on the sorted values."""
    high, low, W = sums(x, weights)
    before = np.empty(0)
    for _ in range(iterations if len(c) else 0):
        ends = np.searchsorted(x, 0.5 * (c[:-1] + c[1:]), side="right")
        ends = np.concatenate([[0], ends, [len(x)]])
        if np.array_equal(ends, before):
            break
        a, b = ends[:-1], ends[1:]  # segment j is x[a[j]:b[j]]
        moves = W[b] > W[a]
        a, b = a[moves], b[moves]
        mean = ((high[b] - high[a]) + (low[b] - low[a])) / (W[b] - W[a])
        c = c.copy()
        c[moves] = np.minimum(np.maximum(mean, x[a]), x[b - 1])
        before = ends
    return c


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def nearest(w: NDArray, x: NDArray, c: NDArray, pruned: bool) -> Shared:
    """Return w with each weight at the nearest of the centroids c of its values x, these rounded to float32.

    A value that is nearest to no x is dropped: every weight keeps its nearest value.
    """
    book = np.unique(c.astype(np.float32) + np.float32(0))  # a tiny negative one may have become -0.0
    book = book[np.unique(np.searchsorted(boundaries(book), x))]
    code_of, codebook = np.arange(len(book)), book
    if pruned:  # code 0 is the zero, a fitted zero too
        code_of, codebook = np.cumsum(book != 0) * (book != 0), np.append(np.float32(0), book[book != 0])
    codes = np.zeros(w.shape, dtype=np.uint8 if len(codebook) <= 256 else np.uint16)
    fitted = w != 0 if pruned else np.full(w.shape, True)
    codes[fitted] = code_of[np.searchsorted(boundaries(book), w[fitted].astype(np.float64))]
    return Shared(codes, codebook)


@np.errstate(all="ignore")
def boundaries(book: NDArray) -> NDArray:
    """Return for neighbours in ``book`` the largest float64 that is not nearer to the upper one.

    That is their midpoint, but the sum of two float32 may be rounded in float64 (1e30 + 1e-30). ``lost`` is what the
    rounding added or took, exactly (Knuth's two-sum). Where the midpoint was rounded up, a value that equals it is
    nearer to the upper neighbour.
    """
    low, high = book[:-1].astype(np.float64), book[1:].astype(np.float64)
    total = low + high
    part = total - low
    lost = (low - (total - part)) + (high - part)
    middle = 0.5 * total
    return np.where(lost < 0, np.nextafter(middle, -np.inf), middle)


def float32_below(a: NDArray) -> NDArray:
    """Return the largest float32 that is at most each float64."""
    b = a.astype(np.float32)
    return np.where(b > a, np.nextafter(b, np.float32(-np.inf)), b)


def kmeans_arguments(w, bits, clusters, init, weights, pruned, seed, iterations):
    """Return the checked arguments of share_kmeans, with the number of clusters in place of bits."""
    w = arguments.finite(arguments.array(w, "w", np.float32), "w")
    if arguments.exactly_one(bits=bits, clusters=clusters) == "bits":
        clusters = 2 ** arguments.integer(bits, "bits", 1, 16)
    else:
        most = min(65536, w.size) if w.size else 65536
        clusters = arguments.integer(clusters, "clusters", 1, most)
    pruned = arguments.boolean(pruned, "pruned")
    if pruned and clusters < 2:
        raise RefcompressError("clusters", "must be at least 2 where one is reserved for zero (pruned=True), not 1")
    init = arguments.choice(init, "init", INITS)
    if seed is not None:
        seed = arguments.integer(seed, "seed", 0)
        if init != "random":
            raise RefcompressError("seed", f"has no meaning for the start {init!r}, which draws nothing")
    iterations = arguments.integer(iterations, "iterations", 0)
    if weights is not None:
        weights = arguments.finite(arguments.array(weights, "weights", np.float32), "weights")
        if weights.shape != w.shape:
            raise RefcompressError("weights", f"must have the shape of w, {w.shape}, not {weights.shape}")
        arguments.each(weights, "weights", weights >= 0, "must not be negative")
        if w.size and not weights.any():
            raise RefcompressError("weights", "must not all be zero")
    return w, clusters, init, weights, pruned, 0 if seed is None else seed, iterations

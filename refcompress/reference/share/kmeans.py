"""Weight sharing by k-means in one dimension: few values, and for each weight the number of its value.

In one dimension a cluster is a run of the sorted values, so a step of Lloyd's algorithm needs only where the runs end
(a binary search for each midpoint) and their means (differences of prefix sums): O(k log n), after one sort.
"""

import numpy as np

from ... import arguments
from ...errors import RefcompressError
from ...formats import Shared
from .starts import INITS, initial_centroids

__all__ = ["share_kmeans"]


def share_kmeans(w, *, bits=None, clusters=None, init="cut", weights=None, pruned=False, seed=None, iterations=100):
    """Let the weights share few values, placed by k-means.

        minimise the sum over i of weights[i] * (w[i] - codebook[codes[i]])**2        (a local minimum, from ``init``)

    Parameters
    ----------
    w : array of float32, any shape, finite
        -0.0 counts as +0.0.
    bits : int in [1, 16], or clusters : int in [1, 65536], at most w.size
        The number of values, 2**bits or clusters; exactly one must be given. bits is a budget, of which a small array
        uses no more than it has elements.
    init : "cut", "linear", "density" or "random"
        "cut": all values are one run; the run whose best cut in two lowers the squared error most is cut there, until
        there are k (or no cut gains anything); the centroids are the means. No outlier and no gap leaves a cluster empty.
        "linear": evenly from min to max; with ``weights`` from the first value to the last that count: those beyond weigh
        less than 1/1024 of an average cluster. "density": the quantiles (2j + 1) / 2k. "random" (Forgy): k of the
        distinct values, without replacement: those of the smallest (word + 1) / weight, with the words that PCG64(seed)
        deals to them in ascending order (NumPy guarantees this stream across versions, as it does not for
        Generator.choice). In each of them equal values are one, of the sum of their weights.
    weights : array of float32 of the shape of w, finite, >= 0, not all zero
        The importance of each weight, for the start and for the steps; by default 1.
    pruned : bool
        Reserve code 0 for the value +0.0, which stands for all zeros of w (even if there are none); the other clusters
        (at least one) are fitted to the nonzeros. A nonzero goes to the nearest fitted value, even where 0 is nearer;
        a fitted value that comes out as zero is code 0 itself.
    seed : int in [0, 2**63), by default 0
        Of "random", and refused for the other starts, of which nothing is drawn.
    iterations : int >= 0
        The most steps of Lloyd's algorithm; 0 leaves the centroids where ``init`` put them.

    Returns
    -------
    Shared : codes of the shape of w, uint8 or (more than 256 values) uint16; codebook float32, ascending after the zero
        Each fitted value is used, no value comes twice, and each weight has the fitted value nearest to it (exactly, in
        real numbers), the lower of two equally near. So there are fewer values than asked for where clusters ran empty
        or met. A w with no more distinct values than that keeps them as its codebook, whatever ``init`` says, and
        nothing is lost; an empty w has an empty codebook ([0.0] if pruned).

        In float64, in this order: the values x are sorted (equal ones by index), S and W are the running sums of
        weights * x and of weights, from the left, started at 0. A step: the midpoint 0.5 * (c[j] + c[j + 1]) is the
        upper end of run j and belongs to it; a run from a to b has the mean (S[b] - S[a]) / (W[b] - W[a]), clamped to
        [x[a], x[b - 1]] (prefix sums cancel: a small value after large ones is lost in them); an empty run, or one
        whose weight is not above 0, keeps its centroid. The steps end when the runs are those of the step before. Then,
        once, the centroids are rounded to float32, those that meet are merged, and the codes follow from these.
        Nothing overflows: the sums of float32 products stay below 2**320, so no scaling is needed.

    Raises
    ------
    ArgumentTypeError, RefcompressError : by name; NaN and infinities by index.

    **Source** Han, Mao & Dally, Deep Compression (2016, arXiv 1510.00149), section 3.1 (eq. 2) and 3.2
    (initialisation); the importance: Choi, El-Khamy & Lee, Towards the Limit of Network Quantization (2017, arXiv
    1612.01543), section 4 (Hessian-weighted k-means). "cut":
    Wu, Efficient Statistical Computations for Optimal Color Quantization (Graphics Gems II, 1991), in one dimension, its
    optimal cuts made where they gain most. The weighted draw of "random": Duffield, Lund & Thorup, Priority Sampling (2007).

    **Departs** the papers say nothing of ties, empty clusters, rounding and the stop rule, nor where the evenly spaced
    heights of the distribution start and end (here: in the middles of k equal parts). Deep Compression recommends
    "linear", whose clusters run empty where outliers stretch the range; here it is to be asked for.

    Cost O(n log n) for sorting, O(k log n) a step, O(n log k) for the codes; "cut" O(n log k) where cuts are balanced, and
    O(n k) at worst.

    >>> import numpy as np
    >>> w = np.array([[0, 1, 1.5], [2, 9, 11]], dtype=np.float32)
    >>> shared = share_kmeans(w, bits=1)
    >>> shared.codebook, shared.dense().sum(axis=0)
    (array([ 1.125, 10.   ], dtype=float32), array([ 2.25 , 11.125, 11.125], dtype=float32))
    >>> share_kmeans(w, clusters=3, pruned=True).codes
    array([[0, 1, 1],
           [1, 2, 2]], dtype=uint8)
    """
    w, clusters, init, weights, pruned, seed, iterations = kmeans_arguments(w, bits, clusters, init, weights, pruned, seed,
                                                                            iterations)
    x, weights = sorted_values(w, weights, pruned)
    c = initial_centroids(x, weights, min(clusters - pruned, len(x)), init, seed)
    c = _lloyd(x, weights, c, iterations)
    return coded(w, x, c, pruned)


def _lloyd(x: np.ndarray, weights: np.ndarray | None, c: np.ndarray, iterations: int) -> np.ndarray:
    """Return the centroids after at most ``iterations`` steps of Lloyd's algorithm on the sorted values."""
    if not len(c):
        return c
    S, W = running_sums(x, weights)
    before = None
    for _ in range(iterations):
        ends = np.searchsorted(x, 0.5 * (c[:-1] + c[1:]), side="right")
        run = np.concatenate([[0], ends, [len(x)]])
        if np.array_equal(run, before):
            break
        a, b = run[:-1], run[1:]
        moving = W[b] > W[a]
        a, b = a[moving], b[moving]
        mean = (S[b] - S[a]) / (W[b] - W[a])
        c = c.copy()
        c[moving] = np.minimum(np.maximum(mean, x[a]), x[b - 1])
        before = run
    return c


def coded(w: np.ndarray, x: np.ndarray, c: np.ndarray, pruned: bool) -> Shared:
    """Return w with each weight at the nearest of the centroids c of its sorted values x, these rounded to float32."""
    book, ends = final_values(x, c)
    codebook, code_of = numbered(book, pruned)
    codes = np.zeros(w.shape, dtype=np.uint8 if len(codebook) <= 256 else np.uint16)
    fitted = w != 0 if pruned else np.ones(w.shape, dtype=bool)
    codes[fitted] = code_of[np.searchsorted(ends, w[fitted].astype(np.float64))]
    return Shared(codes, codebook)


def kmeans_arguments(w, bits, clusters, init, weights, pruned, seed, iterations):
    """Return w, the number of clusters and all that follows as it is to be used, or refuse the arguments."""
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
            raise RefcompressError("seed", f"has no meaning for the start {init!r}, of which nothing is drawn")
    iterations = arguments.integer(iterations, "iterations", 0)
    if weights is not None:
        weights = arguments.finite(arguments.array(weights, "weights", np.float32), "weights")
        if weights.shape != w.shape:
            raise RefcompressError("weights", f"must have the shape of w, {w.shape}, not {weights.shape}")
        arguments.each(weights, "weights", weights >= 0, "must not be negative")
        if w.size and not weights.any():
            raise RefcompressError("weights", "must not all be zero")
    return w, clusters, init, weights, pruned, 0 if seed is None else seed, iterations


def sorted_values(w: np.ndarray, weights: np.ndarray | None, pruned: bool):
    """Return the values to be fitted, ascending, and their weights (or None), both float64."""
    flat = w.ravel()
    chosen = flat != 0 if pruned else slice(None)
    flat = flat[chosen]
    if weights is None:
        return np.sort(flat).astype(np.float64), None
    order = np.argsort(flat, kind="stable")
    return flat[order].astype(np.float64), weights.ravel()[chosen][order].astype(np.float64)


def running_sums(x: np.ndarray, weights: np.ndarray | None):
    """Return the sums of weights * x and of the weights (1 where None) before each place, and after the last."""
    omega = np.ones(len(x)) if weights is None else weights
    return np.concatenate([[0.0], np.cumsum(omega * x)]), np.concatenate([[0.0], np.cumsum(omega)])


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def final_values(x: np.ndarray, c: np.ndarray):
    """Return the centroids as distinct float32 values that are each the nearest to some x, and the ends between them.

    Dropping a value that is nearest to nothing leaves every other weight's nearest value what it was.
    """
    book = np.unique(c.astype(np.float32) + np.float32(0))  # a tiny negative one may have become -0.0
    run = np.concatenate([[0], np.searchsorted(x, run_ends(book), side="right"), [len(x)]])
    book = book[run[:-1] < run[1:]] if len(book) else book
    return book, run_ends(book)


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def run_ends(book: np.ndarray) -> np.ndarray:
    """Return for neighbours in ``book`` the largest float64 that is not nearer to the upper one.

    The sum of two float32 may round in float64 (1e30 + 1e-30). ``lost`` is what the rounding added or took, exactly
    (Knuth's two-sum); where the midpoint was rounded up, a value that equals it is nearer to the upper neighbour.
    """
    low, high = book[:-1].astype(np.float64), book[1:].astype(np.float64)
    total = low + high
    part = total - low
    lost = (low - (total - part)) + (high - part)
    middle = 0.5 * total
    return np.where(lost < 0, np.nextafter(middle, -np.inf), middle)


def numbered(book: np.ndarray, pruned: bool):
    """Return the codebook and the code of each of ``book``'s values: its place, after the zero if pruned."""
    if not pruned:
        return book, np.arange(len(book))
    nonzero = book != 0
    return np.concatenate([np.zeros(1, np.float32), book[nonzero]]), np.cumsum(nonzero) * nonzero

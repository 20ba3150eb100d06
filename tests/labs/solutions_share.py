"""Solutions of the labs of share and lowrank, as learners write them: one right, and the others with a mistake each."""

import numpy as np

from refcompress import LowRank, Shared
from refcompress.reference.share.starts import initial_centroids, sums


def middles(book):
    """Return the largest float64 that is not nearer to the upper one of two neighbours."""
    low, high = book[:-1].astype(np.float64), book[1:].astype(np.float64)
    total = low + high
    part = total - low
    lost = (low - (total - part)) + (high - part)
    return np.where(lost < 0, np.nextafter(0.5 * total, -np.inf), 0.5 * total)


def steps(x, weights, c, iterations, side="right"):
    high, low, mass = sums(x, weights)
    before = None
    for _ in range(iterations if len(c) else 0):
        ends = [0, *np.searchsorted(x, 0.5 * (c[:-1] + c[1:]), side=side).tolist(), len(x)]
        if ends == before:
            break
        c = c.copy()
        for j, (a, b) in enumerate(zip(ends, ends[1:])):
            if mass[b] > mass[a]:
                mean = ((high[b] - high[a]) + (low[b] - low[a])) / (mass[b] - mass[a])
                c[j] = min(max(mean, x[a]), x[b - 1])
        before = ends
    return c


def kmeans_right(w, *, bits=None, clusters=None, init="cut", weights=None, pruned=False, seed=None, iterations=100,
                 code_side="left", step_side="right", book_of=np.unique, code_type=None):
    clusters = 2**bits if clusters is None else clusters
    fitted = w != 0 if pruned else np.full(w.shape, True)
    order = np.argsort(w[fitted], kind="stable")
    x = w[fitted][order].astype(np.float64)
    mass = None if weights is None else weights[fitted][order].astype(np.float64)
    c = initial_centroids(x, mass, min(clusters - pruned, len(x)), init, seed or 0)
    c = steps(x, mass, c, iterations, step_side)
    with np.errstate(all="ignore"):
        book = book_of(c.astype(np.float32) + np.float32(0))
        book = book[np.unique(np.searchsorted(middles(book), x))]
        place = np.searchsorted(middles(book), w[fitted].astype(np.float64), side=code_side)
    codebook, number = book, np.arange(len(book))
    if pruned:
        codebook = np.append(np.float32(0), book[book != 0])
        number = np.where(book != 0, np.cumsum(book != 0), 0)
    codes = np.zeros(w.shape, code_type or (np.uint8 if len(codebook) <= 256 else np.uint16))
    codes[fitted] = number[place]
    return Shared(codes, codebook)


def kmeans_codes_of_16_bits(w, **options):
    return kmeans_right(w, code_type=np.uint16, **options)


def kmeans_upper_of_equals(w, **options):
    return kmeans_right(w, code_side="right", **options)


def kmeans_zero_takes_part(w, *, pruned=False, **options):
    return kmeans_right(w, **options)


def kmeans_one_step_less(w, *, iterations=100, **options):
    return kmeans_right(w, iterations=min(iterations, 1), **options)


def svd_right(w, *, rank=None, energy=None, error=None, nbytes=None, signs=True, at_least=True):
    u, s, vt = np.linalg.svd(w.astype(np.float64), full_matrices=False)
    squares = s.astype(np.float64) ** 2
    if nbytes is not None:
        rank = min(len(s), nbytes // (4 * (sum(w.shape) + 1)))
    elif rank is None:
        loss = [squares[r:][::-1].cumsum()[-1] if r < len(s) else 0.0 for r in range(len(s) + 1)]
        held = [squares[:r].cumsum()[-1] if r else 0.0 for r in range(len(s) + 1)]
        rank = next(r for r in range(len(s) + 1) if (
            held[r] >= energy * held[-1] if error is None else loss[r] <= error**2 * loss[0]))
        rank = min(len(s), rank + (not at_least))
    u, s, vt = u[:, :rank].copy(), s[:rank], vt[:rank].copy()
    for i in range(rank if signs else 0):
        if u[np.argmax(np.abs(u[:, i])), i] < 0:
            u[:, i], vt[i] = -u[:, i], -vt[i]
    return LowRank(*(np.ascontiguousarray(part, np.float32) for part in (u, s, vt)))


def svd_signs_of_lapack(w, **options):
    return svd_right(w, signs=False, **options)


def svd_one_rank_more(w, **options):
    return svd_right(w, at_least=False, **options)


def svd_of_rounded_weights(w, **options):
    return svd_right(w.astype(np.float16), **options)


RIGHT = [("share_kmeans", kmeans_right), ("lowrank_svd", svd_right)]
WRONG = [
    ("share_kmeans", kmeans_codes_of_16_bits, "type", "SHARE-1.5", "The codes have the wrong dtype"),
    ("share_kmeans", kmeans_upper_of_equals, "ties", "SHARE-1.3", "in the middle of two values"),
    ("share_kmeans", kmeans_zero_takes_part, "zeros", "SHARE-1.4", "code 0 belongs to the value +0.0"),
    ("share_kmeans", kmeans_one_step_less, "steps", "SHARE-2.2", "The values of the codebook are others"),
    ("lowrank_svd", svd_signs_of_lapack, "signs", "LOWRANK-1.2", "A column of u has the wrong sign"),
    ("lowrank_svd", svd_one_rank_more, "rank", "LOWRANK-2.2", "The rank is another one"),
    ("lowrank_svd", svd_of_rounded_weights, "float32", "LOWRANK-2.1", "less exact than they must be")]

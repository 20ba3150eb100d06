"""Truncated SVD of a large matrix from products with random vectors, with its error measured afterwards."""

import math
from dataclasses import dataclass

import numpy as np

from ... import arguments
from ...formats import LowRank
from .truncated import signed

__all__ = ["Randomized", "lowrank_randomized"]

ROWS = 64  # of w that are float64 at once
SAFE = 24  # of numbers up to 2**24 and above 2**-24, sums of 2**30 squares, times each other, stay in range
# Directions of a block whose squared length is below this share of the largest are left out: float32 products lose them.
NEGLIGIBLE = 2.0**-40
# Where every direction has this share of the whole, Cholesky's factor does in a tenth of the time what eigenvectors do: sums
# of float32 products are good to about 2**-24 of the whole, which leaves columns orthonormal within 2**-4, and the second time
# within rounding.
CONDITION = 2.0**-20


@dataclass(frozen=True, eq=False)
class Randomized:
    """A low-rank approximation of a matrix w, and what is known of its error.

    factors : LowRank. frobenius : at least ||w - factors||_F, measured. spectral : at least ||w - factors||_2, except with
    the probability that was asked for. products : columns that w or its transpose was multiplied by.
    """

    factors: LowRank
    frobenius: float
    spectral: float
    products: int


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def product(x, w, *, transposed=False) -> np.ndarray:
    """Return gemm_f32f32 in the order of BLAS."""
    return x @ (w if transposed else w.T)


def lowrank_randomized(w, *, rank, tolerance=1e-3, certify=True, failure=1e-10, block=None, seed=0) -> Randomized:
    """Find an almost nearest matrix of a given rank by a block Krylov method, and certify its error.

        span of w g, (w w.T) w g, (w w.T)**2 w g, ...   for a random g of few columns; in it the nearest matrix of the rank

    Parameters
    ----------
    w : (m, k) float32, finite
    rank : int in [0, min(m, k)]
    tolerance : float in [1e-5, 1]
        The space grows until what it would still gain is foreseen to take less than this share off the Frobenius error
        (gains shrink geometrically; the last two are extrapolated) or off ||w||_F * 2**-10.
    certify : bool
        Whether to measure the error of the result; if not, ``frobenius`` and ``spectral`` are infinite.
    failure : float in [1e-30, 1)
        The probability with which ``spectral`` may lie below the error.
    block : int >= 1
        Columns of g; by default a quarter of the rank, from 16 to 64: more steps with fewer columns gain more a product,
        fewer with more take less time a product.
    seed : int in [0, 2**63): of g and of the vectors of the certificate, both from PCG64 by Box and Muller's formula, so
        that they are the same with every release of NumPy.

    Returns
    -------
    Randomized : factors in the manner of lowrank_svd (descending, signs fixed), frobenius, spectral, products
        Products with w are float32, in the order of BLAS; sums of squares and small matrices are float64. So the factors
        follow BLAS in their last bits, singular values below about 2**-11 of the largest lose digits. ``spectral`` is
        10 sqrt(2 / pi) max ||(w - factors) v|| over ceil(-log10 failure) Gaussian v, and at most ``frobenius``. Both hold
        for the factors as they are, float32: what rounding can have hidden in measuring is bounded and added, by
        (rank + 2) 2**-24 ||u s||_F ||vt||_F for ``frobenius``. A native implementation multiplies float32 matrices as
        gemm_f32f32 does, so all of them return the same bits where float64's eigenvectors, LAPACK's in each, are the same.

    Raises ArgumentTypeError, RefcompressError by name; NaN and infinities by index.

    **Source** Halko, Martinsson & Tropp, Finding Structure with Randomness (2011): the range finder, and the
    a-posteriori estimate; Musco & Musco, Randomized Block Krylov Methods (2015) for the space, with the optimum within
    a factor of 1 + e after O(log(k) / sqrt(e)) steps where the block has at least ``rank`` columns.

    **Departs** blocks are smaller than the rank; each is made orthogonal to all before it (twice), as in Golub and Kahan's
    bidiagonalization; the number of steps follows from the gains.

    Cost: 2 m k a product, four to five times the rank of them where singular values fall off, eight where they are nearly
    equal.

    >>> w = np.float32(np.diag(2.0 ** -np.arange(50)))
    >>> f = lowrank_randomized(w, rank=3)
    >>> f.factors.s.round(5).tolist(), f.spectral >= 0.125
    ([1.0, 0.5, 0.25], True)
    """
    return randomized(product, w, rank=rank, tolerance=tolerance, certify=certify, failure=failure, block=block, seed=seed)


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def randomized(product, w, *, each=map, rank, tolerance=1e-3, certify=True, failure=1e-10, block=None, seed=0) -> Randomized:
    """Return lowrank_randomized with float32 products by ``product``, which takes what gemm_f32f32 takes, and what is done for some
    rows of w after others by ``each``, which takes what map takes and gives results in that order."""
    w = arguments.array(w, "w", np.float32, ndim=2)
    total = squares(w, each)
    if not math.isfinite(total):  # squares of float32 do not overflow in float64
        arguments.finite(w, "w")
    rank = arguments.integer(rank, "rank", 0, min(w.shape))
    tolerance = arguments.real(tolerance, "tolerance", 1e-5, 1)
    certify = arguments.boolean(certify, "certify")
    failure = arguments.real(failure, "failure", 1e-30, float(np.nextafter(1, 0)))
    block = min(max(rank // 4, 16), 64) if block is None else arguments.integer(block, "block", 1)
    words = np.random.PCG64(arguments.integer(seed, "seed", 0))
    # Where squares might leave float32 a power of two takes w to about 1; it is put back at the end, exactly.
    # No element is above the norm, and the largest is not below the root of the mean square.
    root, power = math.sqrt(total), 0
    if not root < 2.0**SAFE or not root > 2.0**-SAFE * math.sqrt(w.size):
        power = math.frexp(float(np.abs(w).max(initial=0)))[1]
    scaled = np.ldexp(w, -power) if power else w
    total = squares(scaled, each) if power else total
    u, s, vt, products = _krylov(product, scaled, rank, total, tolerance, min(block, *w.shape) if w.size else 0, words)
    u, vt = signed(u, vt)

    factors = LowRank(u, np.ldexp(s, power), vt)
    if not certify:
        return Randomized(factors, math.inf, math.inf, products)
    tries = _gaussian(words, math.ceil(-math.log10(failure)), w.shape[1]).T
    error = _frobenius(product, each, scaled, u, s, vt)
    spectral = min(_spectral(each, scaled, total, u, s, vt, tries), error)
    lost = rank * 2.0**-149 if power < 0 else 0.0  # s put back in its place may be rounded to a subnormal number
    return Randomized(factors, math.ldexp(error, power) + lost, math.ldexp(spectral, power) + lost, products + tries.shape[1])


def _krylov(product, w, rank, total, tolerance, block, words):
    """Return u, s, vt of the best matrix of the rank in the Krylov space, and how many products that took.

    Vectors are rows here, one after the other in memory.
    """
    m, k = w.shape
    most = min(m, k)
    room = 3 * rank + block
    u, z = np.empty((room, m), np.float32), np.empty((room, k), np.float32)  # u orthonormal, z = u @ w
    gram = np.zeros((room, room))  # z @ z.T
    have, products, fresh = 0, 0, True
    energies = []  # what the best of the rank has of ||w||_F**2, after each block
    v = orthonormal(product, _gaussian(words, block, k)) if rank else np.empty((0, k), np.float32)
    while len(v) and have < most:
        y, scale = product(v, w), total
        for _ in range(2):  # the second time what rounding left of the first, made large by giving rows length 1
            if have:
                y -= product(product(y, u[:have]), u[:have], transposed=True)
            y, scale = _orthogonal(product, y, scale)[: most - have], 1.0
        products += len(v) + len(y)
        if not len(y):  # w takes this space into itself: singular values repeat, or no more are left
            if fresh:
                break
            v, fresh = orthonormal(product, _gaussian(words, block, k)), True
            continue
        v, fresh = product(y, w, transposed=True), False
        before, have = have, have + len(y)
        if have > len(u):
            u, z = (np.vstack([a, np.empty_like(a)]) for a in (u, z))
            gram = np.block([[gram, np.zeros_like(gram)], [np.zeros_like(gram), np.zeros_like(gram)]])
        u[before:have], z[before:have] = y, v
        gram[before:have, :have] = product(v, z[:have])
        gram[:before, before:have] = gram[before:have, :before].T
        energies.append(_top(gram[:have, :have], rank))
        if _enough(energies, total, tolerance):
            break
        v = _orthogonal(product, v, 0.0)  # once is enough: y is made orthonormal
    u, z = u[:have], z[:have]
    # The small matrix once more, in float64: products of float32 would hide what is below 2**-12 of the largest.
    wide = z.astype(np.float64)
    lam, e = np.linalg.eigh(wide @ wide.T)
    lam, e = lam[::-1][:rank], e[:, ::-1].T[:rank]
    s = np.sqrt(np.maximum(lam, 0))
    s[s <= 2.0**-24 * s.max(initial=0)] = 0  # rounding to float32 hides what is below
    found = len(s)
    factors = np.zeros((m, rank), np.float32), np.zeros(rank, np.float32), np.zeros((rank, k), np.float32)
    factors[0][:, :found] = product(e.astype(np.float32), u, transposed=True).T
    factors[1][:found] = s
    factors[2][:found] = product((e / np.where(s > 0, s, np.inf)[:, None]).astype(np.float32), z, transposed=True)
    return *factors, products


def _top(gram: np.ndarray, rank: int) -> float:
    """Return the sum of the ``rank`` largest eigenvalues."""
    return float(np.trace(gram) if len(gram) <= rank else np.linalg.eigvalsh(gram)[-rank:].sum())


def _enough(energies: list[float], total: float, tolerance: float) -> bool:
    """Whether the gains, extrapolated geometrically, leave less than ``tolerance`` of the error to be gained."""
    if len(energies) < 3:
        return False
    before, last = energies[-2] - energies[-3], energies[-1] - energies[-2]
    ratio = min(max(last, 0) / before, 0.95) if before > 0 else 0
    foreseen = max(last, 0) * ratio / (1 - ratio)
    rest = max(total - energies[-1], total * 2.0**-20)
    return foreseen <= 2 * tolerance * rest  # of the square, of which the error is the root


def orthonormal(product, y: np.ndarray, scale: float = 0.0) -> np.ndarray:
    """Return orthonormal rows that span those of y.

    Fewer than y has, the longest directions first, where these depend on each other or their squared length is nothing
    against ``scale``. Twice: the second time rounding is all that is left to mend.
    """
    return _orthogonal(product, _orthogonal(product, y, scale), 1.0)


def _orthogonal(product, y: np.ndarray, scale: float) -> np.ndarray:
    """Return rows as `orthonormal` does, good to 2**-4.

    Through Cholesky's factor of y @ y.T, or its eigenvectors where that may be near to singular.
    """
    gram = product(y, y).astype(np.float64)
    if (factor := _well_conditioned(gram, scale)) is not None:
        return product(factor, y, transposed=True)
    lam, e = np.linalg.eigh(gram)
    lam, e = lam[::-1], e[:, ::-1]
    keep = lam > NEGLIGIBLE * max(lam.max(initial=0), scale)
    return product((e[:, keep] / np.sqrt(lam[keep])).T.astype(np.float32), y, transposed=True)


def _well_conditioned(gram: np.ndarray, floor: float) -> np.ndarray | None:
    """Return what makes rows with these products orthonormal, (m, m) float32; None where a direction may be too short."""
    try:
        low = np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        return None
    diagonal = np.diagonal(low)
    if not diagonal.min(initial=1) ** 2 > CONDITION * max(np.trace(gram), floor):
        return None
    return np.linalg.inv(low).astype(np.float32)


def squares(a: np.ndarray, each=map) -> float:
    """Return the sum of the squares in float64, of a few rows at a time."""
    def of(part):
        part = part.astype(np.float64).ravel()
        return float(part @ part)

    return sum(each(of, (a[start : start + ROWS] for start in range(0, len(a), ROWS))), 0.0)


def _frobenius(product, each, w, u, s, vt) -> float:
    """Return what ||w - u * s @ vt||_F is at most: measured some rows at a time, and what float32 can have hidden.

    With v = 2**-24, an element of the product is off by at most gamma_(rank + 1) sum |u s| |vt|, that of u * s among it
    (Higham, section 3.5), and 2**-150 for each of its 2 rank products that is subnormal; the difference by v of itself. The
    norm of the matrix of such sums is at most ||u s||_F ||vt||_F (Cauchy and Schwarz).
    """
    def of(start):
        part = slice(start, start + ROWS)
        rest = product(scaled[part], vt, transposed=True)
        return squares(np.subtract(w[part], rest, out=rest))

    scaled = u * s
    total = sum(each(of, range(0, len(w), ROWS)), 0.0)
    rank = len(s)
    measured = math.sqrt(total) * (1 + 2.0**-24 * 1.01)  # the last for the sums of squares in float64
    product = math.sqrt(squares(scaled) * squares(vt))
    return measured + (rank + 2) * 2.0**-24 * product + 2 * rank * 2.0**-150 * math.sqrt(w.size)


def _spectral(each, w, total, u, s, vt, v) -> float:
    """Return 10 sqrt(2 / pi) times the longest (w - u * s @ vt) @ v, and what float64 can have hidden in it.

    The products of three have at most k + rank + 3 roundings on the way to an element, each of 2**-53 at most of the
    sum of absolute values (u * s is exact in float64), whose norm is at most (||w||_F + ||u s||_F ||vt||_F) ||v||.
    """
    def of(start):
        part = slice(start, start + ROWS)
        return np.sum((w[part].astype(np.float64) @ v - scaled[part] @ inner) ** 2, axis=0)

    v, scaled = v.astype(np.float64), u * s.astype(np.float64)
    inner = vt.astype(np.float64) @ v
    lengths = sum(each(of, range(0, len(w), ROWS)), np.zeros(v.shape[1]))
    size = math.sqrt(total) + math.sqrt(float(np.sum(scaled**2)) * squares(vt))
    hidden = (w.shape[1] + len(s) + 4) * 2.0**-53 * size * np.sqrt(np.sum(v**2, axis=0))
    return 10 * math.sqrt(2 / math.pi) * float((np.sqrt(lengths) + hidden).max(initial=0))


def _gaussian(words, rows: int, columns: int) -> np.ndarray:
    """Return float32 numbers of a normal distribution: Box and Muller's formula on pairs of 53-bit fractions."""
    count = rows * columns
    half = -(-count // 2)
    a, b = (words.random_raw(2 * half) >> np.uint64(11)).astype(np.float64).reshape(2, half) * 2.0**-53
    radius, angle = np.sqrt(-2 * np.log1p(-a)), 2 * np.pi * b
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count].astype(np.float32).reshape(rows, columns)

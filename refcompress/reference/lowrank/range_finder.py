"""Truncated SVD of a large matrix from products with random vectors, with a certificate of its error."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ... import arguments
from ...constants import U64
from ...formats import LowRank

__all__ = ["Randomized", "lowrank_randomized"]


@dataclass(frozen=True, eq=False)
class Randomized:
    """A low-rank approximation of a matrix w, and what is known of its error.

    factors : LowRank
    frobenius : float, at least ||w - factors||_F; infinite without a certificate
    spectral : float, at least ||w - factors||_2 but for the probability ``failure``; infinite without a certificate
    products : int, the number of columns that w or its transpose was multiplied by
    """

    factors: LowRank
    frobenius: float
    spectral: float
    products: int


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def lowrank_randomized(w: ArrayLike, *, rank: int, tolerance: float = 1e-3, certify: bool = True,
                       failure: float = 1e-10, block: int | None = None, seed: int = 0) -> Randomized:
    """Find a nearly best matrix of a given rank by block Krylov iteration, and certify its error.

        q = orthonormal basis of [w g, (w w.T) w g, (w w.T)**2 w g, ...],    g : a Gaussian matrix of ``block`` columns
        q.T w = p s vt, its SVD;    w_r = (q p)_r s_r vt_r, the first r terms

    Parameters
    ----------
    w : (m, k) float32, finite
    rank : int in [0, min(m, k)]
    tolerance : float in [1e-5, 1]
        The basis grows until the gains that are still to come would lower the Frobenius error by less than this share.
        (They are extrapolated from the last two, as a geometric series.) An error below 2**-10 ||w||_F counts as that.
    certify : bool
        Whether to measure the error of the result.
    failure : float in [1e-30, 1)
        The probability that the certificate ``spectral`` is below the error.
    block : int >= 1
        Columns of g. By default the rank, and 16 at least; a native implementation has a default of its own.
    seed : int in [0, 2**63)
        Of g and of the vectors of the certificate. Both come from PCG64 by the formula of Box and Muller, so every
        release of NumPy gives the same.

    Returns
    -------
    Randomized : factors in the form of lowrank_svd (descending, signs fixed), frobenius, spectral, products
        The Frobenius error is at most 1 + tolerance times that of the best matrix of the rank, unless the gains
        mislead, as they may where ``block`` is less than the rank. ``frobenius`` is the measured error of the float32
        factors and a bound of what rounding can have hidden from the measurement. ``spectral`` is 10 sqrt(2 / pi) max
        ||(w - factors) v|| over ceil(-log10 failure) Gaussian v, and at most ``frobenius``. Here all arithmetic is
        float64. A native implementation multiplies a small matrix with itself in float64, and otherwise multiplies
        float32 matrices: then singular values below about 2**-11 of the largest lose digits, and certificates are
        wider.

    **Source** Halko, Martinsson & Tropp, Finding Structure with Randomness (2011, arXiv 0909.4061): the range finder,
    and section 4.3 for the estimate of the spectral error; Musco & Musco, Randomized Block Krylov Methods (2015,
    arXiv 1504.05477), algorithm 2, for the space.

    **Departs** the number of steps follows from the gains; the papers give it beforehand.

    Cost 2 m k operations for each of ``products``: four to eight times the rank for most matrices, more where singular
    values are nearly equal.

    >>> w = np.float32(np.diag(2.0 ** -np.arange(50)))
    >>> f = lowrank_randomized(w, rank=3)
    >>> f.factors.s.round(5).tolist(), f.spectral >= 0.125
    ([1.0, 0.5, 0.25], True)
    """
    w, rank, tolerance, certify, failure, block, words = randomized_arguments(
        w, rank, tolerance, certify, failure, block, seed)
    a = w.astype(np.float64)
    g = gaussian(words, min(block or max(rank, 16), *w.shape), w.shape[1]).T
    q, projected, products = _krylov(a, g, rank, tolerance)

    p, s, vt = np.linalg.svd(projected, full_matrices=False)
    u = q @ p[:, :rank]
    largest = u[np.argmax(np.abs(u), axis=0), np.arange(rank)] if u.size else np.ones(rank)
    sign = np.where(largest < 0, -1.0, 1.0)
    factors = LowRank(*(f.astype(np.float32) for f in (u * sign, s[:rank], sign[:, None] * vt[:rank])))
    if not certify:
        return Randomized(factors, math.inf, math.inf, products)
    v = gaussian(words, math.ceil(-math.log10(failure)), w.shape[1]).T
    return Randomized(factors, *_certificate(a, factors, v), products + v.shape[1])


def _krylov(a: np.ndarray, v: np.ndarray, rank: int, tolerance: float) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the basis q that starts with a @ v, q.T @ a, and how many columns a was multiplied by."""
    q, projected, products, energies = np.empty((len(a), 0)), np.empty((0, a.shape[1])), 0, []
    total = float(np.sum(a * a))
    while True:
        # Householder's columns are orthonormal even where those of a @ v depend on q or on each other.
        y = np.linalg.qr(np.hstack([q, a @ v]))[0][:, q.shape[1] :]
        products += v.shape[1] + y.shape[1]
        v = a.T @ y
        q, projected = np.hstack([q, y]), np.vstack([projected, v.T])
        energies.append(float(np.linalg.eigvalsh(projected @ projected.T)[::-1][:rank].sum()))  # of the best matrix
        to_come = total - float(np.sum(projected * projected))  # no basis gains more than what lies outside q
        if len(energies) >= 3 and total:
            before, last = np.maximum(np.diff(energies[-3:]), 2.0**-60 * total)
            ratio = min(last / before, 0.95)
            to_come = min(to_come, last * ratio / (1 - ratio))
        error = math.sqrt(max(total - energies[-1], 0))
        gain = error - math.sqrt(max(error**2 - to_come, 0))
        enough = gain <= tolerance * max(error, 2.0**-10 * math.sqrt(total))
        if len(projected) >= min(a.shape) or (len(projected) >= rank and enough):
            return q, projected, products


def _certificate(a: np.ndarray, factors: LowRank, v: np.ndarray) -> tuple[float, float]:
    """Return upper bounds of ||a - factors|| in the Frobenius and in the spectral norm.

    A term of an element of a - us @ vt meets at most rank + 2 roundings, one of a product with v k more; a sum of m k
    squares is off by m k U64 of itself (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1).
    The norm of the matrix of the sums of |us| |vt| is at most ||us||_F ||vt||_F (Cauchy and Schwarz).
    """
    (m, k), rank, v = a.shape, factors.rank, v.astype(np.float64)
    us, vt = factors.u.astype(np.float64) * factors.s, factors.vt.astype(np.float64)
    rest, size = a - us @ vt, float(np.linalg.norm(a) + np.linalg.norm(us) * np.linalg.norm(vt))
    frobenius = float(np.linalg.norm(rest)) * (1 + m * k * U64) + (rank + 4) * U64 * size
    lengths = np.linalg.norm(rest @ v, axis=0) + (k + rank + 4) * U64 * size * np.linalg.norm(v, axis=0)
    return frobenius, min(10 * math.sqrt(2 / math.pi) * float(lengths.max(initial=0)), frobenius)


def gaussian(words: "np.random.PCG64", rows: int, columns: int) -> np.ndarray:
    """Return float32 numbers of a normal distribution: the formula of Box and Muller on pairs of 53-bit fractions."""
    count = rows * columns
    half = -(-count // 2)
    a, b = (words.random_raw(2 * half) >> np.uint64(11)).astype(np.float64).reshape(2, half) * 2.0**-53
    radius, angle = np.sqrt(-2 * np.log1p(-a)), 2 * np.pi * b
    both = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
    return both[:count].astype(np.float32).reshape(rows, columns)


def randomized_arguments(
        w, rank, tolerance, certify, failure, block, seed,
) -> tuple[np.ndarray, int, float, bool, float, int | None, "np.random.PCG64"]:
    """Return the arguments of lowrank_randomized, checked, with a generator of random words in place of the seed."""
    w = arguments.finite(arguments.array(w, "w", np.float32, ndim=2), "w")
    rank = arguments.integer(rank, "rank", 0, min(w.shape))
    tolerance = arguments.real(tolerance, "tolerance", 1e-5, 1)
    certify = arguments.boolean(certify, "certify")
    failure = arguments.real(failure, "failure", 1e-30, float(np.nextafter(1, 0)))
    block = None if block is None else arguments.integer(block, "block", 1)
    return w, rank, tolerance, certify, failure, block, np.random.PCG64(arguments.integer(seed, "seed", 0))

"""Agreement of optima that may be reached in more than one way: by what they cost, not by what they are."""

from typing import Any

import numpy as np

from ..constants import U64, U
from ..formats import MAX_CODE_LENGTH, LowRank, Shared
from ..reference.share.kmeans import boundaries
from .exact import UNDERFLOW, Disagreement, everywhere, python_numbers, same_kind


def same_product(expected: LowRank, got: LowRank, args: tuple, kwargs: dict | None = None) -> None:
    """Raise Disagreement unless ``got`` is as good a truncated SVD of the matrix ``args[0]`` as ``expected``.

    The contract: computed in float64, each factor rounded once to float32. The factors themselves are not unique (equal
    singular values), so these are compared: the rank; the singular values; orthonormality; the product's error, which
    must be the optimum of Eckart and Young (1936), the root of the sum of the squared singular values left out; the
    signs. The rank that an energy or an error asks for may be another one where singular values that are off by (1)
    ask for it; not where w has at most one number in each row and column, whose magnitudes they are.

    Three errors are allowed. (1) Of the SVD in float64: p 2**-53 ||w|| with p = 64 mn, far above what Householder
    bidiagonalisation needs (Higham, Accuracy and Stability, on Householder's transformations; LAPACK Users' Guide, on
    error bounds of the SVD), and still below u where mn < 2**22: the constant does not matter. (2) Of rounding the
    factors: (1 + u)**3 - 1 of |u| s |vt|; for the inner product of two unit columns 2u + u**2, by Cauchy and Schwarz.
    (3) Below 2**-126 a factor is off by 2**-150 instead.
    """
    w = np.asarray(args[0]).astype(np.float64)
    if not isinstance(got, LowRank):
        raise Disagreement(f"result: got a {type(got).__name__}, expected a LowRank")
    m, n, r = *w.shape, got.rank
    sigma = np.linalg.svd(w, compute_uv=False) if w.size else np.zeros(0)
    norm = np.linalg.norm(sigma)
    svd_error = 64 * m * n * U64
    if got.shape != expected.shape or r != expected.rank and not _near_rank(r, w, sigma, svd_error * norm, kwargs):
        raise Disagreement(f"result: got shape {got.shape} and rank {got.rank}, expected {expected.shape} and "
                           f"{expected.rank}")
    u, s, vt = (a.astype(np.float64) for a in (got.u, got.s, got.vt))
    _within(sigma[:r], s, U * sigma[:r] + svd_error * norm + UNDERFLOW, "result.s")
    if r and (np.diff(s).max(initial=0) > 0 or s[-1] < 0):
        raise Disagreement(f"result.s: got {got.s}, expected nonnegative and not increasing")
    gram = 2 * U + U**2 + svd_error + (m + n) * UNDERFLOW
    _within(np.eye(r), u.T @ u, np.full((r, r), gram), "result.u.T @ result.u")
    _within(np.eye(r), vt @ vt.T, np.full((r, r), gram), "result.vt @ result.vt.T")
    optimum = np.linalg.norm(sigma[r:])
    rounding = ((1 + U) ** 3 - 1) * np.linalg.norm((np.abs(u) * s) @ np.abs(vt))
    allowed = rounding + svd_error * norm + (np.sqrt(r) + (m + n) * np.sum(s)) * UNDERFLOW
    error = np.linalg.norm(w - (u * s) @ vt)
    if not error - optimum <= allowed:
        raise Disagreement(f"result: the product is off by {error:g} (Frobenius), the optimum at rank {r} is "
                           f"{optimum:g}; allowed difference {allowed:g}")
    # Rounding to float32, or the SVD itself, cannot tell apart two entries of nearly the same magnitude: either may be
    # the largest.
    near = np.abs(u) >= np.abs(u).max(axis=0, initial=0) - 4 * U - svd_error
    unsigned = ~((u > 0) & near).any(axis=0)
    if unsigned.any():
        raise Disagreement(f"result.u[:, {np.argmax(unsigned)}]: the entry of largest magnitude must be positive")


def _near_rank(r: int, w: np.ndarray, sigma: np.ndarray, off: float, kwargs: dict | None) -> bool:
    """Return whether r is the rank for some singular values that are off by so much, and sums in any order."""
    given = python_numbers(kwargs)
    single = (np.count_nonzero(w, axis=0) <= 1).all() and (np.count_nonzero(w, axis=1) <= 1).all()
    if single or given.get("energy") is None and given.get("error") is None:
        return False
    sums = 1 + 4 * len(sigma) * U64
    low, high = (np.append(0.0, np.cumsum(a**2)) for a in (np.maximum(sigma - off, 0), sigma + off))
    low, high = low / sums, high * sums
    if given.get("energy") is not None:
        least, most = (first >= given["energy"] * whole for first, whole in ((high, low[-1]), (low, high[-1])))
    else:
        rest_low, rest_high = (np.append(np.cumsum(a[::-1] ** 2)[::-1], 0.0)
                               for a in (np.maximum(sigma - off, 0), sigma + off))
        least, most = (rest <= given["error"] ** 2 * whole * sums
                       for rest, whole in ((rest_low / sums, high[-1]), (rest_high * sums, low[-1] / sums)))
    last = int(np.argmax(most)) if most.any() else len(sigma)
    return int(np.argmax(least)) <= r <= last


def near_best(expected: Any, got: Any, args: tuple, kwargs: dict | None = None) -> None:
    """Raise Disagreement unless ``got`` is a low-rank approximation of ``args[0]`` as good as ``expected``.

    lowrank_randomized promises an error of at most 1 + tolerance times the optimum. The optimum is at most the error of
    ``expected``, so the Frobenius error of ``got`` may exceed that of ``expected`` by the tolerance's share of it (of
    2**-10 ||w|| where that error is less). Also allowed are the errors of float32 products, (k + rank) u ||w||: a
    rounding for each term of the longest sums.

    Finite certificates are not below the errors, which are measured in float64 (off by (k + rank) 2**-53 itself); the
    spectral error is measured from below, by power iteration. Singular values descend. The largest entry of each column
    of u is positive, as in lowrank_svd. The columns of u and the rows of vt are orthonormal: their inner products are
    sums of m and k float32 products, which float32 arithmetic leaves off by gamma_m and gamma_k; both factors came from
    an orthonormal basis by one more such product each. Twice for the two vectors of an inner product: 4 (m + k) u. A
    vector of a singular value s came from a sum of the size of the largest, divided by s: as the operation says, it
    loses the digits of s / s[0]. But a vector is never nearer to 0, or to another, than to where it should be: 1/2.
    """
    kwargs = python_numbers(kwargs)
    w = np.asarray(args[0]).astype(np.float64)
    f = getattr(got, "factors", None)
    if type(got) is not type(expected) or not isinstance(f, LowRank):
        raise Disagreement(f"result: got a {type(got).__name__}, expected a {type(expected).__name__} with factors")
    if f.shape != expected.factors.shape or f.rank != expected.factors.rank:
        raise Disagreement(f"result.factors: got shape {f.shape} and rank {f.rank}, expected "
                           f"{expected.factors.shape} and {expected.factors.rank}")
    (m, k), r = w.shape, f.rank
    u, s, vt = (a.astype(np.float64) for a in (f.u, f.s, f.vt))
    if r and (np.diff(s).max(initial=0) > 0 or not s[-1] >= 0):
        raise Disagreement(f"result.factors.s: got {f.s}, expected nonnegative and not increasing")
    lost = s.max(initial=0) / np.maximum(np.minimum.outer(s, s), 2.0**-24 * s.max(initial=2.0**-149))
    loose = np.minimum(4 * (m + k) * U * np.maximum(lost, 1) + (m + k) * UNDERFLOW, 0.5)
    for name, gram in (("u.T @ u", u.T @ u), ("vt @ vt.T", vt @ vt.T)):
        _within(np.eye(r), gram, loose, f"result.factors: {name}")
    # Rounding cannot tell apart two entries of nearly the same magnitude: either may be the largest.
    if m and r and (u.max(axis=0) < np.abs(u).max(axis=0) - 4 * U).any():
        raise Disagreement("result.factors.u: the entry of largest magnitude of a column must be positive")
    e = expected.factors
    norm, best = np.linalg.norm(w), np.linalg.norm(w - (e.u.astype(np.float64) * e.s) @ e.vt.astype(np.float64))
    rest = w - (u * s) @ vt
    tolerance = kwargs.get("tolerance", 1e-3)
    allowed = tolerance * max(best, 2.0**-10 * norm) + (k + r) * U * norm + r * (m + k) * UNDERFLOW
    error = np.linalg.norm(rest)
    if not error - best <= allowed:
        raise Disagreement(f"result.factors: off by {error:g} (Frobenius), expected {best:g}; "
                           f"allowed difference {allowed:g}")
    vector = np.random.default_rng(0).standard_normal((k,))
    for _ in range(8):
        vector = rest.T @ (rest @ vector)
        vector /= np.linalg.norm(vector) or 1
    spectral = np.linalg.norm(rest @ vector)
    for name, measured in (("frobenius", error), ("spectral", spectral)):
        if not measured <= getattr(got, name) + (k + r) * U64 * norm:
            raise Disagreement(f"result.{name}: got {getattr(got, name):g}, below the error {measured:g}")


def _within(expected: np.ndarray, got: np.ndarray, allowed: np.ndarray, where: str) -> None:
    everywhere(np.abs(got - expected) <= allowed, expected, got, where, allowed)


def same_cost(expected: Any, got: Any, args: tuple, kwargs: dict | None = None) -> None:
    """Raise Disagreement if ``got`` is a worse optimum than ``expected``: for kernels that resolve ties in another way.

    Code lengths (an array of uint8; ``args[0]`` the counts): a code length for each symbol that occurs and no other, at
    most the limit, filling the code space; the sum of count * length must not be larger. Exact, in Python's integers.

    Shared values (``args[0]`` the weights): the sum of weight * (w - value)**2 in float64 must not be larger than
    rounding explains, as :func:`_distortion_allowed` says. The form is that of SHARE-1: the codebook ascends, after the
    zero if pruned, and each value of it is used; each weight has the value nearest to it.
    """
    kwargs = python_numbers(kwargs)
    if isinstance(expected, Shared):
        _same_distortion(expected, got, args[0], kwargs)
        return
    same_kind(expected, got, "result")
    everywhere((got > 0) == (expected > 0), expected, got, "result", None)
    limit = kwargs.get("limit", MAX_CODE_LENGTH)
    lengths = [int(length) for length in got if length]
    if any(length > limit for length in lengths):
        raise Disagreement(f"result: got a length of {max(lengths)}, the limit is {limit}")
    filled = sum(2 ** (limit - length) for length in lengths)
    if len(lengths) > 1 and filled != 2**limit:
        raise Disagreement(f"result: the sum of 2**-length is {filled / 2**limit:g}, expected 1")
    cost_got, cost = (sum(int(c) * int(length) for c, length in zip(args[0], a)) for a in (got, expected))
    if cost_got > cost:
        raise Disagreement(f"result: got a cost of {cost_got} bits, expected {cost}")


def _same_distortion(expected: Shared, got, w, kwargs) -> None:
    if not isinstance(got, Shared) or got.shape != expected.shape:
        shape = getattr(got, "shape", "")
        raise Disagreement(f"result: got {type(got).__name__} {shape}, expected Shared {expected.shape}")
    clusters = kwargs.get("clusters") or 2 ** kwargs["bits"]
    if len(got.codebook) > clusters:
        raise Disagreement(f"result.codebook: got {len(got.codebook)} values, expected at most {clusters}")
    w, pruned = np.asarray(w).astype(np.float64), bool(kwargs.get("pruned"))
    _same_form(expected, got, w, clusters, pruned)
    weights = kwargs.get("weights")
    weights = np.ones(w.shape) if weights is None else np.asarray(weights).astype(np.float64)
    cost_got, cost = (np.sum(weights * (w - a.dense().astype(np.float64)) ** 2) for a in (got, expected))
    allowed = _distortion_allowed(w, weights, got.dense().astype(np.float64), clusters, cost, kwargs)
    if not cost_got <= cost + allowed:
        raise Disagreement(f"result: got a distortion of {cost_got:g}, expected {cost:g}; "
                           f"allowed difference {allowed:g}")


def _same_form(expected: Shared, got: Shared, w: np.ndarray, clusters: int, pruned: bool) -> None:
    """Raise Disagreement where shared values are not in the form of SHARE-1, whatever they cost."""
    book, zero = got.codebook, got.codebook[:pruned]
    if (np.diff(book[pruned:]) <= 0).any():
        raise Disagreement(f"result.codebook: got {book}, expected ascending values, none of them twice")
    if pruned and (not len(zero) or zero[0] != 0 or (book[1:] == 0).any()):
        raise Disagreement(f"result.codebook: got {book}, expected 0.0 first, for what is pruned (SHARE-1.4)")
    if np.signbit(book[book == 0]).any():
        raise Disagreement(f"result.codebook: got {book}, expected no -0.0 (SHARE-1.1)")
    unused = np.setdiff1d(np.arange(pruned, len(book)), got.codes)
    if len(unused):
        first = int(unused[0])
        raise Disagreement(f"result.codebook[{first}]: got {book[first]}, expected a value that some weight has "
                           "(SHARE-1.2)")
    dense = got.dense()
    everywhere((dense == 0) | (w != 0) | (not pruned), w, dense, "result.dense() where w is 0", None)
    few = len(np.unique(w[w != 0] if pruned else w)) <= clusters - pruned
    everywhere((dense == w) | (not few), w, dense, "result.dense(), of no more distinct values than clusters", None)
    fitted = (w != 0) | (not pruned)
    if not (pruned and (got.codes[fitted] == 0).any()):  # a fitted value that is zero has code 0 too
        book = book[pruned:]
    nearest = w.astype(np.float32)
    nearest[fitted] = book[np.searchsorted(boundaries(book), w[fitted])] if len(book) else 0
    everywhere(dense == nearest, nearest, dense, "result.dense(), the nearest value of the codebook (SHARE-1.3)", None)


def _distortion_allowed(w, weights, value, k: int, cost: float, kwargs: dict) -> float:
    """Return by how much the cost of a codebook may exceed that of another, where both are optima but for rounding.

    With u = 2**-53; x the fitted values in order, m the one in their middle, R their range; Q, S and W the running sums
    of weights (x - m)**2, weights (x - m) and weights, each known but for one rounding; S the largest of its sums:

    (1) Measuring: each of the two costs is off by gamma_(size + 3) of itself (Higham sec. 3.1).
    (2) The path that was taken has the least computed cost, so its cost exceeds the least by at most twice the error of
        a path's. That of the roundings of Q is 8 u Q, and of a path's own terms k u cost (share/optimal.py). A segment
        of weight V with its s off by d = 2 u S is off by 2 |mean - m| d + d**2 / V, where the last is cut off at the
        segment's own V R**2: by 3 R d at most. With V off by 2 u W it is off by (mean - m)**2 of that, and by R**2 of
        it where V is less. V is exact without weights.
    (3) A mean that is off by e adds V e**2. It is rounded to float32 (U c, or 2**-150 where it is subnormal), added to
        m (2 u (|m| + |c|)), divided from sums as in (2) and clamped to the segment: the last V e**2 <= R V e <= R d,
        and R**2 2 u W. The square of a sum is at most twice the sum of the squares.
    """
    fitted = w != 0 if kwargs.get("pruned") else np.full(w.shape, True)
    order = np.argsort(w[fitted], kind="stable")
    x, omega = w[fitted][order], weights[fitted][order]
    if not len(x):
        return 2 * (w.size + 3) * U64 * cost
    middle = x[len(x) // 2]
    extent, y = x[-1] - x[0], x - middle
    most = np.abs(np.cumsum(omega * y)).max()
    heaviest = 0.0 if kwargs.get("weights") is None else extent**2 * omega.sum()
    d = 2 * U64 * most
    path = U64 * (8 * np.sum(omega * y * y) + k * cost) + k * (3 * extent * d + 2 * U64 * heaviest)
    mean = np.sum(weights * (U * np.abs(value) + UNDERFLOW + 2 * U64 * (abs(middle) + np.abs(value))) ** 2)
    return 2 * (w.size + 3) * U64 * cost + 2 * path + 2 * (mean + k * (extent * d + 2 * U64 * heaviest))

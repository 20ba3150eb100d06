"""Solutions of the lab lowrank_randomized, as learners write them: one right, and the others with a mistake each."""

import math

import numpy as np

from refcompress import LowRank, Randomized


def randomized_right(w, *, rank, tolerance=1e-3, certify=True, failure=1e-10, block=None, seed=0, blocks=None,
                     signs=True, rounded=True, factor=10 * math.sqrt(2 / math.pi)):
    w, rank = np.asarray(w, np.float64), int(rank)
    (m, k), rng = w.shape, np.random.default_rng(int(seed))
    width = min(int(block or max(rank, 16)), m, k)
    q, y, gained, products = np.zeros((m, 0)), w @ rng.standard_normal((k, width)), [], 0
    while blocks is None or len(gained) < blocks:
        fresh = np.linalg.qr(np.hstack([q, y]))[0][:, q.shape[1] :]
        q, y = np.hstack([q, fresh]), w @ (w.T @ fresh)
        products += 2 * width
        gained.append(float((np.linalg.svd(q.T @ w, compute_uv=False)[:rank] ** 2).sum()))
        slow = len(gained) > 3 and gained[-1] - gained[-4] <= 1e-3 * tolerance * max(
            (w**2).sum() - gained[-1], 2.0**-20 * (w**2).sum())
        if q.shape[1] >= min(m, k) or (q.shape[1] >= rank and slow):
            break
    p, s, vt = np.linalg.svd(q.T @ w, full_matrices=False)
    u, s, vt = (q @ p)[:, :rank], s[:rank], vt[:rank]
    if signs and u.size:
        sign = np.where(u[np.abs(u).argmax(axis=0), np.arange(rank)] < 0, -1.0, 1.0)
        u, vt = u * sign, sign[:, None] * vt
    factors = LowRank(u.astype(np.float32), s.astype(np.float32), vt.astype(np.float32))
    if not certify:
        return Randomized(factors, math.inf, math.inf, products)
    if rounded:
        u, s, vt = (a.astype(np.float64) for a in (factors.u, factors.s, factors.vt))
    rest = w - (u * s) @ vt
    frobenius = float(np.linalg.norm(rest)) * (1 + 1e-9) + 1e-13 * float(np.linalg.norm(w))
    v = rng.standard_normal((k, math.ceil(-math.log10(failure))))
    lengths = np.linalg.norm(rest @ v, axis=0)
    if factor is None:  # as if a random vector pointed to where the error is
        lengths, factor = lengths / np.maximum(np.linalg.norm(v, axis=0), 1e-300), 1.0
    return Randomized(factors, frobenius, min(factor * float(lengths.max(initial=0)), frobenius), products)


def randomized_from_one_product(w, **options):
    return randomized_right(w, blocks=1, **options)


def randomized_signs_of_lapack(w, **options):
    return randomized_right(w, signs=False, **options)


def randomized_error_before_rounding(w, **options):
    return randomized_right(w, rounded=False, **options)


def randomized_longest_of_a_few(w, **options):
    return randomized_right(w, factor=None, **options)


def randomized_of_a_basis_that_leans(w, *, rank, **options):
    good = randomized_right(w, rank=rank, **options)
    u = good.factors.u.copy()
    if u.shape[1] > 1:
        u[:, 1] = u[:, 1] * 0.8 + u[:, 0] * 0.6
        u *= np.where(u[np.abs(u).argmax(axis=0), np.arange(rank)] < 0, np.float32(-1), np.float32(1))
    return Randomized(LowRank(u, good.factors.s, good.factors.vt), good.frobenius, good.spectral, good.products)


RIGHT = [("lowrank_randomized", randomized_right)]
WRONG = [
    ("lowrank_randomized", randomized_from_one_product, "error", "LOWRANK-3.1", "comes nearer to w"),
    ("lowrank_randomized", randomized_signs_of_lapack, "signs", "LOWRANK-1.2", "A column of u has the wrong sign"),
    ("lowrank_randomized", randomized_error_before_rounding, "certificate", "LOWRANK-3.2", "promises too much"),
    ("lowrank_randomized", randomized_longest_of_a_few, "certificate", "LOWRANK-3.2", "promises too much"),
    ("lowrank_randomized", randomized_of_a_basis_that_leans, "orthonormal", "LOWRANK-1.1", "are not orthonormal")]

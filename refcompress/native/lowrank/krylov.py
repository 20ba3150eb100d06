"""The space of lowrank_randomized, which grows block by block until no block would gain enough."""

import numpy as np

from ...reference.lowrank.range_finder import gaussian
from ..leading import is_small, to_come_of

# Directions of a block whose squared length is below this share of the largest are left out, as float32 loses them.
NEGLIGIBLE = 2.0**-40
# Where every direction has this share of the whole, the Cholesky factor does what eigenvectors do in a tenth of the
# time. Sums of float32 products are good to about 2**-24 of the whole. So columns are orthonormal within 2**-4 after
# the first time, and within rounding after the second.
CONDITION = 2.0**-20
# A block is made orthogonal to all before it twice, the second time for what rounding left of the first, made large by
# giving rows length 1. Where rows nearly depended on each other then, rounding is still large, and a third time is due.
TURNS = 3


def in_krylov_space(product, w, rank, total, tolerance, block, words):
    """Return u, s, vt of the best matrix of the rank in the Krylov space, and how many products that took.

    Vectors are rows here, one after the other in memory.
    """
    m, k = w.shape
    most = min(m, k)
    room = 3 * rank + block
    u, z = np.empty((room, m), np.float32), np.empty((room, k), np.float32)  # u orthonormal, z = u @ w
    gram = np.zeros((room, room))  # z @ z.T
    have, products, fresh, calm = 0, 0, True, 0
    energies: list[float] = []  # what the best of the rank has of ||w||_F**2, after each block
    v = _orthogonal(product, gaussian(words, block, k), 0.0)[1] if rank else np.empty((0, k), np.float32)
    while len(v) and have < most:
        y, scale = product(v, w), total
        for turn in range(TURNS):
            if have:
                y -= product(product(y, u[:have]), u[:have], transposed=True)
            factor, y = _orthogonal(product, y, scale)
            y, scale = y[: most - have], 1.0
            if turn and factor is not None:
                break
        products += len(v) + len(y)
        if not len(y):  # w takes this space into itself: singular values repeat, or no more are left
            if fresh:
                break
            v, fresh, calm = _orthogonal(product, gaussian(words, block, k), 0.0)[1], True, 0
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
        outside = total - float(np.trace(gram[:have, :have]))
        # Twice: the gains of one block may be small by chance, where singular values repeat.
        calm = calm + 1 if have >= rank and _enough(energies, total, outside, tolerance) else 0
        if calm == 2:
            break
        _, v = _orthogonal(product, v, 0.0)  # once is enough: y is made orthonormal
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


def completed(rows: np.ndarray) -> np.ndarray:
    """Return the rows, those without length replaced: orthonormal to all others, as the vectors of a zero are.

    Householder's columns are orthonormal whatever they were made of.
    """
    missing = np.einsum("ij,ij->i", rows, rows) < 0.5
    if not missing.any():
        return rows
    rows, others = rows.copy(), rows[~missing].astype(np.float64)
    some = np.eye(rows.shape[1], int(np.count_nonzero(missing)))
    rows[missing] = np.linalg.qr(np.hstack([others.T, some]))[0][:, len(others) :].T
    return rows


def _top(gram: np.ndarray, rank: int) -> float:
    """Return the sum of the ``rank`` largest eigenvalues."""
    return float(np.trace(gram) if len(gram) <= rank else np.linalg.eigvalsh(gram)[-rank:].sum())


def _enough(energies: list[float], total: float, outside: float, tolerance: float) -> bool:
    """Whether what is still to come would lower the error by less than ``tolerance`` of it, as the reference foresees.

    No basis gains more than what lies outside this one. The gains are extrapolated as a geometric series.
    """
    to_come = max(outside, 0)
    if len(energies) >= 3:
        to_come = min(to_come, to_come_of(energies, total))
    return is_small(to_come, energies[-1], total, tolerance)


def _orthogonal(product, y: np.ndarray, scale: float) -> tuple[np.ndarray | None, np.ndarray]:
    """Return rows that span those of y, orthonormal to 2**-4, and the factor of `_factor` that made them.

    Where rows nearly depend on each other the factor is None, and the rows are singular vectors: fewer than y has, the
    longest directions first, where a squared length is nothing against ``scale`` or the largest.
    """
    factor = _factor(product(y, y).astype(np.float64), scale)
    if factor is not None:
        return factor, product(factor, y, transposed=True)
    _, d, vt = np.linalg.svd(y.astype(np.float64), full_matrices=False)
    return None, vt[d**2 > NEGLIGIBLE * max(d.max(initial=0) ** 2, scale)].astype(np.float32)


def _factor(gram: np.ndarray, scale: float) -> np.ndarray | None:
    """Return the (m, m) float32 factor that makes rows with these products orthonormal; None if one may be short."""
    try:
        low = np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        return None
    if not np.diagonal(low).min(initial=1) ** 2 > CONDITION * max(np.trace(gram), scale):
        return None
    return np.linalg.inv(low).astype(np.float32)

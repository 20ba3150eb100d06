"""The leading singular vectors of a matrix by its smaller product with itself: all eigenvectors, or those wanted."""

import math
from collections.abc import Callable

import numpy as np

from ..reference.lowrank.range_finder import gaussian

# Where the square of the shorter side is at most this, times the rank, all eigenvectors take less time than a Krylov
# space of the rank (measured on Gaussian noise, whose singular values are close together: 300 x 784, 384 x 1536 and
# 768 x 768 are level at ranks of 22, 38 and 130).
WHOLE = 4000
# Squared, singular values lose half of their digits: below this share of the largest too many.
CLEAR = 2.0**-10
BESIDE = 12  # columns more than the rank: the further the last wanted value lies above the rest, the fewer steps
DEGREE = 4  # of the polynomials
ROUNDS = 6
FIRST_RATIO = 0.12  # of two gains, before there are two: on Gaussian noise it was 0.06 at most
# A polynomial of degree 4 makes the largest eigenvalue at most 2**68 times as large as the last one of the block; what
# float64 then loses of that one is 2**-20 at most, for the block is orthogonal before.
WIDEST = 2.0**16


def leading(w: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return u, s, vt of the best matrix of the rank, in float64, s descending.

    With e the eigenvectors of w w.T (or w.T w, if it is smaller), s vt = e.T w. Rows of vt are orthogonal to about
    (2**-26 s[0] / s)**2. Where s is below 2**-24 s[0], which rounding to float32 hides, s and the rows of vt are 0.
    """
    wide = w.astype(np.float64)
    turned = wide.T if w.shape[0] > w.shape[1] else wide
    return _factors(wide, turned, np.linalg.eigh(turned @ turned.T)[1][:, ::-1][:, :rank])


def nearly_leading(w: np.ndarray, rank: int, words, enough: Callable[[list[float], float], bool],
                   ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the same, but for what is ``enough`` of the energies after each round and the sum of all.

    Of the product of w with itself a block of columns, a few more than the rank, takes polynomials of Chebyshev: they
    are small from 0 to the least eigenvalue that the block has, and grow fast beyond it. Where that would lose digits,
    or is more work, all eigenvectors are computed.

    **Source** Zhou, Saad, Tiago & Chelikowsky, Self-consistent-field calculations using Chebyshev-filtered subspace
    iteration (Journal of Computational Physics 219, 2006).
    """
    wide = w.astype(np.float64)
    turned = wide.T if w.shape[0] > w.shape[1] else wide
    gram, n = turned @ turned.T, min(w.shape)
    block, total = rank + BESIDE, float(np.trace(gram))
    found = None
    if 3 * block <= n and total:
        start = gram @ gaussian(words, block, n).T.astype(np.float64)
        found = _wanted(gram, start, rank, lambda energies: enough(energies, total))
    return _factors(wide, turned, np.linalg.eigh(gram)[1][:, ::-1][:, :rank] if found is None else found)


def _wanted(gram: np.ndarray, y: np.ndarray, rank: int, enough: Callable[[list[float]], bool]) -> np.ndarray | None:
    """Return nearly the ``rank`` leading eigenvectors, from the columns y on; None where digits would be lost."""
    energies: list[float] = []
    for _ in range(ROUNDS):
        q = _orthonormal(y)
        if q is None:
            return None
        values, e = np.linalg.eigh(q.T @ (gram @ q))
        energies.append(float(values[-rank:].sum()))
        q = q @ e
        if len(energies) > 1 and enough(energies):
            return q[:, ::-1][:, :rank]
        if not values[0] > values[-1] / WIDEST:
            return None
        scaled = gram * (2 / values[0])
        scaled[np.diag_indices(len(gram))] -= 1  # from 0 .. values[0] to -1 .. 1
        before, y = q, scaled @ q
        for _ in range(DEGREE - 1):
            before, y = y, 2 * (scaled @ y) - before
    return None


def _orthonormal(y: np.ndarray) -> np.ndarray | None:
    """Return orthonormal columns that span those of y, by Cholesky factors; None where these nearly depend on others.

    The first factor leaves columns that are orthogonal within 2**-53 times the square of their condition, the second
    within rounding.
    """
    y = y / np.sqrt(np.sum(y * y, axis=0))
    for turn in range(2):
        try:
            low = np.linalg.cholesky(y.T @ y)
        except np.linalg.LinAlgError:
            return None
        if not np.diagonal(low).min(initial=1) > 2.0**-12:
            return None
        y = y @ np.linalg.inv(low).T
    return y


def _factors(wide: np.ndarray, turned: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return u, s, vt from the leading eigenvectors of turned @ turned.T."""
    vt = u.T @ turned
    s = np.sqrt(np.sum(vt * vt, axis=1))
    order = np.argsort(-s, kind="stable")  # equal ones may have changed places by rounding
    u, s, vt = u[:, order], s[order], vt[order]
    s[s <= 2.0**-24 * s.max(initial=0)] = 0
    vt /= np.where(s > 0, s, np.inf)[:, None]
    return (vt.T, s, u.T) if turned is not wide else (u, s, vt)


def to_come_of(energies: list[float], total: float) -> float:
    """Return what the gains of later rounds sum to, as a geometric series from the last two on."""
    recent = energies[-3:]
    gains = [max(b - a, 2.0**-60 * total) for a, b in zip(recent, recent[1:])]
    ratio = min(gains[-1] / gains[-2], 0.95) if len(gains) > 1 else FIRST_RATIO
    return gains[-1] * ratio / (1 - ratio)


def is_small(to_come: float, energy: float, total: float, tolerance: float) -> bool:
    """Whether what is to come would lower the error by less than ``tolerance`` of it, as the reference foresees."""
    error = math.sqrt(max(total - energy, 0))
    gain = error - math.sqrt(max(error**2 - to_come, 0))
    return gain <= tolerance * max(error, 2.0**-10 * math.sqrt(total))

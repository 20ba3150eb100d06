"""Agreement of a layer that was pruned weight by weight: the same mask but for ties, and the optimum of the mask."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from ..constants import U64, U
from ..reference.hessian import damped
from .exact import UNDERFLOW, Disagreement, NoBound, everywhere, same_kind


def same_surgery(expected: tuple, got: Any, args: tuple, kwargs: dict) -> None:
    """Raise Disagreement unless ``got``, a mask and weights, is as good a result of prune_obs as ``expected``.

    The contract: the cheapest weight of the layer goes each time, and the weights of a row are those of least loss
    that have its zeros. So these are compared: the number of weights that stay; the weights, with the optimum of their
    own mask; the mask. Where two removals cost nearly the same either may come first, and all that follows may differ:
    then it is only said (by NoBound) that the masks could not be compared.

    Letters: h the damped Hessian, kappa its condition number without the dead inputs (they are coupled to nothing), k
    its size, S = h_ss^-1 of the inputs s that stay in a row, x = w' - w what has been added to its weights.

    How far may they be off? The inverse of h by its Cholesky factor, and the removals (each takes c c.T off it, a
    Cholesky factorisation by outer products), give what exact arithmetic gives for a symmetric h + E with ||E|| <= eta
    ||h||, where eta = 4 k (k + 2) kappa 2**-53 is above the sum of: (k + 1) k of Cholesky's backward error (Higham,
    Accuracy and Stability, theorem 10.3), k sqrt(kappa) of inverting the factor (section 14.2), k kappa of the product
    u.T @ u, and k (k + 2) kappa of the removals (theorem 10.3 again, of the inverse). To first order, S e_q changes
    the diagonal of S by e_q.T S E S e_q, at most ||S|| ||E|| S_qq, and x = S h_sg w_g by S E_sg w_g - S E_ss x; with
    ||S|| ||h|| <= kappa these are at most r S_qq and r (||w|| + ||x||), where r = kappa eta. A loss w'_q**2 / (2 S_qq)
    changes by what follows from both. All is doubled, for two implementations. The final weights are solved for with h
    itself: there kappa stands for kappa**2 (theorem 10.4, and the product on the right-hand side).
    """
    w, h = np.asarray(args[0], np.float64), np.asarray(args[1])
    if not isinstance(got, tuple) or len(got) != 2:
        raise Disagreement(f"result: got a {type(got).__name__}, expected a mask and weights")
    for e, g, where in zip(expected, got, ("mask", "weights")):
        same_kind(e, g, where)
    mask, weights = got
    if mask.sum() != expected[0].sum():
        raise Disagreement(f"mask: got {mask.sum()} weights that stay, expected {expected[0].sum()}")
    zero = (weights == 0) & ~np.signbit(weights)
    everywhere(mask | zero, np.zeros_like(weights), weights, "weights where the mask is False", None)
    live, h = h.diagonal() > 0, damped(h, kwargs.get("damping", 0.01))
    kappa = float(np.linalg.cond(h[np.ix_(live, live)])) if live.any() else 1.0
    r = 4 * len(h) * (len(h) + 2) * U64 * kappa**2
    for i in range(len(w)):
        best = _optimum(w[i], mask[i], h)
        allowed = U * np.abs(best) + UNDERFLOW + 2 * r / kappa * (np.linalg.norm(w[i]) + np.linalg.norm(best - w[i]))
        everywhere(np.abs(weights[i] - best) <= allowed, best, weights[i], f"weights[{i}]", allowed)
    if np.array_equal(mask, expected[0]):
        return
    rows = [i for i in range(len(w)) if not np.array_equal(mask[i], expected[0][i])]
    paths = [_path(w[i], h, r, int(np.count_nonzero(~expected[0][i]))) for i in range(len(w))]
    taken, left = (np.array([getattr(path, name) for path in paths]) for name in ("taken", "left"))
    between = np.any((taken[:, None] >= left) & ~np.eye(len(w), dtype=bool))  # the end of one row, the next of another
    if between or any(paths[i].tied for i in rows):
        raise NoBound("the masks differ, and there are removals that cost nearly the same")
    raise Disagreement(f"mask: the rows {rows} lose other weights than expected, and no two removals cost nearly the "
                       "same")


def _optimum(w: np.ndarray, mask: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Return the row of least loss with zeros where the mask is False."""
    best, stay, go = np.zeros(len(w)), np.flatnonzero(mask), np.flatnonzero(~mask)
    best[stay] = w[stay] + np.linalg.solve(h[np.ix_(stay, stay)], h[np.ix_(stay, go)] @ w[go])
    return best


def _path(w: np.ndarray, h: np.ndarray, r: float, count: int) -> SimpleNamespace:
    """Remove ``count`` weights of a row, the cheapest first, and say how sure that order is.

    taken : the most that a removal cost, at most. left : what the next one would cost, at least. tied : whether at a
    step another weight may have been the cheapest.
    """
    now, stays, taken, floor, tied = w.copy(), np.ones(len(w), dtype=bool), 0.0, 0.0, False
    while stays.any():
        s = np.flatnonzero(stays)
        inverse = np.linalg.inv(h[np.ix_(s, s)])
        moved = 2 * r * (np.linalg.norm(w) + np.linalg.norm(now - w))
        loss = now[s] ** 2 / (2 * inverse.diagonal())
        error = 2 * r * loss + (np.abs(now[s]) * moved + moved**2 / 2) / inverse.diagonal()
        q = int(np.argmin(loss))
        if len(w) - len(s) == count:
            return SimpleNamespace(taken=taken, left=max(floor, np.min(loss - error)), tied=tied)
        tied |= bool(np.count_nonzero(loss - error <= loss[q] + error[q]) > 1)
        taken, floor = max(taken, loss[q] + error[q]), max(floor, loss[q] - error[q])
        now[s] -= now[s[q]] / inverse[q, q] * inverse[q]
        now[s[q]], stays[s[q]] = 0, False
    return SimpleNamespace(taken=taken, left=np.inf, tied=tied)

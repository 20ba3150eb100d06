"""Agreement of a pruned layer whose weights went one by one: the same mask but for ties, and the optimum of the mask."""

import numpy as np

from ..constants import U, U64
from ..reference.hessian import damped
from .exact import UNDERFLOW, Disagreement, NoBound, everywhere, same_kind


def same_surgery(expected, got, args, kwargs) -> None:
    """Raise Disagreement unless ``got``, a mask and weights, is as good a result of prune_obs as ``expected``.

    The contract: the cheapest weight of the layer goes each time, and the weights of a row are those of least loss that have
    its zeros. So these are compared: the number of weights that stay; the weights, with the optimum of their own mask; the
    mask. Where two removals cost nearly the same either may come first, and all that follows may differ: then it is only
    said (by NoBound) that the masks could not be compared.

    Letters: h the damped Hessian, kappa its condition number without the dead inputs (they are coupled to nothing), k its
    size, S = h_ss^-1 of the inputs s that stay in a row, x = w' - w what has been added to its weights.

    How far may they be off? The inverse of h by its Cholesky factor, and the removals (each takes c c.T off it, a Cholesky
    factorisation by outer products), give what exact arithmetic gives for a symmetric h + E with ||E|| <= eta ||h||, where
    eta = 4 k (k + 2) kappa 2**-53 is above the sum of: (k + 1) k of Cholesky's backward error (Higham, Accuracy and
    Stability, theorem 10.3), k sqrt(kappa) of inverting the factor (section 14.2), k kappa of the product u.T @ u, and
    k (k + 2) kappa of the removals (theorem 10.3 again, of the inverse). To first order, S e_q changes the diagonal of S by
    e_q.T S E S e_q, at most ||S|| ||E|| S_qq, and x = S h_sg w_g by S E_sg w_g - S E_ss x; with ||S|| ||h|| <= kappa these
    are at most r S_qq and r (||w|| + ||x||), where r = kappa eta. A loss w'_q**2 / (2 S_qq) changes by what follows from
    both. All is doubled, for two implementations. The final weights are solved for with h itself: there kappa stands for
    kappa**2 (theorem 10.4, and the product on the right-hand side).
    """
    w, h = np.asarray(args[0], np.float64), np.asarray(args[1])
    if not isinstance(got, tuple) or len(got) != 2:
        raise Disagreement(f"result: got a {type(got).__name__}, expected a mask and weights")
    for e, g, where in zip(expected, got, ("mask", "weights")):
        same_kind(e, g, where)
    mask, weights = got
    if mask.sum() != expected[0].sum():
        raise Disagreement(f"mask: got {mask.sum()} weights that stay, expected {expected[0].sum()}")
    everywhere(mask | ((weights == 0) & ~np.signbit(weights)), weights * 0, weights, "weights where the mask is False", None)
    live, h = h.diagonal() > 0, damped(h, kwargs.get("damping", 0.01))
    kappa = float(np.linalg.cond(h[np.ix_(live, live)])) if live.any() else 1.0
    r = 4 * len(h) * (len(h) + 2) * U64 * kappa**2
    for i in range(len(w)):
        best = _optimum(w[i], mask[i], h)
        allowed = U * np.abs(best) + UNDERFLOW + 2 * r / kappa * (np.linalg.norm(w[i]) + np.linalg.norm(best - w[i]))
        everywhere(np.abs(weights[i] - best) <= allowed, best, weights[i], f"weights[{i}]", allowed)
    if np.array_equal(mask, expected[0]):
        return
    rows = np.flatnonzero((mask != expected[0]).any(axis=1))
    losses = [_losses(w[i], h, r, int((~expected[0][i]).sum())) for i in range(len(w))]
    last = max((loss[0] + loss[1] for loss in losses), default=0)
    for i in rows:
        cost, error, following, tied = losses[i]
        moved = mask[i].sum() != expected[0][i].sum()  # a tie of rows: another row's last weight went instead
        if tied or (moved and (cost + error >= last or following <= last)):
            raise NoBound("the masks differ, and removals that cost nearly the same were found")
    raise Disagreement(f"mask: rows {rows.tolist()} lose other weights than expected, and no two removals cost nearly the same")


def _optimum(w: np.ndarray, mask: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Return the row of least loss with zeros where the mask is False."""
    best, stay, go = np.zeros(len(w)), np.flatnonzero(mask), np.flatnonzero(~mask)
    best[stay] = w[stay] + np.linalg.solve(h[np.ix_(stay, stay)], h[np.ix_(stay, go)] @ w[go])
    return best


def _losses(w: np.ndarray, h: np.ndarray, r: float, count: int) -> tuple[float, float, float, bool]:
    """Remove ``count`` weights of a row; return the most that one cost and how far that may be off, the least that the next
    would cost at least, and whether two nearly tied."""
    now, stays = w.copy(), np.ones(len(w), dtype=bool)
    most, off, tied = 0.0, 0.0, False
    while True:
        s = np.flatnonzero(stays)
        if not len(s):
            return most, off, np.inf, tied
        inverse = np.linalg.inv(h[np.ix_(s, s)])
        diagonal, moved = inverse.diagonal(), r * (np.linalg.norm(w) + np.linalg.norm(now - w))
        loss = now[s] ** 2 / (2 * diagonal)
        error = 2 * (r * loss + (np.abs(now[s]) * moved + moved**2 / 2) / diagonal)
        q = int(np.argmin(loss))
        if len(w) - len(s) == count:
            return most, off, float(np.max([np.min(loss - error), most - off])), tied
        tied |= bool(np.sum(loss - error <= loss[q] + error[q]) > 1)
        if loss[q] >= most:
            most, off = float(loss[q]), float(error[q])
        now[s] -= now[s[q]] / diagonal[q] * inverse[q]
        now[s[q]], stays[s[q]] = 0, False

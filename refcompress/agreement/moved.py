"""How far weights may be off that were moved by an inverse Hessian, and which choices were near ties.

prune_obs, prune_sparsegpt and quantize_gptq decide weight by weight, and each decision moves the weights that come
later. The factor of the inverse Hessian is LAPACK's: its last bits differ between machines, and so may a decision
between two that cost nearly the same. So a result is judged by its own decisions. They are followed one after the
other; at each the values are known but for a bound, and the decision must be right for some values within it.

**The bound of the factor.** Let h be the damped Hessian of k inputs, kappa = trace(h) trace(h^-1), which is above its
condition number. A system with h that Cholesky's method solves has a solution that is exact for h + e with
||e|| <= 4 k (3 k + 1) 2**-53 ||h|| (Higham, Accuracy and Stability, theorem 10.4). To first order that moves the
inverse, and a factor of it, by at most so much times kappa of itself, in the norm. The reference and the other
implementation may each be off so far: ``ETA`` is twice that. Dead inputs, and all of a diagonal h, are coupled to
nothing: they have one square root and one quotient each, and where all are equal they are equal in every arithmetic.

**The bound of a weight, where every input is decided** (:class:`Followed`). Row by row let q be what the weights become
and e_i = (now_i - q_i) / u_ii. Then e u = w - q: the recursion solves a triangular system. With a factor u + d, |d| <=
``off``, the same decisions have e' (u + d) = w - q, so e' - e = -e' d u^-1 and |e'| <= |e| (1 - |d| |u^-1|)^-1. When
the inputs below i are decided, now_m is w_m less the sum of e_l u_lm over them, and so moves by the sum over a and l
below i of e'_a (d_am + d_al t_lm), t_lm being the sum of (u^-1)_lj u_jm over j from i to m: the whole sum is 0. An
error of w_a - q_a itself moves now_m by t_am times that. Bounds of such a system do not grow from step to step. Where
some weights stay as they are (:class:`Moved`), each row has a system of its own, and the bounds are passed on.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..constants import U64
from .exact import Disagreement, same_kind

SINGLE = 8 * U64  # of a number that is one root and one quotient, as two implementations have it


def eta(k: int) -> float:
    """Return the share of its norm by which a factor of k inputs may differ, for kappa = 1."""
    return 2 * 4 * k * (3 * k + 1) * U64


@dataclass
class Factor:
    """u, upper triangular, with u.T u the inverse of the damped Hessian h; by how much each entry may be off."""

    u: np.ndarray
    off: np.ndarray

    @classmethod
    def of(cls, u: np.ndarray, h: np.ndarray, live: np.ndarray) -> "Factor":
        """Return the factor of a damped h; ``live`` says which inputs are not dead."""
        off = np.zeros_like(u)
        if not alone(h):
            norm = np.sqrt(np.sum(u[live] ** 2))
            kappa = np.sum(h.diagonal()[live]) * norm**2
            off[np.ix_(live, live)] = eta(int(live.sum())) * kappa * norm
        unequal = len(np.unique(h.diagonal())) > 1
        np.fill_diagonal(off, np.maximum(off.diagonal(), SINGLE * np.abs(u.diagonal()) * unequal))
        return cls(u, np.triu(off))


def alone(h: np.ndarray) -> bool:
    """Return whether no input is coupled to another."""
    return not (h - np.diag(h.diagonal())).any()


@dataclass
class Moved:
    """Weights (inputs, outputs) as they stand, and by how much each may be off, where some stay as they are."""

    factor: Factor
    now: np.ndarray
    off: np.ndarray

    @classmethod
    def of(cls, w: np.ndarray, factor: Factor) -> "Moved":
        now = w.T.astype(np.float64)
        return cls(factor, now, np.zeros_like(now))

    def decided(self, i: int, stands: np.ndarray, kept: np.ndarray) -> None:
        """Move the later inputs by what becomes of input i.

        stands : its new weights, exact. kept : where a weight stays as it is, whatever that is: it moves nothing.
        """
        u, off = self.factor.u[i], self.factor.off[i]
        change = np.where(kept, 0, self.now[i] - stands)
        e, own = change / u[i], np.where(kept, 0, self.off[i])
        later = slice(i + 1, None)
        products, coupled = np.outer(u[later], e), np.abs(u[later]) + off[later]
        with np.errstate(all="ignore"):
            e_off = (own + np.abs(e) * off[i] + 2 * U64 * np.abs(change)) / max(u[i] - off[i], 0.0)
            e_off = np.where((change == 0) & (own == 0), 0, np.nan_to_num(e_off, nan=np.inf, posinf=np.inf))
            more = np.where(coupled[:, None] == 0, 0, np.outer(coupled, e_off)) + np.outer(off[later], np.abs(e))
        self.now[later] -= products
        rounded = 2 * U64 * (np.abs(products) + np.where(products != 0, np.abs(self.now[later]), 0))
        self.off[later] += np.nan_to_num(more, nan=0.0, posinf=np.inf) + rounded

    def scores(self, some: slice) -> tuple[np.ndarray, np.ndarray]:
        """Return the least and the largest (now / u_jj)**2 of some inputs, as (outputs, inputs)."""
        now, off = np.abs(self.now[some]).T, self.off[some].T
        u, loose = self.factor.u.diagonal()[some], self.factor.off.diagonal()[some]
        with np.errstate(all="ignore"):
            return (np.maximum(now - off, 0) / (u + loose)) ** 2, ((now + off) / np.maximum(u - loose, 0)) ** 2


class Followed:
    """Weights (inputs, outputs) of which every input is decided in its turn, and by how much each may be off."""

    def __init__(self, w: np.ndarray, factor: Factor) -> None:
        self.factor, self.now, self.decisions = factor, w.T.astype(np.float64), 0
        self.inverse, k = np.linalg.inv(factor.u), len(factor.u)
        with np.errstate(all="ignore"):
            grown = factor.off @ np.abs(self.inverse)
        self.known = bool(np.isfinite(grown).all() and (grown.diagonal() < 1).all())  # else nothing is, but dead inputs
        self.larger = np.linalg.inv(np.eye(k) - grown) if self.known else np.eye(k)
        self.size, self.own = np.zeros_like(self.now), np.zeros_like(self.now)  # of e'; the error of w - q
        self.e, self.terms, self.moves = np.zeros_like(self.now), np.abs(self.now), np.zeros_like(self.now)

    def rounded(self, some: slice) -> np.ndarray:
        """Return what the roundings of the sums make in any order, in two implementations: nothing where none moved."""
        return 2 * (self.decisions + 2) * U64 * np.where(self.moves[some] > 0, self.terms[some] + self.moves[some], 0)

    def off(self, some: slice) -> np.ndarray:
        """Return by how much weights that are not decided yet may be off, as (inputs, outputs)."""
        i, u, v = self.decisions, self.factor.u, self.inverse
        rest = slice(i, some.stop)
        t = np.abs(v[:i, rest] @ u[rest, some]) + len(u) * U64 * (np.abs(v[:i, rest]) @ np.abs(u[rest, some]))
        rounded = self.rounded(some) + t.T @ self.own[:i]
        if not self.known:
            return np.where(self.moves[some] > 0, np.inf, rounded)
        d = self.factor.off[:i, some] + self.factor.off[:i, :i] @ t
        return rounded + d.T @ self.size[:i]

    def decided(self, stands: np.ndarray) -> None:
        """Move the later inputs by what becomes of the next one: its new weights, exact."""
        i, u = self.decisions, self.factor.u[self.decisions]
        later, change = slice(i + 1, None), self.now[i] - stands
        self.own[i] = self.rounded(slice(i, i + 1))[0] + 2 * U64 * np.abs(change)
        self.e[i] = change / u[i]
        self.size[i] = self.larger[: i + 1, i] @ np.abs(self.e[: i + 1])
        products = np.outer(u[later], self.e[i])
        self.now[later] -= products
        self.moves[later] += np.abs(products)
        self.decisions += 1


def beaten(least: np.ndarray, most: np.ndarray, stays: np.ndarray, first: bool) -> tuple[int, int] | None:
    """Return a place that went and one that stays in its stead, although its own score is larger for sure; or None.

    least, most : the ends of each score, flat. first : of equal scores that of the lowest index stays.
    """
    if stays.all() or not stays.any():
        return None
    index = np.arange(len(stays)) if first else -np.arange(len(stays))
    gone, kept = np.flatnonzero(~stays), np.flatnonzero(stays)
    best = gone[np.lexsort((index[gone], -least[gone]))[0]]
    worst = kept[np.lexsort((-index[kept], most[kept]))[0]]
    surely = least[best] > most[worst] or (least[best] == most[worst] and index[best] < index[worst])
    return (int(best), int(worst)) if surely else None


def pair(expected: Any, got: Any) -> None:
    """Raise Disagreement unless ``got`` is a mask and weights like those expected, 0.0 where nothing stays."""
    if type(got) is not tuple or len(got) != 2:
        raise Disagreement(f"result: got a {type(got).__name__}, expected a mask and weights")
    for i in range(2):
        same_kind(expected[i], got[i], f"result[{i}]")
    mask, weights = got
    if mask.sum() != expected[0].sum():
        raise Disagreement(f"result[0]: {mask.sum()} weights stay, expected {expected[0].sum()}")
    gone = ~mask & ((weights != 0) | np.signbit(weights))
    if gone.any():
        at = ", ".join(map(str, np.argwhere(gone)[0].tolist()))
        raise Disagreement(f"result[1][{at}]: got {weights[gone][0]}, expected 0.0, since the mask is False")

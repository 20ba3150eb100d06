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
    """Weights (inputs, outputs) as they stand, and by how much each may be off."""

    factor: Factor
    now: np.ndarray
    off: np.ndarray

    @classmethod
    def of(cls, w: np.ndarray, factor: Factor) -> "Moved":
        now = w.T.astype(np.float64)
        return cls(factor, now, np.zeros_like(now))

    def decided(self, i: int, stands: np.ndarray, kept: np.ndarray | bool = False) -> None:
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

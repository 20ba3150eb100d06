"""Agreement of float32 products, within the bound of each of their dot products."""

from collections.abc import Callable

import numpy as np

from ..constants import LARGEST, U64, U
from .exact import UNDERFLOW, NoBound, everywhere, same_kind
from .terms import Terms


def within_dot_bound(terms: Callable[..., Terms]) -> Callable:
    """Return the rule of a float32 product; ``terms`` says which dot products the operation's arguments make.

    The rule raises Disagreement unless each element of the product lies within the bound of its dot product. Let
    y = sum of k terms a_i x_i, computed in float32 in any order, fused or not. Then (Higham, Accuracy and Stability of
    Numerical Algorithms, 2nd ed., sec. 3.1, eq. 3.5) |computed - y| <= gamma_k |a||x| with gamma_k = ku / (1 - ku) and
    u = 2**-24: each term meets at most k roundings, one of its product and k - 1 of sums. Four additions to that:

    - Underflow. Below 2**-126 a product or fma is off by up to 2**-150 more (a sum is exact there: the theorem of
      Hauser, in Higham), and this error passes through the later sums: k 2**-150 (1 + gamma_k). Where an operation's
      terms say so, results below 2**-126 may be flushed to zero: then 2**-126 stands in place of 2**-150.
    - The reference sums in float64, off by gamma_k(2**-53) |a||x|, and rounds once: u|y| + 2**-150.
    - Exact data. If all terms are multiples of 2**e and |a||x| <= 2**(24 + e), every partial sum of every order is a
      float32: nothing is rounded, and the allowed difference is zero. A lost term then always shows.
    - Special values. An infinity or NaN among the terms decides the class of the result (NaN, +Inf, -Inf) in every
      order, so the classes must agree.

    Where ku >= 1, or where a partial sum could exceed the largest float32 (one order overflows, another does not),
    there is no bound: NoBound is raised, after all other elements were checked.

    ``rule.terms`` is ``terms``. ``rule.of(expected, args, kwargs)`` is the rule for one input: it takes as many results
    as there are, and has computed their bound once.
    """
    def of(expected, args, kwargs=None) -> Callable[[np.ndarray], None]:
        e = expected.astype(np.float64)
        allowed, bounded, special = dot_bound(terms(*args, **(kwargs or {})), e)

        def held(got) -> None:
            same_kind(expected, got, "result")
            g = got.astype(np.float64)
            with np.errstate(over="ignore", invalid="ignore"):
                same_class = (np.isnan(e) & np.isnan(g)) | (np.isinf(e) & (e == g))
                good = np.where(special, same_class, np.abs(g - e) <= allowed) | ~bounded
            everywhere(good, expected, got, "result", np.broadcast_to(np.where(special, 0, allowed), good.shape))
            _all_bounded(bounded)

        return held

    def rule(expected, got, args, kwargs=None) -> None:
        same_kind(expected, got, "result")
        of(expected, args, kwargs)(got)

    rule.__name__, rule.terms, rule.of = "within_dot_bound", terms, of  # type: ignore[attr-defined]
    return rule


def dot_bound(t: Terms, e: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how far a result may be from that of the reference, ``e`` in float64, by the rule of ``within_dot_bound``;
    where that bound holds; and where a special value decides the class. All have the shape of ``e``."""
    with np.errstate(over="ignore", invalid="ignore"):
        ku = t.roundings * U
        gamma = np.where(ku < 1, ku / np.where(ku < 1, 1 - ku, 1), np.inf)
        gamma64 = t.roundings * U64 / (1 - t.roundings * U64)
        spread = np.where(t.magnitude > 0, (gamma + gamma64) * t.magnitude, 0)
        output = U * np.abs(np.where(np.isfinite(e), e, 0)) + UNDERFLOW
        allowed = spread + t.roundings * t.underflow * (1 + gamma) + output
        allowed = np.where(t.exact, 0, allowed)
        bounded = t.exact | ((ku < 1) & (t.largest * (1 + gamma) <= LARGEST))
    return tuple(np.broadcast_to(a, e.shape) for a in (allowed, bounded, t.special))  # type: ignore[return-value]


def _all_bounded(bounded: np.ndarray) -> None:
    if not bounded.all():
        at = ", ".join(str(int(i)) for i in np.unravel_index(int(np.argmin(bounded)), bounded.shape))
        raise NoBound(f"result[{at}]: no bound holds where k·u >= 1 or a partial sum may overflow "
                      f"({np.count_nonzero(~bounded)} of {bounded.size} elements); the others agree")

"""Agreement of float32 products, within the bound of each of their dot products."""

from dataclasses import dataclass

import numpy as np

from ..constants import LARGEST, U, U64
from ..formats import CSR, LowRank, Mixed, Quantized
from .exact import UNDERFLOW, NoBound, everywhere, same_kind


@dataclass(frozen=True)
class _Terms:
    """What the bound needs to know of the dot products behind an (m, n) result; each broadcasts to (m, n)."""

    roundings: np.ndarray  # the most roundings that one term passes through
    magnitude: np.ndarray  # |A||X| over the finite terms, float64, rounded up
    largest: np.ndarray  # no intermediate value of any permitted order exceeds this, but for rounding
    exact: np.ndarray  # whether no permitted order rounds at all
    special: np.ndarray  # whether an infinity or a NaN takes part


def within_dot_bound(expected, got, args, kwargs=None) -> None:
    """Raise Disagreement unless each element of a float32 product lies within the bound of its dot product.

    Let y = sum of k terms a_i x_i, computed in float32 in any order, fused or not. Then (Higham, Accuracy and Stability
    of Numerical Algorithms, 2nd ed., sec. 3.1, eq. 3.5) |computed - y| <= gamma_k |a||x| with gamma_k = ku / (1 - ku)
    and u = 2**-24: each term meets at most k roundings, one of its product and k - 1 of sums. Four additions to that:

    - Underflow. Below 2**-126 a product or fma is off by up to 2**-150 more (a sum is exact there: the theorem of
      Hauser, in Higham), and this error passes through the later sums: k 2**-150 (1 + gamma_k).
    - The reference sums in float64, off by gamma_k(2**-53) |a||x|, and rounds once: u|y| + 2**-150.
    - Exact data. If all terms are multiples of 2**e and |a||x| <= 2**(24 + e), every partial sum of every order is a
      float32: nothing is rounded, and the allowed difference is zero. A lost term then always shows.
    - Special values. An infinity or NaN among the terms decides the class of the result (NaN, +Inf, -Inf) in every
      order, so the classes must agree.

    Where ku >= 1, or where a partial sum could exceed the largest float32 (one order overflows, another does not),
    there is no bound: NoBound is raised, after all other elements were checked.
    """
    same_kind(expected, got, "result")
    with np.errstate(over="ignore", invalid="ignore"):
        t = _terms(*args, **(kwargs or {}))
        ku = t.roundings * U
        gamma = np.where(ku < 1, ku / np.where(ku < 1, 1 - ku, 1), np.inf)
        gamma64 = t.roundings * U64 / (1 - t.roundings * U64)
        spread = np.where(t.magnitude > 0, (gamma + gamma64) * t.magnitude, 0)
        e, g = expected.astype(np.float64), got.astype(np.float64)
        output = U * np.abs(np.where(np.isfinite(e), e, 0)) + UNDERFLOW
        allowed = spread + t.roundings * UNDERFLOW * (1 + gamma) + output
        allowed = np.where(t.exact, 0, allowed)
        bounded = t.exact | ((ku < 1) & (t.largest * (1 + gamma) <= LARGEST))
        same_class = (np.isnan(e) & np.isnan(g)) | (np.isinf(e) & (e == g))
        good = np.where(t.special, same_class, np.abs(g - e) <= allowed) | ~bounded
    everywhere(good, expected, got, "result", np.broadcast_to(np.where(t.special, 0, allowed), good.shape))
    unbounded = np.broadcast_to(~bounded, good.shape)
    if unbounded.any():
        at = ", ".join(str(int(i)) for i in np.unravel_index(int(np.argmax(unbounded)), good.shape))
        raise NoBound(f"result[{at}]: no bound holds where k·u >= 1 or a partial sum may overflow "
                      f"({np.count_nonzero(unbounded)} of {good.size} elements); the others agree")


def _terms(first, second, **kwargs) -> _Terms:
    if isinstance(first, CSR):
        return _csr_terms(first, second)
    if isinstance(first, LowRank):
        return _lowrank_terms(first, second)
    if isinstance(second, Quantized):
        return _scaled_terms(first, second)
    if isinstance(second, Mixed):
        return _mixed_terms(first, second)
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        return _dense_terms(first, second, **kwargs)
    raise TypeError(f"no dot bound is known for {type(first).__name__} and {type(second).__name__}")


def _csr_terms(a: CSR, x) -> _Terms:
    """csr_matmul: row i has one term for each stored entry; k roundings each."""
    x = np.asarray(x)
    k = np.diff(a.indptr)[:, None]
    rows = np.repeat(np.arange(a.shape[0]), np.diff(a.indptr))
    sizes = np.zeros(a.shape)
    np.add.at(sizes, (rows, a.indices), _size(a.data))  # duplicates are terms of their own
    stored = np.zeros(a.shape)
    stored[rows, a.indices] = 1
    magnitude = _up(sizes @ _size(x), a.shape[1] + k)  # k for the sums of duplicates
    special = np.zeros((a.shape[0], 1), dtype=bool)
    special[rows[~np.isfinite(a.data)]] = True
    special = special | (stored @ ~np.isfinite(x) > 0)
    e = _unit(a.data) + _unit(x)
    exact = (magnitude <= np.ldexp(1.0, 24 + e)) & (e >= -149) | (magnitude == 0)
    return _Terms(k, magnitude, magnitude, exact & (magnitude <= LARGEST) & ~special, special)


def _lowrank_terms(a: LowRank, x) -> _Terms:
    """lowrank_matmul: k r terms u (s (vt x)); k + r + 2 roundings each: three products, k - 1 and r - 1 sums.

    Scaling u by s first, or forming the matrix, rounds no term more often. What any of these orders meets on its way must
    stay below overflow: vt x, s times it, and u s. Underflow of an inner result passes through the factors that follow it,
    which the count of roundings times 2**-150 covers where those are at most 1; where they are larger there is no bound.
    """
    x = np.asarray(x)
    u, s, vt = (np.abs(f).astype(np.float64) for f in (a.u, a.s, a.vt))
    k, r = a.shape[1], a.rank
    first = _up(vt @ _size(x), k)
    second, scaled = s[:, None] * first, u * s
    magnitude = _up(u @ second, k + r)
    inner = np.maximum(first.max(axis=0, initial=0), second.max(axis=0, initial=0))
    largest = np.maximum(np.maximum(magnitude, inner), scaled.max(axis=1, initial=0)[:, None])
    # Of rank 0 there are no terms: whatever x holds takes no part.
    special = np.broadcast_to(~np.isfinite(x).all(axis=0) & (r > 0), magnitude.shape)
    units = [_unit(f) for f in (a.u, a.s, a.vt, x)]
    exact = ((magnitude <= np.ldexp(1.0, 24 + sum(units))) & (first.max(axis=0, initial=0) <= np.ldexp(1.0, 24 + units[2] + units[3]))
             & (second.max(axis=0, initial=0) <= np.ldexp(1.0, 24 + sum(units[1:]))) & (sum(min(e, 0) for e in units) >= -149)
             & (scaled.max(initial=0) <= np.ldexp(1.0, 24 + units[0] + units[1])) | (magnitude == 0))
    if max(u.max(initial=0), s.max(initial=0), scaled.max(initial=0)) > 1:  # an underflow may be made larger afterwards
        small = np.minimum(_smallest(vt), _smallest(s)) * _smallest(np.abs(x).astype(np.float64))
        largest = np.where(exact | (small >= 2.0**-100), largest, np.inf)
    return _Terms(np.full((1, 1), k + r + 2), magnitude, largest, exact & (largest <= LARGEST) & ~special, special)


def _smallest(a: np.ndarray) -> float:
    """The smallest magnitude of a finite element that is not zero, or 1."""
    a = a[np.isfinite(a) & (a > 0)]
    return min(float(a.min(initial=1.0)), 1.0)


def _scaled_terms(x, w: Quantized) -> _Terms:
    """gemm_f32s8: k terms x (scale (q - z)); k + groups + 5 roundings each.

    q - z is an integer of at most 255 (of int16 65,535): exact. Its product with x and the sums inside a group round at most k times, the
    product with the scale once more, the sums over the groups ``groups`` times, the last tree over 16 chains 4 times.
    An order that scales the weights first rounds k + 1 times and is covered. Both the sums before scaling and the
    scaled weights must stay below overflow. Sums before scaling do not underflow: x times an integer is a multiple of
    2**-149.
    """
    x = np.asarray(x)
    k = w.shape[1]
    groups = w.scale.shape[1] if w.scale.shape[1] > 1 or w.group is not None else 1
    q = np.abs(w.values.astype(np.int32) - w.expand(w.zero_point)).astype(np.float64)
    scaled = q * w.expand(w.scale)
    before, magnitude = _up(_size(x) @ q.T, k), _up(_size(x) @ scaled.T, k + 1)
    largest = np.maximum(np.maximum(before, magnitude), scaled.max(axis=1, initial=0))
    special = np.broadcast_to(~np.isfinite(x).all(axis=1)[:, None], magnitude.shape)
    e, es = _unit(x), _unit(w.scale)
    exact = (before <= np.ldexp(1.0, 24 + e)) & (magnitude <= np.ldexp(1.0, 24 + e + es)) & (e + es >= -149)
    exact = (exact | (before == 0)) & (scaled.max(axis=1, initial=0) <= np.ldexp(1.0, 24 + es))
    exact = exact & (largest <= LARGEST) & ~special
    return _Terms(np.full((1, 1), k + groups + 5), magnitude, largest, exact, special)


def _dense_terms(x, w, transposed=False) -> _Terms:
    """gemm_f32f32: k terms, k roundings each."""
    k, w = x.shape[1], w if transposed else w.T
    magnitude = _up(_size(x) @ _size(w), k)
    special = ~np.isfinite(x).all(axis=1)[:, None] | ~np.isfinite(w).all(axis=0)
    e = _unit(x) + _unit(w)
    exact = (magnitude <= np.ldexp(1.0, 24 + e)) & (e >= -149) | (magnitude == 0)
    return _Terms(np.full((1, 1), k), magnitude, magnitude, exact & (magnitude <= LARGEST) & ~special, special)


def _mixed_terms(x, w: Mixed) -> _Terms:
    """gemm_f32mixed: along axis 0 each output is one of gemm_f32s8's kind; along axis 1 a sum of two such.

    That sum passes each term through the roundings of both parts at most. It is exact where both are, if the whole is small
    enough for multiples of the finer part's unit.
    """
    x = np.asarray(x)
    if w.axis == 0:
        low, high = _scaled_terms(x, w.low), _scaled_terms(x, w.high)
        place = {name: _columns(w.wide, *(np.broadcast_to(getattr(t, name), (len(x), part.shape[0]))
                                           for t, part in ((low, w.low), (high, w.high))))
                 for name in ("roundings", "magnitude", "largest", "exact", "special")}
        return _Terms(**place)
    parts = [(x[:, where], part) for where, part in ((~w.wide, w.low), (w.wide, w.high)) if part.shape[1]]
    if not parts:
        return _scaled_terms(x, w.low)
    terms = [_scaled_terms(*part) for part in parts]
    magnitude = _up(sum(t.magnitude for t in terms), 2)
    largest = np.maximum.reduce([magnitude, *(t.largest for t in terms)])
    unit = min(_unit(inputs) + _unit(part.scale) for inputs, part in parts)
    exact = np.logical_and.reduce([t.exact for t in terms]) & (magnitude <= np.ldexp(1.0, 24 + unit)) & (largest <= LARGEST)
    return _Terms(sum(t.roundings for t in terms), magnitude, largest, exact, np.logical_or.reduce([t.special for t in terms]))


def _columns(wide: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    both = np.empty((len(low), len(wide)), low.dtype)
    both[:, ~wide], both[:, wide] = low, high
    return both


def _size(a) -> np.ndarray:
    """The magnitudes of the finite elements in float64; 0 for the others."""
    return np.where(np.isfinite(a), np.abs(a), 0).astype(np.float64)


def _up(sums: np.ndarray, k) -> np.ndarray:
    """At least the exact sums of k nonnegative products: their float64 sums are low by gamma_k at most."""
    return sums * (1 + (np.asarray(k) + 2) * 2 * U64)


def _unit(a) -> int:
    """The largest e such that every finite element of the float32 array is a multiple of 2**e; 0 if all are zero."""
    a = np.abs(a[np.isfinite(a) & (a != 0)].astype(np.float64))
    if not a.size:
        return 0
    fraction, exponent = np.frexp(a)
    whole = np.ldexp(fraction, 24).astype(np.int64)  # a float32 has 24 bits
    return int((exponent - 24 + np.log2(whole & -whole)).min())

"""When two implementations agree: four rules, each of which raises :class:`Disagreement` and returns nothing.

``exactly`` for integers, codes, masks, labels and bytes; ``within_dot_bound`` for float32 products; ``same_product``
for a truncated SVD; ``same_cost`` for optima that may be reached in more than one way. A rule is called as
``rule(expected, got, args, kwargs)`` with the reference's result, the other one, and the operation's input.

Letters: m, n rows and columns of the result, k terms of a dot product, r rank, u the unit roundoff of float32.
"""

from dataclasses import dataclass, fields, is_dataclass

import numpy as np

from .formats import CSR, MAX_CODE_LENGTH, LowRank, Mixed, Quantized, Shared

U = 2.0**-24  # unit roundoff of float32, round to nearest
U64 = 2.0**-53  # and of float64
UNDERFLOW = 2.0**-150  # half of the smallest subnormal: the most that rounding to nearest loses below 2**-126
OVERFLOW = 2.0**128 - 2.0**104  # the largest float32: what is not above it is not rounded to infinity


class Disagreement(AssertionError):
    """A result that differs from the reference by more than the operation's rule allows."""


class NoBound(AssertionError):
    """Some elements can be neither confirmed nor refuted: no bound holds there. All others agreed."""


def exactly(expected, got, args=(), kwargs=None) -> None:
    """Raise Disagreement unless ``got`` is ``expected``: type, dtype, shape and every bit.

    +0.0 and -0.0 differ; NaNs are equal whatever their payload and sign. Formats are compared field by field, dicts
    with the order of their keys.
    """
    _exactly(expected, got, "result")


def _exactly(expected, got, where: str) -> None:
    if isinstance(expected, np.ndarray):
        _same_kind(expected, got, where)
        same = expected == got
        if expected.dtype.kind == "f":
            same = (same & (np.signbit(expected) == np.signbit(got))) | (np.isnan(expected) & np.isnan(got))
        _all(same, expected, got, where, None)
        return
    if type(got) is not type(expected):
        raise Disagreement(f"{where}: got a {type(got).__name__}, expected a {type(expected).__name__}")
    if is_dataclass(expected):
        for field in fields(expected):
            _exactly(getattr(expected, field.name), getattr(got, field.name), f"{where}.{field.name}")
    elif isinstance(expected, dict):
        if list(got) != list(expected):
            raise Disagreement(f"{where}: got the keys {list(got)}, expected {list(expected)}")
        for key in expected:
            _exactly(expected[key], got[key], f"{where}[{key!r}]")
    elif isinstance(expected, (list, tuple)):
        if len(got) != len(expected):
            raise Disagreement(f"{where}: got {len(got)} items, expected {len(expected)}")
        for i, (e, g) in enumerate(zip(expected, got)):
            _exactly(e, g, f"{where}[{i}]")
    elif isinstance(expected, float):
        _exactly(np.float64(expected)[None], np.float64(got)[None], where)  # so that NaN and -0.0 count as in arrays
    elif got != expected:
        raise Disagreement(f"{where}: got {got!r}, expected {expected!r}")


def _same_kind(expected: np.ndarray, got, where: str) -> None:
    if not isinstance(got, np.ndarray):
        raise Disagreement(f"{where}: got a {type(got).__name__}, expected an array")
    if got.dtype != expected.dtype:
        raise Disagreement(f"{where}: got dtype {got.dtype}, expected {expected.dtype}")
    if got.shape != expected.shape:
        raise Disagreement(f"{where}: got shape {got.shape}, expected {expected.shape}")


def _all(good: np.ndarray, expected: np.ndarray, got: np.ndarray, where: str, allowed: np.ndarray | None) -> None:
    if np.all(good):
        return
    at = np.unravel_index(int(np.argmin(good)), good.shape)
    rule = "every bit must agree" if allowed is None else f"allowed difference {allowed[at]:g}"
    place = f"{where}[{', '.join(str(int(i)) for i in at)}]"
    raise Disagreement(f"{place}: got {got[at]!s}, expected {expected[at]!s}; {rule} "
                       f"({np.count_nonzero(~good)} of {good.size} elements disagree)")


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

    - Underflow. Below 2**-126 a product or fma is off by up to 2**-150 more (a sum is exact there: Higham sec. 2.1, the
      theorem of Hauser), and this error passes through the later sums: k 2**-150 (1 + gamma_k).
    - The reference sums in float64, off by gamma_k(2**-53) |a||x|, and rounds once: u|y| + 2**-150.
    - Exact data. If all terms are multiples of 2**e and |a||x| <= 2**(24 + e), every partial sum of every order is a
      float32: nothing is rounded, and the allowed difference is zero. A lost term then always shows.
    - Special values. An infinity or NaN among the terms decides the class of the result (NaN, +Inf, -Inf) in every
      order, so the classes must agree.

    Where ku >= 1, or where a partial sum could exceed the largest float32 (one order overflows, another does not),
    there is no bound: NoBound is raised, after all other elements were checked.
    """
    _same_kind(expected, got, "result")
    with np.errstate(over="ignore", invalid="ignore"):
        t = _terms(*args)
        ku = t.roundings * U
        gamma = np.where(ku < 1, ku / np.where(ku < 1, 1 - ku, 1), np.inf)
        gamma64 = t.roundings * U64 / (1 - t.roundings * U64)
        spread = np.where(t.magnitude > 0, (gamma + gamma64) * t.magnitude, 0)
        e, g = expected.astype(np.float64), got.astype(np.float64)
        output = U * np.abs(np.where(np.isfinite(e), e, 0)) + UNDERFLOW
        allowed = spread + t.roundings * UNDERFLOW * (1 + gamma) + output
        allowed = np.where(t.exact, 0, allowed)
        bounded = t.exact | ((ku < 1) & (t.largest * (1 + gamma) <= OVERFLOW))
        same_class = (np.isnan(e) & np.isnan(g)) | (np.isinf(e) & (e == g))
        good = np.where(t.special, same_class, np.abs(g - e) <= allowed) | ~bounded
    _all(good, expected, got, "result", np.broadcast_to(np.where(t.special, 0, allowed), good.shape))
    unbounded = np.broadcast_to(~bounded, good.shape)
    if unbounded.any():
        at = ", ".join(str(int(i)) for i in np.unravel_index(int(np.argmax(unbounded)), good.shape))
        raise NoBound(f"result[{at}]: no bound holds where k·u >= 1 or a partial sum may overflow "
                      f"({np.count_nonzero(unbounded)} of {good.size} elements); the others agree")


def _terms(first, second) -> _Terms:
    if isinstance(first, CSR):
        return _csr_terms(first, second)
    if isinstance(first, LowRank):
        return _lowrank_terms(first, second)
    if isinstance(second, Quantized):
        return _scaled_terms(first, second)
    if isinstance(second, Mixed):
        return _mixed_terms(first, second)
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
    return _Terms(k, magnitude, magnitude, exact & (magnitude <= OVERFLOW) & ~special, special)


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
    special = np.broadcast_to(~np.isfinite(x).all(axis=0), magnitude.shape)
    units = [_unit(f) for f in (a.u, a.s, a.vt, x)]
    exact = ((magnitude <= np.ldexp(1.0, 24 + sum(units))) & (first.max(axis=0, initial=0) <= np.ldexp(1.0, 24 + units[2] + units[3]))
             & (second.max(axis=0, initial=0) <= np.ldexp(1.0, 24 + sum(units[1:]))) & (sum(min(e, 0) for e in units) >= -149)
             & (scaled.max(initial=0) <= np.ldexp(1.0, 24 + units[0] + units[1])) | (magnitude == 0))
    if max(u.max(initial=0), s.max(initial=0), scaled.max(initial=0)) > 1:  # an underflow may be made larger afterwards
        small = np.minimum(_smallest(vt), _smallest(s)) * _smallest(np.abs(x).astype(np.float64))
        largest = np.where(exact | (small >= 2.0**-100), largest, np.inf)
    return _Terms(np.full((1, 1), k + r + 2), magnitude, largest, exact & (largest <= OVERFLOW) & ~special, special)


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
    exact = exact & (largest <= OVERFLOW) & ~special
    return _Terms(np.full((1, 1), k + groups + 5), magnitude, largest, exact, special)


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
    exact = np.logical_and.reduce([t.exact for t in terms]) & (magnitude <= np.ldexp(1.0, 24 + unit)) & (largest <= OVERFLOW)
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


def same_product(expected: LowRank, got: LowRank, args, kwargs=None) -> None:
    """Raise Disagreement unless ``got`` is as good a truncated SVD of the matrix ``args[0]`` as ``expected``.

    The contract: computed in float64, each factor rounded once to float32. The factors themselves are not unique (equal
    singular values), so these are compared: the rank; the singular values; orthonormality; the product's error, which
    must be the optimum of Eckart and Young (1936), the root of the sum of the squared singular values left out; the
    signs.

    Three errors are allowed. (1) Of the SVD in float64: p 2**-53 ||w|| with p = 64 mn, far above what Householder
    bidiagonalisation needs (Higham, Accuracy and Stability, lemma 19.3; LAPACK Users' Guide, sec. 4.9), and still below
    u where mn < 2**22: the constant does not matter. (2) Of rounding the factors: (1 + u)**3 - 1 of |u| s |vt|; for the
    inner product of two unit columns 2u + u**2, by Cauchy and Schwarz. (3) Below 2**-126 a factor is off by 2**-150
    instead.
    """
    w = np.asarray(args[0]).astype(np.float64)
    if not isinstance(got, LowRank):
        raise Disagreement(f"result: got a {type(got).__name__}, expected a LowRank")
    if got.shape != expected.shape or got.rank != expected.rank:
        raise Disagreement(f"result: got shape {got.shape} and rank {got.rank}, expected {expected.shape} and "
                           f"{expected.rank}")
    m, n, r = *w.shape, got.rank
    u, s, vt = (a.astype(np.float64) for a in (got.u, got.s, got.vt))
    sigma = np.linalg.svd(w, compute_uv=False) if w.size else np.zeros(0)
    norm = np.linalg.norm(sigma)
    svd_error = 64 * m * n * U64
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
    # The largest entry may be two entries that rounding to float32, or the SVD itself, cannot tell apart: either may
    # lead.
    near = np.abs(u) >= np.abs(u).max(axis=0, initial=0) - 4 * U - svd_error
    unsigned = ~((u > 0) & near).any(axis=0)
    if unsigned.any():
        raise Disagreement(f"result.u[:, {np.argmax(unsigned)}]: the entry of largest magnitude must be positive")


def _within(expected: np.ndarray, got: np.ndarray, allowed: np.ndarray, where: str) -> None:
    _all(np.abs(got - expected) <= allowed, expected, got, where, allowed)


def same_cost(expected, got, args, kwargs=None) -> None:
    """Raise Disagreement if ``got`` is a worse optimum than ``expected``: for kernels that resolve ties in another way.

    Code lengths (an array of uint8; ``args[0]`` the counts): a code length for each symbol that occurs and no other, at
    most the limit, filling the code space; the sum of count * length must not be larger. Exact, in Python's integers.

    Shared values (``args[0]`` the weights): the sum of weight * (w - value)**2 in float64 must not be larger. Each of
    the two sums is off by gamma_(size + 3) at most (Higham sec. 3.1), and a mean rounded to float32 adds (u c)**2 an
    element.
    """
    kwargs = kwargs or {}
    if isinstance(expected, Shared):
        _same_distortion(expected, got, args[0], kwargs)
        return
    _same_kind(expected, got, "result")
    _all((got > 0) == (expected > 0), expected, got, "result", None)
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
    w = np.asarray(w).astype(np.float64)
    if kwargs.get("pruned"):
        _all((got.dense() == 0) | (w != 0), w, got.dense(), "result.dense() where w is 0", None)
    weights = kwargs.get("weights")
    weights = np.ones(w.shape) if weights is None else np.asarray(weights).astype(np.float64)
    value = got.dense().astype(np.float64)
    cost_got, cost = (np.sum(weights * (w - a.dense().astype(np.float64)) ** 2) for a in (got, expected))
    allowed = 2 * (w.size + 3) * U64 * cost + np.sum(weights * (U * value) ** 2)
    if not cost_got <= cost + allowed:
        raise Disagreement(f"result: got a distortion of {cost_got:g}, expected {cost:g}; "
                           f"allowed difference {allowed:g}")

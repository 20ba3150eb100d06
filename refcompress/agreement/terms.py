"""The dot products that each float32 product is made of: what :func:`within_dot_bound` needs to know of them.

One function an operation, with the operation's own arguments. A new format brings its own, and its row of OPS names it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..constants import LARGEST, U64
from ..formats import CSR, MX, NF4, NVFP4, ArrayFormat, LowRank, LowRankSparse, Mixed, Packed, Quantized
from ..formats.base import expand
from ..formats.kept import Kept
from ..formats.prepared import unprepared
from ..reference.gemm.bfloat16 import bf16_arguments, numbers
from ..reference.gemm.narrow import decoded
from ..reference.nn.depthwise import depthwise_arguments
from ..reference.nn.windows import cells, images, in_layout
from .exact import UNDERFLOW

AT_ONCE = 1 << 16  # terms of a sparse product: half a MiB of doubles, which a second-level cache holds


@dataclass(frozen=True)
class Terms:
    """What the bound needs to know of the dot products behind an (m, n) result; each broadcasts to (m, n)."""

    roundings: np.ndarray  # the most roundings that one term passes through
    magnitude: np.ndarray  # |A||X| over the finite terms, float64, rounded up
    largest: np.ndarray  # no intermediate value of any permitted order exceeds this, but for rounding
    exact: np.ndarray  # whether no permitted order rounds at all
    special: np.ndarray  # whether an infinity or a NaN takes part
    underflow: np.ndarray | float = UNDERFLOW  # how far off a rounding may be below 2**-126, beyond u times the result


def csr_terms(a: CSR, x: ArrayLike) -> Terms:
    """Return the terms of csr_matmul: row i has one for each stored entry; k roundings each."""
    x = np.asarray(x)
    k = np.diff(a.indptr)[:, None]
    magnitude = _up(_over_rows(a, np.add, np.multiply, _size(a.values), _size(x)), k)
    special = np.zeros(magnitude.shape, bool)
    odd, odd_x = ~np.isfinite(a.values), ~np.isfinite(x)
    if odd.any() or odd_x.any():
        special = _over_rows(a, np.logical_or, np.logical_or, odd, odd_x)
    e = _unit(a.values) + _unit(x)
    exact = (magnitude <= np.ldexp(1.0, 24 + e)) & (e >= -149) | (magnitude == 0)
    return Terms(k, magnitude, magnitude, exact & (magnitude <= LARGEST) & ~special, special)


def _over_rows(a: CSR, over: np.ufunc, join: np.ufunc, values: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return for each row and column what ``over`` makes of the row's stored entries, each joined with its row of x.

    Duplicates are terms of their own. Some rows are taken at once, so that their terms need not fill the memory.
    """
    ends, (m, n) = a.indptr.astype(np.int64), (a.shape[0], x.shape[1])
    result, first = np.zeros((m, n), values.dtype), 0
    while first < m:
        last = max(first + 1, int(np.searchsorted(ends, ends[first] + AT_ONCE // max(n, 1), "right")) - 1)
        entries = slice(ends[first], ends[last])
        filled = first + np.flatnonzero(np.diff(ends[first: last + 1]))  # reduceat has no sum of nothing
        if len(filled):
            terms = join(values[entries, None], x[a.indices[entries]])
            result[filled] = over.reduceat(terms, ends[filled] - ends[first], axis=0)
        first = last
    return result


def sparse_terms(a: Kept, x: ArrayLike) -> Terms:
    """Return the terms of sparse_matmul: one for each stored weight of a row; that count, the groups and 1 roundings.

    The chain of a group rounds at most once for each of its terms, the product with its scale once more, and the sum
    over the groups as often as there are groups. An order that scales the weights first is covered. Both the sums
    before scaling and the scaled weights must stay below overflow. Sums of integers before scaling do not underflow:
    they are multiples of 2**-149.
    """
    a, x = unprepared(a), np.asarray(x)
    (m, k), kept = a.shape, a.kept
    numbers = np.zeros(a.shape)
    numbers[kept] = _size(a.numbers)
    scale = np.ones((m, 1)) if a.scale is None else np.broadcast_to(a.scale, (m, a.scale.shape[1])).astype(np.float64)
    scaled = numbers * np.repeat(scale, a.segment, axis=1)[:, :k]
    count = kept.sum(axis=1)[:, None]
    before, magnitude = _up(numbers @ _size(x), k), _up(scaled @ _size(x), k + 1)
    largest = np.maximum(np.maximum(before, magnitude), scaled.max(axis=1, initial=0)[:, None])
    infinite = np.zeros((m, k), bool)
    infinite[kept] = ~np.isfinite(a.numbers)
    special = (kept.astype(float) @ ~np.isfinite(x) > 0) | infinite.any(axis=1, keepdims=True)
    e, es = _unit(a.numbers) + _unit(x), 0 if a.scale is None else _unit(a.scale)
    exact = (before <= np.ldexp(1.0, 24 + e)) & (magnitude <= np.ldexp(1.0, 24 + e + es)) & (min(e, e + es) >= -149)
    single = scaled.max(axis=1, initial=0)[:, None] <= np.ldexp(1.0, 24 + _unit(a.numbers) + es)
    exact = (exact | (before == 0)) & single
    return Terms(count + scale.shape[1] + 1, magnitude, largest, exact & (largest <= LARGEST) & ~special, special)


def lowrank_terms(a: LowRank, x: ArrayLike) -> Terms:
    """Return the terms of lowrank_matmul: k r of them, u (s (vt x)); k + r + 2 roundings each.

    These are three products, k - 1 and r - 1 sums. Scaling u by s first, or forming the matrix, rounds no term more
    often. The intermediate values of these orders must stay below overflow: vt x, s times it, u s, s vt and u s vt.

    An underflow, of at most 2**-150, passes through the factors that follow it. There is at most one for each rounding
    that a term meets: of vt x, which u s follows; of s times it, which u follows; of u s, which vt x follows; of the
    products of the matrix u s vt, which x follows; of s vt, which u and x follow; or of the result itself.
    """
    x = np.asarray(x)
    u, s, vt = (np.abs(f).astype(np.float64) for f in (a.u, a.s, a.vt))
    k, r = a.shape[1], a.rank
    first = _up(vt @ _size(x), k)
    second, scaled = s[:, None] * first, u * s
    magnitude = _up(u @ second, k + r)
    inner = np.maximum(first.max(axis=0, initial=0), second.max(axis=0, initial=0))
    turned, matrix = s[:, None] * vt, scaled @ vt
    formed = np.maximum(scaled.max(axis=1, initial=0), matrix.max(axis=1, initial=0))[:, None]
    largest = np.maximum(np.maximum(magnitude, inner), np.maximum(formed, turned.max(initial=0)))
    # With rank 0 there are no terms: an infinity in x takes no part.
    special = np.broadcast_to(~np.isfinite(x).all(axis=0) & (r > 0), magnitude.shape)
    units = [_unit(f) for f in (a.u, a.s, a.vt, x)]
    exact = ((magnitude <= np.ldexp(1.0, 24 + sum(units)))
             & (first.max(axis=0, initial=0) <= np.ldexp(1.0, 24 + units[2] + units[3]))
             & (second.max(axis=0, initial=0) <= np.ldexp(1.0, 24 + sum(units[1:])))
             & (scaled.max(initial=0) <= np.ldexp(1.0, 24 + units[0] + units[1]))
             & (sum(min(e, 0) for e in units) >= -149) | (magnitude == 0))
    # A product of factors that underflows to 0 makes NaN of an infinity, where the first order keeps it infinite.
    lost = any(((a > 0) & (a < 2.0**-149)).any() for a in (scaled, turned, matrix))
    largest = np.where(special & lost, np.inf, largest)
    sums, rows = _size(x).sum(axis=0), u.sum(axis=1)[:, None]
    passed = 1 + scaled.sum(axis=1)[:, None] + rows + first.sum(axis=0) + (r + rows) * sums
    return Terms(np.full((1, 1), k + r + 2), magnitude, largest, exact & (largest <= LARGEST) & ~special, special,
                 UNDERFLOW * passed)


def lowrank_sparse_terms(a: LowRankSparse, x: ArrayLike) -> Terms:
    """Return the terms of lowrank_sparse_matmul: those of both products; the roundings of both, and 1.

    A term passes through the roundings of its own product. Then the sum goes on over the terms of the other one, which
    rounds at most as often as that product does alone; or the two results are added, which rounds once. The product is
    exact where both are, if the whole is small enough for multiples of the finer unit.
    """
    a, x = unprepared(a), np.asarray(x)
    low = lowrank_terms(a.low, x)
    rest = csr_terms(a.sparse, x) if isinstance(a.sparse, CSR) else sparse_terms(a.sparse, x)
    magnitude = _up(low.magnitude + rest.magnitude, 2)
    largest = np.maximum(np.maximum(low.largest, rest.largest), magnitude)
    units = sum(_unit(f) for f in (a.low.u, a.low.s, a.low.vt, x)), _unit(x) + _unit(
        a.sparse.values if isinstance(a.sparse, CSR) else a.sparse.numbers)
    scale = None if isinstance(a.sparse, CSR) else a.sparse.scale
    unit = min(units[0], units[1] + (0 if scale is None else min(_unit(scale), 0)))
    exact = low.exact & rest.exact & ((magnitude <= np.ldexp(1.0, 24 + unit)) | (magnitude == 0))
    special = low.special | rest.special
    roundings = low.roundings + rest.roundings + 1
    return Terms(roundings, magnitude, largest, exact & (largest <= LARGEST) & ~special, special,
                 low.underflow + rest.underflow)


def quantized_terms(x: ArrayLike, w: Quantized) -> Terms:
    """Return the terms of gemm_f32s8: k of them, x (scale (q - z)); k + groups + 5 roundings each.

    q - z is an integer of at most 255 (int16: 65,535): exact. Its product with x and the sums inside a group round at
    most k times, the product with the scale once more, the sums over the groups ``groups`` times, the last tree over 16
    chains 4 times. An order that scales the weights first rounds k + 1 times and is covered. Both the sums before
    scaling and the scaled weights must stay below overflow. Sums before scaling do not underflow: x times an integer is
    a multiple of 2**-149.
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
    return Terms(np.full((1, 1), k + groups + 5), magnitude, largest, exact, special)


def dense_terms(x: np.ndarray, w: np.ndarray, transposed: bool = False) -> Terms:
    """Return the terms of gemm_f32f32: as many as neither factor is 0 of, and so many roundings each.

    A product that is 0 changes no sum, and adding it rounds nothing. So one number among zeros is rounded once, however
    long the row is.
    """
    k, w = x.shape[1], w if transposed else w.T
    count = (x != 0).astype(np.float64) @ (w != 0)
    magnitude = _up(_size(x) @ _size(w), k)
    special = ~np.isfinite(x).all(axis=1)[:, None] | ~np.isfinite(w).all(axis=0)
    e = _unit(x) + _unit(w)
    exact = (magnitude <= np.ldexp(1.0, 24 + e)) & (e >= -149) | (magnitude == 0)
    return Terms(count, magnitude, magnitude, exact & (magnitude <= LARGEST) & ~special, special)


def bf16_terms(x: Any, w: Any) -> Terms:
    """Return the terms of gemm_bf16bf16: those of gemm_f32f32, and 4 roundings more of the tree over 16 chains.

    A rounding may flush: it is then off by less than 2**-126. Multiples of 2**-126 are not flushed.
    """
    x, w = map(numbers, bf16_arguments(x, w))
    t = dense_terms(x, w)
    exact = t.exact & ((_unit(x) + _unit(w) >= -126) | (t.magnitude == 0))
    return Terms(t.roundings + 4, t.magnitude, t.largest, exact, t.special, 2.0**-126)


def narrow_terms(x: ArrayLike, w: ArrayFormat) -> Terms:
    """Return the terms of a product by narrow weights: those of gemm_f32f32 with the decoded ones, which are exact.

    A kernel may as well multiply by the integers or the elements, and by their scale afterwards. Then a term meets two
    roundings more, and one that the decoded weight has and that one has not. The sums before scaling must stay below
    overflow too; what they lose below 2**-126 is multiplied by the scale. Weights that are subnormal, or 0 by their
    scale alone, count as they are decoded: that is the contract's, and an infinity then makes NaN of them.
    """
    x, w = np.asarray(x), unprepared(w)
    t = dense_terms(x, decoded(w))
    scale = _scales(w)
    if scale is None:
        return t
    with np.errstate(all="ignore"):
        steps = np.where(scale > 0, np.abs(decoded(w).astype(np.float64)) / scale, 0)
    largest = np.maximum(t.largest, _up(_size(x) @ _size(steps).T, w.shape[1] + 1))
    most = np.maximum(scale.max(axis=1, initial=0), 1)
    return Terms(t.roundings + 3 * (t.roundings > 0), t.magnitude, largest, t.exact, t.special, UNDERFLOW * most)


def _scales(w: ArrayFormat) -> np.ndarray | None:
    """Return the scale of each weight, for those formats that have scales; a finite number where it is NaN."""
    if isinstance(w, Packed):
        return expand(w.scale, w.shape, w.group).astype(np.float64)
    if isinstance(w, NF4):
        scales, block = w.scales, w.block
    elif isinstance(w, NVFP4):
        scales, block = w.block_scales, 16
    elif isinstance(w, MX):
        scales, block = np.ldexp(1.0, w.scales.astype(int) - 127), 32
    else:
        return None
    places = np.arange(w.shape[1]) // block
    return np.asarray(scales, np.float64)[:, places]


def mixed_terms(x: ArrayLike, w: Mixed) -> Terms:
    """Return the terms of gemm_f32mixed: along axis 0 those of gemm_f32s8; along axis 1 the sum of two such products.

    That sum passes each term through the roundings of both parts at most. It is exact where both are, if the whole is
    small enough for multiples of the finer part's unit.
    """
    x = np.asarray(x)
    if w.axis == 0:
        low, high = quantized_terms(x, w.low), quantized_terms(x, w.high)
        place = {name: _columns(w.wide, *(np.broadcast_to(getattr(t, name), (len(x), part.shape[0]))
                                           for t, part in ((low, w.low), (high, w.high))))
                 for name in ("roundings", "magnitude", "largest", "exact", "special")}
        return Terms(*place.values())
    parts = [(x[:, where], part) for where, part in ((~w.wide, w.low), (w.wide, w.high)) if part.shape[1]]
    if not parts:
        return quantized_terms(x, w.low)
    terms = [quantized_terms(*part) for part in parts]
    magnitude = _up(np.add.reduce([t.magnitude for t in terms]), 2)
    largest = np.maximum.reduce([magnitude, *(t.largest for t in terms)])
    unit = min(_unit(inputs) + _unit(part.scale) for inputs, part in parts)
    exact = np.logical_and.reduce([t.exact for t in terms]) & (magnitude <= np.ldexp(1.0, 24 + unit))
    special = np.logical_or.reduce([t.special for t in terms])
    return Terms(np.add.reduce([t.roundings for t in terms]), magnitude, largest, exact & (largest <= LARGEST), special)


def depthwise_terms(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, *,
                    strides: tuple[int, int] = (1, 1), pads: tuple[int, int, int, int] = (0, 0, 0, 0),
                    dilations: tuple[int, int] = (1, 1), layout: str = "nchw") -> Terms:
    """Return the terms of nn_depthwise_f32: h w products, and the bias; h w + 1 roundings each."""
    x, weight, bias, window, layout = depthwise_arguments(x, weight, bias, strides, pads, dilations, layout)
    image, k = images(x, layout), weight.shape[2] * weight.shape[3] + 1
    image = np.repeat(image, len(weight) // image.shape[1] if image.shape[1] else 1, axis=1)
    added = np.zeros((len(weight), 1, 1), np.float32) if bias is None else bias[:, None, None]
    magnitude, special = _size(added), ~np.isfinite(added)
    for i, j, values in cells(image, window, 0.0):
        tap = weight[:, 0, i, j, None, None]
        magnitude = magnitude + _size(values) * _size(tap)
        special = special | ~np.isfinite(values) | ~np.isfinite(tap)
    magnitude = _up(magnitude, k)
    e = _unit(x) + _unit(weight)
    e = min(e, _unit(added)) if added.any() else e
    exact = (magnitude <= np.ldexp(1.0, 24 + e)) & (e >= -149) | (magnitude == 0)
    exact = exact & (magnitude <= LARGEST) & ~special
    magnitude, exact, special = (in_layout(a, layout) for a in (magnitude, exact, special))
    return Terms(np.full((1, 1, 1, 1), k), magnitude, magnitude, exact, special)


def _columns(wide: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    both = np.empty((len(low), len(wide)), low.dtype)
    both[:, ~wide], both[:, wide] = low, high
    return both


def _size(a) -> np.ndarray:
    """The magnitudes of the finite elements in float64; 0 for the others."""
    return np.where(np.isfinite(a), np.abs(a), 0).astype(np.float64)


def _up(sums: np.ndarray, k) -> np.ndarray:
    """Return at least the exact sums of k nonnegative products: their float64 sums are low by gamma_k at most."""
    return sums * (1 + (np.asarray(k) + 2) * 2 * U64)


def _unit(a) -> int:
    """Return the largest e such that every finite element of the array is a multiple of 2**e; 0 if all are zero."""
    a = np.abs(a[np.isfinite(a) & (a != 0)].astype(np.float64))
    if not a.size:
        return 0
    fraction, exponent = np.frexp(a)
    whole = np.ldexp(fraction, 24).astype(np.int64)  # a float32 has 24 bits
    return int((exponent - 24 + np.log2(whole & -whole)).min())

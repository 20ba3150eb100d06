"""Sums whose order and width a clause fixes: groups that cancel, integers beyond float32, equal ratios, float64.

With scales of one size, float64 keeps every order of a few groups, and the rounding to float32 hides the rest. A number
that is far larger than the others, and is taken away again, shows when it was added.
"""

from collections.abc import Callable
from itertools import permutations

import numpy as np

from ... import reference
from ...formats import CSR, Quantized, Shared
from ..cases import Calls
from ..values import whole

_F = np.float32
LARGE = (1e30, 2.0**54, 2.0**25)  # beside 1 in float64: far beyond it, beyond it, within it but not within float32


def _cancelling(group, most):
    """Yield weights of a few groups, whose sums are 1, a large number and its negative in every order, and how many."""
    for large in LARGE:
        for signs in ((1, 1, -1), (-1, 1, 1, 1), (1, -1, 1, 1, 1)):
            scales = [1.0] * len(signs)
            for at in sorted(set(permutations(range(len(signs)), 2)))[:most]:
                each = list(scales)
                for place in at:
                    each[place] = large
                values = np.zeros((2, group * len(signs)), np.int8)
                values[:, ::group] = 1
                values[0, at[1] * group] = -1
                values[1, at[0] * group] = -1
                yield Quantized(values, _F([each, each]), np.zeros((2, len(signs)), np.int8), group), len(signs)


def _groups(weight: Callable, group: int) -> Callable[[], Calls]:
    """GEMM-5.2, GEMM-6.2: the sum goes over the groups, ascending, one after the other."""
    def calls():
        for q, groups in _cancelling(group, 12):
            x = np.ones((2, groups * group), np.int8)
            x[1] = 3
            yield (x, _F([1, 0.5]), weight(q)), {}
    return calls


def _codebooks(q):
    """Return weights of 1, 0 and -1 with a codebook a group, which is quantized to the scale of the group."""
    book = np.zeros((*q.scale.shape, 3), _F)
    book[..., 0], book[..., 2] = -127 * q.scale, 127 * q.scale
    return Shared((q.values + 1).astype(np.uint8), book, q.group)


def _cancelled(op: str, weight: Callable) -> Callable[[], Calls]:
    """GEMM-5.2: float64, product by product. A bias that takes the result away leaves what those roundings left."""
    def calls():
        rng = np.random.default_rng(17)
        for group in (8, 16):
            for k in (40, 48, 112):
                x, x_scale = rng.integers(-127, 128, (1, k)).astype(np.int8), rng.uniform(0.1, 2, 1).astype(_F)
                q = reference.quantize_s8(rng.standard_normal((40, k), dtype=_F), group=group)
                bias = -getattr(reference, op)(x, x_scale, weight(q))[0]
                yield (x, x_scale, weight(q), bias), {}
    return calls


def _normalized_away():
    """NN-3.3: ((x - mean) r) weight, in float64: a bias that takes it away leaves what these roundings left."""
    rng = np.random.default_rng(18)
    for k in (5, 48, 300):
        x, weight = rng.standard_normal((1, k), dtype=_F), rng.uniform(0.5, 2, k).astype(_F)
        yield (x, weight, -reference.nn_layer_norm(x, weight)[0]), {}


def _long(make: Callable) -> Callable[[], Calls]:
    """Integer sums beyond 2**24, which only integers keep: of inputs of 90 and more, each less than the largest."""
    def calls():
        rng = np.random.default_rng(16)
        for k in (1501, 4099, 9001):
            x = rng.integers(90, 128, (2, k)).astype(np.int8)
            yield (x, _F([1, 1 / 3]), make(rng, k)), {}
    return calls


def _bytes(rng, k, zero_point=-9):
    zeros = np.int8([[0], [0], [zero_point]])
    return Quantized(rng.integers(90, 128, (3, k)).astype(np.int8), _F([[1], [0.3], [1]]), zeros)


def _nibbles(rng, k):
    q = Quantized(rng.integers(5, 8, (2, k)).astype(np.int8), _F([[1], [0.3]]), np.int8([[-8], [-7]]))
    return reference.quantize_pack(q, bits=4)


def _one_book(rng, k):
    return Shared(rng.integers(0, 3, (2, k)).astype(np.uint8), _F([90, 111, 127]))


def _equal_ratios():
    """QUANT-5.2: sum / sqrt(n) is equal for several n, to the bit: the fewest weights stay."""
    for w in ([3, -1, 1, 1], [1, 1, 1, -3], [-3, 1, -1, 1, 0], [6, 2, 2, 2, 1], [3, 1, 1, 1, 0.6, 0.6, 0.6, 0.6, 0.6]):
        for scale in (1.0, 0.125, 2.0**70):
            x = _F(w) * _F(scale)
            yield (x,), {"threshold": None}
            yield (np.stack([x, x[::-1]]),), {"threshold": None, "axis": 0}
            yield (np.tile(x, 2)[None],), {"threshold": None, "group": len(w)}


def _on_the_threshold():
    """QUANT-5.2: threshold times the sum, over the count. Weights of m and 2 m, where m is threshold times the mean."""
    for threshold, ones, twos in ((0.7, 4, 3), (0.6, 1, 2), (0.8, 3, 1), (0.9, 8, 1), (0.55, 2, 9), (0.95, 18, 1)):
        each = np.array([1] * ones + [2] * twos, _F)
        w = each * np.arange(1, 61, dtype=_F)[:, None]
        yield (w,), {"threshold": threshold, "axis": 0}
        yield (-w * _F(2.0**-20),), {"threshold": threshold, "group": len(each)}
        for i in (0, 2, 6, 12):
            yield (w[i],), {"threshold": threshold}


def _scores():
    """PRUNE-3.2: scores of float64 that float32 takes for equal, for infinite or for zero."""
    tiny = np.arange(6) * 1e-12
    for base in (1 + tiny, 1 - tiny, 1e300 * (1 + tiny), 1e-300 * (1 + tiny), -1 - tiny,
                 2.0**60 + np.arange(6) * 512.0):
        for a in (base, base[::-1].copy(), np.stack([base, base[::-1]])):
            for keep in (1, a.size // 2, a.size - 1):
                yield (a,), {"keep": keep}
        rows = np.stack([base, base[::-1], np.roll(base, 2)])
        yield (rows,), {"structure": "nm", "n": 1, "m": 3}
        yield ({"first": base, "second": base[::-1] * (1 + 1e-13)},), {"keep": 5}


def _unsorted(widths: tuple[int, ...]) -> Callable[[], Calls]:
    """CSR-2, CSR-3: columns in any order, far apart, twice: what goes by tiles of columns meets a row several times."""
    def calls():
        rng = np.random.default_rng(33)
        for columns in (100, 300, 1000, 5000):
            rows = [np.sort(rng.choice(columns, 7, replace=False))[::-1], rng.choice(columns, 9),
                    np.array([columns - 1, 2, columns - 2, 0, columns - 1]), np.arange(0, columns, columns // 5)[::-1]]
            counts = np.cumsum([0, *map(len, rows)])
            values = rng.integers(1, 9, counts[-1]).astype(_F)
            a = CSR((len(rows), columns), counts, np.concatenate(rows), values, canonical=False)
            if not widths:
                yield (a,), {}
            for width in widths:
                yield (a, whole(rng, (columns, width))), {}
    return calls


EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {
    "gemm_s8s8_scaled": (_groups(lambda q: q, 1), _groups(lambda q: q, 4), _long(_bytes),
                         _cancelled("gemm_s8s8_scaled", lambda q: q)),
    "gemm_s8s4": (_groups(lambda q: reference.quantize_pack(q, bits=4), 32), _long(_nibbles)),
    "gemm_s8lut4": (_groups(_codebooks, 32), _groups(_codebooks, 3), _long(_one_book)),
    "sparse_s8s8": (_groups(reference.sparse_bitmask_pack, 8), _groups(reference.sparse_bitmask_pack, 16),
                    _long(lambda rng, k: reference.sparse_bitmask_pack(_bytes(rng, k, 0))),
                    _cancelled("sparse_s8s8", reference.sparse_bitmask_pack)),
    "quantize_ternary": (_equal_ratios, _on_the_threshold),
    "nn_layer_norm": (_normalized_away,),
    "prune_select": (_scores,),
    "csr_to_dense": (_unsorted(()),),
    "csr_matmul": (_unsorted((1, 2, 17)),),
}

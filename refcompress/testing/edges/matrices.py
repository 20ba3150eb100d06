"""Edges of sparse matrices and of low rank: long rows and columns, many entries and ranks, all bits of a number."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ... import reference
from ...formats import CSR, LowRank, LowRankSparse, Quantized, Shared
from ..cases import Call, Calls
from ..csr import narrow, sparse, unsorted
from ..lowrank.matrices import _hessian
from ..sparse import matrices
from ..values import ordinary, whole, with_fields
from .gemm import small_bias
from .lengths import BEYOND, LONG, MANY, all_bits, at_lengths, half_zero, one_in_each_row, with_one

_F = np.float32
WIDTHS = (32, 33, 64, 100, 300)


def _few(rng, m: int, k: int, form: int = 0) -> CSR:
    """Return a CSR of a few entries a row: at the ends, and anywhere; every fifth row is empty; of many, most."""
    empty = np.arange(m) % 5 == 3 if m < 300 else (np.arange(m) % (m // 99) != 7) & (np.arange(m) < m - 1)
    counts = np.where(empty, 0, min(4, k))
    indptr = np.concatenate([[0], np.cumsum(counts)])
    indices = np.sort(rng.random((m, k)).argsort(axis=1)[:, : min(4, k)] if k < 200 else np.stack(
        [np.zeros(m, int), rng.integers(1, k // 2, m), rng.integers(k // 2, k - 1, m), np.full(m, k - 1)],
        axis=1), axis=1)
    kept = indices[~empty].reshape(-1)
    return CSR((m, k), indptr, kept, whole(rng, len(kept), 9))


def _density(m: int, k: int) -> float:
    """Return a share of entries that leaves most rows empty where there are many: the reference goes row by row."""
    return 0.5 if m * k < 5000 else 0.02 if m < 300 else 400 / (m * k)


# csr

def _from_dense(rng, i, m, k) -> Call:
    w = np.where(rng.random((m, k)) < (0.5, 0.01, 1.0)[i % 3], whole(rng, (m, k)), _F(0))
    return (w,), {"mask": rng.random((m, k)) < 0.5} if i % 2 else {}


def _to_dense(rng, i, m, k) -> Call:
    a = _few(rng, m, k) if i % 2 else unsorted(rng, m, k, 3)
    return (narrow(a, ("float16", "bfloat16")[i % 2]) if i % 3 == 0 else a,), {}


def _met_at_one_place():
    """Entries that meet, whose sum is rounded at each step: float64, pairs, another order give another number."""
    rng = np.random.default_rng(2)
    for m, k, row in ((1, 1, 3), (1, 2, 9), (3, 5, 40), (7, 3, 17), (40, 4, 12), (2, 33, 300)):
        a = unsorted(rng, m, k, row)
        for values in (all_bits(rng, m * row), ordinary(rng, m * row),
                       np.ldexp(all_bits(rng, m * row), rng.integers(-30, 30, m * row)).astype(_F),
                       np.ldexp(all_bits(rng, m * row), rng.choice([-149, 103], m * row)).astype(_F),
                       rng.choice(_F([0.0, -0.0]), m * row), rng.choice(_F([1, 2.0**24, -(2.0**24)]), m * row),
                       rng.choice(_F([3e38, -3e38, np.inf, 1]), m * row)):
            yield (with_fields(a, data=values),), {}
            for type_ in ("float16", "bfloat16"):
                yield (narrow(with_fields(a, data=values), type_),), {}


def _csr_product(rng, i, m, k, n) -> Call:
    if i % 3 == 0 and m < 1030:  # one entry a row, of all bits; x is 1 or -1
        a = CSR((m, k), np.arange(m + 1), rng.integers(0, k, m), all_bits(rng, m))
        return (a, rng.choice([-1, 1], (k, n)).astype(_F)), {}
    if i % 3 == 1:
        return (_few(rng, m, k), whole(rng, (k, n))), {}
    # rows with all of the columns: as many entries as the row is long
    if m * k > 20_000:
        return (_few(rng, m, k), whole(rng, (k, n))), {}
    full = CSR((m, k), np.arange(m + 1) * k, np.tile(np.arange(k), m), whole(rng, m * k, 3))
    return (full, whole(rng, (k, n), 3)), {}


def _csr_edges():
    rng = np.random.default_rng(1)
    for i, k in enumerate(WIDTHS):
        for n in (1, 3, 16, 33)[:: 1 if k < 50 else 3]:
            infinite = (np.inf, -np.inf, np.nan)[i % 3]
            a, x = sparse(rng, 5, k, 1), whole(rng, (k, n))
            yield (with_fields(a, data=with_one(rng, a.values, infinite)), half_zero(rng, x)), {}
            yield (with_fields(a, data=half_zero(rng, a.values)), with_one(rng, x, infinite)), {}
            yield (sparse(rng, 5, k, 0.3), with_one(rng, x, infinite)), {}
            for e, f in ((-70, -70), (-126, -3), (-149, 0), (0, -149)):
                scaled = with_fields(a, data=np.ldexp(a.values, e).astype(_F))
                yield (scaled, np.ldexp(x, f).astype(_F)), {}
            one = CSR((7, k), np.arange(8), rng.integers(0, k, 7), rng.choice([-1, 1], 7).astype(_F))
            yield (one, all_bits(rng, (k, n))), {}
    yield (CSR((1, 3), [0, BEYOND], rng.integers(0, 3, BEYOND), whole(rng, BEYOND, 3), canonical=False),
           whole(rng, (3, 1), 3)), {}
    yield (CSR((300, 70_001), np.arange(301), rng.integers(0, 70_001, 300), whole(rng, 300)),
           whole(rng, (70_001, 2))), {}


# The other sparse formats.

def _sparse_product(rng, i, m, k, n) -> Call:
    form = i % matrices.FORMS
    high = {"high": 9, "steps": 0} if form in (1, 2, 3, 4) else {}
    return (matrices.sparse(rng, m, k, form, _density(m, k), **high), whole(rng, (k, n), 3)), {}


def _sparse_edges():
    rng = np.random.default_rng(2)
    for i, k in enumerate(WIDTHS):
        for n in (1, 3, 17):
            x, infinite = whole(rng, (k, n)), (np.inf, -np.inf, np.nan)[i % 3]
            w = whole(rng, (6, k))
            for pack in (partial(reference.sparse_bitmask_pack, mask=rng.random((6, k)) < 0.5),
                         partial(reference.sparse_bsr_pack, block=(2, 1))):
                yield (pack(with_one(rng, w, infinite)), half_zero(rng, x)), {}
                yield (pack(half_zero(rng, w)), with_one(rng, x, infinite)), {}
                yield (pack(np.ldexp(w, -70).astype(_F)), np.ldexp(x, -70).astype(_F)), {}
                yield (pack(np.ldexp(w, -149).astype(_F)), x), {}
            single = one_in_each_row(rng, 6, k)
            yield (reference.sparse_bitmask_pack(single, single != 0), rng.choice([-1, 1], (k, n)).astype(_F)), {}
            ones = (single != 0).astype(_F)
            yield (reference.sparse_bitmask_pack(ones, single != 0), all_bits(rng, (k, n))), {}
            for form in range(1, 7):
                a = matrices.sparse(rng, 6, k, form, 0.4, **({"high": 9, "steps": 0} if form < 5 else {}))
                yield (a, with_one(rng, x, infinite)), {}
                yield (a, np.ldexp(x, -149).astype(_F)), {}
    for n, m in ((1, 2), (2, 4), (1, 4), (4, 8), (2, 16), (16, 16), (3, 5)):  # every n of every m
        mask = rng.random((4, 7, m)).argsort(axis=2).reshape(4, 7 * m) < n
        yield (reference.sparse_nm_pack(whole(rng, (4, 7 * m)), mask, n=n, m=m), whole(rng, (7 * m, 3))), {}
    for bits in range(1, 9):  # gaps as long as a skip can say, and one longer
        for gap in (2**bits - 1, 2**bits, 2**bits + 1, 2 ** (bits + 1)):
            k = 3 * gap + 2
            mask = np.zeros((3, k), bool)
            mask[:, gap - 1 :: gap] = mask[0, -1] = mask[1, 0] = True
            w = Shared(rng.integers(1, 5, (3, k)).astype(np.uint8), _F([0, 1, -2, 3, 5]))
            yield (reference.sparse_relative_pack(w, mask, bits=bits), whole(rng, (k, 2))), {}
    for block in ((1, 1), (2, 3), (4, 1), (1, 8), (8, 16), (16, 16), (6, 40)):
        r, c = block
        w = whole(rng, (3 * r, 5 * c))
        keep = (rng.random((3, 5)) < 0.5).repeat(r, axis=0).repeat(c, axis=1)
        yield (reference.sparse_bsr_pack(w, keep, block=block), whole(rng, (5 * c, 3))), {}


def _sparse_s8(rng, i, m, k, n) -> Call | None:
    if k > 65_793:
        return None
    if i % 3 == 1:  # the largest sums
        q = Quantized(np.full((n, k), -128, np.int8), np.ones((n, 1), _F), np.zeros((n, 1), np.int8))
        return (np.full((m, k), -128, np.int8), np.ones(m, _F), reference.sparse_bitmask_pack(q)), {}
    w = matrices.sparse(rng, n, k, 1 + i % 4, 0.5 if n * k < 20_000 else 0.02)
    bias = [ordinary(rng, n)] if i % 2 else []
    return (whole(rng, (m, k), 127, np.int8), rng.uniform(0.5, 2, m).astype(_F), w, *bias), {}


# Low rank.

def _many_ranks_beside():
    """More ranks than a small buffer holds, beside a matrix of few entries."""
    rng = np.random.default_rng(4)
    for r in (255, 256, 257, 300):
        low = LowRank(whole(rng, (r, r), 2), np.ones(r, _F), whole(rng, (r, r), 2))
        yield (LowRankSparse(low, sparse(rng, r, r, 0.01)), whole(rng, (r, 2), 3)), {}



def _factors(rng, m, k, r, high: int = 3) -> LowRank:
    return LowRank(whole(rng, (m, r), high), whole(rng, r, high), whole(rng, (r, k), high))


def _lowrank_product(rng, i, m, k, n, r) -> Call:
    if i % 3 == 0:  # one number of all bits comes through
        a = LowRank(rng.choice([-1, 1], (m, r)).astype(_F), np.ones(r, _F), one_in_each_row(rng, r, k, 1))
        if r == 1:
            return (a, all_bits(rng, (k, n), 22)), {}
        return (_factors(rng, m, k, r, 1), whole(rng, (k, n))), {}
    return (_factors(rng, m, k, r, 1 if r * k > 10_000 else 3), whole(rng, (k, n))), {}


def _lowrank_edges():
    rng = np.random.default_rng(3)
    for i, k in enumerate(WIDTHS):
        for n in (1, 3, 16, 33):
            infinite, x = (np.inf, -np.inf, np.nan)[i % 3], whole(rng, (k, n))
            yield (_factors(rng, 5, k, 0), with_one(rng, x, infinite)), {}
            yield (_factors(rng, 5, k, 1), with_one(rng, half_zero(rng, x), infinite)), {}
            yield (_factors(rng, 5, k, 2), np.ldexp(x, -149).astype(_F)), {}
            one = LowRank(rng.choice([-1, 1], (5, 1)).astype(_F), np.ones(1, _F), one_in_each_row(rng, 1, k, 1))
            yield (one, all_bits(rng, (k, n), 22)), {}
            zeros = LowRank(half_zero(rng, whole(rng, (5, 3))), whole(rng, 3), half_zero(rng, whole(rng, (3, k))))
            yield (zeros, half_zero(rng, x)), {}


def _beside(rng, i, m, k, n) -> Call:
    rest = _few(rng, m, k) if i % 2 else matrices.sparse(rng, m, k, i % 7, _density(m, k), **(
        {"high": 9, "steps": 0} if i % 7 in (1, 2, 3, 4) else {}))
    return (LowRankSparse(_factors(rng, m, k, i % 3, 1), rest), whole(rng, (k, n), 3)), {}


def _svd_options():
    """Energies and errors that are met exactly, budgets of bytes to the byte, every rank, no weight at all."""
    rng = np.random.default_rng(4)
    for k in (2, 4, 8):
        w = np.eye(k, dtype=_F)
        for r in range(1, k + 1):
            yield (w * _F(2),), {"energy": r / k}
        for half in range(1, k.bit_length()):
            yield (w,), {"error": 2.0**-half}
    yield (np.diag(_F([3, 4])),), {"error": 0.6}
    yield (np.diag(_F([2, 1, 1, 1, 1])),), {"energy": 0.5}
    yield (np.diag(_F([8, 4, 4, 0])),), {"energy": 1.0}
    w = ordinary(rng, (5, 7))
    for r in range(1, 6):
        for more in (0, 1, 51):
            yield (w,), {"nbytes": 4 * r * 13 + more}
        yield (w,), {"rank": r}
    yield (w,), {"rank": 0}
    of_rank_1 = np.outer(np.arange(4), np.arange(5)).astype(_F)
    for how in ({"energy": 1.0}, {"energy": 1e-9}, {"energy": 0.5}, {"error": 0.0}, {"error": 0.999},
                {"nbytes": 2**62}):
        for zero in (np.zeros((3, 4), _F), w, np.full((3, 4), -0.0, _F), of_rank_1):
            yield (zero,), how
    for shape in ((1, 1), (1, 9), (9, 1), (0, 4), (4, 0)):
        yield (ordinary(rng, shape),), {"rank": min(shape)}


def _svd_long():
    rng = np.random.default_rng(5)
    for i, n in enumerate((*LONG[:18], 16_385, BEYOND)):
        yield (ordinary(rng, (n, 3) if i % 2 else (3, n)),), {"rank": 1 + i % 3}
    for size in (100, 130):
        yield (ordinary(rng, (size, size + 3)),), {"rank": size}


def _svd_graded():
    """Singular values over twelve decades: in float32 the smallest ones are rounding errors of the largest."""
    rng = np.random.default_rng(8)
    for shape in ((5, 5), (4, 9), (9, 4), (20, 20)):
        w = ordinary(rng, shape) * np.logspace(0, -12, shape[1]).astype(_F)
        for rank in (1, min(shape) - 1, min(shape)):
            yield (w.copy(),), {"rank": rank}
        yield (np.ascontiguousarray(w[::-1, ::-1]),), {"rank": min(shape)}


def _svd_least():
    """LOWRANK-2.3: what is left out is the sum of the least ones, which the sum of all does not hold."""
    for least in (1e-3, 1e-6, 1e-9, 1e-12, 1e-18):
        w = np.diag(_F([1, least, least, 0]))
        for error in (least * 3, least * 1.2, least / 2, least / 1000, 0.0):
            yield (w,), {"error": error}
        yield (w,), {"energy": float(np.nextafter(1.0, 0.0))}
        yield (w,), {"energy": 1.0}


def _randomized_options():
    rng = np.random.default_rng(6)
    w = ordinary(rng, (12, 50))
    for how in ({"certify": False}, {"certify": True}, {"block": 1}, {"block": 3}, {"block": 2**40}, {"tolerance": 1.0},
                {"tolerance": 1e-5}, {"failure": 0.5}, {"failure": 1e-12}, {"seed": 2**31}, {"seed": 2**62}):
        for rank in (1, 5, 12):
            yield (w,), {"rank": rank, **how}
    for i, n in enumerate((129, 257, 1025, 4097)):
        yield (ordinary(rng, (n, 40) if i % 2 else (40, n)),), {"rank": 3}
    for rank in (0, 1, 3):
        yield (np.zeros((9, 50), _F),), {"rank": rank}


def _whitened_edges():
    rng = np.random.default_rng(7)
    for k in (4, 6, 9):  # directions of ever less weight, of which float32 has none left
        for ratio in (10.0, 30.0):
            x = rng.standard_normal((40, k)) * ratio ** -np.arange(k)
            x = x @ np.linalg.qr(rng.standard_normal((k, k)))[0]
            h = x.T @ x
            for rank in (1, k - 1):
                yield (ordinary(rng, (8, k)), (h + h.T) / 2), {"rank": rank}
    for i, n in enumerate((127, 128, 129, 257, 513, 1025)):
        yield (ordinary(rng, (n, 3)), _hessian(rng, 3)), {"rank": 1 + i % 3}
        if n < 300:
            yield (ordinary(rng, (3, n)), _hessian(rng, n)), {"rank": 1 + i % 3}
    for w in (np.zeros((4, 5), _F), ordinary(rng, (4, 5)), np.outer(np.arange(4), np.arange(5)).astype(_F)):
        for h in (np.zeros((5, 5)), np.eye(5), np.diag([1.0, 0, 0, 4, 0]), _hessian(rng, 5)):
            for rank in (0, 1, 4):
                yield (w, h), {"rank": rank}


EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {
    "csr_from_dense": (at_lengths(_from_dense, 3, 5),),
    "csr_to_dense": (_met_at_one_place, at_lengths(_to_dense, 3, 5)),
    "csr_matmul": (_csr_edges, at_lengths(_csr_product, 3, 7, 2, kinds=2)),
    "sparse_matmul": (_sparse_edges, at_lengths(_sparse_product, 3, 8, 3)),
    "sparse_s8s8": (small_bias(lambda rng, n, k: matrices.sparse(rng, n, k, 1)), at_lengths(_sparse_s8, 2, 8, 3),),
    "lowrank_matmul": (_lowrank_edges, at_lengths(_lowrank_product, 3, 5, 2, 1, kinds=2),
                       at_lengths(lambda rng, i, r: _lowrank_product(rng, 1, 3, 4, 2, r), 3, lengths=MANY)),
    "lowrank_sparse_matmul": (_many_ranks_beside, at_lengths(_beside, 3, 8, 3)),
    "lowrank_svd": (_svd_options, _svd_graded, _svd_least, _svd_long),
    "lowrank_randomized": (_randomized_options,),
    "lowrank_whitened": (_whitened_edges,),
}

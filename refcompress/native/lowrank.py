"""The lowrank family: lowrank_matmul and lowrank_randomized by gemm_f32f32, the others by a smaller matrix."""

import math
from contextlib import nullcontext
from functools import partial, wraps

import numpy as np
from numpy import empty as new

from .. import reference
from ..formats import CSR, LowRank
from ..formats.prepared import unprepared
from ..reference.lowrank.range_finder import Randomized, gaussian, randomized_arguments
from ..reference.lowrank.sparse import matmul_arguments as sparse_arguments
from ..reference.lowrank.truncated import factors_within_float32, signed, svd, svd_arguments
from ..reference.lowrank.truncated import matmul_arguments as lowrank_arguments
from ..reference.lowrank.whitened import root, whitened_arguments
from . import threads
from ._call import FLOATS, check, in_default_mode, kept, once
from ._checks import F32, is_ready
from ._kernels import ffi, lib
from .csr import csr_struct
from .leading import CLEAR, WHOLE, is_small, leading, nearly_leading, to_come_of
from .packing import held_of
from .prepared import in_place, prepared
from .sparse import lowrank_struct, struct

__all__ = ["lowrank_svd", "lowrank_matmul", "lowrank_sparse_matmul", "lowrank_whitened", "lowrank_randomized"]

SHORT = 2**16  # multiply-adds of products that need no more thought
FEW = 256  # entries of a matrix beside one of low rank, of which a struct is kept for short products
ROWS = 64  # of w that are float64 at once
SAFE = 24  # sums of 2**30 squares of numbers between 2**-24 and 2**24, times each other, stay in the range of float32
# Directions of a block whose squared length is below this share of the largest are left out, as float32 loses them.
NEGLIGIBLE = 2.0**-40
# Where every direction has this share of the whole, the Cholesky factor does what eigenvectors do in a tenth of the
# time. Sums of float32 products are good to about 2**-24 of the whole. So columns are orthonormal within 2**-4 after
# the first time, and within rounding after the second.
CONDITION = 2.0**-20
# A block is made orthogonal to all before it twice, the second time for what rounding left of the first, made large by
# giving rows length 1. Where rows nearly depended on each other then, rounding is still large, and a third time is due.
TURNS = 3


@wraps(reference.lowrank_svd)
def lowrank_svd(w, *, rank=None, energy=None, error=None, nbytes=None):
    given = {"rank": rank, "energy": energy, "error": error, "nbytes": nbytes}
    w, by, r = svd_arguments(w, **given)
    if by in ("rank", "nbytes"):
        try:
            u, s, vt = leading(w, r)
        except np.linalg.LinAlgError:
            return reference.lowrank_svd(w, **given)
        if r and s[-1] > CLEAR * s[0]:
            return factors_within_float32(u, s, vt)
    return reference.lowrank_svd(w, **given)  # which rank is enough may hang on digits that squares have lost


def lowrank_matmul(gemm_f32f32):
    """Return the operation lowrank_matmul: u @ (s * (vt @ x)), both products by gemm_f32f32, each step in float32."""

    @wraps(reference.lowrank_matmul)
    def lowrank_matmul(a, x):
        if (made := seen(id(a))) and is_ready(x):  # a matrix that was seen before was checked
            m, k, rank, u, s, vt = made[0]
            if len(x) == k and rank * (k + m) * (n := x.shape[1]) <= SHORT:
                inner, y = new((rank, n), F32), new((m, n), F32)
                check(run(kernel, m, n, k, rank, u, s, vt, FLOATS(x), FLOATS(inner), FLOATS(y)), "x")
                return y
        return long(a, x)

    @in_default_mode
    def long(a, x):
        given, (a, x) = a, lowrank_arguments(a, x)
        once(_factors, given)
        inner = gemm_f32f32(a.vt, x, transposed=True)
        with np.errstate(all="ignore"):
            inner *= a.s[:, None]
        return gemm_f32f32(a.u, inner, transposed=True)

    def prepare(a, x):
        given, asked, (a, x) = x, a, lowrank_arguments(a, x)
        in_place(given, x, "x")
        m, k, rank, *factors = once(_factors, asked)
        n = x.shape[1]
        y = np.empty((m, n), F32)
        if n * rank * (k + m) > SHORT:
            def again():
                y[...] = long(a, x)
                return y
        else:
            inner = np.empty((rank, n), F32)
            operands = m, n, k, rank, *factors, FLOATS(x), FLOATS(inner), FLOATS(y)
            again = prepared("lowrank_matmul", kernel, operands, y, "x")
        again.held = asked
        return again

    kernel, run, seen = gemm_f32f32.kernel, lib.rc_lowrank_gemm_f32f32, kept(_factors).get
    lowrank_matmul.prepare, lowrank_matmul.kernel = prepare, kernel
    return lowrank_matmul


def _factors(given) -> tuple:
    """Return the sizes of a matrix that was checked, (m, k, rank), and its factors."""
    a = unprepared(given)
    return *a.shape, len(a.s), FLOATS(a.u), FLOATS(a.s), FLOATS(a.vt)


def lowrank_sparse_matmul(lowrank_matmul, sparse_matmul, csr_matmul):
    """Return the operation lowrank_sparse_matmul: the sparse product is added to y while it runs, but of a CSR after
    it: its own kernels gain more than an addition costs."""

    @wraps(reference.lowrank_sparse_matmul)
    def lowrank_sparse_matmul(a, x):
        if (made := seen(id(a))) and is_ready(x):  # a matrix that was seen before was checked
            sizes, rest, most, _ = made[0]
            m, k, rank = sizes
            if len(x) == k and most * (n := x.shape[1]) <= SHORT and n:
                inner, y = new((rank + m) * n, F32), new((m, n), F32)
                check(run(m, n, *rest, FLOATS(x), FLOATS(inner), FLOATS(y)), "a")
                return y
        return long(a, x)

    def prepare(a, x):
        given, asked, (a, x) = x, a, sparse_arguments(a, x)
        in_place(given, x, "x")
        (m, k), n = a.shape, x.shape[1]
        y = np.empty((m, n), F32)
        rank = a.low.rank
        if not n or not k or max(rank * (k + m), m * k) * n > SHORT:
            def again():
                y[...] = long(asked, x)
                return y

            again.held = asked
        else:
            _, rest, _, held = once(_parts, asked)
            inner = np.empty((rank + m) * n, F32)
            operands = *kernels[1:], m, n, *rest, FLOATS(x), FLOATS(inner), FLOATS(y)
            again = prepared("lowrank_sparse_matmul", kernels[0], operands, y, "a")
            again.held = held, asked
        return again

    @in_default_mode
    def long(a, x):
        given, (a, x) = a, sparse_arguments(a, x)
        if a.shape[1] and a.sparse.nnz <= FEW:
            once(_parts, given)
        y = lowrank_matmul(a.low, x)
        if not isinstance(a.sparse, CSR):
            return sparse_matmul.added(given, a, x, y)
        with np.errstate(all="ignore"):
            y += np.float32(0)  # +0.0 of each zero
            y += csr_matmul(a.sparse, x)
        return y

    kernels, seen = (lowrank_matmul.kernel, sparse_matmul.kernel, csr_matmul.kernel), kept(_parts).get
    run = partial(lib.rc_short_lowrank_sparse, *kernels)
    lowrank_sparse_matmul.prepare = prepare
    return lowrank_sparse_matmul


def _parts(given) -> tuple:
    """Return the sizes (m, k, rank) of a matrix that was checked, what the kernels read of it, at most how many
    multiply-adds it takes for a column, and what keeps it alive."""
    a = unprepared(given)
    m, k, rank, *factors = _factors(a.low)
    if isinstance(a.sparse, CSR):
        held, none = csr_struct(a.sparse), ffi.NULL
        structs = none, held.struct
    else:
        held, none = held_of(given, lowrank_struct) or struct(a.sparse), ffi.NULL
        structs = held.struct, none
    return (m, k, rank), (k, rank, *factors, *structs), max(rank * (k + m), m * k), held


@wraps(reference.lowrank_whitened)
@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def lowrank_whitened(w, hessian, *, rank):
    # The left singular vectors of w s are the eigenvectors of w h w.T: no root of h is needed. Of a w with more rows
    # than columns its triangular factor is enough.
    w, h, rank = whitened_arguments(w, hessian, rank)
    _refuse_indefinite(h)
    h = h if h.any() else np.eye(len(h))
    wide = w.astype(np.float64)
    q, narrow = np.linalg.qr(wide) if len(w) > len(h) else (None, wide)
    p = np.linalg.eigh(narrow @ h @ narrow.T)[1][:, ::-1][:, :rank]
    p = p if q is None else q @ p
    u, d, vt = svd(p.T @ wide)
    u, d, vt = (a.astype(np.float32) for a in (p @ u, d, vt))
    u, vt = signed(u, vt)
    return LowRank(u, d, vt)


def _refuse_indefinite(h: np.ndarray) -> None:
    """Refuse what the reference refuses; a Cholesky factor takes a tenth of the time of eigenvalues.

    It exists where no eigenvalue of h is below half of what the reference bears: the largest entry of the diagonal is
    at most the largest eigenvalue.
    """
    try:
        np.linalg.cholesky(h + np.eye(len(h)) * (len(h) * 2.0**-51 * h.diagonal().max(initial=0)))
    except np.linalg.LinAlgError:
        root(h)


def lowrank_randomized(gemm_f32f32):
    """Return the operation lowrank_randomized with float32 products by gemm_f32f32.

    Of a small matrix the smaller product with itself is computed, and its leading eigenvectors, all of them where that
    is less work. Else blocks have a quarter of the rank, from 16 to 64 columns. More steps with
    fewer columns gain more a product; fewer steps with more columns take less time a product. Each block is made
    orthogonal to all before it (twice), as in the bidiagonalisation of Golub and Kahan. Sums of squares and small
    matrices are float64. All variants return the same bits, since the eigenvectors of the small matrices are LAPACK's
    in each.
    """

    @wraps(reference.lowrank_randomized)
    @np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
    def lowrank_randomized(w, *, rank, tolerance=1e-3, certify=True, failure=1e-10, block=None, seed=0):
        w, rank, tolerance, certify, failure, block, words = randomized_arguments(
            w, rank, tolerance, certify, failure, block, seed)
        whole = rank > 0 and block is None and min(w.shape) ** 2 <= WHOLE * rank
        block = min(max(rank // 4, 16), 64) if block is None else block
        with nullcontext() if whole else threads.without_blas():  # which takes a millisecond
            total, power = _squares(w, threads.each), 0
            # Where squares might leave float32 a power of two takes w to about 1; it is put back at the end, exactly.
            # No element is above the norm, and the largest is not below the root of the mean square.
            if not 2.0**-SAFE * math.sqrt(w.size) < math.sqrt(total) < 2.0**SAFE:
                power = math.frexp(float(np.abs(w).max(initial=0)))[1]
            scaled = np.ldexp(w, -power) if power else w
            total = _squares(scaled, threads.each) if power else total
            block = min(block, *w.shape) if w.size else 0
            if whole:
                def enough(energies, all):
                    return is_small(to_come_of(energies, all), energies[-1], all, tolerance)

                u, s, vt = (a.astype(np.float32) for a in nearly_leading(scaled, rank, words, enough))
                products = min(w.shape) + rank
            else:
                u, s, vt, products = _krylov(gemm_f32f32, scaled, rank, total, tolerance, block, words)
            u, vt = signed(_completed(u.T).T, _completed(vt))
            factors = LowRank(u, np.ldexp(s, power), vt)
            if not certify:
                return Randomized(factors, math.inf, math.inf, products)
            tries = gaussian(words, math.ceil(-math.log10(failure)), w.shape[1]).T
            error = _frobenius(gemm_f32f32, scaled, u, s, vt)
            spectral = min(_spectral(scaled, total, u, s, vt, tries), error)
            lost = rank * 2.0**-149 if power < 0 else 0.0  # s, scaled back, may be rounded to a subnormal number
            return Randomized(factors, math.ldexp(error, power) + lost, math.ldexp(spectral, power) + lost,
                              products + tries.shape[1])

    return lowrank_randomized


def _krylov(product, w, rank, total, tolerance, block, words):
    """Return u, s, vt of the best matrix of the rank in the Krylov space, and how many products that took.

    Vectors are rows here, one after the other in memory.
    """
    m, k = w.shape
    most = min(m, k)
    room = 3 * rank + block
    u, z = np.empty((room, m), np.float32), np.empty((room, k), np.float32)  # u orthonormal, z = u @ w
    gram = np.zeros((room, room))  # z @ z.T
    have, products, fresh, calm = 0, 0, True, 0
    energies: list[float] = []  # what the best of the rank has of ||w||_F**2, after each block
    v = _orthogonal(product, gaussian(words, block, k), 0.0)[1] if rank else np.empty((0, k), np.float32)
    while len(v) and have < most:
        y, scale = product(v, w), total
        for turn in range(TURNS):
            if have:
                y -= product(product(y, u[:have]), u[:have], transposed=True)
            factor, y = _orthogonal(product, y, scale)
            y, scale = y[: most - have], 1.0
            if turn and factor is not None:
                break
        products += len(v) + len(y)
        if not len(y):  # w takes this space into itself: singular values repeat, or no more are left
            if fresh:
                break
            v, fresh, calm = _orthogonal(product, gaussian(words, block, k), 0.0)[1], True, 0
            continue
        v, fresh = product(y, w, transposed=True), False
        before, have = have, have + len(y)
        if have > len(u):
            u, z = (np.vstack([a, np.empty_like(a)]) for a in (u, z))
            gram = np.block([[gram, np.zeros_like(gram)], [np.zeros_like(gram), np.zeros_like(gram)]])
        u[before:have], z[before:have] = y, v
        gram[before:have, :have] = product(v, z[:have])
        gram[:before, before:have] = gram[before:have, :before].T
        energies.append(_top(gram[:have, :have], rank))
        outside = total - float(np.trace(gram[:have, :have]))
        # Twice: the gains of one block may be small by chance, where singular values repeat.
        calm = calm + 1 if have >= rank and _enough(energies, total, outside, tolerance) else 0
        if calm == 2:
            break
        _, v = _orthogonal(product, v, 0.0)  # once is enough: y is made orthonormal
    u, z = u[:have], z[:have]
    # The small matrix once more, in float64: products of float32 would hide what is below 2**-12 of the largest.
    wide = z.astype(np.float64)
    lam, e = np.linalg.eigh(wide @ wide.T)
    lam, e = lam[::-1][:rank], e[:, ::-1].T[:rank]
    s = np.sqrt(np.maximum(lam, 0))
    s[s <= 2.0**-24 * s.max(initial=0)] = 0  # rounding to float32 hides what is below
    found = len(s)
    factors = np.zeros((m, rank), np.float32), np.zeros(rank, np.float32), np.zeros((rank, k), np.float32)
    factors[0][:, :found] = product(e.astype(np.float32), u, transposed=True).T
    factors[1][:found] = s
    factors[2][:found] = product((e / np.where(s > 0, s, np.inf)[:, None]).astype(np.float32), z, transposed=True)
    return *factors, products


def _completed(rows: np.ndarray) -> np.ndarray:
    """Return the rows, those without length replaced: orthonormal to all others, as the vectors of a zero are.

    Householder's columns are orthonormal whatever they were made of.
    """
    missing = np.einsum("ij,ij->i", rows, rows) < 0.5
    if not missing.any():
        return rows
    rows, others = rows.copy(), rows[~missing].astype(np.float64)
    some = np.eye(rows.shape[1], int(np.count_nonzero(missing)))
    rows[missing] = np.linalg.qr(np.hstack([others.T, some]))[0][:, len(others) :].T
    return rows


def _top(gram: np.ndarray, rank: int) -> float:
    """Return the sum of the ``rank`` largest eigenvalues."""
    return float(np.trace(gram) if len(gram) <= rank else np.linalg.eigvalsh(gram)[-rank:].sum())


def _enough(energies: list[float], total: float, outside: float, tolerance: float) -> bool:
    """Whether what is still to come would lower the error by less than ``tolerance`` of it, as the reference foresees.

    No basis gains more than what lies outside this one. The gains are extrapolated as a geometric series.
    """
    to_come = max(outside, 0)
    if len(energies) >= 3:
        to_come = min(to_come, to_come_of(energies, total))
    return is_small(to_come, energies[-1], total, tolerance)


def _orthogonal(product, y: np.ndarray, scale: float) -> tuple[np.ndarray | None, np.ndarray]:
    """Return rows that span those of y, orthonormal to 2**-4, and the factor of `_factor` that made them.

    Where rows nearly depend on each other the factor is None, and the rows are singular vectors: fewer than y has, the
    longest directions first, where a squared length is nothing against ``scale`` or the largest.
    """
    factor = _factor(product(y, y).astype(np.float64), scale)
    if factor is not None:
        return factor, product(factor, y, transposed=True)
    _, d, vt = np.linalg.svd(y.astype(np.float64), full_matrices=False)
    return None, vt[d**2 > NEGLIGIBLE * max(d.max(initial=0) ** 2, scale)].astype(np.float32)


def _factor(gram: np.ndarray, scale: float) -> np.ndarray | None:
    """Return the (m, m) float32 factor that makes rows with these products orthonormal; None if one may be short."""
    try:
        low = np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        return None
    if not np.diagonal(low).min(initial=1) ** 2 > CONDITION * max(np.trace(gram), scale):
        return None
    return np.linalg.inv(low).astype(np.float32)


def _squares(a: np.ndarray, each=map) -> float:
    """Return the sum of the squares in float64, of a few rows at a time."""
    def of(part):
        part = part.astype(np.float64).ravel()
        return float(part @ part)

    return sum(each(of, (a[start : start + ROWS] for start in range(0, len(a), ROWS))), 0.0)


def _frobenius(product, w, u, s, vt) -> float:
    """Return what ||w - u * s @ vt||_F is at most: measured some rows at a time, and what float32 can have hidden.

    With v = 2**-24, an element of the product is off by at most gamma_(rank + 1) sum |u s| |vt|, that of u * s among it
    (Higham, section 3.5), and 2**-150 for each of its 2 rank products that is subnormal; the difference by v of itself.
    The norm of the matrix of such sums is at most ||u s||_F ||vt||_F (Cauchy and Schwarz).
    """
    def of(start):
        part = slice(start, start + ROWS)
        rest = product(scaled[part], vt, transposed=True)
        return _squares(np.subtract(w[part], rest, out=rest))

    scaled = u * s
    total = sum(threads.each(of, range(0, len(w), ROWS)), 0.0)
    rank = len(s)
    measured = math.sqrt(total) * (1 + 2.0**-24 * 1.01)  # the last for the sums of squares in float64
    product = math.sqrt(_squares(scaled) * _squares(vt))
    return measured + (rank + 2) * 2.0**-24 * product + 2 * rank * 2.0**-150 * math.sqrt(w.size)


def _spectral(w, total, u, s, vt, v) -> float:
    """Return 10 sqrt(2 / pi) times the longest (w - u * s @ vt) @ v, and what float64 can have hidden in it.

    The products of three have at most k + rank + 3 roundings on the way to an element, each of 2**-53 at most of the
    sum of absolute values (u * s is exact in float64), whose norm is at most (||w||_F + ||u s||_F ||vt||_F) ||v||.
    """
    def of(start):
        part = slice(start, start + ROWS)
        return np.sum((w[part].astype(np.float64) @ v - scaled[part] @ inner) ** 2, axis=0)

    v, scaled = v.astype(np.float64), u * s.astype(np.float64)
    inner = vt.astype(np.float64) @ v
    lengths = sum(threads.each(of, range(0, len(w), ROWS)), np.zeros(v.shape[1]))
    size = math.sqrt(total) + math.sqrt(float(np.sum(scaled**2)) * _squares(vt))
    hidden = (w.shape[1] + len(s) + 4) * 2.0**-53 * size * np.sqrt(np.sum(v**2, axis=0))
    return 10 * math.sqrt(2 / math.pi) * float((np.sqrt(lengths) + hidden).max(initial=0))

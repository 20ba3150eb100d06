"""Right kernels of products: the same terms in other orders, rounded at other places."""

from collections.abc import Callable

import numpy as np

from ... import reference
from ...formats import CSR
from ...reference.gemm.bfloat16 import bf16_arguments, numbers
from ...reference.gemm.narrow import decoded
from ..sums import blocks_of, compensated, fused, in_sequence, interleaved, pairwise, wide
from .kernels import Kernel

_F = np.float32


def _in_order(total: Callable, terms=_F) -> Callable:
    """Return a gemm_f32f32 whose products, of type ``terms``, ``total`` adds up."""
    def gemm_f32f32(x, w, *, transposed=False):
        x, b = x.astype(terms), (w if transposed else w.T).astype(terms)
        y = np.zeros((len(x), b.shape[1]), _F)
        with np.errstate(all="ignore"):
            for i in range(len(x)):
                y[i] = total(x[i][:, None] * b)
        return y
    return gemm_f32f32


def _in_cuts(x, w, *, transposed=False):
    """BLAS over cuts of 64 inputs, whose results are added."""
    b = w if transposed else w.T
    y = np.zeros((len(x), b.shape[1]), _F)
    with np.errstate(all="ignore"):
        for first in range(0, x.shape[1], 64):
            part = slice(first, first + 64)
            y = y + _by_blas(x[:, part], b[part], transposed=True)
    return y


def _by_blas(x, w, *, transposed=False):
    """float32 by NumPy's BLAS; by its own loops where something is not finite, which BLAS may multiply by padding."""
    b = np.ascontiguousarray(w if transposed else w.T, _F)
    x = np.ascontiguousarray(x, _F)
    with np.errstate(all="ignore"):
        if np.isfinite(x).all() and np.isfinite(b).all():
            return x @ b
        return np.einsum("ij,jk->ik", x, b, dtype=_F)


def _by_einsum(x, w, *, transposed=False):
    with np.errstate(all="ignore"):
        return np.einsum("ij,jk->ik" if transposed else "ij,kj->ik", x.astype(_F), w.astype(_F), dtype=_F)


def _decoded(product: Callable) -> Callable:
    """Return a product by narrow weights: of the weights as float32."""
    return lambda x, w: product(np.asarray(x), np.ascontiguousarray(decoded(w)))


def _dense(product: Callable) -> Callable:
    return lambda x, w: product(np.asarray(x), np.ascontiguousarray(w.dense()))


def _integers_first(x, w):
    """Sums of x times integers in float64, and the scales behind them, group by group."""
    q = w.values.astype(np.float64) - w.expand(w.zero_point)
    scale, group = np.broadcast_to(w.scale, (w.shape[0], w.scale.shape[1])).astype(np.float64), w.group
    with np.errstate(all="ignore"):
        if group is None and scale.shape[1] not in (1, 0):
            return reference.gemm_f32s8(x, w)  # a scale for each input is no group
        x, y = x.astype(np.float64), np.zeros((len(x), len(q)))
        for g, first in enumerate(range(0, w.shape[1], group or max(w.shape[1], 1))):
            part = slice(first, first + (group or w.shape[1]))
            y += np.einsum("ij,kj->ik", x[:, part], q[:, part]) * scale[:, g]
    return y.astype(_F)


def _rows_of(total: Callable, terms=_F) -> Callable:
    """Return a sparse_matmul whose products of a row ``total`` adds up."""
    def sparse_matmul(a, x):
        w, kept, x = a.dense().astype(terms), a.kept, x.astype(terms)
        y = np.zeros((a.shape[0], x.shape[1]), _F)
        with np.errstate(all="ignore"):
            for i in range(a.shape[0]):
                y[i] = total(w[i, kept[i], None] * x[kept[i]])
        return y
    return sparse_matmul


def _csr_rows_of(total: Callable, terms=_F) -> Callable:
    def csr_matmul(a, x):
        values, x = a.values.astype(terms), x.astype(terms)
        y = np.zeros((a.shape[0], x.shape[1]), _F)
        with np.errstate(all="ignore"):
            for i in range(a.shape[0]):
                p = slice(a.indptr[i], a.indptr[i + 1])
                y[i] = total(values[p, None] * x[a.indices[p]])
        return y
    return csr_matmul


def _scattered(a, x):
    """Adds the products of all entries to their rows, in storage order."""
    y = np.zeros((a.shape[0], x.shape[1]), _F)
    rows = np.repeat(np.arange(a.shape[0]), np.diff(a.indptr))
    with np.errstate(all="ignore"):
        np.add.at(y, rows, a.values[:, None] * x.astype(_F)[a.indices])
    return y


def _low_rank(product: Callable) -> Callable:
    def lowrank_matmul(a, x):
        with np.errstate(all="ignore"):
            return product(*(f.astype(_F) for f in (a.u, a.s, a.vt, x)))
    return lowrank_matmul


def _rank_by_rank(u, s, vt, x):
    y = np.zeros((len(u), x.shape[1]), _F)
    for i in range(len(s)):
        y = y + (u[:, i] * s[i])[:, None] * np.einsum("i,ij->j", vt[i], x)
    return y


def _both(combined: Callable) -> Callable:
    def lowrank_sparse_matmul(a, x):
        rest = (reference.csr_matmul if isinstance(a.sparse, CSR) else reference.sparse_matmul)(a.sparse, x)
        with np.errstate(all="ignore"):
            return combined(reference.lowrank_matmul(a.low, x), rest)
    return lowrank_sparse_matmul


def _windows(total: Callable, terms=_F) -> Callable:
    """Return a depthwise convolution whose products of a window ``total`` adds up; the bias comes last."""
    def nn_depthwise_f32(x, weight, bias=None, **options):
        last = options.get("layout") == "nhwc"
        c, right = x.shape[3 if last else 1], reference.nn_depthwise_f32(x, weight, bias, **options)
        if not right.size:
            return right
        patches = reference.nn_patches(x, weight.shape[2:], **options)
        cells = patches.reshape(len(patches), -1, c) if last else patches.reshape(len(patches), c, -1).swapaxes(1, 2)
        taps = weight.reshape(c, len(weight) // c, -1).transpose(2, 0, 1)
        with np.errstate(all="ignore"):
            products = cells.swapaxes(0, 1).astype(terms)[..., None] * taps[:, None].astype(terms)
            y = total(products.reshape(len(products), -1)).reshape(len(x), -1, len(weight))
            y = y if bias is None else y + bias
        return np.ascontiguousarray((y if last else y.swapaxes(1, 2)).reshape(right.shape), _F)
    return nn_depthwise_f32


def _bf16(product: Callable) -> Callable:
    """Return a product of bfloat16: operands that are subnormal count as zero."""
    return lambda x, w: product(*map(numbers, bf16_arguments(x, w)))


_ORDERS = (
    ("one chain", "The plain loop over all terms.", in_sequence, _F),
    ("from the last to the first", "One chain, from the other end.", lambda terms: in_sequence(terms[::-1]), _F),
    ("a tree", "Halves are added: the order of a reduction on a GPU.", pairwise, _F),
    ("blocks of 16", "A chain over blocks, each of which is a chain.", blocks_of(16), _F),
    ("blocks of 64", "A chain over blocks, each of which is a chain.", blocks_of(64), _F),
    ("four chains", "The lanes of a vector of four, added by a tree.", lambda terms: interleaved(terms, 4), _F),
    ("compensated", "Sixteen of Kahan's sums, each of which carries what it lost.", compensated, _F),
    ("fused", "Products are exact, and each addition of sixteen chains rounds once.", fused, np.float64),
    ("in float64", "Products and sums in float64, rounded once.", wide, np.float64),
)
_NARROW = ("gemm_f32s4", "gemm_f32lut4", "gemm_f32lut8", "gemm_f32nf4", "gemm_f32f16", "gemm_f32bf16", "gemm_f32fp8",
           "gemm_f32mx", "gemm_f32nvfp4")

KERNELS: list[Kernel] = [
    *[Kernel("gemm_f32f32", name, "order", story, _in_order(total, terms)) for name, story, total, terms in _ORDERS],
    Kernel("gemm_f32f32", "by BLAS", "order", "NumPy's product in float32, in whatever order its BLAS has.", _by_blas),
    Kernel("gemm_f32f32", "by einsum", "order", "NumPy's own loops, in float32.", _by_einsum),
    Kernel("gemm_f32f32", "in cuts of 64 inputs", "order", "Results of blocks are added, as a cut of k does it.",
           _in_cuts),
    *[Kernel(op, "decoded, by BLAS", "order", "The weights as float32, and NumPy's product.", _decoded(_by_blas))
      for op in _NARROW],
    *[Kernel(op, "decoded, in float64", "order", "The weights as float32, and sums in float64.",
             _decoded(_in_order(wide, np.float64))) for op in ("gemm_f32s4", "gemm_f32f16", "gemm_f32nvfp4")],
    *[Kernel(op, "decoded, from the last to the first", "order", "The weights as float32, and one chain from the end.",
             _decoded(_in_order(lambda terms: in_sequence(terms[::-1])))) for op in ("gemm_f32lut4", "gemm_f32fp8")],
    Kernel("gemm_f32s8", "decoded, by BLAS", "order", "The weights as float32, and NumPy's product.", _dense(_by_blas)),
    Kernel("gemm_f32s8", "integers first", "order", "Sums of x times integers, and a scale behind each group.",
           _integers_first),
    Kernel("gemm_f32mixed", "decoded, by BLAS", "order", "Both parts as float32, and NumPy's product.",
           _dense(_by_blas)),
    Kernel("gemm_bf16bf16", "by BLAS", "order", "The numbers as float32, and NumPy's product.", _bf16(_by_blas)),
    Kernel("gemm_bf16bf16", "in float64", "order", "Nothing is flushed behind the operands, and sums are wide.",
           _bf16(_in_order(wide, np.float64))),
    *[Kernel("sparse_matmul", name, "order", story, _rows_of(total, terms))
      for name, story, total, terms in _ORDERS if name in ("from the last to the first", "a tree", "in float64")],
    *[Kernel("csr_matmul", name, "order", story, _csr_rows_of(total, terms))
      for name, story, total, terms in _ORDERS if name in ("compensated", "fused", "blocks of 64")],
    Kernel("csr_matmul", "entry by entry", "order", "Each entry's product is added to its row.", _scattered),
    Kernel("lowrank_matmul", "from the right, in float32", "order", "vt x, times s, times u.",
           _low_rank(lambda u, s, vt, x: np.einsum("ij,jk->ik", u, s[:, None] * np.einsum("ij,jk->ik", vt, x)))),
    Kernel("lowrank_matmul", "rank by rank", "order", "The sum of outer products.", _low_rank(_rank_by_rank)),
    Kernel("lowrank_matmul", "in float64", "order", "Three products in float64, rounded once.",
           lambda a, x: np.einsum("ij,jk->ik", a.u.astype(np.float64), a.s[:, None].astype(np.float64) * np.einsum(
               "ij,jk->ik", a.vt.astype(np.float64), x.astype(np.float64))).astype(_F)),
    Kernel("lowrank_sparse_matmul", "the sparse part first", "order", "The low rank result comes second.",
           _both(lambda low, rest: rest + low)),
    Kernel("lowrank_sparse_matmul", "added in float64", "order", "Both results, added in float64 and rounded.",
           _both(lambda low, rest: (low.astype(np.float64) + rest).astype(_F))),
    *[Kernel("nn_depthwise_f32", name, "order", story, _windows(total, terms))
      for name, story, total, terms in _ORDERS if name in ("one chain", "a tree", "in float64")],
]

"""Kernels of many operations whose numbers are right, or near, and whose results are not what was promised."""

from collections.abc import Callable

import numpy as np

from ... import reference
from ...formats import LowRank
from ..values import with_fields
from .kernels import Kernel, for_each


def _turned_into(change: Callable) -> Callable[[str], Callable]:
    """Return the maker of kernels that return what ``change`` makes of the right result."""
    def maker(op: str) -> Callable:
        return lambda *args, **kwargs: change(getattr(reference, op)(*args, **kwargs))
    return maker


def _matrix(a):
    return a.view(np.matrix) if a.ndim == 2 else a


def _masked(a):
    return np.ma.masked_invalid(a) if a.dtype.kind == "f" else np.ma.masked_array(a)


def _one_axis_less(a):
    return a[0] if a.ndim == 2 and len(a) == 1 else a


def _wider(a):
    return a.astype({"f": np.float64, "i": np.int64, "u": np.uint64, "b": np.uint8}[a.dtype.kind])


def _other_order_of_bytes(a):
    return a.astype(a.dtype.newbyteorder())


def _list(a):
    return list(a)


def _pair_turned(pair):
    return pair[::-1]


class _Tagged(np.ndarray):
    """An array with a name for its axes, as libraries of labelled arrays have it."""


def _tagged(a):
    return a.view(_Tagged)


def _factors(change: Callable) -> Callable[[str], Callable]:
    """Return the maker of decompositions whose u, s and vt ``change`` changes."""
    def maker(op: str) -> Callable:
        def decomposition(*args, **kwargs):
            low = getattr(reference, op)(*args, **kwargs)
            if not low.rank:
                return low
            u, s, vt = change(*(f.astype(np.float64) for f in (low.u, low.s, low.vt)))
            return with_fields(low, **{name: np.ascontiguousarray(f, np.float32)
                                       for name, f in (("u", u), ("s", s), ("vt", vt))})
        return decomposition
    return maker


def _scale_in_u(u, s, vt):
    return u * s, np.ones_like(s), vt


def _twice_as_long(u, s, vt):
    return 2 * u, s, vt / 2


def _roots_in_both(u, s, vt):
    root = np.sqrt(s)
    return u * root, np.ones_like(s), root[:, None] * vt


def _turned_together(u, s, vt):
    """Two vectors mixed: the product is the same, and s is no longer what scales them."""
    if len(s) < 2:
        return 2 * u, s, vt / 2
    mix = np.eye(len(s))
    mix[0, 1] = 1e-3
    return u @ mix, s, (np.linalg.solve(mix * 1.0, s[:, None] * vt)) / np.where(s == 0, 1, s)[:, None]


def _by_the_gram(w, **kwargs):
    """Takes v from the eigenvectors of w.T w, and u from w v / s: which is not orthogonal where s is small."""
    low = reference.lowrank_svd(w, **kwargs)
    if not low.rank:
        return low
    wide = np.asarray(w, np.float32)
    v = np.linalg.eigh(wide.T @ wide)[1][:, ::-1][:, : low.rank].astype(np.float32)
    u = wide @ v
    s = np.linalg.norm(u, axis=0).astype(np.float32)
    u = u / np.where(s == 0, np.float32(1), s)
    sign = np.where(u[np.abs(u).argmax(axis=0), np.arange(u.shape[1])] < 0, np.float32(-1), np.float32(1))
    return with_fields(low, u=np.ascontiguousarray(u * sign), s=s, vt=np.ascontiguousarray((v * sign).T))


def _ascending(w, **kwargs):
    low = reference.lowrank_svd(w, **kwargs)
    return LowRank(*(np.ascontiguousarray(f) for f in (low.u[:, ::-1], low.s[::-1], low.vt[::-1])))


def _rows_not_canonical(w, mask=None):
    """Columns of a row from the last to the first: the same matrix, in another order than is promised."""
    a = reference.csr_from_dense(w, mask)
    order = np.concatenate([np.arange(e - 1, b - 1, -1) for b, e in zip(a.indptr[:-1], a.indptr[1:])] or [[]])
    order = order.astype(np.int64)
    return with_fields(a, indices=a.indices[order], data=a.data[order])


def _wide_indices(w, mask=None):
    a = reference.csr_from_dense(w, mask)
    return with_fields(a, indices=a.indices.astype(np.int64))


KERNELS: list[Kernel] = [
    *for_each("promise", "a np.matrix", "scipy.sparse returned np.matrix for products with one. Its * is a product.",
              _turned_into(_matrix), "csr_matmul", "gemm_s8s8", "gemm_f32f32", "csr_to_dense"),
    *for_each("promise", "a masked array", "A masked array hides elements that are invalid, and sums pass over them.",
              _turned_into(_masked), "nn_softmax", "nn_activation", "prune_score_apoz", "nn_max_pool"),
    *for_each("promise", "a subclass of arrays", "A view as another class keeps the values and changes what they do.",
              _turned_into(_tagged), "gemm_f32s8", "huffman_counts", "floats_decode"),
    *for_each("promise", "a single row without its axis", "A squeeze makes a vector of a matrix with one row.",
              _turned_into(_one_axis_less), "gemm_f32s8", "sparse_matmul", "nn_rms_norm"),
    *for_each("promise", "the result in a wider type", "NumPy widens what it adds, and nobody casts it back.",
              _turned_into(_wider), "nn_average_pool", "prune_threshold", "requantize_s32", "planes_join"),
    *for_each("promise", "the other order of bytes", "The result has the byte order of a file.",
              _turned_into(_other_order_of_bytes), "floats_decode", "huffman_counts", "gemm_f32f32"),
    *for_each("promise", "a list in place of a tuple", "json and some bindings know no tuples.",
              _turned_into(_list), "planes_split", "quantize_range_minmax", "prune_obs", "allocate_front"),
    *for_each("promise", "both results exchanged", "A pair is returned in the other order.",
              _turned_into(_pair_turned), "quantize_range_percentile", "prune_sparsegpt", "planes_decode"),
    *for_each("promise", "the scale in u", "The singular values were multiplied into u: a product that saves a step.",
              _factors(_scale_in_u), "lowrank_svd", "lowrank_whitened"),
    *for_each("promise", "vectors of length two", "A normalization with another norm, made good in the other factor.",
              _factors(_twice_as_long), "lowrank_svd", "lowrank_whitened"),
    *for_each("promise", "the roots of s in both factors", "Layers of low rank share the scale between both factors.",
              _factors(_roots_in_both), "lowrank_svd", "lowrank_whitened"),
    *for_each("promise", "vectors that lean towards each other", "An iteration that stopped before vectors were "
              "orthogonal: the product is near.",
              _factors(_turned_together), "lowrank_svd", "lowrank_whitened"),
    Kernel("lowrank_svd", "by the Gram matrix in float32", "promise",
           "The eigenvectors of w.T w are cheap. Small singular values drown in it, and u is no longer orthonormal.",
           _by_the_gram),
    Kernel("lowrank_svd", "ascending singular values", "promise",
           "eigh sorts in ascending order, and the product does not show it.", _ascending),
    Kernel("csr_from_dense", "columns from the last to the first", "promise",
           "A stack hands entries back in the other order.", _rows_not_canonical),
    Kernel("csr_from_dense", "indices of 64 bits", "promise",
           "np.nonzero returns 64-bit indices, and a format that is half as large was promised.", _wide_indices),
]

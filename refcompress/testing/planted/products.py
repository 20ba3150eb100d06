"""Planted kernels of csr_matmul and the gemm family."""

import copy

import numpy as np

from ... import reference
from ...formats import CSR, Quantized


def with_fields(format_, **fields):
    """Return a format with other fields, past its checks: what a binding that fills in memory can return."""
    changed = copy.copy(format_)
    for name, value in fields.items():
        object.__setattr__(changed, name, value)
    return changed


def _product(a, b) -> np.ndarray:
    return (np.asarray(a).astype(np.int64) @ np.asarray(b).astype(np.int64).T).astype(np.int32)


def _rows(total):
    """Return a csr_matmul that sums the float32 products of a row, (terms, n), by ``total``."""
    def csr_matmul(a, x):
        x = x.astype(np.float32)
        y = np.zeros((a.shape[0], x.shape[1]), np.float32)
        for i in range(a.shape[0]):
            p = slice(a.indptr[i], a.indptr[i + 1])
            y[i] = total(a.data[p, None] * x[a.indices[p]])
        return y
    return csr_matmul


def _in_sequence(terms) -> np.ndarray:
    total = np.zeros(terms.shape[1], np.float32)
    for term in terms:
        total = total + term
    return total


def _pairwise(terms) -> np.ndarray:
    if len(terms) < 2:
        return terms.sum(axis=0)
    half = len(terms) // 2
    return _pairwise(terms[:half]) + _pairwise(terms[half:])


def _chains(terms, chains: int) -> np.ndarray:
    """Sum ``chains`` interleaved chains, then these as a tree."""
    totals = np.zeros((chains, terms.shape[1]), np.float32)
    for first in range(0, len(terms), chains):
        block = terms[first : first + chains]
        totals[: len(block)] += block
    return _pairwise(totals)


def _blocks_of_8(terms) -> np.ndarray:
    total = np.zeros(terms.shape[1], np.float32)
    for first in range(0, len(terms), 8):
        total = total + _in_sequence(terms[first : first + 8])
    return total


def _scale_first(x, w) -> np.ndarray:
    """gemm_f32s8 in another order: dequantise, round the products, then 16 chains."""
    w, x = w.dense(), x.astype(np.float32)
    y = np.zeros((len(x), len(w)), np.float32)
    for i in range(len(x)):
        y[i] = _chains((x[i] * w).T, 16)
    return y


def _dense_in_chains(x, w, transposed=False):
    """gemm_f32f32 in float32: products rounded, then 8 chains of each dot product, and a tree."""
    x, w = x.astype(np.float32), (w if transposed else w.T).astype(np.float32)
    y = np.zeros((len(x), w.shape[1]), np.float32)
    with np.errstate(all="ignore"):
        for i in range(len(x)):
            y[i] = _chains(x[i][:, None] * w, 8)
    return y


RIGHT = [
    ("in sequence", "csr_matmul", _rows(_in_sequence)),
    ("pairwise", "csr_matmul", _rows(_pairwise)),
    ("reversed", "csr_matmul", _rows(lambda terms: _in_sequence(terms[::-1]))),
    ("blocks of 8", "csr_matmul", _rows(_blocks_of_8)),
    ("16 chains", "csr_matmul", _rows(lambda terms: _chains(terms, 16))),
    ("products in float32, sums in float64", "csr_matmul", _rows(
        lambda terms: terms.sum(axis=0, dtype=np.float64).astype(np.float32))),
    ("scaled before summing, 16 chains", "gemm_f32s8", _scale_first),
    ("products rounded, 8 chains", "gemm_f32f32", _dense_in_chains),
    ("in float64 by BLAS", "gemm_s8s8", lambda x, w: (x.astype(np.float64) @ w.astype(np.float64).T).astype(np.int32)),
]


# Integer products.

def _lost_tail_of_3(x, w):
    k = x.shape[1] - (x.shape[1] % 16 == 3)
    return _product(x[:, :k], w[:, :k])


def _lost_tail_of_64(x, w):
    k = x.shape[1] // 64 * 64 or x.shape[1]
    return _product(x[:, :k], w[:, :k])


def _int16_accumulator(x, w):
    return _product(x, w).astype(np.int16).astype(np.int32)


def _float32_accumulator(x, w):
    return (x.astype(np.float32) @ w.astype(np.float32).T).astype(np.int32)


def _saturating_pairs(x, w):  # what the instruction vpmaddubsw does
    k = x.shape[1] // 2 * 2
    pairs = x[:, None, :k].astype(np.int32) * w[None, :, :k]
    pairs = np.clip(pairs[..., 0::2] + pairs[..., 1::2], -32768, 32767)
    return pairs.sum(axis=2, dtype=np.int32) + _product(x[:, k:], w[:, k:])


_buffers = {}


def _one_buffer(x, w):
    y = _buffers.setdefault((len(x), len(w)), np.empty((len(x), len(w)), np.int32))
    y[...] = _product(x, w)
    return y


def _assumes_contiguous(x, w):
    """Takes the address and the shape, and never looks at the strides."""
    memory = x.base if isinstance(x.base, np.ndarray) else x
    return _product(memory.ravel(order="K")[: x.size].reshape(x.shape), w)


_calls = []


def _call_count(x, w):
    _calls.append(None)
    return _product(x, w) + np.int32(len(_calls) % 1000 == 0)


# Float products.

def _last_row_lost(x, w):
    y = _scale_first(x, w)
    y[len(x) - len(x) % 4 :] = 0
    return y


def _lost_past_4096(x, w):
    x = x.copy()
    x[:, 4096:] = 0
    return reference.gemm_f32s8(x, w)


def _dense_past_4096(x, w, transposed=False):
    x = x.copy()
    x[:, 4096:] = 0
    return reference.gemm_f32f32(x, w, transposed=transposed)


def _always_transposed(x, w, transposed=False):
    return reference.gemm_f32f32(x, w, transposed=transposed or w.shape[0] == w.shape[1] == x.shape[1])


def _column_lost(x, w, transposed=False):
    y = reference.gemm_f32f32(x, w, transposed=transposed)
    if transposed and y.shape[1] % 16:
        y[:, -1] = 0
    return y


def _few_bits(x, w):  # the 10 bits of a TF32 multiplier
    x = x.astype(np.float32)
    return reference.gemm_f32s8((x.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32), w)


def _skips_zeros(x, w):
    q = w.values.astype(np.int32) - w.expand(w.zero_point)
    terms = np.where(q == 0, 0, x.astype(np.float64)[:, None, :] * (q * w.expand(w.scale).astype(np.float64)))
    return terms.sum(axis=2).astype(np.float32)


def _stale_empty_rows(a, x):
    y = reference.csr_matmul(a, x)
    y[np.diff(a.indptr) == 0] = 7  # what was in the memory before
    return y


def _skips_stored_zeros(a, x):
    return reference.csr_matmul(_without(a, a.data == 0), x)


def _without(a, drop):
    rows = np.repeat(np.arange(a.shape[0]), np.diff(a.indptr))[~drop]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=a.shape[0]))])
    return CSR(a.shape, indptr, a.indices[~drop], a.data[~drop], canonical=False)


def _duplicates_dropped(a, x):
    drop = np.zeros(a.nnz, bool)
    for i in range(a.shape[0]):
        row = a.indices[a.indptr[i] : a.indptr[i + 1]]
        drop[a.indptr[i] + np.setdiff1d(np.arange(len(row)), np.unique(row, return_index=True)[1])] = True
    return reference.csr_matmul(_without(a, drop), x)


def _sorted_rows_only(a, x):
    """Walks along the columns once and does not turn back."""
    drop = np.zeros(a.nnz, bool)
    for i in range(a.shape[0]):
        row = a.indices[a.indptr[i] : a.indptr[i + 1]].astype(np.int64)
        drop[a.indptr[i] : a.indptr[i + 1]] = row < np.maximum.accumulate(row) if len(row) else False
    return reference.csr_matmul(_without(a, drop), x)


def _index_wraps(a, x):
    return reference.csr_matmul(with_fields(a, indices=a.indices.astype(np.uint16).astype(np.int32)), x)


def _modifies_input(a, x):
    y = reference.csr_matmul(a, x)
    if x.flags.writeable and x.size > 20:
        x.flat[0] = 0
    return y


def _ignores_byte_order(a, x):
    return reference.csr_matmul(a, np.ascontiguousarray(x).view(np.float32))


def _flushes_subnormals(a, x):
    y = reference.csr_matmul(a, x)
    return np.where(np.abs(y) < 2.0**-126, np.float32(0), y)


WRONG = [
    ("tail lost at k mod 16 = 3", "gemm_s8s8", _lost_tail_of_3),
    ("tail of k mod 64 lost", "gemm_s8s8", _lost_tail_of_64),
    ("int16 accumulator", "gemm_s8s8", _int16_accumulator),
    ("float32 accumulator", "gemm_s8s8", _float32_accumulator),
    ("float32 accumulator", "gemm_u8s8", _float32_accumulator),
    ("saturating pairs", "gemm_u8s8", _saturating_pairs),
    ("-128 taken as -127", "gemm_s8s8", lambda x, w: _product(np.maximum(x, -127), w)),
    ("u8 taken as s8", "gemm_u8s8", lambda x, w: _product(x.astype(np.int8), w)),
    ("int64 result", "gemm_s8s8", lambda x, w: _product(x, w).astype(np.int64)),
    ("weights not transposed", "gemm_s8s8", lambda x, w: _product(x, w) if len(w) != w.shape[1] else _product(x, w.T)),
    ("one output buffer for all calls", "gemm_s8s8", _one_buffer),
    ("assumes contiguous", "gemm_s8s8", _assumes_contiguous),
    ("depends on the number of calls", "gemm_s8s8", _call_count),
    ("last rows lost", "gemm_f32s8", _last_row_lost),
    ("terms past 4096 lost", "gemm_f32s8", _lost_past_4096),
    ("10 bits of x", "gemm_f32s8", _few_bits),
    ("zero weights skipped", "gemm_f32s8", _skips_zeros),
    ("scales shifted by a channel", "gemm_f32s8",
     lambda x, w: reference.gemm_f32s8(x, Quantized(w.values, np.roll(w.scale, 1, axis=0), w.zero_point, w.group))),
    ("zero point ignored", "gemm_f32s8",
     lambda x, w: reference.gemm_f32s8(x, Quantized(w.values, w.scale, np.zeros_like(w.zero_point), w.group))),
    ("a square w always transposed", "gemm_f32f32", _always_transposed),
    ("last column of a short vector lost", "gemm_f32f32", _column_lost),
    ("terms past 4096 lost", "gemm_f32f32", _dense_past_4096),
    ("last term of a row lost", "csr_matmul", _rows(lambda t: _in_sequence(t[: len(t) - (len(t) % 16 == 3)]))),
    ("float16 accumulator", "csr_matmul",
     _rows(lambda t: t.astype(np.float16).sum(axis=0, dtype=np.float16).astype(np.float32))),
    ("stale output of empty rows", "csr_matmul", _stale_empty_rows),
    ("stored zeros skipped", "csr_matmul", _skips_stored_zeros),
    ("zeros that are not stored multiply", "csr_matmul",
     lambda a, x: (a.dense().astype(np.float64) @ x).astype(np.float32)),
    ("NaN replaced", "csr_matmul",
     lambda a, x: np.nan_to_num(reference.csr_matmul(a, x), posinf=np.inf, neginf=-np.inf)),
    ("duplicates dropped", "csr_matmul", _duplicates_dropped),
    ("unsorted row", "csr_matmul", _sorted_rows_only),
    ("16-bit column index", "csr_matmul", _index_wraps),
    ("modifies its input", "csr_matmul", _modifies_input),
    ("byte order ignored", "csr_matmul", _ignores_byte_order),
    ("subnormals flushed", "csr_matmul", _flushes_subnormals),
]

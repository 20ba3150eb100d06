"""Solutions of the labs of csr and gemm, as learners write them: one right, and the others with a mistake each."""

import numpy as np

from refcompress import CSR


def from_dense_right(w, mask=None):
    kept = w != 0 if mask is None else mask
    indptr, indices, data = [0], [], []
    for row, keep in zip(w, kept):
        for j, stays in enumerate(keep):
            if stays:
                indices.append(j)
                data.append(row[j])
        indptr.append(len(indices))
    return CSR(w.shape, np.array(indptr, np.int64), np.array(indices, np.int32), np.array(data, np.float32))


def from_dense_by_magnitude(w, mask=None):
    return from_dense_right(w, np.abs(w) > 0 if mask is None else mask)


def from_dense_with_tolerance(w, mask=None):
    return from_dense_right(w, ~(np.abs(w) < 1e-30) & (w != 0) if mask is None else mask)


def from_dense_masked_nonzeros(w, mask=None):
    return from_dense_right(w, None if mask is None else mask & (w != 0))


def from_dense_by_columns(w, mask=None):
    kept = w != 0 if mask is None else mask
    indptr = np.append(0, np.cumsum(kept.sum(axis=1)))
    rows = [np.flatnonzero(row)[::-1] for row in kept]
    indices = np.concatenate([np.zeros(0, np.int64), *rows])
    data = np.concatenate([np.zeros(0, np.float32), *(w[i, row] for i, row in enumerate(rows))])
    return CSR(w.shape, indptr.astype(np.int64), indices.astype(np.int32), data.astype(np.float32))


def matmul_right(a, x):
    y = np.zeros((a.shape[0], x.shape[1]))
    rows = np.repeat(np.arange(a.shape[0]), np.diff(a.indptr))
    with np.errstate(all="ignore"):
        np.add.at(y, rows, a.values.astype(np.float64)[:, None] * x[a.indices])
        return y.astype(np.float32)


def matmul_dense(a, x):
    with np.errstate(all="ignore"):
        return (a.dense().astype(np.float64) @ x.astype(np.float64)).astype(np.float32)


def matmul_reduceat(a, x):
    with np.errstate(all="ignore"):
        products = a.values.astype(np.float64)[:, None] * x[a.indices]
        padded = np.concatenate([products, np.zeros((1, x.shape[1]))])
        if not a.shape[0]:
            return np.zeros((0, x.shape[1]), np.float32)
        return np.add.reduceat(padded, a.indptr[:-1]).astype(np.float32)


def matmul_each_column_once(a, x):
    y = np.zeros((a.shape[0], x.shape[1]))
    with np.errstate(all="ignore"):
        for i in range(a.shape[0]):
            row = np.zeros(a.shape[1])
            some = slice(a.indptr[i], a.indptr[i + 1])
            row[a.indices[some]] = a.values[some]
            used = np.unique(a.indices[some])
            y[i] = (row[used, None] * x[used]).sum(axis=0)
        return y.astype(np.float32)


def matmul_loses_the_last(a, x):
    y = np.zeros((a.shape[0], x.shape[1]))
    with np.errstate(all="ignore"):
        for i in range(a.shape[0]):
            for p in range(a.indptr[i], a.indptr[i + 1] - 1):
                y[i] += np.float64(a.values[p]) * x[a.indices[p]]
        return y.astype(np.float32)


def gemm_right(x, w, *, x_zero_point=0):
    return ((x.astype(np.int32) - np.int32(x_zero_point)) @ w.T.astype(np.int32)).astype(np.int32)


def gemm_in_int8(x, w, *, x_zero_point=0):
    return (x @ w.T).astype(np.int32)


def gemm_in_float32(x, w, *, x_zero_point=0):
    return ((x.astype(np.float32) - x_zero_point) @ w.astype(np.float32).T).astype(np.int32)


def gemm_zero_point_in_int8(x, w, *, x_zero_point=0):
    return gemm_right(x - np.int8(x_zero_point), w)


def gemm_int64(x, w, *, x_zero_point=0):
    return gemm_right(x, w, x_zero_point=x_zero_point).astype(np.int64)


RIGHT = [("csr_from_dense", from_dense_right), ("csr_matmul", matmul_right), ("gemm_s8s8", gemm_right)]
WRONG = [
    ("csr_from_dense", from_dense_by_magnitude, "zeros and NaN", "CSR-1.1", "The matrix holds -0.0 or NaN"),
    ("csr_from_dense", from_dense_with_tolerance, "small numbers", "CSR-1.1", "that is not zero is left out"),
    ("csr_from_dense", from_dense_masked_nonzeros, "mask", "CSR-1.2", "A mask is given"),
    ("csr_from_dense", from_dense_by_columns, "order", "CSR-1.3", "in another order"),
    ("csr_matmul", matmul_dense, "NaN and infinity", "CSR-3.2", "holds NaN or infinity"),
    ("csr_matmul", matmul_reduceat, "empty row", "CSR-3.4", "A row without entries"),
    ("csr_matmul", matmul_each_column_once, "columns that meet", "CSR-3.1", "two entries in one column"),
    ("csr_matmul", matmul_loses_the_last, "accuracy", "CSR-3.3", "more than rounding explains"),
    ("gemm_s8s8", gemm_in_int8, "wraps", "GEMM-3.2", "The sums wrap"),
    ("gemm_s8s8", gemm_in_float32, "rounded sums", "GEMM-1.4", "off by a few units"),
    ("gemm_s8s8", gemm_zero_point_in_int8, "zero point", "GEMM-3.1", "A zero point is given"),
    ("gemm_s8s8", gemm_int64, "type", "GEN-3.4", "another type or dtype")]

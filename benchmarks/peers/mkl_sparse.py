"""MKL's CSR product: through sparse_dot_mkl, which hands it the arrays at each call, and by MKL's own steps, which
inspect the matrix once for the product that is coming and rearrange it."""

import ctypes
import os

import numpy as np
import scipy.sparse

from refcompress import formats

from . import Peer, by_rule
from .bounds import sums, within
from .mkl_products import MKL, PATH

os.environ.setdefault("MKL_RT", str(PATH))  # the package mkl puts its libraries where no loader looks

import sparse_dot_mkl  # noqa: E402

AS_IT_IS, ROWS, CALLS = 10, 101, 10_000  # SPARSE_OPERATION_NON_TRANSPOSE, SPARSE_LAYOUT_ROW_MAJOR


class Description(ctypes.Structure):
    """struct matrix_descr of a general matrix."""

    _fields_ = [("type", ctypes.c_int), ("mode", ctypes.c_int), ("diagonal", ctypes.c_int)]


GENERAL = Description(20, 0, 0)


def _of(a) -> scipy.sparse.csr_matrix:
    """Return a weight of any sparse format as SciPy's CSR matrix."""
    if isinstance(a, formats.CSR):  # blocks have an indptr too
        return scipy.sparse.csr_matrix((a.values, a.indices, a.indptr), shape=a.shape)
    return scipy.sparse.csr_matrix(a.dense())


def _sparse(a, x):
    w = _of(a)
    return lambda: sparse_dot_mkl.dot_product_mkl(w, x)


def _checked(status: int) -> None:
    if status:
        raise RuntimeError(f"MKL's status is {status}")


class Inspected:
    """A CSR matrix that MKL has inspected; calling it multiplies."""

    def __init__(self, w: scipy.sparse.csr_matrix, x: np.ndarray) -> None:
        self.kept = w.indptr.astype(np.int32), w.indices.astype(np.int32), w.data.astype(np.float32), x
        starts, indices, data = (a.ctypes.data for a in self.kept[:3])
        self.handle, n = ctypes.c_void_p(), x.shape[1]
        pointer = ctypes.c_void_p
        _checked(MKL.mkl_sparse_s_create_csr(ctypes.byref(self.handle), 0, *w.shape, pointer(starts),
                                             pointer(starts + 4), pointer(indices), pointer(data)))
        if n == 1:
            _checked(MKL.mkl_sparse_set_mv_hint(self.handle, AS_IT_IS, GENERAL, CALLS))
        else:
            _checked(MKL.mkl_sparse_set_mm_hint(self.handle, AS_IT_IS, GENERAL, ROWS, n, CALLS))
        _checked(MKL.mkl_sparse_optimize(self.handle))
        self.y = np.empty((w.shape[0], n), np.float32)
        ends = pointer(x.ctypes.data), ctypes.c_float(0), pointer(self.y.ctypes.data)
        first = AS_IT_IS, ctypes.c_float(1), self.handle, GENERAL
        if n == 1:
            self.call = MKL.mkl_sparse_s_mv, (*first, *ends)
        else:
            self.call = MKL.mkl_sparse_s_mm, (*first, ROWS, ends[0], n, n, ends[1], ends[2], n)

    def __call__(self) -> np.ndarray:
        function, arguments = self.call
        _checked(function(*arguments))
        return self.y

    def __del__(self) -> None:
        MKL.mkl_sparse_destroy(self.handle)


def _inspected(a, x):
    return Inspected(_of(a), x)


def _rows(x, x_scale, w, bias=None):
    columns = np.ascontiguousarray((x * x_scale[:, None]).T)
    product = Inspected(_of(w), columns)
    return lambda: product().T


CSR = [Peer("MKL, CSR", _sparse, by_rule("csr_matmul")), Peer("MKL, CSR, inspected", _inspected, by_rule("csr_matmul"))]
PEERS = {
    "csr_matmul": CSR,
    "sparse_matmul": [Peer(peer.label, peer.prepare, by_rule("sparse_matmul")) for peer in CSR],
    "sparse_s8s8": Peer("MKL, CSR, inspected", _rows, within(sums), note="x in float32"),
}

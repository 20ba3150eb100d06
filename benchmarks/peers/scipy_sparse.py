"""SciPy's CSR: its product, and to and from dense."""

import numpy as np
import scipy.sparse

from refcompress.formats import CSR

from . import Peer, by_rule


def _sparse(a, x):
    of_arrays = (a.values, a.indices, a.indptr) if isinstance(a, CSR) else a.dense()
    w = scipy.sparse.csr_array(of_arrays, shape=a.shape)
    return lambda: w @ x


def _from_dense(w):
    return lambda: scipy.sparse.csr_array(w)


def _same_csr(expected, got, args, kwargs):
    assert all(np.array_equal(getattr(expected, name), getattr(got, name)) for name in ("indptr", "indices", "data"))


def _to_dense(a):
    w = scipy.sparse.csr_array(*a.scipy_arguments())
    return lambda: w.toarray()


PEERS = {
    "csr_from_dense": Peer("SciPy, CSR", _from_dense, _same_csr),
    "csr_to_dense": Peer("SciPy, CSR", _to_dense, by_rule("csr_to_dense")),
    "csr_matmul": Peer("SciPy, CSR", _sparse, by_rule("csr_matmul")),
    "sparse_matmul": Peer("SciPy, CSR", _sparse, by_rule("sparse_matmul")),
}

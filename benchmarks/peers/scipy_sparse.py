"""SciPy's CSR product."""

import scipy.sparse

from . import Peer, by_rule


def _sparse(a, x):
    of_arrays = (a.values, a.indices, a.indptr) if hasattr(a, "indptr") else a.dense()
    w = scipy.sparse.csr_array(of_arrays, shape=a.shape)
    return lambda: w @ x


PEERS = {
    "csr_matmul": Peer("SciPy, CSR", _sparse, by_rule("csr_matmul")),
    "sparse_matmul": Peer("SciPy, CSR", _sparse, by_rule("sparse_matmul")),
}

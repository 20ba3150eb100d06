"""SciPy's CSR product."""

import scipy.sparse

from . import Peer, by_rule


def _sparse(a, x):
    w = scipy.sparse.csr_array((a.data, a.indices, a.indptr), shape=a.shape)
    return lambda: w @ x


PEERS = {"csr_matmul": Peer("SciPy, CSR", _sparse, by_rule("csr_matmul"))}

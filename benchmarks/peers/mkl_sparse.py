"""MKL's CSR product through sparse_dot_mkl."""

import os
import sys
from pathlib import Path

import scipy.sparse

from . import Peer, by_rule

# The package mkl puts its libraries where no loader looks.
for _library in sorted(Path(sys.prefix, "lib").glob("libmkl_rt.so*")):
    os.environ.setdefault("MKL_RT", str(_library))

import sparse_dot_mkl  # noqa: E402


def _sparse(a, x):
    w = scipy.sparse.csr_matrix((a.data, a.indices, a.indptr), shape=a.shape)
    return lambda: sparse_dot_mkl.dot_product_mkl(w, x)


PEERS = {"csr_matmul": Peer("MKL, CSR", _sparse, by_rule("csr_matmul"))}

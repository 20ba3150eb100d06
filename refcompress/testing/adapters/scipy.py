"""SciPy's sparse arrays."""

from collections.abc import Callable

import numpy as np

from ...formats import BSR, CSR
from . import NO_REFUSALS

FAILURES = {
    "csr_matmul": {"refusals": NO_REFUSALS},
    "csr_to_dense": {name: "entries are added to +0.0, which makes one of -0.0 another" for name in ("tails", "values")
                     } | {"refusals": NO_REFUSALS},
    "sparse_matmul": {"refusals": NO_REFUSALS},
}


def operations() -> dict[str, Callable]:
    from scipy import sparse

    def csr_array(a):
        return sparse.csr_array((np.array(a.values), a.indices, a.indptr), shape=a.shape)

    def csr_matmul(a: CSR, x):
        return csr_array(a) @ x

    def csr_to_dense(a: CSR):
        return csr_array(a).toarray()

    def sparse_matmul(a, x):
        if not isinstance(a, BSR):
            raise NotImplementedError("it stores values of no type but the product's, and no masks")
        return sparse.bsr_array((a.blocks, a.indices, a.indptr), shape=a.shape) @ x

    return {"csr_matmul": csr_matmul, "csr_to_dense": csr_to_dense, "sparse_matmul": sparse_matmul}

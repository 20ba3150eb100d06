"""The csr family in C: csr_matmul."""

from functools import wraps

import numpy as np

from .. import reference
from ..reference.csr import matmul_arguments
from . import threads
from ._call import aligned, check, empty, pointer


def csr_matmul(kernel, speed: float):
    """Return the operation csr_matmul computed by a C kernel that does ``speed`` multiply-adds a second."""

    @wraps(reference.csr_matmul)
    def csr_matmul(a, x):
        a, x = matmul_arguments(a, x)
        if a.nnz >= 16 * a.shape[1]:  # each row of x is read that often
            x = aligned(x)
        y = empty((a.shape[0], x.shape[1]), np.float32)
        operands = (x.shape[1], x.shape[0], a.nnz, pointer(a.indptr), pointer(a.indices), pointer(a.data), pointer(x),
                    pointer(y, writable=True))
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "a"), y.shape[0],
                    a.nnz * x.shape[1] / speed)
        return y

    return csr_matmul

"""Kernels of lowrank_sparse_matmul: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ....formats import CSR
from ...values import with_fields
from ..kernels import Kernel

_F = np.float32

KERNELS: list[Kernel] = []


# lowrank_sparse_matmul

def _rest(a, x):
    return (reference.csr_matmul if isinstance(a.sparse, CSR) else reference.sparse_matmul)(a.sparse, x)


def _parts(combined):
    """Return a lowrank_sparse_matmul that makes its result of both parts, in float32."""
    def lowrank_sparse_matmul(a, x):
        low, rest = reference.lowrank_matmul(a.low, x), _rest(a, x)
        with np.errstate(all="ignore"):
            return combined(a, low, rest)
    return lowrank_sparse_matmul


def _groups(a):
    return 1 if isinstance(a.sparse, CSR) or a.sparse.scale is None else a.sparse.scale.shape[1]


def _scale(a):
    scale = None if isinstance(a.sparse, CSR) else a.sparse.scale
    return _F(1) if scale is None or not scale.size else scale[:, :1]


def _last_entry_lost(a, x):
    if not isinstance(a.sparse, CSR) or not a.sparse.nnz:
        return reference.lowrank_sparse_matmul(a, x)
    data = a.sparse.data.copy()
    data[-1] = 0
    return reference.lowrank_sparse_matmul(with_fields(a, sparse=with_fields(a.sparse, data=data)), x)


KERNELS += [
    Kernel("lowrank_sparse_matmul", "the sparse product begins at 0", "state",
           "The sparse product overwrites its output, where it should go on from the low rank one.",
           _parts(lambda a, low, rest: rest)),
    Kernel("lowrank_sparse_matmul", "the sparse part left out", "rule",
           "A dispatch on the type of the sparse part has no row for this one.",
           _parts(lambda a, low, rest: low)),
    Kernel("lowrank_sparse_matmul", "the low rank result added for each group", "rule",
           "Each group of scales begins with the low rank result.",
           _parts(lambda a, low, rest: _groups(a) * low + rest)),
    Kernel("lowrank_sparse_matmul", "the low rank result scaled too", "rule",
           "The scale is applied at the end, to all that was accumulated.",
           _parts(lambda a, low, rest: _scale(a) * low + rest)),
    Kernel("lowrank_sparse_matmul", "the last entry of a CSR lost", "tail",
           "The loop over the entries of the last row ends one early.",
           _last_entry_lost),
    Kernel("lowrank_sparse_matmul", "what is not stored multiplies", "values",
           "The sparse part was made dense, and a zero that was not stored meets an infinity.",
           lambda a, x: (a.dense().astype(np.float64) @ x).astype(_F)),
    Kernel("lowrank_sparse_matmul", "each part rounded, then added", "order",
           "The low rank product and the sparse one are float32 each, and one addition joins them.",
           _parts(lambda a, low, rest: low + rest)),
]

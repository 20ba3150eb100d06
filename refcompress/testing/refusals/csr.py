"""What the operations of the csr family must refuse."""

import numpy as np

from ... import reference
from ..values import not_arrays, other_dimensions

_F = np.float32


def csr_from_dense():
    w = _F([[3, 1, 2], [0, -1, 5]])
    for bad in (*not_arrays(w), *other_dimensions(w)):
        yield (bad,), {}
    for mask in (np.ones((2, 3), np.uint8), np.ones((3, 2), bool), np.ones(3, bool)):
        yield (w,), {"mask": mask}


def csr_to_dense():
    for bad in (None, np.eye(2, dtype=np.float32), "text"):
        yield (bad,), {}


def csr_matmul():
    a, x = reference.csr_from_dense(_F([[3, 0, 2], [0, -1, 5]])), _F([[1, 2], [3, 4], [5, 6]])
    for bad in (None, x, "text"):
        yield (bad, x), {}
    for bad in (*not_arrays(x), *other_dimensions(x), x[:2], x.T, a):
        yield (a, bad), {}


REFUSALS = {f.__name__: f for f in (csr_from_dense, csr_to_dense, csr_matmul)}

"""The strategies of the csr family."""

import numpy as np
from hypothesis import strategies as st

from ... import reference
from ...formats import CSR
from .draws import ANY, LENGTH, array, either


@st.composite
def _csr(draw, floats):
    """Return a CSR: of a matrix with a mask, or with columns in any order and more than once."""
    m, k = draw(LENGTH), draw(LENGTH)
    if k == 0 or draw(st.booleans()):
        w, mask = draw(array(np.float32, (m, k), floats)), draw(array(np.bool_, (m, k), st.booleans()))
        return reference.csr_from_dense(w, mask)
    # Arrays, not lists of lists, and few entries: these shrink in seconds.
    nnz = draw(st.integers(0, 20)) if m else 0
    inner = np.sort(draw(array(np.int64, max(m - 1, 0), st.integers(0, nnz))))
    indptr = np.concatenate([[0], inner, [nnz]]) if m else np.zeros(1, np.int64)
    indices = draw(array(np.int64, nnz, st.integers(0, k - 1)))
    return CSR((m, k), indptr, indices, draw(array(np.float32, nnz, floats)), canonical=False)


@st.composite
def _csr_from_dense(draw):
    shape = (draw(LENGTH), draw(LENGTH))
    w = draw(array(np.float32, shape, ANY))
    mask = draw(st.none() | array(np.bool_, shape, st.booleans()))
    return (w,), {} if mask is None else {"mask": mask}


@st.composite
def _csr_to_dense(draw):
    return (draw(_csr(ANY)),), {}


@st.composite
def _csr_matmul(draw):
    floats = draw(either(ANY))
    a = draw(_csr(floats))
    return (a, draw(array(np.float32, (a.shape[1], draw(LENGTH)), floats))), {}


STRATEGIES = {"csr_from_dense": _csr_from_dense, "csr_to_dense": _csr_to_dense, "csr_matmul": _csr_matmul}

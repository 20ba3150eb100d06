"""The cases of the csr family: matrices with stored zeros, empty rows, columns in any order and more than once."""

import numpy as np

from .. import reference
from ..formats import CSR, Plain
from .cases import Cases
from .draws import any_floats, array, composite, either, lengths, st
from .values import FINITE, HOSTILE, LENGTHS, MIDDLE, not_arrays, ordinary, other_dimensions, sizes, whole, with_fields

_F = np.float32

CASES: dict[str, Cases] = {}


# csr_from_dense

def csr_from_dense_sweep():
    rng = np.random.default_rng(6)
    for length in LENGTHS:
        for shape in ((3, length), (length, 5)):
            w = rng.choice(HOSTILE, shape)
            yield (w,), {}
            yield (w,), {"mask": rng.random(shape) < 0.5}
    yield (np.full((3, 5), -0.0, np.float32),), {}
    yield (whole(rng, (129, 300)) * (rng.random((129, 300)) < 0.1).astype(np.float32),), {}


def csr_from_dense_refusals():
    w = _F([[3, 1, 2], [0, -1, 5]])
    for bad in (*not_arrays(w), *other_dimensions(w)):
        yield (bad,), {}
    for mask in (np.ones((2, 3), np.uint8), np.ones((3, 2), bool), np.ones(3, bool)):
        yield (w,), {"mask": mask}


@composite
def csr_from_dense_strategy(draw):
    shape = (draw(lengths()), draw(lengths()))
    w = draw(array(np.float32, shape, any_floats()))
    mask = draw(st.none() | array(np.bool_, shape, st.booleans()))
    return (w,), {} if mask is None else {"mask": mask}


CASES["csr_from_dense"] = Cases(csr_from_dense_sweep, csr_from_dense_refusals, csr_from_dense_strategy)


# csr_to_dense

def sparse(rng, m: int, k: int, density: float = 0.5, values=None) -> CSR:
    mask = rng.random((m, k)) < density
    indptr = np.concatenate([[0], np.cumsum(mask.sum(axis=1))])
    nnz = int(indptr[-1])
    return CSR((m, k), indptr, np.nonzero(mask)[1], whole(rng, nnz) if values is None else rng.choice(values, nnz))


def unsorted(rng, m: int, k: int, row: int) -> CSR:
    """Return a matrix of ``row`` entries a row whose columns come in any order and more than once."""
    indices = rng.integers(0, k, m * row)
    return CSR((m, k), np.arange(m + 1) * row, indices, whole(rng, m * row), canonical=False)


def narrow(a: CSR, type_: str) -> CSR:
    """Return a matrix with its values rounded to float16, or cut to bfloat16."""
    if type_ == "bfloat16":
        return with_fields(a, data=Plain((a.values.view(np.uint32) >> 16).astype(np.uint16), type_))
    with np.errstate(all="ignore"):
        return with_fields(a, data=Plain.of(a.values.astype(np.float16)))


def csr_to_dense_sweep():
    rng = np.random.default_rng(7)
    for length in LENGTHS:
        yield (sparse(rng, 3, length, values=HOSTILE),), {}
        yield (sparse(rng, length, 5),), {}
        yield (unsorted(rng, length, 5, length % 7),), {}
    yield (sparse(rng, 129, 300, 0.1),), {}
    for values in ([2**24, 1, 1], [1, 1, 2**24], [3e38, 3e38, -3e38], [-0.0] * 3):  # a sum in float64 is another one
        yield (CSR((1, 2), np.array([0, 3]), np.array([1, 1, 1]), np.array(values, np.float32), canonical=False),), {}
    for type_ in ("float16", "bfloat16"):
        yield (narrow(sparse(rng, 5, 40, values=HOSTILE), type_),), {}
        yield (narrow(unsorted(rng, 6, 5, 9), type_),), {}


def csr_to_dense_refusals():
    for bad in (None, np.eye(2, dtype=np.float32), "text"):
        yield (bad,), {}


@composite
def _csr_draw(draw, floats):
    """Return a CSR: of a matrix with a mask, or with columns in any order and more than once."""
    m, k = draw(lengths()), draw(lengths())
    if k == 0 or draw(st.booleans()):
        w, mask = draw(array(np.float32, (m, k), floats)), draw(array(np.bool_, (m, k), st.booleans()))
        return _any_type(draw, reference.csr_from_dense(w, mask))
    # Arrays, not lists of lists, and few entries: these shrink in seconds.
    nnz = draw(st.integers(0, 20)) if m else 0
    inner = np.sort(draw(array(np.int64, max(m - 1, 0), st.integers(0, nnz))))
    indptr = np.concatenate([[0], inner, [nnz]]) if m else np.zeros(1, np.int64)
    indices = draw(array(np.int64, nnz, st.integers(0, k - 1)))
    return _any_type(draw, CSR((m, k), indptr, indices, draw(array(np.float32, nnz, floats)), canonical=False))


def _any_type(draw, a: CSR) -> CSR:
    type_ = draw(st.sampled_from(("float32", "float16", "bfloat16")))
    return a if type_ == "float32" else narrow(a, type_)


@composite
def csr_to_dense_strategy(draw):
    return (draw(_csr_draw(any_floats())),), {}


CASES["csr_to_dense"] = Cases(csr_to_dense_sweep, csr_to_dense_refusals, csr_to_dense_strategy)


# csr_matmul

def csr_matmul_sweep():
    rng = np.random.default_rng(8)
    for m, k, n in sizes(rng):
        yield (sparse(rng, m, k, 1), whole(rng, (k, n))), {}
        yield (unsorted(rng, m, k, 4) if k and (m + k + n) % 2 else sparse(rng, m, k, 0.3), whole(rng, (k, n))), {}
    for _ in range(16):
        yield (sparse(rng, 5, 7, values=HOSTILE), rng.choice(HOSTILE, (7, 17))), {}
        yield (sparse(rng, 5, 7, values=HOSTILE), whole(rng, (7, 17))), {}
        x = whole(rng, (7, 17))
        x[rng.integers(7), :] = HOSTILE  # a whole row of x, which some rows of a skip and others multiply by a zero
        yield (sparse(rng, 5, 7, 0.3, values=np.float32([0, -0.0, 1])), x), {}
        yield (sparse(rng, 5, 7, values=FINITE[2:6]), rng.choice(FINITE[6:12], (7, 17))), {}  # subnormal results
        yield (sparse(rng, 5, 33), ordinary(rng, (33, 9))), {}  # sums that round
    for m, k, n in MIDDLE:
        yield (sparse(rng, m, k, 0.2 if m > 100 else 1), whole(rng, (k, n))), {}
        yield (sparse(rng, m, k, 0.2), ordinary(rng, (k, n))), {}
    # Tiles: of many columns, where each row of x is read often. The blocks of columns are full, or end anywhere.
    for m, k, n in ((40, 300, 17), (33, 513, 64), (30, 290, 71), (514, 257, 33)):
        yield (sparse(rng, m, k, 0.4 if m < 100 else 0.04), whole(rng, (k, n))), {}
    for type_ in ("float16", "bfloat16"):
        for n in (1, 3, 8, 13, 16, 40):
            yield (narrow(sparse(rng, 9, 130, 0.6), type_), whole(rng, (130, n))), {}
            yield (narrow(sparse(rng, 5, 40, values=HOSTILE), type_), rng.choice(HOSTILE, (40, n))), {}
        yield (narrow(sparse(rng, 30, 290, 0.4), type_), whole(rng, (290, 64))), {}
        yield (narrow(unsorted(rng, 6, 5, 70), type_), ordinary(rng, (5, 17))), {}
    tiny = np.float32([2**-24, -3 * 2**-24, 2**-15, 2**-14])  # subnormal in float16, but for the last
    yield (narrow(sparse(rng, 5, 40, values=tiny), "float16"), whole(rng, (40, 6))), {}
    wide = CSR((2, 70_001), [0, 3, 4], [1, 40_000, 70_000, 65_537], np.float32([1, 2, 3, 4]))
    yield (wide, whole(rng, (70_001, 3))), {}


def csr_matmul_refusals():
    a, x = reference.csr_from_dense(_F([[3, 0, 2], [0, -1, 5]])), _F([[1, 2], [3, 4], [5, 6]])
    for bad in (None, x, "text"):
        yield (bad, x), {}
    for bad in (*not_arrays(x), *other_dimensions(x), x[:2], x.T, a):
        yield (a, bad), {}
    yield (reference.csr_from_dense(np.ones((3, 0), np.float32)), np.ones((0, 2**60), np.float32)), {}


@composite
def csr_matmul_strategy(draw):
    floats = draw(either(any_floats()))
    a = draw(_csr_draw(floats))
    return (a, draw(array(np.float32, (a.shape[1], draw(lengths())), floats))), {}


CASES["csr_matmul"] = Cases(csr_matmul_sweep, csr_matmul_refusals, csr_matmul_strategy)

"""The sweeps of the csr family."""

import numpy as np

from ...formats import CSR
from ..values import FINITE, HOSTILE, LENGTHS, MIDDLE, ordinary, sizes, whole


def sparse(rng, m: int, k: int, density: float = 0.5, values=None) -> CSR:
    mask = rng.random((m, k)) < density
    indptr = np.concatenate([[0], np.cumsum(mask.sum(axis=1))])
    nnz = int(indptr[-1])
    return CSR((m, k), indptr, np.nonzero(mask)[1], whole(rng, nnz) if values is None else rng.choice(values, nnz))


def unsorted(rng, m: int, k: int, row: int) -> CSR:
    """Return a matrix of ``row`` entries a row whose columns come in any order and more than once."""
    indices = rng.integers(0, k, m * row)
    return CSR((m, k), np.arange(m + 1) * row, indices, whole(rng, m * row), canonical=False)


def csr_from_dense():
    rng = np.random.default_rng(6)
    for length in LENGTHS:
        for shape in ((3, length), (length, 5)):
            w = rng.choice(HOSTILE, shape)
            yield (w,), {}
            yield (w,), {"mask": rng.random(shape) < 0.5}
    yield (np.full((3, 5), -0.0, np.float32),), {}
    yield (whole(rng, (129, 300)) * (rng.random((129, 300)) < 0.1).astype(np.float32),), {}


def csr_to_dense():
    rng = np.random.default_rng(7)
    for length in LENGTHS:
        yield (sparse(rng, 3, length, values=HOSTILE),), {}
        yield (sparse(rng, length, 5),), {}
        yield (unsorted(rng, length, 5, length % 7),), {}
    yield (sparse(rng, 129, 300, 0.1),), {}


def csr_matmul():
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
    wide = CSR((2, 70_001), [0, 3, 4], [1, 40_000, 70_000, 65_537], np.float32([1, 2, 3, 4]))
    yield (wide, whole(rng, (70_001, 3))), {}


SWEEPS = {f.__name__: f for f in (csr_from_dense, csr_to_dense, csr_matmul)}

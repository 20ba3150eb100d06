"""The cases of sparse_matmul: every format, stored zeros, empty rows, infinities beside what is not stored."""

import numpy as np

from ... import reference
from ..cases import Cases
from ..draws import any_floats, array, composite, either, st
from ..values import FINITE, HOSTILE, MIDDLE, not_arrays, ordinary, other_dimensions, sizes, whole
from .matrices import FORMS, drawn, of_floats, sparse

_F = np.float32

CASES: dict[str, Cases] = {}


def sparse_matmul_sweep():
    rng = np.random.default_rng(81)
    for m, k, n in sizes(rng):
        form = (m + k + n) % FORMS
        yield (sparse(rng, m, k, form, 0.4 if (m + k) % 3 else 1, steps=1), whole(rng, (k, n))), {}
    for length in range(1, 68, 6):  # one column, where kernels turn their vectors
        yield (sparse(rng, length, 67 - length, length % FORMS, steps=1), whole(rng, (67 - length, 1))), {}
    for i in range(4):
        form = 2 * i + 1
        n = (1, 17, 9)[i % 3]
        yield (of_floats(rng, 5, 7, HOSTILE), rng.choice(HOSTILE, (7, n))), {}
        yield (sparse(rng, 5, 40, form), rng.choice(FINITE[:-2], (40, n))), {}
        yield (of_floats(rng, 5, 7, HOSTILE), whole(rng, (7, n))), {}
        x = whole(rng, (70, n))
        x[rng.integers(70)] = HOSTILE[-1 - i % 3]  # a row of x, which most rows of a pass over
        yield (sparse(rng, 5, 70, form, 0.2, steps=0), x), {}
        yield (of_floats(rng, 5, 70, _F([0, -0.0, 1]), 0.2), x), {}
        yield (of_floats(rng, 5, 7, FINITE[2:6]), rng.choice(FINITE[6:12], (7, n))), {}  # subnormal results
        yield (of_floats(rng, 9, 3, -FINITE[2:3]), FINITE[2:3].repeat(3 * n).reshape(3, n)), {}  # zeros from below
        yield (sparse(rng, 5, 33, form), ordinary(rng, (33, n))), {}  # sums that round
    for block, n in (((4, 25), 33), ((1, 16), 9), ((2, 200), 1)):  # blocks that a strip of columns cuts
        w = whole(rng, (8, 400), 9)
        yield (reference.sparse_bsr_pack(w, rng.random(w.shape) < 3 / 400, block=block), whole(rng, (400, n), 9)), {}
    for i, (m, k, n) in enumerate(MIDDLE):
        for form in (i, i + 4):
            yield (sparse(rng, m, k, form % FORMS, 0.2, high=9, steps=0), whole(rng, (k, n), 3)), {}
            yield (sparse(rng, m, k, form % FORMS, 0.2), ordinary(rng, (k, (1, n)[form % 2]))), {}
    yield (sparse(rng, 2, 70_001, 1, 0.001, steps=0), whole(rng, (70_001, 1))), {}


def sparse_matmul_refusals():
    a, x = reference.sparse_bitmask_pack(_F([[3, 0, 2], [0, -1, 5]])), _F([[1, 2], [3, 4], [5, 6]])
    for bad in (None, x, "text", reference.csr_from_dense(x)):
        yield (bad, x), {}
    for bad in (*not_arrays(x), *other_dimensions(x), x[:2], x.T, a):
        yield (a, bad), {}
    yield (reference.sparse_bitmask_pack(np.ones((3, 0), _F)), np.ones((0, 2**60), _F)), {}


@composite
def sparse_matmul_strategy(draw):
    floats = draw(either(any_floats()))
    a = draw(drawn(floats))
    return (a, draw(array(_F, (a.shape[1], draw(st.sampled_from([1, 1, 0, 2, 9, 17, 33]))), floats))), {}


def sparse_codes(a):
    """Return row, column and the places since the entry before, for each stored weight."""
    rows, columns = np.nonzero(a.kept)
    before = np.append(-1, columns[:-1])[: len(columns)]
    before[np.append(True, rows[1:] != rows[:-1])[: len(rows)]] = -1
    return rows, columns, columns - 1 - before


CASES["sparse_matmul"] = Cases(sparse_matmul_sweep, sparse_matmul_refusals, sparse_matmul_strategy)

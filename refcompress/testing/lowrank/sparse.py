"""The cases of lowrank_sparse_matmul: every sparse format beside factors of every rank from 0 on."""

import numpy as np

from ... import reference
from ...formats import LowRank, LowRankSparse
from ..cases import Cases
from ..draws import any_floats, array, composite, either, st, tame
from ..sparse.matrices import FORMS, drawn, of_floats, sparse
from ..values import FINITE, HOSTILE, MIDDLE, not_arrays, ordinary, other_dimensions, sizes, whole

_F = np.float32

CASES: dict[str, Cases] = {}


def _factors(rng, m: int, k: int, r: int, numbers=whole) -> LowRank:
    more = (3,) if numbers is whole else ()
    return LowRank(numbers(rng, (m, r), *more), numbers(rng, r, *more), numbers(rng, (r, k), *more))


def _as_csr(a):
    """Return a matrix of float32 as a CSR."""
    return reference.csr_from_dense(a.dense(), a.kept)


def lowrank_sparse_matmul_sweep():
    rng = np.random.default_rng(46)
    for i, (m, k, n) in enumerate(sizes(rng)):
        form = i % (FORMS + 1)
        rest = sparse(rng, m, k, form, 0.3, steps=1) if form < FORMS else _as_csr(sparse(rng, m, k, 0, 0.3))
        yield (LowRankSparse(_factors(rng, m, k, i % 4), rest), whole(rng, (k, n))), {}
    for m in range(1, 68, 6):  # one column, where kernels turn their vectors
        for form in (1, 5):
            yield (LowRankSparse(_factors(rng, m, 9, 2), sparse(rng, m, 9, form, steps=0)), whole(rng, (9, 1))), {}
    for n in (1, 17):
        low = _factors(rng, 5, 7, 2, ordinary)
        yield (LowRankSparse(low, of_floats(rng, 5, 7, HOSTILE)), ordinary(rng, (7, n))), {}
        yield (LowRankSparse(low, of_floats(rng, 5, 7, FINITE[:-2])), rng.choice(HOSTILE, (7, n))), {}
        x = ordinary(rng, (70, n))
        x[rng.integers(70)] = np.inf  # what rank 0 does not read, and most rows of the sparse part pass over
        yield (LowRankSparse(_factors(rng, 5, 70, 0), sparse(rng, 5, 70, 7 * (n == 1), 0.2)), x), {}
        tiny = LowRank(np.full((5, 1), -1e-30, _F), np.ones(1, _F), np.ones((1, 3), _F))  # zeros from below
        yield (LowRankSparse(tiny, of_floats(rng, 5, 3, FINITE[:2])), np.full((3, n), 1e-30, _F)), {}
        for form in (0, 3, 5, 7):
            a = LowRankSparse(_factors(rng, 9, 33, 4, ordinary), sparse(rng, 9, 33, form))
            yield (a, ordinary(rng, (33, n))), {}
    for i, (m, k, n) in enumerate(MIDDLE):
        yield (LowRankSparse(_factors(rng, m, k, 2), sparse(rng, m, k, i, 0.1, steps=0)), whole(rng, (k, n), 3)), {}
        yield (LowRankSparse(_factors(rng, m, k, 9, ordinary), sparse(rng, m, k, 7, 0.1)), ordinary(rng, (k, n))), {}


def lowrank_sparse_matmul_refusals():
    low, x = LowRank(np.ones((4, 2), _F), np.ones(2, _F), np.ones((2, 3), _F)), np.ones((3, 5), _F)
    a = LowRankSparse(low, reference.csr_from_dense(low.dense()))
    for bad in (*not_arrays(x), *other_dimensions(x), x[:2]):
        yield (a, bad), {}
    for bad in (None, low, a.sparse, a.dense(), x):
        yield (bad, x), {}


@composite
def lowrank_sparse_matmul_strategy(draw):
    floats = draw(either(any_floats()))
    rest = draw(drawn(floats))
    (m, k), r, n = rest.shape, draw(st.integers(0, 5)), draw(st.sampled_from([1, 0, 2, 9, 17]))
    low = LowRank(*(draw(array(_F, shape, tame())) for shape in ((m, r), (r,), (r, k))))
    if rest.values.dtype == _F and draw(st.booleans()):
        rest = _as_csr(rest)
    return (LowRankSparse(low, rest), draw(array(_F, (k, n), draw(either(any_floats()))))), {}


CASES["lowrank_sparse_matmul"] = Cases(
    lowrank_sparse_matmul_sweep, lowrank_sparse_matmul_refusals, lowrank_sparse_matmul_strategy)

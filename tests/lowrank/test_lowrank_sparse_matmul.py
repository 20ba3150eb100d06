"""The laws of low rank with a sparse matrix beside it: its order of sums, its zeros, and what is refused."""

import numpy as np
import pytest
from implementations import EVERYONE, NATIVE, each

import refcompress as rc
from refcompress import RefcompressError
from refcompress.agreement import exactly
from refcompress.reference.gemm.contract import fma
from refcompress.testing.sparse import FORMS, sparse

F = np.float32
every_native = each("space", NATIVE)


def low_of(rng, m, k, r=5):
    return rc.LowRank(*(rng.standard_normal(shape, dtype=F) for shape in ((m, r), (r,), (r, k))))


def sums(a, x, y):
    """Return the sums of the contract: y + 0.0, and on from there."""
    y, kept, numbers = y + F(0), a.kept, a.numbers
    rows = np.cumsum(kept.sum(axis=1)) - kept.sum(axis=1)
    for i in range(len(y)):
        columns = np.flatnonzero(kept[i])
        for g in range(-(-a.shape[1] // a.segment)):
            inner = np.zeros(x.shape[1], F)
            for e, p in enumerate(columns):
                if p // a.segment == g:
                    inner = fma(numbers[rows[i] + e], x[p], inner)
            y[i] = fma(1 if a.scale is None else a.scale[i % len(a.scale), g], inner, y[i])
    return y


@every_native
@pytest.mark.parametrize("form", range(FORMS))
def test_the_sparse_sums_go_on_from_the_product_of_the_factors(space, form):
    rng = np.random.default_rng(form)
    rest, low = sparse(rng, 70, 40, form, 0.3), low_of(rng, 70, 40)
    for n in (1, 3, 20):
        x = rng.standard_normal((40, n), dtype=F)
        y = space.lowrank_sparse_matmul(rc.LowRankSparse(low, rest), x)
        exactly(sums(rest, x, space.lowrank_matmul(low, x)), y)


@every_native
def test_a_csr_has_the_bits_of_its_bitmask_and_of_the_two_products_added(space):
    rng = np.random.default_rng(9)
    w, low = rng.standard_normal((130, 500), dtype=F), low_of(rng, 130, 500)
    mask = rng.random(w.shape) < 0.05
    rest = rc.csr_from_dense(w, mask)
    for n in (1, 9, 33, 70):
        x = rng.standard_normal((500, n), dtype=F)
        y = space.lowrank_sparse_matmul(rc.LowRankSparse(low, rest), x)
        exactly(space.lowrank_matmul(low, x) + space.csr_matmul(rest, x), y)
        exactly(space.lowrank_sparse_matmul(rc.LowRankSparse(low, rc.sparse_bitmask_pack(w, mask)), x), y)
        exactly(rc.matmul(rc.LowRankSparse(low, rest), x, implementation=space), y)


@every_native
def test_a_zero_is_never_minus_zero(space):
    low = rc.LowRank(np.full((70, 1), -1e-30, F), np.ones(1, F), np.ones((1, 33), F))
    w = np.full((70, 33), -1e-30, F)  # each product is below the smallest number, and rounds to -0.0
    for n in (1, 2, 17):
        x = np.full((33, n), 1e-30, F)
        for rest in (rc.csr_from_dense(w), rc.sparse_bitmask_pack(w), rc.sparse_bitmask_pack(w, w > 0)):
            y = space.lowrank_sparse_matmul(rc.LowRankSparse(low, rest), x)
            assert (y == 0).all() and not np.signbit(y).any()


@each("space", EVERYONE)
@pytest.mark.parametrize("m, k", [(0, 3), (3, 0), (0, 0)])
def test_matrices_without_rows_or_columns_and_ranks_of_0_have_a_product(space, m, k):
    for r in (0, 2):
        low = rc.LowRank(np.ones((m, r), F), np.ones(r, F), np.ones((r, k), F))
        for rest in (rc.csr_from_dense(np.ones((m, k), F)), rc.sparse_bsr_pack(np.ones((m, k), F), block=(1, 1)),
                     rc.sparse_bitmask_pack(rc.Quantized(np.ones((m, k), np.int8), np.ones((m, -(-k // 8)), F),
                                                         np.zeros((m, -(-k // 8)), np.int8), 8))):
            for n in (0, 1, 20):
                y = space.lowrank_sparse_matmul(rc.LowRankSparse(low, rest), np.ones((k, n), F))
                assert rc.same(y, np.zeros((m, n), F))


LOW = rc.LowRank(np.ones((2, 1), F), np.ones(1, F), np.ones((1, 3), F))
CSR = rc.csr_from_dense(np.ones((2, 3), F))


@pytest.mark.parametrize("low, rest, argument", [
    (CSR, CSR, "low"), (None, CSR, "low"), (LOW, LOW, "sparse"), (LOW, np.ones((2, 3), F), "sparse"),
    (LOW, rc.csr_from_dense(np.ones((3, 2), F)), "sparse"),
    (LOW, rc.CSR((2, 3), np.array([0, 2, 2]), np.array([1, 0]), F([1, 2]), canonical=False), "sparse"),
    (LOW, rc.CSR((2, 3), np.array([0, 1, 1]), np.array([1]), np.float16([1])), "sparse"),
])
def test_what_is_no_low_rank_with_a_sparse_matrix_is_refused_by_name(low, rest, argument):
    assert rc.LowRankSparse(LOW, CSR).describe() == "low rank, 1, and csr, 6 entries"
    with pytest.raises(RefcompressError) as caught:
        rc.LowRankSparse(low, rest)
    assert caught.value.argument == argument


def test_the_split_of_a_matrix_is_its_two_parts():
    w = np.float32(np.diag([5, 5, 5, 9]) + 1)
    a = rc.LowRankSparse(*rc.lowrank_sparse(w, rank=1, keep=4))
    x = np.eye(4, dtype=F)
    rc.ops.OPS["lowrank_sparse_matmul"].rule(rc.lowrank_sparse_matmul(a, x), a.dense(), (a, x))

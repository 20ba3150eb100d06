"""The csr family: what a CSR admits, there and back, and the laws of its product, for every implementation."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from implementations import EVERYONE, label, needs_native

from refcompress import reference, same
from refcompress.errors import ArgumentTypeError, LimitError, RefcompressError
from refcompress.formats import CSR

F = np.float32
MATMULS = [pytest.param(space.csr_matmul, id=label(space)) for space in EVERYONE]
ANY = st.floats(width=32)
SMALL = st.integers(-9, 9).map(float)


def matrices(elements, dtype=np.float32, side=st.integers(0, 7)):
    return st.tuples(side, side).flatmap(lambda shape: hnp.arrays(dtype, shape, elements=elements))


@given(matrices(ANY))
def test_without_a_mask_there_and_back_keeps_every_value_but_minus_zero(w):
    a = reference.csr_from_dense(w)
    assert a.nnz == np.count_nonzero(w) and not np.any(a.data == 0)
    assert same(reference.csr_to_dense(a), np.where(w == 0, F(0), w))


@given(st.data())
def test_with_a_mask_exactly_the_masked_entries_are_stored_whatever_their_value(data):
    w = data.draw(matrices(st.one_of(ANY, st.sampled_from([0.0, -0.0, np.nan]))))
    mask = data.draw(hnp.arrays(np.bool_, w.shape))
    a = reference.csr_from_dense(w, mask)
    rows, columns = np.nonzero(mask)
    assert a.indices.tolist() == columns.tolist() and same(a.data, w[rows, columns])
    assert a.indptr.tolist() == [0, *np.cumsum(mask.sum(axis=1)).tolist()]
    assert same(reference.csr_to_dense(a), np.where(mask, w, F(0)))


def test_each_of_10625_small_triples_is_judged_right():
    """Shape 2 x 2, all pointers in -1 .. 3, all of at most three columns in -1 .. 2: good ones multiply."""
    x = F([[1, 10], [100, 1000]])
    tried = accepted = 0
    for indptr in itertools.product(range(-1, 4), repeat=3):
        for count in range(4):
            for indices in itertools.product(range(-1, 3), repeat=count):
                tried += 1
                data = np.arange(1, count + 1, dtype=np.float32)
                rows = list(zip(indptr, indptr[1:]))
                sound = indptr[0] == 0 and indptr[2] == count and all(a <= b for a, b in rows)
                sound = sound and set(indices) <= {0, 1}
                canonical = sound and all(p < q for a, b in rows for p, q in zip(indices[a:b], indices[a + 1:b]))
                for promised, good in ((False, sound), (True, canonical)):
                    parts = (2, 2), np.array(indptr), np.array(indices, np.int32), data
                    if not good:
                        with pytest.raises(RefcompressError, match="indptr|indices"):
                            CSR(*parts, canonical=promised)
                        continue
                    accepted += 1
                    a = CSR(*parts, canonical=promised)
                    y = [[sum(data[p] * x[indices[p], j] for p in range(*row)) for j in range(2)] for row in rows]
                    for space in EVERYONE:
                        assert space.csr_matmul(a, x).tolist() == y, (space.__name__, indptr, indices)
    # count entries split between the rows in count + 1 ways, 2**count columns each: 1 + 4 + 12 + 32. Where columns
    # rise, each row holds a subset of two: 4 * 4, less the one with four entries.
    assert (tried, accepted) == (10_625, 49 + 15)


@pytest.mark.parametrize("parts, argument", [
    (((2, 2), [0, 2, 0], [], []), "indptr[2]"),  # the first two crash or mislead other libraries
    (((2, 2), [0, -1, 0], [], []), "indptr[1]"),
    (((2, 2), [1, 1, 1], [0], [1]), "indptr[0]"),
    (((2, 2), [0, 1], [0], [1]), "indptr"),
    (((2, 2), [0, 1, 1], [2], [1]), "indices[0]"),
    (((2, 2), [0, 1, 1], [-1], [1]), "indices[0]"),
    (((2, 2), [0, 1, 1], [2**32], [1]), "indices[0]"),
    (((2, 2), [0, 1, 1], [0], [1, 2]), "data"),
    (((2, 2), [0, 0, 2], [1, 0], [1, 2]), "indices[1]"),
    (((2, 2), [0, 0, 2], [1, 1], [1, 2]), "indices[1]"),
    (((2, 2, 2), [0, 0, 0], [], []), "shape"),
])
def test_a_bad_format_is_refused_where_it_is_bad(parts, argument):
    shape, indptr, indices, data = parts
    with pytest.raises(RefcompressError) as refused:
        CSR(shape, np.array(indptr), np.array(indices, np.int64), F(data))
    assert refused.value.argument == argument


def test_wrong_index_types_are_refused():
    none = np.zeros(0, np.int32)
    for bad in (np.zeros(3), np.zeros(3, np.uint64), np.zeros(3, bool)):
        with pytest.raises(ArgumentTypeError, match="^indptr"):
            CSR((2, 2), bad, none, F([]))
        with pytest.raises(ArgumentTypeError, match="^indices"):
            CSR((2, 2), np.array([0, 3, 3]), bad, F([1, 2, 3]))
    with pytest.raises(LimitError, match="^shape"):
        CSR((2**31, 2**31), np.zeros(2**31 + 1), none, F([]))


def test_a_format_cannot_be_changed_from_outside():
    indices = np.array([0, 1], np.int32)
    a = CSR((1, 2), np.array([0, 2]), indices, F([1, 2]))
    indices[:] = 99
    assert a.indices.tolist() == [0, 1]
    with pytest.raises(ValueError, match="read-only"):
        a.indices[0] = 99


@pytest.mark.parametrize("matmul", MATMULS)
@given(st.data())
def test_the_product_is_the_dense_product_where_every_sum_is_exact(matmul, data):
    w = data.draw(matrices(SMALL, side=st.integers(0, 20)))
    x = data.draw(hnp.arrays(np.float32, (w.shape[1], data.draw(st.integers(0, 70))), elements=SMALL))
    assert same(matmul(reference.csr_from_dense(w), x) + F(0), w @ x + F(0))


@pytest.mark.parametrize("matmul", MATMULS)
def test_a_row_gives_the_same_bits_wherever_it_stands(matmul):
    rng = np.random.default_rng(0)
    w = rng.normal(size=(13, 40)).astype(F) * (rng.random((13, 40)) < 0.3).astype(F)
    x, order = rng.normal(size=(40, 21)).astype(F), rng.permutation(13)
    assert same(matmul(reference.csr_from_dense(w[order]), x), matmul(reference.csr_from_dense(w), x)[order])


@pytest.mark.parametrize("matmul", MATMULS)
def test_columns_do_not_touch_each_other(matmul):
    rng = np.random.default_rng(1)
    a = reference.csr_from_dense(rng.normal(size=(5, 30)).astype(F), rng.random((5, 30)) < 0.4)
    x = rng.normal(size=(30, 67)).astype(F)
    y = matmul(a, x)
    for n in (1, 7, 8, 9, 16, 17, 33, 64):
        assert same(matmul(a, x[:, :n]), y[:, :n].copy())


@pytest.mark.parametrize("matmul", MATMULS)
@pytest.mark.parametrize("n", [1, 3, 8, 16, 40, 70])
def test_what_is_stored_multiplies_and_what_is_not_does_not(matmul, n):
    special = np.full((3, n), np.nan, F)
    special[1], special[2] = 1, np.inf
    stored = CSR((3, 3), np.array([0, 2, 3, 4]), np.array([0, 1, 1, 2]), F([0, 5, 5, 0]))
    y = matmul(stored, special)
    assert np.isnan(y[0]).all() and (y[1] == 5).all() and np.isnan(y[2]).all()


@pytest.mark.parametrize("matmul", MATMULS)
def test_entries_that_meet_add_up(matmul):
    a = CSR((1, 3), np.array([0, 4]), np.array([2, 0, 2, 2]), F([1, 2, 4, 8]), canonical=False)
    assert matmul(a, F([[1], [10], [100]])).tolist() == [[1302]]


@pytest.mark.parametrize("matmul", MATMULS)
@pytest.mark.parametrize("m, k, n", [(0, 3, 2), (3, 0, 2), (3, 2, 0), (0, 0, 0), (4, 5, 9)])
def test_nothing_stored_gives_plus_zeros_of_the_right_shape(matmul, m, k, n):
    empty = CSR((m, k), np.zeros(m + 1, np.int64), np.zeros(0, np.int32), F([]))
    assert same(matmul(empty, np.full((k, n), np.nan, F)), np.zeros((m, n), F))


@pytest.mark.parametrize("matmul", MATMULS[1:] or [pytest.param(None, marks=needs_native)])
def test_a_native_element_is_one_chain_of_fused_multiply_adds_in_storage_order(matmul):
    # fma(1 + e, 1 - e, -1) is -e**2, where a rounded product would have been 1; and 2**24 + 1 + 1 is 2**24 in this
    # order only.
    e = F(2.0**-12)
    fused = CSR((1, 2), np.array([0, 2]), np.array([0, 1]), F([-1, 1 + e]))
    ordered = CSR((1, 3), np.array([0, 3]), np.array([2, 0, 1]), F([2**24, 1, 1]), canonical=False)
    last = CSR((1, 3), np.array([0, 3]), np.array([0, 1, 2]), F([1, 1, 2**24]))
    for n in (1, 8, 9, 16, 64, 70):
        assert (matmul(fused, np.array([[1] * n, [1 - e] * n], F)) == -e * e).all()
        assert (matmul(ordered, np.ones((3, n), F)) == 2**24).all()
        assert (matmul(last, np.ones((3, n), F)) == 2**24 + 2).all()

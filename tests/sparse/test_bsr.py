"""The laws of blocks: what is stored, what multiplies, what is refused, and the bits of their products."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implementations import NATIVE, each

import refcompress as rc
from refcompress import RefcompressError
from refcompress.agreement import exactly
from refcompress.testing import guarded, layouts

F = np.float32
every_native = each("space", NATIVE)


@given(st.integers(0, 4), st.integers(0, 6), st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_a_block_is_stored_where_a_weight_of_it_is_kept_and_holds_zeros_for_the_others(rows, columns, r, c, seed):
    rng = np.random.default_rng(seed)
    w = rng.integers(1, 9, (rows * r, columns * c)).astype(F)
    mask = rng.random(w.shape) < rng.choice([0.05, 0.3])
    a = rc.sparse_bsr_pack(w, mask, block=(r, c))
    stored = iter(a.blocks)
    for i in range(rows):
        here = [j for j in range(columns) if mask[i * r : i * r + r, j * c : j * c + c].any()]
        assert a.indices[a.indptr[i] : a.indptr[i + 1]].tolist() == here
        for j in here:
            place = np.s_[i * r : i * r + r, j * c : j * c + c]
            assert rc.same(next(stored), np.where(mask[place], w[place], F(0))) and a.kept[place].all()
    assert a.nnz == a.kept.sum() == len(a.indices) * r * c and rc.same(a.values, a.dense()[a.kept])
    assert rc.same(rc.sparse_bsr_unpack(a), np.where(mask, w, F(0))) and rc.same(np.asarray(a), a.dense())
    assert rc.sparse_bsr_pack(w, a.kept & mask, block=(r, c)) == a


def test_without_a_mask_blocks_of_zeros_are_left_out_and_nan_is_stored():
    a = rc.sparse_bsr_pack(F([[0, -0.0, np.nan, 0, 0, 2]]), block=(1, 2))
    assert a.indices.tolist() == [1, 2] and np.isnan(a.blocks[0, 0, 0])
    assert a.describe() == "blocks of 1 x 2, float32, 66.7% kept"


GOOD = {"shape": (4, 9), "indptr": np.array([0, 1, 3]), "indices": np.int32([2, 0, 1]), "blocks": np.ones((3, 2, 3), F)}


@pytest.mark.parametrize("field, value, argument", [
    ("shape", (4,), "shape"), ("shape", (5, 9), "shape[0]"), ("shape", (4, 8), "shape[1]"), ("shape", (6, 9), "indptr"),
    ("shape", (4, 6), "indices[0]"), ("indptr", np.array([0, 1, 2]), "indices"),
    ("indptr", np.array([1, 1, 3]), "indptr[0]"), ("indptr", np.array([0, 4, 3]), "indptr[2]"),
    ("indptr", np.int32([0, 1, 3]), "indptr"),
    ("indices", np.int32([2, 1, 1]), "indices[2]"), ("indices", np.int32([2, -1, 1]), "indices[1]"),
    ("indices", np.array([2, 0, 1]), "indices"), ("indices", np.int32([2, 0]), "indices"),
    ("blocks", np.ones((2, 2, 3), F), "blocks"), ("blocks", np.ones((3, 2, 0), F), "blocks"),
    ("blocks", np.ones((3, 6), F), "blocks"), ("blocks", np.ones((3, 2, 3)), "blocks"),
])
def test_what_is_no_bsr_is_refused_by_name(field, value, argument):
    rc.BSR(**GOOD)
    with pytest.raises(RefcompressError) as caught:
        rc.BSR(**{**GOOD, field: value})
    assert caught.value.argument == argument


@pytest.mark.parametrize("args, block, argument", [
    ((np.ones((2, 3)),), (1, 1), "w"), ((np.ones((2, 3), F),), (1, 2), "w"), ((np.ones((3, 2), F),), (2, 1), "w"),
    ((np.ones(3, F),), (1, 1), "w"), ((np.ones((2, 3), F), np.ones((3, 2), bool)), (1, 1), "mask"),
    ((np.ones((2, 3), F), np.ones((2, 3))), (1, 1), "mask"), ((np.ones((2, 3), F),), 4, "block"),
    ((np.ones((2, 3), F),), np.array(4), "block"),
    ((np.ones((2, 3), F),), (1, 1, 1), "block"), ((np.ones((2, 3), F),), (0, 1), "block[0]"),
    ((np.ones((2, 3), F),), (1, 1.0), "block[1]"),
])
def test_what_no_bsr_is_made_of_is_refused_by_name(args, block, argument):
    with pytest.raises(RefcompressError) as caught:
        rc.sparse_bsr_pack(*args, block=block)
    assert caught.value.argument == argument
    with pytest.raises(RefcompressError, match="^a: "):
        rc.sparse_bsr_unpack(args[0])


def _some(rng, m, k, block, density=0.3):
    (r, c), w = block, rng.standard_normal((m, k), dtype=F)
    mask = rng.random((m // r, k // c)) < density
    return rc.sparse_bsr_pack(w, mask.repeat(r, axis=0).repeat(c, axis=1), block=block)


BLOCKS = [(1, 1), (1, 16), (4, 4), (16, 1), (2, 50), (3, 7), (8, 200)]


@every_native
@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_blocks_have_the_bits_of_the_csr_and_of_the_bitmask_with_their_weights(space, block):
    rng = np.random.default_rng(3)
    a = _some(rng, 3 * 16, 2800, block)
    by_rows, by_mask = rc.csr_from_dense(a.dense(), a.kept), rc.sparse_bitmask_pack(a.dense(), a.kept)
    for n in (1, 2, 17, 33, 64, 130):
        x = rng.standard_normal((2800, n), dtype=F)
        y = space.sparse_matmul(a, x)
        exactly(space.csr_matmul(by_rows, x), y)
        exactly(space.sparse_matmul(by_mask, x), y)


@every_native
@pytest.mark.skipif(not guarded.available(), reason="needs mprotect")
@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_nothing_outside_of_the_arrays_is_read(space, block):
    rng = np.random.default_rng(4)
    a = _some(rng, 48, 2800, block, 0.1)
    for n in (1, 9, 70):
        x = rng.standard_normal((2800, n), dtype=F)
        expected = NATIVE[0].sparse_matmul(a, x)
        for layout in layouts.GUARDED:
            exactly(expected, space.sparse_matmul(*layouts.place((a, x), layout)))


@every_native
def test_a_stored_zero_meets_an_infinity_and_what_lies_outside_of_the_blocks_does_not(space):
    for n in (1, 3, 40):
        x = np.ones((6, n), F)
        x[1] = np.inf
        assert np.isnan(space.sparse_matmul(rc.sparse_bsr_pack(F([[2, 0, 0, 0, 0, 3]]), block=(1, 2)), x)).all()
        assert (space.sparse_matmul(rc.sparse_bsr_pack(F([[2, 0, 0, 0, 0, 3]]), block=(1, 1)), x) == 5).all()


@every_native
@pytest.mark.parametrize("changed", [-1, 2**31 - 1, 700, 0, 41], ids=str)
def test_places_that_changed_after_they_were_checked_are_refused_not_followed(space, changed):
    """0 repeats the column before, 700 lies behind the last one, 41 does not rise."""
    for n in (1, 20, 64):
        for block in ((4, 4), (1, 1)):
            a = rc.sparse_bsr_pack(np.ones((40, 400), F), np.arange(16000).reshape(40, 400) % 6 == 0, block=block)
            space.sparse_matmul(a, np.ones((400, n), F))
            a.indices.flags.writeable = True
            a.indices[-40:] = changed
            with pytest.raises(RefcompressError, match="^a: has an index outside its array"):
                space.sparse_matmul(a, np.ones((400, n), F))

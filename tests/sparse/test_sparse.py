"""The laws of the sparse family: what is stored, what multiplies, what is refused, and bits that nothing changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implementations import EVERYONE, NATIVE, each

import refcompress as rc
from refcompress import ArgumentTypeError, RefcompressError
from refcompress.agreement import exactly
from refcompress.testing import guarded, layouts
from refcompress.testing.sparse import FORMS, dense, sparse

F = np.float32
every_space = each("space", EVERYONE)
every_native = each("space", NATIVE)


@given(st.integers(0, 9), st.integers(0, 40), st.integers(0, FORMS - 1), st.integers(0, 2**32 - 1))
def test_there_and_back_keeps_what_the_mask_keeps_and_nothing_else(m, k, form, seed):
    rng = np.random.default_rng(seed)
    w, mask = dense(rng, m, k, form), rng.random((m, k)) < 0.5
    a = rc.sparse_bitmask_pack(w, mask)
    bits = [[int(byte) >> p & 1 for byte in row for p in range(8)][:k] for row in a.mask]
    assert np.array_equal(np.array(bits, bool).reshape(m, k), mask) and a.nnz == np.count_nonzero(mask)
    back, given_back = (np.asarray(each) for each in (rc.sparse_bitmask_unpack(a), w))
    assert rc.same(back, a.dense()) and rc.same(back, np.where(mask, given_back, F(0)))
    assert rc.sparse_bitmask_pack(rc.sparse_bitmask_unpack(a), mask) == a


def test_without_a_mask_zeros_are_left_out_and_nan_is_stored():
    a = rc.sparse_bitmask_pack(F([[0, -0.0, np.nan, 2]]))
    assert a.kept.tolist() == [[False, False, True, True]] and rc.same(a.values, F([np.nan, 2]))
    q = rc.Quantized(np.int8([[0, -3]]), F([[0.5]]), np.int8([[0]]))
    assert rc.sparse_bitmask_pack(q).values.tolist() == [-3]
    assert rc.sparse_bitmask_pack(rc.Shared(np.uint8([[0, 1]]), F([0, 0]))).values.tolist() == [1]


GOOD = {"shape": (2, 9), "mask": np.uint8([[3, 0], [0, 1]]), "values": np.int8([1, -2, 3]),
        "scale": F([[0.5], [2]]), "group": None, "codebook": None}
CODES = {**GOOD, "values": np.uint8([1, 0, 1]), "scale": None, "codebook": F([0, 7])}


@pytest.mark.parametrize("base, field, value, argument", [
    (GOOD, "shape", (2, 9, 1), "shape"), (GOOD, "shape", (2, 17), "mask"), (GOOD, "mask", np.uint8([[3, 0]]), "mask"),
    (GOOD, "mask", np.uint8([[3, 2], [0, 1]]), "mask[0, 1]"), (GOOD, "mask", np.uint8([[3, 0], [0, 0]]), "values"),
    (GOOD, "values", np.int8([1, 2]), "values"), (GOOD, "values", np.int8([[1, 2, 3]]), "values"),
    (GOOD, "values", F([1, 2, 3]), "scale"), (GOOD, "scale", None, "scale"),
    (GOOD, "scale", F([[0.5], [0]]), "scale[1, 0]"),
    (GOOD, "scale", F([[0.5], [np.inf]]), "scale[1, 0]"), (GOOD, "scale", F([[1, 1]]), "scale"),
    (GOOD, "scale", F([0.5, 1]), "scale"), (GOOD, "group", 8, "scale"), (GOOD, "group", 12, "group"),
    (GOOD, "codebook", F([0, 1]), "codebook"), (CODES, "codebook", None, "codebook"),
    (CODES, "codebook", F([]), "codebook"),
    (CODES, "codebook", F([1, 7]), "codebook[0]"), (CODES, "codebook", F([-0.0, 7]), "codebook[0]"),
    (CODES, "codebook", F([0]), "values[0]"), (CODES, "codebook", np.zeros(257, F), "codebook"),
    (CODES, "codebook", F([0, np.nan]), "codebook[1]"), (CODES, "group", 8, "group"),
])
def test_what_is_no_bitmask_is_refused_by_name(base, field, value, argument):
    rc.Bitmask(**base)
    with pytest.raises(RefcompressError) as caught:
        rc.Bitmask(**{**base, field: value})
    assert caught.value.argument == argument


@pytest.mark.parametrize("w, mask, argument", [
    (np.ones(3, F), None, "w"), (np.ones((2, 3)), None, "w"), (None, None, "w"),
    (np.ones((2, 3), F), np.ones((2, 3)), "mask"),
    (np.ones((2, 3), F), np.ones((3, 2), bool), "mask"), (rc.quantize_s16(np.ones((2, 3), F)), None, "w.values"),
    (rc.quantize_s8(F([[1, 2, 4]]), scheme="affine"), None, "w.zero_point"),
    (rc.Quantized(np.ones((1, 20), np.int8), np.ones((1, 4), F), np.zeros((1, 4), np.int8), 5), None, "w.group"),
    (rc.Quantized(np.ones((2, 3), np.int8), np.ones((1, 3), F), np.zeros((1, 3), np.int8)), None, "w"),
    (rc.Shared(np.uint8([[0]]), F([1])), None, "w.codebook[0]"),
    (rc.Shared(np.uint16([[0]]), np.zeros(300, F)), None, "w.codes"),
    (rc.Shared(np.uint8([[0]]), np.zeros((1, 1, 2), F)), None, "w.codebook"),
])
def test_what_no_bitmask_is_made_of_is_refused_by_name(w, mask, argument):
    with pytest.raises(RefcompressError) as caught:
        rc.sparse_bitmask_pack(w, mask)
    assert caught.value.argument == argument


@every_space
def test_what_is_not_stored_meets_no_infinity_and_a_stored_zero_does(space):
    for n in (1, 3, 20):
        x = np.ones((3, n), F)
        x[1] = np.inf
        for w in (F([[2, 0, 3]]), rc.Quantized(np.int8([[2, 0, 3]]), F([[1]]), np.int8([[0]]))):
            assert (space.sparse_matmul(rc.sparse_bitmask_pack(w), x) == 5).all()
            assert np.isnan(space.sparse_matmul(rc.sparse_bitmask_pack(w, np.ones((1, 3), bool)), x)).all()


@every_native
def test_a_zero_is_never_minus_zero(space):
    w = np.full((70, 33), -1e-30, F)  # each product is below the smallest number, and rounds to -0.0
    for n in (1, 2, 17):
        y = space.sparse_matmul(rc.sparse_bitmask_pack(w), np.full((33, n), 1e-30, F))
        assert (y == 0).all() and not np.signbit(y).any()


@every_native
@pytest.mark.parametrize("tiny", [1e-45, 2.0**-126, 2.0**-110, 3e38])
def test_integers_meet_the_smallest_and_the_largest_inputs_with_the_bits_of_one_chain(space, tiny):
    rng = np.random.default_rng(1)
    a = sparse(rng, 67, 130, 2)
    x = np.where(rng.random((130, 1)) < 0.2, F(tiny), F(0))
    exactly(NATIVE[0].sparse_matmul(a, x), space.sparse_matmul(a, x))


@every_native
@pytest.mark.skipif(not guarded.available(), reason="needs mprotect")
@pytest.mark.parametrize("m, k, n", [(130, 700, 1), (65, 64, 1), (17, 513, 70), (200, 100, 9)])
def test_nothing_outside_of_the_arrays_is_read_where_blocks_are_crossed(space, m, k, n):
    rng = np.random.default_rng(m)
    for form in range(FORMS):
        a, x = sparse(rng, m, k, form, 0.3), rng.standard_normal((k, n), dtype=F)
        expected = NATIVE[0].sparse_matmul(a, x)
        for layout in layouts.GUARDED:
            exactly(expected, space.sparse_matmul(*layouts.place((a, x), layout)))
        if a.scale is not None:
            x8, x_scale = rng.integers(-128, 128, (n, k)).astype(np.int8), np.ones(n, F)
            expected = rc.sparse_s8s8(x8, x_scale, a)
            for layout in layouts.GUARDED:
                exactly(expected, space.sparse_s8s8(*layouts.place((x8, x_scale, a), layout)))


@every_native
def test_a_mask_that_got_more_bits_after_it_was_checked_is_refused_not_followed(space):
    for values, n in ((np.int8, 1), (np.int8, 20), (F, 1), (F, 20), (np.uint8, 1), (np.uint8, 20)):
        w = {np.int8: rc.Quantized(np.ones((70, 80), np.int8), F([[1]]), np.int8([[0]])), F: np.ones((70, 80), F),
             np.uint8: rc.Shared(np.ones((70, 80), np.uint8), F([0, 1]))}[values]
        a = rc.sparse_bitmask_pack(w, np.arange(5600).reshape(70, 80) % 7 == 0)
        space.sparse_matmul(a, np.ones((80, n), F))
        object.__setattr__(a, "values", guarded.ends_at_guard(a.values) if guarded.available() else a.values)
        a.mask.flags.writeable = True
        a.mask[60:] = 255
        with pytest.raises(RefcompressError, match="^a: has an index outside its array"):
            space.sparse_matmul(a, np.ones((80, n), F))
        if values is np.int8:
            with pytest.raises(RefcompressError, match="^w: has an index outside its array"):
                space.sparse_s8s8(np.ones((n, 80), np.int8), np.ones(n, F), a)


def test_what_multiplies_is_told_by_its_type():
    with pytest.raises(ArgumentTypeError, match="^a: must be a Bitmask"):
        rc.sparse_matmul(rc.csr_from_dense(np.ones((2, 2), F)), np.ones((2, 1), F))
    with pytest.raises(ArgumentTypeError, match="^a: "):
        rc.sparse_bitmask_unpack(None)

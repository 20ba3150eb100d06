"""The laws of the sparse family: what is stored, what multiplies, what is refused, and bits that nothing changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implementations import EVERYONE, NATIVE, each

import refcompress as rc
from refcompress import ArgumentTypeError, RefcompressError
from refcompress.agreement import exactly
from refcompress.reference.gemm.contract import sparse_sums
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
def test_without_scales_a_zero_is_never_minus_zero(space):
    w = np.full((70, 33), -1e-30, F)  # each product is below the smallest number, and rounds to -0.0
    for n in (1, 2, 17):
        y = space.sparse_matmul(rc.sparse_bitmask_pack(w), np.full((33, n), 1e-30, F))
        assert (y == 0).all() and not np.signbit(y).any()


@every_native
def test_a_scale_can_round_a_sum_to_minus_zero_and_a_group_without_entries_takes_the_sign_away(space):
    scale = np.full((70, 2), 2.0**-126, F)
    q = rc.Quantized(np.ones((70, 16), np.int8), scale, np.zeros((70, 2), np.int8), 8)
    for kept, negative in ((np.arange(16) >= 0, True), (np.arange(16) < 8, False)):
        a = rc.sparse_bitmask_pack(q, np.broadcast_to(kept, (70, 16)).copy())
        for n in (1, 2, 17):
            x = np.full((16, n), -1e-30, F)
            y = space.sparse_matmul(a, x)
            assert (y == 0).all() and (np.signbit(y) == negative).all()
            exactly(sparse_sums(a, x), y)


@every_native
@pytest.mark.parametrize("tiny", [1e-45, 2.0**-126, 2.0**-110, 3e38])
def test_integers_meet_the_smallest_and_the_largest_inputs_with_the_bits_of_one_chain(space, tiny):
    rng = np.random.default_rng(1)
    a = sparse(rng, 67, 130, 2)
    x = np.where(rng.random((130, 1)) < 0.2, F(tiny), F(0))
    exactly(NATIVE[0].sparse_matmul(a, x), space.sparse_matmul(a, x))


@each("space", NATIVE)
def test_many_rows_of_x_are_multiplied_in_calls_of_bounded_work(space, monkeypatch):
    from refcompress.native import threads

    rng = np.random.default_rng(5)
    a, x = sparse(rng, 9, 40, 3), rng.integers(-128, 128, (150, 40)).astype(np.int8)
    x_scale, bias = rng.uniform(1, 2, 150).astype(F), np.ones(9, F)
    expected, calls, run = space.sparse_s8s8(x, x_scale, a, bias), [], threads.run
    monkeypatch.setattr(threads, "CHUNK_SECONDS", 1e-9)
    monkeypatch.setattr(threads, "run", lambda *args: calls.append(args) or run(*args))
    exactly(expected, space.sparse_s8s8(x, x_scale, a, bias))
    assert len(calls) == 3


@each("space", NATIVE)
@pytest.mark.parametrize("n", [1, 5, 17])
@pytest.mark.skipif(not guarded.available(), reason="needs mprotect")
def test_groups_of_no_columns_have_no_scales_to_read(space, n):
    a = rc.Bitmask((3, 0), np.zeros((3, 0), np.uint8), np.zeros(0, np.int8), np.zeros((3, 0), np.float32), 8)
    object.__setattr__(a, "scale", guarded.ends_at_guard(a.scale))
    exactly(np.zeros((3, n), np.float32), space.sparse_matmul(a, np.zeros((0, n), np.float32)))


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


@given(st.integers(0, 5), st.integers(0, 70), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_relative_index_walks_to_each_kept_weight_and_fills_only_where_it_must(m, k, bits, seed):
    rng = np.random.default_rng(seed)
    codes = (rng.integers(1, 18, (m, k)) * (rng.random((m, k)) < rng.choice([0.01, 0.1, 0.6]))).astype(np.uint8)
    w = rc.Shared(codes, np.arange(18, dtype=F))
    a = rc.sparse_relative_pack(w, bits=bits)
    assert rc.sparse_relative_unpack(a) == w and rc.same(a.dense(), w.dense()) and a.code_bits == 5
    at = [np.unpackbits(each, bitorder="little") for each in (a.skips, a.codes)]
    walked = np.zeros((m, k), np.uint8)
    for i in range(m):
        column = filled = 0
        for e in range(a.starts[i], a.starts[i + 1]):
            skip, code = (int(sum(int(bit) << b for b, bit in enumerate(each[e * n : (e + 1) * n])))
                          for each, n in zip(at, (bits, 5)))
            column += skip + 1
            filled += code == 0
            if code:
                walked[i, column - 1] = code
        gaps = np.diff(np.append(-1, np.flatnonzero(codes[i]))) - 1
        assert filled == sum(int(gap) // 2**bits for gap in gaps)
    assert np.array_equal(walked, codes)


@pytest.mark.parametrize("field, value, argument", [
    ("shape", (2,), "shape"), ("shape", (2, 3), "skips"), ("starts", np.array([0, 3]), "starts"),
    ("starts", np.array([1, 2, 3]), "starts[0]"), ("starts", np.array([0, 4, 3]), "starts[2]"),
    ("starts", np.array([0, 2, 3], np.int32), "starts"), ("starts", np.array([0, 1, 3]), "codes"),
    ("skips", np.uint8([15, 0]), "skips"), ("skips", np.uint8([0b1001111]), "skips[0]"),
    ("skips", np.uint8([0b001110]), "skips[0]"), ("codes", np.uint8([0b111000]), "codes[2]"),
    ("codes", np.uint8([0b000100]), "skips[2]"), ("skip_bits", 0, "skip_bits"), ("code_bits", 9, "code_bits"),
    ("codebook", F([1, 5, 7]), "codebook[0]"), ("codebook", F([0, 5]), "codes[2]"),
    ("codebook", np.zeros(257, F), "codebook"),
])
def test_what_is_no_relative_index_is_refused_by_name(field, value, argument):
    good = {"shape": (2, 9), "starts": np.array([0, 2, 3]), "skips": np.uint8([0b001111]),
            "codes": np.uint8([0b100100]), "skip_bits": 2, "code_bits": 2, "codebook": F([0, 5, 7])}
    assert rc.Relative(**good).dense().nonzero()[1].tolist() == [7, 0]
    with pytest.raises(RefcompressError) as caught:
        rc.Relative(**{**good, field: value})
    assert caught.value.argument == argument


def test_what_no_relative_index_is_made_of_is_refused_by_name():
    w = rc.Shared(np.uint8([[0, 1]]), F([0, 5]))
    for args, kwargs, argument in (((np.ones((2, 3), F),), {}, "w"), ((w, np.ones((1, 2), bool)), {}, "mask"),
                                   ((w,), {"bits": 9}, "bits"),
                                   ((rc.Shared(np.uint8([[0]]), F([1])),), {}, "w.codebook[0]")):
        with pytest.raises(RefcompressError) as caught:
            rc.sparse_relative_pack(*args, **kwargs)
        assert caught.value.argument == argument
    with pytest.raises(ArgumentTypeError, match="^a: "):
        rc.sparse_relative_unpack(w)


@every_native
def test_skips_that_changed_after_they_were_checked_are_refused_not_followed(space):
    for n in (1, 20):
        codes = (np.arange(5600).reshape(70, 80) % 7 == 0).astype(np.uint8)
        a = rc.sparse_relative_pack(rc.Shared(codes, F([0, 1])), bits=4)
        space.sparse_matmul(a, np.ones((80, n), F))
        a.skips.flags.writeable = True
        a.skips[:] = 255
        with pytest.raises(RefcompressError, match="^a: has an index outside its array"):
            space.sparse_matmul(a, np.ones((80, n), F))


@given(st.integers(0, 5), st.integers(0, 6), st.integers(2, 16), st.data())
def test_n_of_m_keeps_what_the_mask_keeps_and_fills_up_with_zeros(rows, groups, m, data):
    n, seed = data.draw(st.integers(1, m)), data.draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    w = rng.integers(1, 9, (rows, groups * m)).astype(F)
    mask = rng.random((rows, groups, m)).argsort(axis=2).reshape(w.shape) < rng.integers(0, n + 1)
    a = rc.sparse_nm_pack(w, mask, n=n, m=m)
    assert rc.same(a.dense(), np.where(mask, w, F(0))) and rc.same(rc.sparse_nm_unpack(a), a.dense())
    kept = a.kept.reshape(rows, groups, m)
    assert (kept.sum(axis=2) == n).all() and (a.kept >= mask).all()
    assert a.places.size == -(-rows * groups * n * a.bits // 8)
    assert np.array_equal(np.unpackbits(a.mask, axis=1, count=w.shape[1], bitorder="little").view(bool), a.kept)
    assert rc.same(rc.sparse_nm_pack(w, a.kept, n=n, m=m).places, a.places)


@every_space
def test_two_of_four_has_the_bits_of_its_bitmask_prepared_or_not(space):
    rng = np.random.default_rng(2)
    for m, k in ((70, 4), (70, 64), (70, 136), (70, 260), (0, 8), (3, 0)):
        mask = rng.random((m, k // 4, 4)).argsort(axis=2).reshape(m, k) < 2
        for form in (0, 1, 2, 5):
            w = dense(rng, m, k, form)
            a, by_mask = rc.sparse_nm_pack(w, mask), rc.sparse_bitmask_pack(w, mask)
            for n in (1, 20):
                x = rng.standard_normal((k, n), dtype=F)
                exactly(space.sparse_matmul(by_mask, x), space.sparse_matmul(a, x))


@pytest.mark.parametrize("field, value, argument", [
    ("shape", (2, 6), "shape[1]"), ("n", 0, "n"), ("n", 5, "n"), ("n", 1, "values"), ("m", 1, "m"), ("m", 17, "m"),
    ("values", F([1, 2, 3]), "values"), ("values", np.int8([1, 2, 3, 4]), "scale"),
    ("places", np.uint8([228, 0]), "places"),
    ("places", np.uint8([0b00010100]), "places[3]"), ("places", np.uint8([0b11100101]), "places[1]"),
])
def test_what_is_no_n_of_m_is_refused_by_name(field, value, argument):
    good = {"shape": (2, 4), "n": 2, "m": 4, "places": np.uint8([0b11100100]), "values": F([1, 2, 3, 4])}
    assert rc.NM(**good).dense().tolist() == [[1, 2, 0, 0], [0, 0, 3, 4]]
    with pytest.raises(RefcompressError) as caught:
        rc.NM(**{**good, field: value})
    assert caught.value.argument == argument


def test_more_than_n_of_m_is_refused_with_its_place():
    w = np.zeros((3, 8), F)
    w[2, 4:7] = 1
    with pytest.raises(RefcompressError, match="at most 2 of every 4 columns; row 2 keeps more in columns 4 to 7$"):
        rc.sparse_nm_pack(w)
    for args, kwargs, argument in (((w, w > 0), {}, "mask"), ((w[:, :6],), {}, "w"), ((w,), {"m": 17}, "m"),
                                   ((w,), {"n": 5}, "n")):
        with pytest.raises(RefcompressError) as caught:
            rc.sparse_nm_pack(*args, **kwargs)
        assert caught.value.argument == argument
    with pytest.raises(ArgumentTypeError, match="^a: "):
        rc.sparse_nm_unpack(w)


def test_rows_without_columns_are_prepared_and_multiplied_whatever_their_number():
    w = rc.Bitmask((2**31, 0), np.zeros((2**31, 0), np.uint8), np.zeros(0, np.float32))
    if NATIVE:
        assert rc.native.prepare(w).packed_bytes == 0
    for space in NATIVE:
        assert space.sparse_matmul(w, np.zeros((0, 0), np.float32)).shape == (2**31, 0)
        assert space.sparse_matmul(rc.native.prepare(w), np.zeros((0, 0), np.float32)).shape == (2**31, 0)
    few = rc.Bitmask((3, 0), np.zeros((3, 0), np.uint8), np.zeros(0, np.int8), np.ones((1, 1), np.float32))
    x, scale, bias = np.zeros((2, 0), np.int8), np.ones(2, np.float32), np.float32([1, -0.0, 3])
    for space in EVERYONE:
        y = space.sparse_s8s8(x, scale, few, bias)
        assert y.tobytes() == np.float32([[1, 0, 3]] * 2).tobytes()
        assert space.sparse_matmul(few, np.zeros((0, 2), np.float32)).tobytes() == bytes(4 * 6)


@pytest.mark.parametrize("w", [rc.BSR((1, 8), np.array([0, 1]), np.int32([0]), np.ones((1, 1, 8), F)),
                               np.ones((1, 8), np.int8)])
def test_the_product_of_integers_names_the_formats_that_it_takes(w):
    refusing = [lambda space=space: space.sparse_s8s8(np.ones((1, 8), np.int8), F([1]), w) for space in EVERYONE]
    if NATIVE:
        refusing.append(lambda: rc.native.prepare(w, "sparse_s8s8"))
    for refused in refusing:
        with pytest.raises(ArgumentTypeError, match=f"must be a Bitmask or an NM.*, not {type(w).__name__}"):
            refused()

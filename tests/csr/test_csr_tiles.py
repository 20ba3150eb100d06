"""The paths of the kernels: tiles of x, four rows side by side, and a matrix prepared for one column. All have the bits
of the contract's one chain an element.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implementations import NATIVE, each, need_native
from refcompress.native._kernels import lib

from refcompress import RefcompressError, reference, same
from refcompress.formats import CSR, Plain
from refcompress.native import csr as native_csr
from refcompress.native import threads
from refcompress.native._call import pointer
from refcompress.reference.gemm.contract import csr_sums
from refcompress.testing import guarded
from refcompress.testing.values import with_fields

native = need_native()
F = np.float32
every_space = each("space", NATIVE)


def random_csr(rng, m, k, density):
    w = rng.standard_normal((m, k)).astype(F)
    return reference.csr_from_dense(w, rng.random((m, k)) < density)


# Tiles begin where each row of x is read eight times; 64 columns have tiles of 128 rows or more, up to 256; 512 rows of
# a meet a tile. Blocks of columns have 1 to 8 vectors of eight, or 1 to 4 of sixteen.
@pytest.mark.parametrize("m, k, density", [(20, 600, 0.9), (40, 257, 0.5), (530, 129, 0.1), (100, 900, 0.1)])
def test_tiles_of_x_change_no_bit(m, k, density):
    rng = np.random.default_rng(m)
    a = random_csr(rng, m, k, density)
    for n in (17, 24, 33, 47, 64, 65, 72, 100, 129, 144):
        x = rng.standard_normal((k, n)).astype(F)
        expected = native.at("portable").csr_matmul(a, x)
        for space in NATIVE[1:]:
            assert same(space.csr_matmul(a, x), expected), (space.__name__, n)
    assert same(native.at("portable").csr_matmul(a, x[:, :3]), csr_sums(a, x[:, :3]))


# Five to eight columns of an x beyond 32 KiB have an order of their own: eight rows side by side, eight entries at a
# time.
@pytest.mark.parametrize("m, k, density", [(64, 1024, 0.1), (63, 1025, 0.1), (80, 1171, 0.05), (71, 1639, 0.9)])
@pytest.mark.parametrize("type_", [None, "bfloat16"])
def test_whether_x_stays_in_the_first_level_cache_changes_no_bit(m, k, density, type_):
    rng = np.random.default_rng(m)
    a = random_csr(rng, m, k, density)
    if type_:
        a = with_fields(a, data=Plain((a.data.view(np.uint32) >> 16).astype(np.uint16), type_))
    for n in (4, 5, 7, 8, 9):
        x = rng.standard_normal((k, n)).astype(F)
        expected = native.at("portable").csr_matmul(a, x)
        for space in NATIVE[1:]:
            assert same(space.csr_matmul(a, x), expected), (space.__name__, n)


@every_space
def test_an_unsorted_row_of_many_columns_keeps_its_order(space):
    rng = np.random.default_rng(1)
    a = CSR((40, 300), np.arange(41) * 100, rng.integers(0, 300, 4000), rng.standard_normal(4000).astype(F),
            canonical=False)
    for n in (1, 8, 20, 64, 70):
        x = rng.standard_normal((300, n)).astype(F)
        assert same(space.csr_matmul(a, x), csr_sums(a, x))


@every_space
def test_a_column_that_falls_behind_where_all_should_rise_is_refused_not_skipped(space):
    a = reference.csr_from_dense(np.ones((20, 600), F))
    for at, value in ((5, 590), (599, 3), (300, 2), (300, 600), (0, -1)):
        indices = a.indices.copy()
        indices[at] = value
        changed = with_fields(a, indices=indices)
        x = np.ones((600, 64), F)
        if 0 <= value < 600:
            try:
                y = space.csr_matmul(changed, x)
            except RefcompressError as error:
                assert error.argument == "a"
            else:  # in place, or within its tile, it is an entry like any other
                assert (y == 600).all()
        else:
            with pytest.raises(RefcompressError, match="^a: has an index outside its array"):
                space.csr_matmul(changed, x)


@pytest.mark.parametrize("at, value", [(0, -1), (1, 2**40), (20, 12_001), (7, 0)])
def test_rows_that_changed_after_they_were_checked_are_not_packed(at, value):
    a = reference.csr_from_dense(np.ones((20, 600), F))
    indptr = a.indptr.copy()
    indptr[at] = value
    changed, sizes = native_csr.csr_struct(with_fields(a, indptr=indptr)), np.zeros(5, np.uint64)
    assert lib.rc_csr_windows_sizes(changed.struct, pointer(sizes, True)) == lib.RC_BAD_INDEX


@given(st.integers(0, 2100), st.integers(0, 100), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_a_prepared_matrix_of_one_column_has_the_bits_of_the_plain_one(m, k, density, seed):
    rng = np.random.default_rng(seed)
    a = native.csr_from_dense(rng.standard_normal((m, k)).astype(F), rng.random((m, k)) < density)
    ready, x = native.prepare(a), rng.standard_normal((k, 1)).astype(F)
    x[rng.random(x.shape) < 0.05] = np.nan
    expected = native.at("portable").csr_matmul(a, x)
    for space in NATIVE:
        assert np.array_equal(space.csr_matmul(ready, x).view(np.uint32), expected.view(np.uint32))
        assert np.array_equal(space.csr_matmul.prepare(ready, x)().view(np.uint32), expected.view(np.uint32))


def windows_run(a) -> bool:
    return "avx512" in [space.csr_matmul.isa for space in NATIVE] and native.prepare(a).packed_bytes > 0


def test_what_is_not_stored_does_not_multiply_in_a_prepared_matrix():
    a = CSR((3, 40), np.array([0, 1, 1, 2]), np.array([33, 0]), F([5, 0]))
    x = np.full((40, 1), np.nan, F)
    x[33] = 2
    y = native.csr_matmul(native.prepare(a), x)
    assert y[0, 0] == 10 and y[1, 0] == 0 and np.isnan(y[2, 0])


def test_ranges_of_a_prepared_matrix_are_whole_blocks_and_threads_change_no_bit():
    rng = np.random.default_rng(5)
    a = random_csr(rng, 3000, 700, 0.6)
    ready, x = native.prepare(a), rng.standard_normal((700, 1)).astype(F)
    before = threads.get()
    try:
        for count in (1, 2, 3):
            threads.set(count)
            assert same(native.csr_matmul(ready, x), native.at("portable").csr_matmul(a, x))
    finally:
        threads.set(before)


def test_what_was_packed_is_said_and_counted():
    rng = np.random.default_rng(6)
    a = random_csr(rng, 64, 320, 0.3)
    ready = native.prepare(a)
    if windows_run(a):
        # A value takes 4 bytes; a column takes a byte in each of 16 lanes, of which two in three are used here.
        assert 5 * a.nnz < ready.packed_bytes < 7 * a.nnz + 1000
    unsorted = CSR((1, 9), np.array([0, 2]), np.array([7, 3]), F([1, 2]), canonical=False)
    assert native.prepare(unsorted).packed_bytes == 0


@pytest.mark.skipif(not guarded.available(), reason="needs guard pages")
def test_nothing_is_read_beyond_the_packed_arrays_or_x():
    rng = np.random.default_rng(7)
    ends = guarded.ends_at_guard
    for m, k in ((1, 1), (17, 33), (1025, 16), (40, 31)):
        a = random_csr(rng, m, k, 0.5)
        at_guard = with_fields(a, **{name: ends(getattr(a, name)) for name in ("indptr", "indices", "data")})
        x = ends(rng.standard_normal((k, 1)).astype(F))
        held = native_csr.csr_packed(at_guard)
        for space in NATIVE:
            assert same(space.csr_matmul(native.prepare(a), x), csr_sums(a, x))
            assert same(space.csr_matmul(at_guard, x), csr_sums(a, x))
        assert held.nbytes == native.prepare(a).packed_bytes


@pytest.mark.skipif(not guarded.available(), reason="needs guard pages")
def test_a_matrix_that_grows_between_sizing_and_packing_is_refused_and_nothing_is_written_outside():
    rng = np.random.default_rng(8)
    a, sizes = random_csr(rng, 100, 64, 0.5), np.zeros(5, np.uint64)
    types = np.uint64, np.uint8, np.uint16, np.uint8, F
    sparser, narrower = random_csr(rng, 100, 64, 0.1), random_csr(rng, 100, 32, 0.9)
    for sized, packed in ((sparser, a), (narrower, a), (a, sparser)):
        struct = native_csr.csr_struct(sized).struct
        assert lib.rc_csr_windows_sizes(struct, pointer(sizes, True)) == lib.RC_OK
        parts = [guarded.ends_at_guard(np.zeros(int(size), dtype)) for size, dtype in zip(sizes, types)]
        pointers = [pointer(part, writable=True) for part in parts]
        struct = native_csr.csr_struct(packed).struct
        assert lib.rc_csr_windows_pack(struct, pointer(sizes), *pointers) == lib.RC_BAD_INDEX

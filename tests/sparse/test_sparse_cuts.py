"""Where the vector kernels of bitmasks cut rows of x, columns and rows of the matrix: the same bits on both sides of
every cut, and nothing read behind an operand."""

import numpy as np
import pytest
from implementations import NATIVE, need_native

import refcompress as rc
from refcompress.agreement import exactly
from refcompress.testing import guarded, layouts

need_native()
F = np.float32
needs_guards = pytest.mark.skipif(not guarded.available(), reason="needs mprotect")


def integers(rng, n, k, density, group=None):
    """Return int8 weights by bitmask, both ends among them, with a scale a row or a group."""
    groups = -(-k // (group or k))
    values = rng.choice(np.int8([-128, -127, -1, 0, 1, 127]), (n, k))
    w = rc.Quantized(values, rng.uniform(0.5, 2, (n, groups)).astype(F),
                     np.zeros((n, groups), np.int8), group)
    return rc.sparse_bitmask_pack(w, rng.random((n, k)) < density)


def inputs(rng, m, k):
    return rng.choice(np.int8([-128, -127, 3, 127]), (m, k)), rng.uniform(0.5, 2, m).astype(F)


def same_by_all(a, x, x_scale, bias, placed=(None,)):
    expected = NATIVE[0].sparse_s8s8(x, x_scale, a, bias)
    for space in NATIVE[1:]:
        for layout in placed:
            given = (x, x_scale, a, bias) if layout is None else layouts.place((x, x_scale, a, bias), layout)
            exactly(expected, space.sparse_s8s8(*given))


@pytest.mark.parametrize("m", [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 73])
def test_each_number_of_rows_of_x_has_the_same_integer_sums(m):
    rng = np.random.default_rng(m)
    for n, k, group in ((5, 8, None), (9, 41, 8), (6, 300, 104), (11, 530, None), (3, 1100, None), (4, 1100, 1032)):
        for density in (0.1, 1.0):
            same_by_all(integers(rng, n, k, density, group), *inputs(rng, m, k), rng.standard_normal(n, dtype=F))


@pytest.mark.parametrize("m, rows", [(1, 4), (4, 2), (9, 512), (17, 256), (33, 128), (64, 128)])
def test_rows_of_the_matrix_behind_a_block_have_the_sums_of_one_call_each(m, rows):
    rng = np.random.default_rng(rows)
    for n in (rows - 1, rows, rows + 1, rows + 5):
        a, (x, x_scale) = integers(rng, n, 48, 0.3, 16), inputs(rng, m, 48)
        same_by_all(a, x, x_scale, None)


@needs_guards
@pytest.mark.parametrize("m", [1, 2, 4, 9, 33, 64])
@pytest.mark.parametrize("k", [1, 15, 16, 17, 255, 257, 511, 513, 1023, 1024, 1025, 1040])
def test_no_integer_is_read_behind_its_operand(m, k):
    rng = np.random.default_rng(k)
    for density in (0.05, 1.0):
        a, (x, x_scale) = integers(rng, 7, k, density), inputs(rng, m, k)
        same_by_all(a, x, x_scale, np.ones(7, F), layouts.GUARDED)


@pytest.mark.parametrize("n", [9, 17, 25, 31, 33, 40, 47, 49, 56, 57, 63, 64, 65, 72, 127, 128, 129])
def test_each_width_of_x_is_one_chain_a_group_copied_or_in_place(n):
    rng = np.random.default_rng(n)
    for rows in (4, 129):  # few rows read x in place; many read a copy of a strip
        for k, group in ((191, None), (193, None), (385, 200), (64, 8)):
            a, x = integers(rng, rows, k, 0.3, group), rng.standard_normal((k, n), dtype=F)
            x[rng.integers(k), rng.integers(n)] = np.inf
            expected = NATIVE[0].sparse_matmul(a, x)
            for space in NATIVE[1:]:
                exactly(expected, space.sparse_matmul(a, x))


@needs_guards
@pytest.mark.parametrize("n", [16, 23, 63, 64, 65, 100])
def test_a_copied_strip_reads_no_column_behind_the_last(n):
    rng = np.random.default_rng(n)
    # Sixteen rows are whole cache lines: an x that ends at a guard begins at a line, too, and is not moved to one.
    a, x = integers(rng, 130, 208, 0.4), rng.standard_normal((208, n), dtype=F)
    expected = NATIVE[0].sparse_matmul(a, x)
    for space in NATIVE[1:]:
        for layout in layouts.GUARDED:
            exactly(expected, space.sparse_matmul(*layouts.place((a, x), layout)))

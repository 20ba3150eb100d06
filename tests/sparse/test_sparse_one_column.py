"""Few columns by bitmask and by relative index: some rows are unpacked at a time, if they fit."""

import numpy as np
import pytest
from implementations import NATIVE, need_native

import refcompress as rc
from refcompress.agreement import exactly
from refcompress.reference.gemm.contract import sparse_sums
from refcompress.testing import guarded, layouts

need_native()
F = np.float32


@pytest.mark.skipif(not guarded.available(), reason="needs mprotect")
@pytest.mark.parametrize("skip_bits", range(1, 9))
def test_each_width_of_skips_and_codes_is_one_chain_a_row(skip_bits):
    rng = np.random.default_rng(skip_bits)
    x = rng.standard_normal((300, 7), dtype=F)
    for code_bits in (1, 3, 4, 5, 8):
        codes = rng.integers(1, 2**code_bits, (15, 300)) * (rng.random((15, 300)) < rng.choice([0.02, 0.2, 0.9]))
        codes[3] = 0
        codes[14, 5:] = 0
        book = np.append(F(0), rng.standard_normal(2**code_bits - 1, dtype=F))
        a = rc.sparse_relative_pack(rc.Shared(codes.astype(np.uint8), book), bits=skip_bits)
        assert a.code_bits == code_bits
        for columns in (1, 7):
            some = np.ascontiguousarray(x[:, :columns])
            expected = sparse_sums(a, some)
            for space in NATIVE:
                for layout in layouts.GUARDED:
                    exactly(expected, space.sparse_matmul(*layouts.place((a, some), layout)))


def test_rows_with_more_entries_than_the_buffers_hold_are_the_same_chains():
    rng = np.random.default_rng(9)
    w, x = rng.standard_normal((8, 20_000), dtype=F), rng.standard_normal((20_000, 5), dtype=F)
    mask = rng.random(w.shape) < F([0.1, 0.9, 0.5, 0.3, 0.5, 1, 0, 0.2])[:, None]
    codes = rc.Shared((mask * rng.integers(1, 40, w.shape)).astype(np.uint8), np.arange(40, dtype=F) / 8)
    for a in (rc.sparse_bitmask_pack(w, mask), rc.sparse_bitmask_pack(codes), rc.sparse_relative_pack(codes)):
        for some in (x, x[:, :1].copy()):
            expected = NATIVE[0].sparse_matmul(a, some)
            for space in NATIVE[1:]:
                exactly(expected, space.sparse_matmul(a, some))


@pytest.mark.skipif(not guarded.available(), reason="needs mprotect")
@pytest.mark.parametrize("columns", [1, 8])
def test_bitmasks_of_each_density_and_kind_are_one_chain_a_row(columns):
    rng = np.random.default_rng(columns)
    x = rng.standard_normal((200, columns), dtype=F)
    book = np.append(F(0), rng.standard_normal(255, dtype=F))
    for density in (0.03, 0.6):
        w = rng.standard_normal((13, 200), dtype=F) * (rng.random((13, 200)) < density)
        w[5] = 0
        kinds = [w, rc.quantize_s8(w, axis=0)]
        for entries in (16, 32, 256):
            kinds.append(rc.Shared(((w != 0) * rng.integers(1, entries, w.shape)).astype(np.uint8), book[:entries]))
        for kind in kinds:
            a = rc.sparse_bitmask_pack(kind)
            expected = sparse_sums(a, x)
            for space in NATIVE:
                for layout in layouts.GUARDED[:1]:
                    exactly(expected, space.sparse_matmul(*layouts.place((a, x), layout)))

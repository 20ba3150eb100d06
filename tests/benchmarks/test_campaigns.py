"""What the longer benchmarks conclude: where sparse breaks even, and which bits differ."""

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from implementations import need_native

from refcompress import reference

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))

from benchmarks import break_even  # noqa: E402

native = need_native()

from benchmarks import same_bits  # noqa: E402
from refcompress.native import threads  # noqa: E402


def rows(name, ratios, columns=1):
    return [break_even.row(name, density, columns, ratio, "NumPy", 1.0)
            for density, ratio in zip(break_even.DENSITIES, ratios)]


def test_where_a_format_loses_is_said_density_by_density(monkeypatch):
    monkeypatch.setattr(break_even, "COLUMNS", (1, 8))
    ahead, mixed, behind = ([2.0] * 7, [3, 2, 1, 0.9, 1.1, 0.5, 0.4], [0.5] * 7)
    lines = break_even.in_words([*rows("CSR", ahead), *rows("CSR", mixed, 8), *rows("mask", behind),
                                 *rows("mask", behind, 8)])
    assert lines.splitlines() == [
        "CSR, 1 column: ahead at every density up to 0.7, 2.00 x there",
        "CSR, 8 columns: LOSES at density 0.2, 0.5, 0.7",
        "mask, 1 column: LOSES at every density",
        "mask, 8 columns: LOSES at every density",
    ]
    dense = [break_even.row("s4", None, columns, ratio, "MKL", 1.0) for columns, ratio in ((1, 4.0), (8, 0.5))]
    assert break_even.in_words(dense).splitlines() == [
        "s4, 1 column: 4.00 x the best dense product (MKL)", "s4, 8 columns: 0.50 x the best dense product (MKL) LOSES"]


@pytest.fixture
def one_thread():
    before = threads.get()
    yield
    threads.set(before)


def test_other_bits_are_found_whichever_form_has_them(monkeypatch, one_thread):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((3, 40)).astype(np.float32), rng.standard_normal((5, 40)).astype(np.float32)
    args = x, reference.quantize_s8(w, group=8)
    calls, wrong = same_bits.differences(args, {}, "gemm_f32s8", random.Random(0))
    assert (calls, wrong) == (6 * len(native.available()), "")
    space = native.available()[-1]
    right = space.gemm_f32s8
    monkeypatch.setattr(space, "gemm_f32s8", lambda x, w: np.nextafter(right(x, w), np.float32(9)))
    assert space.__name__ in same_bits.differences(args, {}, "gemm_f32s8", random.Random(0))[1] or len(
        native.available()) == 1


def test_the_weight_of_a_product_is_its_format_or_the_second_array():
    a = reference.csr_from_dense(np.eye(3, dtype=np.float32))
    x = np.ones((3, 2), np.float32)
    assert same_bits.weight_of((a, x)) == 0 and same_bits.weight_of((x, x.T)) == 1
    assert same_bits.weight_of((x, x[0], reference.quantize_s8(x))) == 2

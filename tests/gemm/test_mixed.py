"""Laws of one matrix in two widths: the format, who gets 16 bits, and the product's two halves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implementations import EVERYONE, each

from refcompress import (
    ArgumentTypeError,
    Mixed,
    Quantized,
    RefcompressError,
    agreement,
    allocate_cost,
    allocate_exact,
    allocate_mixed,
    allocate_outliers,
    gemm_f32mixed,
    gemm_f32s8,
    quantize_s8,
    reference,
    testing,
)
from refcompress.agreement import Disagreement
from refcompress.graph.use import Use
from refcompress.recipes.inference import model_of_layers

every_implementation = each("impl", EVERYONE)
SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(0, 20)


def drawn(seed, n, k, axis):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, k)).astype(np.float32), rng.random((n, k)[axis]) < 0.4, rng


@given(SEEDS, SIZES, SIZES, st.integers(0, 1), st.sampled_from([None, 4, 16]))
def test_each_entry_stands_for_what_its_own_width_makes_of_it(seed, n, k, axis, group):
    w, wide, _ = drawn(seed, n, k, axis)
    m = allocate_mixed(w, wide, axis=axis, group=group)
    assert m.shape == w.shape and m.dense().dtype == np.float32
    at = (slice(None),) * axis
    assert np.array_equal(m.dense()[at + (~wide,)], m.low.dense())
    assert np.array_equal(m.dense()[at + (wide,)], m.high.dense())
    for part, where, slack in ((m.low, ~wide, 2.0**-14), (m.high, wide, 2.0**-6)):
        off = np.abs(part.dense() - w[at + (where,)])
        assert (off <= (0.5 + slack) * part.expand(part.scale)).all()


@every_implementation
@given(seed=SEEDS, m=st.integers(0, 9), n=SIZES, k=SIZES)
def test_the_narrow_rows_have_the_bits_of_gemm_f32s8_and_all_narrow_is_gemm_f32s8(impl, seed, m, n, k):
    w, wide, rng = drawn(seed, n, k, 0)
    x = rng.standard_normal((m, k)).astype(np.float32)
    mixed = allocate_mixed(w, wide)
    agreement.exactly(impl.gemm_f32s8(x, mixed.low), impl.gemm_f32mixed(x, mixed)[:, ~wide])
    for axis in (0, 1):
        none = allocate_mixed(w, np.zeros((n, k)[axis], bool), axis=axis)
        agreement.exactly(impl.gemm_f32s8(x, quantize_s8(w, axis=0)), impl.gemm_f32mixed(x, none))


@given(SEEDS, st.integers(4, 9), st.integers(8, 30))
def test_outlier_columns_at_16_bits_leave_less_error_than_8_bits_throughout(seed, n, k):
    rng = np.random.default_rng(seed)
    w = rng.standard_normal((n, k)).astype(np.float32)
    w[:, 0] = 100 * np.sign(w[:, 0])  # an input whose weights take up the range of every row
    x = rng.standard_normal((5, k)).astype(np.float32)
    wide = np.arange(k) == 0
    exact = x.astype(np.float64) @ w.T.astype(np.float64)
    error = [np.linalg.norm(y - exact) for y in (gemm_f32mixed(x, allocate_mixed(w, wide, axis=1)),
                                                 gemm_f32s8(x, quantize_s8(w, axis=0)))]
    assert error[0] <= error[1]


@given(SEEDS, st.integers(0, 9), st.integers(0, 9), st.floats(0, 3))
def test_outliers_are_the_columns_with_a_value_of_the_threshold_or_more(seed, m, k, threshold):
    x = np.random.default_rng(seed).integers(-3, 4, (m, k)).astype(np.float32)
    expected = [any(abs(v) >= threshold for v in column) for column in x.T]
    assert allocate_outliers(x, threshold=threshold).tolist() == expected


def test_rows_chosen_by_allocate_exact_beat_every_other_choice_of_as_many():
    rng = np.random.default_rng(3)
    w = (rng.standard_normal((8, 16)) * rng.uniform(0.1, 10, (8, 1))).astype(np.float32)
    both = [allocate_mixed(w, np.full(8, wide)).dense() for wide in (False, True)]
    cost = np.stack([allocate_cost(w[i], [version[i] for version in both]) for i in range(8)])
    size = np.tile(np.int64([16, 32]), (8, 1))
    chosen = allocate_exact(cost, size, 8 * 16 + 3 * 16)
    assert chosen.choice.sum() == 3
    errors = {rows: allocate_cost(w, [allocate_mixed(w, np.array([rows >> i & 1 for i in range(8)], bool))])[0]
              for rows in range(256) if rows.bit_count() == 3}
    best = sum(1 << i for i in np.flatnonzero(chosen.choice))
    assert errors[best] == min(errors.values())


@every_implementation
def test_a_network_runs_from_layers_of_two_widths(impl):
    w, wide, rng = drawn(5, 7, 12, 1)
    layer = allocate_mixed(w, wide, axis=1)
    net, use = model_of_layers({"fc1.weight": layer}, order=["fc1"], activations="none"), Use(impl)
    x = rng.standard_normal((3, 12)).astype(np.float32)
    assert np.array_equal(net(x, use=use), impl.gemm_f32mixed(x, layer))
    assert use.said["fc1"][0].startswith("gemm_f32mixed")


def _without_the_wide_part(x, w):
    if not w.high.values.size:
        return reference.gemm_f32mixed(x, w)
    zero = w.high.zero_point[:1, :1].copy()
    nothing = Quantized(np.broadcast_to(zero, w.high.shape).copy(), np.ones((1, 1), np.float32), zero)
    return reference.gemm_f32mixed(x, Mixed(w.low, nothing, w.wide, w.axis))


def _in_stored_order(x, w):
    """The wide rows or columns stand last, and are never put back."""
    count = int(np.count_nonzero(w.wide))
    return reference.gemm_f32mixed(x, Mixed(w.low, w.high, np.arange(len(w.wide)) >= len(w.wide) - count, w.axis))


def _as_int8(x, w):
    low = w.high.values.astype(np.int8).astype(np.int16)
    high = Quantized(low, w.high.scale, w.high.zero_point, w.high.group)
    return reference.gemm_f32mixed(x, Mixed(w.low, high, w.wide, w.axis))


@pytest.mark.parametrize("wrong", [_without_the_wide_part, _in_stored_order, _as_int8])
def test_check_catches_wrong_kernels_of_two_widths(wrong):
    with pytest.raises(Disagreement):
        testing.check("gemm_f32mixed", wrong, examples=0, isolate=False, explain=False)


LOW = quantize_s8(np.ones((2, 3), np.float32))
HIGH = Quantized(np.ones((1, 3), np.int16), np.float32([[1]]), np.int16([[0]]))


@pytest.mark.parametrize("fields, error, argument", [
    ((LOW, HIGH, np.bool_([0, 1, 0]), 2), RefcompressError, "axis"),
    ((LOW, HIGH, np.bool_([0, 1, 0]), True), ArgumentTypeError, "axis"),
    ((None, HIGH, np.bool_([0, 1, 0]), 0), ArgumentTypeError, "low"),
    ((HIGH, HIGH, np.bool_([0, 1, 0]), 0), ArgumentTypeError, "low"),
    ((LOW, LOW, np.bool_([0, 1, 0]), 0), ArgumentTypeError, "high"),
    ((LOW, HIGH, np.bool_([0, 1, 0]), 1), RefcompressError, "high"),
    ((LOW, HIGH, np.uint8([0, 1, 0]), 0), ArgumentTypeError, "wide"),
    ((LOW, HIGH, np.bool_([1, 1, 0]), 0), RefcompressError, "wide"),
    ((LOW, HIGH, np.bool_([0, 1]), 0), RefcompressError, "wide"),
])
def test_the_format_refuses_by_name(fields, error, argument):
    assert Mixed(LOW, HIGH, np.bool_([0, 1, 0]), 0).shape == (3, 3)
    with pytest.raises(RefcompressError) as caught:
        Mixed(*fields)
    assert type(caught.value) is error and caught.value.argument == argument


@pytest.mark.parametrize("call, argument", [
    (lambda: allocate_mixed(np.ones((2, 3)), np.zeros(2, bool)), "w"),
    (lambda: allocate_mixed(np.float32([[1, np.nan]]), np.zeros(1, bool)), "w[0, 1]"),
    (lambda: allocate_mixed(np.ones((2, 3), np.float32), np.zeros(3, bool)), "wide"),
    (lambda: allocate_mixed(np.ones((2, 3), np.float32), np.zeros(2)), "wide"),
    (lambda: allocate_mixed(np.ones((2, 3), np.float32), np.zeros(2, bool), axis=-1), "axis"),
    (lambda: allocate_outliers(np.float32([[np.nan]])), "x[0, 0]"),
    (lambda: allocate_outliers(np.ones((1, 1), np.float32), threshold=-1), "threshold"),
])
def test_allocations_within_a_matrix_refuse_by_name(call, argument):
    with pytest.raises(RefcompressError) as caught:
        call()
    assert caught.value.argument == argument

"""Quantization's other schemes: fewer and more bits, ranges, packing, one and two bits."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from implementations import BOTH, NATIVE, each, native, needs_native
from rounding import gamma

import refcompress as rc
from refcompress import ArgumentTypeError, Packed, Quantized, RefcompressError
from refcompress.agreement import Disagreement, least_divergence
from refcompress.agreement.divergence import loss
from refcompress.constants import LARGEST

ELEMENTS = st.one_of(st.floats(width=32, allow_nan=False, allow_infinity=False),
                     st.sampled_from([0.0, -0.0, 1e-45, LARGEST, -LARGEST, 1.0]))
ARRAYS = hnp.arrays(np.float32, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=9), elements=ELEMENTS)
SCHEME = st.sampled_from(["symmetric", "affine"])
WIDTHS = st.sampled_from([2, 3, 4, 5, 6, 7, 8, 16])


@st.composite
def shared(draw, arrays=ARRAYS):
    """x, and what shares a scale in it."""
    x = draw(arrays)
    sharing = draw(st.sampled_from(["all", "axis", "group"]))
    if sharing == "axis":
        return x, {"axis": draw(st.integers(-x.ndim, x.ndim - 1))}
    return x, {"group": draw(st.integers(1, 10))} if sharing == "group" else {}


def quantize(x, bits, **options):
    return rc.quantize_s16(x, **options) if bits == 16 else rc.quantize_s8(x, bits=bits, **options)


# Bits.

@given(case=shared(), bits=WIDTHS, scheme=SCHEME)
def test_every_width_stays_in_its_range_and_within_half_a_step(case, bits, scheme):
    x, options = case
    q = quantize(x, bits, scheme=scheme, **options)
    half = 2 ** (bits - 1)
    assert q.values.min(initial=0) >= (1 - half if scheme == "symmetric" else -half)
    assert q.values.max(initial=0) <= half - 1
    scales = np.broadcast_to(q.expand(q.scale), x.shape)
    slack = Fraction(1, 2**6 if bits == 16 else 2**14)  # see the docstrings
    for scale, value, got in zip(scales.ravel().tolist(), x.ravel().tolist(), q.dense().ravel().tolist()):
        assert abs(Fraction(got) - Fraction(value)) <= (Fraction(1, 2) + slack) * Fraction(scale)
        assert value != 0 or got == 0


@given(case=shared(), bits=WIDTHS, scheme=SCHEME)
def test_quantizing_what_was_dequantized_gives_the_same_values(case, bits, scheme):
    x, options = case
    q = quantize(x, bits, scheme=scheme, **options)
    again = quantize(q.dense(), bits, scheme=scheme, scale=q.scale, zero_point=q.zero_point, **options)
    assert np.array_equal(again.values, q.values)


@given(x=hnp.arrays(np.float32, st.integers(1, 40), elements=st.floats(-1e3, 1e3, width=32)), bits=WIDTHS,
       scheme=SCHEME)
def test_quantization_is_monotone(x, bits, scheme):
    x = np.sort(x)
    assert np.all(np.diff(quantize(x, bits, scheme=scheme).values.astype(int)) >= 0)


def as_rows(a: np.ndarray) -> np.ndarray:
    """Return the rows in which groups run: of more than two axes the first by all others."""
    return a.reshape(len(a), math.prod(a.shape[1:])) if a.ndim > 2 else a


@given(case=shared(), bits=WIDTHS, scheme=SCHEME)
def test_static_scales_of_the_range_of_x_are_the_dynamic_ones(case, bits, scheme):
    x, options = case
    scale, zero_point = rc.quantize_scale(*rc.quantize_range_minmax(x, **options), bits=bits, scheme=scheme)
    static = quantize(x, bits, scheme=scheme, scale=scale, zero_point=zero_point, **options)
    dynamic = quantize(x, bits, scheme=scheme, **options)
    assert np.array_equal(static.values, dynamic.values) and np.array_equal(static.scale, dynamic.scale)
    assert np.array_equal(static.zero_point, dynamic.zero_point) and static.scale.dtype == np.float32


@pytest.mark.parametrize("options, argument", [
    ({"low": 1.0}, "low"), ({"high": -1.0}, "high"), ({"low": float("nan")}, "low"), ({"high": float("inf")}, "high"),
    ({"high": np.ones(2)}, "high"), ({"low": np.float64([-1, np.nan]), "high": np.ones(2)}, "low[1]"),
    ({"low": np.float32([-1])}, "low"), ({"low": True}, "low"), ({"bits": 9}, "bits"), ({"bits": True}, "bits"),
    ({"scheme": "both"}, "scheme")])
def test_scale_refuses_by_name(options, argument):
    with pytest.raises(RefcompressError) as caught:
        rc.quantize_scale(**{"low": -1.0, "high": 1.0, **options})
    assert caught.value.argument == argument


def test_values_of_16_bits_are_refused_where_8_are_meant():
    q = rc.quantize_s16(np.ones((2, 3), np.float32))
    for refuse, argument in ((lambda: rc.gemm_f32s8(np.ones((1, 3), np.float32), q), "w"),
                             (lambda: rc.dequantize_s8(q), "q"),
                             (lambda: Quantized(q.values, q.scale, np.zeros((1, 1), np.int8)), "zero_point")):
        with pytest.raises(ArgumentTypeError) as caught:
            refuse()
        assert caught.value.argument == argument


@each("impl", NATIVE)
@pytest.mark.parametrize("place", [0, 15, 16, 37, 66])
@pytest.mark.parametrize("value", [0x7FC00000, 0xFFC00000, 0x7F800001, 0xFFBFFFFF, 0x7F800000, 0xFF800000])
@pytest.mark.parametrize("options", [{}, {"scale": 1.0}, {"group": 3}, {"axis": 1}, {"axis": 1, "scale": 1.0},
                                     {"axis": 0}])
def test_kernels_find_what_is_not_finite_wherever_it_is(impl, place, value, options):
    x = np.ones((2, 67), np.float32)
    x.view(np.uint32)[1, place] = value  # quiet NaN, signalling NaN (as bits: a float may be quietened), infinity
    for op in (impl.quantize_s8, impl.quantize_s16):
        with pytest.raises(RefcompressError) as caught:
            op(x, **options)
        assert caught.value.argument == f"x[1, {place}]"


# Ranges.

RANGES = [rc.quantize_range_minmax, rc.quantize_range_percentile, lambda x, **o: rc.quantize_range_mse(x, steps=7, **o),
          lambda x, **o: rc.quantize_range_kl(x, bits=4, bins=32, **o)]


@pytest.mark.parametrize("method", RANGES)
@given(case=shared())
def test_a_range_lies_in_that_of_x_and_is_each_channels_own(method, case):
    x, options = case
    low, high = method(x, **options)
    least, most = rc.quantize_range_minmax(x, **options)
    assert low.dtype == np.float64 and np.all((least <= low) & (low <= 0) & (0 <= high) & (high <= most))
    assert not np.signbit(low[low == 0]).any() and not np.signbit(high).any()
    if "axis" in options:
        for i in range(x.shape[options["axis"]]):
            alone = method(np.take(x, i, axis=options["axis"]).reshape(-1))
            assert np.take(low, i, axis=options["axis"]).item() == alone[0].item()
            assert np.take(high, i, axis=options["axis"]).item() == alone[1].item()
    if "group" in options:
        rows = as_rows(x)
        for index in np.ndindex(low.shape):
            run = slice(index[-1] * options["group"], (index[-1] + 1) * options["group"])
            assert [end.item() for end in method(rows[index[:-1]][run])] == [low[index], high[index]]


@given(case=shared(), percentile=st.sampled_from([1e-9, 1, 50, 99.9, 100]))
def test_a_percentile_holds_that_share_and_no_more_than_it_must(case, percentile):
    x, _ = case
    low, high = (a.item() for a in rc.quantize_range_percentile(x, percentile=percentile))
    t, size = max(-low, high), np.abs(x)
    assert np.count_nonzero(size <= t) >= Fraction(str(percentile)) / 100 * x.size
    assert np.count_nonzero(size < t) < max(1, Fraction(str(percentile)) / 100 * x.size)


def test_a_percentile_is_the_decimal_number_that_it_looks_like():
    x = np.arange(1, 10_001, dtype=np.float32)
    assert rc.quantize_range_percentile(x, percentile=99.99)[1].item() == 9999


@given(case=shared(), bits=st.sampled_from([2, 4, 8]), scheme=SCHEME)
def test_the_least_squared_error_is_the_least_on_the_grid_and_not_above_that_of_minmax(case, bits, scheme):
    x, _ = case
    if x.size == 0:
        return

    def error(low, high):
        scale, zero_point = rc.quantize_scale(low, high, bits=bits, scheme=scheme)
        q = rc.quantize_s8(x, bits=bits, scheme=scheme, scale=scale, zero_point=zero_point)
        return np.sum((q.dense().astype(np.float64) - x) ** 2)

    low, high = rc.quantize_range_minmax(x)
    largest = np.maximum(-low, high)
    thresholds = [largest * (i / 5) for i in range(1, 6)]  # the last bit too is that of the formula
    errors = [error(np.maximum(low, -t) + 0.0, np.minimum(high, t) + 0.0) for t in thresholds]
    best = rc.quantize_range_mse(x, bits=bits, scheme=scheme, steps=5)
    # Each of a sum's n terms is rounded 3 times, and then in n - 1 sums: n + 2 roundings. The function compares sums in
    # another order, so both errors here are so far from the exact ones, and those from the ones that it compares.
    assert error(*best) <= min(errors) * (1 + gamma(4 * (x.size + 2)))


def pseudocode(histogram, levels):
    """Migacz's pseudocode, bin by bin, with sums that are rounded once: the divergence for each number of bins."""
    found = {}
    for m in range(levels, len(histogram) + 1):
        p = list(histogram[:m])
        p[-1] += sum(histogram[m:])
        q = [0.0] * m
        for level in range(levels):
            run = [j for j in range(m) if j * levels // m == level]
            occupied = [j for j in run if histogram[j]]
            for j in occupied:
                q[j] = sum(histogram[i] for i in run) / len(occupied)
        if sum(q):
            pairs = [(a / sum(p), b / sum(q)) for a, b in zip(p, q) if a]
            found[m] = math.fsum(math.inf if b == 0 else a * math.log(a / b) for a, b in pairs)
    return found


@each("impl", BOTH)
@given(histogram=st.lists(st.sampled_from([0, 0, 1, 2, 5, 100]), min_size=8, max_size=24).filter(lambda h: h[-1] > 0),
       bits=st.sampled_from([2, 3, 4]))
def test_the_divergence_is_that_of_the_pseudocode(impl, histogram, bits):
    bins, levels = len(histogram), 2 ** (bits - 1)
    # A value in the middle of each bin; the largest of all, which ends the last one, makes the bins' width 1.
    x = np.repeat(np.arange(bins) + 0.5, histogram).astype(np.float32)
    x[-1] = bins
    high = impl.quantize_range_kl(x, bits=bits, bins=bins)[1].item()
    divergence = pseudocode(histogram, levels)
    m = bins if high == bins and bins in divergence else int(high - 0.5)
    assert high == min(m + 0.5, bins)
    least = min(divergence, key=divergence.get)
    # The pseudocode and the function under test both are off from the rule's number by what the rule allows, each of
    # both divergences.
    allowed = sum(2 * loss(np.int64(histogram), bins_, levels)[1] for bins_ in (m, least))
    assert m == least or divergence[m] <= divergence[least] + allowed


@needs_native
@given(seed=st.integers(0, 2**32 - 1), options=st.sampled_from([{}, {"axis": 0}, {"group": 700}, {"bits": 5}]))
@settings(max_examples=5)
def test_prefix_sums_find_a_range_that_loses_no_more_at_the_bins_of_tensorrt(seed, options):
    x = np.random.default_rng(seed).laplace(size=(2, 900)).astype(np.float32)
    expected, got = rc.quantize_range_kl(x, **options), native.quantize_range_kl(x, **options)
    least_divergence(expected, got, (x,), options)
    wrong = got[0], got[1] * (1 - 1 / 2048)
    with pytest.raises(Disagreement):
        least_divergence(expected, wrong, (x,), options)


def test_ranges_leave_an_outlier_out():
    x = np.random.default_rng(0).laplace(size=20_000).astype(np.float32)
    x[7] = 40
    for low, high in (rc.quantize_range_percentile(x), rc.quantize_range_kl(x)):
        assert 3 < high.item() < 20 and -20 < low.item() < -3


@pytest.mark.parametrize("call, argument", [
    (lambda x: rc.quantize_range_percentile(x, percentile=0), "percentile"),
    (lambda x: rc.quantize_range_percentile(x, percentile=101), "percentile"),
    (lambda x: rc.quantize_range_percentile(x, percentile=float("nan")), "percentile"),
    (lambda x: rc.quantize_range_mse(x, bits=12), "bits"), (lambda x: rc.quantize_range_mse(x, steps=0), "steps"),
    (lambda x: rc.quantize_range_mse(x, scheme="x"), "scheme"), (lambda x: rc.quantize_range_kl(x, bits=16), "bits"),
    (lambda x: rc.quantize_range_kl(x, bins=127), "bins"), (lambda x: rc.quantize_range_kl(x, bins=2**17), "bins"),
    *((lambda x, f=f: f(x / np.float32([[1], [0]])), "x[1, 0]") for f in RANGES),
    *((lambda x, f=f: f(x, axis=2), "axis") for f in RANGES),
    *((lambda x, f=f: f(x.astype(float)), "x") for f in RANGES)])
def test_ranges_refuse_by_name(call, argument):
    with pytest.raises(RefcompressError) as caught, np.errstate(divide="ignore"):
        call(np.float32([[1, 2], [3, 4]]))
    assert caught.value.argument == argument


# Packed.

@given(case=shared(), bits=st.integers(2, 7), scheme=SCHEME)
def test_packing_loses_nothing_and_takes_the_bits_it_says(case, bits, scheme):
    x, options = case
    q = rc.quantize_s8(x, bits=bits, scheme=scheme, **options)
    p = rc.quantize_pack(q, bits=bits)
    back = rc.quantize_unpack(p)
    assert np.array_equal(back.values, q.values) and np.array_equal(back.zero_point, q.zero_point)
    assert np.array_equal(back.scale, q.scale) and back.group == q.group and back.values.dtype == np.int8
    rows = as_rows(q.values)
    assert p.data.size == math.prod(rows.shape[:-1]) * -(-rows.shape[-1] * bits // 8)
    assert p.dense().tobytes() == q.dense().tobytes() and p.shape == x.shape
    if x.size == 0:
        return
    for row, data in zip(rows.reshape(-1, rows.shape[-1]), p.data.reshape(-1, p.data.shape[-1])):
        number = sum((int(v) % 2**bits) << i * bits for i, v in enumerate(row))  # the row as one long integer
        assert int.from_bytes(data.tobytes(), "little") == number


ONE, NONE = np.ones(1, np.float32), np.zeros(1, np.int8)


@pytest.mark.parametrize("fields, argument", [
    ((np.uint8([1, 1]), (3,), 3, ONE, NONE), None), ((np.uint8([1, 2]), (5,), 3, ONE, NONE), None),
    ((np.uint8([1, 0x80]), (5,), 3, ONE, NONE), "data[1]"), ((np.uint8([1, 2]), (6,), 3, ONE, NONE), "data"),
    ((np.uint8([1]), (), 4, ONE, NONE), "shape"), ((np.int8([1]), (2,), 4, ONE, NONE), "data"),
    ((np.uint8([1]), (2,), 8, ONE, NONE), "bits"), ((np.uint8([1]), (2,), 4, ONE, np.int8([8])), "zero_point[0]"),
    ((np.uint8([1]), (8,), 1, ONE, np.int8([-1])), "zero_point[0]"),
    ((np.uint8([1]), (2,), 4, np.float32([np.nan]), NONE), "scale[0]"),
    ((np.uint8([1]), (2,), 4, ONE, NONE, 0), "group"), ((np.uint8([1]), (2**62, 2), 4, ONE, NONE), "shape")])
def test_packed_is_checked_when_it_is_made(fields, argument):
    if argument is None:
        assert Packed(*fields).values.shape == fields[1]
        return
    with pytest.raises(RefcompressError) as caught:
        Packed(*fields)
    assert caught.value.argument == argument


# One bit, and three values.

SMALL = hnp.arrays(np.float32, st.integers(1, 6), elements=st.integers(-4, 4).map(float))


def above_the_best(w):
    """Return by how much the error of the best scale, in float32, may be above that of the best one.

    About its least the error is size * (scale - best)**2, and a scale of at most 4 is rounded by 4 * 2**-24. Each of
    the two errors has n terms (w - scale * value)**2 of at most 64, rounded 3 times, and 3 times more for the scale's
    own mean in float64; then in n - 1 sums.
    """
    return w.size * (4 * 2.0**-24) ** 2 + 2 * gamma(w.size + 5) * 64 * w.size


@given(w=SMALL)
def test_binary_weights_are_the_best_of_all_signs(w):
    q = rc.quantize_binary(w)
    assert set(q.values.tolist()) <= {-1, 1}
    error = np.sum((w - q.dense().astype(np.float64)) ** 2)
    for signs in itertools.product((-1, 1), repeat=len(w)):
        scale = max(0, np.dot(signs, w.astype(np.float64)) / len(w))  # the best one for these signs
        assert error <= np.sum((w - scale * np.array(signs)) ** 2) + above_the_best(w)
    if np.any(w):
        assert rc.quantize_unpack(rc.quantize_pack(q, bits=1)).values.tolist() == q.values.tolist()


@given(w=SMALL)
def test_ternary_weights_of_the_best_threshold_are_the_best_of_all(w):
    error = np.sum((w - rc.quantize_ternary(w, threshold=None).dense().astype(np.float64)) ** 2)
    for values in itertools.product((-1, 0, 1), repeat=len(w)):
        values = np.array(values)
        scale = max(0, np.dot(values, w.astype(np.float64)) / max(1, np.count_nonzero(values)))
        assert error <= np.sum((w - scale * values) ** 2) + above_the_best(w)
    assert error <= np.sum((w - rc.quantize_ternary(w).dense().astype(np.float64)) ** 2) + above_the_best(w)


@given(case=shared(), threshold=st.sampled_from([0, 0.7, 1.5, None]))
def test_binary_and_ternary_scales_are_means_of_what_they_stand_for(case, threshold):
    w, options = case
    for q in (rc.quantize_binary(w, **options), rc.quantize_ternary(w, threshold=threshold, **options)):
        assert q.values.shape == w.shape and not q.zero_point.any() and np.all(np.abs(q.values) <= 1)
        scale = np.broadcast_to(q.expand(q.scale), w.shape)
        kept = np.where(q.values != 0, np.abs(w), 0)
        assert np.all(np.sign(w)[q.values != 0] * q.values[q.values != 0] >= 0)
        if not options and q.values.any():
            mean = kept.astype(np.float64).sum() / np.count_nonzero(q.values)
            assert abs(float(scale.flat[0]) - mean) <= max(mean * 2.0**-23, 2.0**-126)


@pytest.mark.parametrize("op", [rc.quantize_binary, rc.quantize_ternary])
def test_binary_and_ternary_refuse_by_name(op):
    w = np.float32([[1, np.nan]])
    for call, argument in ((lambda: op(w), "w[0, 1]"), (lambda: op(w.astype(float)), "w"),
                           (lambda: op(w, axis=2), "axis"),
                           (lambda: op(w, axis=0, group=1), "axis or group"), (lambda: op(np.float32(1)), "w"),
                           (lambda: rc.quantize_ternary(w, threshold=-1), "threshold")):
        with pytest.raises(RefcompressError) as caught:
            call()
        assert caught.value.argument == argument

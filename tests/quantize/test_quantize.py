"""Quantization to 8 bits: half a step, zero exact, the same values again."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from implementations import each, native, with_kernels_of

from refcompress import ArgumentTypeError, Quantized, RefcompressError, dequantize_s8, quantize_s8, reference
from refcompress.constants import LARGEST
from refcompress.testing.layouts import ODD

SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=9)
EXTREME = st.sampled_from([0.0, -0.0, 1e-45, -1e-45, 1e-38, -2e-38, 0.1, -1.0, 127.5, 3e38, LARGEST, -LARGEST])
ARRAYS = st.one_of(
    hnp.arrays(np.float32, SHAPES, elements=EXTREME),
    hnp.arrays(np.float32, SHAPES, elements=st.floats(width=32, allow_nan=False, allow_infinity=False)),
    hnp.arrays(np.float32, SHAPES, elements=st.floats(-1, 1, width=32)),
)
SCHEME = st.sampled_from(["symmetric", "affine"])

NATIVE = with_kernels_of("quantize_s8")
every_implementation, every_kernel = each("impl", [reference, *NATIVE]), each("impl", NATIVE)
LOWEST = {"symmetric": -127, "affine": -128}


@st.composite
def cases(draw):
    """x and what shares a scale in it."""
    x = draw(ARRAYS)
    sharing = draw(st.sampled_from(["all", "axis", "group"]))
    options = {"scheme": draw(SCHEME)}
    if sharing == "axis":
        options["axis"] = draw(st.integers(-x.ndim, x.ndim - 1))
    if sharing == "group":
        options["group"] = draw(st.one_of(st.integers(1, 10), st.just(2**62)))
    return x, options


@every_implementation
@given(case=cases())
def test_the_error_is_at_most_half_a_step(impl, case):
    x, options = case
    q = impl.quantize_s8(x, **options)
    dense = impl.dequantize_s8(q)
    assert dense.dtype == np.float32 and dense.shape == x.shape and np.all(np.isfinite(dense))
    scales = np.broadcast_to(q.expand(q.scale), x.shape)
    for scale, value, got in zip(scales.ravel().tolist(), x.ravel().tolist(), dense.ravel().tolist()):
        # 2**-14: see the docstring. The sum is exact here.
        assert abs(Fraction(got) - Fraction(value)) <= (Fraction(1, 2) + Fraction(1, 2**14)) * Fraction(scale)


@every_kernel
@given(case=cases())
def test_c_gives_the_bits_of_the_reference(impl, case):
    x, options = case
    q, expected = impl.quantize_s8(x, **options), quantize_s8(x, **options)
    assert np.array_equal(q.values, expected.values) and q.values.dtype == np.int8
    assert np.array_equal(q.scale, expected.scale) and np.array_equal(q.zero_point, expected.zero_point)
    assert impl.dequantize_s8(q).tobytes() == dequantize_s8(q).tobytes()


@st.composite
def formats(draw):
    """A Quantized with scales of any shape that the format allows."""
    values = draw(hnp.arrays(np.int8, SHAPES))
    group = draw(st.none() | st.integers(1, 10) | st.just(2**62))
    full = values.shape if group is None else (*values.shape[:-1], -(-values.shape[-1] // group))
    shape = [draw(st.sampled_from([1, size])) for size in full]
    if group is not None:
        shape[-1] = full[-1]
    scales = st.sampled_from([2.0**-126, 0.1, 1.0, 3.0, 3e38])
    return Quantized(values, draw(hnp.arrays(np.float32, tuple(shape), elements=scales)),
                     draw(hnp.arrays(np.int8, tuple(shape))), group)


@every_kernel
@given(q=formats())
def test_c_dequantizes_every_shape_of_scales_to_the_bits_of_the_reference(impl, q):
    assert impl.dequantize_s8(q).tobytes() == dequantize_s8(q).tobytes()


@every_kernel
@pytest.mark.parametrize("options", [{}, {"axis": 0}, {"axis": 1}, {"axis": 2}, {"group": 5}, {"group": 32}])
def test_a_large_array_has_the_same_bits_in_c_for_any_number_of_threads(impl, options):
    x = np.random.default_rng(7).normal(size=(67, 33, 150)).astype(np.float32)
    expected, count = quantize_s8(x, **options), native.threads.get()
    dense = dequantize_s8(expected)
    try:
        for threads in (1, 2, 3):
            native.threads.set(threads)
            q = impl.quantize_s8(x, **options)
            assert np.array_equal(q.values, expected.values)
            assert impl.dequantize_s8(q).tobytes() == dense.tobytes()
    finally:
        native.threads.set(count)


@given(cases())
def test_zero_is_exact(case):
    x, options = case
    assert np.all(dequantize_s8(quantize_s8(x, **options))[x == 0] == 0)


@given(cases())
def test_quantizing_again_with_the_same_scales_gives_the_same_values(case):
    x, options = case
    q = quantize_s8(x, **options)
    again = quantize_s8(dequantize_s8(q), scale=q.scale, zero_point=q.zero_point, **options)
    assert np.array_equal(again.values, q.values)


@given(cases())
def test_symmetric_never_gives_minus_128_and_mirrors(case):
    x, options = case
    options["scheme"] = "symmetric"
    q, mirrored = quantize_s8(x, **options), quantize_s8(-x, **options)
    assert q.values.min(initial=0) >= -127 and not q.zero_point.any()
    assert np.array_equal(mirrored.values, -q.values) and np.array_equal(mirrored.scale, q.scale)


@given(cases())
def test_the_scales_are_those_of_the_formula(case):
    x, options = case
    q = quantize_s8(x, **options)
    scale, zero_point = (np.broadcast_to(q.expand(a), x.shape).ravel().tolist() for a in (q.scale, q.zero_point))
    for s, z, members in zip(scale, zero_point, sharers(x, q, options)):
        low, high = min(0.0, *members), max(0.0, *members)
        wide = max(-low, high) / 127 if options["scheme"] == "symmetric" else (high - low) / 255
        assert s == (float(np.float32(max(wide, 2.0**-126))) if wide else 1)
        assert z == (0 if options["scheme"] == "symmetric" else min(127, max(-128, round(-128 - low / s))))


def sharers(x, q, options):
    """For each element of x, in C order, a list of those that share its scale (itself twice, so that min takes one)."""
    for index in np.ndindex(x.shape):
        if "axis" in options:
            together = np.take(x, index[options["axis"]], axis=options["axis"])
        elif "group" in options:
            rows = x.reshape(len(x), math.prod(x.shape[1:])) if x.ndim > 2 else x
            *row, place = index if x.ndim <= 2 else (index[0], int(np.ravel_multi_index(index[1:], x.shape[1:])))
            first = place - place % options["group"]
            together = rows[tuple(row)][first : min(first + options["group"], rows.shape[-1])]
        else:
            together = x
        yield [*together.ravel().tolist(), float(x[index])]


@given(cases())
def test_each_channel_or_group_is_as_if_alone(case):
    x, options = case
    q = quantize_s8(x, **options)
    if "axis" in options:
        axis = options.pop("axis")
        for i in range(x.shape[axis]):
            alone = quantize_s8(np.take(x, i, axis=axis).reshape(-1), **options)
            assert np.array_equal(np.take(q.values, i, axis=axis).ravel(), alone.values)
            assert np.take(q.scale, i, axis=axis).item() == alone.scale.item()
    elif "group" in options:
        group = options.pop("group")
        rows, values = (a.reshape(len(a), math.prod(a.shape[1:])) if a.ndim > 2 else a for a in (x, q.values))
        assert q.scale.shape == (*rows.shape[:-1], -(-rows.shape[-1] // group))
        for index in np.ndindex(q.scale.shape):
            run = slice(index[-1] * group, min((index[-1] + 1) * group, rows.shape[-1]))
            alone = quantize_s8(rows[index[:-1]][run], **options)
            assert np.array_equal(values[index[:-1]][run], alone.values)
            assert q.scale[index] == alone.scale.item() and q.zero_point[index] == alone.zero_point.item()


@every_implementation
@given(halves=hnp.arrays(np.float32, st.integers(0, 70), elements=st.integers(-300, 300).map(lambda i: i / 2)),
       exponent=st.integers(-126, 119), zero_point=st.integers(-128, 127))
def test_ties_go_to_even_and_what_lies_beyond_is_clipped(impl, halves, exponent, zero_point):
    scale = 2.0**exponent  # divisions are exact, so every odd number of halves is a tie
    x = np.ldexp(halves, exponent)
    q = impl.quantize_s8(x, scheme="affine", scale=scale, zero_point=zero_point)
    assert q.values.tolist() == [min(127, max(-128, round(h) + zero_point)) for h in halves.tolist()]
    q = impl.quantize_s8(x, scale=scale)
    assert q.values.tolist() == [min(127, max(-127, round(h))) for h in halves.tolist()]


@every_implementation
@given(x=ARRAYS, scale=st.sampled_from([2.0**-126, 1e-30, 0.1, 3e38]), scheme=SCHEME)
def test_a_scale_of_the_callers_clips_and_never_overflows(impl, x, scale, scheme):
    q = impl.quantize_s8(x, scheme=scheme, scale=scale)
    s = float(q.scale.item())
    assert s == np.float32(scale)
    z = int(q.zero_point.item())
    for value, x_i in zip(q.values.ravel().tolist(), x.ravel().tolist()):
        # float32 division of what float32 can hold, by way of float64: rounding twice is harmless for a quotient
        step = min(1e9, max(-1e9, float(np.float32(min(LARGEST, max(-LARGEST, x_i / s))))))
        assert value == min(127, max(LOWEST[scheme], round(step) + z))


@every_implementation
@given(data=st.data())
def test_dequantize_is_one_rounding_of_the_product(impl, data):
    values = data.draw(hnp.arrays(np.int8, SHAPES))
    scale = data.draw(st.floats(2.0**-126, LARGEST, width=32))
    zero_point = data.draw(st.integers(-128, 127))
    shape = (1,) * values.ndim
    q = Quantized(values, np.full(shape, scale, np.float32), np.full(shape, zero_point, np.int8))
    for got, value in zip(impl.dequantize_s8(q).ravel().tolist(), values.ravel().tolist()):
        exact = scale * (value - zero_point)  # 24 bits times 9: exact in float64
        assert got == (np.float32(exact) if abs(exact) <= LARGEST else np.copysign(LARGEST, exact))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3)])
@pytest.mark.parametrize("options", [{}, {"axis": 0}, {"axis": -1}, {"group": 4}])
@pytest.mark.parametrize("scheme", ["symmetric", "affine"])
@every_implementation
def test_empty_arrays_have_scales_of_one(impl, shape, options, scheme):
    q = impl.quantize_s8(np.empty(shape, np.float32), scheme=scheme, **options)
    assert q.shape == impl.dequantize_s8(q).shape == shape and np.all(q.scale == 1)


@pytest.mark.parametrize("scheme, zero_point", [("symmetric", 0), ("affine", -128)])
def test_all_zero_has_scale_one_and_the_values_of_zero(scheme, zero_point):
    q = quantize_s8(np.float32([0.0, -0.0]), scheme=scheme)
    assert q.scale == 1 and q.zero_point == zero_point and np.all(q.values == zero_point)


def test_tiny_ranges_floor_the_scale_and_huge_ones_do_not_overflow():
    assert quantize_s8(np.float32([1e-45])).scale == 2.0**-126
    huge = np.float32([LARGEST, -LARGEST])
    for scheme in LOWEST:
        q = quantize_s8(huge, scheme=scheme)
        assert np.isfinite(q.scale) and np.all(np.abs(dequantize_s8(q)) > 3.3e38)


@pytest.mark.parametrize("layout", ODD, ids=lambda f: f.__name__)
@pytest.mark.parametrize("options", [{"axis": 0}, {"group": 5}, {"axis": 1, "scheme": "affine"}])
@every_implementation
def test_every_layout_gives_the_same_bits_and_is_left_alone(impl, layout, options):
    x = np.random.default_rng(3).normal(size=(9, 17)).astype(np.float32)
    expected, odd = quantize_s8(x, **options), layout(x)
    got = impl.quantize_s8(odd, scale=layout(expected.scale), zero_point=layout(expected.zero_point), **options)
    for q in (got, impl.quantize_s8(odd, **options)):
        assert np.array_equal(q.values, expected.values) and np.array_equal(q.scale, expected.scale)
    assert np.array_equal(odd, x)


@every_implementation
@pytest.mark.parametrize("options", [{}, {"axis": 0}, {"axis": 1}, {"group": 16}, {"group": 7}], ids=str)
def test_a_range_refuses_what_is_not_finite_wherever_it_is(impl, options):
    for at in ((0, 0), (2, 5), (1, 33), (0, 68), (2, 69)):
        for bad in (np.nan, np.inf, -np.inf):
            x = np.ones((3, 70), np.float32)
            x[at] = bad
            with pytest.raises(RefcompressError) as caught:
                impl.quantize_range_minmax(x, **options)
            assert caught.value.argument == f"x[{at[0]}, {at[1]}]"


X = np.float32([[1, 2, 3], [4, 5, 6]])
NAN, INF = X.copy(), X.copy()
NAN[1, 0], INF[0, 2] = np.nan, -np.inf
ONE = np.ones((1, 1), np.float32)
REFUSED = [
    ({"x": NAN}, RefcompressError, "x[1, 0]"),
    ({"x": INF}, RefcompressError, "x[0, 2]"),
    ({"x": X.astype(np.float64)}, ArgumentTypeError, "x"),
    ({"x": X.tolist()}, ArgumentTypeError, "x"),
    ({"x": np.ma.masked_array(X)}, ArgumentTypeError, "x"),
    ({"x": np.float32(1)}, RefcompressError, "x"),
    ({"scheme": "asymmetric"}, RefcompressError, "scheme"),
    ({"scheme": None}, ArgumentTypeError, "scheme"),
    ({"axis": 2}, RefcompressError, "axis"),
    ({"axis": -3}, RefcompressError, "axis"),
    ({"axis": 0.0}, ArgumentTypeError, "axis"),
    ({"axis": (0, 1)}, ArgumentTypeError, "axis"),
    ({"group": 0}, RefcompressError, "group"),
    ({"group": True}, ArgumentTypeError, "group"),
    ({"group": 2**64}, RefcompressError, "group"),
    ({"axis": 0, "group": 2}, RefcompressError, "axis or group"),
    ({"scale": 0.0}, RefcompressError, "scale"),
    ({"scale": -1.0}, RefcompressError, "scale"),
    ({"scale": float("nan")}, RefcompressError, "scale"),
    ({"scale": float("inf")}, RefcompressError, "scale"),
    ({"scale": 1e-39}, RefcompressError, "scale"),
    ({"scale": 1e39}, RefcompressError, "scale"),
    ({"scale": "1"}, ArgumentTypeError, "scale"),
    ({"scale": [1.0]}, ArgumentTypeError, "scale"),
    ({"scale": np.ones(2, np.float32), "axis": 0}, RefcompressError, "scale"),
    ({"scale": np.ones((3, 1), np.float32), "axis": 0}, RefcompressError, "scale"),
    ({"scale": np.ones((2, 1), np.float64), "axis": 0}, ArgumentTypeError, "scale"),
    ({"scale": np.float32([[1], [0]]), "axis": 0}, RefcompressError, "scale[1, 0]"),
    ({"scale": np.float32([[1], [np.nan]]), "axis": 0}, RefcompressError, "scale[1, 0]"),
    ({"scale": np.float32([[np.inf], [1]]), "axis": 0}, RefcompressError, "scale[0, 0]"),
    ({"scale": np.float32([[1], [1e-45]]), "axis": 0}, RefcompressError, "scale[1, 0]"),
    ({"zero_point": 0}, RefcompressError, "zero_point"),
    ({"scale": 1.0, "zero_point": 1}, RefcompressError, "zero_point[0, 0]"),
    ({"scale": 1.0, "zero_point": 128, "scheme": "affine"}, RefcompressError, "zero_point"),
    ({"scale": 1.0, "zero_point": -129, "scheme": "affine"}, RefcompressError, "zero_point"),
    ({"scale": 1.0, "zero_point": 0.0, "scheme": "affine"}, ArgumentTypeError, "zero_point"),
    ({"scale": ONE, "zero_point": ONE, "scheme": "affine"}, ArgumentTypeError, "zero_point"),
    ({"scale": ONE, "zero_point": np.zeros(1, np.int8), "scheme": "affine"}, RefcompressError, "zero_point"),
]


@every_implementation
@pytest.mark.parametrize("options, error, argument", REFUSED)
def test_refuses_by_name(impl, options, error, argument):
    options = {"x": X, **options}
    with pytest.raises(RefcompressError) as caught:
        impl.quantize_s8(**options)
    assert type(caught.value) is error and caught.value.argument == argument


@every_implementation
def test_dequantize_refuses_anything_else(impl):
    with pytest.raises(ArgumentTypeError) as caught:
        impl.dequantize_s8(X)
    assert caught.value.argument == "q"


@every_implementation
def test_scales_stay_the_callers_own(impl):
    """They may be written after the call, and the result does not change with them."""
    scale, zero_point, x = np.float32([0.5]), np.int8([3]), np.float32([1, 2, 3])
    q = impl.quantize_s8(x, scheme="affine", scale=scale, zero_point=zero_point)
    scale[0], zero_point[0] = 7, 5
    assert q.scale[0] == 0.5 and q.zero_point[0] == 3

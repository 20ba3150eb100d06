"""Operations against their definitions, written here once more, element by element."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress import native, reference
from refcompress.graph import Builder

RNG = np.random.default_rng(6)


def real(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def apply(operation, *inputs, outputs=1, **attributes):
    """Return what an operation gives, by the reference and by the kernels the same bits."""
    builder = Builder()
    names = [None if a is None else builder.input(f"in{i}", np.shape(a), np.asarray(a).dtype.name)
             for i, a in enumerate(inputs)]
    found = getattr(builder, operation)(*names, outputs=outputs, **attributes)
    model = builder.model(*(found if outputs > 1 else [found]))
    arrays = [np.asarray(a) for a in inputs if a is not None]
    y, also = (model(*arrays, implementation=each, allow_nan=True) for each in (reference, native))
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in (zip(y, also) if outputs > 1 else [(y, also)]))
    return y


def windows(size, k, stride, begin, end, dilation, ceil):
    """Return the places under a window at each of its places along an axis, those in the pads too."""
    last, found = size + end - 1, []
    for first in itertools.count(-begin, stride):
        whole = first + dilation * (k - 1) <= last
        if not whole and (not ceil or first >= size or first + dilation * (k - 1) - last >= stride):
            return found
        found.append([first + dilation * i for i in range(k)])


@given(st.data())
def test_pools_take_what_lies_under_each_place_of_the_window(data):
    def draw(low, high):
        return data.draw(st.integers(low, high))

    kernel, strides, ceil = (draw(1, 3), draw(1, 3)), (draw(1, 3), draw(1, 3)), data.draw(st.booleans())
    dilations, counted = (draw(1, 2), 1), data.draw(st.booleans())
    pads = tuple(draw(0, k // 2) for k in (*kernel, *kernel))
    x = np.random.default_rng(draw(0, 999)).integers(-9, 10, (2, 2, draw(5, 8), draw(5, 8))).astype(np.float32)
    places = [windows(x.shape[2 + i], kernel[i], strides[i], pads[i], pads[i + 2], dilations[i], ceil) for i in (0, 1)]
    window = {"kernel": kernel, "strides": strides, "pads": pads, "dilations": dilations, "ceil": ceil}
    largest, mean = apply("max_pool", x, **window), apply("average_pool", x, count_include_pad=counted, **window)
    assert largest.shape == mean.shape == (2, 2, len(places[0]), len(places[1]))
    for (r, rows), (s, columns) in itertools.product(*map(enumerate, places)):
        cells = [(a, b) for a in rows for b in columns]
        inside = [(a, b) for a, b in cells if 0 <= a < x.shape[2] and 0 <= b < x.shape[3]]
        padded = [(a, b) for a, b in cells if a < x.shape[2] + pads[2] and b < x.shape[3] + pads[3]]
        for i, c in np.ndindex(2, 2):
            values = [x[i, c, a, b] for a, b in inside]
            assert largest[i, c, r, s] == max(values)
            assert mean[i, c, r, s] == np.float32(sum(map(float, values)) / len(padded if counted else inside))


def test_norms_are_their_formulas_rounded_at_the_end():
    x, weight, bias = real(3, 4, 5), real(5), real(5)
    for axis, w, b in ((-1, weight, bias), (1, real(4, 5), real(4, 5)), (2, weight, None)):
        along = tuple(range(axis % 3, 3))
        d = x.astype(np.float64) - x.astype(np.float64).mean(along, keepdims=True)
        y = d / np.sqrt((d * d).mean(along, keepdims=True) + 1e-3) * w + (0 if b is None else b)
        got = apply("layer_norm", x, w, b, axis=axis, epsilon=1e-3)
        assert np.all(np.abs(got - y) <= 2.0**-24 * np.abs(y) + 2.0**-40)
    y = x / np.sqrt((x.astype(np.float64) ** 2).mean(-1, keepdims=True) + 1e-3) * weight
    assert np.all(np.abs(apply("rms_norm", x, weight, epsilon=1e-3) - y) <= 2.0**-24 * np.abs(y) + 2.0**-40)


def test_batch_norm_is_its_formula_within_two_roundings_of_each_part():
    x, (w, b, m), v = real(2, 3, 4, 4), real(3, 3), np.abs(real(3))
    each = (slice(None), None, None)
    a = w.astype(np.float64) / np.sqrt(v.astype(np.float64) + 1e-5)
    y = (x - m[each].astype(np.float64)) * a[each] + b[each]
    bound = 2.0**-24 * (2 * np.abs(x * a[each]) + np.abs(b - a * m)[each] + np.abs(y)) * 1.001
    assert np.all(np.abs(apply("batch_norm", x, w, b, m, v) - y) <= bound)


@pytest.mark.parametrize("groups", [0, 1, 2, 4])
def test_group_norm_is_layer_norm_of_each_group(groups):
    x, w, b = real(2, 4, 3, 3), real(4), real(4)
    y = apply("group_norm", x, w, b, groups=groups)
    parts = groups or 4
    plain = apply("layer_norm", x.reshape(2 * parts, -1), epsilon=1e-5).reshape(x.shape)
    assert np.array_equal(y, plain * w[:, None, None] + b[:, None, None])


def test_activations_at_the_ends_and_at_zero():
    x = np.float32([-np.inf, -1e30, -4, -3, -1, -0.0, 0, 1, 3, 4, 1e30, np.inf, np.nan])
    assert apply("relu", x)[-1] != apply("relu", x)[-1] and np.array_equal(apply("relu", x)[:-1], np.maximum(x[:-1], 0))
    third = np.float32(-1) * np.float32(1 / 6) + np.float32(0.5)  # each step is rounded
    assert apply("hard_swish", x)[2:-3].tolist() == [0, 0, -third, 0, 0, np.float32(1 / 6) + np.float32(0.5), 3, 4]
    assert np.array_equal(apply("hard_sigmoid", x, alpha=0.5, beta=0.5)[:-1], np.clip(x[:-1] * 0.5 + 0.5, 0, 1))
    assert np.array_equal(apply("leaky_relu", x, alpha=0.25)[:-1], np.where(x < 0, x / 4, x)[:-1])
    assert apply("clip", x, low=-2.0, high=2.0)[:-1].tolist() == np.clip(x[:-1], -2, 2).tolist()
    assert apply("clip", np.int8([-9, 9]), np.int8(-3), None).tolist() == [-3, 9]
    assert apply("tanh", x)[[0, 5, 11]].tolist() == [-1, 0, 1]
    assert apply("sigmoid", x)[[0, 6, 11]].tolist() == [0, 0.5, 1]
    assert apply("erf", x)[[0, 6, 11]].tolist() == [-1, 0, 1] and apply("exp", x)[[0, 6, 11]].tolist() == [0, 1, np.inf]
    for approximate in False, True:
        assert apply("gelu", x, approximate=approximate)[[6, 11]].tolist() == [0, np.inf]


def test_division_of_integers_is_cut_off_towards_zero_and_of_floats_is_ieee():
    a, b = np.int64([7, -7, 7, -7, 6, 0]), np.int64([2, 2, -2, -2, 3, 5])
    assert apply("divide", a, b).tolist() == [3, -3, -3, 3, 2, 0]
    assert apply("divide", np.float32([1, -1, 0]), np.float32([0]))[:2].tolist() == [np.inf, -np.inf]


@pytest.mark.parametrize("exponent", [1, 2, 3, 0.5, -1.5, 4])
def test_powers_are_those_of_float64_rounded_or_products_in_float32(exponent):
    x = np.abs(real(50))
    y, exact = apply("power", x, np.float32(exponent)), x.astype(np.float64) ** exponent
    roundings = {1: 0, 2: 1, 3: 2}.get(exponent, 1)
    assert np.all(np.abs(y - exact) <= roundings * 2.0**-24 * exact * 1.001)


def test_reductions_are_exact_for_integers_and_rounded_once_for_floats():
    x = np.float32([[1e8, 1, -1e8, 1], [3, 4, 5, 0.5]])
    assert apply("reduce_sum", x, axes=(1,), keep=False).tolist() == [2, 12.5]
    assert apply("reduce_mean", x, axes=(1,)).tolist() == [[0.5], [3.125]]
    assert apply("reduce_max", x).tolist() == [[1e8]] and apply("reduce_min", x, keep=False).tolist() == -1e8
    assert apply("reduce_product", x, axes=(0,), keep=False).tolist() == [3e8, 4, -5e8, 0.5]
    assert apply("reduce_sum", np.int64([2**62, 5, -(2**62)]), keep=False).tolist() == 5
    assert apply("reduce_sum", x, none_is_none=True).tolist() == x.tolist()
    assert np.isnan(apply("reduce_max", np.float32([1, np.nan]), keep=False))
    empty = np.zeros((0, 3), np.float32)
    assert apply("reduce_max", empty, axes=(0,), keep=False).tolist() == [-np.inf] * 3
    assert apply("reduce_sum", empty, axes=(0,), keep=False).tolist() == [0, 0, 0]
    assert apply("argmax", np.float32([[1, 3, 3]]), axis=1, keep=False).tolist() == [1]


@given(st.integers(1, 6), st.integers(-9, 9), st.integers(-9, 9), st.sampled_from([-3, -1, 1, 2]))
def test_slices_are_those_of_onnx_which_clamps_ends_where_python_wraps(size, start, end, step):
    """ONNX counts a negative end once from the back, then clamps it: for steps below 0 to -1, which means 'through 0'.
    """
    x = np.arange(size, dtype=np.float32)
    y = apply("slice", x, starts=(start,), ends=(end,), steps=(step,))
    first, last = (each + size if each < 0 else each for each in (start, end))
    first = min(max(first, 0), size if step > 0 else size - 1)
    last = min(max(last, 0), size) if step > 0 else min(max(last, -1), size - 1)
    assert y.tolist() == [x[i] for i in range(first, last, step)]


def test_a_place_that_is_an_integer_is_one_to_the_last_bit():
    """Of 7 values 3 are taken at (2 i + 1) 7 / 6 - 1 / 2 = 2 / 3, 3, 16 / 3: the middle one whatever rounds it."""
    x = np.arange(7, dtype=np.float32)
    for coordinates in "half_pixel", "half_pixel_symmetric":
        for rounding in "floor", "ceil":
            assert apply("resize", x, sizes=(3,), coordinates=coordinates, rounding=rounding)[1] == 3
    for size, of in itertools.product(range(1, 40), range(1, 40)):
        x = np.arange(of, dtype=np.float32)
        y = apply("resize", x, sizes=(size,), coordinates="asymmetric", rounding="floor") if of % 7 == 0 else None
        assert y is None or y.tolist() == [i * of // size for i in range(size)]


def place(coordinates, i, size, of, scale):
    return {"half_pixel": (i + 0.5) / scale - 0.5, "asymmetric": i / scale,
            "pytorch_half_pixel": (i + 0.5) / scale - 0.5 if size > 1 else 0.0,
            "align_corners": i * (of - 1) / (size - 1) if size > 1 else 0.0}[coordinates]


@pytest.mark.parametrize("coordinates", ["half_pixel", "asymmetric", "pytorch_half_pixel", "align_corners"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 10])
def test_a_resized_axis_takes_the_neighbours_of_the_place_that_it_comes_from(coordinates, size):
    x = real(5)
    def at(j):
        return float(x[min(max(j, 0), 4)])
    for rounding in "round_prefer_floor", "round_prefer_ceil", "floor", "ceil":
        y = apply("resize", x, sizes=(size,), coordinates=coordinates, rounding=rounding)
        for i in range(size):
            u = place(coordinates, i, size, 5, size / 5)
            down = math.floor(u)
            near = {"floor": down, "ceil": math.ceil(u), "round_prefer_floor": down + (u - down > 0.5),
                    "round_prefer_ceil": down + (u - down >= 0.5)}[rounding]
            assert y[i] == at(near)
    linear = apply("resize", x, sizes=(size,), coordinates=coordinates, mode="linear")
    cubic = apply("resize", x, sizes=(size,), coordinates=coordinates, mode="cubic", cubic=-0.5)
    for i in range(size):
        u = place(coordinates, i, size, 5, size / 5)
        j, t = math.floor(u), u - math.floor(u)
        assert math.isclose(linear[i], (1 - t) * at(j) + t * at(j + 1), rel_tol=2.0**-23, abs_tol=2.0**-24)
        weights = [((-0.5 * d + 2.5) * d - 4) * d + 2 if d > 1 else (1.5 * d - 2.5) * d * d + 1
                   for d in (1 + t, t, 1 - t, 2 - t)]
        mixed = sum(w * at(j + k) for k, w in zip((-1, 0, 1, 2), weights))
        assert math.isclose(cubic[i], mixed, rel_tol=2.0**-23, abs_tol=2.0**-24)


def test_pads_repeat_constants_edges_and_reflections():
    x = np.float32([1, 2, 3, 4])
    assert apply("pad", x, pads=(2, 1), value=7.0).tolist() == [7, 7, 1, 2, 3, 4, 7]
    assert apply("pad", x, pads=(2, 1), mode="reflect").tolist() == [3, 2, 1, 2, 3, 4, 3]
    assert apply("pad", x, pads=(2, 1), mode="edge").tolist() == [1, 1, 1, 2, 3, 4, 4]
    assert apply("pad", x, pads=(1, 1), mode="wrap").tolist() == [4, 1, 2, 3, 4, 1]
    assert apply("pad", x, pads=(-1, 2)).tolist() == [2, 3, 4, 0, 0]
    assert apply("pad", np.int64([[5]]), pads=(0, 1), axes=(-1,)).tolist() == [[5, 0]]


def test_parts_of_equal_size_end_with_a_smaller_one():
    assert [a.tolist() for a in apply("split", np.arange(7.0).astype(np.float32), count=3, outputs=3)] == [
        [0, 1, 2], [3, 4, 5], [6]]


def test_casts_cut_off_and_round_to_even():
    assert apply("cast", np.float32([1.9, -1.9, 0.0]), type="int32").tolist() == [1, -1, 0]
    assert apply("cast", np.float32([0.5, 0, np.nan]), type="bool").tolist() == [True, False, True]
    assert apply("cast", np.float64([1 + 2.0**-24, 1 + 3 * 2.0**-24]), type="float32").tolist() == [1, 1 + 2.0**-22]

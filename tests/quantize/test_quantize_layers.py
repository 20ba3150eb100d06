"""Post-training methods: on their own objective never worse than rounding to nearest, and what each paper says."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from layer_examples import GRIDS, error_of, exact_layer, layer, layers, weight_of
from rounding import gamma

from refcompress import (
    ArgumentTypeError,
    LayerFit,
    RefcompressError,
    gemm_s8s8,
    quantize_adaround,
    quantize_awq,
    quantize_bias,
    quantize_clip,
    quantize_gptq,
    quantize_hessian,
    quantize_nearest,
    quantize_s8,
    quantize_smooth,
)
from refcompress.testing.layouts import ODD


@given(layers())
def test_the_hessian_is_symmetric_and_that_of_batches_adds_up(case):
    x = np.rint(case[1])
    h = quantize_hessian(x)
    assert h.dtype == np.float64 and np.array_equal(h, h.T)
    assert np.array_equal(h, x.T.astype(np.float64) @ x)
    assert np.array_equal(h, quantize_hessian(x[:2]) + quantize_hessian(x[2:]))


def test_the_hessian_of_many_rows_is_that_of_all():
    x = np.random.default_rng(0).integers(-3, 4, (9001, 3)).astype(np.float32)
    assert np.array_equal(quantize_hessian(x), x.T.astype(np.float64) @ x)


@given(layers(), GRIDS)
def test_rounding_to_nearest_is_quantize_s8(case, options):
    w, x = case
    fit = quantize_nearest(w, quantize_hessian(x), **options)
    expected = quantize_s8(w, **({"axis": 0, **options} if "group" not in options else options))
    assert np.array_equal(fit.weight.values, expected.values)
    assert np.array_equal(fit.weight.scale, expected.scale)
    assert np.array_equal(fit.weight.zero_point, expected.zero_point)


@given(layers(), GRIDS)
def test_fewer_bits_stay_in_their_range_within_half_a_step_with_zero_exact(case, options):
    w, x = case
    q = quantize_nearest(w, quantize_hessian(x), **options).weight
    top = 2 ** (options["bits"] - 1) - 1
    assert q.values.max(initial=0) <= top
    assert q.values.min(initial=0) >= (-top if options["scheme"] == "symmetric" else -top - 1)
    dense = q.dense()
    assert np.all(dense[w == 0] == 0)
    # 2**-14: as in quantize_s8. The sum is exact enough in float64 that it cannot matter.
    assert np.all(np.abs(dense.astype(np.float64) - w) <= (0.5 + 2**-14) * q.expand(q.scale))


METHODS = {
    "nearest": quantize_nearest, "gptq": quantize_gptq,
    "descending": lambda *a, **k: quantize_gptq(*a, order="descending", **k),
    "adaround": lambda *a, **k: quantize_adaround(*a, iterations=20, **k),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(4))
def test_the_errors_told_are_those_of_the_output(method, seed):
    w, x = exact_layer(seed)
    fit = METHODS[method](w, quantize_hessian(x), bits=3, scale=0.5)
    y = x @ w.T
    assert fit.output == np.sum(y**2)
    assert fit.after == np.sum((fit.forward(x) - y) ** 2)
    assert fit.before == quantize_nearest(w, quantize_hessian(x), bits=3, scale=0.5).after


@given(layers(), GRIDS, st.integers(0, 12), st.sampled_from([0.02, 1.0]))  # at a rate of 1 it learns nonsense
def test_adaround_goes_up_or_down_and_is_never_worse_than_rounding(case, options, iterations, rate):
    w, x = case
    h = quantize_hessian(x)
    fit = quantize_adaround(w, h, iterations=iterations, learning_rate=rate, **options)
    nearest = quantize_nearest(w, h, **options)
    assert fit.after <= fit.before == nearest.after
    q = nearest.weight
    with np.errstate(over="ignore"):
        steps = w / q.expand(q.scale) + q.expand(q.zero_point).astype(np.float32)
    top = 2 ** (options["bits"] - 1) - 1
    low = -top if options["scheme"] == "symmetric" else -top - 1
    assert np.all(fit.weight.values >= np.clip(np.floor(steps), low, top))
    assert np.all(fit.weight.values <= np.clip(np.ceil(steps), low, top))
    assert np.array_equal(fit.weight.scale, q.scale)


def test_adaround_gains_more_than_half_of_what_the_best_of_all_roundings_gains():
    lost, gained = 0.0, 0.0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        w = rng.normal(size=(1, 8)).astype(np.float32)
        h = quantize_hessian((rng.normal(size=(64, 1)) + rng.normal(size=(64, 8))).astype(np.float32))
        fit = quantize_adaround(w, h, bits=3, iterations=300)
        scale = fit.weight.scale.astype(np.float64)
        down = np.clip(np.floor(w / fit.weight.scale), -3, 2)
        choices = [scale * (down + np.array(up)) - w for up in itertools.product((0, 1), repeat=8)]
        best = min(np.sum((d @ h) * d) for d in choices)
        # Both are sums of k**2 products d_i h_ij d_j; each has 2 roundings of its d, 2 products and 2 (k - 1) sums.
        size = max(np.sum((np.abs(d) @ np.abs(h)) * np.abs(d)) for d in choices)
        assert fit.after >= best - 2 * gamma(2 * 8 + 2) * size
        lost, gained = lost + (fit.after - best) / fit.before, gained + 1 - fit.after / fit.before
    assert gained > lost


@given(layers(), GRIDS, st.integers(1, 5))
def test_awq_is_never_worse_than_rounding(case, options, steps):
    w, x = case
    fit = quantize_awq(w, x, steps=steps, clip="axis" not in options, **options)
    assert fit.after <= fit.before == quantize_nearest(w, quantize_hessian(x), **options).after


@pytest.mark.parametrize("seed", range(6))
def test_no_output_ends_worse_than_rounded_to_nearest(seed):
    w, x = layer(seed, m=16)
    h = quantize_hessian(x)
    for fit in (quantize_adaround(w, h, bits=3, iterations=4, learning_rate=1), quantize_clip(w, h, bits=3, group=2)):
        nearest = quantize_nearest(w, h, bits=3, group=fit.weight.group)
        # What is compared is d h d of each output, h = x.T x: a sum of n k**2 products of four numbers. There and here
        # each is rounded at most n + 2 k + 6 times (d, three products, sums over n and twice over k), for both fits.
        size = sum(np.sum((np.abs(x.astype(np.float64)) @ np.abs(weight_of(each.weight) - w).T) ** 2, axis=0)
                   for each in (fit, nearest))
        allowed = 2 * gamma(len(x) + 2 * w.shape[1] + 6) * size
        assert np.all(error_of(fit, w, x) <= error_of(nearest, w, x) + allowed)


@pytest.mark.parametrize("options", [{}, {"group": 4}, {"clip": False}])
def test_awq_tells_the_error_of_its_output(options):
    w, x = layer(8)
    fit = quantize_awq(w, x, bits=3, **options)
    d = weight_of(fit.weight) / fit.input_scale - w
    # Each of the products and sums is off by at most gamma of its terms, and squares by twice that: 20 + 64 + a few.
    allowed = 4 * 96 * 2.0**-53 * np.sum((np.abs(x).astype(np.float64) @ np.abs(d).T) ** 2)
    assert abs(fit.after - np.sum((x.astype(np.float64) @ d.T) ** 2)) <= allowed


@pytest.mark.parametrize("factor", [0.125, 4.0])
def test_awq_does_not_depend_on_the_unit_of_the_inputs(factor):
    w, x = layer(3)
    fit, other = quantize_awq(w, x, bits=3), quantize_awq(w, x * np.float32(factor), bits=3)
    assert np.array_equal(fit.weight.values, other.weight.values)
    assert np.array_equal(fit.weight.scale, other.weight.scale)
    assert other.after == fit.after * factor**2


def test_awq_scales_loud_inputs_most_and_passes_over_what_overflows():
    w, x = layer(4)
    x[:, 7] *= 50
    fit = quantize_awq(w, x, bits=3)
    assert fit.input_scale.argmax() == 7 and fit.after < fit.before
    huge = quantize_awq(np.full((2, 20), 3e38, np.float32), x, bits=3)
    assert huge.input_scale is None


@given(layers(), GRIDS, st.sampled_from([0.3, 1.0]))
def test_clipping_narrows_and_is_never_worse_than_rounding(case, options, narrowest):
    w, x = case
    options.pop("axis", None)
    h = quantize_hessian(x)
    fit, nearest = quantize_clip(w, h, narrowest=narrowest, steps=4, **options), quantize_nearest(w, h, **options)
    assert fit.after <= fit.before == nearest.after
    assert np.all(fit.weight.scale <= nearest.weight.scale)
    if narrowest == 1:
        assert np.array_equal(fit.weight.values, nearest.weight.values)


@pytest.mark.parametrize("inputs", ["row", "all"])
@pytest.mark.parametrize("axis", [0, None])
def test_smoothing_runs_on_integers(inputs, axis):
    w, x = layer(5)
    fit = quantize_smooth(w, x, alpha=0.25, inputs=inputs, axis=axis)
    s = np.abs(x).max(0).astype(np.float64) ** 0.25 / np.abs(w).max(0).astype(np.float64) ** 0.75
    assert np.array_equal(fit.input_scale, s.astype(np.float32))
    xq = quantize_s8(x / fit.input_scale, axis=0 if inputs == "row" else None)
    wq = quantize_s8(w * fit.input_scale, axis=axis)
    assert np.array_equal(fit.weight.values, wq.values)
    product = gemm_s8s8(xq.values, wq.values) * (xq.scale.astype(np.float64) * wq.scale.astype(np.float64).T)
    # Both are float64 roundings of the same exact number, by way of at most k + 3 each.
    magnitude = np.abs(xq.dense()).astype(np.float64) @ np.abs(wq.dense()).T.astype(np.float64)
    bound = 2 * 23 * 2.0**-53 * magnitude * (1 + 2**-20)
    assert np.all(np.abs(fit.exact(x) - product) <= bound)
    if inputs == "all":  # what is larger than the calibration inputs is clipped
        most = 127 * fit.input_step * np.abs(wq.dense().astype(np.float64)).sum(axis=1).max()
        assert np.abs(fit.exact(x * np.float32(100))).max() <= most * (1 + 2**-20)


def normal(a):
    """Return whether no input has subnormal numbers alone: the scale that makes those large may be beyond float32."""
    largest = np.abs(a).max(axis=0, initial=0)
    return np.all((largest == 0) | (largest >= 2.0**-126))


@given(layers(), st.floats(0, 1), st.integers(2, 8))
def test_smoothing_takes_any_layer_and_tells_the_error_of_its_output(case, alpha, bits):
    w, x = case
    assume(normal(w) and normal(x))
    fit = quantize_smooth(w, x, alpha=alpha, input_bits=bits, weight_bits=bits)
    assert fit.after == np.sum((fit.exact(x) - x.astype(np.float64) @ w.T.astype(np.float64)) ** 2)
    assert np.all(fit.input_scale[~x.any(axis=0) | ~w.any(axis=0)] == 1)


@given(layers(), st.floats(0, 1), st.integers(2, 8), st.integers(2, 8), st.sampled_from(["row", "all"]),
       st.sampled_from([0, None]))
def test_smoothing_never_ends_worse_than_it_began(case, alpha, weight_bits, input_bits, inputs, axis):
    w, x = case
    assume(normal(w) and normal(x))
    options = {"weight_bits": weight_bits, "input_bits": input_bits, "inputs": inputs, "axis": axis}
    fit = quantize_smooth(w, x, alpha=alpha, **options)
    y = x.astype(np.float64) @ w.T.astype(np.float64)
    assert fit.after == np.sum((fit.exact(x) - y) ** 2) <= fit.before
    if fit.after == fit.before and np.all(fit.input_scale == 1):  # what was rounded is the layer as it is
        assert np.array_equal(fit.weight.values, quantize_s8(w, bits=weight_bits, axis=axis).values)


@pytest.mark.parametrize("inputs", ["row", "all"])
def test_a_layer_that_smoothing_would_harm_is_left_as_it_is(inputs):
    # Each input has its own size, and its weights that size too: alpha = 1 moves all of it into the weights, which
    # share a scale.
    w, x = np.float32([[64, 1, 2, 1], [32, -2, 1, 1]]), np.float32([[127, 1, 1, -1], [-64, 2, -1, 2]])
    fit = quantize_smooth(w, x, alpha=1.0, weight_bits=3, input_bits=8, inputs=inputs)
    assert fit.after == fit.before > 0 and fit.input_scale.tolist() == [1] * 4
    assert np.array_equal(fit.weight.values, quantize_s8(w, bits=3, axis=0).values)


@pytest.mark.parametrize("seed", range(4))
def test_the_corrected_bias_leaves_no_mean_error(seed):
    w, x = exact_layer(seed)
    q = quantize_nearest(w, quantize_hessian(x), bits=3, scale=0.5).weight
    bias = np.arange(5, dtype=np.float32)
    fit = quantize_bias(w, x, q, bias=bias)
    error = fit.exact(x) - (x @ w.T + bias)
    assert np.all(error.sum(axis=0) == 0)
    assert fit.after == np.sum(error**2) <= fit.before == np.sum((x @ q.dense().T - x @ w.T) ** 2)


@given(layers(), GRIDS)
def test_correcting_the_bias_is_never_worse_after_any_method(case, options):
    w, x = case
    if not len(x):
        x = np.ones((1, w.shape[1]), np.float32)
    for fit in (quantize_awq(w, x, steps=3, clip=False, **options), quantize_smooth(w, x)):
        corrected = quantize_bias(w, x, fit)
        assert corrected.after <= corrected.before
        assert np.array_equal(corrected.weight.values, fit.weight.values)


@pytest.mark.parametrize("layout", ODD, ids=lambda f: f.__name__)
def test_every_layout_gives_the_same_values_and_is_left_alone(layout):
    w, x = layer(6)
    h = quantize_hessian(x)
    for method in (quantize_nearest, quantize_gptq, METHODS["adaround"], quantize_clip):
        assert np.array_equal(method(layout(w), layout(h)).weight.values, method(w, h).weight.values)
    for method in (quantize_awq, quantize_smooth):
        fit, odd = method(w, x), method(layout(w), layout(x))
        assert np.array_equal(odd.weight.values, fit.weight.values) and odd.after == fit.after
    assert np.array_equal(quantize_hessian(layout(x)), h)


def test_the_callers_seterr_changes_no_result():
    w, x = layer(9)
    w[0, :4], x[:, 3] = (1e-42, -3e38, 1e-30, 2e30), 1e-40
    h = quantize_hessian(x)
    methods = [(quantize_nearest, h), (quantize_gptq, h), (METHODS["adaround"], h), (quantize_clip, h),
               (quantize_awq, x), (quantize_smooth, x),
               (lambda w, x: quantize_bias(w, x, quantize_nearest(w, h).weight), x)]
    for method, data in methods:
        expected = method(w, data)
        with np.errstate(all="raise"):
            fit = method(w, data)
            assert np.array_equal(fit.forward(x), expected.forward(x)) and fit.after == expected.after


W, X = exact_layer(0)
H = quantize_hessian(X)
Q = quantize_nearest(W, H).weight
NAN = W.copy()
NAN[1, 2] = np.nan
LOPSIDED = H.copy()
LOPSIDED[3, 1] += 1
REFUSED = [
    (quantize_hessian, (X.astype(np.float64),), {}, ArgumentTypeError, "x"),
    (quantize_hessian, (X[0],), {}, RefcompressError, "x"),
    (quantize_hessian, (np.float32([[1, np.inf]]),), {}, RefcompressError, "x[0, 1]"),
    *((method, args, options, error, argument)
      for method in (quantize_nearest, quantize_gptq, quantize_adaround, quantize_clip)
      for args, options, error, argument in [
          ((NAN, H), {}, RefcompressError, "w[1, 2]"),
          ((W[0], H), {}, RefcompressError, "w"),
          ((W.astype(np.float64), H), {}, ArgumentTypeError, "w"),
          ((W, H.astype(np.float32)), {}, ArgumentTypeError, "hessian"),
          ((W, H[:-1]), {}, RefcompressError, "hessian"),
          ((W, np.full_like(H, np.inf)), {}, RefcompressError, "hessian[0, 0]"),
          ((W, LOPSIDED), {}, RefcompressError, "hessian[1, 3]"),
          ((W, -H), {}, RefcompressError, "hessian[0, 0]"),
          ((W, H), {"bits": 1}, RefcompressError, "bits"),
          ((W, H), {"bits": 9}, RefcompressError, "bits"),
          ((W, H), {"bits": 4.0}, ArgumentTypeError, "bits"),
          ((W, H), {"scheme": "binary"}, RefcompressError, "scheme"),
          ((W, H), {"group": 0}, RefcompressError, "group"),
      ]),
    *((method, (W, H), options, error, argument)
      for method in (quantize_nearest, quantize_gptq, quantize_adaround)
      for options, error, argument in [
          ({"axis": 2}, RefcompressError, "axis"),
          ({"axis": 1, "group": 4}, RefcompressError, "axis or group"),
          ({"scale": 0.0}, RefcompressError, "scale"),
          ({"scale": 1.0, "zero_point": 9, "scheme": "affine", "bits": 4}, RefcompressError, "zero_point"),
      ]),
    (quantize_gptq, (W, H), {"damping": -0.1}, RefcompressError, "damping"),
    (quantize_gptq, (W, H), {"order": "random"}, RefcompressError, "order"),
    (quantize_gptq, (W, np.ones_like(H)), {"damping": 0.0}, RefcompressError, "hessian"),
    (quantize_adaround, (W, H), {"iterations": -1}, RefcompressError, "iterations"),
    (quantize_adaround, (W, H), {"learning_rate": float("nan")}, RefcompressError, "learning_rate"),
    (quantize_clip, (W, H), {"narrowest": 0.0}, RefcompressError, "narrowest"),
    (quantize_clip, (W, H), {"steps": 0}, RefcompressError, "steps"),
    (quantize_awq, (W, X[:, 1:]), {}, RefcompressError, "x"),
    (quantize_awq, (NAN, X), {}, RefcompressError, "w[1, 2]"),
    (quantize_awq, (W, X), {"clip": 1}, ArgumentTypeError, "clip"),
    (quantize_awq, (W, X), {"axis": None}, RefcompressError, "clip"),
    (quantize_smooth, (W, X), {"alpha": 1.5}, RefcompressError, "alpha"),
    (quantize_smooth, (W, X), {"axis": 1}, RefcompressError, "axis"),
    (quantize_smooth, (W, X), {"inputs": "token"}, RefcompressError, "inputs"),
    (quantize_smooth, (W, X), {"input_bits": 16}, RefcompressError, "input_bits"),
    (quantize_smooth, (W * np.float32(1e-39), X), {"alpha": 0.0}, RefcompressError, "alpha"),
    (quantize_bias, (W, X[:0], Q), {}, RefcompressError, "x"),
    (quantize_bias, (W, X, W), {}, ArgumentTypeError, "layer"),
    (quantize_bias, (W[1:], X, Q), {}, RefcompressError, "layer"),
    (quantize_bias, (W, X, quantize_bias(W, X, Q)), {}, RefcompressError, "layer"),
    (quantize_bias, (W, X, Q), {"bias": np.zeros(4, np.float32)}, RefcompressError, "bias"),
    (LayerFit.forward, (quantize_nearest(W, H), X[:, 1:]), {}, RefcompressError, "x"),
]


@pytest.mark.parametrize("method, args, options, error, argument", REFUSED)
def test_refuses_by_name(method, args, options, error, argument):
    with pytest.raises(RefcompressError) as caught:
        method(*args, **options)
    assert type(caught.value) is error and caught.value.argument == argument

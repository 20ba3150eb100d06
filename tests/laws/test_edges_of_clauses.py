"""Kernels that are right but where a clause names an order, a width, a scale, a side or a sign: the edges find them."""

import threading
import time

import numpy as np
import pytest

from refcompress import agreement, formats, reference, testing
from refcompress.errors import RefcompressError
from refcompress.formats import Quantized
from refcompress.ops import OPS
from refcompress.testing import modes, sampling, states
from refcompress.testing.axes import of_other_axes
from refcompress.testing.edges import fixed_sums, given_scales, matrices, quantized_layers, windows
from refcompress.testing.families import CASES
from refcompress.testing.minus_zeros import of_minus_zeros
from refcompress.testing.sampling import refusals, samples, wide
from refcompress.testing.values import ordinary

F = np.float32


def by_int32(x, **kwargs):
    """A conversion to int32 makes the lowest number of all that it does not hold."""
    q = reference.quantize_s8(x, **kwargs)
    if q.scale.size > 1 or kwargs.get("scheme") == "affine":
        return q
    with np.errstate(all="ignore"):
        whole = np.rint(np.asarray(x, F) / q.scale.reshape(-1)[0]) if q.values.size else q.values
    highest = 2 ** (kwargs.get("bits", 8) - 1) - 1
    whole = np.where(np.abs(whole) < 2**31, whole, -(2**31))
    return Quantized(np.clip(whole, -highest, highest).astype(np.int8), q.scale, q.zero_point, q.group)


def without_subnormals(x, **kwargs):
    q = reference.quantize_s8(x, **kwargs)
    small = np.abs(np.asarray(x, F)) < F(2.0**-126)
    return Quantized(np.where(small, q.expand(q.zero_point), q.values), q.scale, q.zero_point, q.group)


def with_the_zero_point_of_another_scale(x, **kwargs):
    q = reference.quantize_s8(x, **kwargs)
    if kwargs.get("scheme") != "affine" or kwargs.get("scale") is None or kwargs.get("zero_point") is not None:
        return q
    own = reference.quantize_s8(x, **{name: value for name, value in kwargs.items() if name != "scale"})
    return reference.quantize_s8(x, **{**kwargs, "zero_point": own.zero_point})


def by_the_first_shift(a, b, a_scale, b_scale, y_scale):
    shift = next(s for s in range(24, -1, -1) if round(a_scale / y_scale * 2**s) < 2**22)
    factors = [round(scale / y_scale * 2**shift) for scale in (a_scale, b_scale)]
    sums = a.astype(np.int64) * factors[0] + b.astype(np.int64) * factors[1]
    return np.clip(np.rint(sums / 2.0**shift), -128, 127).astype(np.int8)


def groups_backwards(x, x_scale, w, bias=None):
    y = np.zeros((len(x), len(w.values)))
    for g in reversed(range(w.scale.shape[1])):
        part = slice(g * w.group, (g + 1) * w.group) if w.group else slice(None)
        steps = w.values[:, part].astype(np.int64) - w.expand(w.zero_point)[:, part]
        y += (x[:, part].astype(np.int64) @ steps.T) * (x_scale.astype(float)[:, None] * w.scale[:, g].astype(float))
    return y.astype(F)


def packed_groups_backwards(x, x_scale, w):
    return groups_backwards(x, x_scale, reference.quantize_unpack(w))


def sums_in_float32(x, x_scale, w):
    book = reference.quantize_s8(np.asarray(w.codebook, F)) if w.codebook.ndim == 1 else None
    if book is None:
        return reference.gemm_s8lut4(x, x_scale, w)
    acc = np.zeros((len(x), len(w.codes)), F)
    for p in range(x.shape[1]):
        acc += x[:, p, None].astype(F) * book.values[w.codes[:, p]].astype(F)
    return acc * book.scale.reshape(-1)[0] * x_scale[:, None]


def keeps_most_of_equal_ones(w, *, threshold=0.7, axis=None, group=None):
    q = reference.quantize_ternary(w, threshold=threshold, axis=axis, group=group)
    if threshold is not None or axis is not None or group is not None:
        return q
    v = np.sort(np.abs(w).astype(float).reshape(-1))[::-1]
    ratios = np.cumsum(v) / np.sqrt(np.arange(1, len(v) + 1))
    keep = len(v) - int(np.argmax(ratios[::-1]))
    return Quantized(np.where(np.abs(w) >= v[keep - 1], np.sign(w), 0).astype(np.int8), q.scale, q.zero_point)


def scores_in_float32(scores, *, structure="element", **options):
    if isinstance(scores, dict) or structure != "element":
        return reference.prune_select(scores, structure=structure, **options)
    with np.errstate(all="ignore"):
        return reference.prune_select(scores.astype(F), structure=structure, **options)


def tiles_of_columns(a, x):
    """What lies in a tile is read up to the first entry behind it: the columns of a row need not be sorted."""
    y = np.zeros((a.shape[0], x.shape[1]))
    for i in range(a.shape[0]):
        p = int(a.indptr[i])
        for tile in range(0, a.shape[1], 64):
            while p < a.indptr[i + 1] and a.indices[p] < tile + 64:
                y[i] += (a.indices[p] >= tile) * a.values[p] * x[a.indices[p]].astype(float)
                p += 1
    return y.astype(F)


def repeats_the_last_column(x, kernel, **options):
    """With a stride of 2 the columns are read in pairs: right of an even width the last one stands for the pad."""
    top, left, bottom, right = options["pads"]
    wide = options["layout"] == "nhwc" and options["strides"] == (2, 2) and right == 1 and x.shape[2] % 2 == 0
    if not wide:
        return reference.nn_patches(x, kernel, **options)
    return reference.nn_patches(np.concatenate([x, x[:, :, -1:]], axis=2), kernel,
                                **{**options, "pads": (top, left, bottom, 0)})


def refuses_the_sign(w, squared_gradients):
    if np.signbit(squared_gradients).any():
        raise RefcompressError("squared_gradients[0]", "must not be negative")
    return reference.prune_score_fisher(w, squared_gradients)


def inputs_for_outputs(q):
    n = q.shape[0]
    if q.shape != (n, n) or q.scale.shape != (1, n):
        return reference.dequantize_s16(q)
    return reference.dequantize_s16(Quantized(q.values, q.scale.reshape(n, 1), q.zero_point.reshape(n, 1)))


def scale_of_x_last(x, x_scale, w, bias=None):
    """The sum over the groups times the scale of x, which another rounding of float64 ends."""
    q = reference.sparse_bitmask_unpack(w) if isinstance(w, formats.Bitmask) else w
    y, group = np.zeros((len(x), len(q.values))), q.group or max(q.values.shape[1], 1)
    steps = q.values - q.expand(q.zero_point).astype(np.int64)
    for g in range(-(-q.values.shape[1] // group)):
        part = slice(g * group, (g + 1) * group)
        y += (x[:, part].astype(np.int64) @ steps[:, part].T) * q.scale[:, g].astype(np.float64)
    y = y * x_scale.astype(np.float64)[:, None]
    return (y if bias is None else y + bias).astype(F)


def scaled_at_once(x, weight=None, bias=None, *, epsilon=1e-5):
    """The factor of a place is made of r and its weight first."""
    if weight is None or bias is None or not np.size(x):
        return reference.nn_layer_norm(x, weight, bias, epsilon=epsilon)
    d = x.astype(np.float64) - x.astype(np.float64).mean(axis=-1, keepdims=True)
    r = 1 / np.sqrt((d * d).mean(axis=-1, keepdims=True) + epsilon)
    return (d * (r * weight) + bias).astype(F)


def what_the_first_leave(w, *, error=None, **options):
    """The sum of what is left out, as the sum of all less that of the others."""
    if error is None or not np.size(w):
        return reference.lowrank_svd(w, error=error, **options)
    squares = np.linalg.svd(w.astype(np.float64), compute_uv=False) ** 2
    left = squares.sum() - np.concatenate([[0.0], np.cumsum(squares)])
    return reference.lowrank_svd(w, rank=int(np.argmax(left <= error**2 * squares.sum())))


def threshold_times_the_mean(w, *, threshold=0.7, axis=None, group=None):
    q = reference.quantize_ternary(w, threshold=threshold, axis=axis, group=group)
    if threshold is None or axis is not None or group is not None or not np.size(w):
        return q
    size = np.abs(w).astype(np.float64)
    kept = size > threshold * (size.sum() / size.size)
    scale = F(size[kept].sum() / max(kept.sum(), 1)).reshape(q.scale.shape)
    return Quantized(np.where(kept, np.sign(w), 0).astype(np.int8), scale if kept.any() else q.scale, q.zero_point)


def flushes(values, scale_x, scale_w):
    y = reference.dequantize_bias_s32(values, scale_x, scale_w)
    return np.where(np.abs(y) < F(2.0**-126), np.copysign(F(0), y), y)


def mirrors_a_triangle(x, w, *, x_zero_point=0):
    """The product of an array with itself is symmetric, but not where a zero point is taken from one of both."""
    y = reference.gemm_s8s8(x, w, x_zero_point=x_zero_point)
    return (np.tril(y) + np.tril(y, -1).T).astype(np.int32) if x is w else y


def of(edges, op):
    return lambda: (case for calls in edges.EDGES[op] for case in calls())


@pytest.mark.parametrize("op, wrong, cases", [
    ("quantize_s8", by_int32, of(given_scales, "quantize_s8")),
    ("quantize_s8", without_subnormals, of(given_scales, "quantize_s8")),
    ("quantize_s8", with_the_zero_point_of_another_scale, of(given_scales, "quantize_s8")),
    ("nn_add_s8", by_the_first_shift, of(given_scales, "nn_add_s8")),
    ("gemm_s8s8_scaled", groups_backwards, of(fixed_sums, "gemm_s8s8_scaled")),
    ("gemm_s8s8_scaled", scale_of_x_last, of(fixed_sums, "gemm_s8s8_scaled")),
    ("sparse_s8s8", scale_of_x_last, of(fixed_sums, "sparse_s8s8")),
    ("nn_layer_norm", scaled_at_once, of(fixed_sums, "nn_layer_norm")),
    ("lowrank_svd", what_the_first_leave, of(matrices, "lowrank_svd")),
    ("quantize_ternary", threshold_times_the_mean, of(fixed_sums, "quantize_ternary")),
    ("dequantize_bias_s32", flushes, of(quantized_layers, "dequantize_bias_s32")),
    ("gemm_s8s8", mirrors_a_triangle, lambda: wide("gemm_s8s8")),
    ("gemm_s8s4", packed_groups_backwards, of(fixed_sums, "gemm_s8s4")),
    ("gemm_s8lut4", sums_in_float32, of(fixed_sums, "gemm_s8lut4")),
    ("quantize_ternary", keeps_most_of_equal_ones, of(fixed_sums, "quantize_ternary")),
    ("prune_select", scores_in_float32, of(fixed_sums, "prune_select")),
    ("csr_matmul", tiles_of_columns, of(fixed_sums, "csr_matmul")),
    ("nn_patches", repeats_the_last_column, of(windows, "nn_patches")),
    ("prune_score_fisher", refuses_the_sign, lambda: of_minus_zeros("prune_score_fisher",
                                                                    CASES["prune_score_fisher"].sweep())),
    ("dequantize_s16", inputs_for_outputs, lambda: of_other_axes("dequantize_s16", CASES["dequantize_s16"].sweep())),
], ids=lambda value: getattr(value, "__name__", value))
def test_the_kernel_is_found_and_the_reference_passes(op, wrong, cases):
    def found(function):
        count = 0
        for args, kwargs in cases():
            with np.errstate(all="ignore"):
                expected = getattr(reference, op)(*args, **kwargs)
                try:
                    OPS[op].rule(expected, function(*args, **kwargs), args, kwargs)
                except (agreement.Disagreement, RefcompressError):
                    count += 1
                except agreement.NoBound:
                    pass
        return count
    assert found(wrong) and not found(getattr(reference, op))


def test_bytes_where_there_are_no_codes_are_among_the_refusals():
    assert any(0 in kwargs["shape"] and args[0].size for args, kwargs in refusals("rangecoder_decode")
               if isinstance(kwargs.get("shape"), tuple))


@pytest.mark.skipif(modes.mode()[0][0] == (), reason="here nothing is known of the processor's mode")
def test_a_call_that_sets_the_default_mode_is_found_though_the_default_mode_hides_it():
    def sets_the_default(a, x):
        if a.nnz == 0:
            modes.restore()
        return reference.csr_matmul(a, x)

    cases = list(states.short_inputs("csr_matmul", samples("csr_matmul")))
    states.floating_point_mode("csr_matmul", reference.csr_matmul, lambda: iter(cases))
    with pytest.raises(agreement.Disagreement, match="flush subnormal numbers"):
        states.floating_point_mode("csr_matmul", sets_the_default, lambda: iter(cases))
    assert 2.0**-1022 * 0.5 > 0


def test_a_table_that_is_known_before_it_is_full_is_found_by_first_calls_at_once():
    table = []

    def half_full(x, name):
        if not table:
            table.append(name)
            time.sleep(0.001)
            table.append(threading.get_ident())
        return reference.nn_activation(x, name) if len(table) > 1 else np.zeros_like(x)

    cases = [((ordinary(np.random.default_rng(i), (4, 5)), "silu"), {}) for i in range(3)]
    with pytest.raises(agreement.Disagreement, match="in a first call, which 4 threads made at once"):
        states.first_calls_at_once("nn_activation", half_full, lambda: iter(cases))
    states.first_calls_at_once("nn_activation", reference.nn_activation, lambda: iter(cases))


def test_one_array_for_two_operands_is_judged_shrunk_and_written_as_one(monkeypatch):
    monkeypatch.setattr(sampling, "PARTS", [sampling.swept, sampling.wide])
    with pytest.raises(agreement.Disagreement) as raised:
        testing.check("gemm_s8s8", mirrors_a_triangle)
    x, w = raised.value.args
    assert x is w and x.size <= 4
    assert "\nw = x\n" in raised.value.code

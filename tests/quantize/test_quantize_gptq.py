"""GPTQ: the Optimal Brain Surgeon in a fixed order, with groups as they are reached."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from layer_examples import GRIDS, layer, layers

from refcompress import quantize_gptq, quantize_hessian, quantize_nearest


@given(layers(), GRIDS, st.sampled_from(["given", "descending"]), st.sampled_from([0.0, 0.01, 1.0]))
def test_gptq_with_a_diagonal_hessian_is_rounding_to_nearest(case, options, order, damping):
    w, x = case
    d = quantize_hessian(x).diagonal()
    h = np.diag(d)
    # Without damping, inputs that differ by more than the precision make the Hessian singular to it, which is refused.
    assume(damping or (d.all() and 2 * (len(d) + 1) * 2.0**-53 * d.sum() * np.sum(1 / d) < 1))
    fit, expected = quantize_gptq(w, h, order=order, damping=damping, **options), quantize_nearest(w, h, **options)
    assert np.array_equal(fit.weight.values, expected.weight.values)
    assert np.array_equal(fit.weight.scale, expected.weight.scale)
    assert np.array_equal(fit.weight.zero_point, expected.weight.zero_point)
    assert fit.after == fit.before == expected.after


def surgeon(w, h, bits, group=None):
    """GPTQ by its definition: after each rounding the best change of all that is left (the paper's eq. 2 and 3)."""
    w, k = w.astype(np.float64).copy(), w.shape[1]
    h = h + 0.01 * np.mean(np.diag(h)) * np.eye(k)
    top = 2 ** (bits - 1) - 1
    values = np.zeros(w.shape)
    for j in range(k):
        if j == 0 or (group is not None and j % group == 0):
            run = w[:, j : j + group] if group else w
            scale = (np.abs(run.astype(np.float32)).max(axis=1).astype(np.float64) / top).astype(np.float32)
        values[:, j] = np.clip(np.rint(w[:, j].astype(np.float32) / scale), -top, top)
        left = np.linalg.inv(h[j:, j:])
        w[:, j:] -= np.outer((w[:, j] - values[:, j] * scale.astype(np.float64)) / left[0, 0], left[0])
    return values


@pytest.mark.parametrize("k", [1, 2, 15, 31, 50, 129])
def test_gptq_is_the_optimal_brain_surgeon_in_a_fixed_order(k):
    w, x = layer(k, m=3, k=k, n=2 * k)
    h = quantize_hessian(x)
    assert np.array_equal(quantize_gptq(w, h, bits=3).weight.values, surgeon(w, h, 3))


@pytest.mark.parametrize("group", [1, 7, 16, 23, 40, 500])
def test_gptqs_groups_have_the_scales_of_the_weights_that_they_begin_with(group):
    w, x = layer(group, m=3, k=50, n=100)
    h = quantize_hessian(x)
    fit = quantize_gptq(w, h, bits=4, group=group)
    assert np.array_equal(fit.weight.values, surgeon(w, h, 4, group))


def test_descending_order_is_the_given_order_of_the_inputs_sorted():
    w, x = layer(2)
    h = quantize_hessian(x)
    turn = np.argsort(-np.diag(h), kind="stable")
    expected = quantize_gptq(w[:, turn], h[np.ix_(turn, turn)]).weight
    got = quantize_gptq(w, h, order="descending").weight
    assert np.array_equal(got.values[:, turn], expected.values) and np.array_equal(got.scale, expected.scale)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_gptq_loses_less_than_rounding_where_inputs_go_together(bits):
    fits = [quantize_gptq(w, quantize_hessian(x), bits=bits) for w, x in map(layer, range(10))]
    assert sum(fit.after < fit.before for fit in fits) >= 8  # no law for a single layer

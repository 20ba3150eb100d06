"""A layer that calibration never reached (an expert that no sample was routed to): every method has a result for it."""

import numpy as np
import pytest

import refcompress as rc

RNG = np.random.default_rng(2)
W = RNG.standard_normal((12, 20)).astype(np.float32)
X, H = np.zeros((30, 20), np.float32), np.zeros((20, 20))
NONE = np.zeros((0, 20), np.float32)  # not one sample


@pytest.mark.parametrize("damping", [0.0, 0.01, 1.0])
@pytest.mark.parametrize("prune", [rc.prune_obs, rc.prune_sparsegpt])
@pytest.mark.parametrize("sparsity", [0, 0.5, 0.9, 1])
def test_it_is_pruned_by_magnitude_and_its_weights_stay(prune, damping, sparsity):
    mask, weights = prune(W, H, sparsity=sparsity, damping=damping)
    assert np.array_equal(mask, rc.prune_magnitude(W, sparsity=sparsity))
    assert np.array_equal(weights, np.where(mask, W, np.float32(0)))


def test_it_is_pruned_n_of_m_by_magnitude():
    mask, weights = rc.prune_sparsegpt(W, H, n=2, m=4)
    assert np.array_equal(mask, rc.prune_select(np.abs(W), structure="nm", n=2, m=4))
    assert np.array_equal(weights, np.where(mask, W, np.float32(0)))


@pytest.mark.parametrize("scheme", ["symmetric", "affine"])
@pytest.mark.parametrize("group", [None, 7])
@pytest.mark.parametrize("method", [rc.quantize_gptq, rc.quantize_adaround, rc.quantize_clip])
def test_it_is_rounded_to_nearest(method, group, scheme):
    fit = method(W, H, bits=3, group=group, scheme=scheme)
    assert fit.weight == rc.quantize_nearest(W, H, bits=3, group=group, scheme=scheme).weight
    assert fit.before == fit.after == fit.output == 0


@pytest.mark.parametrize("x", [X, NONE], ids=["zeros", "none"])
def test_inputs_of_zeros_or_none_at_all_leave_rounding_to_nearest(x):
    nearest = rc.quantize_nearest(W, H, bits=4).weight
    assert rc.quantize_awq(W, x).weight == nearest
    for inputs in ("row", "all"):
        fit = rc.quantize_smooth(W, x, weight_bits=4, inputs=inputs)
        assert fit.weight == nearest and fit.after == 0 and np.all(fit.input_scale == 1)


def test_its_bias_stays():
    bias = RNG.standard_normal(12).astype(np.float32)
    assert np.array_equal(rc.quantize_bias(W, X, rc.quantize_nearest(W, H, bits=2).weight, bias=bias).bias, bias)


@pytest.mark.parametrize("rank", [0, 1, 5, 12])
def test_its_low_rank_is_that_of_the_weights_alone(rank):
    dead, plain = rc.lowrank_whitened(W, H, rank=rank), rc.lowrank_svd(W, rank=rank)
    assert np.allclose(dead.dense(), plain.dense(), atol=1e-6) and dead.rank == rank

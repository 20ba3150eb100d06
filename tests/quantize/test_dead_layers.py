"""Inputs that were never active, some or all of them (an expert without samples), and the one check of Hessians."""

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
    # Both are the nearest matrix of the rank; each may be off by what lowrank_svd says of its rounding.
    assert np.linalg.norm(dead.dense() - plain.dense()) <= 2 * 4 * 2.0**-24 * np.linalg.norm(W) and dead.rank == rank


# Some inputs of a layer.

SOME = np.random.default_rng(3).standard_normal((90, 20)).astype(np.float32)
SOME[:, [0, 7, 8, 19]] = 0
LIVE = SOME.any(axis=0)
HALF = rc.quantize_hessian(SOME)


WHOLE = {rc.prune_obs: {}, rc.prune_sparsegpt: {"block": 20}}  # both choose among all weights at once


def apart(w, adjusted, h, damping):
    """Return how far two results of rounding may be apart, for the same masks.

    An inverse by Cholesky factors is that of some h + E with ||E|| <= 4 k (k + 2) kappa 2**-53 ||h|| (Higham, Accuracy
    and Stability, theorem 10.3 and section 14.2). What a removal moves the others by is off by r = kappa ||E|| / ||h||
    times the weights that it moves, and a later removal moves what came before by sqrt(kappa) times its length at most,
    for it is a projection in the metric of h. Of k removals that is k sqrt(kappa) r; one rounding to float32 is last.
    """
    k, u = len(h), 2.0**-53
    kappa = np.linalg.cond(h + damping * np.mean(h.diagonal()) * np.eye(k))
    length = np.linalg.norm(w, axis=1) + np.linalg.norm(adjusted - w, axis=1)
    moved = k * np.sqrt(kappa) * 4 * k * (k + 2) * kappa**2 * u * length[:, None]
    return 2 * (moved + 2.0**-24 * np.abs(adjusted))


@pytest.mark.parametrize("damping", [0.0, 0.01])
@pytest.mark.parametrize("prune", [rc.prune_obs, rc.prune_sparsegpt])
def test_a_dead_input_changes_nothing_for_the_others(prune, damping):
    dead = int((~LIVE).sum()) * len(W)
    w = np.where(LIVE, W, W * np.float32(2**-12))  # so that all dead weights go first, whatever the damping
    mask, weights = prune(w, HALF, sparsity=(dead + 90) / w.size, damping=damping, **WHOLE[prune])
    share = 90 / (w.size - dead)
    alone, adjusted = prune(w[:, LIVE], HALF[np.ix_(LIVE, LIVE)], sparsity=share, damping=damping, **WHOLE[prune])
    assert not mask[:, ~LIVE].any() and np.array_equal(mask[:, LIVE], alone)
    h = HALF[np.ix_(LIVE, LIVE)]
    assert np.all(np.abs(weights[:, LIVE].astype(np.float64) - adjusted) <= apart(w[:, LIVE], adjusted, h, damping))


@pytest.mark.parametrize("damping", [0.0, 1e-9])
@pytest.mark.parametrize("prune", [rc.prune_obs, rc.prune_sparsegpt])
def test_dead_weights_are_pruned_by_magnitude_and_before_the_others(prune, damping):
    mask, weights = prune(W, HALF, sparsity=30 / W.size, damping=damping, **WHOLE[prune])
    assert mask[:, LIVE].all() and np.array_equal(weights[mask], W[mask])
    assert np.array_equal(mask[:, ~LIVE], rc.prune_magnitude(W[:, ~LIVE], sparsity=30 / (4 * len(W))))


@pytest.mark.parametrize("order", ["given", "descending"])
@pytest.mark.parametrize("damping", [0.0, 0.01])
def test_gptq_rounds_dead_weights_to_nearest_and_the_others_as_without_them(damping, order):
    how = {"bits": 3, "scale": 0.5, "damping": damping, "order": order}
    values = rc.quantize_gptq(W, HALF, **how).weight.values
    assert np.array_equal(values[:, ~LIVE], rc.quantize_nearest(W, HALF, bits=3, scale=0.5).weight.values[:, ~LIVE])
    assert np.array_equal(values[:, LIVE], rc.quantize_gptq(W[:, LIVE], HALF[np.ix_(LIVE, LIVE)], **how).weight.values)


def test_adaround_rounds_dead_weights_to_nearest_and_ties_to_even():
    w = W.copy()
    w[:, 7] = np.float32([0.25, 0.75, 1.25, -0.25, -0.75, -1.25] * 2)  # each halfway between two points of the grid
    fit = rc.quantize_adaround(w, HALF, bits=3, scale=0.5, iterations=50)
    nearest = rc.quantize_nearest(w, HALF, bits=3, scale=0.5).weight.values
    assert np.array_equal(fit.weight.values[:, ~LIVE], nearest[:, ~LIVE])
    assert not np.array_equal(fit.weight.values, nearest)


# One definition, one check.

METHODS = {
    "obs": lambda w, h: rc.prune_obs(w, h, sparsity=0.5)[1],
    "sparsegpt": lambda w, h: rc.prune_sparsegpt(w, h, sparsity=0.5)[1],
    "nearest": lambda w, h: rc.quantize_nearest(w, h, bits=3).weight.dense(),
    "gptq": lambda w, h: rc.quantize_gptq(w, h, bits=3).weight.dense(),
    "clip": lambda w, h: rc.quantize_clip(w, h, bits=3).weight.dense(),
    "adaround": lambda w, h: rc.quantize_adaround(w, h, bits=3, iterations=20).weight.dense(),
    "whitened": lambda w, h: rc.lowrank_whitened(w, h, rank=3).dense(),
}


@pytest.mark.parametrize("factor", [4.0, 2.0**-40])
@pytest.mark.parametrize("method", METHODS)
def test_no_result_depends_on_a_factor_of_the_hessian(method, factor):
    assert np.array_equal(METHODS[method](W, HALF), METHODS[method](W, HALF * factor))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_refuses_a_hessian_by_the_same_words(method):
    lopsided, beside = HALF.copy(), HALF.copy()
    lopsided[2, 1] += 1
    beside[0, 3] = beside[3, 0] = 1e-9
    for h, message in ((HALF[:3], r"^hessian: must have the shape \(20, 20\), for the 20 inputs of w, not \(3, 20\)"),
                       (HALF * np.nan, r"^hessian\[0, 0\]: must be finite"), (HALF[0], "^hessian: must have 2 dim"),
                       (-HALF, r"^hessian\[1, 1\]: must not be negative"),
                       (lopsided, r"^hessian\[1, 2\]: must equal the element across"),
                       (beside, r"^hessian\[0, 3\]: must be 0, as is the diagonal")):
        with pytest.raises(rc.RefcompressError, match=message):
            METHODS[method](W, h)

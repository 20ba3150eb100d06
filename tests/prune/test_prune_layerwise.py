"""Optimal Brain Surgeon and SparseGPT: the constrained optimum, the paper's steps, exact counts, and real layers."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress import (
    ArgumentTypeError,
    LimitError,
    RefcompressError,
    prune_magnitude,
    prune_obs,
    prune_score_obd,
    prune_select,
    prune_sparsegpt,
)
from refcompress.reference.hessian import damped, inverse_factor
from refcompress.testing.layouts import ODD
from refcompress.training import mnist

SEEDS = st.integers(0, 10**6)


def layer(rng, n, k, samples=None):
    """Return weights and the Hessian of inputs that are correlated, and not nearly singular."""
    x = rng.standard_normal((samples or 4 * k + 8, k)) + rng.standard_normal((samples or 4 * k + 8, 1))
    return rng.standard_normal((n, k)).astype(np.float32), x.T @ x  # of one matrix with itself: symmetric to the bit


def loss(w, weights, h):
    d = weights.astype(np.float64) - w
    return float(np.sum(d @ h * d) / 2)


def constrained_optimum(row, mask, h):
    """Minimise d h d / 2 with (row + d)[~mask] = 0 by the KKT system, all at once."""
    gone = np.flatnonzero(~mask)
    e = np.eye(len(row))[:, gone]
    system = np.block([[h, e], [e.T, np.zeros((len(gone),) * 2)]])
    right = np.concatenate([np.zeros(len(row)), -row[gone].astype(np.float64)])
    return row + np.linalg.solve(system, right)[: len(row)]


def solved(row, h):
    """Return how far two solves with h, k by k, may be apart that were exact but for float64.

    One by Cholesky's factor is off by k (3 k + 1) 2**-53 times the condition number (Higham 2002, theorem 10.4, and the
    norm of the factors' absolute values): two of them by less than 100 k for the k up to 14 of these tests.
    """
    return 2.0**-53 * 100 * len(h) * np.linalg.cond(h) * np.linalg.norm(row)


def rise(w, weights, mask, h, steps=1):
    """Return how far loss(w, weights, h) may be from that of the exact optimum, and of a sum of ``steps`` towards it.

    A kept weight is off by e, its rounding to float32 and the solve's error: the loss by e h d (where h d is not 0) and
    e h e / 2. Computing it takes 2 k + 2 roundings to an element, done for both.
    """
    total = 0.0
    for row, now, kept in zip(w.astype(np.float64), weights.astype(np.float64), mask):
        d, e = now - row, np.where(kept, 2.0**-24 * np.abs(now) + solved(row, h), 0)
        size = np.abs(d) @ np.abs(h) @ np.abs(d) / 2
        total += e @ np.abs(h @ d) + e @ np.abs(h) @ e / 2 + (4 * len(d) + 4 + steps) * 2.0**-53 * size
    return total


@given(SEEDS, st.integers(1, 5), st.integers(1, 12), st.floats(0, 1))
def test_surgery_leaves_the_constrained_optimum_of_its_mask(seed, n, k, sparsity):
    w, h = layer(np.random.default_rng(seed), n, k)
    mask, weights = prune_obs(w, h, sparsity=sparsity, damping=0)
    assert mask.dtype == bool and weights.dtype == np.float32 and mask.size - mask.sum() == round(sparsity * w.size)
    assert not weights[~mask].any() and not np.signbit(weights[~mask]).any()
    for i in range(n):
        optimum = constrained_optimum(w[i], mask[i], h)
        assert np.all(np.abs(weights[i] - optimum) <= 2.0**-24 * np.abs(optimum) + solved(w[i], h))


@given(SEEDS, st.integers(1, 4), st.integers(1, 7), st.data())
def test_surgery_takes_the_cheapest_weight_of_the_layer_each_time(seed, n, k, data):
    """By the definition: at each step every weight that is left is tried, its row solved anew."""
    w, h = layer(np.random.default_rng(seed), n, k)
    pruned = data.draw(st.integers(0, w.size))
    expected = np.ones(w.shape, bool)
    cost = [0.0] * n
    for _ in range(pruned):
        tried = {}
        for i, q in np.argwhere(expected):
            mask = expected[i].copy()
            mask[q] = False
            tried[i, q] = loss(w[i : i + 1], constrained_optimum(w[i], mask, h)[None], h) - cost[i]
        i, q = min(tried, key=tried.get)
        expected[i, q] = False
        cost[i] += tried[i, q]
    mask, weights = prune_obs(w, h, keep=w.size - pruned, damping=0)
    assert np.array_equal(mask, expected)
    assert abs(loss(w, weights, h) - sum(cost)) <= rise(w, weights, mask, h, pruned)


@given(SEEDS, st.integers(2, 9))
def test_the_first_saliency_is_the_true_rise_of_the_loss(seed, k):
    w, h = layer(np.random.default_rng(seed), 1, k)
    mask, weights = prune_obs(w, h, keep=k - 1, damping=0)
    saliency = w[0].astype(np.float64) ** 2 / (2 * np.diagonal(np.linalg.inv(h)))
    assert int(np.argmin(mask[0])) == int(np.argmin(saliency))
    inverted = saliency.min() * solved([1], h)  # a diagonal element of the inverse, by its condition too
    assert abs(loss(w, weights, h) - saliency.min()) <= rise(w, weights, mask, h) + inverted


@given(SEEDS, st.integers(1, 6), st.integers(1, 9), st.data())
def test_with_a_diagonal_hessian_surgery_is_damage(seed, n, k, data):
    rng = np.random.default_rng(seed)
    w, diagonal = rng.integers(-3, 4, (n, k)).astype(np.float32), 4.0 ** rng.integers(-1, 2, k)  # ties; all exact
    keep = data.draw(st.integers(0, w.size))
    mask, weights = prune_obs(w, np.diag(diagonal), keep=keep, damping=0)
    expected = prune_select(prune_score_obd(w, np.tile(diagonal, (n, 1))), keep=keep)
    assert np.array_equal(mask, expected) and np.array_equal(weights, np.where(mask, w, np.float32(0)))


def by_definition(w, h, block, sparsity):
    """SparseGPT by OBS: a pruned weight is removed from its row with the inverse Hessian of the inputs still to come.

    The mask of a block is chosen when it begins, by the losses of these removals. No factor, and no update put off.
    """
    w, k, mask = w.astype(np.float64), w.shape[1], np.ones(w.shape, bool)
    left = [np.linalg.inv(h[j:, j:]) for j in range(k)]
    for j in range(k):
        if j % block == 0:
            end = min(j + block, k)
            score = w[:, j:end] ** 2 / [left[c][0, 0] for c in range(j, end)]
            pruned = round(sparsity * len(w) * end) - round(sparsity * len(w) * j)
            mask[:, j:end] = prune_select(score, keep=score.size - pruned)
        w[:, j:] -= np.outer(np.where(mask[:, j], 0, w[:, j] / left[j][0, 0]), left[j][0])
    return mask, w * mask


@given(SEEDS, st.integers(1, 5), st.integers(1, 14), st.integers(1, 8), st.floats(0, 1))
def test_sparsegpt_removes_each_weight_as_obs_does_from_the_inputs_still_to_come(seed, rows, k, block, sparsity):
    w, h = layer(np.random.default_rng(seed), rows, k)
    expected, updated = by_definition(w, h, block, sparsity)
    mask, weights = prune_sparsegpt(w, h, sparsity=sparsity, block=block, damping=0)
    assert np.array_equal(mask, expected) and mask.size - mask.sum() == round(sparsity * w.size)
    far = np.array([[solved(row, h)] for row in w])
    assert np.all(np.abs(weights - updated) <= 2.0**-24 * np.abs(updated) + far) and not weights[~mask].any()


@given(SEEDS, st.integers(1, 5), st.integers(1, 14), st.integers(1, 6), st.data())
def test_n_of_m_holds_in_every_group_and_the_block_does_not_matter(seed, rows, k, m, data):
    n = data.draw(st.integers(0, m))
    w, h = layer(np.random.default_rng(seed), rows, k)
    mask, weights = prune_sparsegpt(w, h, n=n, m=m, damping=0.01)
    for start in range(0, k, m):
        size = min(m, k - start)
        assert np.all(mask[:, start : start + m].sum(axis=1) == -(-n * size // m))
    for block in (1, 3, 8):
        other, values = prune_sparsegpt(w, h, n=n, m=m, block=block)
        far = np.array([[solved(row, damped(h, 0.01))] for row in w])
        assert np.array_equal(other, mask)
        allowed = 2 * (2.0**-24 * np.abs(weights) + far)  # each is rounded
        assert np.all(np.abs(values.astype(np.float64) - weights) <= allowed)


@given(SEEDS, st.integers(1, 5), st.integers(1, 12), st.floats(0, 1))
def test_pruning_again_changes_nothing(seed, n, k, sparsity):
    w, h = layer(np.random.default_rng(seed), n, k)
    for prune, how in ((prune_obs, {"sparsity": sparsity}), (prune_sparsegpt, {"sparsity": sparsity, "block": 4}),
                       (prune_sparsegpt, {"n": 1, "m": 3})):
        mask, weights = prune(w, h, **how)
        again, same = prune(weights, h, **how)
        assert np.array_equal(again, mask) and np.array_equal(same, weights)


@pytest.mark.parametrize("k", [0, 1, 2, 127, 128, 129, 300])
def test_the_factor_is_upper_triangular_and_gives_the_inverse(k):
    h = layer(np.random.default_rng(k), 1, k)[1]
    before = h.copy()
    u = inverse_factor(h, 0.01)
    assert np.array_equal(h, before) and np.array_equal(u, np.triu(u)) and np.all(np.diagonal(u) > 0)
    whole = damped(h, 0.01)
    # With l the factor of h and v = 2**-53: l l.T is off by (k + 1) v trace(h) (Higham, Accuracy and Stability, theorem
    # 10.3); its inverse by k v |u| |l| (section 14.1), whose norm is at most k**2 v sqrt(kappa), between u and l.T; and
    # each of the two products by k v |a| |b|. Four terms, each at most (k + 1)**2 v kappa.
    allowed = 4 * (k + 1) ** 2 * 2.0**-53 * (np.linalg.cond(whole) if k else 1)
    assert np.abs(u.T @ u @ whole - np.eye(k)).max(initial=0) <= allowed


@functools.cache
def images():
    """Return a layer fitted to MNIST's labels by least squares, and the Hessian of its inputs: the pixels at half the
    resolution, of which some are always zero."""
    train, _ = mnist.load()
    x, labels = train.inputs()[:4000].astype(np.float64), train.labels[:4000]
    x = x.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)
    gram = x.T @ x
    targets = np.eye(10)[labels] - 0.1
    return np.linalg.solve(gram + 10 * np.eye(196), x.T @ targets).T.astype(np.float32), 2 * gram / 4000


def test_on_a_real_layer_surgery_beats_sparsegpt_and_sparsegpt_beats_magnitude():
    w, h = images()
    for sparsity in (0.5, 0.9):
        by_size = loss(w, w * prune_magnitude(w, sparsity=sparsity), h)
        adjusted = loss(w, prune_sparsegpt(w, h, sparsity=sparsity)[1], h)
        exact = loss(w, prune_obs(w, h, sparsity=sparsity)[1], h)
        assert exact < adjusted < by_size
    by_size = loss(w, w * prune_select(np.abs(w), structure="nm", n=2, m=4), h)
    assert loss(w, prune_sparsegpt(w, h, n=2, m=4)[1], h) < by_size


@pytest.mark.parametrize("sparsity", [0.5, 0.8, 0.9, 0.95])
def test_on_random_layers_of_real_inputs_sparsegpt_beats_magnitude(sparsity):
    h = images()[1]
    for seed in range(3):
        w = np.random.default_rng(seed).standard_normal((100, 196), dtype=np.float32)
        by_size = loss(w, w * prune_magnitude(w, sparsity=sparsity), h)
        assert loss(w, prune_sparsegpt(w, h, sparsity=sparsity)[1], h) < by_size


@pytest.mark.parametrize("prune", [prune_obs, prune_sparsegpt])
def test_an_input_that_is_always_zero_goes_first(prune):
    w, h = layer(np.random.default_rng(0), 5, 8)
    h[3], h[:, 3] = 0, 0
    mask, _ = prune(w, h, sparsity=5 / 40, damping=1e-9)
    assert not mask[:, 3].any() and mask.sum() == 35


@pytest.mark.parametrize("layout", ODD, ids=lambda f: f.__name__)
@pytest.mark.parametrize("prune", [prune_obs, prune_sparsegpt])
def test_every_layout_gives_the_same_bits_and_is_left_alone(prune, layout):
    w, h = layer(np.random.default_rng(2), 5, 9)
    h = (h + h.T) / 2
    odd = layout(w), layout(h)
    for a, b in zip(prune(*odd, sparsity=0.5), prune(w, h, sparsity=0.5)):
        assert np.array_equal(a, b)
    assert np.array_equal(odd[0], w) and np.array_equal(odd[1], h)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
@pytest.mark.parametrize("prune", [prune_obs, prune_sparsegpt])
def test_a_layer_without_weights_passes(prune, shape):
    mask, weights = prune(np.zeros(shape, np.float32), np.eye(shape[1]), sparsity=0.5)
    assert mask.shape == weights.shape == shape


W, H = np.ones((2, 3), np.float32), np.eye(3)
LEAN = np.float64([[1, 2, 3]]).T @ np.float64([[1, 2, 3]])  # one sample: of rank 1
SKEW, NAN = np.eye(3), np.eye(3)
SKEW[2, 0], NAN[1, 2] = 1e-9, np.nan
REFUSED = [
    (W, LEAN, {"damping": 0}, RefcompressError, "hessian"),
    (W, -H, {}, RefcompressError, "hessian[0, 0]"),
    (W, np.float64([[1, 2, 0], [2, 1, 0], [0, 0, 1]]), {}, RefcompressError, "hessian"),
    (W, np.float64([[0, 1e-9, 0], [1e-9, 1, 0], [0, 0, 1]]), {}, RefcompressError, "hessian[0, 1]"),
    (W, SKEW, {}, RefcompressError, "hessian[0, 2]"),
    (W, NAN, {}, RefcompressError, "hessian[1, 2]"),
    (W, np.eye(2), {}, RefcompressError, "hessian"),
    (W, H[0], {}, RefcompressError, "hessian"),
    (W, H.astype(np.float32), {}, ArgumentTypeError, "hessian"),
    (W * np.float32(np.nan), H, {}, RefcompressError, "w[0, 0]"),
    (W[0], H, {}, RefcompressError, "w"),
    (W.astype(np.float64), H, {}, ArgumentTypeError, "w"),
    (W, H, {"damping": -0.1}, RefcompressError, "damping"),
    (W, H, {"damping": np.nan}, RefcompressError, "damping"),
    (W, 1e300 * H, {"damping": 1e300}, LimitError, "damping"),
    (W, H, {"sparsity": 1.1}, RefcompressError, "sparsity"),
    (W, H, {"sparsity": np.nan}, RefcompressError, "sparsity"),
    (np.float32([[3e38, 3e38]]), np.float64([[1, 0.9], [0.9, 1]]), {}, LimitError, "w"),
]


@pytest.mark.parametrize("prune", [prune_obs, prune_sparsegpt])
@pytest.mark.parametrize("w, h, options, error, argument", REFUSED)
def test_refuses_by_name(prune, w, h, options, error, argument):
    with pytest.raises(RefcompressError) as caught:
        prune(w, h, **{"sparsity": 0.5, **options})
    assert type(caught.value) is error and caught.value.argument == argument


@pytest.mark.parametrize("prune, options, argument", [
    (prune_obs, {}, "sparsity or keep"), (prune_obs, {"sparsity": 0.5, "keep": 1}, "sparsity or keep"),
    (prune_obs, {"keep": 7}, "keep"), (prune_sparsegpt, {"n": 2}, "m"), (prune_sparsegpt, {"m": 2}, "n"),
    (prune_sparsegpt, {"n": 3, "m": 2}, "n"), (prune_sparsegpt, {"n": 0, "m": 0}, "m"),
    (prune_sparsegpt, {"n": 1, "m": 2, "sparsity": 0.5}, "sparsity or n"),
    (prune_sparsegpt, {"sparsity": 0.5, "block": 0}, "block"), (prune_sparsegpt, {}, "sparsity or n")])
def test_refuses_options_that_do_not_go_together(prune, options, argument):
    with pytest.raises(RefcompressError) as caught:
        prune(W, H, **options)
    assert caught.value.argument == argument


def test_a_hessian_that_rounding_alone_keeps_from_being_singular_is_refused():
    by_rounding = 0
    for seed in range(40):
        x = np.random.default_rng(seed).standard_normal((7, 8))
        h = x.T @ x  # of rank 7
        try:
            np.linalg.cholesky(h[::-1, ::-1])
            by_rounding += 1
        except np.linalg.LinAlgError:
            pass
        for prune in (prune_obs, prune_sparsegpt):
            with pytest.raises(RefcompressError, match="singular to working precision"):
                prune(np.ones((2, 8), np.float32), h, sparsity=0.5, damping=0)
    assert by_rounding > 5

"""Laws of the hooks of compression: masks and codebooks hold while a network is trained."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_examples import examples, is_positive_zero, tiny_network, whole

import refcompress as rc
from refcompress import RefcompressError, Shared
from refcompress.training import (
    SGD,
    Adam,
    Dense,
    Free,
    LearnedSteps,
    Masked,
    Network,
    SharedCentroids,
    StraightThrough,
    fit,
)

SIZES = st.integers(1, 9)
SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.booleans(), st.floats(0, 1))
@settings(max_examples=25, deadline=None)
def test_pruned_weights_and_their_gradients_stay_positive_zero(seed, adam, share):
    x, y = examples(seed, 40)
    network = tiny_network(seed)
    mask = np.random.default_rng(seed).random((5, 6)) < share
    tuning = Masked(network, {"fc1.weight": mask})
    assert is_positive_zero(network.parameters["fc1.weight"][~mask])
    start = network.copy().parameters
    optimizer = Adam(0.05, weight_decay=0.1) if adam else SGD(0.05, weight_decay=0.1)
    fit(network, x, y, optimizer=optimizer, epochs=2, rng=np.random.default_rng(seed), batch=9, tuning=tuning)
    assert is_positive_zero(network.parameters["fc1.weight"][~mask])
    assert is_positive_zero(tuning.gradients()["fc1.weight"][~mask])
    assert (network.parameters["fc1.weight"][mask] != start["fc1.weight"][mask]).all()
    assert (network.parameters["fc2.weight"] != start["fc2.weight"]).any()


def test_a_mask_that_keeps_all_changes_no_bit_of_the_training():
    x, y = examples(7)
    runs = []
    for make in (lambda n: Free(n), lambda n: None, lambda n: Masked(n, {"fc1.weight": np.ones((5, 6), bool)})):
        network = tiny_network(7)
        fit(network, x, y, optimizer=Adam(0.01), epochs=2, rng=np.random.default_rng(0), tuning=make(network))
        runs.append(network.parameters["fc1.weight"].tobytes())
    assert runs[0] == runs[1] == runs[2]


def some_shared(rng, shape, clusters, pruned):
    codebook = np.sort(rng.standard_normal(clusters)).astype(np.float32)
    if pruned:
        codebook = np.concatenate([np.zeros(1, np.float32), codebook])
    return Shared(rng.integers(0, len(codebook), shape).astype(np.uint8), codebook)


@given(SIZES, SIZES, st.integers(1, 6), st.booleans(), SEEDS)
@settings(max_examples=40, deadline=None)
def test_the_gradient_of_a_centroid_is_the_derivative_of_the_loss_by_the_codebook_entry(n, k, clusters, pruned, seed):
    # loss = <dy, output> is linear in the weights of one layer, hence in the codebook; whole numbers make it exact.
    rng = np.random.default_rng(seed)
    layer = Dense(k, 4, rng=rng, dtype=np.float64)
    network = Network([("fc", layer)])
    s = some_shared(rng, (4, k), clusters, pruned)
    s = Shared(s.codes, np.rint(s.codebook * 4) + np.float32(0))
    tuning = SharedCentroids(network, {"fc.weight": s})
    x, dy = whole(rng, n, k), whole(rng, n, 4)
    start = np.sum(dy * network.forward(x))
    network.backward(dy)
    gradient = tuning.gradients()["fc.weight"].copy()
    for entry in range(int(s.pruned), len(s.codebook)):
        codebook = tuning.parameters["fc.weight"]
        codebook[entry] += 1
        tuning.apply()
        assert np.sum(dy * network.forward(x)) - start == gradient[entry]
        codebook[entry] -= 1
    assert not s.pruned or gradient[0] == 0


@given(st.integers(1, 6), st.booleans(), st.booleans(), SEEDS)
@settings(max_examples=25, deadline=None)
def test_tuned_weights_are_their_codebook_and_the_zero_code_stays_positive_zero(clusters, pruned, adam, seed):
    rng = np.random.default_rng(seed)
    x, y = examples(seed, 40)
    network = tiny_network(seed)
    given_ = {"fc1.weight": some_shared(rng, (5, 6), clusters, pruned),
              "fc2.weight": some_shared(rng, (3, 5), 4, False)}
    tuning = SharedCentroids(network, given_)
    for name, s in given_.items():
        assert np.array_equal(network.parameters[name], s.dense())
    optimizer = Adam(0.3, weight_decay=0.1) if adam else SGD(0.3, weight_decay=0.1)  # large: centroids cross
    fit(network, x, y, optimizer=optimizer, epochs=2, rng=rng, batch=9, tuning=tuning)
    for name, s in tuning.shared().items():
        assert np.array_equal(s.dense().view(np.uint32), network.parameters[name].view(np.uint32))
        assert s.pruned == given_[name].pruned
        assert (np.diff(s.codebook[int(s.pruned):]) >= 0).all()
        if s.pruned:
            assert np.array_equal(s.codes == 0, given_[name].codes == 0)
            assert is_positive_zero(network.parameters[name][s.codes == 0])
        # Members of one cluster are still members of one.
        assert len(set(zip(given_[name].codes.ravel().tolist(), s.codes.ravel().tolist()))) == len(np.unique(s.codes))


@pytest.mark.parametrize("hook, value", [(Masked, np.ones((5, 7), bool)), (Masked, np.ones((5, 6), np.uint8)),
                                         (SharedCentroids, Shared(np.zeros((2, 2), np.uint8), np.ones(1, np.float32)))])
def test_hooks_refuse_what_does_not_fit_the_network(hook, value):
    with pytest.raises(RefcompressError, match="fc1.weight"):
        hook(tiny_network(0), {"fc1.weight": value})
    with pytest.raises(RefcompressError, match="fc9.weight"):
        hook(tiny_network(0), {"fc9.weight": value if hook is SharedCentroids else np.ones((5, 6), bool)})


@pytest.mark.parametrize("on_grid", [lambda net: StraightThrough(net, {"fc1.weight": 3}),
                                     lambda net: LearnedSteps(net, {"fc1.weight": 3})])
def test_pruned_weights_stay_zero_on_a_grid_that_learns(on_grid):
    x, y = examples(3, 60)
    network, mask = tiny_network(3), np.random.default_rng(3).random((5, 6)) < 0.5
    grid = on_grid(network)
    tuning = Masked(network, {"fc1.weight": mask}, tuning=grid)
    seen = []
    for _ in range(2):  # before the first step, and after some
        seen.append(grid.quantized()["fc1.weight"])
        assert not seen[-1].values[~mask].any() and seen[-1].values[mask].any()
        assert rc.same(network.parameters["fc1.weight"], seen[-1].dense())
        fit(network, x, y, optimizer=Adam(0.02, weight_decay=0.1), epochs=3, rng=np.random.default_rng(0), batch=20,
            tuning=tuning)
    assert is_positive_zero(tuning.parameters["fc1.weight"][~mask]) and not rc.same(*seen)


def test_a_mask_of_weights_does_not_fit_a_codebook_and_is_refused():
    network = tiny_network(0)
    shared = some_shared(np.random.default_rng(0), (5, 6), 4, True)
    with pytest.raises(RefcompressError, match=r"masks\['fc1.weight'\]: must have the shape \(5,\), not \(5, 6\)"):
        Masked(network, {"fc1.weight": shared.codes > 0}, tuning=SharedCentroids(network, {"fc1.weight": shared}))

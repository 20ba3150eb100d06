"""Laws of the hooks that prune while training: how much, when, and what may come back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress import RefcompressError, prune_magnitude
from refcompress.training import SGD, Adam, Dense, Free, Gradual, Network, ReLU, Splicing, Summed, cubic, fit

SHARES = st.floats(0, 1)


def tiny(seed=0):
    rng = np.random.default_rng(seed)
    return Network([("fc1", Dense(6, 8, rng=rng)), ("relu", ReLU()), ("fc2", Dense(8, 3, rng=rng))])


def examples(n=60):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((n, 6)).astype(np.float32)
    return x, x[:, :3].argmax(axis=1)


def train(network, tuning, *, optimizer=None, epochs=3, batch=10):
    fit(network, *examples(), optimizer=optimizer or Adam(0.01), epochs=epochs, rng=np.random.default_rng(2),
        batch=batch, tuning=tuning)


@given(SHARES, SHARES, st.lists(SHARES, min_size=2))
def test_the_cubic_schedule_runs_from_its_start_to_its_end_without_turning(initial, final, times):
    assert cubic(0, final, initial) == pytest.approx(initial, abs=2**-51)  # one sum and one difference below 2
    assert cubic(1, final, initial) == final
    values = [cubic(t, final, initial) for t in sorted(times)]
    steps = np.diff(values) * (1 if final >= initial else -1)
    assert (steps >= -(2**-51)).all()  # rounding only: 4 roundings of numbers below 1


@pytest.mark.parametrize("initial, final", [(0.25, 0.875), (0.0, 0.5), (0.5, 0.25)])
def test_before_its_start_the_cubic_schedule_is_at_the_start_and_after_its_end_at_the_end(initial, final):
    for t in (-2.0**-10, -0.5, -1.0, -100.0):
        assert cubic(t, final, initial) == initial
    for t in (1 + 2.0**-10, 2.0, 100.0):
        assert cubic(t, final, initial) == final


def test_the_cubic_schedule_is_the_papers():
    assert cubic(0.5, 0.875) == 0.875 - 0.875 / 8 and cubic(0.25, 1.0, 0.5) == 1 - 0.5 * 0.75**3


def test_gradual_pruning_follows_the_schedule_step_by_step_and_never_takes_a_weight_back():
    network, seen = tiny(), []
    weight = network.parameters["fc1.weight"]

    def choose(sparsity):
        return {"fc1.weight": prune_magnitude(weight, sparsity=sparsity)}

    class Watched(Gradual):
        def apply(self):
            super().apply()
            seen.append(weight == 0)

    train(network, Watched(network, choose, final=0.75, steps=12, every=4))  # 18 steps
    counts = [int(pruned.sum()) for pruned in seen]
    expected = [0] * 3 + [round(48 * cubic(4 / 12, 0.75))] * 4 + [round(48 * cubic(8 / 12, 0.75))] * 4 + [36] * 7
    assert counts == expected
    for before, after in zip(seen, seen[1:]):
        assert (after >= before).all()


def test_gradual_pruning_ends_at_its_last_step_even_where_the_interval_does_not_divide():
    network = tiny()
    tuning = Gradual(network, lambda s: {"fc1.weight": prune_magnitude(network.parameters["fc1.weight"], sparsity=s)},
                     final=0.5, steps=7, every=5)
    train(network, tuning)
    assert np.count_nonzero(tuning.masks["fc1.weight"]) == 24
    assert not network.parameters["fc1.weight"][~tuning.masks["fc1.weight"]].any()


def test_summed_gradients_are_those_of_every_step_and_the_training_is_that_of_free():
    networks = [tiny(), tiny()]
    summed, gradients = Summed(networks[0]), []

    class Watched(Free):
        def gradients(self):
            gradients.append({name: g.astype(np.float64) for name, g in super().gradients().items()})
            return super().gradients()

    train(networks[0], summed)
    train(networks[1], Watched(networks[1]))
    for name, p in networks[0].parameters.items():
        assert p.tobytes() == networks[1].parameters[name].tobytes()
        total = np.zeros(p.shape)
        for step in gradients:
            total += step[name]
        assert np.array_equal(summed.sums[name], total)


def test_a_pruned_weight_goes_on_learning_and_returns_when_it_has_grown():
    network = tiny()
    network.parameters["fc1.weight"][...] = np.arange(1, 49).reshape(8, 6) / 16
    network.parameters["fc1.weight"][0, 0] = 0.01
    tuning = Splicing(network, {"fc1.weight": 24}, rng=np.random.default_rng(0))
    assert not tuning.masks["fc1.weight"][0, 0]
    assert tuning.parameters["fc1.weight"][0, 0] == np.float32(0.01)  # it is kept behind the mask
    tuning.parameters["fc1.weight"][0, 0] = 5  # it has grown
    tuning._done = -1  # the first step revises for sure: 1 / (1 + 0) = 1
    tuning.apply()
    assert tuning.masks["fc1.weight"][0, 0] and network.parameters["fc1.weight"][0, 0] == 5 and tuning.returned == 1


def test_splicing_leaves_a_weight_between_the_thresholds_as_it_is():
    network = Network([("fc1", Dense(4, 1, rng=np.random.default_rng(0)))])
    network.parameters["fc1.weight"][...] = [[1.0, 2.0, 1.85, 1.0]]
    tuning = Splicing(network, {"fc1.weight": 1}, rng=np.random.default_rng(0))
    assert tuning.masks["fc1.weight"].tolist() == [[False, True, True, False]]  # 1.85 >= 0.9 * 2: it was in, and stays
    tuning.parameters["fc1.weight"][...] = [[2.0, 2.0, 1.0, 1.0]]
    tuning._revise()
    assert tuning.masks["fc1.weight"].tolist() == [[False, True, False, False]]  # 2 < 1.1 * 2: it was out, and stays
    tuning.parameters["fc1.weight"][...] = [[3.0, 2.0, 1.0, 1.0]]
    tuning._keep["fc1.weight"] = 2
    tuning._revise()
    assert tuning.masks["fc1.weight"].tolist() == [[True, True, False, False]]  # 3 >= 1.1 * 2: it is back


def test_splicing_trains_with_masked_weights_only_and_finishes_at_the_exact_count():
    network = tiny()
    tuning = Splicing(network, {"fc1.weight": 12, "fc2.weight": 5}, rng=np.random.default_rng(0))
    train(network, tuning, optimizer=SGD(0.1), epochs=20)
    assert tuning.returned > 0
    for name in ("fc1.weight", "fc2.weight"):
        assert not network.parameters[name][~tuning.masks[name]].any()
    hidden = {name: p.copy() for name, p in tuning.parameters.items()}
    masks = tuning.finish()
    assert {name: int(mask.sum()) for name, mask in masks.items()} == {"fc1.weight": 12, "fc2.weight": 5}
    for name, mask in masks.items():
        assert np.array_equal(network.parameters[name], np.where(mask, hidden[name], 0))
        assert np.array_equal(mask, prune_magnitude(hidden[name], keep=int(mask.sum())))


def test_a_count_of_a_small_integer_type_is_the_count_that_it_says():
    networks = [Network([("fc1", Dense(40, 20, rng=np.random.default_rng(0)))]) for _ in range(2)]
    for network, count in zip(networks, (np.uint8(200), 200)):  # 800 weights: 800 - 200 is no uint8
        Splicing(network, {"fc1.weight": count}, rng=np.random.default_rng(0)).finish()
    assert networks[0].parameters["fc1.weight"].tobytes() == networks[1].parameters["fc1.weight"].tobytes()


def test_splicing_with_all_weights_kept_is_training_without_it():
    network, free = tiny(), tiny()
    train(network, Splicing(network, {"fc1.weight": 48}, rng=np.random.default_rng(0)))
    train(free, Free(free))
    # All 48 stay: the threshold is the smallest magnitude, and nothing lies below it.
    for name, p in free.parameters.items():
        assert p.tobytes() == network.parameters[name].tobytes()


@pytest.mark.parametrize("make, named", [
    (lambda n: Gradual(n, dict, final=1.5, steps=1), "final"),
    (lambda n: Gradual(n, dict, final=0.5, steps=0), "steps"),
    (lambda n: Gradual(n, dict, final=0.5, steps=1, every=0), "every"),
    (lambda n: Splicing(n, {"fc9.weight": 1}, rng=None), "fc9"),
    (lambda n: Splicing(n, {"fc1.weight": 0}, rng=None), "fc1"),
    (lambda n: Splicing(n, {"fc1.weight": 49}, rng=None), "fc1")])
def test_settings_without_sense_are_refused_by_name(make, named):
    with pytest.raises(RefcompressError, match=named):
        make(tiny())

"""Laws of the recipes, on a network small enough to compress in a moment."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from refcompress import RefcompressError, Shared, reference
from refcompress.recipes import Settings, deep_compression, lenet_300_100
from refcompress.training import (
    Adam,
    Convolution,
    Dense,
    Dropout,
    GraphNetwork,
    MaxPool,
    Network,
    ReLU,
    Reshape,
    error_rate,
    fit,
    mean_loss,
    model_of,
)

SETTINGS = Settings(keep={"fc1.weight": 0.2, "fc2.weight": 0.5}, bits={"fc1.weight": 2, "fc2.weight": 3}, rounds=2,
                    round_epochs=2, last_epochs=3, share_rounds=2, share_epochs=2, batch=20, round_learning_rate=0.01,
                    last_learning_rate=0.01, share_learning_rate=0.01)


@pytest.fixture(scope="module")
def trained():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 12)).astype(np.float32)
    y = x[:, :3].argmax(axis=1)
    network = Network([("drop1", Dropout(0.1)), ("fc1", Dense(12, 20, rng=rng)), ("relu", ReLU()),
                       ("drop2", Dropout(0.2)), ("fc2", Dense(20, 3, rng=rng))])
    fit(network, x[:300], y[:300], optimizer=Adam(0.02), epochs=30, rng=rng, batch=20)
    return network, (x[:300], y[:300]), (x[300:], y[300:])


@pytest.fixture(scope="module")
def result(trained):
    return deep_compression(*trained, SETTINGS, seed=3)


def as_bytes(compressed):
    return {name: (c.codes.tobytes(), c.codebook.tobytes()) if isinstance(c, Shared) else c.tobytes()
            for name, c in compressed.items()}


def test_the_result_has_every_parameter_in_order_with_the_counts_and_codes_that_were_asked_for(trained, result):
    assert list(result.compressed) == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    for name, keep in SETTINGS.keep.items():
        shared = result.compressed[name]
        assert shared.pruned and len(shared.codebook) <= 2 ** SETTINGS.bits[name]
        assert np.count_nonzero(shared.codes) == round(keep * shared.codes.size)
    for name in ("fc1.bias", "fc2.bias"):
        assert result.compressed[name].dtype == np.float32 and result.compressed[name].ndim == 1


def test_the_network_of_the_result_computes_with_exactly_the_compressed_values(trained, result):
    for name, c in result.compressed.items():
        dense = c.dense() if isinstance(c, Shared) else c
        assert dense.tobytes() == result.network.parameters[name].tobytes()
    assert result.stages[-1].validation_error == error_rate(result.network, *trained[2])
    assert result.stages[-1].validation_error < 0.3  # it learnt: chance is 0.67


def test_the_network_that_was_given_stays_as_it_was(trained):
    network, training, validation = trained
    before = {name: p.tobytes() for name, p in network.parameters.items()}
    deep_compression(network, training, validation, SETTINGS)
    assert {name: p.tobytes() for name, p in network.parameters.items()} == before
    assert [network.layers[name].rate for name in ("drop1", "drop2")] == [0.1, 0.2]


def test_each_round_keeps_the_same_share_of_the_round_before_it(result):
    assert [s.name for s in result.stages] == ["reference", "prune 1 of 2", "prune 2 of 2", "share 1 of 2",
                                              "tune centroids 1 of 2", "share 2 of 2", "tune centroids 2 of 2"]
    assert [s.kept["fc2.weight"] for s in result.stages] == [1, round(0.5**0.5 * 60) / 60, *[0.5] * 5]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(trained, result):
    assert as_bytes(deep_compression(*trained, SETTINGS, seed=3).compressed) == as_bytes(result.compressed)
    assert as_bytes(deep_compression(*trained, SETTINGS, seed=4).compressed) != as_bytes(result.compressed)


def test_the_implementation_asked_for_does_what_it_has_and_the_result_names_it(trained, result):
    def counted(operation):
        def function(w, **options):
            calls.append(options)
            return getattr(reference, operation)(w, **options)
        return function

    for operation, times in (("prune_magnitude", 4), ("share_kmeans", 4)):  # two weights; two rounds each
        calls, mine = [], SimpleNamespace(__name__="mine", **{operation: counted(operation)})
        other = deep_compression(*trained, SETTINGS, implementation=mine, seed=3)
        assert len(calls) == times
        assert as_bytes(other.compressed) == as_bytes(result.compressed)
        assert other.implementations == result.implementations | {operation: "mine"}


def test_a_round_of_sharing_clusters_the_weights_that_moved_with_their_centroids(trained):
    clustered = []

    def share_kmeans(w, **options):
        clustered.append((w.copy(), reference.share_kmeans(w, **options)))
        return clustered[-1][1]

    mine = SimpleNamespace(__name__="mine", share_kmeans=share_kmeans)
    fine = replace(SETTINGS, keep=dict.fromkeys(SETTINGS.keep, 0.8), bits=dict.fromkeys(SETTINGS.bits, 4))
    deep_compression(*trained, fine, implementation=mine, seed=3)
    one = deep_compression(*trained, replace(fine, share_rounds=1), seed=3)  # the same up to the end of the first round
    reassigned = 0
    for name, (first, shared), (second, again) in zip(SETTINGS.keep, clustered[:2], clustered[2:]):
        kept, tuned = shared.codes != 0, one.compressed[name].dense()
        assert not np.array_equal(tuned, shared.dense())  # the centroids did move
        # Three roundings: of the distance that the centroid went, of its sum with the weight, of the difference here.
        size = np.abs(first) + np.abs(second) + np.abs(tuned) + np.abs(shared.dense())
        assert (np.abs((second - first) - (tuned - shared.dense())) <= 4 * 2.0**-24 * size).all()
        assert np.array_equal(second != 0, kept) and np.array_equal(again.codes != 0, kept)
        reassigned += np.count_nonzero(again.codes != shared.codes)
    assert reassigned > 0


def test_each_round_is_measured_and_says_its_gain_over_the_round_before(result):
    errors = {s.name: s.validation_error for s in result.stages}
    before = {"prune 1 of 2": "reference", "prune 2 of 2": "prune 1 of 2", "share 1 of 2": "prune 2 of 2",
              "tune centroids 1 of 2": "prune 2 of 2", "share 2 of 2": "share 1 of 2",
              "tune centroids 2 of 2": "tune centroids 1 of 2"}
    for stage in result.stages[1:]:
        assert stage.gain == errors[before[stage.name]] - stage.validation_error
    said = result.gains()
    assert [line.split(":")[0] for line in said] == [name for name in before if not name.startswith("share")]
    for line, stage in zip(said, [s for s in result.stages[1:] if not s.name.startswith("share")]):
        assert (", a gain of" in line) == (stage.gain > 0) and ("no gain" in line) == (stage.gain <= 0)


def test_clustering_again_never_makes_the_loss_on_the_training_examples_worse(trained):
    chosen = set()
    for seed in range(4):
        for rate in (0.01, 0.3):  # the second drives the centroids apart, and a later round may be the worse one
            result = deep_compression(*trained, replace(SETTINGS, share_rounds=3, share_learning_rate=rate), seed=seed)
            assert len(result.losses) == 3
            assert mean_loss(result.network, *trained[1]) == min(result.losses)
            assert result.share_round == result.losses.index(min(result.losses)) + 1
            for name, c in result.compressed.items():
                dense = c.dense() if isinstance(c, Shared) else c
                assert dense.tobytes() == result.network.parameters[name].tobytes()
            chosen.add(result.share_round)
    assert len(chosen) > 1  # neither the first nor the last round is always the best


def test_a_graph_is_compressed_as_the_network_that_it_is_made_of(trained):
    network, training, validation = trained
    plain = Network([(name, layer) for name, layer in network.layers.items() if not isinstance(layer, Dropout)])
    graph = GraphNetwork(model_of(plain))
    ours, theirs = (deep_compression(net, training, validation, SETTINGS, seed=3) for net in (graph, plain))
    assert as_bytes(ours.compressed) == as_bytes(theirs.compressed)
    model = ours.network.model().replaced(ours.compressed)
    assert error_rate(ours.network, *validation) == float(
        np.mean(model(validation[0]).argmax(axis=1) != validation[1]))


def test_a_network_with_convolutions_is_compressed_kernels_and_all():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((60, 36)).astype(np.float32), rng.integers(0, 3, 60)
    network = Network(
        [
            ("image", Reshape(6, 6, 1)),
            ("conv1", Convolution(1, 4, 3, rng=rng)),
            ("pool", MaxPool()),
            ("relu", ReLU()),
            ("flat", Reshape(16)),
            ("drop", Dropout(0.2)),
            ("fc1", Dense(16, 3, rng=rng)),
        ]
    )
    names = ("conv1.weight", "fc1.weight")
    how = replace(SETTINGS, keep=dict.fromkeys(names, 0.5), bits=dict.fromkeys(names, 2))
    result = deep_compression(network, (x, y), (x, y), how)
    assert {name: np.count_nonzero(result.compressed[name].codes) for name in names} == {
        "conv1.weight": 18,
        "fc1.weight": 24,
    }
    assert result.compressed["conv1.weight"].shape == (4, 1, 3, 3)


def test_settings_of_small_number_types_mean_the_numbers_that_they_say(trained, result):
    small = replace(
        SETTINGS,
        keep={"fc1.weight": np.float16(0.25), "fc2.weight": np.float32(0.5)},
        rounds=np.uint8(2),
        bits={name: np.uint8(b) for name, b in SETTINGS.bits.items()},
        batch=np.uint8(200),
        share_rounds=np.int8(2),
        round_learning_rate=np.float16(0.015625),
    )
    plain = replace(SETTINGS, keep={"fc1.weight": 0.25, "fc2.weight": 0.5}, batch=200, round_learning_rate=0.015625)
    assert small == plain and all(
        type(v) in (int, float) for v in (small.rounds, small.batch, *small.bits.values(), *small.keep.values())
    )
    assert as_bytes(deep_compression(*trained, small).compressed) == as_bytes(
        deep_compression(*trained, plain).compressed
    )


def test_weights_that_are_not_named_are_stored_as_they_are(trained):
    settings = replace(SETTINGS, keep={"fc1.weight": 0.2}, bits={"fc1.weight": 2})
    compressed = deep_compression(*trained, settings).compressed
    assert isinstance(compressed["fc1.weight"], Shared) and compressed["fc2.weight"].dtype == np.float32


def test_dropout_shrinks_with_the_root_of_what_is_kept_and_is_off_for_the_centroids(trained):
    network, training, validation = trained
    rates = []

    class Watched(Dropout):
        def forward(self, x, rng=None):
            if rng is not None:
                rates.append(self.rate)
            return super().forward(x, rng)

    watched = Network([(name, Watched(0.4) if name == "drop2" else layer) for name, layer in network.layers.items()])
    deep_compression(watched, training, validation, SETTINGS)
    expected = [0.4 * (round(0.5**0.5 * 60) / 60) ** 0.5, 0.4 * 0.5**0.5, 0.0]  # Han et al. 2015, eq. 2
    assert list(dict.fromkeys(rates)) == expected


def test_progress_is_told_stage_and_epoch(trained):
    told = []
    deep_compression(*trained, SETTINGS, progress=lambda *event: told.append(event[:3]))
    assert told == [("prune 1 of 2", 1, 2), ("prune 1 of 2", 2, 2), ("prune 2 of 2", 1, 3), ("prune 2 of 2", 2, 3),
                    ("prune 2 of 2", 3, 3), *((f"tune centroids {r} of 2", i, 2) for r in (1, 2) for i in (1, 2))]


@pytest.mark.parametrize("change, named", [
    ({"keep": {"fc1.weight": 0.0}, "bits": {"fc1.weight": 2}}, "keep"),
    ({"keep": {"fc1.weight": 1.5}, "bits": {"fc1.weight": 2}}, "keep"),
    ({"keep": {"fc1.weight": 0.5}, "bits": {}}, "bits"), ({"keep": {}, "bits": {"fc1.weight": 2}}, "keep"),
    ({"keep": {"fc1.weight": 0.5}, "bits": {"fc1.weight": 17}}, "bits"), ({"rounds": 0}, "rounds"),
    ({"share_rounds": 0}, "share_rounds"), ({"share_rounds": 1.0}, "share_rounds"),
    ({"last_epochs": -1}, "last_epochs"), ({"share_learning_rate": float("nan")}, "share_learning_rate"),
    ({"weight_decay": "small"}, "weight_decay")])
def test_settings_refuse_what_makes_no_sense(change, named):
    with pytest.raises(RefcompressError, match=named):
        replace(SETTINGS, **change)


def test_a_weight_that_the_network_does_not_have_is_refused_by_name(trained):
    with pytest.raises(RefcompressError, match="fc9.weight"):
        deep_compression(*trained, Settings(keep={"fc9.weight": 0.5}, bits={"fc9.weight": 2}))


def test_lenet_300_100_has_266200_weights_and_410_biases_and_its_recipe_trains_it():
    network = lenet_300_100.network(np.random.default_rng(0))
    sizes = {name: p.size for name, p in network.parameters.items()}
    assert sum(n for name, n in sizes.items() if name.endswith(".weight")) == 266200
    assert sum(n for name, n in sizes.items() if name.endswith(".bias")) == 410
    assert set(lenet_300_100.SETTINGS.keep) == {name for name in sizes if name.endswith(".weight")}
    rng, told = np.random.default_rng(1), []
    x, y = rng.random((100, 784), dtype=np.float32), rng.integers(0, 10, 100)
    runs = [lenet_300_100.train_reference(x, y, seed=2, epochs=2, progress=lambda *e: told.append(e[:3]))
            for _ in range(2)]
    assert told == [("training", 1, 2), ("training", 2, 2)] * 2
    assert runs[0].parameters["fc1.weight"].tobytes() == runs[1].parameters["fc1.weight"].tobytes()

"""Laws of the pruning recipes, on a network small enough to prune in a moment."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress import MissingExtra, RefcompressError, prune_threshold, reference
from refcompress.recipes import Retraining, lenet_300_100, plots, pruning
from refcompress.recipes.criteria import CRITERIA, SCOPES, UNIT_CRITERIA, Evidence, Operations, counts, scores
from refcompress.recipes.sensitivity import sensitivity, sensitivity_table
from refcompress.training import (
    Adam,
    Dense,
    Dropout,
    GraphNetwork,
    Masked,
    Network,
    ReLU,
    collect,
    error_rate,
    fit,
    mnist,
    model_of,
)

HOW = Retraining(epochs=2, learning_rate=0.01, batch=20)
SIZE = 12 * 20 + 20 * 9 + 9 * 3


def untrained():
    rng = np.random.default_rng(0)
    return Network([("drop1", Dropout(0.1)), ("fc1", Dense(12, 20, rng=rng)), ("relu1", ReLU()),
                    ("drop2", Dropout(0.2)), ("fc2", Dense(20, 9, rng=rng)), ("relu2", ReLU()),
                    ("fc3", Dense(9, 3, rng=rng))])


@pytest.fixture(scope="module")
def trained():
    rng = np.random.default_rng(1)
    hidden = rng.standard_normal((400, 6))  # inputs that hang together: what a Hessian knows and a magnitude does not
    x = (hidden @ rng.standard_normal((6, 12)) + 0.1 * rng.standard_normal((400, 12))).astype(np.float32)
    y = hidden[:, :3].argmax(axis=1)
    network = untrained()
    fit(network, x[:300], y[:300], optimizer=Adam(0.02), epochs=30, rng=rng, batch=20)
    return network, (x[:300], y[:300]), (x[300:], y[300:])


def bits(network):
    return {name: p.tobytes() for name, p in network.parameters.items()}


def is_masked(pruned):
    """Whether every weight that is pruned is +0.0."""
    return all(not pruned.network.parameters[name].view(np.uint32)[~mask].any() for name, mask in pruned.masks.items())


WAYS = {
    **{name: lambda net, examples, name=name: pruning.one_shot(net, name, 0.5, Evidence(net, *examples))
       for name in ("magnitude", "wanda", "taylor", "fisher", "movement")},
    "sparsegpt": lambda net, examples: pruning.layerwise(net, "sparsegpt", 0.5, examples[0]),
    "iterative": lambda net, examples: pruning.iterative(net, "magnitude", 0.7, examples, HOW, rounds=2),
    "gradual": lambda net, examples: pruning.gradual(net, "wanda", 0.7, examples, HOW, prune_epochs=1, every=5),
    "splicing": lambda net, examples: pruning.splicing(net, 0.7, examples, HOW, splice_epochs=1),
    "lottery": lambda net, examples: pruning.lottery_ticket(net, 0.7, examples, HOW, rounds=1),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_graph_is_pruned_as_the_network_that_it_is_made_of(trained, way):
    network, examples, _ = trained
    plain = Network([(name, layer) for name, layer in network.layers.items() if not isinstance(layer, Dropout)])
    theirs, ours = (WAYS[way](net, examples) for net in (plain, GraphNetwork(model_of(plain))))
    assert all(np.array_equal(ours.masks[name], mask) for name, mask in theirs.masks.items())
    assert bits(ours.network) == bits(theirs.network) and is_masked(ours)


def test_a_criterion_of_second_derivatives_is_refused_for_a_graph(trained):
    graph = GraphNetwork(model_of(trained[0]))
    with pytest.raises(RefcompressError, match="criterion: must not be 'obd' for a graph"):
        pruning.one_shot(graph, "obd", 0.5, Evidence(graph, *trained[1]))
    assert pruning.one_shot(graph, "random", 0.5, Evidence(graph, *trained[1])).kept == SIZE - round(SIZE / 2)


# Sharing out and choosing ---------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=6), st.data(), st.booleans())
def test_counts_sum_to_what_is_kept_and_no_layer_keeps_more_than_it_has(shapes, data, graded):
    shapes = {f"fc{i}": shape for i, shape in enumerate(shapes)}
    keep = data.draw(st.integers(0, sum(m * k for m, k in shapes.values())))
    found = counts(shapes, keep, graded=graded)
    assert list(found) == list(shapes) and sum(found.values()) == keep
    assert all(0 <= found[name] <= m * k for name, (m, k) in shapes.items())
    # All layers that are not full share one factor: count = factor * size (or m + k), up to the rounding of 1.
    part = {name: m + k if graded else m * k for name, (m, k) in shapes.items()}
    open_ = [name for name, (m, k) in shapes.items() if found[name] < m * k]
    factors = [((found[name] - 1) / part[name], (found[name] + 1) / part[name]) for name in open_]
    assert not factors or max(low for low, _ in factors) <= min(high for _, high in factors)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_criterion_keeps_exactly_its_count_and_leaves_the_network_alone(trained, criterion, scope):
    network, training, _ = trained
    before, evidence = bits(network), Evidence(network, *training)
    for sparsity in (0.0, 0.5, 0.9):
        pruned = pruning.one_shot(network, criterion, sparsity, evidence, scope=scope)
        if scope != "row":
            assert pruned.kept == SIZE - round(sparsity * SIZE)
        else:
            for mask in pruned.masks.values():
                assert len(set(mask.sum(axis=1))) == 1  # the same in each row
        assert is_masked(pruned) and bits(network) == before
        for name, mask in pruned.masks.items():  # nothing but the masks has changed
            assert np.array_equal(pruned.network.parameters[name][mask], network.parameters[name][mask])
    if scope != "row":
        assert bits(pruning.one_shot(network, criterion, 0.0, evidence, scope=scope).network) == before


def test_what_is_kept_has_the_largest_scores(trained):
    network, training, _ = trained
    evidence = Evidence(network, *training)
    for criterion in CRITERIA:
        values = scores(criterion, evidence, Operations())
        masks = pruning.one_shot(network, criterion, 0.7, evidence).masks
        kept = np.concatenate([values[name][mask] for name, mask in masks.items()])
        gone = np.concatenate([values[name][~mask] for name, mask in masks.items()])
        assert kept.min() >= gone.max(), criterion


def test_patterns_keep_n_of_every_m_also_at_the_ragged_end(trained):
    network, training, _ = trained
    pruned = [pruning.one_shot(network, "magnitude", None, Evidence(network, *training), pattern=(2, 8)),
              pruning.layerwise(network, "sparsegpt", 0, training[0], pattern=(2, 8))]
    for result in pruned:
        for name, tail in (("fc1.weight", 1), ("fc2.weight", 1), ("fc3.weight", 1)):  # ceil(2 r / 8), r = 4, 4, 1
            mask = result.masks[name]
            whole = mask.shape[1] // 8 * 8
            assert (mask[:, :whole].reshape(len(mask), -1, 8).sum(axis=2) == 2).all()
            assert (mask[:, whole:].sum(axis=1) == tail).all()
        assert is_masked(result)


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.9, 0.99, 1.0])
def test_the_threshold_of_one_quality_prunes_the_share_that_is_asked_for(trained, sparsity):
    network = trained[0]
    pruned = pruning.threshold(network, sparsity)
    assert pruned.kept == SIZE - round(sparsity * SIZE)  # no two ratios are equal here
    for name, mask in pruned.masks.items():
        assert np.array_equal(mask, prune_threshold(network.parameters[name], pruned.history["quality"]))
    assert is_masked(pruned)


# Layer-wise methods and units -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", pruning.LAYERWISE)
def test_layerwise_methods_keep_the_count_of_each_layer(trained, method):
    network, (x, _), _ = trained
    pruned = pruning.layerwise(network, method, 0.5, x)
    shapes = {name: p.shape for name, p in network.parameters.items() if p.ndim == 2}
    each = counts(shapes, SIZE - round(0.5 * SIZE), graded=True)
    assert {name: int(mask.sum()) for name, mask in pruned.masks.items()} == each and is_masked(pruned)


def test_sparsegpt_changes_the_outputs_of_real_layers_less_than_magnitude_pruning_does():
    examples, _ = mnist.load()
    x, y = examples.inputs()[:2000], examples.labels[:2000]
    network = lenet_300_100.network(np.random.default_rng(0))
    fit(network, x, y, optimizer=Adam(2e-3, weight_decay=3e-4), epochs=3, rng=np.random.default_rng(0))
    hessian = collect(network, x, layers=["fc1"])["fc1"].hessian
    w = network.parameters["fc1.weight"]
    for sparsity in (0.8, 0.95):
        plain = np.where(reference.prune_magnitude(w, sparsity=sparsity), w, 0)
        _, adjusted = reference.prune_sparsegpt(w, hessian, sparsity=sparsity, block=784)
        error, of_magnitude = (np.sum(d @ hessian * d) for d in (w - adjusted, w - plain))
        assert error < 0.5 * of_magnitude, sparsity  # in expectation, not for every layer: small ones may differ


def test_each_layers_hessian_is_of_the_inputs_that_the_pruned_layers_before_it_give(trained, monkeypatch):
    network, (x, _), _ = trained
    seen = {}

    def watched(w, hessian, **how):
        seen[w.shape] = hessian
        return reference.prune_sparsegpt(w, hessian, **how)

    monkeypatch.setattr(pruning, "Operations", lambda _: SimpleNamespace(prune_sparsegpt=watched, used={}))
    pruned = pruning.layerwise(network, "sparsegpt", 0.8, x)
    assert np.array_equal(seen[9, 20], collect(pruned.network, x)["fc2"].hessian)
    assert not np.array_equal(seen[9, 20], collect(network, x)["fc2"].hessian)


@pytest.mark.parametrize("criterion", UNIT_CRITERIA)
def test_units_of_every_criterion_leave_a_smaller_network_of_the_best(trained, criterion):
    network, training, validation = trained
    evidence = Evidence(network, *training)
    pruned = pruning.units(network, criterion, {"fc1": 7, "fc2": 4}, evidence)
    assert {name: p.shape for name, p in pruned.network.parameters.items() if p.ndim == 2} == {
        "fc1.weight": (7, 12), "fc2.weight": (4, 7), "fc3.weight": (3, 4)}
    for layer, mask in pruned.masks.items():
        values = scores(criterion, evidence, Operations(), table=UNIT_CRITERIA)[f"{layer}.weight"]
        values = values.reshape(len(mask), -1).astype(np.float64).sum(axis=1)
        assert values[mask].min() >= values[~mask].max()
    # Han et al. 2015, eq. 2: fewer connections, less dropout.
    assert pruned.network.layers["drop2"].rate == 0.2 * (4 * 7 / (9 * 20)) ** 0.5
    tuned = pruning.fine_tune(pruned, training, HOW)
    assert tuned.network.layers["drop2"].rate == pruned.network.layers["drop2"].rate
    assert error_rate(tuned.network, *validation) < 0.6


# Training between and after -------------------------------------------------------------------------------------------


def test_fine_tuning_learns_keeps_the_masks_and_gives_dropout_back(trained):
    network, training, validation = trained
    pruned = pruning.one_shot(network, "magnitude", 0.85, Evidence(network, *training))
    before = bits(pruned.network)
    tuned = pruning.fine_tune(pruned, training, Retraining(epochs=10, learning_rate=0.01, batch=20), seed=1)
    assert is_masked(tuned) and tuned.kept == pruned.kept and bits(pruned.network) == before
    assert error_rate(tuned.network, *validation) < error_rate(pruned.network, *validation)
    assert tuned.network.layers["drop2"].rate == 0.2
    again = pruning.fine_tune(pruned, training, Retraining(epochs=10, learning_rate=0.01, batch=20), seed=1)
    assert bits(again.network) == bits(tuned.network)


@pytest.mark.parametrize("criterion", ["magnitude", "movement", "obd"])
def test_every_schedule_ends_at_the_count_with_its_masks_in_place(trained, criterion):
    network, training, validation = trained
    before, keep, how = bits(network), SIZE - round(0.8 * SIZE), Retraining(epochs=8, learning_rate=0.02, batch=20)
    results = {
        "iterative": pruning.iterative(network, criterion, 0.8, training, how, rounds=3),
        "gradual": pruning.gradual(network, criterion, 0.8, training, how, prune_epochs=4, every=4),
        "splicing": pruning.splicing(network, 0.8, training, how, splice_epochs=2),
        "lottery ticket": pruning.lottery_ticket(untrained(), 0.8, training, how, rounds=2),
    }
    for name, result in results.items():
        assert result.kept == keep and is_masked(result), name
        assert result.network.layers["drop2"].rate == 0.2, name
    assert bits(network) == before
    if criterion == "magnitude":
        assert all(error_rate(r.network, *validation) < 0.5 for r in results.values())  # chance is 0.67


def test_rounds_keep_equal_shares_and_never_take_a_weight_back(trained, monkeypatch):
    network, training, _ = trained
    seen, tune = [], pruning.fine_tune

    def watched(pruned, *args, **options):
        seen.append({name: mask.copy() for name, mask in pruned.masks.items()})
        return tune(pruned, *args, **options)

    monkeypatch.setattr(pruning, "fine_tune", watched)
    pruning.iterative(network, "movement", 0.8, training, HOW, rounds=3)  # its scores may be below those of zeros
    keep = SIZE - round(0.8 * SIZE)
    assert [sum(int(m.sum()) for m in masks.values()) for masks in seen] == [
        round(SIZE * (keep / SIZE) ** (r / 3)) for r in (1, 2, 3)]
    for before, after in zip(seen, seen[1:]):
        assert all((before[name] >= after[name]).all() for name in after)


def test_a_lottery_ticket_starts_from_its_first_weights(trained):
    initial, training = untrained(), trained[1]
    ticket = pruning.lottery_ticket(initial, 0.6, training, Retraining(epochs=0), rounds=2)
    for name, p in ticket.network.parameters.items():  # no epoch: what is left is what it began with
        assert np.array_equal(p, np.where(ticket.masks.get(name, True), initial.parameters[name], 0))
    trained_ticket = pruning.lottery_ticket(initial, 0.6, training, HOW, rounds=1, seed=4)
    start = initial.copy()
    Masked(start, trained_ticket.masks)
    again = pruning.fine_tune(pruning.Pruned(start, trained_ticket.masks, {}), training, HOW, seed=4)
    assert bits(again.network) == bits(trained_ticket.network)


# Evidence, implementations, refusals ----------------------------------------------------------------------------------


def test_the_recipes_use_the_implementation_that_they_are_given_and_say_so(trained):
    network, training, _ = trained
    calls = []

    def prune_select(values, **options):
        calls.append(options)
        return reference.prune_select(values, **options)

    mine = SimpleNamespace(__name__="mine", prune_select=prune_select)
    evidence = Evidence(network, *training)
    result = pruning.one_shot(network, "wanda", 0.5, evidence, implementation=mine)
    assert len(calls) == 1 and result.operations == {"prune_score_wanda": "reference", "prune_select": "mine"}
    assert bits(result.network) == bits(pruning.one_shot(network, "wanda", 0.5, evidence).network)


def test_random_scores_of_a_layer_follow_from_the_seed_and_the_layer(trained):
    network, training, _ = trained
    first, second, other = (scores("random", Evidence(network, *training, seed=seed), Operations())
                            for seed in (1, 1, 2))
    for name in first:
        assert np.array_equal(first[name], second[name]) and not np.array_equal(first[name], other[name])
    assert not np.array_equal(first["fc1.weight"][:9, :12], first["fc2.weight"][:, :12])


def test_evidence_leaves_the_network_alone_also_where_it_trains(trained):
    network, training, _ = trained
    before, evidence = bits(network), Evidence(network, *training)
    assert evidence.gradient_sums["fc1"].any() and evidence.gradients and evidence.statistics
    assert bits(network) == before


@pytest.mark.parametrize("call, named", [
    (lambda n, t: pruning.one_shot(n, "hope", 0.5, Evidence(n, *t)), "criterion"),
    (lambda n, t: pruning.one_shot(n, "magnitude", 1.5, Evidence(n, *t)), "sparsity"),
    (lambda n, t: pruning.one_shot(n, "magnitude", float("nan"), Evidence(n, *t)), "sparsity"),
    (lambda n, t: pruning.one_shot(n, "magnitude", 0.5, Evidence(n, *t), scope="some"), "scope"),
    (lambda n, t: pruning.one_shot(n, "wanda", 0.5, Evidence(n, t[0][:0], t[1][:0])), "inputs"),
    (lambda n, t: pruning.layerwise(n, "magic", 0.5, t[0]), "method"),
    (lambda n, t: pruning.layerwise(n, "obs", 0.5, t[0], pattern=(2, 4)), "pattern"),
    (lambda n, t: pruning.units(n, "apoz", {"fc9": 3}, Evidence(n, *t)), "fc9"),
    (lambda n, t: pruning.units(n, "apoz", {"fc1": 0}, Evidence(n, *t)), "fc1"),
    (lambda n, t: pruning.units(n, "apoz", {"fc3": 2}, Evidence(n, *t)), "fc3"),
    (lambda n, t: pruning.iterative(n, "magnitude", 0.5, t, HOW, rounds=0), "rounds"),
    (lambda n, t: pruning.gradual(n, "magnitude", 0.5, t, HOW, prune_epochs=3), "prune_epochs"),
    (lambda n, t: Retraining(epochs=-1), "epochs"), (lambda n, t: Retraining(learning_rate=2), "learning_rate"),
    (lambda n, t: sensitivity(n, "magnitude", Evidence(n, *t), t, sparsities=()), "sparsities"),
    (lambda n, t: sensitivity(n, "magnitude", Evidence(n, *t), t, sparsities=(2,)), r"sparsities\[0\]")])
def test_what_makes_no_sense_is_refused_by_name(trained, call, named):
    with pytest.raises(RefcompressError, match=named):
        call(*trained[:2])


def test_settings_of_small_number_types_mean_the_numbers_that_they_say(trained):
    network, training, validation = trained
    small = Retraining(
        epochs=np.uint8(2), learning_rate=np.float16(0.0078125), batch=np.uint8(20), weight_decay=np.float32(0)
    )
    plain = Retraining(epochs=2, learning_rate=0.0078125, batch=20, weight_decay=0.0)
    assert small == plain and [type(v) for v in vars(small).values()] == [int, float, int, float]
    results = [
        pruning.gradual(network, "magnitude", share, training, how, prune_epochs=epochs, every=every)
        for share, how, epochs, every in ((np.float16(0.75), small, np.uint8(1), np.int8(4)), (0.75, plain, 1, 4))
    ]
    assert bits(results[0].network) == bits(results[1].network)
    evidence = Evidence(network, *training)
    units_ = [pruning.units(network, "magnitude", {"fc1": count}, evidence) for count in (np.uint8(7), 7)]
    assert bits(units_[0].network) == bits(units_[1].network)
    points = [
        sensitivity(network, "magnitude", evidence, validation, sparsities=[share])
        for share in (np.float16(0.75), 0.75)
    ]
    assert points[0] == points[1] and type(points[0][0].sparsity) is float
    patterned = [
        pruning.one_shot(network, "magnitude", None, evidence, pattern=pattern)
        for pattern in ((np.uint8(2), np.int8(8)), (2, 8))
    ]
    assert bits(patterned[0].network) == bits(patterned[1].network)


# The scan and its picture ---------------------------------------------------------------------------------------------


def test_the_sensitivity_scan_prunes_one_layer_at_a_time(trained):
    network, training, validation = trained
    before, evidence = bits(network), Evidence(network, *training)
    points = sensitivity(network, "obd", evidence, validation, sparsities=(0.0, 0.5, 1.0))
    assert [(p.weight, p.sparsity) for p in points] == [
        (name, s) for name in ("fc1.weight", "fc2.weight", "fc3.weight") for s in (0.0, 0.5, 1.0)]
    values = scores("obd", evidence, Operations())
    for p in points:
        mask = reference.prune_select(values[p.weight], sparsity=p.sparsity)
        alone = network.copy()
        alone.parameters[p.weight][~mask] = 0
        assert p.kept == mask.sum() and p.error == error_rate(alone, *validation)
    assert bits(network) == before
    lines = sensitivity_table(points).splitlines()
    assert len(lines) == 5 and lines[2].startswith(f"| fc1.weight | {100 * points[0].error:.2f} |")


def test_the_picture_is_a_png_with_the_same_bytes_each_time(tmp_path):
    pytest.importorskip("matplotlib", reason="it draws the plots")
    panels = {"one": {"a": [(50, 1.5), (10, 3), (2, 20)], "b": [(50, 0), (10, 2)]}, "two": {"b": [(100, 90)]}}
    for name in ("first.png", "second.png"):
        plots.draw(tmp_path / name, panels, level=1.2)
    data = (tmp_path / "first.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n") and data == (tmp_path / "second.png").read_bytes()


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"refcompress\[plot\]"):
        plots.draw(tmp_path / "p.png", {"one": {"a": [(1, 1)]}})
    assert not list(tmp_path.iterdir())

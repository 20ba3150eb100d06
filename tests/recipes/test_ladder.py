"""The ladder: what is dead does nothing, counts are kept, everything shared is in the file and runs out of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from refcompress import RefcompressError, container
from refcompress.cli import main
from refcompress.recipes import lenet_5, lenet_300_100
from refcompress.recipes.ladder import Rung, drop_dead_units, prune_to, share_all, tuned, weights_of
from refcompress.training import Network, ReLU, Tanh, errors, mean_loss, mnist

RESULTS = Path(__file__).resolve().parents[2] / "results" / "deep_compression"
NETWORKS = {"lenet_300_100": lenet_300_100, "lenet_5": lenet_5}


def pruned(recipe, keep, seed=0, *, integers=False):
    """A network whose weights were pruned at random places, so that many units are dead, and whose biases are not 0.

    integers : all parameters are small integers, so that sums are exact in float32 too, whatever their order.
    """
    rng = np.random.default_rng(seed)
    network = recipe.network(rng)
    for p in network.parameters.values():
        if integers:
            p[...] = rng.choice([-3, -2, -1, 1, 2, 3], p.shape)
        elif p.ndim == 1:
            p[...] = rng.standard_normal(p.shape)
        if p.ndim > 1:
            p[rng.random(p.shape) > keep] = 0
    return network


@pytest.mark.parametrize("recipe, keep", [(lenet_300_100, 0.004), (lenet_5, 0.01)])
@pytest.mark.parametrize("seed", range(3))
def test_dropping_dead_units_changes_no_output_and_leaves_none(recipe, keep, seed):
    network = pruned(recipe, keep, seed, integers=True)
    x = np.random.default_rng(1).integers(0, 4, (20, 784)).astype(np.float32)
    before = network.forward(x)
    gone = drop_dead_units(network)
    assert gone > 0 and np.array_equal(network.forward(x), before) and np.abs(before).max() < 2**24
    assert drop_dead_units(network) == 0


def test_pruning_keeps_exactly_what_it_is_told_and_goes_on_from_there():
    rng = np.random.default_rng(0)
    x, y = rng.random((512, 784)).astype(np.float32), rng.integers(0, 10, 512).astype(np.uint8)
    network = lenet_300_100.network(rng)
    for keep in (5000, 1000):
        assert prune_to(network, Rung("r", keep, 2), x, y, seed=1, augment=mnist.shifted) == []
        assert sum(int(np.count_nonzero(w)) for w in weights_of(network).values()) == keep
    network.parameters["fc3.weight"][...] *= np.float32(1e-6)
    others = 1000 - int(np.count_nonzero(network.parameters["fc3.weight"]))
    assert prune_to(network, Rung("r", others, 1, learning_rate=0), x, y, seed=1) == ["fc3.weight"]
    with pytest.raises(RefcompressError, match="keep"):
        prune_to(network, Rung("r", 300_000, 1), x, y, seed=1)


def test_shared_parameters_are_the_networks_and_zeros_stay_zero():
    rng = np.random.default_rng(0)
    x, y = rng.random((256, 784)).astype(np.float32), rng.integers(0, 10, 256).astype(np.uint8)
    network, rung = pruned(lenet_5, 0.01), Rung("r", 100, 1, clusters=5, bias_clusters=4, tune_epochs=1)
    shared, small = tuned(network, share_all(network, rung), rung, x, y, seed=2)
    for name, s in shared.items():
        assert np.array_equal(s.dense(), small.parameters[name])
        assert len(s.codebook) <= (5 if s.codes.ndim > 1 else 4)
        assert np.all((s.codes == 0) | (network.parameters[name] != 0))


def test_sharing_again_gives_other_values_and_never_more_loss_than_once():
    rng = np.random.default_rng(0)
    x, y = rng.random((256, 784)).astype(np.float32), rng.integers(0, 10, 256).astype(np.uint8)
    network = pruned(lenet_300_100, 0.02)
    losses, found = {}, {}
    for rounds in (1, 2, 3):
        rung = Rung("r", 100, 1, clusters=4, tune_epochs=1, share_rounds=rounds, tune_rate=1e-2, batch=32)
        found[rounds], small = tuned(network, share_all(network, rung), rung, x, y, seed=2)
        losses[rounds] = mean_loss(small, x, y)
        for name, s in found[rounds].items():
            assert np.array_equal(s.dense(), small.parameters[name])
            assert np.array_equal(s.codes == 0, network.parameters[name] == 0)
    assert losses[1] >= losses[2] >= losses[3] and losses[1] > losses[3]
    assert any(not np.array_equal(found[1][name].codes, found[3][name].codes) for name in found[1])


@pytest.mark.parametrize(
    "change",
    [
        {"keep": 0},
        {"epochs": 0},
        {"clusters": 1},
        {"bias_clusters": 257},
        {"pruning": 1.5},
        {"tune_epochs": -1},
        {"share_rounds": 0},
        {"learning_rate": -1.0},
        {"weight_decay": float("nan")},
        {"tune_rate": "fast"},
    ],
)
def test_rungs_are_refused_by_name(change):
    with pytest.raises(RefcompressError) as caught:
        Rung(**{"name": "r", "keep": 10, "epochs": 1} | change)
    assert caught.value.argument == next(iter(change))


def test_a_rung_keeps_the_numbers_that_its_settings_say():
    small = Rung(
        "r",
        np.uint8(200),
        np.uint8(2),
        clusters=np.uint8(9),
        tune_epochs=np.int8(1),
        pruning=np.float16(0.5),
        batch=np.uint8(128),
        learning_rate=np.float32(0.5),
    )
    assert small == Rung("r", 200, 2, clusters=9, tune_epochs=1, pruning=0.5, batch=128, learning_rate=0.5)
    assert {type(value) for value in vars(small).values()} == {str, int, float}


def test_shifting_moves_whole_images_by_at_most_one_pixel():
    rng = np.random.default_rng(0)
    x = np.zeros((3, 784), np.float32)
    x[:, 28 * 10 + 10] = 1
    seen = {tuple(np.flatnonzero(mnist.shifted(x, rng)[0])) for _ in range(200)}
    assert seen == {(28 * (10 + a) + 10 + b,) for a in (-1, 0, 1) for b in (-1, 0, 1)}


# The files that are committed. They hold weights and no graph: evaluate is told what a graph would say.
ORDERS = {"lenet_300_100": "fc1,fc2,fc3", "lenet_5": "conv1,conv2,fc1,fc2"}


def told(name: str, activation: str = "relu") -> list[str]:
    return ["--order", ORDERS[name], "--activation", activation]


def rows():
    results = json.loads((RESULTS / "deep_compression.json").read_text())
    return [(name, row) for name, result in results.items() for row in result["rows"] if "file" in row]


@pytest.mark.parametrize("name, row", rows(), ids=lambda v: v if isinstance(v, str) else v["file"])
def test_the_files_hold_what_the_table_says_in_each_implementation(name, row, capsys):
    native = pytest.importorskip("refcompress.native", exc_type=ImportError, reason="the C kernels are not built")
    path = RESULTS / row["file"]
    data = path.read_bytes()
    assert len(data) == row["bytes"]
    layers = container.loads(data)
    assert container.loads(data, implementation=native) == layers
    assert container.reencode(data, implementation=native) == data
    assert sum(int(np.count_nonzero(s.codes)) for s in layers.values() if s.codes.ndim > 1) == row["weights"]
    assert main(["evaluate", str(path), "--json", *told(name)]) == 0
    report = json.loads(capsys.readouterr().out)
    for part in ("validation", "test"):
        assert 100 * (report["errors"][part] / report["images"][part]) == row[part]


def test_another_network_is_refused(tmp_path, capsys):
    container.save(tmp_path / "a.rcz", {"fc1.weight": np.zeros((3, 4), np.float32)})
    assert main(["evaluate", str(tmp_path / "a.rcz"), *told("lenet_300_100")]) == 2
    assert "must hold the parameters" in capsys.readouterr().err


def test_evaluate_says_what_it_was_told_and_takes_another_activation(capsys):
    path = RESULTS / "lenet_300_100-smallest.rcz"
    found = {}
    for activation in ("relu", "tanh"):
        assert main(["evaluate", str(path), "--json", *told("lenet_300_100", activation)]) == 0
        found[activation] = json.loads(capsys.readouterr().out)
        assert found[activation]["activation"] == activation
        assert found[activation]["order"] == ["fc1", "fc2", "fc3"]
    wide = lenet_300_100.network(np.random.default_rng(0))
    wide.assign({name: s.dense() for name, s in container.load(path).items()})
    tanh = Network((name, Tanh() if isinstance(layer, ReLU) else layer) for name, layer in wide.layers.items()).astype(
        np.float64
    )
    test = mnist.load()[1]
    assert found["tanh"]["errors"]["test"] == errors(tanh, test.inputs().astype(np.float64), test.labels)
    assert found["relu"]["errors"]["test"] != found["tanh"]["errors"]["test"]
    assert main(["evaluate", str(path), *told("lenet_300_100")]) == 0
    said = " ".join(capsys.readouterr().out.split())  # lines are broken where the terminal ends
    assert "fc1, fc2, fc3" in said and "relu" in said and "the file does not" in said


@pytest.mark.parametrize("given", [[], ["--order", "fc1,fc2,fc3"], ["--activation", "relu"]])
def test_weights_without_a_graph_are_not_run_by_a_guess(capsys, given):
    assert main(["evaluate", str(RESULTS / "lenet_300_100-smallest.rcz"), *given]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "has no graph" in said
    assert all((f"give {name}" in said or f"and {name}" in said) == (name not in given)
               for name in ("--order", "--activation"))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_evaluate_refuses_a_file_whose_values_are_not_finite_and_names_the_array(tmp_path, capsys, value):
    network = lenet_300_100.network(np.random.default_rng(0))
    network.parameters["fc3.bias"][4] = value
    container.save(tmp_path / "a.rcz", {name: p.copy() for name, p in network.parameters.items()})
    assert main(["evaluate", str(tmp_path / "a.rcz"), *told("lenet_300_100")]) == 2
    assert "array fc3.bias, element [4]: must be finite" in capsys.readouterr().err

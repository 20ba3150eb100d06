"""The experiments: each table is that of its record, the record survives a stop, and the shortest of them runs."""

import json
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from experiments import runner  # noqa: E402

NAMES = [
    "deep_compression",
    "learning_compression",
    "loops",
    "mixed_precision",
    "networks",
    "pruning",
    "quantization",
    "relu_ranks",
    "separable",
    "train_big",
    "train_big_text",
]


@pytest.mark.parametrize("name", NAMES)
def test_the_table_in_results_is_that_of_its_record(name, tmp_path, monkeypatch, capsys):
    """Tables are written from the JSON beside them, so that no figure in a table is without its record."""
    pytest.importorskip("matplotlib", reason="an experiment draws its pictures with it")
    shutil.copytree(ROOT / "results" / name, tmp_path / name)
    experiment = import_module(f"experiments.{name}")
    for owner in (runner, experiment):
        if hasattr(owner, "RESULTS"):
            monkeypatch.setattr(owner, "RESULTS", tmp_path / name if owner.RESULTS.name == name else tmp_path)
    if hasattr(experiment, "WORK"):
        monkeypatch.setattr(experiment, "WORK", tmp_path / "work")
    tables = {path.name: path.read_text() for path in (tmp_path / name).glob("*.md")}
    assert tables
    for table in tables:
        (tmp_path / name / table).write_text("")
    experiment.main(["--report"])
    assert {path.name: path.read_text() for path in (tmp_path / name).glob("*.md")} == tables


def test_every_experiment_is_described_and_has_its_folder_of_results():
    described = import_module("experiments").__doc__
    assert all(f"    {name} " in described and (ROOT / "results" / name).is_dir() for name in [*NAMES, "presets"])
    assert {path.name for path in (ROOT / "results").iterdir()} == {*NAMES, "presets", "bench", "gallery",
                                                                    "derive.md", "hunts.md", "verdict.md"}


def test_the_picture_of_the_presets_is_that_of_its_record(tmp_path, monkeypatch):
    presets = import_module("experiments.presets")
    shutil.copytree(ROOT / "results" / "presets", tmp_path / "presets")
    monkeypatch.setattr(presets, "RESULTS", tmp_path)
    picture = tmp_path / "presets" / "minilm.svg"
    picture.write_text("")
    presets.main(["--report"])
    assert picture.read_text() == (ROOT / "results" / "presets" / "minilm.svg").read_text()


@pytest.mark.parametrize("empty, value", [(list, [{"a": 1}, {"a": 2}]), (dict, {"rows": [1, 2]})])
def test_a_record_goes_on_where_it_was_stopped(tmp_path, empty, value):
    record = runner.Record(tmp_path / "new" / "record.json", empty)
    assert record.value == empty()
    record.value = value
    record.keep()
    assert runner.Record(record.path, empty).value == value


def test_the_interval_is_that_of_student():
    mean, half = runner.mean_and_half([1.0, 2.0, 3.0, 4.0, 5.0])
    assert mean == 3 and half == 2.776 * np.sqrt(2.5) / np.sqrt(5)
    assert runner.mean_and_half([7.0]) == (7, 0)


def test_the_pruning_table_runs_and_follows_from_its_seed_for_any_number_of_processes(tmp_path):
    command = [sys.executable, "-m", "experiments.pruning", "--quick", "--out"]
    for jobs in ("1", "2"):
        options = [*command, str(tmp_path / jobs), "--jobs", jobs]
        done = subprocess.run(options, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "1" / "pruning.json").read_bytes() == (tmp_path / "2" / "pruning.json").read_bytes()
    rows = json.loads((tmp_path / "1" / "pruning.json").read_text())["rows"]
    assert {row["table"] for row in rows} == {"weights", "units", "patterns", "schedules", "sensitivity"}
    for row in rows:
        errors = [value for key, value in row.items() if key == "error" or key.endswith(("_test", "_validation"))]
        assert errors and all(0 <= error <= 1 for error in errors)
        if row["table"] == "weights" and row["scope"] != "row":
            assert row["kept"] == 266_200 - round(row["sparsity"] * 266_200)
        if row["table"] == "units":
            assert row["kept"] <= (1 - row["sparsity"]) * 266_200
    for name in ("pruning.png", "sensitivity.png"):
        assert (tmp_path / "1" / name).read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "1" / "pruning.md").read_text() in done.stdout


def test_the_units_that_stay_are_within_the_weights_that_stay():
    from experiments.pruning_cells import unit_counts

    for sparsity in (0.5, 0.8, 0.9, 0.95, 0.98):
        for keep in unit_counts(sparsity):
            a, b = keep["fc1"], keep["fc2"]
            more = 784 * (a + 1) + (a + 1) * (b + 1) + 10 * (b + 1)  # one unit more in both layers is too much
            assert 784 * a + a * b + 10 * b <= (1 - sparsity) * 266_200 < more


def test_what_a_network_is_judged_by_it_has_not_learnt_but_for_ends_of_topics():
    from pydoc_data.topics import topics

    from experiments import characters

    ascii = [each.encode("ascii", "replace").decode() for each in topics.values()]
    ends = {each.strip("\n").split("\n\n")[-1].strip("\n") for each in ascii}

    text = characters.text()
    names = np.array(list(text.characters))
    learnt = set("".join(names[text.train[0][:, : characters.STRIDE]].ravel()).split("\n\n"))
    for inputs, labels in (text.validation, text.test):
        judged = "".join(names[inputs].ravel()).split("\n\n")[1:-1]
        assert len(judged) > 100 and np.array_equal(inputs[:, 1:], labels[:, :-1])
        assert {each.strip("\n") for each in learnt & set(judged)} <= ends


def test_a_transformer_does_not_see_what_it_is_to_predict():
    from experiments import characters

    model = characters.transformer(9, 16, 2, np.random.default_rng(0))
    x = np.random.default_rng(1).integers(0, 9, (2, characters.LENGTH))
    later = x.copy()
    later[:, 40:] = (later[:, 40:] + 1) % 9
    first, second = (model(each) for each in (x, later))
    assert np.array_equal(first[:, :40], second[:, :40]) and (first[:, 40:] != second[:, 40:]).any(axis=-1).all()

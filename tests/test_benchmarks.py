"""The benchmarks: every operation has a case, and what is wrong is not timed."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from refcompress import reference
from refcompress.ops import OPS

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))  # behind everything: the library that is tested stays the one that is installed

from benchmarks import cases, measure, peers  # noqa: E402

LIMITS = measure.Limits(1e11, 1e10)


def case(op, text=""):
    return next(c for c in cases.CASES if c.op == op and text in c.name)


def wrong(op, spoil):
    """Return an implementation of one operation, whose results ``spoil`` changes."""
    def function(*args, **kwargs):
        return spoil(getattr(reference, op)(*args, **kwargs))

    function.isa = "wrong"
    return SimpleNamespace(**{op: function})


@pytest.mark.parametrize("op", OPS)
def test_every_operation_has_a_case_that_is_quick(op):
    assert any(c.quick and c.reference for c in cases.CASES if c.op == op)


def test_cases_have_names_of_their_own():
    assert len({(c.op, c.name) for c in cases.CASES}) == len(cases.CASES)


def test_a_wrong_answer_is_refused_and_the_others_are_timed():
    space = wrong("gemm_s8s8", lambda y: y + np.int32(np.arange(y.size).reshape(y.shape) == 7))
    rows = {row.implementation: row for row in measure.run_case(case("gemm_s8s8", "LeNet"), [space], LIMITS, 0.01)}
    assert "result[0, 7]" in rows["native.wrong"].refused and np.isnan(rows["native.wrong"].seconds)
    for label in ("reference", peers.PEERS["gemm_s8s8"].label):
        assert not rows[label].refused and rows[label].seconds > 0
    assert rows[peers.PEERS["gemm_s8s8"].label].ratio == 1


@pytest.mark.parametrize("op", peers.EXPECTED)
def test_the_fast_expected_results_are_those_of_the_reference(op):
    args, kwargs = case(op, "LeNet").make(np.random.default_rng(1))
    OPS[op].rule(getattr(reference, op)(*args, **kwargs), peers.EXPECTED[op](*args), args, kwargs)


def test_the_command_prints_a_row_an_implementation_and_ends_well():
    command = [sys.executable, "-m", "benchmarks.run", "--quick", "--json", "--op", "csr_to_dense"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert rows and all(row["op"] == "csr_to_dense" and row["seconds"] > 0 and not row["refused"] for row in rows)
    assert subprocess.run([*command, "--case", "no such case"], cwd=ROOT, capture_output=True).returncode == 2


def test_the_pruning_table_runs_and_follows_from_its_seed_for_any_number_of_processes(tmp_path):
    command = [sys.executable, "-m", "benchmarks.pruning", "--quick", "--out"]
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
    from benchmarks.pruning_cells import unit_counts

    for sparsity in (0.5, 0.8, 0.9, 0.95, 0.98):
        for keep in unit_counts(sparsity):
            a, b = keep["fc1"], keep["fc2"]
            more = 784 * (a + 1) + (a + 1) * (b + 1) + 10 * (b + 1)  # one unit more in both layers is too much
            assert 784 * a + a * b + 10 * b <= (1 - sparsity) * 266_200 < more

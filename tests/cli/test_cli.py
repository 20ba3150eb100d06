"""The command line says what it does, writes nothing half, and refuses in one line."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from refcompress import container
from refcompress.cli import demo, main
from refcompress.models import npz
from refcompress.recipes import lenet_300_100
from refcompress.testing import clock

ARRAYS = {
    "fc1.weight": np.random.default_rng(0).standard_normal((40, 60)).astype(np.float32),
    "fc1.bias": np.arange(40, dtype=np.float32),
    "conv.weight": np.random.default_rng(1).standard_normal((8, 3, 3, 3)).astype(np.float32),
    "steps": np.array(7, dtype=np.int64),
}


@pytest.fixture
def model(tmp_path):
    npz.save(tmp_path / "model.npz", ARRAYS)
    return tmp_path


def run(capsys, *arguments):
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    "method",
    [
        ["--sparsity", 0.9],
        ["--bits", 3],
        ["--sparsity", 0.9, "--contexts"],
        ["--method", "quantize"],
        ["--method", "quantize", "--bits", 3, "--scheme", "affine", "--group", 16],
        ["--method", "quantize", "--bits", 16],
        ["--method", "mixed", "--outliers", 0.3],
        ["--method", "blocks"],
        ["--method", "blocks", "--format", "mxint8"],
        ["--method", "blocks", "--format", "nf4"],
        ["--method", "csr", "--sparsity", 0.5],
        ["--method", "lowrank", "--energy", 0.5],
    ],
    ids=str,
)
def test_compress_inspect_verify_decompress(model, capsys, method):
    code, out, _ = run(capsys, "compress", model / "model.npz", model / "model.rcz", *method, "--json")
    report = json.loads(out)
    size = (model / "model.rcz").stat().st_size
    assert code == 0 and report["bytes"] == size and report["ratio"] == report["bytes_before"] / size
    assert {"steps", "fc1.bias"} <= set(report["left_as_they_are"]) and set(report["layers"]) == set(ARRAYS)
    code, out, _ = run(capsys, "inspect", model / "model.rcz", "--json")
    assert code == 0 and sum(row["bytes"] for row in json.loads(out)["ledger"]) == size
    code, out, _ = run(capsys, "verify", model / "model.rcz", "--json")
    assert code == 0 and json.loads(out)["good"]
    code, out, _ = run(capsys, "decompress", model / "model.rcz", model / "back.npz")
    back = npz.load(model / "back.npz")
    assert code == 0 and set(back) == set(ARRAYS)
    assert all(
        np.array_equal(back[name], ARRAYS[name]) and back[name].dtype == ARRAYS[name].dtype
        for name in ("fc1.bias", "steps")
    )
    assert all(
        back[name].size == ARRAYS[name].size and back[name].dtype == np.float32
        for name in ("fc1.weight", "conv.weight")
    )


@pytest.mark.parametrize(
    "method",
    [
        ["share", "--sparsity", 0.8],
        ["share", "--sparsity", 0.9, "--contexts"],
        ["quantize"],
        ["quantize", "--bits", 16],
        ["mixed"],
        ["blocks"],
        ["csr", "--sparsity", 0.8],
    ],
    ids=str,
)
def test_every_implementation_and_thread_count_writes_the_same_file(model, capsys, method):
    native = pytest.importorskip("refcompress.native", exc_type=ImportError, reason="the C kernels are not built")
    before, files = native.threads.get(), set()
    for name in ("reference", "native", *(space.__name__.removeprefix("native.") for space in native.available())):
        for count in (1, 2):
            run(capsys, "compress", model / "model.npz", model / "out.rcz", "--method", *method,
                "--implementation", name, "--threads", count)
            files.add((model / "out.rcz").read_bytes())
    native.threads.set(before)
    assert len(files) == 1


def test_verify_finds_a_file_that_this_release_would_write_otherwise(model, capsys, monkeypatch):
    run(capsys, "compress", model / "model.npz", model / "model.rcz", "--sparsity", 0.9)
    monkeypatch.setattr(container.entries, "write", lambda *arguments: b"")
    code, out, _ = run(capsys, "verify", model / "model.rcz")
    assert code == 1 and "OTHER BYTES" in out


@pytest.mark.parametrize(
    "arguments, word",
    [
        (["inspect", "missing.rcz"], "missing.rcz"),
        (["verify", "model.npz"], "does not start like"),
        (["compress", "missing.npz", "out.rcz"], "missing.npz"),
        (["compress", "model.npz", "out.rcz", "--sparsity", "1.5"], "sparsity"),
        (["compress", "model.npz", "out.rcz", "--bits", "17"], "bits"),
        (["compress", "model.npz", "out.rcz", "--threads", "0"], "threads"),
        (["compress", "model.npz", "out.rcz", "--method", "quantize", "--bits", "9"], "bits"),
        (
            ["compress", "model.npz", "out.rcz", "--method", "quantize", "--sparsity", "0.5"],
            "belongs to --method share or csr",
        ),
        (["compress", "model.npz", "out.rcz", "--method", "mixed", "--outliers", "2"], "outliers"),
        (["decompress", "model.npz", "out.npz"], "does not start like"),
        (["demo", "--data", "nowhere"], "nowhere"),
    ],
)
def test_a_refusal_is_one_line_and_exit_code_2_and_no_file(model, capsys, monkeypatch, arguments, word):
    monkeypatch.chdir(model)
    before = sorted(model.iterdir())
    code, out, err = run(capsys, *arguments)
    assert code == 2 and out == "" and err.count("\n") == 1 and word in err and err.startswith("refcompress: ")
    assert sorted(model.iterdir()) == before


def test_a_limit_stops_a_file_that_decodes_to_more(model, capsys):
    run(capsys, "compress", model / "model.npz", model / "model.rcz", "--sparsity", 0.9)
    code, _, err = run(capsys, "decompress", model / "model.rcz", model / "back.npz", "--limit", 8000)
    assert code == 2 and "limit" in err and not (model / "back.npz").exists()


@pytest.mark.parametrize("arguments", [["compress", "model.npz", "out.rcz"], ["decompress", "model.rcz", "back.npz"]])
def test_a_new_file_that_may_not_be_on_the_disk_yet_is_said_to_be_in_place_and_exit_code_1(
    model, capsys, monkeypatch, arguments
):
    monkeypatch.chdir(model)
    run(capsys, "compress", "model.npz", "model.rcz")

    def fail(directory):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(container.files, "flush_directory", fail)
    code, out, err = run(capsys, *arguments)
    assert code == 1 and out == "" and err.count("\n") == 1 and "new file is in place" in err
    assert (model / arguments[-1]).stat().st_size > 0


def test_doctor_names_every_operation_and_works_without_the_kernels(capsys):
    code, out, _ = run(capsys, "doctor")
    assert code == 0 and "huffman_decode" in out
    hidden = ("import sys; sys.modules['refcompress.native._kernels'] = None; from refcompress.cli import main; "
              "sys.exit(main(['doctor', '--json']))")
    done = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True)
    assert done.returncode == 0 and json.loads(done.stdout)["native"]["built"] is False


def test_the_module_and_a_closed_pipe(model):
    done = subprocess.run([sys.executable, "-m", "refcompress", "doctor", "--json"], capture_output=True, text=True)
    assert done.returncode == 0 and json.loads(done.stdout)["versions"]["refcompress"]
    shell = f"{sys.executable} -m refcompress doctor | head -n 1"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True)
    assert done.stdout == "versions\n" and done.stderr == ""


def test_demo_reports_what_the_file_holds(model, capsys, monkeypatch):
    """The whole demo with one epoch for each stage: what it prints must agree with the file that it leaves."""
    short = dataclasses.replace(lenet_300_100.SETTINGS, rounds=1, round_epochs=1, last_epochs=1, share_epochs=1)
    train = lenet_300_100.train_reference
    monkeypatch.setattr(lenet_300_100, "SETTINGS", short)
    threads = []

    def in_turns(functions, *rest):
        threads.extend(each["num_threads"] for each in threadpoolctl.threadpool_info() if each["user_api"] == "blas")
        return clock.in_turns(functions, *rest)

    threadpoolctl = pytest.importorskip("threadpoolctl", reason="it sets the threads of NumPy's BLAS")
    monkeypatch.setattr(demo, "in_turns", in_turns)
    monkeypatch.setattr(lenet_300_100, "train_reference", lambda *data, **named: train(*data, **named, epochs=1))
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        code, out, err = run(capsys, "demo", "--out", model / "demo.rcz", "--json")
    report = json.loads(out)
    data = (model / "demo.rcz").read_bytes()
    assert code == 0 and report["bytes"] == len(data) and report["ratio"] == 1_066_440 / len(data)
    assert sum(row["bytes"] for row in report["ledger"]["ledger"]) == len(data)
    names = {f"fc{i}.{kind}" for i in (1, 2, 3) for kind in ("weight", "bias")}
    assert set(container.loads(data)) == {"graph", *names}
    assert report["error"] < 20 and "tune centroids 2 of 2: 1 of 1 done" in err
    assert report["one_thread"] and {len(times) for times in report["seconds"].values()} == {2}
    assert {*threads} == {1}  # of BLAS, while both sides are timed
    for row in report["layers"]:
        assert row["kept"] == 100 * round(short.keep[f"{row['layer']}.weight"] * row["weights"]) / row["weights"]

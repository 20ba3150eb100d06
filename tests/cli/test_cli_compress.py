"""compress, rebuild and decompress as one types them: where the file goes, what is refused, what is told."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
from cli_examples import run

import refcompress as rc
from refcompress import models
from refcompress.models import npz

RNG = np.random.default_rng(3)
MODEL = {
    "conv.weight": RNG.standard_normal((8, 4, 3, 3)).astype(np.float32), "bn.num_batches_tracked": np.array(7),
    "embed.weight": RNG.standard_normal((50, 16)).astype(np.float32),
    "fc.weight": RNG.standard_normal((30, 64)).astype(np.float32), "fc.bias": np.arange(30, dtype=np.float32),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    npz.save("model.npz", MODEL)
    return tmp_path


def files() -> list[str]:
    return sorted(os.listdir())


@pytest.mark.parametrize("source, target", [("model.npz", "model.rcz"), ("a/b.safetensors", "a/b.rcz"),
                                            ("a/model.safetensors.index.json", "a/model.rcz"), ("a", "a.rcz"),
                                            ("Llama-3.2-1B", "Llama-3.2-1B.rcz")])
def test_without_a_target_the_file_goes_beside_the_model_under_its_name(folder, capsys, source, target):
    os.mkdir("a")
    models.save("a/b.safetensors", MODEL)
    if source == "Llama-3.2-1B":
        os.rename("a", source)
    if source in ("a", "a/model.safetensors.index.json"):
        os.rename("a/b.safetensors", "a/part.safetensors")
        with open("a/model.safetensors.index.json", "w") as file:
            json.dump({"weight_map": dict.fromkeys(MODEL, "part.safetensors")}, file)
    code, out, err = run(capsys, "compress", source, "--json")
    assert code == 0, err
    assert json.loads(out)["target"] == target and os.path.getsize(target) == json.loads(out)["bytes"]


def test_a_folder_may_be_named_by_a_point_and_the_root_has_no_name_to_take_over(folder, capsys, monkeypatch):
    os.mkdir("Llama-3.2-1B")
    models.save("Llama-3.2-1B/model.safetensors", MODEL)
    monkeypatch.chdir("Llama-3.2-1B")
    assert run(capsys, "compress", ".")[0] == 0 and os.listdir(folder / "Llama-3.2-1B") == ["model.safetensors"]
    assert (folder / "Llama-3.2-1B.rcz").exists()
    code, out, err = run(capsys, "compress", "/")
    assert (code, out, err.count("\n")) == (2, "", 1) and "/: has no name that a file could take over" in err


def test_a_target_may_be_named_in_two_ways_but_once(folder, capsys):
    for target in (["a.rcz"], ["-o", "b.rcz"]):
        assert run(capsys, "compress", "model.npz", *target)[0] == 0
    assert (folder / "a.rcz").read_bytes() == (folder / "b.rcz").read_bytes()
    assert run(capsys, "compress", "model.npz", "c.rcz", "-o", "d.rcz")[0] == 2 and "c.rcz" not in files()


def test_a_target_that_nobody_named_and_that_is_there_is_replaced_with_force_only(folder, capsys):
    models.save("model.safetensors", MODEL)
    assert run(capsys, "compress", "model.npz")[0] == 0
    before = (folder / "model.rcz").read_bytes()
    code, _, err = run(capsys, "compress", "model.safetensors", "--preset", "int4")
    assert code == 2 and "model.rcz: is there already; --force" in err and (folder / "model.rcz").read_bytes() == before
    assert run(capsys, "compress", "model.safetensors", "--preset", "int4", "--force")[0] == 0
    code, _, err = run(capsys, "compress", "model.rcz", "--force")
    assert code == 2 and "is a compressed file already; decompress" in err


def test_what_a_model_has_and_is_not_read_is_said_and_strict_refuses_it(folder, capsys, monkeypatch):
    honest = npz.open

    def with_more(*arguments, **named):
        source = honest(*arguments, **named)
        source.left_out = {"optimizer.step": "it is no tensor"}
        return source

    monkeypatch.setattr(npz, "open", with_more)
    assert run(capsys, "compress", "model.npz", "--strict")[0] == 2 and files() == ["model.npz"]
    for more in (["--dry-run"], []):
        code, _, err = run(capsys, "compress", "model.npz", *more)
        assert code == 0 and "not in the compressed file, because it is no tensor: optimizer.step" in err


def test_the_rows_say_what_became_of_each_tensor(folder, capsys):
    code, out, _ = run(capsys, "compress", "model.npz", "--json")
    rows = {row["name"]: row for row in json.loads(out)["tensors"]}
    assert list(rows) == list(MODEL)
    for name, row in rows.items():
        assert row["shape"] == list(MODEL[name].shape) and row["before"] == MODEL[name].nbytes
        assert row["bits"] == 8 * row["after"] / MODEL[name].size
    assert rows["fc.weight"]["dtype"] == "float32" and 0 < rows["fc.weight"]["error"] < 0.02
    assert json.loads(out)["left_as_they_are"] == ["bn.num_batches_tracked", "fc.bias"]


def test_names_stay_whole_at_80_columns_and_wide_has_a_line_a_row(folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    name = "model.decoder.layers.0.self_attn.q_proj.weight"
    npz.save("long.npz", {name: MODEL["fc.weight"]})
    lines = run(capsys, "compress", "long.npz")[1].splitlines()
    assert max(map(len, lines)) <= 80 and f"  {name}  float32  30x64" in lines
    lines = run(capsys, "compress", "long.npz", "--wide", "--force")[1].splitlines()
    assert max(map(len, lines)) > 80 and sum(name in line and "7,680" in line for line in lines) == 1


@pytest.mark.parametrize("options", [["--preset", "int4"], ["--method", "csr"], ["--set", "fc.weight=int4:group=8"]])
def test_a_dry_run_writes_nothing_and_the_run_meets_what_it_said(folder, capsys, options):
    code, out, err = run(capsys, "compress", "model.npz", *options, "--dry-run", "--json")
    plan = json.loads(out)
    assert code == 0 and files() == ["model.npz"]
    code, out, err = run(capsys, "compress", "model.npz", *options, "--json")
    done = json.loads(out)
    assert plan["recipe"] == done["recipe"] and plan["bytes"][0] <= done["bytes"] <= plan["bytes"][1]
    for before, after in zip(plan["tensors"], done["tensors"], strict=True):
        assert before["name"] == after["name"] and before["bytes"][0] <= after["after"] <= before["bytes"][1]


@pytest.mark.parametrize(
    "options, words",
    [
        (["--preset", "int8", "--bits", "4"], "--bits: cannot stand beside --preset"),
        (["--recipe", "r.toml", "--budget", "1MB"], "--budget: cannot stand beside --recipe"),
        (["--budget", "1MB", "--max-error", "0.1"], "--max-error: cannot stand beside --budget"),
        (["--preset", "lossless", "--axis", "1"], "--axis: changes nothing here"),
        (["--scope", "global"], "--scope: changes something with a sparsity above 0 only"),
        (["--method", "share", "--sparsity", "0", "--scope", "global"], "--scope: "),
        (["--bits", "4", "--axis", "1"], "--axis: changes nothing here: share"),
        (["--method", "csr", "--bits", "4"], "--bits: belongs to --method share or quantize, not csr"),
        (["--set", "fc*=int4:bits=3"], "--set 'fc*=int4:bits=3', option 'bits': is not used by int4"),
        (["--set", "fc*=int44"], "--set 'fc*=int44', scheme: 'int44' is no scheme"),
        (["--set", "int4"], "--set 'int4': must be written GLOB=SCHEME"),
        (["--set", "fc*=int4:"], "--set 'fc*=int4:': must be written GLOB=SCHEME"),
        (["--jobs", "99999", "--dry-run"], "--jobs: must be 1 to 1024"),
        (["--only", ""], "--only: must not be empty"),
        (["--max-error", "-1"], "--max-error: "),
        (["--jobs", "0"], "--jobs: "),
        (["--exclude", ""], "--exclude: "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_option_that_is_not_used_is_refused_before_any_file_is_read(folder, capsys, options, words):
    code, out, err = run(capsys, "compress", "there is no such model.npz", *options)
    assert (code, out, err.count("\n")) == (2, "", 1) and words in err


@pytest.mark.parametrize(
    "options, words",
    [
        (["--set", "fc9*=int4"], "--set 'fc9*=int4': matches no tensor"),
        (["--exclude", "fc9*"], "--exclude 'fc9*': matches no tensor"),
        (["--only", "fc9*"], "--only 'fc9*': matches no tensor"),
        (["--recipe", "r.toml"], "r.toml, rule 2: matches no tensor"),
        (["--set", "bn.num_batches_tracked=int8"], "model.npz: tensor 'bn.num_batches_tracked': is of int64"),
        (["--recipe", "o.toml"], "o.toml, only, 'fc8*': matches no tensor"),
        (["--recipe", "o.toml", "--only", "fc*", "--only", "fc9*"], "o.toml, only, 'fc8*': matches no tensor"),
        (["--budget", "10"], "--budget: of 10 bytes is below the least"),
        (["--budget", "10", "--dry-run"], "--budget: of 10 bytes is below the least"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_the_model_does_not_have_is_refused_in_the_typists_words(folder, capsys, options, words):
    (folder / "r.toml").write_text('[[rule]]\nmatch = "fc*"\nscheme = "int4"\n[[rule]]\nmatch = "x"\nscheme = "int4"\n')
    (folder / "o.toml").write_text('only = ["fc8*"]\n')
    code, out, err = run(capsys, "compress", "model.npz", *options)
    assert (code, out, err.count("\n")) == (2, "", 1) and words in err
    assert files() == ["model.npz", "o.toml", "r.toml"]


@pytest.mark.parametrize("name, said", [("e\u0301", "must be in Unicode normal form C"),
                                        ("x" * 5000, "must have at most")])
@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_name_that_no_entry_may_have_is_refused_before_the_work(folder, capsys, monkeypatch, name, said, more):
    header = json.dumps({name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (folder / "m.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    monkeypatch.setattr(rc.checkpoints.run, "part_of", None)
    code, out, err = run(capsys, "compress", "m.safetensors", *more)
    assert (code, out, err.count("\n")) == (2, "", 1) and f"m.safetensors: tensor name: {said}" in err
    assert files() == ["m.safetensors", "model.npz"]


def test_options_make_the_recipe_that_they_say(folder, capsys):
    (folder / "r.toml").write_text('preset = "int8"\n[[rule]]\nmatch = "fc*"\nscheme = "int4"\n')
    same = [["--recipe", "r.toml"], ["--preset", "int8", "--set", "fc*=int4"], ["--set", "fc*=int4"]]
    made = {run(capsys, "compress", "model.npz", *options, "--force", "--json")[1] for options in same}
    assert len(made) == 1 and json.loads(made.pop())["layers"]["fc.weight"] == "4 bits, 30 scales, packed"
    options = ["--set", "*=int4", "--exclude", "fc.weight", "--force", "--json"]
    code, out, _ = run(capsys, "compress", "model.npz", *options)
    assert code == 0 and json.loads(out)["why_left"]["fc.weight"] == "--exclude 'fc.weight'"


def test_rebuild_makes_the_same_file_again_and_says_where_it_is_another(folder, capsys):
    run(capsys, "compress", "model.npz", "--preset", "int4", "--exclude", "conv*")
    code, out, _ = run(capsys, "rebuild", "model.rcz", "--source", "model.npz")
    assert code == 0 and "byte for byte" in " ".join(out.split())
    npz.save("other.npz", MODEL | {"fc.weight": MODEL["fc.weight"] * 2})
    code, out, _ = run(capsys, "rebuild", "model.rcz", "--source", "other.npz", "--json")
    assert code == 1 and json.loads(out)["differs"] == "fc.weight" and not json.loads(out)["good"]
    rc.container.save("bare.rcz", MODEL)
    code, _, err = run(capsys, "rebuild", "bare.rcz", "--source", "model.npz")
    assert code == 2 and err.startswith("refcompress: bare.rcz: has no recipe")


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_decompress_writes_the_type_of_file_that_the_suffix_says(folder, capsys, suffix):
    run(capsys, "compress", "model.npz", "--preset", "lossless")
    code, out, err = run(capsys, "decompress", "model.rcz", f"back{suffix}")
    assert code == 0, err
    back = models.load(f"back{suffix}")
    assert rc.same(back, MODEL) and (suffix == ".safetensors" or list(back) == list(MODEL))


def test_decompress_refuses_a_suffix_that_it_does_not_write_and_like_where_it_is_not_used(folder, capsys):
    run(capsys, "compress", "model.npz")
    code, _, err = run(capsys, "decompress", "model.rcz", "back.txt", "--force")
    assert code == 2 and all(suffix in err for suffix in models.TARGET_TYPES)
    code, _, err = run(capsys, "decompress", "model.rcz", "back.npz", "--like", "model.npz")
    assert code == 2 and err.startswith("refcompress: --like: ")
    code, _, err = run(capsys, "decompress", "model.rcz", "back.onnx")
    assert code == 2 and "back.onnx: needs a graph, and model.rcz has none" in err and "--like" in err
    assert files() == ["model.npz", "model.rcz"]


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_ctrl_c_leaves_no_half_file_and_the_same_command_goes_on(folder):
    large = {f"layer.{i}.weight": np.random.default_rng(i).standard_normal((512, 512)).astype(np.float32)
             for i in range(16)}
    npz.save("large.npz", large)
    command = [sys.executable, "-m", "refcompress", "compress", "large.npz"]
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # who runs the tests in the background ignores it
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard)
    while process.poll() is None and not (os.path.isdir("large.rcz.parts") and os.listdir("large.rcz.parts")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out) == (130, "") and "no file is half written" in err and "goes on from there" in err
    assert files() == ["large.npz", "large.rcz.parts", "model.npz"]
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert files() == ["large.npz", "large.rcz", "model.npz"]

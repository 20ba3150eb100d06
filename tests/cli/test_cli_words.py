"""What the command line says: true, in lines that fit, in the user's words, and without control characters."""

import argparse
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from cli_examples import EVERY_METHOD, round_trip, run
from rounding import gamma

from refcompress import container, reference
from refcompress.cli.options import size
from refcompress.cli.show import paragraph, some, table, times
from refcompress.formats.quantized import bits_of
from refcompress.models import npz
from refcompress.recipes import lenet_300_100

RNG = np.random.default_rng(0)
LONG = "model.decoder.layers.{}.self_attn.q_proj.weight"


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.fixture
def many(tmp_path, monkeypatch):
    """A file of 60 arrays of long names, in the folder where the commands run."""
    monkeypatch.chdir(tmp_path)
    arrays = {LONG.format(i): normal(16, 24) for i in range(20)} | {
        f"model.decoder.layers.{i}.norm.bias": np.full(16, i, np.float32) for i in range(40)
    }
    npz.save("many.npz", arrays)
    return tmp_path


@pytest.mark.parametrize("width", [80, 60, 120])
def test_every_line_fits_the_terminal(many, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    reports = [
        run(capsys, "compress", "many.npz", "many.rcz", *options, "--force")
        for options in (
            ["--sparsity", "0.9"],
            ["--method", "csr"],
            ["--method", "mixed"],
            ["--method", "lowrank"],
            ["--sparsity", "0.5", "--contexts"],
        )
    ]
    reports += [run(capsys, *command) for command in (
        ["inspect", "many.rcz"], ["verify", "many.rcz"], ["decompress", "many.rcz", "b.npz"], ["doctor"], ["audit"],
        ["audit", "--network", "LeNet-300-100", "--synthetic"])]
    for code, out, _ in reports:
        long = [line for line in out.splitlines() if len(line) > width and " " in line.strip()]
        assert code == 0 and out and not long


def test_without_a_terminal_lines_have_80_columns(many):
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = subprocess.run([sys.executable, "-m", "refcompress", "compress", "many.npz", "many.rcz"], env=environment,
                          capture_output=True, text=True)
    assert done.returncode == 0 and 70 < max(map(len, done.stdout.splitlines())) <= 80


def test_many_names_are_counted_and_json_has_them_all(many, capsys):
    _, out, _ = run(capsys, "compress", "many.npz", "many.rcz")
    assert "40 tensors: model.decoder.layers.0.norm.bias" in " ".join(out.split())
    _, out, _ = run(capsys, "compress", "many.npz", "many.rcz", "--json")
    assert len(json.loads(out)["left_as_they_are"]) == 40


def test_a_wrapped_table_loses_no_character(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    text = table([["a" * 50, "b" * 30, 7], ["c", "d", 12_345]], ["name", "kind", "bytes"])
    lines = text.splitlines()
    assert max(map(len, lines)) <= 40 and text.count("a") == 51 and text.count("b") == 31  # and those of the header
    assert lines[-1].endswith("12,345") and lines[2].endswith("     7")


def test_a_larger_file_is_called_larger(tmp_path, capsys):
    npz.save(tmp_path / "a.npz", {"bias": np.zeros(3, np.float32)})
    code, out, _ = run(capsys, "compress", tmp_path / "a.npz", tmp_path / "a.rcz")
    assert code == 0 and "times larger" in out and "smaller" not in out
    npz.save(tmp_path / "b.npz", {})
    code, out, _ = run(capsys, "compress", tmp_path / "b.npz", tmp_path / "b.rcz")
    assert code == 0 and "nothing to compress" in out


@pytest.mark.parametrize("before", [0, 1, 99, 100, 101, 1000, 10**6])
@pytest.mark.parametrize("after", [1, 99, 100, 101, 1000, 10**6])
def test_times_never_says_more_than_the_bytes(before, after):
    said = times(before, after)
    if "times" in said:
        claim, word = float(said.split()[0]), said.split()[2]
        assert word == ("smaller" if after < before else "larger") and 1 < claim <= max(before, after) / min(
            before, after
        )
    else:
        assert before == 0 or max(before, after) < 1.01 * min(before, after)


@pytest.mark.parametrize("options", [*EVERY_METHOD[::5], ["--method", "lowrank", "--energy", "0.5"]], ids=" ".join)
def test_the_error_that_is_told_is_the_error(tmp_path, capsys, options):
    arrays = {"a": normal(40, 30), "b": normal(20, 20) * 5, "bias": normal(9)}
    report, back = round_trip(capsys, tmp_path, arrays, *options)
    lost = {name: np.sum((a - back[name].astype(float)) ** 2) for name, a in arrays.items()}
    norm = {name: np.sum(a.astype(float) ** 2) for name, a in arrays.items()}
    assert list(report["errors"]) == list(arrays)
    for name, error in report["errors"].items():
        # Each of the four sums has n terms, each rounded twice or less and then in n - 1 sums; a root halves what is
        # under it, and is rounded, as is the quotient: 4 (n + 1) / 2 + 3 roundings between the two numbers.
        expected = np.sqrt(lost[name] / norm[name])
        assert abs(error - expected) <= gamma(2 * arrays[name].size + 5) * expected


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7, 8, 16])
@pytest.mark.parametrize("scheme", ["symmetric", "affine"])
def test_a_layer_is_said_to_have_the_bits_that_it_was_given(tmp_path, capsys, bits, scheme):
    report, _ = round_trip(
        capsys, tmp_path, {"w": normal(30, 400)}, "--method", "quantize", "--bits", bits, "--scheme", scheme
    )
    assert report["layers"]["w"] == f"{bits} bits, 30 scales" + ", packed" * (bits == 4)
    assert (
        bits_of(np.array([], np.int8)) == bits_of(np.array([0, -1], np.int16)) == 1 and bits_of(np.int8([-128, 0])) == 8
    )


def test_doctor_does_not_repeat_itself(capsys):
    _, out, _ = run(capsys, "doctor")
    assert all(out.count(words) <= 1 for words in ("no kernel", "NumPy alone", "prune_score_wanda"))


@pytest.mark.parametrize(
    "text, value",
    [
        ("0", 0),
        ("123", 123),
        ("10MB", 10_000_000),
        ("10 MB", 10_000_000),
        ("4GiB", 2**32),
        ("4gib", 2**32),
        ("1.5kB", 1500),
        ("2Ki", 2048),
        ("3k", 3000),
        ("1TB", 10**12),
        ("7B", 7),
    ],
)
def test_a_limit_is_bytes_or_has_a_unit(text, value):
    assert size(text) == value


@pytest.mark.parametrize(
    "text", ["", "MB", "10XB", "-1", "1e9", "10iB", "0x10", "ten", "1.MB", "\u0661MB", "nan", "9" * 40]
)
def test_what_is_no_size_is_refused(text, capsys):
    with pytest.raises(argparse.ArgumentTypeError):
        size(text)
    code, out, err = run(capsys, "inspect", "a.rcz", f"--limit={text}")
    assert (code, out, err.count("\n")) == (2, "", 1) and "--limit" in err


def test_a_limit_with_a_unit_holds(many, capsys):
    assert run(capsys, "compress", "many.npz", "many.rcz", "--limit", "1kB")[0] == 2
    assert run(capsys, "compress", "many.npz", "many.rcz", "--limit", "10MB")[0] == 0
    assert run(capsys, "inspect", "many.rcz", "--limit", "1kiB")[0] == 2


ESCAPE = "a\x1b[31m\x07\u202e"


@pytest.mark.parametrize(
    "command",
    [
        ["compress", ESCAPE, "b.rcz"],
        ["compress", "m.npz", ESCAPE + "/b.rcz"],
        ["compress", "m.npz", ESCAPE + ".npz"],
        ["decompress", ESCAPE, "b.npz"],
        ["decompress", "m.npz", ESCAPE],
        ["inspect", ESCAPE],
        ["inspect", "in" + ESCAPE],
        ["verify", "in" + ESCAPE],
        ["evaluate", "in" + ESCAPE],
        ["evaluate", ESCAPE],
        ["demo", "--data", ESCAPE, "--out", "d.rcz"],
        ["demo", "--out", ESCAPE + "/d.rcz"],
        [ESCAPE],
        ["compress", "m.npz", "b.rcz", "--method", ESCAPE],
        ["inspect", "m.rcz", ESCAPE],
        ["compress", "m.npz", "b.rcz", "--bits", ESCAPE],
        ["inspect", "m.rcz", "--limit", ESCAPE],
        ["inspect", "m.rcz", f"--{ESCAPE}"],
        ["inspect", "m.rcz", f"--limit{ESCAPE}=3"],
        ["compress", "m.npz", "b.rcz", "--exclude", ESCAPE],
        ["compress", "nan" + ESCAPE, "b.rcz"],
        ["compress", "m.npz", "b.rcz", "--implementation", ESCAPE],
        ["audit", "--network", ESCAPE],
    ],
    ids=lambda command: " ".join(command).replace(ESCAPE, "ESC"),
)
def test_a_refusal_shows_what_was_typed_and_no_terminal_obeys_it(tmp_path, capsys, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ("in" + ESCAPE)).write_bytes(b"no file of ours")
    npz.save("m.npz", {"w": normal(4, 4)})
    npz.save("nan" + ESCAPE, {"w" + ESCAPE: np.full((2, 2), np.nan, np.float32)})
    container.save("m.rcz", {"w": normal(4, 4)})
    code, out, err = run(capsys, *command)
    assert (code, out) == (2, "") and err.endswith("\n") and err[:-1].isprintable() and "\\x1b[31m" in err


def test_reports_and_warnings_show_paths_and_names_and_no_terminal_obeys_them(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arrays = {
        "w" + ESCAPE: normal(40, 40),
        "half" + ESCAPE: normal(40, 40).astype(np.float16),
        "bias" + ESCAPE: normal(4),
        "tied" + ESCAPE: normal(40, 40),
    }
    arrays["again" + ESCAPE] = arrays["tied" + ESCAPE]
    source, target, back = "a" + ESCAPE + ".npz", ESCAPE + ".rcz", ESCAPE + ".npz"
    npz.save(source, arrays)
    for command in (["compress", source, target, "--sparsity", 0.995], ["inspect", target], ["verify", target],
                    ["decompress", target, back]):
        code, out, err = run(capsys, *command)
        assert code == 0 and "\\x1b[31m" in out and all(line.isprintable() for line in (out + err).split("\n"))


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["verify", "m.npz"], "m.npz: does not start like"),
        (["inspect", "in.txt"], "in.txt: does not start like a model file"),
        (["compress", "m.rcz", "b.rcz"], "m.rcz: "),
        (["inspect", "."], ".: "),
        (["compress", "m.npz", "b.rcz", "--bits", "40"], "--bits: must be between 1 and 16"),
        (["compress", "m.npz", "b.rcz", "--method", "quantize", "--bits", "9"], "--bits: must be 2 to 8 or 16"),
        (["compress", "m.npz", "b.rcz", "--method", "quantize", "--group", "0"], "--group: "),
        (["compress", "m.npz", "b.rcz", "--method", "lowrank", "--energy", "2"], "--energy: "),
        (
            ["compress", "m.npz", "b.rcz", "--method", "quantize", "--sparsity", "0.5"],
            "--sparsity: belongs to --method share or csr",
        ),
        (["compress", "m.npz", "b.rcz", "--sparsity", "nan"], "--sparsity: "),
        (["compress", "m.npz", "b.rcz", "--threads", "0"], "--threads: "),
        (["compress", "m.npz", "b.rcz", "--scope", "layer"], "--scope: "),
        (["inspect", "m.rcz", "--limit", "9"], "--limit: "),
        (["compress", "m.npz", "b.rcz", "--init", "random", "--seed", "-1"], "--seed: "),
        (["compress", "bad.npz", "b.rcz"], "bad.npz: "),
        (["demo", "--data", "nowhere", "--out", "d.rcz"], "nowhere: must hold"),
        (["evaluate", "m.rcz"], "m.rcz: has no graph: give --order and --activation too"),
        (["evaluate", "m.rcz", "--order", "fc1"], "m.rcz: has no graph: give --activation too"),
        (["evaluate", "m.rcz", "--order", "fc1", "--activation", "relu"], "m.rcz: must hold the parameters"),
        (["run", "m.rcz"], "m.rcz: has no graph: it holds tensors, and does not say"),
        (["draw", "m.rcz", "m.svg"], "m.rcz: has no graph"),
        (["draw", "m.rcz", "m.png"], "m.png: must end in .svg"),
        (["demo", "--seed", "-1"], "--seed: "),
        (["compress", "m.npz", "no/b.rcz"], "/no: No such file"),
    ],
)
def test_a_refusal_names_what_was_typed_and_no_parameter_of_a_function(tmp_path, capsys, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    npz.save("m.npz", {"w": normal(4, 4)})
    container.save("m.rcz", {"w": normal(4, 4)})
    np.savez("bad.npz", **{"e\u0301": np.ones(3)})  # a name that is not in normal form C
    (tmp_path / "in.txt").write_text("words")
    code, out, err = run(capsys, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1) and err.startswith("refcompress: ") and words in err
    assert not re.match(r"refcompress: (path|data|x|w|source|target|name|layers|directory)\b[\[:]", err)


@pytest.mark.parametrize("kind", ["bias", "weight"])
def test_evaluate_refuses_a_network_that_answers_nan_by_the_array(tmp_path, capsys, kind):
    network = lenet_300_100.network(np.random.default_rng(0))
    layers = {name: p.copy() for name, p in network.parameters.items()}
    layers[f"fc2.{kind}"].reshape(-1)[3] = np.nan
    container.save(tmp_path / "a.rcz", layers, implementation=reference)
    given = "--order", "fc1,fc2,fc3", "--activation", "relu"
    code, out, err = run(capsys, "evaluate", tmp_path / "a.rcz", *given)
    assert (code, out, err.count("\n")) == (
        2,
        "",
        1,
    ) and f"array fc2.{kind}, element [{'3' if kind == 'bias' else '0, 3'}]" in err


def test_paragraphs_keep_paths_whole_and_few_names_are_listed(monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    path = "/a/path/of/more/than/fifty/characters/to-be-copied/model.npz"
    assert path in paragraph(f"{path}: it is here, and more words follow until the line is full").splitlines()[0]
    assert some("abcdef") == "a, b, c, d, e, f" and some("abcdefg").startswith("7 arrays: a, b, c, ...")

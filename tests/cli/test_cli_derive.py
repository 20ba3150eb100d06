"""The command derive."""

import json

import numpy as np
import pytest
from cli_examples import run

import refcompress as rc
from refcompress.formats import GGMLBlocks
from refcompress.models import gguf, safetensors


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    w = (np.random.default_rng(0).standard_normal((8, 64)) * 0.05).astype(np.float32)
    safetensors.save("source.safetensors", {"blk.0.attn_q.weight": w, "norm": w[0]})
    q = rc.ggml_encode(w, "Q8_0")
    gguf.save("good.gguf", {"blk.0.attn_q.weight": q, "norm": w[0]})
    data = q.data.copy()
    data[3, 9] ^= 1
    gguf.save("bad.gguf", {"blk.0.attn_q.weight": GGMLBlocks(data, "Q8_0", w.shape), "norm": w[0]})


def test_a_derived_file_is_shown_with_its_rules_and_exit_code_0(files, capsys):
    code, out, err = run(capsys, "derive", "source.safetensors", "good.gguf", "--attest", "a.json")
    assert (code, err) == (0, "") and "2 exact" in out and "rule Q8_0" in out and "rule copied" in out
    assert "Q8_0: d = max|w| / 127;" in out and all(len(line) <= 80 for line in out.splitlines())
    with open("a.json", "rb") as file:
        assert json.loads(file.read())["verdict"] == "exact"


def test_an_altered_file_has_exit_code_1_unless_less_is_accepted(files, capsys):
    code, out, _ = run(capsys, "derive", "source.safetensors", "bad.gguf")
    assert code == 1 and "1 of 512 codes" in out and all(len(line) <= 80 for line in out.splitlines())
    code, out, _ = run(capsys, "derive", "source.safetensors", "bad.gguf", "--accept", "bounded", "--json")
    data = json.loads(out)
    assert code == int(data["verdict"] == "not derived") and data["tensors"][0]["differing"] == {"codes": 1}


def test_what_the_source_alone_has_is_named(files, capsys):
    w = np.random.default_rng(0).standard_normal((8, 64)).astype(np.float32) * np.float32(0.05)
    safetensors.save("more.safetensors", {"blk.0.attn_q.weight": w, "norm": w[0], "head": w[:2]})
    code, out, _ = run(capsys, "derive", "more.safetensors", "good.gguf")
    assert "1 tensor is in the source alone" in out and "head" in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_a_refusal_names_the_file_that_was_typed(files, capsys):
    with open("cut.gguf", "wb") as file, open("good.gguf", "rb") as good:
        file.write(good.read()[:-9])
    code, out, err = run(capsys, "derive", "source.safetensors", "cut.gguf")
    assert (code, out) == (2, "") and err.startswith("refcompress: cut.gguf: ") and err.count("\n") == 1
    assert run(capsys, "derive", "none.safetensors", "good.gguf")[0] == 2
    code, _, err = run(capsys, "derive", "source.safetensors", "good.gguf", "--attest", "good.gguf")
    assert code == 2 and "which would be lost" in err


def test_a_tensor_of_another_shape_is_not_said_to_be_missing(files, capsys):
    safetensors.save("other.safetensors", {"norm": np.zeros(5, np.float32)})
    code, out, _ = run(capsys, "derive", "other.safetensors", "good.gguf")
    assert code == 1 and "the source's tensor of its name has another shape, 5" in out


def test_nothing_to_derive_is_no_success(files, capsys):
    np.savez("none.npz")
    code, out, _ = run(capsys, "derive", "source.safetensors", "none.npz")
    assert code == 1 and "no tensor" in out


def test_a_quantized_source_is_named_by_its_type(files, capsys):
    code, out, _ = run(capsys, "derive", "good.gguf", "source.safetensors")
    assert code == 1 and "widened from Q8_0" in out and "GGMLBlocks" not in out


def test_files_in_the_wrong_order_are_said_to_be_exchanged(files, capsys):
    _, out, _ = run(capsys, "derive", "good.gguf", "source.safetensors")
    assert "were the two exchanged?" in " ".join(out.split())
    for quantized in ("good.gguf", "bad.gguf"):
        assert "exchanged" not in run(capsys, "derive", "source.safetensors", quantized)[1]
    run(capsys, "compress", "source.safetensors", "w.rcz", "--preset", "int8")
    code, _, err = run(capsys, "derive", "w.rcz", "source.safetensors")
    assert code == 2 and "exchanged?" in err and err.count("\n") == 1

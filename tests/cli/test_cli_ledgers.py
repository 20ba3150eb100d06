"""The command inspect on files of anybody: what it prints adds up, fits 80 columns, and hides nothing in --json."""

import json
import re

import numpy as np
import pytest
from cli_examples import run
from model_files import FILES, all_files, size_of

from refcompress import models
from refcompress.audit.kinds import WORDS
from refcompress.cli.show import width_of

F32 = np.float32


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return all_files(tmp_path_factory.mktemp("files"))


@pytest.mark.parametrize("name", FILES)
def test_json_has_every_byte_and_text_the_same_sums(files, name, capsys):
    code, out, err = run(capsys, "inspect", files[name], "--json")
    report = json.loads(out)
    assert (code, err) == (0, "") and report["schema"] == "refcompress.ledger/1"
    assert report["bytes"] == size_of(files[name]) == sum(row["bytes"] for row in report["ledger"])
    for by in ("kind", "layer", "type"):
        code, out, _ = run(capsys, "inspect", files[name], "--by", by)
        assert code == 0 and max(map(len, out.splitlines())) <= 80 or " " not in max(out.splitlines(), key=len).strip()
        total = re.search(r"total.*\n?.*", out)
        assert by == "type" or f"{report['bytes']:,}" in total[0]


def test_several_files_are_one_document(files, capsys):
    report = json.loads(run(capsys, "inspect", files["npz"], files["gguf"], "--json")[1])
    assert report["schema"] == "refcompress.ledgers/1" and [each["kind"] for each in report["files"]] == ["npz", "gguf"]
    out = run(capsys, "inspect", files["npz"], files["gguf"])[1]
    assert "NumPy archive" in out and "GGUF" in out


def test_each_kind_of_bytes_is_explained_where_it_is_printed(files, capsys):
    for name in set(FILES) - {"rcz"}:
        text = " ".join(run(capsys, "inspect", files[name])[1].split())
        kinds = {row["kind"] for row in json.loads(run(capsys, "inspect", files[name], "--json")[1])["ledger"]}
        assert all(f"{kind} " in text and WORDS[kind].split(",")[0] in text for kind in kinds)


def test_bounds_are_a_table_and_part_of_the_document(files, tmp_path, capsys):
    models.save(tmp_path / "w_fp16.safetensors", {"w": np.zeros((30, 40), F32), "b": np.ones(3, F32)})
    code, out, err = run(capsys, "inspect", tmp_path / "w_fp16.safetensors", "--bounds", "--quiet")
    words = " ".join(out.split())
    assert (code, err) == (0, "") and "entropy" in out and "4,800 bytes hold zeros" in words and "'fp16', 16" in words
    report = json.loads(run(capsys, "inspect", tmp_path / "w_fp16.safetensors", "--bounds", "--quiet", "--json")[1])
    assert [each["name"] for each in report["bounds"]] == ["w", "b"] and report["bounds"][0]["zeros"] == 1200
    assert {"zeros stored in full", "name claims fewer bits"} <= {each["finding"] for each in report["findings"]}


def test_bounds_of_a_file_of_ours_are_those_of_its_coded_entries(files, capsys):
    code, out, err = run(capsys, "inspect", files["rcz"], "--bounds", "--quiet")
    assert (code, err) == (0, "") and "as they are coded already" in " ".join(out.split())
    report = json.loads(run(capsys, "inspect", files["rcz"], "--bounds", "--quiet", "--json")[1])
    own = [each for each in report["ledger"] if each["entry"] and each["kind"] not in ("names", "checksum")]
    assert [each["name"] for each in report["bounds"]] == ["w", "half"]
    assert abs(sum(each["nbytes"] for each in report["bounds"]) - sum(each["bytes"] for each in own)) < 16


def test_a_refusal_names_the_file(tmp_path, capsys):
    (tmp_path / "a.gguf").write_bytes(b"GGUF" + bytes(30))
    code, out, err = run(capsys, "inspect", tmp_path / "a.gguf")
    assert (code, out, err.count("\n")) == (2, "", 1) and "a.gguf: " in err and "version 0" in err


def test_an_archive_of_no_array_is_an_archive_and_an_empty_file_is_said_to_be_empty(tmp_path, capsys):
    np.savez(tmp_path / "none.npz")
    code, out, _ = run(capsys, "inspect", tmp_path / "none.npz")
    assert code == 0 and "22 bytes, 0 tensors" in out and "total" in out
    (tmp_path / "none.gguf").touch()
    code, _, err = run(capsys, "inspect", tmp_path / "none.gguf")
    assert code == 2 and err.endswith("none.gguf: is empty\n")


def test_bounds_count_numbers_that_are_not_finite(tmp_path, capsys):
    w = np.ones((3, 40), F32)
    w[0, :3] = np.nan, np.inf, -np.inf
    np.savez(tmp_path / "w.npz", w=w, good=w[1:], half=w[:1].astype(np.float16))
    found = json.loads(run(capsys, "inspect", tmp_path / "w.npz", "--bounds", "--json")[1])["findings"]
    assert {"w": 3, "half": 3} in [each.get("numbers") for each in found]
    assert "6 numbers are NaN or infinite, in 2 tensors;" in [each["text"] for each in found][0]


def test_an_audit_of_another_kind_of_file_says_what_it_is(files, capsys):
    code, out, err = run(capsys, "audit", "--file", files["npz"])
    assert (code, out, err.count("\n")) == (2, "", 1) and "is a NumPy archive (.npz), and not the published" in err


def test_names_of_wide_letters_keep_the_columns_and_80_columns(tmp_path, capsys):
    np.savez(tmp_path / "w.npz", **{"\u91cd\u307f": np.ones(3, F32), "plain": np.ones(3, F32)})
    lines = run(capsys, "compare", tmp_path / "w.npz", tmp_path / "w.npz")[1].splitlines()
    lines += run(capsys, "inspect", tmp_path / "w.npz", "--by", "layer")[1].splitlines()
    assert all(width_of(line) <= 80 for line in lines)
    first, second = (next(line for line in lines if name in line) for name in ("\u91cd\u307f", "plain"))
    assert width_of(first.partition("float32")[0]) == width_of(second.partition("float32")[0])


def test_a_name_that_is_longer_than_a_line_loses_its_middle_but_not_in_wide_and_json(tmp_path, capsys):
    names = [f"model.{'inner.' * 20}layers.{i}.weight" for i in range(2)]
    names += ["\u91cd\u307f" * 40 + ".weight", "b.weight"]
    models.save(tmp_path / "m.safetensors", {
        name: np.random.default_rng(i).standard_normal((8, 8), F32) for i, name in enumerate(names)})
    for more in (["--by", "layer"], ["--bounds", "--quiet"]):
        out = run(capsys, "inspect", tmp_path / "m.safetensors", *more)[1]
        at = out.splitlines()[2:]  # what comes before has the path, which stays whole
        assert max(map(width_of, at)) <= 80 and "..." in out and "has names whole" in " ".join(out.split())
        assert not any(name.removesuffix(".weight") in out for name in names[:3]) and "b" in out
        wide = run(capsys, "inspect", tmp_path / "m.safetensors", *more, "--wide")[1]
        assert all(name.removesuffix(".weight") in wide for name in names) and "..." not in wide
    found = json.loads(run(capsys, "inspect", tmp_path / "m.safetensors", "--json")[1])
    assert {tensor["name"] for tensor in found["tensors"]} == set(names)

"""No command destroys a file: what it reads stays always, what is there stays unless --force says otherwise."""

import json
import os

import numpy as np
import pytest
from cli_examples import run

from refcompress import container, models
from refcompress.models import npz
from refcompress.training import mnist

W = {"w": np.random.default_rng(0).standard_normal((30, 20)).astype(np.float32)}


@pytest.fixture
def folder(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("model.npz", **W)
    assert run(capsys, "compress", "model.npz", "model.rcz")[0] == 0
    return tmp_path


def links(source):
    """Make other names of a file; return all its names."""
    os.symlink(source, "soft.rcz")
    os.link(source, "hard.rcz")
    os.symlink("soft.rcz", "soft.npz")
    os.mkdir("sub")
    return [source, f"./{source}", f"sub/../{source}", os.path.abspath(source), "soft.rcz", "hard.rcz", "soft.npz"]


@pytest.mark.parametrize(
    "command, source", [("compress", "model.npz"), ("decompress", "model.rcz"), ("decompress", "copy.npz")]
)
@pytest.mark.parametrize("force", [[], ["--force"]])
def test_the_file_that_is_read_is_never_written_by_whatever_name(folder, capsys, command, source, force):
    (folder / "copy.npz").write_bytes(
        (folder / "model.rcz").read_bytes()
    )  # a compressed file whose suffix decompress writes
    before = (folder / source).read_bytes()
    for target in links(source):
        code, out, err = run(capsys, command, source, target, *force)
        assert (code, out, err.count("\n")) == (2, "", 1) and "is the file that is read" in err
        assert (folder / source).read_bytes() == before == (folder / target).read_bytes()
    assert os.stat(source).st_nlink == 2  # and the links are links still


def test_a_folder_of_parts_that_is_no_such_folder_is_refused_by_its_own_name(folder, capsys):
    os.mkdir("new.rcz.parts")
    (folder / "new.rcz.parts/diary").write_text("mine")
    code, out, err = run(capsys, "compress", "model.npz", "new.rcz")
    assert (code, out) == (2, "")
    assert err.startswith("refcompress: 'new.rcz.parts' is where its parts go, and 'diary' is none")
    assert err.count("\n") == 1 and os.listdir("new.rcz.parts") == ["diary"] and not os.path.exists("new.rcz")


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_shard_of_a_model_is_never_written_by_a_link_to_it(tmp_path, capsys, monkeypatch, more):
    monkeypatch.chdir(tmp_path)
    os.mkdir("model")
    models.save("model/shard.safetensors", {"w": np.ones((4, 4), np.float32)})
    before = (tmp_path / "model/shard.safetensors").read_bytes()
    (tmp_path / "model/model.safetensors.index.json").write_text('{"weight_map": {"w": "shard.safetensors"}}')
    os.symlink("model/shard.safetensors", "link.rcz")
    code, out, err = run(capsys, "compress", "model", "link.rcz", "--force", *more)
    assert (code, out, err.count("\n")) == (2, "", 1) and "link.rcz: is the file that is read, model/shard" in err
    assert (tmp_path / "model/shard.safetensors").read_bytes() == before
    assert sorted(os.listdir()) == ["link.rcz", "model"]


def test_demo_never_writes_over_the_images_that_it_reads(folder, capsys):
    for name in mnist.MD5:
        (folder / f"{name}.gz").write_bytes(b"images")
    for force in ([], ["--force"]):
        code, _, err = run(capsys, "demo", "--data", ".", "--out", "t10k-labels-idx1-ubyte.gz", *force)
        assert code == 2 and "is the file that is read" in err
    assert (folder / "t10k-labels-idx1-ubyte.gz").read_bytes() == b"images"


@pytest.mark.parametrize("arguments", [["compress", "model.npz", "there"], ["decompress", "model.rcz", "there.npz"],
                                       ["demo", "--data", "nowhere", "--out", "there"]])
@pytest.mark.parametrize("content", [b"", b"precious", "model.npz"])
def test_what_is_there_is_replaced_with_force_only(folder, capsys, arguments, content):
    target = folder / arguments[-1]
    content = content if isinstance(content, bytes) else (folder / content).read_bytes()
    target.write_bytes(content)
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "") and "is there already; --force" in err and target.read_bytes() == content
    code, _, err = run(capsys, *arguments, "--force")
    if arguments[0] == "demo":
        assert "nowhere: must hold" in err  # it went on to look for the images
    else:
        assert code == 0 and target.read_bytes() != content


def test_a_result_of_an_earlier_run_is_replaced_by_one_of_its_kind_only(folder, capsys):
    """A compressed file by compress, decoded arrays by decompress; never arrays that nothing here can make again."""
    first = (folder / "model.rcz").read_bytes()
    assert run(capsys, "compress", "model.npz", "model.rcz", "--bits", 2)[0] == 0
    assert (folder / "model.rcz").read_bytes() != first
    for _ in range(2):
        assert run(capsys, "decompress", "model.rcz", "back.npz")[0] == 0
    npz.save("saved.npz", W)
    for target in ("model.npz", "saved.npz"):
        before = (folder / target).read_bytes()
        assert run(capsys, "decompress", "model.rcz", target)[0] == 2 and (folder / target).read_bytes() == before
    os.rename("back.npz", "back.rcz")
    assert run(capsys, "compress", "model.npz", "back.rcz")[0] == 2
    with np.load("back.rcz") as theirs:  # the mark hinders no other reader
        assert theirs.files == ["w"]


@pytest.mark.parametrize("target", ["a.npy", "a.rcz", "a", "a.npz.gz"])
def test_decompress_writes_no_other_kind_of_file_than_those_of_the_table(folder, capsys, target):
    before = sorted(os.listdir())
    for force in ([], ["--force"]):
        code, _, err = run(capsys, "decompress", "model.rcz", target, *force)
        assert code == 2 and "must end in .npz" in err and sorted(os.listdir()) == before
    assert run(capsys, "decompress", "model.rcz", "A.NPZ")[0] == 0


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".ONNX", ".npy"])
def test_a_compressed_file_is_not_named_like_a_file_of_arrays(folder, capsys, suffix):
    for arguments in (["compress", "model.npz", f"a{suffix}"], ["demo", "--out", f"a{suffix}"]):
        code, _, err = run(capsys, *arguments)
        assert code == 2 and "a.rcz" in err and not os.path.exists(f"a{suffix}")


def test_compress_writes_nothing_that_does_not_decode_to_what_was_compressed(folder, capsys, monkeypatch):
    honest = container.reading.layer_of

    def lying(*arguments, **named):
        layer = honest(*arguments, **named)
        values = layer.values.copy()
        values[0, 0] ^= 1
        return type(layer)(values, layer.scale, layer.zero_point, layer.group)

    monkeypatch.setattr(container.reading, "layer_of", lying)
    code, out, err = run(capsys, "compress", "model.npz", "new.rcz")
    assert (
        (code, out, err.count("\n")) == (2, "", 1)
        and "not what was compressed" in err
        and not os.path.exists("new.rcz")
    )
    monkeypatch.setattr(container.reading, "layer_of", honest)
    assert run(capsys, "compress", "model.npz", "new.rcz")[0] == 0


def test_a_target_in_json_is_as_it_was_typed(folder, capsys):
    code, out, _ = run(capsys, "compress", "model.npz", "a\x1b[31m.rcz", "--json")
    assert code == 0 and json.loads(out)["target"] == "a\x1b[31m.rcz" and "\x1b" not in out

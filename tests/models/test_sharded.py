"""Models in several files: found by their index, and every way in which index and shards disagree is refused."""

import json
import os

import numpy as np
import pytest

from refcompress import CorruptError, RefcompressError, models

INDEX = "model.safetensors.index.json"
SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
ARRAYS = [{"b": np.arange(6.0).reshape(2, 3), "a": np.ones(3, np.float16)}, {"c": np.zeros((2, 2), np.int8)}]
MAP = {"c": SHARDS[1], "b": SHARDS[0], "a": SHARDS[0]}


def write(folder, where=None, **fields):
    for name, arrays in zip(SHARDS, ARRAYS):
        models.save(folder / name, arrays, metadata={"format": "np"})
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 58, "x": [1.5, None, {}]},
                                            "weight_map": MAP if where is None else where} | fields))
    return folder / INDEX


def test_a_sharded_model_is_opened_by_its_index_or_its_folder(tmp_path):
    index = write(tmp_path)
    for path in (index, tmp_path, os.fsencode(index)):
        with models.open(path) as source:
            assert list(source) == ["c", "b", "a"] and source.metadata == {"format": "np"}
            assert source.kind == "safetensors"
            assert [os.path.basename(each) for each in source.files] == [INDEX, SHARDS[1], SHARDS[0]]
            for arrays in ARRAYS:
                assert all(np.array_equal(source[name].read(), a) for name, a in arrays.items())
            digest = source.sha256()
    os.rename(tmp_path / SHARDS[1], tmp_path / "elsewhere")
    models.save(tmp_path / SHARDS[1], {"c": np.ones((2, 2), np.int8)}, metadata={"format": "np"})
    with models.open(index) as source:
        assert source.sha256() != digest


def test_a_shard_alone_is_the_file_that_it_is(tmp_path):
    write(tmp_path)
    assert list(models.load(tmp_path / SHARDS[1])) == ["c"]


def test_a_folder_with_one_file_is_that_file_and_with_more_or_none_it_is_refused(tmp_path):
    with pytest.raises(RefcompressError, match="neither an index"):
        models.open(tmp_path)
    models.save(tmp_path / "a.safetensors", ARRAYS[0])
    assert list(models.load(tmp_path)) == ["b", "a"]
    models.save(tmp_path / "b.safetensors", ARRAYS[0])
    with pytest.raises(RefcompressError, match=r"2 files \*.safetensors.*a.safetensors, b.safetensors"):
        models.open(tmp_path)


@pytest.mark.parametrize("where, rule", [
    (MAP | {"d": SHARDS[0]}, "tensor 'd' is in .*00001.* which has no such tensor"),
    (MAP | {"d": "model-00003-of-00002.safetensors"}, "names the shard 'model-00003.* which is not there"),
    ({"c": SHARDS[1], "b": SHARDS[0]}, "shard .*00001.* has the tensor 'a', which the index does not name"),
    (MAP | {"a": SHARDS[1]}, "shard .* has the tensor 'a', which the index says is in"),
    (MAP | {"a": "../model.safetensors"}, "tensor 'a' is in '../model.safetensors', which is no file beside"),
    (MAP | {"a": "/etc/passwd"}, "no file beside"), (MAP | {"a": ".."}, "no file beside"),
    (MAP | {"a": ""}, "no file beside"), (MAP | {"a": "x\0"}, "no file beside"),
    (MAP | {"a": "x\\y"}, "no file beside"),
    ({"d": INDEX} | MAP, "shard 'model.safetensors.index.json': is neither"),
    (MAP | {"a": 1}, "must stand"), ([], "must stand"),
])
def test_each_disagreement_of_index_and_shards_is_refused(tmp_path, where, rule):
    with pytest.raises(CorruptError if "neither" not in rule else RefcompressError, match=rule):
        models.open(write(tmp_path, where))


def test_a_tensor_in_two_shards_is_refused(tmp_path):
    index = write(tmp_path)
    models.save(tmp_path / SHARDS[1], ARRAYS[1] | {"a": ARRAYS[0]["a"]})
    with pytest.raises(CorruptError, match="shard .*00002.* has the tensor 'a', which the index says is in .*00001"):
        models.open(index)


def test_a_truncated_shard_is_refused_with_its_name(tmp_path):
    index = write(tmp_path)
    os.truncate(tmp_path / SHARDS[0], 200)
    with pytest.raises(CorruptError, match=f"shard '{SHARDS[0]}': "):
        models.open(index)


@pytest.mark.parametrize("text, rule", [
    ("{}", "no weight_map"), ('{"weight_map":{"a":"x","a":"y"}}', "'a' twice"), ('{"a":' + "[" * 5000, "nested"),
    ('{"weight_map":{}}x', "behind"), ('{"weight_map":{},"weight_map":{}}', "twice"), ('{"a":NaN}', "no value"),
    ("{", "too early"), ('{"a":"\t"}', "escaped"), ('{"a":"\\q"}', "escaped"), ('{"a', "not end"),
])
def test_an_index_that_does_not_read_is_refused(tmp_path, text, rule):
    (tmp_path / INDEX).write_text(text)
    with pytest.raises(CorruptError, match=rule):
        models.open(tmp_path / INDEX)


def test_what_a_file_is_decides_and_not_its_name(tmp_path):
    models.save(tmp_path / "a.safetensors", ARRAYS[0])
    models.save(tmp_path / "a.npz", ARRAYS[0])
    os.rename(tmp_path / "a.safetensors", tmp_path / "b.npz")
    os.rename(tmp_path / "a.npz", tmp_path / "b.safetensors")
    with pytest.raises(RefcompressError, match="is a file of safetensors by its content; .* .safetensors$"):
        models.open(tmp_path / "b.npz")
    with pytest.raises(RefcompressError, match="is an archive of NumPy by its content; .* .npz$"):
        models.open(tmp_path / "b.safetensors")
    for data, rule in ((b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
                       (b"<!DOCTYPE html><html>", "web page"), (b"GGUF\3\0\0\0", "GGUF")):
        (tmp_path / "c.safetensors").write_bytes(data)
        with pytest.raises(RefcompressError, match=rule):
            models.open(tmp_path / "c.safetensors")
    with pytest.raises(RefcompressError, match="^bfloat16: is for files that end in .npz"):
        models.save(tmp_path / "d.safetensors", ARRAYS[0])
        models.open(tmp_path / "d.safetensors", bfloat16=True)

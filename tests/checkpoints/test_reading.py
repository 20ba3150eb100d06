"""Back again: layers when they are asked for, tensors in the types and layouts of the source, files of others."""

import json

import numpy as np
import pytest
from checkpoint_examples import bfloat16, model, normal, saved
from rounding import gamma

import refcompress as rc
from refcompress import CorruptError, Plain, checkpoints, container, models
from refcompress.checkpoints import Recipe, Rule
from refcompress.checkpoints.weights import fits, in_type


def test_a_lossless_file_comes_back_bit_for_bit_in_every_type(tmp_path):
    arrays = model()
    arrays["odd.weight"] = np.float32([[-0.0, np.nan], [np.inf, 1e-45]])
    arrays["payload"] = np.uint32([0x7F800001, 0xFFC12345]).view(np.float32)
    arrays["narrow"] = Plain(np.arange(16, dtype=np.uint8).reshape(4, 4), "fp8_e4m3")
    source = saved(tmp_path, arrays)
    rc.compress(source, "lossless", target=tmp_path / "a.rcz")
    rc.decompress(tmp_path / "a.rcz", tmp_path / "back.safetensors")
    with models.open(source) as before, models.open(tmp_path / "back.safetensors") as after:
        for name, tensor in before.items():
            x, y = tensor.read(), after[name].read()
            assert type(x) is type(y) and after[name].type == tensor.type
            assert x == y if isinstance(x, Plain) else x.tobytes() == y.tobytes() and x.shape == y.shape


def test_a_tensor_comes_back_in_its_own_type_where_that_holds_its_numbers(tmp_path):
    few = np.float32([[0.5, -0.25], [1, 0]])[np.zeros((40, 40), int) + np.arange(40) % 2, np.arange(40) % 2]
    arrays = {"few.brain": bfloat16(few), "many.brain": bfloat16(normal(40, 40)), "few.half": few.astype(np.float16),
              "many.half": normal(40, 40, dtype=np.float16), "wide": normal(40, 40, dtype=np.float64)}
    result = rc.compress(arrays, Recipe((Rule("*", "share", {"bits": 4}),)))
    result.save(tmp_path / "a.rcz")
    rc.decompress(tmp_path / "a.rcz", tmp_path / "back.safetensors")
    with models.open(tmp_path / "back.safetensors") as back:
        assert {name: tensor.type for name, tensor in back.items()} == {
            "few.brain": "bfloat16", "many.brain": "float32", "few.half": "float16", "many.half": "float32",
            "wide": "float64"}
        assert np.array_equal(back["few.brain"].read().dense(), few)


def test_turned_weights_come_back_as_they_lay(tmp_path):
    arrays = {"conv/kernel:0": normal(3, 3, 8, 16), "h.attn.weight": normal(30, 90)}
    recipe = Recipe((Rule("*", "int4", {"group": 16}), Rule("h*", "nm")), axis=-1)
    result = rc.compress(arrays, recipe)
    result.save(tmp_path / "a.rcz")
    assert max(result.errors().values()) < 0.7
    rc.decompress(tmp_path / "a.rcz", tmp_path / "back.npz")
    back = models.load(tmp_path / "back.npz")
    with rc.open(tmp_path / "a.rcz") as file:
        for name, a in arrays.items():
            assert file[name].shape == a.shape == back[name].shape
            assert np.array_equal(np.asarray(file[name]), back[name])
            wide, told = a.astype(np.float64), result.errors()[name]
            error = np.linalg.norm(back[name] - wide) / np.linalg.norm(wide)
            # Four sums of n squares, each rounded twice or less and then in n - 1 sums; roots, which halve that.
            assert abs(error - told) <= gamma(2 * a.size + 6) * error
        kept = (back["h.attn.weight"] != 0).reshape(30, 90).T.reshape(90, -1)[:, :28].reshape(90, 7, 4).sum(axis=2)
        assert (kept == 2).all()  # two of four inputs of each output
    rc.save(tmp_path / "b.rcz", rc.load(tmp_path / "a.rcz"))
    again = rc.load(tmp_path / "b.rcz")
    assert all(np.array_equal(np.asarray(again[name]), back[name]) for name in arrays)


def test_open_and_load_take_models_of_others_too(tmp_path):
    arrays = {"a.weight": normal(4, 4), "b": np.arange(3)}
    source = saved(tmp_path, arrays)
    with rc.open(source) as file:
        assert list(file) == list(rc.load(source)) and np.array_equal(file["a.weight"].read(), arrays["a.weight"])
    rc.save(tmp_path / "c.npz", arrays)
    assert np.array_equal(rc.load(tmp_path / "c.npz")["a.weight"], arrays["a.weight"])
    rc.save(tmp_path / "c.rcz", arrays)
    assert np.array_equal(rc.load(tmp_path / "c.rcz")["a.weight"], arrays["a.weight"])


@pytest.mark.parametrize("key, value", [
    ("refcompress.arranged", "[1]"), ("refcompress.arranged", "{"), ("refcompress.arranged", '{"b": {}}'),
    ("refcompress.arranged", '{"a": {"shape": [4, 4]}}'),
    ("refcompress.arranged", '{"a": {"shape": [4, 4], "axes": [0, 0]}}'),
    ("refcompress.arranged", '{"a": {"shape": [-4, 4], "axes": [0, 1]}}'), ("refcompress.types", '{"a": "int3"}'),
    ("refcompress.types", '{"a": 1}'), ("refcompress.types", "[" * 100000), ("refcompress.types", '{"c": "float16"}'),
])
def test_metadata_that_lies_is_refused(tmp_path, key, value):
    container.save(tmp_path / "a.rcz", {"a": normal(4, 4)}, metadata={key: value})
    with pytest.raises(CorruptError, match=key):
        rc.open(tmp_path / "a.rcz")


def test_an_arrangement_of_another_size_is_refused_and_so_are_numbers_that_a_type_does_not_hold(tmp_path):
    arranged = json.dumps({"a": {"shape": [2, 4], "axes": [1, 0]}})
    container.save(tmp_path / "a.rcz", {"a": rc.quantize_s8(normal(4, 4))}, metadata={"refcompress.arranged": arranged})
    with rc.open(tmp_path / "a.rcz") as file, pytest.raises(rc.RefcompressError):
        file["a"]
    container.save(tmp_path / "b.rcz", {"a": rc.quantize_s8(normal(4, 4))},
                   metadata={"refcompress.types": '{"a": "float16"}'})
    with pytest.raises(CorruptError, match="float16"):
        rc.decompress(tmp_path / "b.rcz", tmp_path / "back.npz")
    assert not (tmp_path / "back.npz").exists()


def test_types_hold_exactly_what_they_can_write_again():
    w = np.float32([0.0, -0.0, 1, -2.5, 65504, 2**-24])
    for name in ("float16", "float64"):
        assert fits(w, name) and in_type(w, name).astype(np.float32).tobytes() == w.tobytes()
    assert fits(w[:4], "bfloat16") and in_type(w[:4], "bfloat16").dense().tobytes() == w[:4].tobytes()
    assert not fits(w, "bfloat16") and not fits(np.float32([65505]), "float16") and not fits(w, "fp8_e4m3")
    assert not fits(np.float32([2**-26]), "float16") and not fits(np.float32([1 + 2**-8]), "bfloat16")


def test_the_tensors_of_a_layer_with_a_bias_are_two(tmp_path):
    layer = rc.QuantizedLayer(rc.quantize_s8(normal(4, 6), axis=0), bias=normal(4))
    container.save(tmp_path / "a.rcz", {"fc": layer})
    rc.decompress(tmp_path / "a.rcz", tmp_path / "back.npz")
    assert list(models.load(tmp_path / "back.npz")) == ["fc.weight", "fc.bias"]
    container.save(tmp_path / "a.rcz", {"fc": layer, "fc.bias": normal(3)})
    with pytest.raises(rc.RefcompressError, match="comes twice"):
        rc.decompress(tmp_path / "a.rcz", tmp_path / "back.npz")


def test_a_tensor_beyond_the_limit_is_refused_before_it_is_decoded(tmp_path):
    huge = rc.LowRank(np.zeros((2**20, 0), np.float32), np.zeros(0, np.float32), np.zeros((0, 2**20), np.float32))
    container.save(tmp_path / "a.rcz", {"a": huge})
    with pytest.raises(rc.LimitError, match="tensor 'a'"):
        rc.decompress(tmp_path / "a.rcz", tmp_path / "back.npz")


def test_the_names_of_the_package_are_those_of_the_room():
    for name in ("compress", "decompress", "load", "open", "save", "rebuild", "Recipe", "Rule"):
        assert getattr(rc, name) is getattr(checkpoints, name)
    assert "open" not in rc.__all__ and "compress" in rc.__all__


def test_decompressing_decodes_each_entry_once(tmp_path, monkeypatch):
    arrays = {"a.weight": normal(16, 16), "b.weight": bfloat16(normal(16, 16)), "c.bias": normal(16)}
    for recipe in ("int8", "lossless"):
        checkpoints.compress(arrays, recipe).save(tmp_path / "a.rcz")
        decoded, read = [], container.entries.read
        with monkeypatch.context() as patched:
            patched.setattr(container.entries, "read", lambda *a: decoded.append(a) or read(*a))
            checkpoints.decompress(tmp_path / "a.rcz", tmp_path / "b.safetensors")
        assert len(decoded) == 3

"""What a run writes: contents bit for bit, tied tensors once, what was left alone and why, and how it was made."""

import os
from pathlib import Path

import numpy as np
import pytest
from checkpoint_examples import model, normal, saved

from refcompress import RefcompressError, checkpoints, container, models
from refcompress.agreement import Disagreement
from refcompress.checkpoints import PRESETS, Recipe, Rule, plans

RECIPE_OF_ONE = Recipe((Rule("a*", "int4", {"group": 4}),), preset="int8")


@pytest.mark.parametrize("recipe", [Recipe((Rule("*", "keep"),)), *map(Recipe.of, PRESETS)], ids=["keep", *PRESETS])
def test_complex_numbers_are_kept_bit_for_bit_and_a_tensor_without_outputs_stays(tmp_path, recipe):
    wave = np.array([[1 + 2j, -0.0 - 1j, complex(np.nan, 3)]], np.complex64)
    arrays = {"wave": wave, "one": wave[:, :1], "none.weight": np.zeros((0, 5), np.float32)}
    rules = (*recipe.rules, Rule("none.weight", "lowrank", {"rank": 1}))
    result = checkpoints.compress(arrays, Recipe(rules, recipe.preset), target=tmp_path / "out.rcz")
    with checkpoints.open(result.path) as file:
        back = checkpoints.tensors_of(file)
        for name, value in arrays.items():
            got = back[name].read()
            got = got if isinstance(got, np.ndarray) else got.dense()
            assert got.dtype == value.dtype and got.shape == value.shape and got.tobytes() == value.tobytes()


def test_tensors_of_one_content_are_stored_once_and_stay_tied(tmp_path):
    w, other = normal(40, 50), normal(40, 50)
    arrays = {"wte.weight": w, "x.weight": other, "lm_head.weight": w.copy(), "z.weight": np.asfortranarray(other)}
    result = checkpoints.compress(arrays, "int8")
    alone = checkpoints.compress({"wte.weight": w, "x.weight": other}, "int8")
    rows = {row.name: row for row in result.rows}
    assert rows["lm_head.weight"].stored == "same as wte.weight" and rows["lm_head.weight"].after == 2
    assert rows["z.weight"].stored == "same as x.weight" and result.after - alone.after < 60
    with result.open() as file:
        assert file["lm_head.weight"] == file["wte.weight"] and file["z.weight"] == file["x.weight"]


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_tensors_are_hashed_where_their_first_bytes_are_the_same(tmp_path, monkeypatch, suffix):
    w = normal(40, 50)
    late, early = w.copy(), w.copy()
    late[-1, -1], early[0, 0] = 9, 9
    arrays = {"a": w, "early": early, "late": late, "b": w.copy(), "alone": normal(3, 50)}
    models.save(tmp_path / f"model{suffix}", arrays)
    hashed, content = [], plans.content
    monkeypatch.setattr(plans, "content", lambda tensor: hashed.append(tensor.name) or content(tensor))
    result = checkpoints.compress(tmp_path / f"model{suffix}", "int8")
    assert hashed == ["a", "late", "b"]
    assert [row.same_as for row in result.rows] == [None, None, None, "a", None]


def test_the_order_of_elements_in_a_file_hides_no_tied_tensor(tmp_path):
    w = normal(40, 50)
    np.savez(tmp_path / "model.npz", a=w, b=np.asfortranarray(w), c=w.astype(">f4"))
    rows = checkpoints.compress(tmp_path / "model.npz", "int8").rows
    assert [row.same_as for row in rows] == [None, "a", "a"]


def test_tensors_of_one_content_and_two_rules_are_two(tmp_path):
    w = normal(40, 50)
    result = checkpoints.compress({"a": w, "b": w}, Recipe((Rule("a", "int8"), Rule("b", "int4"))))
    assert [row.stored[:6] for row in result.rows] == ["8 bits", "4 bits"]


def test_what_is_left_alone_is_as_it_was_and_says_why():
    arrays = model()
    result = checkpoints.compress(arrays, "int8")
    with result.open() as file:
        for row in result.rows:
            if row.scheme == "keep":
                value = arrays[row.name]
                held = file[row.name]
                assert row.reason and held.dtype == value.dtype and held.tobytes() == value.tobytes(), row
    reasons = {row.name: row.reason for row in result.rows if row.scheme == "keep"}
    assert reasons == {
        "layer.0.bias": "fewer than two axes longer than 1", "bn.running_mean": "a buffer, by its name",
        "attn.mask": "a buffer, by its name", "ids": "int64, not of floats", "flags": "bool, not of floats",
        "none.weight": "no elements", "scalar": "fewer than two axes longer than 1"}


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_preset_keeps_what_is_not_finite_and_strict_refuses_that(tmp_path, on_disk):
    """A -0.0 stands before it, in a part of the weights that is looked at earlier."""
    bad = normal(300, 300)
    bad[0, 1], bad[299, 1] = -0.0, np.nan
    arrays = {"a.weight": bad, "b.weight": normal(8, 8)}
    before = bad.tobytes()
    result = checkpoints.compress(saved(tmp_path, arrays) if on_disk else arrays, "int8")
    assert bad.tobytes() == before
    assert result.rows[0].reason == "element [299, 1] is nan" and result.rows[0].error == 0
    assert result.warnings() == ["tensor 'a.weight' is stored bit for bit: element [299, 1] is nan"]
    with result.open() as file:
        assert np.asarray(file["a.weight"]).tobytes() == bad.tobytes()
    with pytest.raises(RefcompressError, match="strict: tensor 'a.weight'"):
        checkpoints.compress({"a.weight": bad, "b.weight": normal(8, 8)}, "int8", strict=True)


def test_a_layer_that_is_lost_is_warned_of(tmp_path):
    arrays = {"a.weight": normal(40, 40), "b.weight": normal(40, 40)}
    recipe = Recipe((Rule("*", "csr", {"sparsity": 0.9}), Rule("b*", "csr", {"sparsity": 1.0})))
    first, second = checkpoints.compress(arrays, recipe).warnings()
    assert "'a.weight' is lost: its relative error is 0." in first and "'b.weight' is lost: nothing" in second


def test_the_file_says_how_it_was_made(tmp_path):
    source = saved(tmp_path, {"a.weight": normal(8, 8)})
    checkpoints.compress(source, RECIPE_OF_ONE, target=tmp_path / "a.rcz")
    with container.open(tmp_path / "a.rcz") as file:
        said = file.metadata
    assert said["refcompress.recipe"] == RECIPE_OF_ONE.toml() and said["refcompress.source.kind"] == "safetensors"
    with models.open(source) as opened:
        assert said["refcompress.source.sha256"] == opened.sha256()


def test_a_result_without_a_target_is_saved_where_one_wants_and_leaves_nothing(tmp_path):
    result = checkpoints.compress({"a.weight": normal(8, 8)}, "int8")
    result.save(tmp_path / "a.rcz")
    folder = os.path.dirname(result.path)
    assert (tmp_path / "a.rcz").read_bytes() == Path(result.path).read_bytes()
    assert set(result.errors()) == {"a.weight"} and result.to_dict()["after"] == result.after
    del result
    assert not os.path.exists(folder)


def test_an_entry_that_does_not_read_back_is_never_written(tmp_path, monkeypatch):
    source = saved(tmp_path, {"a.weight": normal(8, 8)})
    read = container.plain.read_elements
    monkeypatch.setattr(container.reading, "layer_of", lambda entry, **more: np.zeros((8, 8), np.float32))
    monkeypatch.setattr(container.plain, "read_elements", lambda *args: read(*args) ^ np.uint32([0] * 63 + [1]))
    for recipe in ("int8", "lossless"):
        with pytest.raises(Disagreement, match="read back"):
            checkpoints.compress(source, recipe, target=tmp_path / "a.rcz")
    assert not (tmp_path / "a.rcz").exists()

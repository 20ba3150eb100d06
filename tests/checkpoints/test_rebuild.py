"""A file can be made again from its source and its own recipe, and what differs is named."""

import numpy as np
import pytest
from checkpoint_examples import model, saved

import refcompress as rc
from refcompress import RefcompressError, container, models
from refcompress.checkpoints import Recipe, Rule


@pytest.mark.parametrize("recipe", [
    Recipe(preset="int8"), Recipe((Rule("*", "csr", {"sparsity": 0.5}),), scope="global"), Recipe(budget=9000),
    Recipe(preset="lossless")], ids=lambda recipe: recipe.toml().replace("\n", " "))
def test_the_same_bytes_are_made_again(tmp_path, recipe):
    source = saved(tmp_path, model())
    rc.compress(source, recipe, target=tmp_path / "a.rcz")
    found = rc.rebuild(tmp_path / "a.rcz", source)
    assert found.same and found.differs is None and found.version == rc.__version__


def test_the_first_entry_that_differs_is_named(tmp_path):
    arrays = model()
    source = saved(tmp_path, arrays)
    rc.compress(source, "int8", target=tmp_path / "a.rcz")
    arrays["layer.0.weight"] = arrays["layer.0.weight"] * 2
    other = saved(tmp_path, arrays, "other.safetensors")
    found = rc.rebuild(tmp_path / "a.rcz", other)
    assert not found.same and found.differs == "layer.0.weight" and "SHA-256" in found.reason
    arrays.pop("ids")
    found = rc.rebuild(tmp_path / "a.rcz", saved(tmp_path, arrays, "less.safetensors"))
    assert not found.same and found.differs is not None


def test_a_file_of_another_version_says_so(tmp_path):
    source = saved(tmp_path, {"a.weight": np.ones((9, 9), np.float32)})
    rc.compress(source, "int8", target=tmp_path / "a.rcz")
    with container.open(tmp_path / "a.rcz") as file:
        layers, said = dict(file), dict(file.metadata)
    container.save(tmp_path / "b.rcz", layers, metadata={**said, "refcompress.version": "0.0.1"})
    found = rc.rebuild(tmp_path / "b.rcz", source)
    assert not found.same and found.differs is None and "0.0.1" in found.reason


def test_a_file_without_a_recipe_is_refused(tmp_path):
    container.save(tmp_path / "a.rcz", {"a": np.ones(3)})
    with pytest.raises(RefcompressError, match="has no recipe"):
        rc.rebuild(tmp_path / "a.rcz", models.from_mapping({"a": np.ones(3)}))

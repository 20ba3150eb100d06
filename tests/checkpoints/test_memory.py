"""Memory: what a run holds is a small multiple of its largest tensor, whatever the model's size."""

import tracemalloc

import numpy as np
import pytest
from checkpoint_examples import bfloat16, normal, saved
from implementations import need_native

from refcompress import checkpoints, models
from refcompress.checkpoints import Recipe, Rule
from refcompress.container import files, verification

SIDE = 512  # a tensor of 1 MiB in float32; twelve of them
RECIPES = {"lossless": Recipe(preset="lossless"), "int4": Recipe(preset="int4"), "share": Recipe((Rule("*", "share"),)),
           "nf4": Recipe((Rule("*", "nf4"),)), "int8": Recipe((Rule("*", "int8"),))}
native = need_native()  # the reference takes more memory


@pytest.mark.parametrize("name", RECIPES)
def test_a_run_holds_a_few_tensors_at_a_time(tmp_path, monkeypatch, name):
    monkeypatch.setattr(models.source, "STEP", 2**16)  # of what is hashed: as much as this whole model otherwise
    arrays = {f"{i}.weight": normal(SIDE, SIDE) for i in range(8)} | {
        f"{i}.half": bfloat16(normal(SIDE, SIDE)) for i in range(4)}
    source = saved(tmp_path, arrays)
    del arrays
    checkpoints.compress({"warm": normal(SIDE, SIDE)}, RECIPES[name])
    tracemalloc.start()
    try:
        checkpoints.compress(source, RECIPES[name], target=tmp_path / "a.rcz", implementation=native)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    largest = 4 * SIDE * SIDE
    tables = 12 * 2**20  # of share: bins of patterns, whatever the tensor's size
    assert peak < 4 * largest + (tables if name == "share" else 2 * 2**20), peak / largest


def test_planning_holds_one_tensor_at_a_time(tmp_path):
    source = saved(tmp_path, {f"{i}.weight": np.full((SIDE, SIDE), i, np.float32) for i in range(8)})
    tracemalloc.start()
    try:
        checkpoints.plan(source, "int4")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * 4 * SIDE * SIDE


def test_verifying_and_decompressing_hold_one_entry_at_a_time(tmp_path):
    path = tmp_path / "a.rcz"
    checkpoints.save(path, {f"{i}": np.full((SIDE, SIDE), i, np.float32) for i in range(8)})

    def verify() -> None:
        with files.Opened(path) as file:
            found = verification.verified(file, [native], 2**22)
        assert found.entries == 8 and not found.differs and not found.others

    for act in (verify, lambda: checkpoints.decompress(path, tmp_path / "b.safetensors", limit=2**22)):
        tracemalloc.start()
        try:
            act()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 6 * 4 * SIDE * SIDE, peak / (4 * SIDE * SIDE)

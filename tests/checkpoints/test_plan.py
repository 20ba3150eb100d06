"""Plans: what they say is what the run does, to the byte where no coder decides."""

import os

import numpy as np
import pytest
from checkpoint_examples import bfloat16, model, normal, with_zeros

from refcompress import checkpoints
from refcompress.checkpoints import PRESETS, SCHEMES, Recipe, Rule
from refcompress.checkpoints.kinds import kind_of
from refcompress.models.source import Tensor


def tensor(name, shape, type="float32"):
    return Tensor(name, shape, type, 0, lambda: None)


@pytest.mark.parametrize("name, shape, kind", [
    ("layer.weight", (8, 8), "weights"), ("conv.weight", (8, 4, 3, 3), "weights"), ("layer.bias", (8,), "vectors"),
    ("cls_token", (1, 1, 8), "vectors"), ("scale", (), "vectors"), ("a.weight", (0, 4), "empty"),
    ("bn.running_var", (8,), "buffers"), ("h.0.attn.bias", (1, 1, 8, 8), "buffers"), ("h.0.attn.bias", (24,), "vectors"),
    ("rotary.inv_freq", (8, 8), "buffers"), ("attn_mask", (64, 49, 49), "buffers"), ("model.embed_tokens.weight", (9, 8),
                                                                                     "embeddings"),
    ("transformer.wte.weight", (9, 8), "embeddings"), ("token_embd.weight", (9, 8), "embeddings"),
    ("lm_head.weight", (9, 8), "embeddings"), ("vit.pos_embed", (1, 9, 8), "embeddings"),
    ("conv2d/kernel:0", (3, 3, 4, 8), "weights"), ("blk.3.attn_q.weight", (8, 8), "weights"),
])
def test_kinds_are_told_by_type_shape_and_name(name, shape, kind):
    assert kind_of(tensor(name, shape)) == kind


@pytest.mark.parametrize("type, kind", [
    ("int64", "integers"), ("bool", "integers"), ("uint8", "integers"), ("complex64", "complex"), ("fp8_e4m3", "coded"),
    ("fp4_e2m1", "coded"), ("Q4_K", "coded"), ("bfloat16", "weights"), ("float64", "weights"),
])
def test_types_that_are_no_floats_are_no_weights(type, kind):
    assert kind_of(tensor("layer.weight", (8, 8), type)) == kind


def recipes():
    yield from (Recipe(preset=preset) for preset in PRESETS)
    for name, scheme in SCHEMES.items():
        yield Recipe((Rule("*", name),))
        if "axis" in scheme.uses and not scheme.exact:
            yield Recipe((Rule("*", name),), axis=-1)
        if "group" in scheme.uses:
            yield Recipe((Rule("*", name, {"group": 7}),))
    yield Recipe((Rule("*", "share", {"bits": 1}), Rule("layer*", "lowrank", {"rank": 2})))
    yield Recipe(max_error=0.05)


@pytest.mark.parametrize("recipe", list(recipes()), ids=lambda recipe: recipe.toml().replace("\n", " "))
def test_the_run_meets_the_plan(recipe):
    bad = normal(8, 8)
    bad[0, 0] = np.inf
    arrays = {**model(), "zeros.weight": with_zeros(16, 40), "flat.weight": np.full((30, 30), 0.5, np.float32),
              "again.bias": np.zeros(64, np.float32), "once.bias": np.zeros(64, np.float32)}
    if recipe.preset:
        arrays["bad.weight"] = bad
    plan = checkpoints.plan(arrays, recipe)
    result = checkpoints.compress(arrays, recipe)
    for row, step in zip(result.rows, plan, strict=True):
        low, high = plan.sizes[row.name]
        assert low <= row.after <= high, (row, low, high)
        assert row.same_as == step.same_as
        if not step.choices and not row.reason.endswith("no fewer bytes"):
            assert row.reason == step.reason
    assert plan.total[0] <= os.path.getsize(result.path) <= plan.total[1]


def test_what_no_coder_touches_is_planned_to_the_byte():
    arrays = {"a.bias": normal(100), "b.bias": normal(100), "ids": np.arange(70), "c.bias": np.zeros(100, np.float32),
              "d.bias": np.zeros(100, np.float32), "w.weight": normal(20, 20)}
    plan = checkpoints.plan(arrays, "int8")
    exact = [name for name, (low, high) in plan.sizes.items() if low == high]
    assert exact == ["a.bias", "b.bias", "ids", "c.bias", "d.bias"]
    result = checkpoints.compress(arrays, "int8")
    assert [plan.sizes[row.name][0] for row in result.rows[:5]] == [row.after for row in result.rows[:5]]
    assert result.rows[4].after == 2 and [row["becomes"] for row in plan.table()][4] == "same as c.bias"


def test_planning_writes_nothing_and_reads_types_alone_of_what_is_alone(tmp_path):
    before = os.listdir(tmp_path)
    checkpoints.plan({"a.weight": bfloat16(normal(8, 8))}, "lossless")
    assert os.listdir(tmp_path) == before

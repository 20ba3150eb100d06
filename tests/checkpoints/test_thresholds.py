"""One threshold over all layers is that of prune_magnitude over all of them, but for the floor of each layer."""

import numpy as np
from checkpoint_examples import normal
from hypothesis import given
from hypothesis import strategies as st

from refcompress import checkpoints, models, prune_magnitude
from refcompress.checkpoints import Recipe, Rule
from refcompress.checkpoints.plans import plan_of
from refcompress.checkpoints.thresholds import FLOOR, counts, kept_of_each

PATTERNS = [0, 1, 2, 2**15, 2**15 + 1, 2**16, 2**30, 2**31 - 1]


@given(st.lists(st.lists(st.sampled_from(PATTERNS), max_size=8), max_size=4), st.data())
def test_the_largest_of_all_are_counted_by_layer_with_ties_to_the_first(layers, data):
    layers = [np.array(layer, np.int64) for layer in layers]
    keep = data.draw(st.integers(0, sum(map(len, layers))))
    everything = np.concatenate([np.zeros(0, np.int64), *layers])
    mask = np.zeros(len(everything), bool)
    mask[np.argsort(-everything, kind="stable")[:keep]] = True
    expected = [int(part.sum()) for part in np.split(mask, np.cumsum(list(map(len, layers)))[:-1])] if layers else []
    found = counts(lambda: ((i, [layer[:3], layer[3:]]) for i, layer in enumerate(layers)), keep)
    assert list(found.values()) == expected


def test_a_global_scope_prunes_the_smallest_of_all_layers_and_leaves_each_a_floor():
    arrays = {"a.weight": normal(30, 40), "b.weight": normal(30, 40, scale=1),
              "tiny.weight": normal(40, 50, scale=1e-4)}
    recipe = Recipe((Rule("*", "share", {"sparsity": 0.6, "bits": 4}),), scope="global")
    masks = prune_magnitude(arrays, sparsity=0.6)
    assert not masks["tiny.weight"].any()
    result = checkpoints.compress(arrays, recipe)
    with result.open() as file:
        for name in ("a.weight", "b.weight"):
            assert np.array_equal(file[name].dense() != 0, masks[name])
        assert np.count_nonzero(file["tiny.weight"].dense()) == 2000 * FLOOR


def test_buffers_and_tied_layers_are_not_counted():
    w = normal(30, 40)
    arrays = {"a.weight": w, "tied.weight": w.copy(), "attn_mask": np.full((60, 60), -100, np.float32),
              "b.weight": normal(30, 40, scale=1)}
    recipe = Recipe((Rule("*", "share", {"sparsity": 0.5}),), scope="global")
    source = models.from_mapping(arrays)
    kept = kept_of_each(source, plan_of(source, recipe))
    assert sum(kept.values()) == 1200 and set(kept) == {"a.weight", "b.weight"}

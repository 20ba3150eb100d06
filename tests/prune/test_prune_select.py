"""One selection step for all criteria: exact counts, every structure, ties to the lowest index."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from selections import selects

from refcompress import RefcompressError, prune_magnitude, prune_select, prune_threshold
from refcompress.testing.layouts import ODD

WHOLE = st.integers(-4, 4).map(float)  # few values: most thresholds are ties, and all sums are exact
MATRICES = hnp.arrays(np.float64, st.tuples(st.integers(1, 13), st.integers(1, 13)), elements=WHOLE)
ARRAYS = hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=6), elements=WHOLE)
LISTS = hnp.arrays(np.float32, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=11), elements=WHOLE)


@given(LISTS, st.data())
def test_magnitude_is_selection_by_size(w, data):
    keep = data.draw(st.integers(0, w.size))
    assert np.array_equal(prune_magnitude(w, keep=keep), prune_select(np.abs(w), keep=keep))


@given(LISTS, st.integers(1, 9), st.data())
def test_n_of_m_holds_in_every_group_also_a_short_one(scores, m, data):
    n, axis = data.draw(st.integers(0, m)), data.draw(st.integers(-scores.ndim, scores.ndim - 1))
    mask = np.moveaxis(prune_select(scores, structure="nm", n=n, m=m, axis=axis), axis, -1)
    scores = np.moveaxis(scores, axis, -1)
    for row, kept in zip(scores.reshape(-1, scores.shape[-1]) if scores.size else [],
                         mask.reshape(-1, mask.shape[-1]) if scores.size else []):
        for i in range(0, len(row), m):
            group = row[i : i + m]
            count = n if len(group) == m else -(-n * len(group) // m)
            assert selects(group, kept[i : i + m], count)


@given(MATRICES, st.integers(1, 5), st.integers(1, 5), st.data())
def test_blocks_go_whole_and_are_ranked_by_their_sums(scores, high, wide, data):
    rows, columns = scores.shape
    blocks = [(slice(i, i + high), slice(j, j + wide)) for i in range(0, rows, high) for j in range(0, columns, wide)]
    keep = data.draw(st.integers(0, len(blocks)))
    mask = prune_select(scores, structure="block", block=(high, wide), keep=keep)
    assert all(np.ptp(mask[block].astype(int)) == 0 for block in blocks)
    assert selects([scores[block].sum() for block in blocks], [mask[block].all() for block in blocks], keep)


@pytest.mark.parametrize("structure, axis", [("row", 0), ("column", 1), ("filter", 0), ("channel", 1)])
@given(scores=ARRAYS, data=st.data())
def test_rows_columns_filters_and_channels_go_whole(structure, axis, scores, data):
    if structure in ("row", "column"):
        scores = scores.reshape(len(scores), -1)
    keep = data.draw(st.integers(0, scores.shape[axis]))
    mask = np.moveaxis(prune_select(scores, structure=structure, keep=keep), axis, 0)
    sums = np.moveaxis(scores, axis, 0).reshape(scores.shape[axis], -1).sum(axis=1)
    kept = mask.reshape(len(mask), -1).all(axis=1)
    assert np.array_equal(kept, mask.reshape(len(mask), -1).any(axis=1)) and selects(sums, kept, keep)


def units(mask, structure, block):
    """Count the units of a mask of whole units."""
    rows, columns = mask.shape
    high, wide = {"element": (1, 1), "block": block, "row": (1, columns), "column": (rows, 1), "filter": (1, columns),
                  "channel": (rows, 1)}[structure]
    return int(mask[::high, ::wide].sum()), mask[::high, ::wide].size


@pytest.mark.parametrize("structure", ["element", "block", "row", "column", "filter", "channel"])
@given(matrices=st.lists(MATRICES, min_size=1, max_size=3), sparsity=st.floats(0, 1))
def test_the_share_is_exact_over_a_dict_of_layers(structure, matrices, sparsity):
    block = (3, 4)
    scores = {f"layer {i}": a for i, a in enumerate(matrices)}
    masks = prune_select(scores, structure=structure, sparsity=sparsity,
                         **({"block": block} if structure == "block" else {}))
    counts = [units(masks[name], structure, block) for name in scores]
    total = sum(size for _, size in counts)
    assert sum(kept for kept, _ in counts) == total - round(sparsity * total)


@pytest.mark.parametrize("how", [
    {"sparsity": 0.6}, {"structure": "nm", "n": 2, "m": 4}, {"structure": "nm", "n": 1, "m": 3, "axis": 0},
    {"structure": "block", "block": (2, 3), "sparsity": 0.6}, {"structure": "row", "sparsity": 0.4},
    {"structure": "column", "sparsity": 0.4}, {"structure": "channel", "sparsity": 0.4}], ids=str)
@given(w=hnp.arrays(np.float32, st.tuples(st.integers(1, 13), st.integers(1, 13)), elements=WHOLE))
def test_masks_are_idempotent(how, w):
    mask = prune_select(np.abs(w), **how)
    again = prune_select(np.abs(w * mask), **how)
    # What was pruned has the score 0 now: it returns only in place of a unit that is all 0 too.
    assert mask.sum() == again.sum() or "block" in how  # blocks at the edge are smaller
    assert np.array_equal(w * mask, w * mask * again)
    assert np.array_equal(prune_select(mask.astype(np.float32), **how), mask)


def test_a_channel_of_a_convolution_is_an_index_of_axis_one():
    scores = np.zeros((2, 3, 2, 2), np.float32)
    scores[1, 2, 1, 0] = 1
    mask = prune_select(scores, structure="channel", keep=1)
    assert mask[:, 2].all() and not mask[:, :2].any()


def test_sums_are_taken_one_after_the_other():
    # 1 + 2**-53 is 1, twice: in another order, 2**-53 + 2**-53 + 1 is more than 1.
    scores = np.float64([[2.0**-53, 2.0**-53, 1], [1, 2.0**-53, 2.0**-53]])
    assert prune_select(scores, structure="row", keep=1)[0].all()
    assert prune_select(scores[::-1].copy(), structure="row", keep=1)[1].all()
    assert prune_select(scores.T.copy(), structure="column", keep=1)[:, 0].all()


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0), (4, 0, 3)])
def test_nothing_has_a_mask_of_its_shape(shape):
    scores = np.zeros(shape, np.float32)
    for how in ({"sparsity": 0.5}, {"structure": "nm", "n": 2, "m": 4}, {"structure": "filter", "sparsity": 0.5},
                {"structure": "channel", "sparsity": 0.5}, {"structure": "block", "block": (2, 2), "sparsity": 0.5}):
        assert prune_select(scores, **how).shape == shape


@pytest.mark.parametrize("large", [2**31, 2**40, 2**62, 2**63 - 1])
def test_a_unit_that_is_larger_than_the_array_is_all_of_it(large):
    """It takes no memory for what is not there."""
    scores = np.random.default_rng(2).standard_normal((3, 5)).astype(np.float32)
    for block, same in (((large, 1), (3, 1)), ((1, large), (1, 5))):
        assert np.array_equal(prune_select(scores, structure="block", keep=1, block=block),
                              prune_select(scores, structure="block", keep=1, block=same))
    assert prune_select(scores, structure="block", keep=1, block=(2**31, 2**31)).all()
    assert prune_select(np.float32([[1]]), structure="block", block=(large, 1), keep=1).tolist() == [[True]]
    for n in (0, 1, large // 5, large // 2, large - 1, large):
        for axis, length in ((0, 3), (1, 5)):
            group = {"n": -(-n * length // large), "m": length}
            assert np.array_equal(prune_select(scores, structure="nm", axis=axis, n=n, m=large),
                                  prune_select(scores, structure="nm", axis=axis, **group)), n


@pytest.mark.parametrize("layout", ODD, ids=lambda f: f.__name__)
def test_every_layout_gives_the_same_mask_and_is_left_alone(layout):
    scores = np.random.default_rng(1).integers(-4, 5, (9, 17)).astype(np.float64)
    odd = layout(scores)
    for how in ({"keep": 50}, {"structure": "nm", "n": 2, "m": 4}, {"structure": "nm", "n": 2, "m": 4, "axis": 0},
                {"structure": "block", "block": (2, 4), "keep": 7}, {"structure": "column", "keep": 3}):
        assert np.array_equal(prune_select(odd, **how), prune_select(scores, **how))
    assert np.array_equal(odd, scores)


def test_a_unit_whose_infinities_cancel_is_refused():
    with pytest.raises(RefcompressError, match="scores: .*row with infinities of both signs"):
        prune_select(np.float32([[np.inf, -np.inf], [1, 2]]), structure="row", keep=1)
    assert prune_select(np.float32([[np.inf, 1], [-np.inf, 2]]), structure="row", keep=1).tolist() == [[True] * 2,
                                                                                                   [False] * 2]


@given(hnp.arrays(np.float32, st.integers(1, 200), elements=st.floats(-1e3, 1e3, width=32)), st.floats(0, 3))
def test_the_threshold_is_a_multiple_of_the_standard_deviation(w, quality):
    mask = prune_threshold(w, quality)
    mean = sum(w.astype(float).tolist()) / len(w)
    deviation = (sum((x - mean) ** 2 for x in w.astype(float).tolist()) / len(w)) ** 0.5
    assert mask.dtype == bool and np.array_equal(mask, np.abs(w.astype(np.float64)) >= quality * deviation)


@pytest.mark.parametrize("seed", range(40))
def test_the_threshold_is_that_of_sums_one_after_the_other(seed):
    """To the last bit: the quality is chosen so that the threshold comes to lie on a weight, or beside it."""
    w = np.random.default_rng(seed).standard_normal(300).astype(np.float32)
    wide = w.astype(float).tolist()
    mean = squares = 0.0
    for x in wide:
        mean += x
    mean /= len(w)
    for x in wide:
        squares += (x - mean) ** 2
    deviation = (squares / len(w)) ** 0.5
    for x in wide[:20]:
        quality = abs(x) / deviation
        assert np.array_equal(prune_threshold(w, quality), np.abs(w.astype(np.float64)) >= quality * deviation)


def test_normal_weights_stay_at_the_rate_of_the_normal_law():
    w = np.random.default_rng(0).standard_normal((300, 784), dtype=np.float32)
    for quality, kept in ((0.5, 0.6171), (1, 0.3173), (2, 0.0455)):
        assert abs(prune_threshold(w, quality).mean() - kept) < 4 * (kept * (1 - kept) / w.size) ** 0.5
    assert prune_threshold(w, 0).all() and prune_threshold(np.zeros(3, np.float32), 2).all()

"""Magnitude pruning: the exact count, of the largest, ties to the lowest index."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from selections import selects

from refcompress import ArgumentTypeError, RefcompressError, prune_magnitude
from refcompress.testing.layouts import ODD

# Few values, so that most thresholds are ties; zeros of both signs, subnormals and infinities.
FEW = st.sampled_from([0.0, -0.0, 1e-45, -1e-45, 0.5, -0.5, 1.0, -1.0, 3e38, -3e38, float("inf"), float("-inf")])
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=9)
WEIGHTS = st.one_of(
    hnp.arrays(np.float32, SHAPES, elements=FEW),
    hnp.arrays(np.float32, st.integers(0, 70), elements=st.floats(width=32, allow_nan=False)),
)


@given(WEIGHTS, st.data())
def test_keeps_exactly_the_largest_and_of_ties_the_first(w, data):
    keep = data.draw(st.integers(0, w.size))
    mask = prune_magnitude(w, keep=keep)
    assert mask.dtype == bool and mask.shape == w.shape
    assert selects(np.abs(w), mask, keep)


def test_the_definition_of_a_selection_admits_one_mask_only():
    scores = np.float32([2, 1, 2, 0, 1])
    masks = [np.array(mask, bool) for mask in itertools.product((0, 1), repeat=5)]
    for keep, kept in enumerate(([], [0], [0, 2], [0, 1, 2], [0, 1, 2, 4], range(5))):
        assert [np.flatnonzero(mask).tolist() for mask in masks if selects(scores, mask, keep)] == [list(kept)]


@given(WEIGHTS, st.floats(0, 1))
def test_sparsity_prunes_the_share_rounded_with_ties_to_even(w, sparsity):
    mask = prune_magnitude(w, sparsity=sparsity)
    assert mask.size - mask.sum() == round(sparsity * w.size)
    assert np.array_equal(mask, prune_magnitude(w, keep=int(mask.sum())))


@pytest.mark.parametrize("size, sparsity, pruned", [(5, 0.5, 2), (7, 0.5, 4), (3, 0, 0), (3, 1, 3), (3, -0.0, 0),
                                                    (3, 5e-324, 0), (0, 0.3, 0), (10, np.float32(0.3), 3)])
def test_sparsity_of_known_cases(size, sparsity, pruned):
    assert prune_magnitude(np.ones(size, np.float32), sparsity=sparsity).sum() == size - pruned


@given(st.lists(WEIGHTS, max_size=4), st.data())
def test_a_dict_is_ranked_as_one_array(arrays, data):
    named = {f"layer {i}": a for i, a in enumerate(arrays)}
    whole = np.concatenate([a.ravel() for a in arrays] or [np.empty(0, np.float32)])
    keep = data.draw(st.integers(0, whole.size))
    masks = prune_magnitude(named, keep=keep)
    assert list(masks) == list(named)
    assert all(masks[name].shape == a.shape and masks[name].dtype == bool for name, a in named.items())
    joined = np.concatenate([m.ravel() for m in masks.values()] or [np.empty(0, bool)])
    assert np.array_equal(joined, prune_magnitude(whole, keep=keep))


@pytest.mark.parametrize("layout", ODD, ids=lambda f: f.__name__)
def test_every_layout_gives_the_same_mask_and_is_left_alone(layout):
    w = np.random.default_rng(1).integers(-4, 5, (9, 17)).astype(np.float32)
    odd = layout(w)
    for keep in (0, 1, 50, 152, 153):
        assert np.array_equal(prune_magnitude(odd, keep=keep), prune_magnitude(w, keep=keep))
    assert np.array_equal(odd, w)


def test_broadcast_views_are_ranked_element_by_element():
    w = np.broadcast_to(np.float32([1, 2]), (3, 2))
    assert prune_magnitude(w, keep=4).tolist() == [[True, True], [False, True], [False, True]]


NAN = np.float32([[1, 2], [3, np.nan]])
W = np.ones((2, 3), np.float32)
REFUSED = [
    (W, {}, RefcompressError, "sparsity or keep"),
    (W, {"sparsity": 0.5, "keep": 3}, RefcompressError, "sparsity or keep"),
    (W, {"sparsity": -1e-9}, RefcompressError, "sparsity"),
    (W, {"sparsity": 1.0000001}, RefcompressError, "sparsity"),
    (W, {"sparsity": float("nan")}, RefcompressError, "sparsity"),
    (W, {"sparsity": True}, ArgumentTypeError, "sparsity"),
    (W, {"sparsity": "0.5"}, ArgumentTypeError, "sparsity"),
    (W, {"keep": -1}, RefcompressError, "keep"),
    (W, {"keep": 7}, RefcompressError, "keep"),
    (W, {"keep": 2.0}, ArgumentTypeError, "keep"),
    (W, {"keep": True}, ArgumentTypeError, "keep"),
    (NAN, {"keep": 1}, RefcompressError, "w[1, 1]"),
    ({"a": W, "b": NAN}, {"keep": 1}, RefcompressError, "w['b'][1, 1]"),
    ({"a": W, "b": W.astype(np.float64)}, {"keep": 1}, ArgumentTypeError, "w['b']"),
    (W.astype(np.float64), {"keep": 1}, ArgumentTypeError, "w"),
    (W.astype(np.float16), {"keep": 1}, ArgumentTypeError, "w"),
    (W.astype(np.complex64), {"keep": 1}, ArgumentTypeError, "w"),
    (W.astype(object), {"keep": 1}, ArgumentTypeError, "w"),
    (W > 0, {"keep": 1}, ArgumentTypeError, "w"),
    ([[1.0, 2.0]], {"keep": 1}, ArgumentTypeError, "w"),
    (np.ma.masked_array(W), {"keep": 1}, ArgumentTypeError, "w"),
]


@pytest.mark.parametrize("w, options, error, argument", REFUSED)
def test_refuses_by_name(w, options, error, argument):
    with pytest.raises(RefcompressError) as caught:
        prune_magnitude(w, **options)
    assert type(caught.value) is error and caught.value.argument == argument

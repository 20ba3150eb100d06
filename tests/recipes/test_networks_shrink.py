"""Units taken out of a network, with all that belongs to them."""

import numpy as np
import pytest

from refcompress import formats
from refcompress.errors import ArgumentTypeError, RefcompressError
from refcompress.graph import Builder, Model
from refcompress.recipes.networks import filter_norms, quantize_network, shrink_network, zeroed_network
from refcompress.recipes.networks.shapes import groups_of_axes
from refcompress.recipes.networks.shrink import parameters

RNG = np.random.default_rng(0)


def whole(*shape: int) -> np.ndarray:
    """Return small whole numbers, whose products and sums float32 holds without rounding."""
    return RNG.integers(-2, 3, shape).astype(np.float32)


def norm(b: Builder, x: str, channels: int, name: str) -> str:
    """Add a batch norm that divides by 2: no sum behind it is rounded."""
    return b.batch_norm(x, whole(channels), whole(channels), whole(channels), np.full(channels, 3, np.float32),
                        epsilon=1.0, name=name)


def plain() -> Model:
    b = Builder()
    x = b.input("x", ("batch", 5))
    h = b.relu(b.linear(x, whole(8, 5), whole(8), name="fc1"))
    h = b.relu(b.linear(h, whole(6, 8), name="fc2"))
    return b.model(b.linear(h, whole(3, 6), whole(3), name="fc3"))


def mobile() -> Model:
    """Return a network of convolutions: normal, depthwise with a norm, in groups, with a residual, made flat."""
    b = Builder()
    x = b.input("x", ("batch", 3, 6, 6))
    stem = b.relu(norm(b, b.conv(x, whole(8, 3, 3, 3), whole(8), pads=(1, 1, 1, 1), name="stem"), 8, "stem.norm"))
    wide = b.relu(b.conv(stem, whole(12, 8, 1, 1), name="wide"))
    deep = b.relu(norm(b, b.conv(wide, whole(12, 1, 3, 3), groups=12, pads=(1, 1, 1, 1), name="deep"), 12, "deep.norm"))
    back = b.conv(deep, whole(8, 12, 1, 1), whole(8), name="back")
    joined = b.add(stem, back)
    grouped = b.conv(joined, whole(4, 4, 1, 1), groups=2, name="grouped")
    side, window = b.conv(joined, whole(4, 8, 1, 1), name="side"), {"kernel": (2, 2), "strides": (2, 2)}
    both = b.concat(b.max_pool(grouped, **window), b.average_pool(side, **window), axis=1)
    return b.model(b.linear(b.flatten(both), whole(2, 72), whole(2), name="head"))


def heads(flat: bool) -> Model:
    """Return an attention of 4 heads of 2, whose queries are zero, so that each of 4 keys weighs exactly 1/4."""
    b = Builder()
    x = b.input("x", ("batch", 4, 6))
    q, k, v = (b.linear(x, size * whole(8, 6), name=name) for name, size in (("q", 0), ("k", 1), ("v", 1)))
    if flat:
        y, _, _ = b.attention(q, k, v, heads=4, outputs=3, name="mix")
    else:
        q, k, v = (b.transpose(b.reshape(each, shape=(0, 4, 4, 2)), axes=(0, 2, 1, 3)) for each in (q, k, v))
        weights = b.softmax(b.matmul(q, b.transpose(k, axes=(0, 1, 3, 2))))
        y = b.reshape(b.transpose(b.matmul(weights, v), axes=(0, 2, 1, 3)), shape=(0, 4, 8))
    return b.model(b.linear(y, whole(5, 8), whole(5), name="out"))


def inputs(model: Model) -> np.ndarray:
    return whole(*(size if isinstance(size, int) else 3 for size in model.graph.inputs[0].shape))


CASES = {
    "hidden units": (plain, {"fc1.weight": 8, "fc2.weight": 6}),
    "filters, depthwise kernels, residuals, groups": (mobile, {"stem.weight": 8, "wide.weight": 12, "side.weight": 4}),
    "channels that a residual adds": (mobile, {"back.weight": 8, "stem.weight": 8}),
    "heads of an attention": (lambda: heads(True), {"v.weight": 8}),
    "heads that are made by a reshape": (lambda: heads(False), {"q.weight": 8}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("keep", [0.5, 0.25, 1])
def test_a_smaller_network_is_the_one_in_which_its_units_are_zero(case, keep):
    build, weights = CASES[case]
    model = build()
    scores = {name: RNG.normal(size=size) for name, size in weights.items()}
    found = shrink_network(model, scores, keep=keep)
    assert parameters(found.model) < parameters(model)
    zeroed, x = zeroed_network(model, found.kept), inputs(model)
    assert np.array_equal(found.model(x), zeroed(x))
    assert not np.array_equal(found.model(x), model(x))
    assert {name: tensor.shape for name, tensor in zeroed.tensors.items()} == {
        name: tensor.shape for name, tensor in model.tensors.items()}


def test_all_that_belongs_to_a_filter_goes_with_it():
    found = shrink_network(mobile(), {"wide.weight": np.arange(12.0)}, keep=5)
    assert found.kept["wide.weight"].tolist() == [False] * 7 + [True] * 5
    assert found.model.tensors["deep.weight"].shape == (5, 1, 3, 3)
    assert found.model.graph.giver("deep")["groups"] == 5
    assert found.model.tensors["back.weight"].shape == (8, 5, 1, 1)
    assert found.changed["deep.norm.weight"] == ((12,), (5,))


def test_a_residual_keeps_the_same_channels_on_both_sides_and_groups_go_whole():
    model = mobile()
    found = shrink_network(model, {"back.weight": np.float64([0, 1, 0, 0, 9, 9, 9, 9])}, keep=1)
    for name in ("stem.weight", "back.weight"):
        assert found.model.tensors[name].shape[0] == 4
    assert found.model.graph.giver("grouped")["groups"] == 1
    assert found.model.tensors["head.weight"].shape == (2, 9 * (2 + 4))


def test_heads_go_whole_and_the_best_by_the_sum_of_their_scores_stay():
    for flat in (True, False):
        scores = np.float64([5, 0, 2, 2, 3, 3, 0, 1])
        found = shrink_network(heads(flat), {"v.weight": scores}, keep=2)
        assert found.kept["v.weight"].tolist() == [True, True, False, False, True, True, False, False]
        assert all(found.model.tensors[name].shape == (4, 6) for name in ("q.weight", "k.weight", "v.weight"))
        assert found.model.tensors["out.weight"].shape == (5, 4)
    assert shrink_network(heads(True), {"v.weight": scores}, keep=2).model.graph.giver("out").inputs[0] == "mix:0"


def test_hidden_units_of_a_feed_forward_go_and_its_residual_stream_does_not():
    b = Builder()
    x = b.input("x", ("batch", "length", 6))
    h = b.layer_norm(x, whole(6), whole(6), name="norm")
    h = b.add(x, b.linear(b.gelu(b.linear(h, whole(10, 6), whole(10), name="up")), whole(6, 10), name="down"))
    model = b.model(b.linear(h, whole(2, 6), name="head"))
    assert set(filter_norms(model)) == {"up.weight"}
    found = shrink_network(model, filter_norms(model), keep=0.3)
    assert found.model.tensors["down.weight"].shape == (6, 3)
    for name in ("down.weight", "head.weight"):
        with pytest.raises(RefcompressError, match="none of its outputs can go"):
            shrink_network(model, {name: np.ones(len(model.tensors[name]))}, keep=1)


def test_parts_of_a_split_are_cut_where_their_units_went():
    b = Builder()
    x = b.input("x", ("batch", 4))
    first, second = b.split(b.linear(x, whole(6, 4), name="both"), axis=-1, sizes=(2, 4), outputs=2, name="cut")
    model = b.model(b.add(b.linear(first, whole(3, 2), name="a"), b.linear(second, whole(3, 4), name="b")))
    found = shrink_network(model, {"both.weight": np.float32([1, 2, 9, 0, 8, 0])}, keep=4)
    assert found.model.graph.giver("cut:0")["sizes"] == (2, 2)
    x = inputs(model)
    assert np.array_equal(found.model(x), zeroed_network(model, found.kept)(x))


def test_ties_stay_from_the_lowest_index_on():
    found = shrink_network(plain(), {"fc1.weight": np.ones(8)}, keep=3)
    assert found.kept["fc1.weight"].tolist() == [True] * 3 + [False] * 5


def test_nothing_goes_where_all_is_kept():
    model = mobile()
    found = shrink_network(model, filter_norms(model), keep=1.0)
    assert not found.changed and found.model.graph == model.graph


@pytest.mark.parametrize(("before", "after", "groups"), [
    ((2, 3, 4), (2, 12), [([0], [0]), ([1, 2], [1])]),
    (("b", "s", 12), ("b", "s", 3, 4), [([0], [0]), ([1], [1]), ([2], [2, 3])]),
    (("b", "s", 8), ("b * s", 8), [([0, 1], [0]), ([2], [1])]),
    ((6, 1, 4), (6, 4), [([0], [0]), ([1], []), ([2], [1])]),
    (("b", 4), ("?", 4), [([0, 1], [0, 1])]),
])
def test_axes_of_a_reshape_are_followed_by_their_products(before, after, groups):
    found = groups_of_axes(before, after)
    assert [(list(ins), list(outs)) for ins, outs in found] == groups


@pytest.mark.parametrize(("scores", "keep", "error", "said"), [
    ({"fc1.weight": np.ones(7)}, 0.5, RefcompressError, "8 entries"),
    ({"fc1.weight": np.full(8, np.nan)}, 0.5, RefcompressError, "finite"),
    ({"fc1.weight": np.ones(8, int)}, 0.5, ArgumentTypeError, "float"),
    ({"fc9.weight": np.ones(8)}, 0.5, RefcompressError, "must be the weight"),
    ({"fc3.weight": np.ones(3)}, 0.5, RefcompressError, "the output 'fc3'"),
    ({"fc1.weight": np.ones(8)}, 0, RefcompressError, "keep"),
    ({"fc1.weight": np.ones(8)}, 9, RefcompressError, "keep"),
    ({"fc1.weight": np.ones(8)}, 0.0, RefcompressError, "keep"),
    ({"fc1.weight": np.ones(8)}, {"fc2.weight": 1}, RefcompressError, "keep"),
    ([], 0.5, ArgumentTypeError, "scores"),
])
def test_what_is_refused_is_named(scores, keep, error, said):
    with pytest.raises(error, match=said):
        shrink_network(plain(), scores, keep=keep)


def test_a_compressed_weight_is_not_shrunk():
    small = quantize_network(plain(), whole(9, 5), bits=8)
    assert isinstance(small.model.tensors["fc1.weight"], formats.Quantized)
    with pytest.raises(ArgumentTypeError, match="shrink first"):
        shrink_network(small.model, {"fc1.weight": np.ones(8)}, keep=3)


def test_what_is_no_model_is_refused():
    with pytest.raises(ArgumentTypeError, match=r"kept\['fc1.weight'\].*bool"):
        zeroed_network(plain(), {"fc1.weight": np.ones(8, int)})
    for run in (lambda: shrink_network({}, {}, keep=1), lambda: filter_norms("model")):
        with pytest.raises(ArgumentTypeError, match="model"):
            run()

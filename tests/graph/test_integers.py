"""Networks on integers: the same bits everywhere, those of a loop that knows the specification alone; and what is
refused."""

import numpy as np
import pytest
from implementations import EVERYONE, native, needs_native
from integer_loop import run as loop
from integer_networks import drawn, lenet_5, small_cnn

from refcompress import load_model, save_model
from refcompress.errors import ArgumentTypeError, RefcompressError
from refcompress.formats import Packed, Quantized, Shared
from refcompress.graph import Builder
from refcompress.graph.integers import to_integers
from refcompress.reference import quantize_pack, quantize_s8
from refcompress.training import mnist

IMAGES = (np.random.default_rng(1).normal(size=(12, 3, 9, 11)) * 1.2).astype(np.float32)


@pytest.fixture(scope="module")
def cnn():
    return small_cnn()


@pytest.fixture(scope="module")
def digits():
    train, _ = mnist.load()
    return train.inputs()[:48].reshape(-1, 1, 28, 28)


@pytest.mark.parametrize("options", [{}, {"symmetric": True}, {"ranges": "percentile", "percentile": 99.0},
                                     {"weights": 4}])
def test_a_cnn_on_integers_is_what_the_specification_says(cnn, options):
    made = to_integers(cnn, [IMAGES[:7], IMAGES[7:]], **options).model
    expected = loop(made.graph, made.tensors, {"x": IMAGES})["last"]
    for implementation in EVERYONE:
        assert np.array_equal(made(IMAGES, implementation=implementation), expected), implementation.__name__


@needs_native
def test_the_number_of_threads_changes_no_bit(cnn):
    made = to_integers(cnn, IMAGES).model
    expected = made(IMAGES)
    before = native.threads.get()
    try:
        for count in (1, 2, 5):
            native.threads.set(count)
            assert np.array_equal(made(IMAGES, implementation=native), expected)
    finally:
        native.threads.set(before)


def test_lenet_5_on_integers_is_what_the_specification_says(digits):
    model = lenet_5()
    made = to_integers(model, digits[:32])
    assert not made.floats
    expected = loop(made.model.graph, made.model.tensors, {"image": digits})["fc2"]
    for implementation in EVERYONE:
        assert np.array_equal(made.model(digits, implementation=implementation), expected)
    assert np.array_equal(expected.argmax(axis=1), model(digits).argmax(axis=1))


def test_each_node_is_in_the_report_with_what_it_became_and_why(cnn):
    made = to_integers(cnn, IMAGES, keep=["gat?"])
    assert [row.node for row in made.report] == [node.name for node in cnn.graph.nodes]
    became = {row.node: (row.became, row.why) for row in made.report}
    assert became["first"] == ("conv_s8", "")
    assert became["relu1"] == ("a part", "is lowest and highest of 'first'")
    assert became["gate"] == ("sigmoid", "kept")
    assert [row.node for row in made.floats] == ["gate"]
    assert "dequantize" in {node.operation for node in made.model.graph.nodes if node.outputs == ("point",)}
    assert "gate" in made.table()
    made = to_integers(cnn, dynamic=True)
    became = {row.node: (row.became, row.why) for row in made.report}
    assert became["last"] == ("linear_a8", "8 bits, 5 scales")
    assert became["gate"] == ("sigmoid", "no weight")


@pytest.mark.parametrize("options", [{"calibration": IMAGES}, {"dynamic": True, "weights": 4, "group": 8}])
def test_a_file_holds_all_that_the_integers_follow_from(cnn, options, tmp_path):
    made = to_integers(cnn, **options).model
    save_model(tmp_path / "cnn.rcz", made)
    read = load_model(tmp_path / "cnn.rcz")
    assert read.graph == made.graph
    assert np.array_equal(read(IMAGES), made(IMAGES))
    if "dynamic" not in options:
        assert np.array_equal(read(IMAGES), loop(read.graph, read.tensors, {"x": IMAGES})["last"])


@pytest.mark.parametrize("options", [{"dynamic": True}, {"dynamic": True, "weights": 4, "group": 8}])
def test_a_dynamic_network_gives_each_example_the_same_bits_in_any_batch(cnn, options):
    made = to_integers(cnn, **options).model
    whole = made(IMAGES)
    for implementation in EVERYONE:
        assert np.array_equal(made(IMAGES[3:4], implementation=implementation), whole[3:4])


def test_dynamic_products_are_sums_of_integers_times_scales():
    rng = np.random.default_rng(3)
    b = Builder()
    x = b.input("x", ("n", 10))
    model = b.model(b.linear(x, drawn(rng, 4, 10), drawn(rng, 4), name="fc"))
    made = to_integers(model, dynamic=True, weights=4, group=4).model
    rows = drawn(rng, 6, 10)
    rows[2] = 0
    q, w = quantize_s8(rows, axis=0), made.tensors["fc.weight"]
    expected = np.zeros((6, 4))
    for g in range(3):
        part = slice(4 * g, 4 * g + 4)
        sums = q.values[:, part].astype(int) @ w.values[:, part].astype(int).T
        expected += sums * (q.scale.astype(float) * w.scale[:, g].astype(float))
    assert np.array_equal(made(rows), (expected + made.tensors["fc.bias"]).astype(np.float32))
    assert abs(w.values).max() <= 7


def test_batch_norms_are_folded_first():
    rng = np.random.default_rng(4)
    b = Builder()
    x = b.input("x", ("n", 3, 5, 5))
    y = b.batch_norm(b.conv(x, drawn(rng, 4, 3, 3, 3), name="conv"), drawn(rng, 4) + 1, drawn(rng, 4), drawn(rng, 4),
                     np.abs(drawn(rng, 4)) + 1, name="norm")
    model, data = b.model(b.relu(y, name="relu")), drawn(rng, 8, 3, 5, 5)
    made = to_integers(model, data)
    assert [row.became for row in made.report] == ["conv_s8_scaled", "a part", "relu"]
    assert np.abs(made.model(data) - model(data)).max() < 0.02 * model(data).max()


def test_a_clip_behind_moves_and_a_max_pool_is_a_part_of_the_product_before_them():
    rng = np.random.default_rng(5)
    b = Builder()
    x = b.input("x", ("n", 2, 4, 4))
    flat = b.flatten(b.max_pool(b.conv(x, drawn(rng, 3, 2, 3, 3), name="conv"), kernel=(2, 2)))
    model, data = b.model(b.linear(b.relu(flat, name="relu"), drawn(rng, 2, 3), name="fc")), drawn(rng, 5, 2, 4, 4)
    made = to_integers(model, data)
    assert [row.became for row in made.report] == ["conv_s8", "max_pool", "flatten", "a part", "linear_s8_scaled"]
    assert np.array_equal(made.model(data), loop(made.model.graph, made.model.tensors, {"x": data})["fc"])
    assert made.model.graph.nodes[-1]["x_zero_point"] == -128  # what is cut off has no integers


@pytest.mark.parametrize("value, low, high", [(-1.0, 0.0, 6.0), (1.0, -0.5, 0.25), (0.0, 0.0, 6.0)])
@pytest.mark.parametrize("symmetric", [True, False])
def test_what_is_padded_in_front_of_a_clip_is_clipped_too(value, low, high, symmetric):
    rng = np.random.default_rng(14)
    b = Builder()
    x = b.conv(b.input("x", ("n", 2, 3, 3)), drawn(rng, 3, 2, 1, 1), name="conv")
    x = b.clip(b.pad(x, pads=(0, 0, 1, 1, 0, 0, 1, 0), value=value), low=low, high=high, name="clip")
    model, data = b.model(b.conv(x, np.ones((1, 3, 1, 1), np.float32), name="sum")), drawn(rng, 20, 2, 3, 3)
    made = to_integers(model, data, symmetric=symmetric)
    assert {row.node: row.became for row in made.report}["clip"] == ("rescale_s8" if value else "a part")
    assert np.abs(made.model(data) - model(data)).max() < 6 * made.model.graph.nodes[-1]["x_scale"]


@pytest.mark.parametrize("low, high", [(0.25, 2.0), (-2.0, -0.25), (0.5, 0.5)])
def test_a_clip_between_ends_without_zero_is_a_table(low, high):
    rng = np.random.default_rng(15)
    b = Builder()
    x = b.clip(b.linear(b.input("x", ("n", 4)), drawn(rng, 3, 4), name="fc"), low=low, high=high, name="clip")
    model, data = b.model(b.linear(x, np.eye(3, dtype=np.float32), name="last")), 3 * drawn(rng, 40, 4)
    made = to_integers(model, data)
    assert [row.became for row in made.report] == ["linear_s8", "lookup_s8", "linear_s8_scaled"]
    scales = made.model.graph.nodes[1]["y_scale"] + made.model.graph.nodes[-1]["x_scale"]
    assert np.abs(made.model(data) - model(data)).max() < 2 * scales


def test_a_value_that_only_float_nodes_or_the_caller_take_is_not_rounded():
    """Of the products behind a layer norm only the last gives float32: its relu and its sum are of no integer."""
    rng = np.random.default_rng(12)
    b = Builder()
    x = b.input("x", ("n", 6))
    inner = b.relu(b.linear(x, drawn(rng, 8, 6), drawn(rng, 8), name="inner"), name="relu1")
    outer = b.add(b.linear(inner, drawn(rng, 6, 8), drawn(rng, 6), name="outer"), x, name="sum")
    norm = b.layer_norm(outer, np.ones(6, np.float32), np.zeros(6, np.float32), name="norm")
    model, data = b.model(b.relu(b.linear(norm, drawn(rng, 4, 6), name="last"), name="relu2")), drawn(rng, 20, 6)
    made = to_integers(model, data)
    assert [row.became for row in made.report] == ["linear_s8", "a part", "linear_s8_scaled", "add", "layer_norm",
                                                   "linear_s8_scaled", "relu"]
    assert {row.node: row.why for row in made.floats}["sum"] == "nothing behind it takes integers"
    for implementation in EVERYONE:
        assert np.array_equal(made.model(data, implementation=implementation), made.model(data))


def test_layers_that_round_their_rows_as_they_come_take_static_ranges_too():
    """SmoothQuant leaves such layers: their integer weights stay."""
    rng = np.random.default_rng(13)
    b = Builder()
    q = quantize_s8(drawn(rng, 5, 6), axis=0)
    y = b.node("linear_a8", b.input("x", ("n", 6)), q, drawn(rng, 5), name="first")
    model, data = b.model(b.linear(b.relu(y), drawn(rng, 2, 5), name="last")), drawn(rng, 30, 6)
    made = to_integers(model, data)
    assert [row.became for row in made.report] == ["linear_s8", "a part", "linear_s8_scaled"]
    assert made.model.tensors["first.weight"] is q
    assert np.abs(made.model(data) - model(data)).max() < 0.05 * np.abs(model(data)).max()


def test_a_value_that_two_nodes_take_is_not_clipped_for_both():
    rng = np.random.default_rng(6)
    b = Builder()
    x = b.input("x", ("n", 4))
    y = b.linear(x, drawn(rng, 4, 4), name="fc")
    total = b.add(b.relu(y), y, name="sum")
    model, data = b.model(b.linear(total, np.eye(4, dtype=np.float32), name="last")), drawn(rng, 9, 4)
    made = to_integers(model, data)
    assert [row.became for row in made.report] == ["linear_s8", "rescale_s8", "add_s8", "linear_s8_scaled"]
    assert made.model(data).min() < 0


def test_weights_that_are_integers_already_stay():
    rng = np.random.default_rng(7)
    weights = {"four": quantize_pack(quantize_s8(drawn(rng, 3, 6), bits=4, axis=0), bits=4),
               "eight": quantize_s8(drawn(rng, 6, 3)),
               "shared": Shared(np.zeros((3, 6), np.uint8), np.ones(1, np.float32))}
    b = Builder()
    x = b.input("x", ("n", 6))
    for name, weight in weights.items():
        x = b.linear(x, weight, name=name)
    made = to_integers(b.model(x), drawn(rng, 9, 6))
    assert made.model.tensors["four.weight"] is weights["four"] and isinstance(weights["four"], Packed)
    assert made.model.tensors["eight.weight"] is weights["eight"]
    assert isinstance(made.model.tensors["shared.weight"], Quantized)
    assert made.report[-1].why == "its weight was Shared, and was decoded and rounded"


def test_a_weight_of_two_layers_is_stored_once_where_it_can_be():
    rng = np.random.default_rng(8)
    b = Builder()
    x = b.input("x", ("n", 4))
    shared = b.tensor("w", drawn(rng, 4, 4))
    y = b.linear(b.linear(x, shared, name="one"), shared, name="two")
    model = b.model(y, b.matmul(y, shared, name="float"))
    made = to_integers(model, drawn(rng, 9, 4))
    assert isinstance(made.model.tensors["w"], np.ndarray)  # as matmul takes it
    assert sorted(made.model.tensors) == ["w", "w.s8"]


def test_a_bias_beyond_int32_makes_the_scale_of_its_output_larger():
    b = Builder()
    x = b.input("x", ("n", 2))
    y = b.linear(x, np.float32([[1, 0.5], [1e-12, 0], [0, 0]]), np.float32([0, 30, -20]), name="fc")
    model = b.model(b.linear(y, np.eye(3, dtype=np.float32), name="last"))
    data = np.float32([[1, 2], [-1, 0.5]])
    made = to_integers(model, data).model
    assert np.abs(made(data) - model(data)).max() <= made.graph.nodes[-1]["x_scale"]
    assert np.array_equal(made(data), loop(made.graph, made.tensors, {"x": data})["last"])


def test_a_layer_with_more_inputs_than_int32_can_add_stays_float():
    b = Builder()
    x = b.input("x", (1, 65_536))
    model = b.model(b.linear(x, np.ones((1, 65_536), np.float32), name="fc"))
    for options in ({"calibration": np.ones((1, 65_536), np.float32)}, {"dynamic": True}):
        (row,) = to_integers(model, **options).floats
        assert row.node == "fc" and "65536 inputs" in row.why


def two_inputs():
    b = Builder()
    x, flag = b.input("x", ("n", 3)), b.input("flag", (1,), "bool")
    y = b.linear(x, np.eye(3, dtype=np.float32), name="fc")
    return b.model(b.where(flag, b.sqrt(y, name="root"), y, name="choice"))


FLAG = np.array([False])


@pytest.mark.parametrize("calibration, argument", [
    ([], "calibration"),
    (None, "calibration"),
    ("x", "calibration"),
    ([np.ones((2, 3), np.float32)], r"calibration\[0\]"),
    ([{"x": np.ones((2, 3)), "flag": FLAG}], r"calibration\[0\].*float32"),
    ([{"x": np.ones((2, 4), np.float32), "flag": FLAG}], r"calibration\[0\].*size 3"),
    ([{"x": np.ones((0, 3), np.float32), "flag": FLAG}], r"calibration\[0\]\['x'\]: must not be empty"),
    ([{"x": np.ones((2, 3), np.float32), "flag": FLAG}, {"x": np.float32([[0, np.nan, 1]]), "flag": FLAG}],
     r"calibration\[1\]\['x'\]\[0, 1\]"),
    ([{"x": np.float32([[0, np.inf, 1]]), "flag": FLAG}], r"calibration\[0\]\['x'\]\[0, 1\]"),
    ([{"x": np.float32([[0, 1, -1]]), "flag": FLAG}], r"calibration\[0\].*root\[0, 2\] NaN, which node 'root' gives"),
])
def test_calibration_that_shows_nothing_is_refused_by_its_batch(calibration, argument):
    with pytest.raises(RefcompressError, match=argument):
        to_integers(two_inputs(), calibration)


def test_a_value_that_calibration_never_reached_is_named():
    b = Builder()
    x = b.input("x", ("n", 3))
    none = b.slice(x, np.int64([3]), np.int64([9]), np.int64([1]), name="none")
    model = b.model(b.linear(x, np.eye(3, dtype=np.float32), name="fc"),
                    b.linear(none, np.ones((2, 0), np.float32), name="dead"))
    made = to_integers(model, np.ones((2, 3), np.float32))
    (row,) = [row for row in made.floats if row.node == "dead"]
    assert row.why == "calibration never reached 'none'"


@pytest.mark.parametrize("options, argument", [
    ({"weights": 9}, "weights"), ({"weights": 1}, "weights"), ({"weights": 8.0}, "weights"),
    ({"activations": 4}, "activations"), ({"activations": 12}, "activations"),
    ({"ranges": "max"}, "ranges"), ({"ranges": "percentile", "percentile": 0}, "percentile"),
    ({"symmetric": 1}, "symmetric"), ({"dynamic": 1}, "dynamic"),
    ({"group": 4}, "group"), ({"dynamic": True}, "calibration"), ({"activations": 16}, "calibration"),
    ({"activations": 16, "dynamic": True}, "dynamic"),
    ({"keep": "first"}, "keep"), ({"keep": ["last", "frist"]}, r"keep\[1\]: 'frist' matches no node"),
    ({"keep": [1]}, r"keep\[0\]"),
])
def test_options_that_make_no_sense_are_refused_by_name(cnn, options, argument):
    with pytest.raises(RefcompressError, match=argument):
        to_integers(cnn, IMAGES, **options)


def test_what_is_no_model_is_refused():
    with pytest.raises(ArgumentTypeError, match="model"):
        to_integers({}, IMAGES)


def test_the_rows_of_an_embedding_become_integers_and_its_values_stay_float():
    rng = np.random.default_rng(9)
    b = Builder()
    words = b.embedding(b.input("words", ("n",), "int64"), drawn(rng, 7, 4), name="table")
    one = b.embedding(b.tensor("segment", np.array([1])), drawn(rng, 2, 4), name="segments")
    model = b.model(b.linear(b.add(words, one), drawn(rng, 2, 4), name="fc"))
    inputs = np.int64([1, 6, 6, 2])
    for options in ({"calibration": inputs}, {"dynamic": True}):
        made = to_integers(model, **options).model
        assert made.tensors["table.weight"].scale.shape == (7, 1)
        assert np.abs(made(inputs) - model(inputs)).max() < 0.03


def test_values_that_are_padded_repeated_or_taken_apart_stay_integers():
    rng = np.random.default_rng(10)
    b = Builder()
    x = b.conv(b.input("x", ("n", 2, 3, 4)), drawn(rng, 4, 2, 1, 1), drawn(rng, 4), name="conv")
    padded = b.pad(b.resize(x, scales=(1.0, 1.0, 2.0, 2.0)), pads=(0, 0, 1, 1, 0, 0, 0, 0), value=0.5, name="pad")
    tiled = b.tile(padded, repeats=(1, 1, 1, 2), name="y")
    model, data = b.model(b.conv(tiled, np.ones((1, 4, 1, 1), np.float32), name="sum")), drawn(rng, 5, 2, 3, 4)
    made = to_integers(model, data)
    assert not made.floats
    assert np.abs(made.model(data) - model(data)).max() < 4 * made.model.graph.nodes[-1]["x_scale"] * 1.5


def test_a_layer_whose_inputs_were_all_zero_in_calibration_stays_float_and_is_named():
    b = Builder()
    hidden = b.relu(b.linear(b.input("x", ("n", 4)), np.eye(4, dtype=np.float32), name="first"), name="hidden")
    model = b.model(b.linear(hidden, np.ones((2, 4), np.float32), name="dead"))
    made = to_integers(model, -np.ones((3, 4), np.float32))
    rows = {row.node: row for row in made.report}
    assert not rows["dead"].integer and "never reached 'hidden'" in rows["dead"].why
    assert made.model(-np.ones((1, 4), np.float32)).tolist() == [[0, 0]]

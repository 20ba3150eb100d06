"""A network of layers computes what it is told: these layers, in this order, with these activations, and nothing left
over."""

from dataclasses import replace

import numpy as np
import pytest
from implementations import BOTH, each

from refcompress import (
    ArgumentTypeError,
    LayerFit,
    Quantized,
    QuantizedLayer,
    RefcompressError,
    container,
    quantize_pack,
    quantize_s8,
    reference,
    share_kmeans,
)
from refcompress.graph.use import Use
from refcompress.recipes.inference import ACTIVATIONS, classes, model_of_layers

# name: (outputs, inputs); no order of names is this one
SIZES = {"in": (6, 9), "out": (6, 6), "middle": (4, 6), "a": (3, 4)}


def layers(seed=0):
    rng = np.random.default_rng(seed)
    return {f"{name}.{part}": rng.standard_normal(shape if part == "weight" else shape[:1], np.float32)
            for name, shape in SIZES.items() for part in ("weight", "bias")}


def expected(held, x, activations):
    for i, name in enumerate(SIZES):
        x = reference.gemm_f32f32(np.ascontiguousarray(x), held[f"{name}.weight"]) + held[f"{name}.bias"]
        if i < len(activations):
            x = {"relu": lambda x: np.maximum(x, 0), "tanh": lambda x: reference.nn_activation(x, "tanh"),
                 "none": lambda x: x}[activations[i]](x)
    return x


@pytest.mark.parametrize("activations", [*ACTIVATIONS, ("relu", "tanh", "none"), ["tanh", "none", "relu"]])
def test_layers_run_in_the_order_and_with_the_activations_that_are_given(activations):
    held, x = layers(), np.random.default_rng(1).standard_normal((7, 9), np.float32)
    net = model_of_layers(held, order=tuple(SIZES), activations=activations)
    each = [activations] * 3 if isinstance(activations, str) else activations
    assert np.array_equal(net(x), expected(held, x, each)) and list(net.weighted()) == [f"{n}.weight" for n in SIZES]


def test_compressed_layers_give_what_the_dense_ones_give():
    held, x = layers(), np.random.default_rng(1).standard_normal((7, 9), np.float32)
    held["in.weight"] = share_kmeans(held["in.weight"], bits=4)
    held["in.bias"] = share_kmeans(held["in.bias"], bits=2)
    dense = held | {name: held[name].dense() for name in ("in.weight", "in.bias")}
    net = model_of_layers(held, order=list(SIZES), activations="tanh")
    assert np.array_equal(net(x), expected(dense, x, ["tanh"] * 3))


def test_order_and_activations_are_not_guessed():
    for given in ({}, {"order": list(SIZES)}, {"activations": "relu"}):
        with pytest.raises(TypeError):
            model_of_layers(layers(), **given)


@pytest.mark.parametrize(
    "name", ["in.activation", "in.input.scale", "in.bias.scale", "steps", "in", "b.weight", "weight", "in.Weight"]
)
def test_an_entry_that_would_not_be_used_is_refused_by_its_name(name):
    grid = quantize_s8(np.ones((1, 1), np.float32), bits=2)
    with pytest.raises(RefcompressError) as caught:
        model_of_layers(layers() | {name: grid}, order=list(SIZES), activations="relu")
    assert caught.value.argument == f"layers[{name!r}]"


@pytest.mark.parametrize(
    "change, argument",
    [
        ({"order": ["in", "out", "middle"]}, "layers['a.weight']"),
        ({"order": []}, "order"),
        ({"order": ["in", "out", "middle", "a", "b"], "activations": "relu"}, "layers"),
        ({"order": ["in", "out", "out", "middle", "a"]}, "order[2]"),
        ({"order": ["middle", "in", "out", "a"]}, "in.weight"),
        ({"activations": "sigmoid"}, "activations"),
        ({"activations": ["relu", "relu"]}, "activations"),
        ({"activations": ["relu", "tan", "relu"]}, "activations[1]"),
        ({"activations": ["relu"] * 4}, "activations"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(change, argument):
    with pytest.raises(RefcompressError) as caught:
        model_of_layers(layers(), **{"order": list(SIZES), "activations": "relu"} | change)
    assert caught.value.argument == argument


@pytest.mark.parametrize("change", [{"order": "in"}, {"order": ["in", 3]}, {"order": None}, {"activations": None},
                                    {"activations": [None] * 3}, {"activations": np.tanh}])
def test_names_are_strings_in_a_sequence(change):
    with pytest.raises(ArgumentTypeError):
        model_of_layers(layers(), **{"order": list(SIZES), "activations": "relu"} | change)


def test_a_sample_with_an_output_that_is_nan_has_the_class_of_nothing():
    y = np.float32([[1, 3, 3], [0, np.nan, 1], [np.inf, 0, 0], [-1, -2, -np.inf]])
    assert classes(y).tolist() == [1, -1, 0, 0] and classes(y).dtype == np.int64
    net = model_of_layers(layers(), order=list(SIZES), activations="relu")
    x = np.random.default_rng(1).standard_normal((7, 9), np.float32)
    x[4, 3] = np.nan
    found = classes(net(x, allow_nan=True))
    assert found[4] == -1 and np.array_equal(np.delete(found, 4), net(np.delete(x, 4, 0)).argmax(1))


def few_bits(step=0.5):
    """Return a layer whose product is exact in float32: halves, quarters and small integers."""
    rng = np.random.default_rng(2)
    weight = Quantized(
        rng.integers(-7, 8, (6, 9)).astype(np.int8), np.full((6, 1), 0.25, np.float32), np.zeros((6, 1), np.int8)
    )
    scale = 2.0 ** rng.integers(-1, 2, 9)
    return QuantizedLayer(weight, scale.astype(np.float32), 8, step, rng.integers(-3, 4, 6).astype(np.float32))


@each("impl", BOTH)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("bits, step", [(None, None), (8, 0.5), (4, None)])
def test_a_quantized_layer_gives_what_the_fit_that_it_was_made_of_gives(impl, packed, bits, step):
    layer = replace(few_bits(), input_bits=bits, input_step=step)
    fit = LayerFit(layer.weight, 0.0, 0.0, 0.0, layer.input_scale, bits, step, layer.bias)
    held = QuantizedLayer.of(fit, quantize_pack(layer.weight) if packed else None)
    x = np.random.default_rng(1).integers(-7, 8, (5, 9)).astype(np.float32)
    x[:, 0] = 7 * layer.input_scale[0]  # the largest of each sample, so that a step by the sample is exact too
    x = np.clip(x, -7 * layer.input_scale, 7 * layer.input_scale)
    back = container.loads(container.dumps({"fc": held}))
    net, use = model_of_layers(back, order=["fc"], activations="none"), Use(impl)
    assert back["fc"] == held and np.array_equal(net(x, use=use), fit.forward(x))
    said = " ".join(use.said["fc:0"])
    assert ("gemm_f32s4" if packed else "gemm_f32s8") in said and ("quantize_s8" in said) == (bits is not None)
    assert np.array_equal(held.dense(), layer.weight.dense() / layer.input_scale)


def test_a_layer_stands_under_its_own_name_and_with_no_other_weight_or_bias():
    held = layers() | {"in": few_bits()}
    del held["in.weight"], held["in.bias"]
    model_of_layers(held, order=list(SIZES), activations="relu")
    for change, argument in ((held | {"in.bias": np.zeros(6, np.float32)}, "layers['in.bias']"),
                             (layers() | {"in.weight": few_bits()}, "in.weight")):
        with pytest.raises(RefcompressError) as caught:
            model_of_layers(change, order=list(SIZES), activations="relu")
        assert caught.value.argument == argument


@pytest.mark.parametrize("change, argument", [
    ({"weight": np.zeros((6, 9), np.float32)}, "weight"), ({"input_scale": np.ones(6, np.float32)}, "input_scale"),
    ({"input_scale": np.zeros(9, np.float32)}, "input_scale[0]"), ({"input_scale": np.ones(9)}, "input_scale"),
    ({"input_scale": np.full(9, np.nan, np.float32)}, "input_scale[0]"), ({"input_bits": 1}, "input_bits"),
    ({"input_bits": 9}, "input_bits"), ({"input_bits": None}, "input_step"), ({"input_step": 0.0}, "input_step"),
    ({"input_step": 0.1}, "input_step"), ({"bias": np.zeros(9, np.float32)}, "bias"),
    ({"bias": np.full(6, np.inf, np.float32)}, "bias[0]")])
def test_what_is_no_quantized_layer_is_refused_by_name(change, argument):
    with pytest.raises(RefcompressError) as caught:
        replace(few_bits(), **change)
    assert caught.value.argument == argument

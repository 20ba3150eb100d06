"""Integer nodes one by one: each is what the specification says, for any grids and at the ends of int32; what breaks a
rule is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implementations import BOTH
from integer_loop import run as loop

from refcompress.errors import RefcompressError
from refcompress.formats import Quantized
from refcompress.graph import Builder
from refcompress.reference import quantize_s8

SCALES = st.floats(2.0**-12, 2.0**6, width=32)
ZERO_POINTS = st.integers(-128, 127)


@st.composite
def grids(draw, values="x"):
    """Return attributes of a node: grids of its inputs and of y, and lowest and highest around y's zero point."""
    found = {f"{value}_scale": draw(SCALES) for value in (*values, "y")}
    found |= {f"{value}_zero_point": draw(ZERO_POINTS) for value in (*values, "y")}
    zero = found["y_zero_point"]
    return found | {"lowest": draw(st.integers(-128, zero)), "highest": draw(st.integers(zero, 127))}


def int8(seed: int, *shape: int) -> np.ndarray:
    """Return values of the whole of int8, of which a third lies at its ends."""
    rng = np.random.default_rng(seed)
    ends = rng.choice(np.int8([-128, 127]), shape)
    return np.where(rng.random(shape) < 0.3, ends, rng.integers(-128, 128, shape)).astype(np.int8)


def agree(operation: str, inputs: dict[str, np.ndarray], *tensors, **attributes) -> None:
    """Assert that a network of one node gives what the loop gives, whoever computes it."""
    b = Builder()
    names = [b.input(name, x.shape, "int8") for name, x in inputs.items()]
    model = b.model(b.node(operation, *names, *tensors, name="y", **attributes))
    expected = loop(model.graph, model.tensors, inputs)["y"]
    for implementation in BOTH:
        assert np.array_equal(model.run(inputs, implementation=implementation)["y"], expected)


@given(st.data())
def test_convolutions_of_any_grids_and_windows(data):
    seed, groups = data.draw(st.integers(0, 999)), data.draw(st.sampled_from([1, 2, 4]))
    outputs, kernel = groups * data.draw(st.integers(1, 3)), data.draw(st.sampled_from([(1, 1), (3, 2)]))
    attributes = data.draw(grids()) | {"groups": groups}
    attributes |= {"strides": data.draw(st.sampled_from([(1, 1), (2, 3)])),
                   "dilations": data.draw(st.sampled_from([(1, 1), (2, 1)])),
                   "pads": data.draw(st.sampled_from([(0, 0, 0, 0), (1, 0, 2, 1)]))}
    scale = np.float32(data.draw(st.lists(SCALES, min_size=outputs, max_size=outputs))).reshape(-1, 1, 1, 1)
    values = int8(seed + 1, outputs, 4 // groups, *kernel)
    bias = np.random.default_rng(seed).integers(-2**20, 2**20, outputs).astype(np.int32)
    agree("conv_s8", {"x": int8(seed, 2, 4, 6, 5)}, Quantized(values, scale, np.zeros_like(scale, np.int8)),
          bias if data.draw(st.booleans()) else None, **attributes)


@given(st.data())
def test_convolutions_that_give_float32_of_any_grids_and_windows(data):
    seed, groups = data.draw(st.integers(0, 999)), data.draw(st.sampled_from([1, 2, 4]))
    outputs, kernel = groups * data.draw(st.integers(1, 3)), data.draw(st.sampled_from([(1, 1), (3, 2)]))
    attributes = {"x_scale": data.draw(SCALES), "x_zero_point": data.draw(ZERO_POINTS), "groups": groups,
                  "strides": data.draw(st.sampled_from([(1, 1), (2, 3)])),
                  "dilations": data.draw(st.sampled_from([(1, 1), (2, 1)])),
                  "pads": data.draw(st.sampled_from([(0, 0, 0, 0), (1, 0, 2, 1)]))}
    scale = np.float32(data.draw(st.lists(SCALES, min_size=outputs, max_size=outputs))).reshape(-1, 1, 1, 1)
    values = int8(seed + 1, outputs, 4 // groups, *kernel)
    bias = np.random.default_rng(seed).normal(size=outputs).astype(np.float32)
    agree("conv_s8_scaled", {"x": int8(seed, 2, 4, 6, 5)}, Quantized(values, scale, np.zeros_like(scale, np.int8)),
          bias if data.draw(st.booleans()) else None, **attributes)


@given(st.integers(0, 999), SCALES, ZERO_POINTS, st.lists(SCALES, min_size=3, max_size=3), st.booleans())
def test_matrices_that_give_float32_of_any_grids(seed, x_scale, x_zero_point, scale, with_bias):
    w = Quantized(int8(seed, 3, 7), np.float32(scale)[:, None], np.zeros((3, 1), np.int8))
    bias = np.random.default_rng(seed).normal(size=3).astype(np.float32) if with_bias else None
    agree("linear_s8_scaled", {"x": int8(seed + 1, 5, 7)}, w, bias, x_scale=x_scale, x_zero_point=x_zero_point)


@given(grids("ab"), st.integers(0, 999), st.sampled_from(["add_s8", "multiply_s8"]))
def test_sums_and_products_of_any_grids(attributes, seed, operation):
    agree(operation, {"a": int8(seed, 2, 3, 4, 5), "b": int8(seed + 1, 2, 3, 1, 1)}, **attributes)


@given(grids(), st.integers(0, 999), st.booleans(), st.sampled_from([(), (2, 3)]))
def test_averages_and_rescaled_values_of_any_grids(attributes, seed, count, kernel):
    window = {"kernel": kernel, "strides": (1, 2), "pads": (1, 0, 0, 2), "count_include_pad": count} if kernel else {}
    x = {"x": int8(seed, 2, 3, 4, 5)}
    agree("average_pool_s8", x, **attributes, **window)
    agree("rescale_s8", x, **attributes)
    agree("lookup_s8", x, int8(seed + 1, 256))


@pytest.mark.parametrize("end, x_zero_point", [(-128, 127), (127, -128)])
@pytest.mark.parametrize("sign", [1, -1])
def test_sums_at_the_ends_of_int32_are_exact(end, x_zero_point, sign):
    k = 65_000
    w = Quantized(np.full((1, k), -128, np.int8), np.float32([[1]]), np.int8([[0]]))
    bias = np.int32([sign * (2**31 - 1 - k * 2**15)])
    agree("linear_s8", {"x": np.full((1, k), end, np.int8)}, w, bias, x_scale=1.0, x_zero_point=x_zero_point,
          y_scale=2.0**25, y_zero_point=0)


GRID = {"x_scale": 1.0, "x_zero_point": 3, "y_scale": 4.0, "y_zero_point": 1}
WEIGHT = quantize_s8(np.float32([[1, -2], [3, 0.5]]), axis=0)
BIAS = np.int32([5, -6])


def layer(operation="linear_s8", weight=WEIGHT, bias=BIAS, **changed):
    b = Builder()
    x = b.input("x", ("n", 2), "float32" if operation == "linear_a8" else "int8")
    grid = {name: value for name, value in GRID.items() if name[0] == "x" or operation == "linear_s8"}
    return b.model(b.node(operation, x, weight, bias, name="fc", **{**grid, **changed} if "_s8" in operation else {}))


@pytest.mark.parametrize("changed, rule", [
    ({"x_scale": 0.1}, "x_scale: must be a float32 number"),
    ({"x_scale": 0.0}, "x_scale: must be between"),
    ({"y_scale": float("inf")}, "y_scale: must be between"),
    ({"x_zero_point": 128}, "x_zero_point: must be between -128 and 127"),
    ({"y_zero_point": -129}, "y_zero_point"),
    ({"lowest": 2}, r"y_zero_point: must be in lowest..highest, 2..127, not 1"),
    ({"highest": 0}, "y_zero_point"),
    ({"y_scale": 2.0**-40}, r"y_scale: must leave a quotient of scales in 2\*\*-32 to 2\*\*30"),
    ({"bias": np.int32([0, 2**31 - 1 - 2**16 + 1])}, "bias: and 2 products may add up to 2147483648, beyond int32"),
    ({"bias": np.float32([0, 1])}, "bias: must be a tensor of the model, int32"),
    ({"bias": np.int32([0, 1, 2])}, r"bias: must have the shape \(2,\)"),
    ({"weight": np.ones((2, 2), np.float32)}, "weight: must be a tensor of the model, Quantized"),
    ({"weight": quantize_s8(np.float32([[1, -2], [3, 1]]), axis=1)}, "weight: must have one scale, or one an output"),
    ({"weight": quantize_s8(np.ones((2, 2), np.float32), group=1)}, "weight: must not have scales of groups"),
    ({"weight": quantize_s8(np.ones((2, 2), np.float32), scheme="affine")}, "weight: must have zero points of 0"),
    ({"weight": quantize_s8(np.ones((2, 3), np.float32))}, "x: must have a size 3"),
])
def test_a_layer_that_breaks_a_rule_is_refused_by_its_node(changed, rule):
    with pytest.raises(RefcompressError, match=f"node 'fc': {rule}"):
        layer(**changed)


@pytest.mark.parametrize("changed, rule", [
    ({"x_scale": 0.1}, "x_scale: must be a float32 number"),
    ({"x_zero_point": 128}, "x_zero_point: must be between -128 and 127"),
    ({"bias": BIAS}, "bias: must be a tensor of the model, float32"),
    ({"bias": np.float32([0, np.inf])}, "bias: and the zero point of x leave float32 at output 1"),
    ({"x_scale": 2.0**127}, "bias: and the zero point of x leave float32 at output 0"),
    ({"weight": quantize_s8(np.ones((2, 2), np.float32), group=1)}, "weight: must not have scales of groups"),
    ({"weight": quantize_s8(np.ones((2, 2), np.float32), scheme="affine")}, "weight: must have zero points of 0"),
    ({"weight": quantize_s8(np.ones((2, 66_000), np.float32))}, "weight: has 66000 inputs, whose products may leave"),
])
def test_a_layer_that_gives_float32_and_breaks_a_rule_is_refused_by_its_node(changed, rule):
    with pytest.raises(RefcompressError, match=f"node 'fc': {rule}"):
        layer("linear_s8_scaled", **{"bias": np.float32([1, 2]), **changed})


def test_a_bias_at_its_largest_and_a_dynamic_weight_with_zero_points_are_taken():
    layer(bias=np.int32([0, 2**31 - 1 - 2**16]))
    model = layer("linear_a8", quantize_s8(np.float32([[1, 2], [3, 4]]), scheme="affine", axis=0), np.float32([1, 2]))
    x = np.float32([[1, 2], [-3, 0]])
    assert np.abs(model(x) - (x @ np.float32([[1, 3], [2, 4]]) + np.float32([1, 2]))).max() < 0.2


@pytest.mark.parametrize("operation, attributes, rule", [
    ("quantize", {"scale": 0.1, "zero_point": 0}, "scale: must be a float32"),
    ("dequantize", {"scale": 1.0, "zero_point": 200}, "zero_point"),
    ("rescale_s8", {**GRID, "y_scale": 2.0**-31}, "quotient"),
    ("average_pool_s8", {**GRID, "kernel": (2,)}, "kernel: must have 2 sizes"),
    ("average_pool_s8", {**GRID, "y_scale": 2.0**31, "kernel": (2, 2)}, "quotient"),
    ("add_s8", {"a_scale": 2.0**22, "a_zero_point": 0, "b_scale": 1.0, "b_zero_point": 0, "y_scale": 1.0,
                "y_zero_point": 0}, r"a_scale: must be below 2\*\*21 times y_scale"),
])
def test_a_node_whose_grids_break_a_rule_is_refused_by_name(operation, attributes, rule):
    b = Builder()
    x = b.input("x", (1, 2, 4, 4), "float32" if operation == "quantize" else "int8")
    node = b.node(operation, *[x] * (1 + (operation == "add_s8")), name="node", **attributes)
    with pytest.raises(RefcompressError, match=f"node 'node': .*{rule}"):
        b.model(node)


def test_nan_is_refused_where_it_would_be_rounded():
    b = Builder()
    model = b.model(b.quantize(b.input("x", (2,)), scale=1.0, zero_point=0, name="q"))
    for implementation in BOTH:
        with pytest.raises(RefcompressError, match=r"node 'q': x\[1\]"):
            model(np.float32([0, np.nan]), implementation=implementation)


@pytest.mark.parametrize("operation", ["linear_s8", "linear_s8_scaled", "linear_a8", "conv_s8", "conv_s8_scaled",
                                       "conv_a8"])
@pytest.mark.parametrize("outputs, inputs", [(0, 5), (4, 0), (0, 0)])
def test_layers_without_outputs_or_inputs_give_nothing_or_zeros(operation, outputs, inputs):
    places, kernel = ((3, 2), (1, 1)) if operation.startswith("conv") else ((), ())
    scale = np.ones((outputs, 1, *kernel), np.float32)
    weight = Quantized(np.zeros((outputs, inputs, *kernel), np.int8), scale, np.zeros_like(scale, np.int8))
    x = np.zeros((2, inputs, *places), np.float32 if operation.endswith("a8") else np.int8)
    grids = {} if operation.endswith("a8") else {"x_scale": 0.5, "x_zero_point": 3}
    grids |= {"y_scale": 0.5, "y_zero_point": 0} if operation.endswith("_s8") else {}
    b = Builder()
    model = b.model(b.node(operation, b.input("x", x.shape, x.dtype.name), weight, None, name="y", **grids))
    for implementation in BOTH:
        y = model.run({"x": x}, implementation=implementation)["y"]
        assert y.shape == (2, outputs, *places) and not y.any()

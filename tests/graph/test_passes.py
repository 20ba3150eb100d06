"""Rewrites of a network: the same bits, or within bounds that follow from the roundings that went."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refcompress import RefcompressError
from refcompress.formats import Graph, Node, Quantized
from refcompress.graph import Builder, Model, passes

U = 2.0**-24  # half a unit in the last place of 1, float32
SEEDS = st.integers(0, 2**32 - 1)
few = settings(max_examples=6)  # each draws arrays


def rng_of(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def real(rng, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


def operations(model: Model) -> list[str]:
    return [node.operation for node in model.graph.nodes]


def same(before: Model, after: Model, inputs) -> None:
    """Check that two models give the same bits under the same names."""
    a, b = before.run(inputs), after.run(inputs)
    assert list(a) == list(b)
    for name in a:
        assert a[name].dtype == b[name].dtype and np.array_equal(a[name], b[name])


def number(b: Builder, name: str, value: float) -> str:
    return b.tensor(name, np.float32(value))


# constants, branches, sizes


def shaped() -> Model:
    """Return a model that reshapes by the sizes of its input, and takes a branch by them."""
    b = Builder()
    x = b.input("x", ("batch", 2, "width"))
    sizes = b.shape(x)
    rows = b.multiply(b.gather(sizes, np.array(0), name="batch"), np.array(2))
    shape = b.concat(b.unsqueeze(rows, axes=(0,)), b.tensor("rest", np.array([-1])), axis=0)
    flat = b.reshape(x, shape, name="flat")
    wide = Graph((), ("out",), (Node("tanh", ("flat",), ("h",)), Node("multiply", ("h", "factor"), ("out",))))
    other = Graph((), ("out",), (Node("relu", ("flat",), ("out",)),))
    chosen = b.node("if", b.equal(rows, b.tensor("four", np.array(4))), then_branch=wide, else_branch=other)
    b.tensor("factor", np.float32(3))
    return b.model(b.identity(chosen, name="y"), flat)


@few
@given(seed=SEEDS)
def test_constants_are_folded_once_the_sizes_are_known(seed):
    rng, model = rng_of(seed), shaped()
    for batch, wanted in ((2, ["reshape", "tanh", "multiply"]), (3, ["reshape", "relu"])):
        fixed = passes.with_folded_constants(passes.with_sizes(model, {"batch": batch, "width": 3}))
        simple = passes.without_identities(fixed)
        assert operations(simple) == wanted
        x = real(rng, batch, 2, 3)
        same(model, fixed, x)
        same(model, simple, x)
    assert not passes.simplified(passes.with_sizes(model, {"batch": 3, "width": 3})).tensors


def test_folding_leaves_weights_alone_and_does_nothing_twice():
    b = Builder()
    turned = b.transpose(b.tensor("w", real(rng_of(1), 20, 10)), axes=(1, 0))
    model = b.model(b.matmul(b.input("x", (2, 20)), b.transpose(turned, axes=(1, 0))))
    folded = passes.with_folded_constants(model)
    assert set(folded.tensors) == {"w"} and operations(folded) == ["transpose", "transpose", "matmul"]
    once = passes.with_folded_constants(shaped())
    twice = passes.with_folded_constants(once)
    assert twice.graph.nodes == once.graph.nodes and set(twice.tensors) == set(once.tensors)


def test_sizes_and_inputs_that_are_not_there_are_refused():
    model = shaped()
    with pytest.raises(RefcompressError, match=r"sizes\['rows'\]: is no open size of an input; those are "):
        passes.with_sizes(model, {"rows": 2})
    with pytest.raises(RefcompressError, match=r"values\['z'\]: is no input"):
        passes.with_inputs(model, {"z": np.float32(1)})
    with pytest.raises(RefcompressError, match=r"values\['x'\]: must have a size 2 along axis 1, not 3"):
        passes.with_inputs(model, {"x": np.zeros((1, 3, 1), np.float32)})
    with pytest.raises(RefcompressError, match=r"values\['x'\]: must be of dtype float32"):
        passes.with_inputs(model, {"x": np.zeros((1, 2, 1))})


def test_an_input_becomes_a_tensor():
    b = Builder()
    b.input("x", (3,))
    rate = b.input("rate", (), "int64")
    slow = Graph((), ("o",), (Node("relu", ("x",), ("o",)),))
    fast = Graph((), ("o",), (Node("tanh", ("x",), ("o",)),))
    model = b.model(b.node("if", b.equal(rate, b.tensor("k", np.array(8))), then_branch=slow, else_branch=fast))
    for value, wanted in ((8, "relu"), (16, "tanh")):
        simple = passes.simplified(passes.with_inputs(model, {"rate": np.array(value)}))
        assert operations(simple) == [wanted] and not simple.tensors
        given = np.float32([-1, 0.5, 2])
        assert np.array_equal(simple(given), model(given, np.array(value)))


def test_dead_nodes_and_nodes_that_move_nothing_go_and_outputs_keep_their_names():
    b = Builder()
    x = b.input("x", ("n", 4))
    b.tanh(b.relu(x), name="nobody")
    y = b.cast(b.identity(b.transpose(b.reshape(x, shape=(-1, 4)), axes=(0, 1))), type="float32")
    y = b.slice(b.pad(y, pads=(0, 0, 0, 0)), starts=(0,), ends=(2**31 - 1,), axes=(1,))
    model = b.model(b.identity(b.relu(y), name="out"), b.identity(x, name="copy"))
    simple = passes.without_dead_nodes(passes.without_identities(model))
    assert operations(simple) == ["relu", "identity"] and simple.graph.outputs == ("out", "copy")
    same(model, simple, real(rng_of(2), 3, 4))


def test_what_moves_something_stays():
    b = Builder()
    x = b.input("x", (4, 4))
    y = b.slice(x, starts=(3, 0), ends=(-5, 4), axes=(0, 1), steps=(-1, 1))
    y = b.pad(b.transpose(y, axes=(1, 0)), pads=(1, 0, -1, 0))
    model = b.model(y)
    assert operations(passes.without_identities(model)) == operations(model)


def test_numbers_that_are_tensors_become_attributes():
    b = Builder()
    x = b.input("x", (2, 6))
    y = b.slice(x, np.array([0, 1]), np.array([2, 9]), None, np.array([1, 2]), name="slice")
    y = b.reshape(y, np.array([3, -1]), name="reshape")
    y = b.pad(y, np.array([1, 0]), np.float32(7), np.array([0]), name="pad")
    y = b.clip(b.reduce_sum(y, np.array(1), name="sum"), np.float32(-1), np.float32([2]), name="clip")
    model = b.model(b.resize(b.expand(y, np.array([2, 1, 1])), np.float32([1, 2, 1]), name="resize"))
    after = passes.with_numbers_as_attributes(model)
    assert set(after.tensors) == {"pad.bias"} and operations(after) == operations(model)
    same(model, after, real(rng_of(3), 2, 6))


# products


@pytest.mark.parametrize("kind", ["linear", "transposed", "conv", "grouped", "conv_transposed"])
@few
@given(seed=SEEDS)
def test_an_addition_behind_a_product_is_its_bias(kind, seed):
    """The same bits; "conv_transposed" adds its bias in float64, and is off by one rounding."""
    rng, b = rng_of(seed), Builder()
    if kind in ("linear", "transposed"):
        y = b.linear(b.input("x", (2, 3, 5)), real(rng, *((5, 4) if kind == "transposed" else (4, 5))), name="layer",
                     transposed=kind == "transposed")
        vector, x = real(rng, 4), real(rng, 2, 3, 5)
    else:
        x, vector = real(rng, 2, 4, 5, 5), real(rng, 1, 4, 1, 1)
        y = getattr(b, kind.replace("grouped", "conv"))(
            b.input("x", x.shape), real(rng, 4, 2 if kind != "conv" else 4, 3, 3), groups=1 if kind == "conv" else 2,
            name="layer")
    bias = b.tensor("bias", vector)
    model = b.model(b.add(bias, y, name="sum"))
    after = passes.with_biases(model)
    assert len(after.graph.nodes) == 1 and after.graph.nodes[0].name == "layer" and after.tensors["bias"].ndim == 1
    if kind != "conv_transposed":
        return same(model, after, x)
    wanted, found = model(x).astype(np.float64), after(x)
    product = np.abs(wanted) + np.abs(vector)
    assert np.all(np.abs(found - wanted) <= 2 * U * product * 1.001)


def test_what_is_no_bias_stays_an_addition():
    for vector in (real(rng_of(1), 2, 4), real(rng_of(1), 1), real(rng_of(1), 2, 1)):
        b = Builder()
        y = b.linear(b.input("x", (2, 5)), real(rng_of(2), 4, 5))
        model = b.model(b.add(y, vector))
        assert operations(passes.with_biases(model)) == ["linear", "add"]
    b = Builder()
    y = b.linear(b.input("x", (2, 5)), real(rng_of(2), 4, 5))
    assert operations(passes.with_biases(b.model(b.add(y, real(rng_of(1), 4)), y))) == ["linear", "add"]


@pytest.mark.parametrize("kind", ["conv", "grouped", "conv_transposed", "linear", "transposed"])
@pytest.mark.parametrize("has_bias", [False, True])
@few
@given(seed=SEEDS)
def test_batch_norm_is_folded_within_the_roundings_of_weights(kind, has_bias, seed):
    rng, b = rng_of(seed), Builder()
    if kind in ("linear", "transposed"):
        x, w, attributes = real(rng, 3, 5), real(rng, 4, 5), {}
        if kind == "transposed":
            w, attributes = np.ascontiguousarray(w.T), {"transposed": True}
    else:
        groups = 2 if kind == "grouped" else 1
        x, w = real(rng, 2, 4, 6, 5), real(rng, 4, 4 // groups, 3, 2)
        attributes = {"groups": groups} if kind != "conv" else {"pads": (1, 0, 0, 1)}
    operation = {"grouped": "conv", "transposed": "linear"}.get(kind, kind)
    y = getattr(b, operation)(b.input("x", x.shape), w, *([real(rng, 4)] * has_bias), name="layer", **attributes)
    parts = [b.tensor(f"bn.{name}", value) for name, value in (
        ("weight", real(rng, 4)), ("bias", real(rng, 4)), ("mean", real(rng, 4)), ("var", np.abs(real(rng, 4)) + 0.1))]
    model = b.model(b.batch_norm(y, *parts, epsilon=1e-3, name="bn"))
    after = passes.without_batch_norms(model)
    assert operations(after) == [operation]
    assert set(after.tensors) == {"layer.weight", "layer.bias" if has_bias else "bn.bias"}
    scale, shift, mean, var = (model.tensors[f"bn.{name}"].astype(np.float64) for name in
                               ("weight", "bias", "mean", "var"))
    factor = scale / np.sqrt(var + 1e-3)
    own = model.tensors["layer.bias"].astype(np.float64) if has_bias else 0.0
    axis = (-1, *(1,) * (x.ndim - 2))
    sized = Model(after.graph, {name: np.abs(value) for name, value in after.tensors.items()})(np.abs(x))
    terms = np.prod(w.shape) + 4  # products of an output at most, and the roundings of the norm
    bound = 2 * terms * U * (sized + (np.abs((own - mean) * factor) + np.abs(shift)).reshape(axis))
    assert np.all(np.abs(after(x).astype(np.float64) - model(x)) <= bound)


def test_a_weight_that_two_nodes_take_keeps_its_batch_norm():
    b = Builder()
    x, w = b.input("x", (1, 2, 4, 4)), b.tensor("w", real(rng_of(1), 2, 2, 1, 1))
    parts = [b.tensor(name, np.float32([1, 2])) for name in "abcd"]
    y = b.batch_norm(b.conv(x, w), *parts)
    assert operations(passes.without_batch_norms(b.model(b.conv(y, w)))) == ["conv", "batch_norm", "conv"]


def test_a_compressed_weight_keeps_its_batch_norm():
    b = Builder()
    x = b.input("x", (1, 2, 4, 4))
    w = Quantized(np.ones((2, 2, 1, 1), np.int8), np.ones((1, 1, 1, 1), np.float32), np.zeros((1, 1, 1, 1), np.int8))
    y = b.batch_norm(b.conv(x, w), *(b.tensor(name, np.float32([1, 2])) for name in "abcd"))
    assert operations(passes.without_batch_norms(b.model(y))) == ["conv", "batch_norm"]


# patterns


def fused(model: Model, rewrite, operation: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the outputs before and after, in float64, when the rewrite left this one operation."""
    after = rewrite(model)
    assert operations(after) == [operation] and after.graph.outputs == model.graph.outputs
    return model(x).astype(np.float64), after(x).astype(np.float64)


X = np.concatenate([np.linspace(-9, 9, 2001), [0, -0.0, 1e-30, -1e-38, 88, -88, 1e10]]).astype(np.float32)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_product_with_its_sigmoid_is_a_silu(swapped):
    b = Builder()
    x = b.input("x", ("n",))
    gate = b.sigmoid(x)
    model = b.model(b.multiply(gate, x) if swapped else b.multiply(x, gate))
    before, after = fused(model, passes.with_silus, "silu", X)
    assert np.all(np.abs(before - after) <= 3.01 * U * np.abs(after) + 2.0**-148)  # sigmoid, product; one of silu


@pytest.mark.parametrize("form", ["divided", "inside", "factor", "hard_sigmoid"])
def test_hard_swish_is_known_in_all_its_forms(form):
    b = Builder()
    x = b.input("x", ("n",))
    if form == "hard_sigmoid":
        y = b.multiply(x, b.hard_sigmoid(x, alpha=float(np.float32(1 / 6)), beta=0.5))
    else:
        gate = b.clip(b.add(x, number(b, "three", 3)), low=0.0, high=6.0)
        y = (b.divide(b.multiply(x, gate), number(b, "six", 6)) if form == "divided" else
             b.multiply(x, b.divide(gate, number(b, "six", 6))) if form == "inside" else
             b.multiply(b.multiply(gate, number(b, "sixth", 1 / 6)), x))
    before, after = fused(b.model(y), passes.with_hard_swishes, "hard_swish", X)
    # the gate is at most 1 and off by 2 u before (a sum of at most 6, a sixth), and by 2 u after; then 2 + 1 roundings
    assert np.all(np.abs(before - after) <= 7 * U * np.abs(X) + 2.0**-148)


@pytest.mark.parametrize("form", ["half last", "half first", "half inside", "multiplied"])
def test_gelu_with_erf_is_known_in_all_its_forms(form):
    b = Builder()
    x = b.input("x", ("n", 2))
    z = (b.multiply(x, number(b, "root", 0.5**0.5)) if form == "multiplied" else
         b.divide(x, number(b, "root", 2**0.5)))
    gate, half = b.add(b.erf(z), number(b, "one", 1)), number(b, "half", 0.5)
    y = (b.multiply(b.multiply(x, half), gate) if form == "half first" else
         b.multiply(x, b.multiply(half, gate)) if form == "half inside" else b.multiply(b.multiply(x, gate), half))
    x = np.stack([X, -X], 1)
    before, after = fused(b.model(y), passes.with_gelus, "gelu", x)
    # z is off by 2 u of itself and z erf'(z) <= 1/2: erf by 2 u, the sum by 4 u, a half of it by 2 u; three roundings
    assert np.all(np.abs(before - after) <= 5.01 * U * np.abs(x) + 2.0**-148)


@pytest.mark.parametrize("cube", ["power", "products", "square"])
def test_gelu_with_tanh_is_known_in_all_its_forms(cube):
    b = Builder()
    x = b.input("x", ("n",))
    c = number(b, "c", 0.044715)
    third = (b.multiply(b.power(x, number(b, "three", 3)), c) if cube == "power" else
             b.multiply(x, b.multiply(x, b.multiply(c, x))) if cube == "products" else
             b.multiply(c, b.multiply(x, b.multiply(x, x))))
    z = b.multiply(number(b, "root", (2 / np.pi) ** 0.5), b.add(x, third))
    y = b.multiply(x, b.multiply(number(b, "half", 0.5), b.add(number(b, "one", 1), b.tanh(z))))
    model, x = b.model(y), X[:-1]
    before, after = fused(model, passes.with_gelus, "gelu", x)
    assert dict(passes.with_gelus(model).graph.nodes[0].attributes) == {"approximate": True}
    # z is off by 7 u of itself and z tanh'(z) < 0.45: tanh by 4.2 u, the sum by 6.2 u, half of it; three roundings
    assert np.all(np.abs(before - after) <= 6.2 * U * np.abs(x) + 2.0**-148)


def test_what_is_nearly_a_gelu_stays():
    b = Builder()
    x = b.input("x", ("n",))
    z = b.divide(x, number(b, "root", 1.5))
    y = b.multiply(b.multiply(x, b.add(b.erf(z), number(b, "one", 1))), number(b, "half", 0.5))
    model = b.model(y)
    assert operations(passes.with_gelus(model)) == operations(model)


@pytest.mark.parametrize("form", ["divided", "inverse", "gain inside", "squares"])
@few
@given(seed=SEEDS)
def test_layer_norm_is_known_in_its_forms(form, seed):
    """"squares": the variance is the mean of squares less the squared mean."""
    rng, b, k, epsilon = rng_of(seed), Builder(), 16, float(np.float32(1e-3))
    x = b.input("x", ("n", 3, k))
    mean = b.reduce_mean(x, axes=(-1,))
    d = b.subtract(x, mean)
    if form == "squares":
        squares = b.multiply(b.reduce_sum(b.multiply(x, x), axes=(2,)), number(b, "part", 1 / k))
        variance = b.maximum(number(b, "zero", 0), b.subtract(squares, b.multiply(mean, mean)))
    else:
        variance = b.reduce_mean(b.power(d, number(b, "two", 2)), axes=(2,))
    root = b.sqrt(b.add(variance, number(b, "epsilon", epsilon)))
    gain, shift = b.tensor("gain", real(rng, k)), b.tensor("shift", real(rng, k))
    if form == "gain inside":
        y = b.multiply(b.multiply(gain, b.reciprocal(root)), d)
    else:
        y = b.divide(d, root) if form == "divided" else b.multiply(d, b.reciprocal(root))
        y = b.multiply(y, gain)
    model = b.model(b.add(y, shift, name="y"))
    x = (real(rng, 4, 3, k) + rng.uniform(-3, 3)).astype(np.float32)
    before, after = fused(model, passes.with_layer_norms, "layer_norm", x)
    assert set(passes.with_layer_norms(model).tensors) == {"gain", "shift"}
    x = x.astype(np.float64)
    mean = x.mean(-1, keepdims=True)
    d, var = x - mean, x.var(-1, keepdims=True)
    s = np.sqrt(var + epsilon)
    off = U * (np.abs(mean) + np.abs(d).max(-1, keepdims=True))  # of x - mean: the mean is rounded, and the difference
    lost = (6 * U * np.mean(x**2, -1, keepdims=True) if form == "squares" else 2 * off * np.sqrt(var) + 3 * U * var)
    normal = np.abs(d) / s
    error = off / s + normal * (lost / (2 * s**2) + 4 * U)
    g, shift = np.abs(model.tensors["gain"]), np.abs(model.tensors["shift"])
    assert np.all(np.abs(before - after) <= 1.01 * (g * error + 4 * U * (g * normal + shift)))


def test_a_norm_over_another_axis_stays():
    b = Builder()
    x = b.input("x", ("n", 4, 4))
    d = b.subtract(x, b.reduce_mean(x, axes=(1,)))
    root = b.sqrt(b.add(b.reduce_mean(b.multiply(d, d), axes=(1,)), number(b, "epsilon", 1e-3)))
    model = b.model(b.divide(d, root))
    assert operations(passes.with_layer_norms(model)) == operations(model)


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("order", [(0, 2, 3, 1), (0, 1, 3, 2)])
@few
@given(seed=SEEDS)
def test_attention_is_the_same_bits(mask, order, seed):
    rng, b = rng_of(seed), Builder()
    q, v = b.input("q", ("b", 2, "l", 4)), b.input("v", ("b", 2, "s", 3))
    k = b.input("k", ("b", 2, "s", 4) if order == (0, 1, 3, 2) else ("b", "s", 2, 4))
    scores = b.multiply(b.matmul(q, b.transpose(k, axes=order)), number(b, "scale", 0.5))
    if mask:
        scores = b.add(scores, b.input("mask", (1, 1, "l", "s")))
    model = b.model(b.matmul(b.softmax(scores), v, name="y"))
    after = passes.with_attentions(model)
    assert operations(after)[-1] == "attention" and "softmax" not in operations(after)
    inputs = {"q": real(rng, 2, 2, 5, 4), "k": real(rng, *((2, 2, 6, 4) if order == (0, 1, 3, 2) else (2, 6, 2, 4))),
              "v": real(rng, 2, 2, 6, 3)}
    same(model, after, inputs | ({"mask": real(rng, 1, 1, 5, 6)} if mask else {}))


@few
@given(seed=SEEDS)
def test_a_scale_of_the_keys_is_that_of_the_attention(seed):
    """A power of two, so that it is the same wherever it stands."""
    rng, b = rng_of(seed), Builder()
    q, k, v = b.input("q", (2, 2, 5, 4)), b.input("k", (2, 2, 6, 4)), b.input("v", (2, 2, 6, 3))
    turned = b.multiply(b.transpose(k, axes=(0, 1, 3, 2)), number(b, "scale", 0.5))
    model = b.model(b.matmul(b.softmax(b.matmul(q, turned)), v))
    after = passes.with_attentions(model)
    assert operations(after) == ["attention"] and dict(after.graph.nodes[0].attributes) == {"scale": 0.5}
    same(model, after, {"q": real(rng, 2, 2, 5, 4), "k": real(rng, 2, 2, 6, 4), "v": real(rng, 2, 2, 6, 3)})


@pytest.mark.parametrize("of_k", [(2, 1), (1, 4), ("b", 4)])
def test_heads_and_batches_that_would_be_repeated_stay_products(of_k):
    b = Builder()
    q, k, v = b.input("q", (2, 4, 5, 4)), b.input("k", (*of_k, 6, 4)), b.input("v", (*of_k, 6, 3))
    model = b.model(b.matmul(b.softmax(b.matmul(q, b.transpose(k, axes=(0, 1, 3, 2)))), v))
    assert operations(passes.with_attentions(model)) == operations(model)

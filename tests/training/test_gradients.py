"""Gradients of a graph's operations: by finite differences in float64, each operation with its attributes."""

import numpy as np
import pytest

from refcompress.graph import OPERATIONS, Builder
from refcompress.training import GraphNetwork
from refcompress.training.gradients import GRADIENTS, NOTHING

STEP = 2.0**-10
STRAIGHT_THROUGH = {"quantize", "dequantize"}  # no differences: tests/training/test_straight_through.py


def values(rng, *shape, low=None):
    """Return float32 numbers of the normal distribution; ``low`` : their magnitudes plus that."""
    a = rng.standard_normal(shape)
    return (a if low is None else np.abs(a) + low).astype(np.float32)


def one(operation, *shapes, low=None, **attributes):
    """Return the case of an operation that takes arrays of these shapes, all with a gradient."""
    return lambda b, rng: b.node(operation, *(values(rng, *shape, low=low) for shape in shapes), **attributes)


def with_constant(operation, shape, *constants, low=None, **attributes):
    """The same for one array, with constants behind it."""
    return lambda b, rng: b.node(operation, values(rng, *shape, low=low), *constants, **attributes)


def split(b, rng):
    parts = b.node("split", values(rng, 5, 3), outputs=2, axis=0, sizes=(2, 3))
    return b.concat(parts[1], b.multiply(parts[0], parts[0]), axis=0)


def every_output(b, operation, outputs, *inputs, **attributes):
    """Add up all that a recurrent layer gives, so that each output has a gradient."""
    y, *states = b.node(operation, b.tensor("x", inputs[0]), *inputs[1:], outputs=outputs, **attributes)
    for state in states:
        y = b.add(y, b.reduce_sum(b.multiply(state, state)))
    return y


def angles(*shape):
    a = np.arange(np.prod(shape)).reshape(shape) / 7
    return np.cos(a).astype(np.float32), np.sin(a).astype(np.float32)


INDICES = np.array([[2, 0], [-1, 2]])
CASES = {
    "linear": [one("linear", (2, 3, 4), (5, 4), (5,)), one("linear", (4,), (5, 4)),
               one("linear", (2, 4), (4, 5), (5,), transposed=True)],
    "matmul": [one("matmul", (3, 4), (4, 2)), one("matmul", (2, 1, 3, 4), (3, 4, 2)), one("matmul", (4,), (2, 4, 3)),
               one("matmul", (2, 3, 4), (4,)), one("matmul", (2, 3, 4), (4, 5))],
    "embedding": [lambda b, rng: b.embedding(INDICES, values(rng, 3, 4))],
    "add": [one("add", (2, 3), (3,)), one("add", (2, 1), (2, 3))],
    "subtract": [one("subtract", (2, 3), (1, 3))], "multiply": [one("multiply", (2, 3), (2, 1))],
    "divide": [one("divide", (2, 3), (3,), low=0.5)],
    "maximum": [one("maximum", (2, 3), (3,), (2, 1))], "minimum": [one("minimum", (2, 3), (3,))],
    "where": [lambda b, rng: b.where(rng.random((2, 3)) < 0.5, values(rng, 2, 3), values(rng, 3))],
    **{name: [one(name, (3, 5))] for name in
       ("relu", "leaky_relu", "silu", "tanh", "sigmoid", "erf", "exp", "negative", "absolute", "identity")},
    "gelu": [one("gelu", (3, 5)), one("gelu", (3, 5), approximate=True)],
    "hard_sigmoid": [one("hard_sigmoid", (3, 5), alpha=0.4, beta=0.5)],
    "hard_swish": [lambda b, rng: b.hard_swish(values(rng, 6, 5) * np.float32(3))],
    "clip": [lambda b, rng: b.clip(values(rng, 3, 5), low=-0.5, high=0.8),
             with_constant("clip", (3, 5), None, np.float32(0.25))],
    "sqrt": [one("sqrt", (3, 5), low=0.5)], "reciprocal": [one("reciprocal", (3, 5), low=0.5)],
    "power": [with_constant("power", (3, 5), np.float32(2)), with_constant("power", (3, 5), np.float32(1.7), low=0.5)],
    "softmax": [one("softmax", (2, 3, 4)), one("softmax", (2, 3, 4), axis=1)],
    "reshape": [one("reshape", (2, 6), shape=(3, 0 - 1))], "flatten": [one("flatten", (2, 3, 2))],
    "squeeze": [one("squeeze", (2, 1, 3), axes=(1,))], "unsqueeze": [one("unsqueeze", (2, 3), axes=(1,))],
    "transpose": [one("transpose", (2, 3, 4)), one("transpose", (2, 3, 4), axes=(1, 2, 0))],
    "expand": [one("expand", (3, 1), shape=(2, 3, 4))], "tile": [one("tile", (2, 3), repeats=(2, 2))],
    "concat": [one("concat", (2, 3), (2, 1), (2, 2), axis=1)],
    "slice": [one("slice", (4, 5), starts=(3, 1), ends=(-9, 4), axes=(0, 1), steps=(-2, 1))],
    "gather": [with_constant("gather", (3, 4), INDICES), with_constant("gather", (2, 3), np.array(1), axis=1)],
    "split": [split],
    "pad": [one("pad", (2, 3), pads=(1, 0, 0, 2), value=3.0), one("pad", (3, 4), pads=(0, 2, 1, 1), mode="reflect"),
            one("pad", (3, 4), pads=(-1, 0, 0, 1), mode="edge")],
    "cast": [one("cast", (2, 3), type="float64")],
    "reduce_sum": [one("reduce_sum", (2, 3, 4), axes=(0, -1)), one("reduce_sum", (2, 3), keep=False)],
    "reduce_mean": [one("reduce_mean", (2, 3, 4), axes=(1,), keep=False)],
    "reduce_max": [one("reduce_max", (2, 3, 4), axes=(0, 2), keep=False)],
    "reduce_min": [one("reduce_min", (2, 3, 4), axes=(1,))],
    "resize": [one("resize", (1, 2, 3, 4), scales=(2.0, 1.5), axes=(2, 3)),
               one("resize", (1, 1, 4, 5), sizes=(3, 8), axes=(2, 3), mode="linear", coordinates="align_corners"),
               one("resize", (4, 3), sizes=(6, 6), mode="cubic", aspect="not_larger", exclude_outside=True)],
    "reduce_product": [one("reduce_product", (2, 3, 4), axes=(0, 2), keep=False),
                       lambda b, rng: b.reduce_product(np.float32([[0, 2, 3], [1, 0, 0]]), axes=(1,))],
    "cumulative_sum": [one("cumulative_sum", (3, 4), axis=1)],
    "conv": [one("conv", (2, 4, 6, 5), (6, 2, 3, 2), (6,), strides=(2, 1), pads=(1, 0, 2, 1), dilations=(1, 2),
                 groups=2), one("conv", (1, 2, 4, 3), (2, 2, 3, 2), pads="same_upper", strides=(1, 2)),
             one("conv", (2, 3, 7), (4, 3, 3), strides=(3,)), one("conv", (1, 2, 5, 5), (2, 2, 2, 2)),
             one("conv", (2, 3, 5, 6), (6, 1, 3, 3), (6,), strides=(2, 2), pads=(1, 1, 1, 1), groups=3)],
    "conv_transposed": [one("conv_transposed", (2, 4, 3, 3), (4, 3, 3, 2), (6,), strides=(2, 1), pads=(1, 0, 0, 1),
                            groups=2), one("conv_transposed", (1, 2, 4), (2, 3, 3), dilations=(2,))],
    "max_pool": [one("max_pool", (2, 3, 5, 6), kernel=(3, 2), strides=(2, 2), pads=(1, 0, 1, 0)),
                 one("max_pool", (1, 2, 7), kernel=(2,), dilations=(2,))],
    "average_pool": [one("average_pool", (2, 3, 5, 6), kernel=(3, 2), strides=(2, 2), pads=(1, 0, 1, 0)),
                     one("average_pool", (1, 2, 5), kernel=(3,), pads=(1, 1), count_include_pad=True)],
    "global_average_pool": [one("global_average_pool", (2, 3, 2, 2))],
    "global_max_pool": [one("global_max_pool", (2, 3, 2, 2))],
    "layer_norm": [one("layer_norm", (2, 3, 4), (4,), (4,)), one("layer_norm", (2, 3, 4), (3, 4), axis=1)],
    "rms_norm": [one("rms_norm", (2, 3, 4), (4,))],
    "group_norm": [one("group_norm", (2, 4, 3, 2), (4,), (4,), groups=2)],
    "attention": [
        one("attention", (2, 3, 4), (2, 3, 4), (2, 3, 4), heads=2, causal=True),
        one("attention", (1, 4, 3, 2), (1, 2, 4, 2), (1, 2, 4, 3), (3, 4), softcap=2.0, scale=0.8),
        one("attention", (2, 2, 8), (2, 3, 4), (2, 3, 4), (2, 1, 1, 3), (2, 2, 1, 2), (2, 2, 1, 2), heads=4, kv_heads=2,
            causal=True),
        lambda b, rng: b.node("attention", *(values(rng, 1, 2, 3, 2) for _ in range(3)),
                              np.array([[True, False, True], [False] * 3, [True] * 3]))],
    "rotary": [with_constant("rotary", (2, 3, 4, 6), *angles(2, 4, 3)),
               with_constant("rotary", (2, 3, 8), *angles(5, 1), np.array([[0, 2, 4], [1, 1, 3]]), heads=2,
                             interleaved=True, dimensions=2)],
    "lstm": [lambda b, rng: every_output(b, "lstm", 3, *(values(rng, *s) for s in (
        (4, 3, 2), (24, 2), (2, 12, 3), (2, 24))), np.int64([4, 1, 3]), *(values(rng, *s) for s in (
            (2, 3, 3), (2, 3, 3), (2, 9))), direction="bidirectional"),
        lambda b, rng: b.node("lstm", *(values(rng, *s) for s in ((2, 4, 3), (8, 3), (8, 2))), batch_first=True,
                              coupled=True, clip=1.5, direction="reverse")],
    "gru": [lambda b, rng, after=after: every_output(b, "gru", 2, *(values(rng, *s) for s in (
        (2, 4, 2), (18, 2), (18, 3), (2, 18))), np.int64([4, 2]), values(rng, 2, 2, 3), direction="bidirectional",
        batch_first=True, reset_after=after) for after in (False, True)],
    "batch_norm": [lambda b, rng: b.batch_norm(*(values(rng, *s) for s in ((3, 2, 4), (2,), (2,), (2,))),
                                               values(rng, 2, low=0.5))],
}


def network(case, seed=0):
    b, rng = Builder(), np.random.default_rng(seed)
    return GraphNetwork(b.model(case(b, rng))).astype(np.float64), rng


def agree(network, loss, rng, scale):
    """Hold each gradient along a direction against differences.

    D(h) is off by c h² + O(h⁴). So (4 D(h) - D(2h)) / 3 is off by O(h⁴), which is far below D(2h) - D(h), about 3 c h².
    Rounding: of fewer than 1000 operations on the way to the loss, over h.
    """
    gradients = {name: g.copy() for name, g in network.gradients.items()}
    for name, p in network.parameters.items():
        at, along = p.copy(), rng.standard_normal(p.shape)

        def difference(h, p=p, at=at, along=along):
            p[...] = at + h * along
            above = loss()
            p[...] = at - h * along
            below = loss()
            p[...] = at
            return (above - below) / (2 * h)

        near, far = difference(STEP), difference(2 * STEP)
        bound = abs(far - near) + 1000 * 2.0**-52 * scale / STEP
        found = float((gradients[name] * along).sum())
        assert abs((4 * near - far) / 3 - found) <= bound, (name, found, near, far)


@pytest.mark.parametrize("name, i", [(name, i) for name in CASES for i in range(len(CASES[name]))])
def test_gradients_are_those_of_finite_differences(name, i):
    net, rng = network(CASES[name][i])
    y = net.forward({})
    dy = rng.standard_normal(y.shape)
    net.backward(dy)
    assert any(g.any() for g in net.gradients.values())
    agree(net, lambda: float((net.forward({}) * dy).sum()), rng, float(np.abs(y * dy).sum()) + 1)


@pytest.mark.parametrize("name, i", [(name, i) for name in CASES for i in range(len(CASES[name]))])
def test_training_computes_what_the_graph_computes(name, i):
    b = Builder()
    model = b.model(CASES[name][i](b, np.random.default_rng(0)))
    wide = GraphNetwork(model).astype(np.float64).forward({})
    y = next(iter(model.run({}).values()))
    # Fewer than 100 roundings in float32 of numbers that are at most ten times as large as what comes out.
    assert y.shape == wide.shape and (np.abs(y - wide) <= 100 * 2.0**-24 * 10 * (np.abs(wide).max() + 1)).all()


def test_each_operation_with_a_gradient_has_a_case_and_each_is_an_operation():
    assert set(CASES) | STRAIGHT_THROUGH == set(GRADIENTS) and not set(CASES) & STRAIGHT_THROUGH
    assert set(GRADIENTS) | NOTHING <= set(OPERATIONS)
    refused = {name for name in OPERATIONS if name not in GRADIENTS and name not in NOTHING}
    integers = {name for name in refused if name.endswith(("_s8", "_s8_scaled", "_a8"))}
    assert refused - integers == {"if", "range"}  # none was forgotten

"""A quantize and a dequantize of a graph in training: the step is passed over; what was cut off sends nothing back."""

import numpy as np
import pytest

from refcompress import RefcompressError
from refcompress.graph import Builder
from refcompress.training import GraphNetwork

SCALE = 0.25
W = np.float32([[1, 0, 0], [0, 1, 0], [0, 0, 1]])


def faked(between=lambda b, codes: codes, zero_point=0, weight=W, scale=SCALE):
    """Return the network x -> weight x -> quantize -> something on codes -> dequantize."""
    b = Builder()
    y = b.linear(b.input("x", ("n", 3)), weight, name="fc")
    codes = between(b, b.quantize(y, scale=scale, zero_point=zero_point))
    return GraphNetwork(b.model(b.dequantize(codes, scale=scale, zero_point=zero_point)))


# 127 and -128 steps of a quarter are on the grid, with a rounding; beyond lie 127.5 and -128.5.
X = np.float32([[0.3, 31.87, 31.88], [-32.12, -32.13, 0]])
ON_GRID = np.array([[True, True, False], [True, False, True]])


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_gradient_passes_where_a_value_is_on_the_grid_and_not_where_it_was_cut_off(kind):
    net = faked().astype(kind)
    x, dy = X.astype(kind), np.array([[1, 2, 3], [4, 5, 6]], kind)
    net.forward(x)
    net.backward(dy)
    assert np.array_equal(net.gradients["fc.weight"], (dy * ON_GRID).T @ x)
    assert net.gradients["fc.weight"].dtype == kind


def test_a_zero_point_moves_the_grid():
    net = faked(zero_point=100)  # from -57 to 6.75
    net.forward(np.float32([[6.87, 6.88, -57]]))
    net.backward(np.float32([[1, 1, 1]]))
    assert np.array_equal(net.gradients["fc.weight"].any(axis=1), [True, False, True])


def test_training_computes_what_the_graph_computes_bit_for_bit():
    rng = np.random.default_rng(0)
    net = faked(zero_point=-3, scale=float(np.float32(0.013)))
    x = rng.standard_normal((50, 3), dtype=np.float32)
    y = next(iter(net.model().run({"x": x}).values()))
    assert np.array_equal(net.forward(x), y)


@pytest.mark.parametrize("between", [
    lambda b, codes: b.node("transpose", b.node("transpose", codes, axes=(1, 0)), axes=(1, 0)),
    lambda b, codes: b.reshape(codes, shape=(-1, 3))], ids=["transpose", "reshape"])
def test_the_gradient_passes_codes_that_were_put_in_another_place(between):
    net = faked(between)
    net.forward(X)
    net.backward(np.ones_like(X))
    assert np.array_equal(net.gradients["fc.weight"], ON_GRID.astype(np.float32).T @ X)


@pytest.mark.parametrize("name, between", [
    ("concat", lambda b, codes: b.concat(codes, codes, axis=0)),
    ("cast", lambda b, codes: b.cast(b.cast(codes, type="int32"), type="int8"))])
def test_what_computes_with_codes_is_refused_and_loses_no_gradient_in_silence(name, between):
    with pytest.raises(RefcompressError, match=rf"without a gradient: {name} of integer codes \(\d, the first is "):
        faked(between)


def test_what_is_cast_to_integers_by_steps_sends_nothing_back():
    b = Builder()
    y = b.linear(b.input("x", ("n", 3)), W, name="fc")
    codes = b.cast(y, type="int8")
    z = b.add(b.dequantize(codes, scale=SCALE, zero_point=0), y)
    net = GraphNetwork(b.model(z))
    x = np.float32([[1, 2, 3]])
    net.forward(x)
    net.backward(np.float32([[1, 1, 1]]))
    assert np.array_equal(net.gradients["fc.weight"], np.float32([[1, 2, 3]] * 3))  # of y alone


def test_steps_down_the_gradient_lower_the_error_of_what_is_rounded():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((200, 3), dtype=np.float32)
    aim = x @ rng.standard_normal((3, 3), dtype=np.float32)
    net = faked(weight=np.zeros((3, 3), np.float32))
    errors = []
    for _ in range(60):
        off = net.forward(x) - aim
        errors.append(float((off**2).mean()))
        net.backward(off / np.float32(len(x)))
        net.assign({"fc.weight": net.parameters["fc.weight"] - np.float32(0.3) * net.gradients["fc.weight"]})
    rounding = SCALE**2 / 12  # of a value that is uniform within a step
    assert errors[0] > 20 * rounding and errors[-1] < 2 * rounding


def test_what_is_no_number_is_refused_in_training_as_in_use():
    net = faked()
    with pytest.raises(RefcompressError):
        net.forward(np.full((1, 3), np.nan, np.float32))

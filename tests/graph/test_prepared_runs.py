"""A prepared network gives the bits of Model.run, run after run, from calls of kernels on the same memory."""

import numpy as np
import pytest
from implementations import BOTH, EVERYONE, each, native, needs_native
from integer_networks import drawn, small_cnn

from refcompress.errors import RefcompressError
from refcompress.graph import Builder
from refcompress.graph.integers import to_integers
from refcompress.graph.prepared import Prepared
from refcompress.graph.use import Use

DRAWN = np.random.default_rng(5)
IMAGES = (np.random.default_rng(2).normal(size=(6, 3, 9, 11)) * 1.2).astype(np.float32)
GRID = {"scale": 0.125, "zero_point": 3}
SUM = {"a_scale": 0.125, "a_zero_point": 3, "b_scale": 0.125, "b_zero_point": 3, "y_scale": 0.25, "y_zero_point": 0}


@pytest.fixture(scope="module")
def networks():
    """A small CNN in float32, on static integers, and on dynamic ones."""
    model = small_cnn()
    return model, to_integers(model, IMAGES).model, to_integers(model, dynamic=True).model


@each("impl", EVERYONE)
def test_each_run_has_the_bits_of_the_model(networks, impl):
    for model in networks:
        assert Prepared(model, (0, 3, 9, 11), implementation=impl)(IMAGES[:0]).shape == (0, 5)
        prepared = Prepared(model, (3, 3, 9, 11), implementation=impl)
        for images in (IMAGES[:3], IMAGES[3:], IMAGES[:3]):
            assert np.array_equal(prepared(images), model(images, implementation=impl))


@needs_native
def test_most_nodes_on_integers_become_calls_of_kernels(networks):
    prepared = Prepared(networks[1], (3, 3, 9, 11), implementation=native)
    computed = sum(getattr(step, "func", None) == prepared._compute for step in prepared._steps)
    assert computed <= 6 < len(prepared._steps) - computed
    use = Use(native)
    networks[1].run(IMAGES[:3], use=use)
    assert prepared.said == use.said


@each("impl", BOTH)
def test_outputs_of_one_run_outlive_the_next(networks, impl):
    prepared = Prepared(networks[1], (3, 3, 9, 11), implementation=impl)
    first = prepared(IMAGES[:3])
    kept = first.copy()
    prepared(IMAGES[3:])
    assert np.array_equal(first, kept) and first.flags.owndata


@each("impl", BOTH)
def test_values_that_branch_and_meet_again_do_not_share_memory(impl):
    b = Builder()
    x = b.quantize(b.input("x", ("n", 4)), **GRID)
    a = b.add_s8(x, x, **SUM)
    c = b.add_s8(a, x, **SUM)
    model = b.model(b.dequantize(b.add_s8(b.add_s8(c, a, **SUM), b.reshape(c, np.int64([-1, 4])), **SUM), **GRID),
                    b.dequantize(a, **GRID))
    prepared = Prepared(model, (5, 4), implementation=impl)
    for seed in range(3):
        rows = drawn(np.random.default_rng(seed), 5, 4)
        expected, got = model.run(rows, implementation=impl), prepared.run(rows)
        assert list(expected) == list(got) and all(np.array_equal(expected[name], got[name]) for name in expected)


@each("impl", BOTH)
@pytest.mark.parametrize("other", [(2, 3, 1, 1), (1,), (5,), (1, 3, 4, 5), (3, 1, 5)])
def test_integers_that_are_broadcast_are_those_of_the_model(impl, other):
    b = Builder()
    x, z = b.quantize(b.input("x", (2, 3, 4, 5)), **GRID), b.quantize(b.input("z", other), **GRID)
    model = b.model(b.dequantize(b.multiply_s8(b.add_s8(x, z, **SUM), z, **SUM), **GRID),
                    b.dequantize(b.add_s8(z, x, **SUM), **GRID))
    prepared = Prepared(model, {"x": (2, 3, 4, 5), "z": other}, implementation=impl)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        given = {"x": drawn(rng, 2, 3, 4, 5), "z": drawn(rng, *other)}
        expected, got = model.run(given, implementation=impl), prepared.run(given)
        assert all(np.array_equal(expected[name], got[name]) for name in expected)


@each("impl", BOTH)
def test_a_run_of_other_shapes_inside_is_that_of_the_model(impl):
    b = Builder()
    x = b.quantize(b.input("x", ("n", 4)), **GRID)
    stop = b.input("stop", (1,), "int64")
    some = b.slice(x, np.int64([0]), stop, np.int64([0]))
    model = b.model(b.dequantize(b.add_s8(some, some, **SUM), **GRID))
    prepared = Prepared(model, {"x": (5, 4), "stop": (1,)}, implementation=impl)
    for count in (0, 3, 0, 5):
        given = {"x": drawn(np.random.default_rng(count), 5, 4), "stop": np.int64([count])}
        expected, got = (list(run(given).values())[0] for run in (model.run, prepared.run))
        assert got.shape == (count, 4) and np.array_equal(expected, got)


def test_sizes_that_values_decide_are_those_of_each_run():
    b = Builder()
    x, stop = b.input("x", ("n", 4)), b.input("stop", (1,), "int64")
    some = b.slice(x, np.int64([0]), stop, np.int64([0]))
    model = b.model(b.shape(some), b.relu(some))
    prepared = Prepared(model, {"x": (5, 4), "stop": (1,)})
    for count in (3, 5):
        sizes, _ = prepared(np.ones((5, 4), np.float32), np.int64([count]))
        assert sizes.tolist() == [count, 4]


def test_sizes_of_integers_that_are_given_are_found_once():
    b = Builder()
    tokens = b.input("tokens", ("n", "l"), "int64")
    model = b.model(b.embedding(tokens, drawn(np.random.default_rng(0), 5, 4)), b.shape(tokens))
    prepared = Prepared(model, (2, 3))
    assert len(prepared._steps) == 1 and prepared(np.zeros((2, 3), np.int64))[1].tolist() == [2, 3]


def test_what_does_not_fit_is_refused_by_its_input(networks):
    model = networks[0]
    prepared = Prepared(model, {"x": (3, 3, 9, 11)})
    for images, word in ((IMAGES[:2], "prepared"), (IMAGES[:3].astype(np.float64), "float32"), (IMAGES[:3, 0], "4")):
        with pytest.raises(RefcompressError, match=word):
            prepared(images)
    for shapes in ({}, {"x": (3, 3, 9, 11), "y": (1,)}, {"x": (3, 4, 9, 11)}, {"x": (3, 9)}, (-1, 3, 9, 11), None,
                   ("n", 3, 9, 11), (2**60, 3, 9, 11)):
        with pytest.raises(RefcompressError):
            Prepared(model, shapes)
    spoiled = IMAGES[:3].copy()
    spoiled[1, 0, 4, 4] = np.nan
    with pytest.raises(RefcompressError, match="is NaN: input 'x' has one"):
        prepared(spoiled)


@needs_native
@pytest.mark.parametrize("masked", [False, True])
def test_attention_is_a_sequence_of_calls(masked):
    """Queries that see no key among them, in one run and not in the next."""
    b = Builder()
    x = b.input("x", ("n", 5, 24))
    seen = [b.input("seen", ("n", 1, 1, 5), type="bool")] if masked else []
    qkv = [b.linear(x, DRAWN.normal(size=(24, 24)).astype(np.float32)) for _ in range(3)]
    y = b.attention(*qkv, *seen, heads=3)
    model = b.model(y)
    shapes = {"x": (2, 5, 24), "seen": (2, 1, 1, 5)} if masked else {"x": (2, 5, 24)}
    prepared = Prepared(model, shapes, implementation=native)
    computed = [step.args[0].operation for step in prepared._steps
                if getattr(step, "func", None) == prepared._compute]
    assert computed == ["linear"] * 3
    for last in (0, 5, 2):
        inputs = {"x": DRAWN.normal(size=(2, 5, 24)).astype(np.float32)}
        if masked:
            inputs["seen"] = (np.arange(5) < np.int64([[3], [last]])).reshape(2, 1, 1, 5)
        expected = model.run(inputs, implementation=native)[y]
        assert np.array_equal(prepared.run(inputs)[y], expected)
        assert np.isfinite(expected).all() and (not masked or np.any(expected[1]) == (last > 0))

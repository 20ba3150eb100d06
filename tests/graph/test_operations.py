"""Laws of every operation of a graph: what is inferred is what comes, and a refusal names its node."""

import numpy as np
import pytest
from operation_examples import CASES, EXAMPLES, IDS, real

from refcompress import RefcompressError, native, reference
from refcompress.formats import Graph, Input, Node
from refcompress.graph import OPERATIONS, Model
from refcompress.graph.operations import integer_products, integer_scaled, integers

every_case = pytest.mark.parametrize("operation, inputs, attributes", CASES, ids=IDS)
INTEGER = {row.name for row in (*integers.ROWS, *integer_products.ROWS, *integer_scaled.ROWS)}
WEIGHTS = {"linear", "conv", "conv_transposed", "embedding", "lstm", "gru"}


def model_of(operation, inputs, attributes, rename=lambda i, shape: shape, type_of=lambda a: a.dtype.name) -> tuple:
    """Return a model of one node, and its inputs; weights and numbers that say shapes are its tensors.

    rename : what the shape of an input is said to be.
    """
    given, names, tensors, arrays = [], [], {}, {}
    for i, each in enumerate(inputs):
        names.append("" if each is None else f"in{i}")
        if each is None:
            continue
        each = np.asarray(each)
        if i and each.dtype == np.int64 or i in OPERATIONS[operation].weights:
            tensors[names[-1]] = each
        else:
            given.append(Input(names[-1], type_of(each), rename(i, each.shape)))
            arrays[names[-1]] = each
    if operation == "if":
        given.append(Input("x", "float32", (3,)))
        arrays["x"] = real(3)
    count = {"split": 3 if "count" in attributes else 2, "lstm": 3, "attention": 3, "gru": 2}.get(operation, 1)
    outputs = tuple(f"out{i}" for i in range(count))
    return Model(Graph(tuple(given), outputs, (Node(operation, tuple(names), outputs, attributes, "the one"),)),
                 tensors), arrays


def test_every_operation_has_an_example_and_a_source():
    assert set(EXAMPLES) == set(OPERATIONS) - INTEGER
    for name in EXAMPLES:
        for word in ("**Source**", "**Departs**"):
            assert word in OPERATIONS[name].compute.__doc__, name


@every_case
def test_what_is_inferred_is_what_comes(operation, inputs, attributes):
    model, arrays = model_of(operation, inputs, attributes)
    for name, value in model.run(arrays).items():
        known = model.known[name]
        assert known.type == value.dtype.name
        by_value = operation in ("range", "constant_of_shape") and set(known.shape) == {"?"}
        assert known.shape == value.shape or by_value
        assert known.value is None or np.array_equal(known.value, value)


@every_case
def test_sizes_that_are_open_are_followed_to_the_outputs(operation, inputs, attributes):
    """Each size of each input is left open in turn: what its text says is the size that comes."""
    model, arrays = model_of(operation, inputs, attributes)
    found = model.run(arrays)
    for i, a in enumerate(inputs):
        for axis in range(np.ndim(a)) if a is not None and f"in{i}" in arrays else ():
            size = np.shape(a)[axis]
            opened, _ = model_of(operation, inputs, attributes, lambda j, shape: (
                *shape[:axis], "n", *shape[axis + 1 :]) if i == j else shape)
            for name, value in found.items():
                shape = opened.known[name].shape
                if shape is None:
                    continue
                told = [each if isinstance(each, int) else value.shape[at] if each == "?" else eval(each, {"n": size})
                        for at, each in enumerate(shape)]
                assert tuple(told) == value.shape, (i, axis, shape)
                assert OPERATIONS[operation].outputs == 3 or np.array_equal(opened.run(arrays)[name], value)


@every_case
def test_the_kernels_give_the_bits_of_the_reference_or_those_of_each_other(operation, inputs, attributes):
    """Sums of small integers, and the functions of the family nn, have one answer; what mixes both is the kernels' own.
    """
    model, arrays = model_of(operation, inputs, attributes)
    expected = model.run(arrays)
    results = [model.run(arrays, implementation=space) for space in native.available()]
    if operation in ("lstm", "gru", "attention"):
        expected, *results = results
    for got in results:
        for name in expected:
            assert np.array_equal(got[name], expected[name], equal_nan=True)


@every_case
def test_another_type_of_a_float_is_refused_by_the_node_or_computed(operation, inputs, attributes):
    """What float16 cannot be is refused before a run; what is computed keeps the type."""
    if np.asarray(inputs[0]).dtype != np.float32:
        return
    inputs = (np.asarray(inputs[0]).astype(np.float16), *inputs[1:])
    try:
        model, arrays = model_of(operation, inputs, attributes)
    except RefcompressError as error:
        assert "the one" in str(error) and "float16" in str(error)
    else:
        model.run(arrays)


@every_case
def test_memory_that_is_not_contiguous_gives_the_same_bits(operation, inputs, attributes):
    model, arrays = model_of(operation, inputs, attributes)
    strided = {name: np.repeat(a, 2, -1)[..., ::2] if a.ndim else a for name, a in arrays.items()}
    expected = model.run(arrays, implementation=reference)
    for name, value in model.run(strided, implementation=reference).items():
        assert np.array_equal(value, expected[name], equal_nan=True)

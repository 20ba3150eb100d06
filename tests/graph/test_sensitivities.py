"""Which node a network on integers errs by: each row is what to_integers makes with that node kept."""

import numpy as np
import pytest
from implementations import BOTH
from integer_networks import small_cnn

from refcompress.errors import ArgumentTypeError, RefcompressError
from refcompress.graph import Builder
from refcompress.graph.integers import sensitivities, to_integers

IMAGES = (np.random.default_rng(1).normal(size=(6, 3, 9, 11)) * 1.2).astype(np.float32)


def spectrum():
    """A network that squares what its first layer gives: what is small there is nothing on a grid of 8 bits."""
    rng = np.random.default_rng(2)
    b = Builder()
    first = b.linear(b.input("x", ("n", 16)), rng.standard_normal((8, 16)).astype(np.float32), name="first")
    large = b.add(b.power(first, np.float32(2)), np.float32(1e-3), name="large")
    second = b.linear(b.sqrt(large), rng.standard_normal((4, 8)).astype(np.float32), name="second")
    return b.model(second), (10 ** rng.uniform(-3, 1, (40, 1)) * rng.standard_normal((40, 16))).astype(np.float32)


@pytest.mark.parametrize("options", [{}, {"ranges": "percentile", "percentile": 99.0, "weights": 6}])
def test_each_error_is_that_of_the_network_in_which_this_node_is_kept(options):
    model, run = small_cnn(), {"implementation": BOTH[-1]}
    rows = sensitivities(model, [IMAGES[:4], IMAGES[4:]], nodes=["first", "gate", "residual", "last"],
                         **options, **run)
    assert [row.error for row in rows] == sorted(row.error for row in rows)
    assert {row.node for row in rows} == {"", "first", "gate", "residual", "last"}
    right = model(IMAGES, **run).astype(np.float64)
    for row in rows:
        made = to_integers(model, [IMAGES[:4], IMAGES[4:]], keep=[row.node] if row.node else [], **options, **run)
        wrong = made.model(IMAGES, **run) - right
        error = np.sqrt(np.sum(wrong**2) / np.sum(right**2))
        # Two sums of squares in float64, in any order, a quotient and a root; and all this twice.
        assert abs(row.error - error) <= 2 * (right.size + 4) * 2**-53 * error


def test_the_layer_that_needs_more_than_eight_bits_comes_first():
    model, x = spectrum()
    first, second = sensitivities(model, x)[:2]
    assert first.node == "first" and first.operation == "linear" and first.error < second.error


def test_only_nodes_that_are_named_are_tried():
    rows = sensitivities(small_cnn(), IMAGES, nodes=["fir*", "last"])
    assert sorted(row.node for row in rows) == ["", "first", "last"]


@pytest.mark.parametrize("options, argument", [
    ({"weights": 9}, "weights"), ({"ranges": "max"}, "ranges"), ({"symmetric": 1}, "symmetric"),
    ({"nodes": ["frist"]}, r"nodes\[0\]: 'frist' matches no node"), ({"calibration": []}, "calibration")])
def test_bad_arguments_are_refused_by_name(options, argument):
    with pytest.raises(RefcompressError, match=argument):
        sensitivities(small_cnn(), **({"calibration": IMAGES} | options))
    with pytest.raises(ArgumentTypeError, match="model"):
        sensitivities({}, IMAGES)

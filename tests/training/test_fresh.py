"""What a new network begins with, and that the function which makes it takes a checkpoint as well."""

import numpy as np
import pytest

import refcompress as rc
from refcompress import ArgumentTypeError, RefcompressError
from refcompress.training import Fresh


def test_matrices_are_drawn_with_the_variance_of_he_and_norms_begin_as_nothing():
    take = Fresh(np.random.default_rng(0))
    w = take("conv.weight", 400, 8, 5, 5)
    # The mean square of n normal numbers of variance v has the standard deviation v sqrt(2 / n): five of them.
    assert w.dtype == np.float32 and abs(np.mean(w.astype(np.float64) ** 2) * 100 - 1) < 5 * np.sqrt(2 / w.size)
    for name in ("norm.weight", "norm.running_var", "bn.gamma"):
        assert rc.same(take(name, 3), np.ones(3, np.float32))
    for name in ("fc.bias", "norm.running_mean", "norm.beta", "weights.offset"):
        assert rc.same(take(name, 3), np.zeros(3, np.float32))


def test_the_same_seed_gives_the_same_bits_and_a_name_is_drawn_once():
    first, second = (Fresh(np.random.default_rng(5)) for _ in range(2))
    table = first("table", 6, 4, turned=False)
    assert rc.same(table, second("table", 6, 4)) and first("table", 6, 4) is table
    assert not rc.same(first("other", 6, 4), table)


def test_a_name_that_is_asked_for_with_two_shapes_and_what_is_no_generator_are_refused():
    take = Fresh(np.random.default_rng(0))
    take("w", 2, 3)
    with pytest.raises(RefcompressError, match=r"tensor 'w': must have the shape \(2, 3\) .* not \(3, 2\)"):
        take("w", 3, 2)
    with pytest.raises(RefcompressError, match=r"tensor 'v' shape\[0\]"):
        take("v", -1)
    with pytest.raises(ArgumentTypeError, match="rng: must be a Generator"):
        Fresh(np.random)

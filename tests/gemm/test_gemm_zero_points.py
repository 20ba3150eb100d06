"""The zero point of the inputs of the integer products, for every implementation."""

import numpy as np
import pytest
from implementations import EVERYONE, NATIVE, each

from refcompress import ArgumentTypeError, RefcompressError

TYPES = [("gemm_s8s8", np.int8), ("gemm_u8s8", np.uint8)]


def exact(x, w, zero_point):
    return ((x.astype(np.int64) - zero_point) @ w.astype(np.int64).T).astype(np.int32)


@each("space", EVERYONE)
@pytest.mark.parametrize("op, dtype", TYPES)
def test_the_zero_point_is_taken_off_each_input(space, op, dtype):
    rng, limits = np.random.default_rng(3), np.iinfo(dtype)
    for m, k, n in ((1, 1, 1), (3, 0, 2), (4, 37, 5), (8, 200, 70)):
        x, w = rng.integers(limits.min, limits.max + 1, (m, k)).astype(dtype), rng.integers(-128, 128, (n, k), np.int8)
        for zero_point in (limits.min, 0, 3, np.int64(7), limits.max):
            y = getattr(space, op)(x, w, x_zero_point=zero_point)
            assert y.dtype == np.int32 and np.array_equal(y, exact(x, w, zero_point))


@each("space", EVERYONE)
@pytest.mark.parametrize("op, dtype", TYPES)
def test_a_sum_that_fits_is_exact_and_another_is_refused_however_many_inputs_there_are(space, op, dtype):
    limits = np.iinfo(dtype)
    x, w = np.full((1, 140_000), limits.max, dtype), np.full((1, 140_000), -128, np.int8)
    product = getattr(space, op)
    assert not product(x, w, x_zero_point=limits.max).any()  # the sum without a zero point leaves int32
    with pytest.raises(RefcompressError, match=r"^y\[0, 0\]: must fit an int32"):
        product(x, w, x_zero_point=limits.min)


@each("space", EVERYONE)
@pytest.mark.parametrize("op, dtype", TYPES)
def test_a_zero_point_that_no_input_can_have_is_refused_by_name(space, op, dtype):
    x, w, limits = np.zeros((1, 2), dtype), np.zeros((1, 2), np.int8), np.iinfo(dtype)
    for bad in (limits.min - 1, limits.max + 1):
        with pytest.raises(RefcompressError, match="^x_zero_point: "):
            getattr(space, op)(x, w, x_zero_point=bad)
    for bad in (0.0, None, "0", True):
        with pytest.raises(ArgumentTypeError, match="^x_zero_point: "):
            getattr(space, op)(x, w, x_zero_point=bad)


@each("space", NATIVE)
def test_a_prepared_call_takes_it_too(space):
    x, w = np.arange(40, dtype=np.int8).reshape(4, 10), np.arange(-30, 30, dtype=np.int8).reshape(6, 10)
    again = space.gemm_s8s8.prepare(x, w, x_zero_point=-5)
    assert np.array_equal(again(), exact(x, w, -5))
    x[1] = 9
    assert np.array_equal(again(), exact(x, w, -5))

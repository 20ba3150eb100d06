"""Dense products with int8 weights: exact where they are integers, and by their algebra where they are not."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implementations import EVERYONE, NATIVE, each, needs_native

from refcompress import ArgumentTypeError, Quantized, RefcompressError, reference
from refcompress.agreement import exactly
from refcompress.ops import OPS

EACH = each("space", EVERYONE)
F = np.float32

# Around the 16 chains and the widths of vectors of bytes; and tiles of 3, 4 and 6.
SIZES = st.tuples(st.integers(0, 9), st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 11, 13]),
                  st.sampled_from([0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 67, 127, 130]))


def operands(seed: int, sizes, dtype=np.int8):
    m, n, k = sizes
    rng = np.random.default_rng(seed)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max + 1, (m, k)).astype(dtype), rng.integers(-128, 128, (n, k)).astype(np.int8)


@EACH
@given(seed=st.integers(0, 2**32), sizes=SIZES)
def test_integer_products_are_those_of_python_integers(space, seed, sizes):
    for op, dtype in (("gemm_s8s8", np.int8), ("gemm_u8s8", np.uint8)):
        x, w = operands(seed, sizes, dtype)
        exactly((x.astype(object) @ w.astype(object).T).astype(np.int32), getattr(space, op)(x, w))


@EACH
@given(seed=st.integers(0, 2**32), sizes=SIZES)
def test_an_unsigned_product_is_the_signed_one_shifted_by_128_times_the_sums_of_the_weights(space, seed, sizes):
    x, w = operands(seed, sizes)
    shifted = (x.astype(np.int16) + 128).astype(np.uint8)
    exactly(space.gemm_s8s8(x, w) + 128 * w.sum(axis=1, dtype=np.int32), space.gemm_u8s8(shifted, w))


@EACH
@given(seed=st.integers(0, 2**32), sizes=SIZES)
def test_with_unit_scales_and_small_integers_the_float_product_is_the_integer_one(space, seed, sizes):
    x, w = operands(seed, sizes)
    q = Quantized(w, F([[1]]), np.int8([[0]]))
    exactly(reference.gemm_s8s8(x, w).astype(F), space.gemm_f32s8(x.astype(F), q))


@EACH
@given(seed=st.integers(0, 2**32), sizes=SIZES, group=st.sampled_from([None, 1, 3, 16, 32, 200]), own=st.booleans())
def test_the_float_product_is_that_of_the_dense_weights_within_its_bound(space, seed, sizes, group, own):
    m, n, k = sizes
    rng = np.random.default_rng(seed)
    shape = (n if own else 1, 1 if group is None else -(-k // group))
    q = Quantized(operands(seed, sizes)[1], rng.uniform(2**-9, 2, shape).astype(F),
                  rng.integers(-128, 128, shape).astype(np.int8), group)
    x = rng.standard_normal((m, k), dtype=F)
    OPS["gemm_f32s8"].rule(reference.gemm_f32s8(x, q), space.gemm_f32s8(x, q), (x, q), {})


@EACH
def test_a_power_of_two_in_the_scales_moves_out_of_the_product(space):
    rng = np.random.default_rng(3)
    w, x = rng.integers(-128, 128, (5, 77)).astype(np.int8), rng.standard_normal((4, 77), dtype=F)
    scale = rng.uniform(0.5, 2, (5, 1)).astype(F)
    zero = np.zeros((5, 1), np.int8)
    eight_times = space.gemm_f32s8(x, Quantized(w, scale * F(8), zero))
    exactly(space.gemm_f32s8(x, Quantized(w, scale, zero)) * F(8), eight_times)


def bits_of_each(op, *args, **kwargs):
    """Return the bits of a product, which are the same by each variant."""
    bits = {getattr(space, op)(*args, **kwargs).tobytes() for space in NATIVE or EVERYONE}
    assert len(bits) == 1
    return bits.pop()


@pytest.mark.parametrize("k, group", [(1100, 513), (1300, 700), (5100, 5000), (9000, 4200), (17, 16), (33, 32)])
def test_groups_longer_than_a_block_of_inputs_have_their_own_scales(k, group):
    rng = np.random.default_rng(k)
    w = rng.integers(-128, 128, (7, k)).astype(np.int8)
    q = Quantized(w, rng.uniform(0.5, 2, (7, -(-k // group))).astype(F), np.zeros((7, -(-k // group)), np.int8), group)
    x = rng.standard_normal((5, k), dtype=F)
    got = np.frombuffer(bits_of_each("gemm_f32s8", x, q), F).reshape(5, 7)
    OPS["gemm_f32s8"].rule(reference.gemm_f32s8(x, q), got, (x, q), {})


@needs_native  # the reference sums in float64, where nothing underflows
def test_sums_of_nothing_but_negative_underflows_have_one_sign_in_each_variant():
    """One chain is -0.0 then. Of sixteen, those that a shorter row leaves out are +0.0, so their sum is always +0.0."""
    for n, k in itertools.product((1, 6, 7, 40), (15, 16, 17)):
        x, w = np.full((3, k), 2.0**-100, F), np.full((n, k), -(2.0**-100), F)
        assert not np.frombuffer(bits_of_each("gemm_f32f32", x, w), F).view(np.uint32).any()
        assert np.signbit(np.frombuffer(bits_of_each("gemm_f32f32", x, w.T.copy(), transposed=True), F)).all()


@EACH
@pytest.mark.parametrize("op, dtype, most", [("gemm_s8s8", np.int8, 131_071), ("gemm_u8s8", np.uint8, 65_793)])
def test_a_longer_sum_is_exact_or_refused_where_it_leaves_int32(space, op, dtype, most):
    function, extreme = getattr(space, op), np.iinfo(dtype).min or np.iinfo(dtype).max
    x, w = np.full((1, most + 1), extreme, dtype), np.full((2, most + 1), -128, np.int8)
    w[0, -1] = 0
    with pytest.raises(RefcompressError, match=r"^y\[0, 1\]: must fit an int32, not -?2147"):
        function(x, w)
    w[1, most // 2 :] = 127  # partly cancels
    expected = x.astype(np.int64) @ w.astype(np.int64).T
    assert function(x, w).tolist() == expected.tolist()
    if hasattr(function, "prepare"):
        assert function.prepare(x, w)().tolist() == expected.tolist()


@EACH
@pytest.mark.parametrize("op, x, w, error, argument", [
    ("gemm_s8s8", np.zeros((2, 3), np.uint8), np.zeros((2, 3), np.int8), ArgumentTypeError, "x"),
    ("gemm_u8s8", np.zeros((2, 3), np.int8), np.zeros((2, 3), np.int8), ArgumentTypeError, "x"),
    ("gemm_s8s8", np.zeros((2, 3), np.int8), np.zeros((2, 4), np.int8), RefcompressError, "x"),
    ("gemm_s8s8", np.zeros(3, np.int8), np.zeros((2, 3), np.int8), RefcompressError, "x"),
    ("gemm_u8s8", np.zeros((2, 3), np.uint8), np.zeros((2, 3), bool), ArgumentTypeError, "w"),
    ("gemm_f32s8", np.zeros((2, 3)), Quantized(np.zeros((2, 3), np.int8), F([[1]]), np.int8([[0]])), ArgumentTypeError,
     "x"),
    ("gemm_f32s8", np.zeros((2, 3), F), np.zeros((2, 3), np.int8), ArgumentTypeError, "w"),
    ("gemm_f32s8", np.zeros((2, 3), F), Quantized(np.zeros((2, 4), np.int8), F([[1]]), np.int8([[0]])),
     RefcompressError, "x"),
    ("gemm_f32s8", np.zeros((2, 3), F), Quantized(np.zeros(3, np.int8), F([1]), np.int8([0])), RefcompressError, "w"),
])
def test_what_is_no_operand_is_refused_by_name(space, op, x, w, error, argument):
    with pytest.raises(error) as caught:
        getattr(space, op)(x, w)
    assert caught.value.argument == argument

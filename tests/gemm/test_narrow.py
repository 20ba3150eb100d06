"""Narrow weights of products: codebooks of rows and groups, and NVFP4, element by element; what they refuse."""

import numpy as np
import pytest

import refcompress as rc
from refcompress import ArgumentTypeError, RefcompressError
from refcompress.formats import FLOATS

RNG = np.random.default_rng(6)
CODES = RNG.integers(0, 5, (3, 2, 7)).astype(np.uint8)  # a row is 14 codes


@pytest.mark.parametrize("group", [None, 1, 4, 14, 20])
def test_a_weight_is_the_entry_of_the_codebook_of_its_row_and_group(group):
    books = RNG.standard_normal((3, 1 if group is None else -(-14 // group), 5)).astype(np.float32)
    w = rc.Shared(CODES, books, group)
    rows = CODES.reshape(3, 14)
    expected = [[books[i, p // (group or 14), rows[i, p]] for p in range(14)] for i in range(3)]
    assert np.array_equal(w.dense(), np.float32(expected).reshape(3, 2, 7))
    assert w.product == "gemm_f32lut4"
    assert f"in each of {3 * books.shape[1]} codebooks" in w.describe()


def test_a_weight_is_pruned_where_every_codebook_has_zero_at_code_0():
    books = np.ones((3, 1, 5), np.float32)
    books[..., 0] = 0
    assert rc.Shared(CODES, books).pruned and rc.Shared(CODES, books).product == "csr_matmul"
    for other in (1, -0.0):
        books[2, 0, 0] = other
        assert not rc.Shared(CODES, books).pruned


@pytest.mark.parametrize("codes, shape, group, argument", [
    (CODES, (3, 5), None, "codebook"), (CODES, (3, 2, 5), None, "codebook"), (CODES, (2, 1, 5), None, "codebook"),
    (CODES, (3, 3, 5), 4, "codebook"), (CODES, (5,), 4, "group"), (CODES, (3, 4, 5), 0, "group"),
    (CODES[0, 0], (1, 1, 5), None, "codes"), (CODES, (3, 1, 4), None, "codes"), (CODES, (3, 1, 257), None, "codes"),
    (CODES, (3, 1, 0), None, "codebook"), (CODES, (3, 1, 65537), None, "codebook")])
def test_codebooks_of_another_shape_are_refused(codes, shape, group, argument):
    codes = codes % 5 if shape[-1] != 4 else np.full_like(codes, 4)
    with pytest.raises(RefcompressError) as caught:
        rc.Shared(codes, np.ones(shape, np.float32), group)
    assert caught.value.argument.partition("[")[0] == argument


def test_nvfp4_is_its_definition_element_by_element():
    """Both products are float32: of the block's scale and the tensor's first, as NVIDIA's own decoder computes them."""
    codes, scales = RNG.integers(0, 16, (5, 40)).astype(np.uint8), RNG.integers(0, 127, (5, 3)).astype(np.uint8)
    q, elements = rc.NVFP4(codes, scales, np.float32(0.1)), FLOATS["fp4_e2m1"].values(np.arange(16, dtype=np.uint8))
    steps = FLOATS["fp8_e4m3"].values(np.arange(127, dtype=np.uint8)) * np.float32(0.1)
    expected = [[elements[codes[i, p]] * steps[scales[i, p // 16]] for p in range(40)] for i in range(5)]
    assert np.array_equal(q.dense(), np.float32(expected))


def test_an_encoded_block_has_its_largest_number_within_half_a_step_and_scales_that_use_all_of_their_range():
    x = RNG.standard_normal((8, 100)).astype(np.float32)
    q = rc.floats_nvfp4_encode(x)
    back = rc.floats_nvfp4_decode(q)
    # A scale is rounded by 1/16 at most, and then a number by half of the widest step, 2 of 6 (or clamped).
    most = np.repeat(q.block_scales, 16, axis=1)[:, :100]
    assert np.all(np.abs(x - back) <= most * np.float32(1.0001)) and q.scales.max() == 126
    zero = rc.floats_nvfp4_encode(np.float32([[0, -0.0] * 9]))
    assert not np.signbit(zero.dense()).any() and not zero.codes.any()


@pytest.mark.parametrize("fields, argument", [
    ({"codes": np.uint8([[16]])}, "codes"), ({"scales": np.uint8([[127]])}, "scales"),
    ({"scales": np.uint8([[128]])}, "scales"), ({"scales": np.uint8([[1, 1]])}, "scales"),
    ({"tensor_scale": np.float32(0)}, "tensor_scale"), ({"tensor_scale": np.float32(np.inf)}, "tensor_scale"),
    ({"tensor_scale": np.float32([1])}, "tensor_scale"), ({"tensor_scale": 1.0}, "tensor_scale"),
    ({"codes": np.uint8(3)}, "codes")])
def test_what_no_nvfp4_has_is_refused(fields, argument):
    good = {"codes": np.uint8([[3]]), "scales": np.uint8([[56]]), "tensor_scale": np.float32(1)}
    with pytest.raises((RefcompressError, ArgumentTypeError)) as caught:
        rc.NVFP4(**{**good, **fields})
    assert caught.value.argument.partition("[")[0] == argument

"""The kernels of the products by narrow weights: past their blocks, in ranges of rows, and with nothing read behind."""

import numpy as np
import pytest
from implementations import NATIVE, each

from refcompress import agreement, native, reference
from refcompress.formats import NF4, Packed, Quantized, Shared
from refcompress.reference.gemm.contract import CONTRACT_SUMS
from refcompress.testing import guarded
from refcompress.testing.gemm import narrow

F = np.float32
MAKERS = {
    "gemm_f32s4": narrow.s4_weights, "gemm_f32lut4": narrow.lut_weights(16), "gemm_f32lut8": narrow.lut_weights(200),
    "gemm_f32f16": narrow.plain_weights("float16"), "gemm_f32bf16": narrow.plain_weights("bfloat16"),
    "gemm_f32fp8": narrow.plain_weights("fp8_e4m3", "fp8_e5m2fnuz"), "gemm_f32mx": narrow.mx_weights,
    "gemm_f32nf4": narrow.nf4_weights, "gemm_f32nvfp4": narrow.nvfp4_weights,
}
every_op = pytest.mark.parametrize("op", MAKERS)


@every_op
@pytest.mark.parametrize("m, n, k", [(1, 9, 577), (2, 7, 131), (2, 70, 1040), (4, 19, 3130), (5, 13, 1100),
                                     (8, 18, 2065), (66, 13, 530), (131, 4, 65), (17, 101, 65), (28, 53, 131),
                                     (32, 49, 200), (33, 7, 100),
                                     (1, 17, 16_450), (2, 17, 8_260), (3, 17, 4_170), (7, 13, 4_170)])
def test_all_kernels_have_the_same_bits_past_their_blocks_prepared_or_not(op, m, n, k):
    rng = np.random.default_rng(m)
    x = rng.standard_normal((m, k), dtype=F)
    for form in range(0, narrow.FORMS, 1 + (m > 5)):
        w = MAKERS[op](rng, n, k, form)
        expected = getattr(native.at("portable"), op)(x, w)
        for space in NATIVE[1:]:
            agreement.exactly(expected, getattr(space, op)(x, w))
            agreement.exactly(expected, getattr(space, op)(x, native.prepare(w, op)))


@each("space", NATIVE)
@pytest.mark.parametrize("group", [16, 32, 64, 128, 20, None])
@pytest.mark.parametrize("zero", [0, 5])
def test_groups_of_all_sizes_give_the_decoded_weights(space, group, zero):
    rng = np.random.default_rng(1)
    n, k = 7, 200
    shape = (n, 1 if group is None else -(-k // group))
    scale, zero_point = rng.uniform(0.5, 2, shape).astype(F), np.full(shape, zero, np.int8)
    q = Quantized(rng.integers(-8, 8, (n, k)).astype(np.int8), scale, zero_point, group)
    for m in (1, 3):
        x = rng.standard_normal((m, k), dtype=F)
        agreement.exactly(CONTRACT_SUMS["gemm_f32s8"](x, q), space.gemm_f32s8(x, q))
        w = reference.quantize_pack(q)
        agreement.exactly(CONTRACT_SUMS["gemm_f32s4"](x, w), space.gemm_f32s4(x, w))


@each("space", NATIVE)
def test_a_product_beyond_float32_is_the_largest_float(space):
    w = Packed(np.uint8([[0x70]]), (1, 2), 4, F([[1e38]]), np.int8([[0]]))
    assert space.gemm_f32s4(F([[0, 0.5]]), w)[0, 0] == np.finfo(F).max / 2
    q = Quantized(np.int8([[0, 127]]), F([[3e37, 3e37]]), np.int8([[0, 0]]))
    assert space.gemm_f32s8(F([[0, 0.5]]), q)[0, 0] == np.finfo(F).max / 2


@each("space", NATIVE)
@pytest.mark.skipif(not guarded.available(), reason="needs mprotect")
def test_nothing_is_read_behind_the_last_code_scale_or_input(space):
    rng = np.random.default_rng(2)
    for op, make in MAKERS.items():
        for k in (1, 17, 63, 65, 97):
            for m in (1, 2, 9):
                w, x = make(rng, 3, k, k % narrow.FORMS), rng.standard_normal((m, k), dtype=F)
                expected = getattr(space, op)(x, w)
                for field in ("data", "patterns", "codes", "scales", "scale", "zero_point", "codebook"):
                    if hasattr(w, field):
                        object.__setattr__(w, field, guarded.ends_at_guard(getattr(w, field)))
                same = type(w)(*(getattr(w, field) for field in w.__dataclass_fields__))
                vars(same).update(vars(w))  # a format that no call has seen
                agreement.exactly(expected, getattr(space, op)(guarded.ends_at_guard(x), same))


@each("space", NATIVE)
@pytest.mark.skipif(not guarded.available(), reason="needs mprotect")
@pytest.mark.parametrize("n", [0, 2])
def test_codebooks_of_no_inputs_are_not_read(space, n):
    """There are none: an array of 200 values a codebook, and of no codebooks, has no memory."""
    for c in (16, 200):
        w = Shared(np.zeros((n, 0), np.uint8), np.zeros((n, 0, c), F), 32)
        object.__setattr__(w, "codebook", guarded.ends_at_guard(w.codebook))
        assert np.array_equal(space.gemm_f32lut8(np.zeros((1, 0), F), w), np.zeros((1, n), F))


def test_a_prepared_weight_has_two_codes_of_4_bits_in_a_byte_and_says_what_that_costs():
    w = NF4(np.zeros((3, 5), np.uint8), np.ones((3, 1), F))
    assert native.prepare(w).packed_bytes == 9

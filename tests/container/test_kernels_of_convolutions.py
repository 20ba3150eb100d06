"""Groups, blocks and N:M of an array of more than two axes run over an output's inputs x height x width."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from implementations import BOTH, each

import refcompress as rc
from refcompress import RefcompressError

RNG = np.random.default_rng(0)
SHAPES = [(8, 16, 3, 3), (8, 16, 1, 1), (5, 7, 9), (3, 2, 1, 4, 2)]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
both = each("impl", BOTH)


def weights(shape):
    return RNG.standard_normal(shape).astype(np.float32)


@both
@every_shape
@pytest.mark.parametrize("group", [1, 4, 64, 10**6])
@pytest.mark.parametrize("scheme", ["symmetric", "affine"])
def test_groups_are_those_of_the_matrix_of_outputs(impl, shape, group, scheme):
    w = weights(shape)
    matrix = w.reshape(shape[0], -1)
    for quantize, dequantize in ((impl.quantize_s8, impl.dequantize_s8), (impl.quantize_s16, impl.dequantize_s16)):
        q, flat = (quantize(a, group=group, scheme=scheme) for a in (w, matrix))
        assert q.shape == shape and np.array_equal(q.values.reshape(matrix.shape), flat.values)
        assert np.array_equal(q.scale, flat.scale) and np.array_equal(q.zero_point, flat.zero_point)
        assert q.scale.shape == (shape[0], -(-matrix.shape[1] // group))
        assert np.array_equal(q.dense().reshape(matrix.shape), flat.dense())
        assert np.array_equal(dequantize(q), q.dense())
        given = quantize(w, group=group, scheme=scheme, scale=q.scale, zero_point=q.zero_point)
        assert given == q
    low, high = impl.quantize_range_minmax(w, group=group)
    assert (
        np.array_equal(low, rc.quantize_range_minmax(matrix, group=group)[0])
        and low.shape == high.shape == q.scale.shape
    )


@every_shape
def test_every_range_and_every_small_format_groups_alike(shape):
    w = weights(shape)
    matrix = w.reshape(shape[0], -1)
    for find in (rc.quantize_range_percentile, rc.quantize_range_mse, rc.quantize_range_kl):
        options = (
            {"bins": 130} if find is rc.quantize_range_kl else {"steps": 3} if find is rc.quantize_range_mse else {}
        )
        for a, b in zip(find(w, group=5, **options), find(matrix, group=5, **options)):
            assert np.array_equal(a, b)
    for small in (
        rc.quantize_binary,
        rc.quantize_ternary,
        lambda a, group: rc.quantize_ternary(a, group=group, threshold=None),
    ):
        a, b = small(w, group=5), small(matrix, group=5)
        assert np.array_equal(a.values.reshape(matrix.shape), b.values) and np.array_equal(a.scale, b.scale)


@every_shape
def test_blocks_are_those_of_the_matrix_of_outputs(shape):
    w = weights(shape)
    matrix = w.reshape(shape[0], -1)
    for encode in (
        lambda a: rc.floats_mx_encode(a, "mxfp4_e2m1"),
        lambda a: rc.floats_mx_encode(a, "mxint8"),
        rc.floats_nf4_encode,
        lambda a: rc.floats_nf4_encode(a, block=5),
    ):
        q, flat = encode(w), encode(matrix)
        assert q.shape == shape and q.scales.ndim == 2 and np.array_equal(q.scales, flat.scales)
        assert np.array_equal(q.dense().reshape(matrix.shape), flat.dense())
        assert np.array_equal((rc.floats_mx_decode if isinstance(q, rc.MX) else rc.floats_nf4_decode)(q), q.dense())


@every_shape
@pytest.mark.parametrize("bits", range(2, 8))
def test_packed_rows_are_outputs_so_that_no_weight_has_a_byte_of_its_own(shape, bits):
    q = rc.quantize_s8(weights(shape), bits=bits, group=64)
    p = rc.quantize_pack(q, bits=bits)
    size = q.values.size // shape[0]
    assert p.data.shape == (shape[0], -(-size * bits // 8))
    assert rc.quantize_unpack(p) == q and np.array_equal(p.dense(), q.dense())


@given(
    hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4),
    st.integers(1, 9),
    st.randoms(use_true_random=False),
)
def test_an_array_without_elements_or_of_two_axes_is_no_exception(shape, group, random):
    w = np.random.default_rng(random.randrange(99)).standard_normal(shape).astype(np.float32)
    for impl in BOTH:
        q = impl.quantize_s8(w, group=group)
        assert q.shape == shape == q.dense().shape == impl.dequantize_s8(q).shape
        assert q.scale.ndim == min(len(shape), 2)
    assert rc.floats_nf4_encode(w, block=group).dense().shape == rc.floats_mx_encode(w, "mxint8").dense().shape == shape
    assert rc.quantize_unpack(rc.quantize_pack(rc.quantize_s8(w, bits=4, group=group))).shape == shape


@both
def test_runs_along_the_last_axis_as_older_files_have_them_are_read(impl):
    """A scale of as many dimensions as the values."""
    w = weights((8, 4, 3, 5))
    last = impl.quantize_s8(w.reshape(-1, 5), group=2)
    old = rc.Quantized(
        last.values.reshape(w.shape), last.scale.reshape(8, 4, 3, 3), last.zero_point.reshape(8, 4, 3, 3), 2
    )
    assert np.array_equal(old.dense().reshape(-1, 5), last.dense()) and np.array_equal(
        impl.dequantize_s8(old), old.dense()
    )
    nf4, mx = rc.floats_nf4_encode(w.reshape(-1, 5), block=2), rc.floats_mx_encode(w.reshape(-1, 5), "mxint8")
    assert np.array_equal(
        rc.NF4(nf4.codes.reshape(w.shape), nf4.scales.reshape(8, 4, 3, 3), 2).dense().reshape(-1, 5), nf4.dense()
    )
    assert np.array_equal(
        rc.MX(mx.codes.reshape(w.shape), mx.scales.reshape(8, 4, 3, 1), "mxint8").dense().reshape(-1, 5), mx.dense()
    )


@pytest.mark.parametrize("scale", [(8, 1), (8, 2, 1), (8, 4, 3, 2), (32,), (8, 6, 1), (6, 8)], ids=str)
def test_a_scale_of_another_shape_is_refused(scale):
    values, ones, zeros = np.zeros((8, 4, 3, 5), np.int8), np.ones(scale, np.float32), np.zeros(scale, np.int8)
    with pytest.raises(RefcompressError, match="scale"):
        rc.Quantized(values, ones, zeros, 10)
    with pytest.raises(RefcompressError, match="scales"):
        rc.NF4(np.zeros((8, 4, 3, 5), np.uint8), ones, 10)


def test_one_row_of_scales_may_serve_all_outputs():
    values = RNG.integers(-9, 9, (8, 4, 3, 5)).astype(np.int8)
    scale = np.arange(1, 7, dtype=np.float32)[None]
    q = rc.Quantized(values, scale, np.zeros((1, 6), np.int8), 10)
    assert np.array_equal(q.dense(), values * np.repeat(scale, 10).reshape(1, 4, 3, 5))
    for impl in BOTH:
        assert np.array_equal(impl.dequantize_s8(q), q.dense())


@both
def test_what_is_not_finite_is_named_by_its_place_in_the_kernels(impl):
    w = weights((8, 16, 3, 3))
    w[5, 7, 1, 2] = np.nan
    for call in (
        lambda: impl.quantize_s8(w, group=64),
        lambda: impl.quantize_range_minmax(w, group=64),
        lambda: impl.quantize_s8(w, axis=-1),
    ):
        with pytest.raises(RefcompressError, match=r"x\[5, 7, 1, 2\]"):
            call()


@both
@pytest.mark.parametrize("axis", [-1, 3])
def test_kernels_with_outputs_last_have_a_scale_an_output_through_the_axis(impl, axis):
    w = (weights((3, 3, 8, 6)) * np.exp(RNG.standard_normal(6))).astype(np.float32)
    q, moved = impl.quantize_s8(w, bits=4, axis=axis), impl.quantize_s8(np.moveaxis(w, -1, 0), bits=4, axis=0)
    assert q.scale.shape == (1, 1, 1, 6) and np.array_equal(q.dense(), np.moveaxis(moved.dense(), 0, -1))
    assert np.array_equal(impl.dequantize_s8(q), q.dense())
    with pytest.raises(RefcompressError, match="axis"):
        impl.quantize_s8(w, axis=4)
    with pytest.raises(RefcompressError, match="axis or group"):
        impl.quantize_s8(w, axis=-1, group=64)


# N:M.

@every_shape
@pytest.mark.parametrize("n, m", [(2, 4), (1, 2), (4, 8), (1, 5)])
def test_n_of_m_without_an_axis_is_that_of_the_matrix_of_outputs(shape, n, m):
    w = np.abs(weights(shape))
    mask = rc.prune_select(w, structure="nm", n=n, m=m)
    assert mask.shape == shape
    assert np.array_equal(
        mask.reshape(shape[0], -1), rc.prune_select(w.reshape(shape[0], -1), structure="nm", n=n, m=m)
    )
    named = rc.prune_select({"a": w, "b": w[0]}, structure="nm", n=n, m=m)
    assert np.array_equal(named["a"], mask)


@pytest.mark.parametrize("shape", [(8, 16, 3, 3), (8, 16, 1, 1)], ids=str)
def test_2_of_4_leaves_half_of_every_kernel(shape):
    w = np.abs(weights(shape))
    assert np.mean(rc.prune_select(w, structure="nm", n=2, m=4)) == 0.5
    inputs = rc.prune_select(w, structure="nm", n=2, m=4, axis=1)
    assert np.mean(inputs) == 0.5
    assert np.all(np.count_nonzero(np.moveaxis(inputs, 1, -1).reshape(-1, 4), axis=1) == 2)
    last = rc.prune_select(w, structure="nm", n=2, m=4, axis=-1)  # by name it still runs along the width
    assert np.mean(last) == (2 / 3 if shape[-1] == 3 else 1)

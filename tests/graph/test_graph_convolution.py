"""Convolutions against the sums of their definition, and from every format in which a weight is stored.

Images and weights are small integers: every sum is exact, so there is nothing to allow for.
"""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refcompress as rc
from refcompress import native, reference
from refcompress.formats.arranged import Arranged, Arrangement
from refcompress.graph import Builder, Model
from refcompress.graph.use import Use

SAME = {"same_upper": 0, "same_lower": 1}


def whole(rng, *shape):
    return rng.integers(-4, 5, shape).astype(np.float32)


def by_loops(x, weight, bias, strides, pads, dilations, groups):
    """Return the convolution as its definition says: for each output a sum over channels and cells of the kernel."""
    (n, _, rows, columns), (m, part, h, w) = x.shape, weight.shape
    top, left, bottom, right = pads
    size = [(extent + a + b - d * (k - 1) - 1) // s + 1 for extent, a, b, k, s, d in zip(
        (rows, columns), (top, left), (bottom, right), (h, w), strides, dilations)]
    y = np.zeros((n, m, *size))
    for i, o, r, s in np.ndindex(*y.shape):
        for p, a, b in np.ndindex(part, h, w):
            row, column = r * strides[0] + a * dilations[0] - top, s * strides[1] + b * dilations[1] - left
            if 0 <= row < rows and 0 <= column < columns:
                y[i, o, r, s] += weight[o, p, a, b] * x[i, o // (m // groups) * part + p, row, column]
        y[i, o, r, s] += bias[o]
    return y


def conv_model(shape, weight, bias=None, operation="conv", **attributes) -> Model:
    builder = Builder()
    x = builder.input("x", tuple(shape))
    return builder.model(getattr(builder, operation)(x, weight, *([] if bias is None else [bias]), name="conv",
                                                     **attributes))


@given(st.data())
def test_a_convolution_is_the_sum_of_its_definition(data):
    def draw(low, high):
        return data.draw(st.integers(low, high))

    groups, kernel, strides, dilations = draw(1, 3), (draw(1, 3), draw(1, 3)), (draw(1, 3), draw(1, 2)), (draw(1, 2),
                                                                                                        draw(1, 2))
    rng = np.random.default_rng(draw(0, 10**6))
    pads = tuple(draw(0, 2) for _ in range(4))
    x = whole(rng, draw(1, 2), groups * draw(1, 2), draw(5, 7), draw(5, 7))
    weight = whole(rng, groups * draw(1, 2), x.shape[1] // groups, *kernel)
    bias = whole(rng, len(weight))
    expected = by_loops(x, weight, bias, strides, pads, dilations, groups)
    model = conv_model(x.shape, weight, bias, strides=strides, pads=pads, dilations=dilations, groups=groups)
    for implementation in reference, native:
        assert np.array_equal(model(x, implementation=implementation), expected)


@pytest.mark.parametrize("pads", SAME)
@pytest.mark.parametrize("size, kernel, stride", list(itertools.product((5, 6, 7), (1, 2, 3), (1, 2, 3))))
def test_same_pads_so_that_each_stride_has_an_output_and_the_odd_zero_has_its_side(pads, size, kernel, stride):
    rng = np.random.default_rng(1)
    x, weight = whole(rng, 1, 2, size, size), whole(rng, 3, 2, kernel, kernel)
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    begin = total // 2 + SAME[pads] * (total % 2)
    sides = (begin, begin, total - begin, total - begin)
    expected = by_loops(x, weight, np.zeros(3), (stride, stride), sides, (1, 1), 1)
    y = conv_model(x.shape, weight, pads=pads, strides=(stride, stride))(x)
    assert y.shape[2] == -(-size // stride) and np.array_equal(y, expected)


@given(st.data())
def test_a_transposed_convolution_is_the_adjoint_of_the_convolution(data):
    """<conv(x), y> = <x, conv_transposed(y)>, exactly, for all integers x and y."""
    def draw(low, high):
        return data.draw(st.integers(low, high))

    groups, kernel, strides, dilations = draw(1, 2), (draw(1, 3), draw(1, 3)), (draw(1, 3), draw(1, 3)), (draw(1, 2), 1)
    rng, pads = np.random.default_rng(draw(0, 10**6)), tuple(draw(0, 1) for _ in range(4))
    x = whole(rng, 2, 2 * groups, draw(5, 8), draw(5, 8))
    weight = whole(rng, 2 * groups, 2, *kernel)
    window = {"strides": strides, "pads": pads, "dilations": dilations, "groups": groups}
    y = conv_model(x.shape, weight, **window)(x)
    z = whole(rng, *y.shape)
    back = conv_model(z.shape, weight, None, "conv_transposed", output_sizes=x.shape[2:], **window)
    if pads == (0, 0, 0, 0):  # with sizes given, pads follow from them
        assert np.sum(y * z) == np.sum(x * back(z))
    left = [(size + pads[i] + pads[i + 2] - dilations[i] * (kernel[i] - 1) - 1) % strides[i]
            for i, size in enumerate(x.shape[2:])]  # rows that no place of the kernel reaches
    back = conv_model(z.shape, weight, None, "conv_transposed", output_pads=tuple(left), **window)
    assert back(z).shape == x.shape and np.sum(y * z) == np.sum(x * back(z))
    assert np.array_equal(back(z), back(z, implementation=native))


@pytest.mark.parametrize("pads", SAME)
@pytest.mark.parametrize("kernel, stride", [(2, 1), (3, 1), (4, 1), (2, 2), (3, 2), (4, 2), (4, 3), (5, 3)])
def test_a_transposed_convolution_with_same_pads_is_the_adjoint_of_the_convolution_with_them(pads, kernel, stride):
    rng = np.random.default_rng(7)
    x, weight = whole(rng, 1, 2, 4 * stride, 3 * stride), whole(rng, 3, 2, kernel, kernel)
    z = whole(rng, 1, 3, 4, 3)
    window = {"pads": pads, "strides": (stride, stride)}
    y = conv_model(x.shape, weight, **window)(x)
    back = conv_model(z.shape, weight, None, "conv_transposed", **window)(z)
    assert y.shape == z.shape and back.shape == x.shape and np.sum(y * z) == np.sum(x * back)


KERNEL = whole(np.random.default_rng(3), 6, 4, 3, 3)
MATRIX = np.where(np.abs(KERNEL) < 2, 0, KERNEL).reshape(6, 36)
STEPS = np.random.default_rng(5).integers(-7, 8, (6, 4, 3, 3)).astype(np.int8)
ONES = np.float32([[1], [2], [1], [4], [1], [2]])


def arranged(layer):
    return Arranged(layer, Arrangement((6, 4, 3, 3), (0, 1, 2, 3)))


def quantized(shape=(6, 1, 1, 1), group=None):
    scale = np.resize(ONES, shape)
    return rc.Quantized(STEPS, scale, np.ones(shape, np.int8), group)


STORED = {
    "array": (KERNEL, "gemm_f32f32"),
    "quantized by outputs": (quantized(), "gemm_f32s8"),
    "quantized by channels": (quantized((1, 4, 1, 1)), "gemm_f32s8"),
    "quantized by groups": (quantized((6, 3), 12), "gemm_f32s8"),
    "packed": (rc.quantize_pack(quantized()), "gemm_f32s4"),
    "packed in 5 bits": (rc.quantize_pack(quantized(), bits=5), "gemm_f32s8"),
    "packed by groups": (rc.quantize_pack(quantized((6, 3), 12)), "gemm_f32s4"),
    "csr": (arranged(rc.csr_from_dense(MATRIX)), "csr_matmul"),
    "arranged integers": (arranged(rc.Quantized(STEPS.reshape(6, 36), ONES, np.zeros((6, 1), np.int8))), "gemm_f32s8"),
    "shared and pruned": (rc.Shared(np.uint8(np.abs(STEPS) % 4), np.float32([0, -1, 3, 2])), "csr_matmul"),
    "shared": (rc.Shared(np.uint8(np.abs(STEPS) % 4), np.float32([1, -1, 3, 2])), "gemm_f32lut4"),
    "codebooks of rows": (rc.Shared(np.uint8(np.abs(STEPS) % 4), whole(np.random.default_rng(3), 6, 3, 4), 12),
                          "gemm_f32lut4"),
    "low rank": (arranged(rc.LowRank(*(whole(np.random.default_rng(2), *s) for s in ((6, 2), (2,), (2, 36))))),
                 "lowrank_matmul"),
    "two convolutions": (rc.LowRankConv(KERNEL[:2, :, :, :1], whole(np.random.default_rng(4), 6, 2, 1, 3)),
                         "two convolutions"),
    "two wide convolutions": (rc.LowRankConv(KERNEL[:2, :, :2, :2], whole(np.random.default_rng(4), 6, 2, 2, 2)),
                              "two convolutions"),
    "three convolutions": (rc.Tucker2(*(whole(np.random.default_rng(9), *s) for s in ((6, 2), (2, 3, 3, 3), (4, 3)))),
                           "three convolutions"),
    "bfloat16": (rc.Plain((KERNEL.view(np.uint32) >> 16).astype(np.uint16), "bfloat16"), "gemm_f32bf16"),
}


@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize("window", [{}, {"strides": (2, 1), "pads": (1, 0, 2, 1), "dilations": (1, 2)},
                                    {"strides": (2, 2), "pads": "same_upper"}], ids=("plain", "window", "same"))
def test_a_convolution_from_the_stored_form_is_that_of_the_dense_weight_and_is_said(name, window):
    weight, said = STORED[name]
    x = whole(np.random.default_rng(8), 2, 4, 9, 8)
    expected = conv_model(x.shape, weight.dense() if name != "array" else weight, **window)(x)
    for implementation in reference, native:
        use = Use(implementation)
        y = conv_model(x.shape, weight, **window)(x, use=use)
        assert np.array_equal(y, expected)
        assert any(said in line for line in use.said["conv"])
        assert not any("decoded" in line for line in use.said["conv"])


@pytest.mark.parametrize("name", ["quantized by outputs", "packed", "csr", "low rank", "shared and pruned"])
@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_groups_of_a_compressed_weight_are_rows_of_its_matrix(name, groups):
    weight = STORED[name][0]
    x = whole(np.random.default_rng(8), 1, 4 * groups, 6, 5)
    expected = conv_model(x.shape, weight.dense(), groups=groups)(x)
    use = Use(native)
    assert np.array_equal(conv_model(x.shape, weight, groups=groups)(x, use=use), expected)
    assert not any("decoded" in line for line in use.said["conv"])


def test_a_depthwise_weight_is_decoded_for_its_own_kernel_and_that_is_said():
    weight = rc.Quantized(STEPS[:, :1], ONES[:, :, None, None], np.zeros((6, 1, 1, 1), np.int8))
    use = Use(native)
    x = whole(np.random.default_rng(8), 1, 6, 6, 5)
    y = conv_model(x.shape, weight, groups=6)(x, use=use)
    assert np.array_equal(y, by_loops(x, weight.dense(), np.zeros(6), (1, 1), (0, 0, 0, 0), (1, 1), 6))
    assert use.said["conv"][0] == "decoded from Quantized" and "nn_depthwise_f32" in use.said["conv"][1]


def test_three_axes_are_the_sum_of_planes():
    rng = np.random.default_rng(0)
    x, weight = whole(rng, 1, 2, 4, 5, 3), whole(rng, 3, 2, 2, 3, 2)
    y = conv_model(x.shape, weight)(x)
    for o, d, r, s in np.ndindex(*y.shape[1:]):
        assert y[0, o, d, r, s] == np.sum(weight[o] * x[0, :, d : d + 2, r : r + 3, s : s + 2])

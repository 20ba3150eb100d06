"""The blocks of ggml: every type against the package gguf, number by number, and against its definition."""

import numpy as np
import pytest
from implementations import NATIVE, each

from refcompress import GGMLBlocks, LimitError, RefcompressError, ggml_decode, ggml_encode
from refcompress.formats import GGML_TYPES

F = np.float32
TYPES = pytest.mark.parametrize("name", GGML_TYPES)
ENCODED = pytest.mark.parametrize("name", ["Q8_0", "Q4_0"])
BLOCKS = 400


def theirs():
    """Return the package gguf, and its functions of blocks."""
    gguf = pytest.importorskip("gguf", reason="the package gguf is not installed (extra test)")
    return gguf, gguf.GGMLQuantizationType, gguf.quants


def random_blocks(name, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (BLOCKS, GGML_TYPES[name].nbytes), np.uint8)


def same_bits(a, b):
    """Whether two arrays of float32 have the same bits, but for sign and payload of NaNs."""
    nan = np.isnan(a)
    return np.array_equal(nan, np.isnan(b)) and np.array_equal(a.view(np.uint32)[~nan], b.view(np.uint32)[~nan])


@TYPES
def test_numbers_and_sizes_are_those_of_the_package(name):
    gguf, types, _ = theirs()
    block = GGML_TYPES[name]
    assert types[name] == block.number and gguf.GGML_QUANT_SIZES[types[name]] == (block.numbers, block.nbytes)


@TYPES
@np.errstate(all="ignore")
def test_any_bytes_are_decoded_to_the_bits_of_the_package(name):
    """Scales that are NaN, infinite, subnormal or negative among them."""
    _, types, quants = theirs()
    data = random_blocks(name)
    shape = (BLOCKS // 4, 4 * GGML_TYPES[name].numbers)
    expected = quants.dequantize(data.reshape(BLOCKS // 4, -1), types[name])
    got = GGMLBlocks(data, name, shape).dense()
    assert got.shape == expected.shape and same_bits(expected, got)
    assert name in ("MXFP4", "NVFP4") or 0 < np.isnan(got).mean() < 0.5


@pytest.mark.parametrize("name", ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "TQ1_0", "TQ2_0", "MXFP4"])
def test_what_the_package_encodes_is_decoded_to_its_bits(name):
    _, types, quants = theirs()
    x = np.random.default_rng(1).standard_normal((20, 512)).astype(F)
    data = quants.quantize(x, types[name])
    got = GGMLBlocks(data.reshape(-1, GGML_TYPES[name].nbytes), name, x.shape).dense()
    assert same_bits(quants.dequantize(data, types[name]), got)
    assert np.abs(got - x).max() < {"Q8_0": 0.03, "TQ1_0": 3, "TQ2_0": 3, "MXFP4": 1}.get(name, 0.6)


@ENCODED
@pytest.mark.parametrize("scale", [1, 1e-3, 4e3, 1e-9, 3e-7])
def test_encoding_gives_the_bytes_of_the_package(name, scale):
    _, types, quants = theirs()
    rng = np.random.default_rng(2)
    ties = rng.integers(-254, 255, (60, 96)) / 2  # of Q8_0; a sixteenth of them are ties of Q4_0
    ties[:, ::32] = 127
    x = np.concatenate([rng.standard_normal((60, 96)), ties, ties * 16 / 254, np.eye(60, 96)]) * scale
    x = x.astype(F)
    expected = quants.quantize(x, types[name]).reshape(-1, GGML_TYPES[name].nbytes)
    assert np.array_equal(ggml_encode(x, name).data, expected)


@TYPES
def test_a_block_is_decoded_the_same_wherever_it_lies(name):
    data = random_blocks(name, 3)
    block = GGML_TYPES[name]
    whole = GGMLBlocks(data, name, (BLOCKS * block.numbers,)).dense().reshape(BLOCKS, -1)
    for i in (0, 1, BLOCKS - 1):
        assert same_bits(whole[i], GGMLBlocks(data[i : i + 1], name, (block.numbers,)).dense())
    many = np.tile(data, (block.step // BLOCKS + 1, 1))  # more than one step
    assert same_bits(np.tile(whole, (block.step // BLOCKS + 1, 1)), GGML_TYPES[name].values(many))


@ENCODED
def test_the_error_of_encoding_is_half_a_step_and_what_the_scales_rounding_adds(name):
    x = np.random.default_rng(4).standard_normal((50, 320)).astype(F)
    top = {"Q8_0": 127, "Q4_0": 8}[name]
    step = np.abs(x).reshape(-1, 32).max(axis=1, keepdims=True) / top
    error = np.abs(ggml_decode(ggml_encode(x, name)).astype(np.float64) - x).reshape(-1, 32)
    most = {"Q8_0": 0.5, "Q4_0": 1.0}[name]  # of Q4_0 the largest code is one step short of the other side
    assert np.all(error <= step * (most + top * 2.0**-11 + 2.0**-10))


def test_encoded_blocks_stay_what_they_are_when_they_are_encoded_again():
    """The scale of Q8_0 is a float16, and its largest code 127 gives it back."""
    q = ggml_encode(np.random.default_rng(5).standard_normal((9, 64)).astype(F), "Q8_0")
    assert ggml_encode(q.dense(), "Q8_0") == q


def test_zeros_and_signs_are_those_of_ggml():
    zeros = np.zeros(32, F)
    assert not ggml_encode(zeros, "Q8_0").data.any()
    for first in (0.0, -0.0):  # in ggml the search for the largest begins with 0.0
        x = np.append(F([first]), zeros[1:])
        q = ggml_encode(x, "Q4_0")
        assert q.data.tobytes() == b"\x00\x80" + b"\x88" * 16 and np.signbit(q.dense()).all()
    one = np.append(F([1, -1]), zeros[2:])
    assert ggml_encode(one, "Q4_0").dense()[:2].tolist() == [1.0, -0.875]
    assert ggml_encode(-one, "Q4_0").dense()[:2].tolist() == [-1.0, 0.875]


def test_a_nan_of_the_standard_is_a_number_in_ggmls_scale_bytes():
    mx = np.zeros((1, 17), np.uint8)
    mx[0, :2] = 255, 0x12
    assert GGMLBlocks(mx, "MXFP4", (32,)).dense()[[0, 16]].tolist() == [np.inf, 2.0**127]
    nv = np.zeros((1, 36), np.uint8)
    nv[0, :4], nv[0, 4:] = (0x7F, 0xFF, 0x38, 0xB8), 0x22
    assert GGMLBlocks(nv, "NVFP4", (64,)).dense()[[0, 16, 32, 48]].tolist() == [0, 480, 1, 1]


@pytest.mark.parametrize("data, name, shape, argument", [
    (np.zeros((1, 34), np.int8), "Q8_0", (32,), "data"), (np.zeros((1, 33), np.uint8), "Q8_0", (32,), "data"),
    (np.zeros((2, 34), np.uint8), "Q8_0", (32,), "data"), (np.zeros(34, np.uint8), "Q8_0", (32,), "data"),
    (np.zeros((1, 34), np.uint8), "q8_0", (32,), "type"), (np.zeros((1, 34), np.uint8), 8, (32,), "type"),
    (np.zeros((1, 34), np.uint8), "Q8_0", (32, 1), "shape"), (np.zeros((1, 34), np.uint8), "Q8_0", (), "shape"),
    (np.zeros((1, 34), np.uint8), "Q8_0", (-32,), "shape[0]"), (np.zeros((1, 34), np.uint8), "Q8_0", 32, "shape"),
    (np.zeros((1, 84), np.uint8), "Q2_K", (32,), "shape"),
])
def test_blocks_that_do_not_fit_their_type_or_shape_are_refused_by_name(data, name, shape, argument):
    with pytest.raises(RefcompressError) as caught:
        GGMLBlocks(data, name, shape)
    assert caught.value.argument == argument


def test_a_shape_beyond_all_memory_is_refused_before_anything_is_allocated():
    with pytest.raises(LimitError, match="shape"):
        GGMLBlocks(np.zeros((1, 34), np.uint8), "Q8_0", (2**40, 2**40))


@ENCODED
def test_what_has_no_float16_scale_is_refused_by_its_element(name):
    largest = {"Q8_0": 127, "Q4_0": 8}[name] * 65520
    x = np.zeros((2, 64), F)
    x[1, 40] = np.nextafter(F(largest), F(0))
    assert np.isfinite(ggml_encode(x, name).dense()).all()
    x[1, 40] = largest
    with pytest.raises(RefcompressError, match=r"^x\[1, 32\]: ") as caught:
        ggml_encode(x, name)
    assert "float16" in caught.value.rule


@each("space", NATIVE)
@ENCODED
@pytest.mark.parametrize("blocks", [1, 15, 16, 17, 33, 100])
def test_a_block_is_encoded_the_same_whatever_stands_beside_it(space, name, blocks):
    """The scales of sixteen blocks are found at once: of the last ones that are fewer, too."""
    x = np.random.default_rng(blocks).standard_normal((blocks, 32), dtype=F)
    x[-1, 3:5] = -9, 9  # of equal magnitudes the first gives the sign
    data = space.ggml_encode(x, name).data
    assert np.array_equal(data, ggml_encode(x, name).data)
    assert np.array_equal(data[-1:], space.ggml_encode(x[-1:], name).data)
    x[-1, 0] = np.inf
    with pytest.raises(RefcompressError):
        space.ggml_encode(x, name)


@each("space", NATIVE)
@ENCODED
def test_a_number_beside_the_middle_of_two_codes_has_the_code_of_the_reference(space, name):
    """The scale is 1, or -1, so that a number is its step: halves, and the floats to both sides of them."""
    half = np.arange(-127, 127, dtype=F) + F(0.5) if name == "Q8_0" else np.arange(-8, 8, dtype=F) + F(0.5)
    steps = np.concatenate([half, np.nextafter(half, F(-200)), np.nextafter(half, F(200))])
    steps = np.resize(steps, (len(steps), 31))  # each in every place
    x = np.concatenate([np.full((len(steps), 1), 127 if name == "Q8_0" else -8, F), steps], axis=1)
    assert ggml_encode(x, name) == space.ggml_encode(x, name)


@each("space", NATIVE)
def test_the_sign_of_q4_0_is_that_of_the_first_of_equal_magnitudes(space):
    rows = []
    for first in range(32):
        for last in range(first, 32):
            for sign in (1, -1):
                x = np.full(32, 0.5 * sign, F)  # of the sign of the first, or of the other
                x[first], x[last] = sign, -sign
                rows += [x, -np.abs(x), np.abs(x), np.where(np.abs(x) == 1, x, F(0) * x)]
    x = np.array(rows)
    assert ggml_encode(x, "Q4_0") == space.ggml_encode(x, "Q4_0")

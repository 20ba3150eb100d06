"""The laws of sixteen rows side by side: the numbers of the model, chunks of any length, and what is refused."""

import numpy as np
import pytest
from implementations import BOTH, each, need_native

from refcompress import CorruptError, reference
from refcompress.native import threads
from refcompress.reference.rangecoder import lanes

native = need_native()
EACH = each("impl", BOTH)


def pruned(seed: int, shape, alphabet: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return ((rng.random(shape) < rng.random(shape[1]) ** 4) * rng.integers(1, alphabet, shape)).astype(np.uint8)


def test_no_number_of_the_model_leaves_32_bits():
    highest = 2**16 - lanes.LOWEST_FLAG
    assert lanes.logit(np.array([lanes.WHOLE - lanes.LOWEST_PART])).tolist() == [4095]
    assert 3 * lanes.HIGHEST_WEIGHT * 4095 < 2**31
    assert lanes.LANES * 4095 * (-(-highest // 4)) + 2**15 < 2**31  # the sum that a weight learns from
    assert (lanes.WHOLE >> 6) * int(lanes.rate_of(np.int64(0))) < 2**31
    t = np.arange(65537)
    slope = 55296 - ((t >> 2) + (t >> 4) + (t >> 5))
    assert (t * slope).max() < 2**32 and (t * (65536 - (t * slope >> 16))).max() < 2**32  # of naturals


def test_probability_rises_and_is_within_a_50th_of_the_logistic_function():
    x = np.arange(-4200, 4201)
    p = lanes.probability(x)
    assert np.all(np.diff(p) >= 0) and p[0] == lanes.LOWEST_FLAG and p[-1] == 65536 - lanes.LOWEST_FLAG
    straight = np.exp2(x >> 8) * (1 + (x & 255) / 256)  # 2**(x / 256), by a straight line between powers
    below = straight[x <= 0]
    exact = 65536 * below / (1 + below)
    assert np.all(np.abs(p[x <= 0] - np.maximum(exact, lanes.LOWEST_FLAG)) < exact / 50 + 3)
    assert np.array_equal(p[x > 0], 65536 - p[::-1][x > 0])


def test_chunks_of_any_length_give_the_same_bytes_and_codes(monkeypatch):
    codes = pruned(1, (35, 70))
    whole = reference.rangecoder_encode(codes, alphabet=6, lanes=16)
    for seconds in (16e-8, 7 * 16e-8, 50 * 16e-8, 101 * 16e-8):  # 1, 7, 50 and 101 steps
        monkeypatch.setattr(threads, "CHUNK_SECONDS", seconds * 1.01)
        for space in native.available():
            assert np.array_equal(space.rangecoder_encode(codes, alphabet=6, lanes=16), whole)
            assert np.array_equal(space.rangecoder_decode(whole, shape=(35, 70), alphabet=6, lanes=16), codes)


def test_the_two_layouts_are_not_taken_for_each_other():
    codes = pruned(2, (40, 90))
    data = {count: native.rangecoder_encode(codes, alphabet=6, lanes=count) for count in (1, 16)}
    for count, other in ((1, 16), (16, 1)):
        try:
            found = native.rangecoder_decode(data[count], shape=codes.shape, alphabet=6, lanes=other)
        except CorruptError:
            continue
        assert not np.array_equal(found, codes)


def assert_refused_or_another(impl, data, codes) -> None:
    """Bytes are refused, or are what an encoder writes of another matrix."""
    try:
        other = impl.rangecoder_decode(data, shape=codes.shape, alphabet=5, lanes=16)
    except CorruptError as error:
        assert error.argument == "data"
        return
    assert not np.array_equal(other, codes)
    assert np.array_equal(native.rangecoder_encode(other, alphabet=5, lanes=16), data)


@EACH
@pytest.mark.parametrize("shape", [(1, 150), (150, 1), (17, 40)])
def test_bytes_that_are_missing_left_over_or_other_ones_are_refused(impl, shape):
    for codes in (np.full(shape, 4, np.uint8), pruned(3, shape, 5)):
        whole = impl.rangecoder_encode(codes, alphabet=5, lanes=16)
        step = max(1, len(whole) // 5)
        for length in range(len(whole) - 1, -1, -step):
            assert_refused_or_another(impl, whole[:length], codes)
        for more in ([0], [1], [0, 0], [255] * 5):
            assert_refused_or_another(impl, np.append(whole, np.uint8(more)), codes)


def test_whatever_is_read_is_what_an_encoder_writes():
    rng, read = np.random.default_rng(4), 0
    for _ in range(3000):
        data = rng.integers(0, 256, int(rng.integers(0, 6)), np.uint8)
        shape = tuple(rng.integers(1, 24, 2))
        try:
            codes = native.rangecoder_decode(data, shape=shape, alphabet=3, lanes=16)
        except CorruptError:
            continue
        read += 1
        assert np.array_equal(native.rangecoder_encode(codes, alphabet=3, lanes=16), data)
    assert read > 20


def test_codes_that_take_the_most_bytes_fit_their_room():
    """What surprises, as often as it can: zeros until nothing else is expected, then the code that never came."""
    for period in (3, 40, 200):
        codes = np.zeros((16, 1200), np.uint8)
        codes[:, ::period] = np.random.default_rng(5).integers(1, 256, codes[:, ::period].shape)
        data = native.rangecoder_encode(codes, alphabet=256, lanes=16)
        assert np.array_equal(native.rangecoder_decode(data, shape=codes.shape, alphabet=256, lanes=16), codes)


def test_pruned_matrices_take_no_more_bytes_than_row_by_row():
    for density in (0.01, 0.08):
        rng = np.random.default_rng(6)
        shape = (300, 784)
        codes = ((rng.random(shape) < rng.random(784) * 2 * density) * rng.integers(1, 16, shape)).astype(np.uint8)
        one, sixteen = (len(native.rangecoder_encode(codes, alphabet=16, lanes=count)) for count in (1, 16))
        assert sixteen <= one

"""The laws of the range coder: one matrix has one sequence of bytes, of any size, and no other bytes are accepted."""

import time
import tracemalloc

import numpy as np
import pytest
from implementations import BOTH, each, need_native

from refcompress import CorruptError, reference
from refcompress.reference.rangecoder import model

native = need_native()  # its coder, a thousand times as fast, writes what the reference reads
EACH = each("impl", BOTH)


def decoded(impl, data: bytes, shape, alphabet: int):
    """Return the matrix, or None where the bytes are refused as corrupt."""
    try:
        return impl.rangecoder_decode(np.frombuffer(data, np.uint8), shape=shape, alphabet=alphabet)
    except CorruptError as error:
        assert error.argument == "data"
        return None


def pruned(seed: int, shape=(40, 60), alphabet: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return ((rng.random(shape) < rng.random(shape[1]) ** 4) * rng.integers(1, alphabet, shape)).astype(np.uint8)


def test_of_strings_of_up_to_two_bytes_those_are_read_that_an_encoder_writes():
    strings = [b"", *(bytes([a]) for a in range(256)), *(bytes([a, b]) for a in range(256) for b in range(256))]
    for shape, alphabet in (((1, 1), 2), ((2, 3), 4), ((1, 40), 2), ((9, 1), 256)):
        for number, data in enumerate(strings[::3]):
            codes = decoded(native, data, shape, alphabet)
            assert codes is None or native.rangecoder_encode(codes, alphabet=alphabet).tobytes() == data
            if number % 61 == 0:
                other = decoded(reference, data, shape, alphabet)
                assert other is None if codes is None else np.array_equal(other, codes)


@EACH
@pytest.mark.parametrize("shape", [(1, 9000), (9000, 1), (60, 150)])
def test_bytes_that_are_missing_are_never_read_as_zeros(impl, shape):
    """Every bit is 1 in bytes of zeros: of no bytes at all a matrix of the highest code was read."""
    highest = np.full(shape, 4, np.uint8)
    whole = impl.rangecoder_encode(highest, alphabet=5).tobytes()
    assert len(whole) > 2 and not any(whole)
    for length in range(len(whole)):
        assert decoded(impl, whole[:length], shape, 5) is None
    assert np.array_equal(decoded(impl, whole, shape, 5), highest)


@EACH
def test_other_bytes_at_the_end_are_refused_or_are_what_an_encoder_writes_of_another_matrix(impl):
    for seed in range(3):
        codes = pruned(seed)
        whole = impl.rangecoder_encode(codes, alphabet=6).tobytes()
        ends = [whole[:-cut] for cut in range(1, 7)]
        ends += [whole[:-1] + bytes([whole[-1] + step & 255]) for step in (-2, -1, 1, 2)]
        for data in (*ends, *(whole + more for more in (b"\0", b"\0\0", b"\1", b"\xff" * 5))):
            other = decoded(impl, data, codes.shape, 6)
            if other is not None:
                assert not np.array_equal(other, codes)
                assert native.rangecoder_encode(other, alphabet=6).tobytes() == data


@pytest.mark.parametrize("impl, n, shape", [(reference, 100, (1200, 1200)), (native, 9000, (2**13, 2**14))],
                         ids=["reference", "native"])
def test_what_is_missing_is_noticed_at_once_and_not_after_all_codes(impl, n, shape):
    """Bytes of noise hold some codes each; to make up the rest out of nothing takes ten seconds."""
    noise, start = np.random.default_rng(0).integers(0, 256, n, np.uint8), time.perf_counter()
    with pytest.raises(CorruptError):
        impl.rangecoder_decode(noise, shape=shape, alphabet=17)
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("shape", [(66_000, 1), (1, 66_000), (2, 33_000)])
def test_more_than_2_to_the_16_rows_or_columns_and_long_runs_are_alike(shape):
    """The logarithms of row and column end at 15; runs of zeros and of codes drive every slot to its ends."""
    flat = np.zeros(shape[0] * shape[1], np.uint8)
    flat[20_000:24_000] = 4
    flat[-700:] = np.random.default_rng(1).integers(0, 5, 700)
    flat[40_000::5000] = 1
    codes = flat.reshape(shape)
    data = reference.rangecoder_encode(codes, alphabet=5)
    assert np.array_equal(native.rangecoder_encode(codes, alphabet=5), data)
    assert np.array_equal(native.rangecoder_decode(data, shape=shape, alphabet=5), codes)
    assert np.array_equal(reference.rangecoder_decode(data, shape=shape, alphabet=5), codes)


def test_probabilities_are_cut_at_both_ends_in_both_implementations():
    """Without the cut a bit that never came takes 0 / 65536 of the interval, and another number of bytes."""
    for codes in (np.full((60, 60), 4, np.uint8), np.zeros((90, 90), np.uint8), np.full((60, 60), 1, np.uint8)):
        codes = codes.copy()
        codes[-1, -1] ^= 1  # what then surprises
        data = reference.rangecoder_encode(codes, alphabet=6)
        assert np.array_equal(native.rangecoder_encode(codes, alphabet=6), data)
        assert np.array_equal(native.rangecoder_decode(data, shape=codes.shape, alphabet=6), codes)
    assert model.squash(2047) > 65536 - model.LOWEST and model.squash(-2047) < model.LOWEST


@EACH
@pytest.mark.parametrize("shape", [(0, 2**40), (2**40, 0), (0, 0)])
def test_no_codes_take_no_memory_whatever_the_shape_says(impl, shape):
    empty = np.zeros(0, np.uint8)
    tracemalloc.start()
    try:
        assert impl.rangecoder_decode(empty, shape=shape, alphabet=3).shape == shape
        assert impl.rangecoder_encode(np.zeros(shape, np.uint8), alphabet=3).shape == (0,)
        assert decoded(impl, b"\0", shape, 3) is None
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@EACH
def test_reading_takes_at_most_twice_the_codes_of_a_vector_and_five_times_those_of_few_rows(impl):
    k = 8000 if impl is reference else 2_000_000
    for shape, times in (((1, k), 2.2), ((2, k // 2), 5), ((4, k // 4), 5)):
        codes = np.zeros(shape, np.uint8)
        codes[0, ::700] = 1
        data = native.rangecoder_encode(codes, alphabet=2)
        reference.rangecoder_decode(native.rangecoder_encode(codes[:, :9], alphabet=2), shape=(shape[0], 9), alphabet=2)
        tracemalloc.start()
        try:
            assert np.array_equal(impl.rangecoder_decode(data, shape=shape, alphabet=2), codes)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < times * codes.size + len(data) + 300_000, (shape, peak / codes.size)

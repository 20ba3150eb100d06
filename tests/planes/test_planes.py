"""The laws of planes: nothing is lost of any pattern, exponents stand alone, and small numbers have empty planes."""

import numpy as np
import pytest
from hypothesis import given
from implementations import each, with_kernels_of

from refcompress import ArgumentTypeError, reference
from refcompress.formats import ELEMENT_TYPES
from refcompress.testing.planes import bits_of, planes_split_strategy, random_patterns

NATIVE = with_kernels_of("planes_split")
EACH = each("impl", [reference, *NATIVE])
TYPES = pytest.mark.parametrize("type", ELEMENT_TYPES)


@EACH
@given(planes_split_strategy())
def test_what_was_cut_is_put_together_bit_for_bit(impl, call):
    (patterns, type), _ = call
    back = impl.planes_join(impl.planes_split(patterns, type), type)
    assert back.dtype == patterns.dtype and np.array_equal(back, patterns.reshape(-1))


@EACH
@TYPES
def test_all_patterns_of_up_to_16_bits_come_back(impl, type):
    bits = bits_of(type)
    patterns = np.arange(2 ** min(bits, 16)).astype(ELEMENT_TYPES[type].pattern)
    if bits > 16:
        patterns = np.concatenate([patterns << patterns.dtype.type(shift) for shift in range(0, bits, 8)])
    planes = impl.planes_split(patterns, type)
    assert np.array_equal(impl.planes_join(planes, type), patterns)
    assert np.array_equal(reference.planes_join(planes, type), patterns)


@EACH
@pytest.mark.parametrize("type, bits, bias", [("float32", 8, 127), ("bfloat16", 8, 127), ("float64", 11, 1023)])
def test_the_first_plane_is_the_exponent_and_nothing_else(impl, type, bits, bias):
    numbers = np.random.default_rng(0).choice([-1, 1], 1000) * 2.0 ** np.random.default_rng(1).integers(-126, 128, 1000)
    patterns = numbers.view(np.uint64) if type == "float64" else numbers.astype(np.float32).view(np.uint32)
    if type == "bfloat16":
        patterns = (patterns >> 16).astype(np.uint16)
    exponent, *others = impl.planes_split(patterns, type)
    assert np.array_equal(exponent, np.log2(np.abs(numbers)) + bias) and exponent.max() < 2**bits
    assert np.array_equal(others[-1], numbers < 0)  # what is left of the last byte is the fraction's end, all zeros
    assert not any(plane.any() for plane in others[:-1])


@EACH
@pytest.mark.parametrize("type", ["int16", "int32", "int64", "uint32", "uint64"])
def test_small_integers_of_either_sign_fill_the_last_plane_alone(impl, type):
    low = 0 if type[0] == "u" else -128
    numbers = np.arange(low, low + 256).astype(type)
    planes = impl.planes_split(numbers.view(f"u{numbers.itemsize}"), type)
    assert len(planes) == numbers.itemsize and not any(plane.any() for plane in planes[:-1])
    assert np.array_equal(np.sort(planes[-1]), np.arange(256))


@EACH
def test_a_complex_number_is_two_floats(impl):
    z = np.complex64([1 + 2j, -0.0 - 4j])
    planes = impl.planes_split(z.view(np.uint64), "complex64")
    expected = reference.planes_split(z.view(np.uint32), "float32")
    assert all(np.array_equal(a, b) for a, b in zip(planes, expected, strict=True)) and planes[0].tolist()[1] == 128


@each("impl", NATIVE)
@TYPES
def test_threads_and_chunks_change_no_bit(impl, type, monkeypatch):
    from refcompress.native import threads

    patterns = random_patterns(np.random.default_rng(3), 5000, type)
    expected = reference.planes_split(patterns, type)
    monkeypatch.setattr(threads, "SERIAL_SECONDS", 0)
    monkeypatch.setattr(threads, "_count", 3)
    planes = impl.planes_split(patterns, type)
    assert all(np.array_equal(a, b) for a, b in zip(planes, expected, strict=True))
    assert np.array_equal(impl.planes_join(planes, type), patterns)


@EACH
def test_a_type_that_is_no_name_is_refused(impl):
    for function, argument in (impl.planes_split, np.uint8([1])), (impl.planes_join, (np.uint8([1]),)):
        with pytest.raises(ArgumentTypeError, match="^type: "):
            function(argument, np.uint8)
